use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Seek};

use proptest::prelude::*;
use time::OffsetDateTime;

use super::*;
use crate::tree::{Tree, TreeFile};

/// An archive whose bytes can be looked at: in a file, where bodies are taken back, or in a pipe, where they are spooled.
fn archive(directory: &Path, rewinds: bool) -> (Tree, Box<dyn FnOnce() -> Vec<u8>>) {
    let options = TreeOptions::default();
    let scratch = Scratch::new(directory.to_owned());
    let (to, bytes): (To, Box<dyn FnOnce() -> Vec<u8>>) = if rewinds {
        let file = tempfile::tempfile().unwrap();
        let mut copy = file.try_clone().unwrap();
        let bytes = move || {
            let mut bytes = Vec::new();
            copy.rewind().unwrap();
            copy.read_to_end(&mut bytes).unwrap();
            bytes
        };
        (To::File(file), Box::new(bytes))
    } else {
        let (mut reading, writing) = std::io::pipe().unwrap();
        let reader = std::thread::spawn(move || {
            let mut bytes = Vec::new();
            reading.read_to_end(&mut bytes).unwrap();
            bytes
        });
        let stream = Stream::new(writing.into(), &options.interrupt).unwrap();
        (To::Stream(stream), Box::new(move || reader.join().unwrap()))
    };
    let shared = (&options.interrupt, &options.progress);
    let core = Core::new(Output::new(to), &scratch, "out.tar".into(), modes(&options), shared);
    let archive = Archive { core: Arc::new(Mutex::new(core)), scratch, staging: None, notices: Vec::new() };
    (Tree::Archive(Box::new(archive)), bytes)
}

fn finish(mut tree: Tree, bytes: Box<dyn FnOnce() -> Vec<u8>>) -> Vec<u8> {
    tree.finish(&Manifest::new(OffsetDateTime::UNIX_EPOCH)).unwrap();
    drop(tree);
    bytes()
}

/// Reads an archive: directories end in a slash.
fn entries(bytes: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut reader = Reader::new(bytes);
    let mut found = Vec::new();
    while let Some(mut entry) = reader.next().unwrap() {
        let slash = match entry.kind() {
            EntryKind::File => "",
            EntryKind::Directory => "/",
            kind => panic!("{kind:?}"),
        };
        let path = format!("{}{slash}", String::from_utf8_lossy(entry.path()));
        let mut contents = Vec::new();
        entry.read_to_end(&mut contents).unwrap();
        assert_eq!(contents.len() as u64, entry.size());
        found.push((path, contents));
    }
    found
}

fn body(length: usize) -> Vec<u8> {
    (0..length).map(|at| u8::try_from(at % 251).unwrap()).collect()
}

#[test]
fn what_comes_beside_a_body_follows_it_and_an_abandoned_one_leaves_nothing() {
    for length in [0, 10, BUFFER, BUFFER + 1, 3 * BUFFER] {
        let mut all = Vec::new();
        for rewinds in [true, false] {
            let directory = tempfile::tempdir().unwrap();
            let (mut tree, bytes) = archive(directory.path(), rewinds);
            let mut list = tree.file(b"s3/b/list").unwrap();
            list.write(b"1").unwrap();
            let mut abandoned = tree.body(b"s3/b/gone/o").unwrap();
            abandoned.write(&body(length)).unwrap();
            tree.write(b"s3/b/gone/o.meta", b"of it").unwrap();
            drop(abandoned);
            tree.remove_empty_directories(b"s3/b/gone/o").unwrap();
            let mut kept = tree.body(b"s3/b/kept/o").unwrap();
            kept.write(&body(length)).unwrap();
            kept.zeros(5).unwrap();
            tree.write(b"s3/b/kept/o.meta", b"of it").unwrap();
            kept.write(b"end").unwrap();
            kept.finish(&mut tree).unwrap();
            list.write(b"2").unwrap();
            list.finish(&mut tree).unwrap();
            tree.directory(b"extra/fs/tree").unwrap();
            assert_eq!(tree.size().files, 4);
            all.push(finish(tree, bytes));
            assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
        }
        assert!(all[0] == all[1], "{length}: the archive depends on where it goes");
        let found = entries(&all[0]);
        let names: Vec<&str> = found.iter().map(|(path, _)| &**path).collect();
        let gone = ["s3/", "s3/b/", "s3/b/gone/", "s3/b/gone/o.meta", "s3/b/kept/"];
        let rest = ["s3/b/kept/o", "s3/b/kept/o.meta", "s3/b/list"];
        let end = ["extra/", "extra/fs/", "extra/fs/tree/", "MANIFEST.json", "CHECKSUMS"];
        assert_eq!(names, [&gone[..], &rest, &end].concat());
        assert!(found[5].1 == [&*body(length), &[0; 5], b"end"].concat());
        assert_eq!(found[7].1, b"12");
        let checksums = String::from_utf8(found.last().unwrap().1.clone()).unwrap();
        let listed: Vec<&str> = checksums.lines().map(|line| &line[66..]).collect();
        assert_eq!(
            listed,
            ["MANIFEST.json", "s3/b/gone/o.meta", "s3/b/kept/o", "s3/b/kept/o.meta", "s3/b/list"]
        );
        let digest = hex::encode(Sha256::digest(&found[5].1));
        assert!(checksums.contains(&format!("{digest}  s3/b/kept/o\n")));
    }
}

#[test]
fn names_are_taken_as_by_a_file_system() {
    let directory = tempfile::tempdir().unwrap();
    let (mut tree, bytes) = archive(directory.path(), true);
    let taken = |result: Result<()>| matches!(result.unwrap_err().kind, ErrorKind::Taken);
    tree.write(b"a/b", b"1").unwrap();
    assert!(taken(tree.write(b"a/b", b"2")));
    assert!(taken(tree.write(b"a", b"2")));
    assert!(taken(tree.write(b"a/b/c", b"2")));
    assert!(taken(tree.directory(b"a/b")));
    assert!(taken(tree.file(b"a/b").map(drop)));
    tree.write(b"A/b", b"differs in case").unwrap();
    tree.directory(b"a").unwrap();
    // The name of a file that was dropped is free, and so is that of its directory once it is empty.
    drop(tree.body(b"x/y").unwrap());
    assert!(taken(tree.write(b"x", b"")));
    tree.remove_empty_directories(b"x/y").unwrap();
    tree.write(b"x", b"").unwrap();
    for bad in [&b"a/../c"[..], b"/a", b"a//b", b"a/\0", b""] {
        assert!(matches!(tree.write(bad, b"").unwrap_err().kind, ErrorKind::BadPath), "{bad:?}");
    }
    assert!(matches!(tree.write(&[b'n'; 256], b"").unwrap_err().kind, ErrorKind::NameTooLong));
    tree.write(&[b'n'; 255], b"").unwrap();
    let found = entries(&finish(tree, bytes));
    let names: Vec<&str> = found.iter().map(|(path, _)| &path[..path.len().min(9)]).collect();
    assert_eq!(names, ["a/", "a/b", "A/", "A/b", "x", "nnnnnnnnn", "MANIFEST.", "CHECKSUMS"]);
}

#[test]
fn a_request_to_stop_ends_an_archive() {
    let directory = tempfile::tempdir().unwrap();
    let options = TreeOptions::default();
    let mut tree = Tree::create(&directory.path().join("out.tar"), &options).unwrap();
    let mut file = tree.body(b"a").unwrap();
    file.write(&body(2 * BUFFER)).unwrap();
    options.interrupt.flag().store(2, std::sync::atomic::Ordering::Relaxed);
    assert!(matches!(file.write(b"x").unwrap_err().kind, ErrorKind::Interrupted(_)));
    assert!(matches!(tree.write(b"b", b"x").unwrap_err().kind, ErrorKind::Interrupted(_)));
    drop(file);
    tree.discard().unwrap();
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
}

/// What is done with an archive.
#[derive(Clone, Debug)]
enum Step {
    Write(u8, usize),
    Open(u8, bool),
    Append(usize, usize),
    Zeros(usize, usize),
    Finish(usize),
    Drop(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let length = || prop_oneof![0..2000_usize, BUFFER - 2..BUFFER + 2, 0..3 * BUFFER];
    prop_oneof![
        (0..30_u8, length()).prop_map(|(name, length)| Step::Write(name, length)),
        (0..30_u8, any::<bool>()).prop_map(|(name, body)| Step::Open(name, body)),
        (0..4_usize, length()).prop_map(|(file, length)| Step::Append(file, length)),
        (0..4_usize, length()).prop_map(|(file, length)| Step::Zeros(file, length)),
        (0..4_usize).prop_map(Step::Finish),
        (0..4_usize).prop_map(Step::Drop),
    ]
}

/// Does the steps, and returns the archive and what should be in it.
fn act(steps: &[Step], rewinds: bool) -> (Vec<u8>, BTreeMap<String, Vec<u8>>) {
    let directory = tempfile::tempdir().unwrap();
    let (mut tree, bytes) = archive(directory.path(), rewinds);
    let mut expected = BTreeMap::new();
    let mut open: Vec<(String, TreeFile, Vec<u8>)> = Vec::new();
    let path = |name: u8| format!("d{}/{}", name % 3, name);
    for step in steps {
        match *step {
            Step::Write(name, length) => {
                let taken =
                    expected.contains_key(&path(name)) || open.iter().any(|(open, ..)| *open == path(name));
                assert_eq!(tree.write(path(name).as_bytes(), &body(length)).is_err(), taken);
                if !taken {
                    expected.insert(path(name), body(length));
                }
            }
            Step::Open(name, is_body) => {
                let path = path(name);
                let opened = if is_body { tree.body(path.as_bytes()) } else { tree.file(path.as_bytes()) };
                if let Ok(file) = opened {
                    open.push((path, file, Vec::new()));
                }
            }
            Step::Append(file, length) => {
                if let Some((_, file, contents)) = open.get_mut(file) {
                    file.write(&body(length)).unwrap();
                    contents.extend(body(length));
                }
            }
            Step::Zeros(file, length) => {
                if let Some((_, file, contents)) = open.get_mut(file) {
                    file.zeros(length as u64).unwrap();
                    contents.resize(contents.len() + length, 0);
                }
            }
            Step::Finish(at) if at < open.len() => {
                let (path, file, contents) = open.remove(at);
                assert_eq!(file.len(), contents.len() as u64);
                file.finish(&mut tree).unwrap();
                expected.insert(path, contents);
            }
            Step::Drop(at) if at < open.len() => drop(open.remove(at)),
            Step::Finish(_) | Step::Drop(_) => {}
        }
    }
    drop(open);
    (finish(tree, bytes), expected)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn whatever_is_written_and_dropped_is_read_back(steps in prop::collection::vec(step(), 0..30)) {
        let (bytes, expected) = act(&steps, true);
        let (streamed, _) = act(&steps, false);
        prop_assert!(bytes == streamed, "the archive depends on where it goes");
        let mut found = entries(&bytes);
        let last: Vec<String> = found.split_off(found.len() - 2).into_iter().map(|(path, _)| path).collect();
        prop_assert_eq!(last, ["MANIFEST.json", "CHECKSUMS"]);
        let directories = found.iter().filter(|(path, _)| path.ends_with('/')).count();
        let files: BTreeMap<String, Vec<u8>> = found.into_iter().filter(|(path, _)| !path.ends_with('/')).collect();
        prop_assert!(files == expected);
        prop_assert!(directories <= 3);
    }
}

#[test]
fn other_tars_are_read() {
    let work = tempfile::tempdir().unwrap();
    let long = format!("{}/{}", "d".repeat(200), "n".repeat(200));
    std::fs::create_dir_all(work.path().join("t").join("d".repeat(200))).unwrap();
    std::fs::write(work.path().join("t").join(&long), "contents").unwrap();
    std::fs::write(work.path().join("t/short"), body(1000)).unwrap();
    std::os::unix::fs::symlink("short", work.path().join("t/link")).unwrap();
    for format in ["gnu", "pax", "ustar", "v7"] {
        let tar = work.path().join(format);
        let names: &[&str] = if format == "gnu" || format == "pax" { &["."] } else { &["./short", "./link"] };
        let status = std::process::Command::new("tar")
            .args(["-c", "-C"])
            .arg(work.path().join("t"))
            .arg(format!("--format={format}"))
            .arg("-f")
            .arg(&tar)
            .args(names)
            .status();
        assert!(status.unwrap().success(), "{format}");
        let mut reader = Reader::new(File::open(&tar).unwrap());
        let mut found = BTreeMap::new();
        while let Some(mut entry) = reader.next().unwrap() {
            let path = String::from_utf8(entry.path().to_vec()).unwrap();
            let mut contents = Vec::new();
            entry.read_to_end(&mut contents).unwrap();
            found.insert(path, (entry.kind(), contents));
        }
        assert_eq!(found["short"], (EntryKind::File, body(1000)), "{format}");
        assert_eq!(found["link"], (EntryKind::Other("symbolic link"), Vec::new()), "{format}");
        if names == ["."] {
            assert_eq!(found[&long], (EntryKind::File, b"contents".to_vec()), "{format}");
            assert_eq!(found[""].0, EntryKind::Directory, "{format}");
        }
    }
}
