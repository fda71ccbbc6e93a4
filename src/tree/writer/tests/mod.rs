//! A tree as its users see it: on disk, through plain paths.

use std::fs::{self, File};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::PathBuf;

use sha2::{Digest, Sha256};

use super::*;
use crate::limits;

mod replace;

fn target() -> (tempfile::TempDir, PathBuf) {
    let parent = tempfile::tempdir().unwrap();
    let target = parent.path().join("out");
    (parent, target)
}

fn tree(target: &Path) -> Disk {
    Disk::create(target, &TreeOptions::default()).unwrap()
}

fn tree_of(target: &Path, jobs: usize) -> Disk {
    Disk::create(target, &TreeOptions { jobs, ..TreeOptions::default() }).unwrap()
}

fn kind(result: Result<()>) -> ErrorKind {
    result.unwrap_err().kind
}

#[test]
fn files_and_directories_are_private() {
    let (_parent, target) = target();
    let mut tree = tree(&target);
    tree.write(b"a/b/file", b"body").unwrap();
    tree.file(b"a/streamed").unwrap().finish(&mut tree).unwrap();
    let root = tree.staging.path().to_owned();
    for (path, mode) in
        [("", 0o700), ("a", 0o700), ("a/b", 0o700), ("a/b/file", 0o600), ("a/streamed", 0o600)]
    {
        let found = fs::metadata(root.join(path)).unwrap().permissions().mode();
        assert_eq!(found & 0o777, mode, "{path}");
    }
    tree.settle().unwrap();
    assert_eq!(fs::read(root.join("a/b/file")).unwrap(), b"body");
    assert_eq!(tree.size(), Size { files: 2, bytes: 4 });
}

#[test]
fn long_files_are_the_same_whoever_writes_them() {
    let (_parent, target) = target();
    let mut tree = tree(&target);
    let piece: Vec<u8> = (0..100_000_u32).map(|at| u8::try_from(at % 253).unwrap()).collect();
    // A file that is open beside the others, one of which ends in a hole, and one that is given up.
    let mut slow = tree.file(b"slow").unwrap();
    for number in 0..20 {
        let path = format!("file-{number}");
        let mut file = tree.file(path.as_bytes()).unwrap();
        for length in [1, 70_000, 30_000, 100_000] {
            file.write(&piece[..length]).unwrap();
            slow.write(&piece[length - 1..]).unwrap();
        }
        file.zeros(300_000).unwrap();
        file.write(if number == 3 { b"" } else { b"end" }).unwrap();
        if number == 5 {
            drop(file);
        } else {
            file.finish(&mut tree).unwrap();
        }
    }
    slow.finish(&mut tree).unwrap();
    tree.publish().unwrap();
    let body = [&piece[..1], &piece[..70_000], &piece[..30_000], &piece[..], &vec![0; 300_000]].concat();
    let sums = fs::read_to_string(target.join("CHECKSUMS")).unwrap();
    for number in (0..20).filter(|&number| number != 5) {
        let wanted = [&body[..], if number == 3 { b"" } else { b"end" }].concat();
        let name = format!("file-{number}");
        assert!(fs::read(target.join(&name)).unwrap() == wanted, "{name}");
        assert!(sums.contains(&format!("{}  {name}\n", hex::encode(Sha256::digest(&wanted)))), "{name}");
    }
    let lap = [&piece[..], &piece[69_999..], &piece[29_999..], &piece[99_999..]].concat();
    assert!(fs::read(target.join("slow")).unwrap() == lap.repeat(20));
    assert!(!target.join("file-5").exists() && sums.lines().count() == 20);
}

#[test]
fn a_tree_that_is_dropped_leaves_nothing() {
    let (parent, target) = target();
    let mut tree = tree(&target);
    for number in 0..100 {
        tree.write(format!("a/{number}").as_bytes(), b"body").unwrap();
    }
    drop(tree);
    assert_eq!(fs::read_dir(parent.path()).unwrap().count(), 0);
}

#[test]
fn a_file_that_the_disk_refuses_later_fails_the_tree_with_its_path() {
    let (parent, target) = target();
    let read_only = || file::NewFile::Created(File::open(parent.path()).unwrap());
    let mut tree = tree(&target);
    tree.write_later(read_only(), b"a/refused", b"body").unwrap();
    let error =
        (0..1_000).find_map(|number| tree.write(format!("b/{number}").as_bytes(), b"").err()).unwrap();
    assert_eq!(error.path, target.join("a/refused"));
    assert!(
        matches!(tree.finish(&manifest()).unwrap_err().kind, ErrorKind::Io(_)),
        "though it was told before"
    );
    drop(tree);
    let mut tree = Disk::create(&target, &TreeOptions::default()).unwrap();
    tree.write_later(read_only(), b"a/refused", b"body").unwrap();
    assert_eq!(tree.finish(&manifest()).unwrap_err().path, target.join("a/refused"));
    drop(tree);
    assert_eq!(entries(parent.path()), [""; 0]);
}

#[test]
fn a_name_is_written_once() {
    for jobs in [0, 3] {
        let (_parent, target) = target();
        let mut tree = tree_of(&target, jobs);
        tree.write(b"a/b", b"").unwrap();
        assert!(matches!(kind(tree.write(b"a/b", b"")), ErrorKind::Taken));
        assert!(matches!(kind(tree.write(b"a", b"")), ErrorKind::Taken));
        assert!(matches!(kind(tree.write(b"a/b/c", b"")), ErrorKind::Taken));
        assert!(matches!(kind(tree.directory(b"a/b")), ErrorKind::Taken));
        tree.directory(b"a").unwrap();
        assert!(matches!(kind(tree.write(&[b'n'; 256], b"")), ErrorKind::NameTooLong));
        assert!(matches!(kind(tree.write(&[&[b'n'; 256][..], b"/a"].concat(), b"")), ErrorKind::NameTooLong));
        assert!(matches!(kind(tree.write(b"a/../b", b"")), ErrorKind::BadPath));
        assert_eq!(tree.size(), Size { files: 1, bytes: 0 });
        tree.await_threads().unwrap();
    }
}

#[test]
fn names_are_known_before_their_files_are_there() {
    let (parent, target) = target();
    let mut tree = tree_of(&target, 2);
    let long = vec![b'l'; 2 * LONG];
    let mut open = tree.file(b"a/open").unwrap();
    tree.write(b"a/written", b"1").unwrap();
    tree.write(b"d/e/f", b"").unwrap();
    for taken in [&b"a/open"[..], b"a/open/b", b"a/written", b"a/written/b", b"d/e"] {
        assert!(matches!(kind(tree.write(taken, b"")), ErrorKind::Taken), "{}", taken.escape_ascii());
        assert!(matches!(kind(tree.write(taken, &long)), ErrorKind::Taken), "{}", taken.escape_ascii());
    }
    // What is dropped gives its name back, whether it is on the disk or not.
    for piece in [&b""[..], &long] {
        open.write(piece).unwrap();
        drop(std::mem::replace(&mut open, tree.file(b"a/next").unwrap()));
        drop(std::mem::replace(&mut open, tree.file(b"a/open").unwrap()));
    }
    drop(open);
    tree.remove_empty_directories(b"a/open").unwrap();
    tree.write(b"a/open/b", b"2").unwrap();
    // A directory is not empty whose files are on their way, and its name is free once it is gone.
    tree.remove_empty_directories(b"d/e/g").unwrap();
    drop(tree.file(b"g/h/i").unwrap());
    tree.remove_empty_directories(b"g/h/i").unwrap();
    tree.write(b"g/h", b"3").unwrap();
    let mut hole = tree.file(b"g/hole").unwrap();
    hole.zeros(1 << 20).unwrap();
    hole.finish(&mut tree).unwrap();
    tree.finish(&manifest()).unwrap();
    let zeros = vec![0; 1 << 20];
    for (path, content) in
        [("a/written", &b"1"[..]), ("a/open/b", b"2"), ("d/e/f", b""), ("g/h", b"3"), ("g/hole", &zeros)]
    {
        assert!(fs::read(target.join(path)).unwrap() == content, "{path}");
    }
    drop(parent);
}

#[test]
fn a_promise_that_is_broken_ends_the_tree() {
    let (_parent, target) = target();
    let mut tree = tree_of(&target, 2);
    tree.trust(b"once/");
    tree.write(b"once/a", b"").unwrap();
    tree.write(b"once/a", b"").unwrap();
    let error = tree.finish(&manifest()).unwrap_err();
    assert!(matches!(error.kind, ErrorKind::Taken) && error.path == target.join("once/a"), "{error}");
}

#[test]
fn pieces_and_holes_make_one_file() {
    let (_parent, target) = target();
    let mut tree = tree(&target);
    let mut expected = Vec::new();
    let mut file = tree.file(b"pieces").unwrap();
    for (length, zeros) in [(10, 0), (65_536, 5), (70_000, 0), (1, 1 << 20), (0, 0), (3, 200_000)] {
        file.write(&vec![7; length]).unwrap();
        file.zeros(zeros).unwrap();
        expected.extend(vec![7; length]);
        expected.resize(expected.len() + usize::try_from(zeros).unwrap(), 0);
    }
    tree.write(b"pieces-as-one", &expected).unwrap();
    assert_eq!(file.len(), u64::try_from(expected.len()).unwrap());
    file.finish(&mut tree).unwrap();
    tree.await_threads().unwrap();
    let path = tree.staging.path().join("pieces");
    assert!(fs::read(&path).unwrap() == expected);
    assert!(fs::metadata(&path).unwrap().blocks() * 512 < 500_000, "holes take no blocks");
    let mut sorted = tree.checksums.sort().unwrap();
    let first = sorted.next().unwrap().unwrap().1.to_vec();
    assert_eq!(sorted.next().unwrap().unwrap().1, first);
}

#[test]
fn each_file_has_its_own_digest_whoever_hashes_it() {
    let (_parent, target) = target();
    let mut tree = tree(&target);
    let lengths = [0, 1, 40_000, 70_000, LONG - 1, LONG, 600_000, 3 << 20];
    let mut expected = Vec::new();
    for (number, length) in (0_u8..).zip(lengths) {
        let body = vec![number; length];
        let digest = Sha256::digest(&body).to_vec();
        for (piece, path) in [(length, "whole"), (9_999, "short-pieces"), (300_000, "long-pieces")] {
            let path = format!("{path}-{number}");
            if piece == length {
                tree.write(path.as_bytes(), &body).unwrap();
            } else {
                let mut file = tree.file(path.as_bytes()).unwrap();
                body.chunks(piece).try_for_each(|piece| file.write(piece)).unwrap();
                file.finish(&mut tree).unwrap();
            }
            expected.push((path.into_bytes(), digest.clone()));
        }
    }
    tree.await_threads().unwrap();
    expected.sort();
    let mut sorted = tree.checksums.sort().unwrap();
    for (path, digest) in expected {
        assert_eq!(sorted.next().unwrap(), Some((&*path, &*digest)), "{}", path.escape_ascii());
    }
    assert!(sorted.next().unwrap().is_none());
}

#[test]
fn a_file_that_is_dropped_is_removed_and_its_name_free() {
    let (_parent, target) = target();
    let mut tree = tree(&target);
    let mut file = tree.file(b"a/b").unwrap();
    file.write(b"part").unwrap();
    drop(file);
    assert_eq!(tree.size(), Size::default());
    tree.write(b"a/b", b"whole").unwrap();
}

#[test]
fn an_interrupt_ends_the_next_file() {
    let (_parent, target) = target();
    let options = TreeOptions::default();
    let mut tree = Disk::create(&target, &options).unwrap();
    let mut file = tree.file(b"a").unwrap();
    options.interrupt.flag().store(2, std::sync::atomic::Ordering::Relaxed);
    for result in [tree.write(b"b", b""), file.write(b"c"), tree.directory(b"d")] {
        let error = crate::Error::from(result.unwrap_err());
        assert!(matches!(error, crate::Error::Interrupted(interrupted) if interrupted.0 == 2));
    }
}

fn manifest() -> Manifest {
    Manifest::new(time::OffsetDateTime::UNIX_EPOCH)
}

fn force() -> TreeOptions {
    TreeOptions { force: true, ..TreeOptions::default() }
}

fn entries(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).unwrap();
    let mut names: Vec<_> =
        entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

#[test]
fn a_finished_tree_stands_at_its_target_with_a_line_for_each_file() {
    let (parent, target) = target();
    let mut tree = tree(&target);
    for path in [&b"b"[..], b"a/c", b"a.b", b"a\nb"] {
        tree.write(path, path).unwrap();
    }
    tree.directory(b"empty/directory").unwrap();
    let finished = tree.finish(&manifest()).unwrap();
    assert!(finished.notices.is_empty());
    assert_eq!(finished.size.files, 5);
    assert_eq!(entries(parent.path()), ["out"]);
    assert_eq!(entries(&target), ["CHECKSUMS", "MANIFEST.json", "a", "a\nb", "a.b", "b", "empty"]);
    let checksums = fs::read_to_string(target.join("CHECKSUMS")).unwrap();
    let paths: Vec<_> = checksums.lines().map(|line| line.split_once("  ").unwrap().1).collect();
    assert_eq!(paths, ["MANIFEST.json", "a\\nb", "a.b", "a/c", "b"]);
    assert!(checksums.contains(&format!("\n{}  b\n", hex::encode(Sha256::digest(b"b")))));
    assert_eq!(Manifest::read(&fs::read(target.join("MANIFEST.json")).unwrap()), Ok(manifest()));
    for (name, mode) in [("", 0o700), ("CHECKSUMS", 0o600), ("MANIFEST.json", 0o600)] {
        assert_eq!(fs::metadata(target.join(name)).unwrap().permissions().mode() & 0o777, mode);
    }
}

#[test]
fn a_manifest_that_no_reader_takes_leaves_no_tree() {
    let (parent, target) = target();
    let mut bad = manifest();
    bad.policies.checksum_format.clear();
    assert!(matches!(tree(&target).finish(&bad).unwrap_err().kind, ErrorKind::Manifest(_)));
    assert_eq!(entries(parent.path()), [""; 0]);
}

#[test]
fn long_target_names_are_shortened_in_the_staging_name() {
    let parent = tempfile::tempdir().unwrap();
    for name in ["n".repeat(255), "é".repeat(127)] {
        let target = parent.path().join(name);
        tree(&target).finish(&manifest()).unwrap();
        assert!(target.join("CHECKSUMS").is_file());
    }
}

#[test]
fn targets_without_a_name_or_a_parent_are_refused() {
    let parent = tempfile::tempdir().unwrap();
    for target in [PathBuf::from("/"), parent.path().join(".."), parent.path().join("none/out")] {
        assert!(Disk::create(&target, &TreeOptions::default()).is_err(), "{}", target.display());
    }
}

#[test]
fn modes_follow_the_umask_when_asked() {
    let (parent, target) = target();
    let reference = parent.path().join("reference");
    fs::create_dir(&reference).unwrap();
    fs::write(reference.join("file"), "").unwrap();
    let mode = |path: PathBuf| fs::metadata(path).unwrap().permissions().mode();
    let options = TreeOptions { mode_from_umask: true, ..TreeOptions::default() };
    let mut tree = Disk::create(&target, &options).unwrap();
    tree.write(b"directory/file", b"").unwrap();
    tree.finish(&manifest()).unwrap();
    assert_eq!(mode(target.clone()), mode(reference.clone()));
    assert_eq!(mode(target.join("directory")), mode(reference.clone()));
    assert_eq!(mode(target.join("directory/file")), mode(reference.join("file")));
    assert_eq!(mode(target.join("CHECKSUMS")), mode(reference.join("file")));
}

#[test]
fn a_path_whose_line_no_reader_takes_is_refused() {
    let (_parent, target) = target();
    let mut tree = tree(&target);
    let path = |length: usize| [&b"123456789/".repeat(length / 10)[..], &b"n".repeat(length % 10)].concat();
    let longest = limits::CHECKSUMS_LINE - 66;
    assert!(matches!(kind(tree.write(&path(longest + 1), b"")), ErrorKind::NameTooLong));
    tree.write(&path(longest), b"").unwrap();
    tree.finish(&manifest()).unwrap();
}

#[test]
fn components_that_are_no_names_are_refused() {
    let (_parent, target) = target();
    let mut tree = tree(&target);
    for bad in ["", "/", "/a", "a//b", "a/../b", "./a", "a/", "a\0b", ".."] {
        assert!(matches!(kind(tree.directory(bad.as_bytes())), ErrorKind::BadPath), "{bad}");
        assert!(matches!(kind(tree.write(bad.as_bytes(), b"")), ErrorKind::BadPath), "{bad}");
    }
}

#[test]
fn more_directories_than_are_kept_open_can_be_made() {
    let (_parent, target) = target();
    let mut tree = tree(&target);
    let deep = vec!["d"; 3 * OPEN_DIRECTORIES].join("/");
    tree.directory(deep.as_bytes()).unwrap();
    for number in 0..3 * OPEN_DIRECTORIES {
        tree.write(format!("wide/{number}/file").as_bytes(), b"").unwrap();
    }
    tree.write(b"d/d/d/file", b"").unwrap();
    tree.finish(&manifest()).unwrap();
    assert!(target.join(deep).is_dir());
    assert_eq!(entries(&target.join("wide")).len(), 3 * OPEN_DIRECTORIES);
    assert!(target.join("d/d/d/file").is_file());
}

#[test]
fn links_in_the_staging_directory_are_not_followed() {
    let (parent, target) = target();
    let mut tree = tree(&target);
    std::os::unix::fs::symlink(parent.path(), tree.staging.path().join("link")).unwrap();
    for path in ["link", "link/file", "link/a/file"] {
        assert!(matches!(kind(tree.write(path.as_bytes(), b"")), ErrorKind::Taken), "{path}");
    }
    assert!(matches!(kind(tree.directory(b"link")), ErrorKind::Taken));
}

#[test]
fn empty_directories_are_removed_up_to_the_first_that_is_not() {
    let (_parent, target) = target();
    let mut tree = tree(&target);
    let root = tree.staging.path().to_owned();
    tree.directory(b"a/b/c/d").unwrap();
    tree.write(b"a/file", b"").unwrap();
    tree.remove_empty_directories(b"a/b/c/d/dropped").unwrap();
    assert!(root.join("a").is_dir() && !root.join("a/b").exists());
    tree.remove_empty_directories(b"a/file/x/y/dropped").unwrap();
    tree.write(b"a/b/c/again", b"").unwrap();
    let long = [b"n/", &[b'n'; 256][..], b"/m/dropped"].concat();
    tree.file(&long).unwrap_err();
    tree.remove_empty_directories(&long).unwrap();
    assert!(!root.join("n").exists());
}

#[test]
fn progress_counts_files_and_bytes_as_they_are_written() {
    let parent = tempfile::tempdir().unwrap();
    let progress = Progress::default();
    let options = TreeOptions { progress: progress.clone(), ..TreeOptions::default() };
    let mut tree = Disk::create(&parent.path().join("out"), &options).unwrap();
    tree.expect(Size { files: 1000, bytes: 1 << 20 });
    for number in 0..200 {
        tree.write(format!("small/{number}").as_bytes(), b"body").unwrap();
    }
    let state = progress.state();
    assert_eq!(state.total, Amount { files: 1000, bytes: 1 << 20 });
    assert!(state.done.files > 100 && state.done.bytes == 4 * state.done.files, "{state:?}");
    let mut file = tree.file(b"long").unwrap();
    file.write(&vec![0; 1 << 20]).unwrap();
    assert!(progress.state().done.bytes >= 1 << 20, "a long file counts before it ends");
    file.finish(&mut tree).unwrap();
    tree.settle().unwrap();
    assert_eq!(progress.state().done, Amount { files: 201, bytes: 800 + (1 << 20) });
}

#[test]
fn settled_files_are_whole() {
    let parent = tempfile::tempdir().unwrap();
    let mut tree = crate::tree::Tree::disk(&parent.path().join("out"), &TreeOptions::default()).unwrap();
    let piece = vec![7; 1 << 20];
    for name in ["a", "b", "c", "d"] {
        let mut file = tree.file(name.as_bytes()).unwrap();
        (0..4).for_each(|_| file.write(&piece).unwrap());
        file.finish(&mut tree).unwrap();
        tree.write(format!("small-{name}").as_bytes(), b"body").unwrap();
        tree.settle().unwrap();
        let length = |name: &str| fs::metadata(tree.scratch().directory().join(name)).unwrap().len();
        assert_eq!((length(name), length(&format!("small-{name}"))), (4 << 20, 4));
    }
    tree.discard().unwrap();
}

#[test]
fn a_directory_whose_path_no_line_holds_is_refused() {
    let parent = tempfile::tempdir().unwrap();
    let mut tree = Disk::create(&parent.path().join("out"), &TreeOptions::default()).unwrap();
    let path = vec!["d"; limits::CHECKSUMS_LINE / 2].join("/");
    let error = tree.directory(path.as_bytes()).unwrap_err();
    assert!(matches!(error.kind, ErrorKind::NameTooLong), "{error}");
    assert!(!parent.path().join("out").exists());
    tree.directory(&path.as_bytes()[..7999]).unwrap();
}
