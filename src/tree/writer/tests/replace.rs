//! What happens to that which is at the target already, and beside it.

use std::os::unix::fs::{MetadataExt, symlink};

use super::*;
use crate::time::Hlc;
use crate::tree::manifest::{Live, Origin};

fn refused(target: &Path, options: &TreeOptions) -> Error {
    Disk::create(target, options).unwrap_err()
}

/// Writes a dump with one file.
fn dump(target: &Path, path: &str) {
    let mut tree = tree(target);
    tree.write(path.as_bytes(), b"").unwrap();
    tree.finish(&manifest()).unwrap();
}

fn reading(input: PathBuf) -> TreeOptions {
    TreeOptions { inputs: vec![input], ..force() }
}

#[test]
fn an_empty_directory_becomes_the_tree_and_keeps_its_access() {
    let (parent, target) = target();
    for mode in [0o700, 0o2750, 0o755, 0o1777, 0o500] {
        fs::create_dir(&target).unwrap();
        fs::set_permissions(&target, fs::Permissions::from_mode(mode)).unwrap();
        let root = fs::metadata(&target).unwrap().uid() == 0;
        if root {
            std::os::unix::fs::chown(&target, Some(1234), Some(4321)).unwrap();
            fs::set_permissions(&target, fs::Permissions::from_mode(mode)).unwrap();
        }
        let before = fs::metadata(&target).unwrap();
        let finished = tree(&target).finish(&manifest()).unwrap();
        assert!(finished.notices.is_empty(), "{finished:?}");
        let after = fs::metadata(&target).unwrap();
        assert_eq!(after.mode(), before.mode(), "{mode:o}");
        assert_eq!((after.uid(), after.gid()), (before.uid(), before.gid()));
        assert_eq!(fs::metadata(target.join("CHECKSUMS")).unwrap().mode() & 0o777, 0o600);
        assert_eq!(entries(&target), ["CHECKSUMS", "MANIFEST.json"]);
        fs::set_permissions(&target, fs::Permissions::from_mode(0o700)).unwrap();
        fs::remove_dir_all(&target).unwrap();
    }
    assert_eq!(entries(parent.path()), [""; 0]);
}

#[test]
fn an_empty_directory_keeps_its_acl() {
    let (_parent, target) = target();
    fs::create_dir(&target).unwrap();
    let handle = File::open(&target).unwrap();
    // Version 2: owner rwx, user 1 r-x, group ---, mask r-x, others ---.
    let entries = [(1, 7, u32::MAX), (2, 5, 1), (4, 0, u32::MAX), (16, 5, u32::MAX), (32, 0, u32::MAX)];
    let mut acl = 2_u32.to_le_bytes().to_vec();
    for (tag, bits, id) in entries {
        acl.extend([u16::to_le_bytes(tag), u16::to_le_bytes(bits)].concat());
        acl.extend(u32::to_le_bytes(id));
    }
    let names = ["system.posix_acl_access", "system.posix_acl_default"];
    for name in names {
        if rustix::fs::fsetxattr(&handle, name, &acl, rustix::fs::XattrFlags::empty()).is_err() {
            return;
        }
    }
    let before = fs::metadata(&target).unwrap().mode();
    tree(&target).finish(&manifest()).unwrap();
    let after = File::open(&target).unwrap();
    assert_eq!(after.metadata().unwrap().mode(), before);
    for name in names {
        let mut found = vec![0; 200];
        let length = rustix::fs::fgetxattr(&after, name, found.as_mut_slice()).unwrap();
        assert_eq!(found[..length], acl, "{name}");
    }
}

#[test]
fn nothing_but_a_dump_is_replaced_and_that_only_by_force() {
    let (parent, target) = target();
    let refused = |options: &TreeOptions| refused(&target, options).kind;
    fs::write(&target, "a file").unwrap();
    assert!(matches!(refused(&force()), ErrorKind::TargetExists));
    fs::remove_file(&target).unwrap();
    fs::create_dir(parent.path().join("elsewhere")).unwrap();
    symlink("elsewhere", &target).unwrap();
    assert!(matches!(refused(&force()), ErrorKind::TargetIsLink));
    fs::remove_file(&target).unwrap();
    fs::create_dir_all(target.join("MANIFEST.json")).unwrap();
    assert!(matches!(refused(&force()), ErrorKind::TargetExists));
    fs::remove_dir(target.join("MANIFEST.json")).unwrap();
    dump_of_others(&target, &refused);
    fs::remove_dir_all(&target).unwrap();
    dump(&target, "file");
    assert!(matches!(refused(&TreeOptions::default()), ErrorKind::TargetHoldsDump));
    assert!(Disk::create(&target, &force()).is_ok());
    assert_eq!(entries(parent.path()), ["elsewhere", "out"]);
}

/// A manifest that is not that of a decoded snapshot.
fn dump_of_others(target: &Path, refused: &dyn Fn(&TreeOptions) -> ErrorKind) {
    let live = Live { read_ts: Hlc(1), pin_token_sha256: None };
    let live = Manifest { origin: Origin::Live(live), ..manifest() }.write().unwrap();
    let newer = String::from_utf8(manifest().write().unwrap()).unwrap();
    let newer = newer.replace("\"format_version\": 1", "\"format_version\": 2");
    for text in [&b""[..], b"{\"name\": \"a web page\"}", &live, newer.as_bytes()] {
        fs::write(target.join("MANIFEST.json"), text).unwrap();
        let kind = refused(&force());
        assert!(matches!(kind, ErrorKind::TargetManifest(_)) && kind.is_usage(), "{kind:?}");
    }
}

#[test]
fn what_checksums_does_not_list_is_not_removed() {
    let (parent, target) = target();
    dump(&target, "a/file");
    for name in ["z", "a/b"] {
        fs::write(target.join(name), "mine").unwrap();
    }
    symlink("file", target.join("a/link")).unwrap();
    let error = refused(&target, &force());
    assert_eq!(error.path, target.join("a/b"));
    assert!(matches!(error.kind, ErrorKind::TargetHoldsUnlisted { files: 3 }) && error.kind.is_usage());
    for name in ["z", "a/b", "a/link"] {
        fs::remove_file(target.join(name)).unwrap();
    }
    // A listed file that is a link now was not written by a run.
    fs::remove_file(target.join("a/file")).unwrap();
    symlink("/etc/passwd", target.join("a/file")).unwrap();
    assert_eq!(refused(&target, &force()).path, target.join("a/file"));
    fs::remove_file(target.join("a/file")).unwrap();
    // Without its CHECKSUMS nothing is.
    fs::rename(target.join("CHECKSUMS"), parent.path().join("CHECKSUMS")).unwrap();
    assert_eq!(refused(&target, &force()).path, target.join("MANIFEST.json"));
    assert_eq!(entries(parent.path()), ["CHECKSUMS", "out"]);
}

#[test]
fn what_came_meanwhile_is_not_removed_either() {
    let (parent, target) = target();
    dump(&target, "file");
    let mut new = Disk::create(&target, &force()).unwrap();
    fs::write(target.join("mine"), "").unwrap();
    let error = new.finish(&manifest()).unwrap_err();
    assert!(matches!(error.kind, ErrorKind::TargetHoldsUnlisted { files: 1 }), "{error}");
    drop(new);
    assert_eq!(entries(&target), ["CHECKSUMS", "MANIFEST.json", "file", "mine"]);
    assert_eq!(entries(parent.path()), ["out"]);
}

#[test]
fn a_dump_that_holds_an_input_is_not_replaced() {
    let (parent, target) = target();
    dump(&target, "s3/bucket/in.fsm");
    symlink("out/s3/bucket", parent.path().join("link")).unwrap();
    fs::hard_link(target.join("s3/bucket/in.fsm"), parent.path().join("hard")).unwrap();
    for input in ["out/s3/bucket/in.fsm", "link/in.fsm", "link/../../s3/bucket/in.fsm", "out", "link", "hard"]
    {
        let error = refused(&target, &reading(parent.path().join(input)));
        assert!(
            matches!(error.kind, ErrorKind::TargetHoldsInput(_)) && error.kind.is_usage(),
            "{input}: {error}"
        );
    }
    fs::write(parent.path().join("beside"), "").unwrap();
    assert!(Disk::create(&target, &reading(parent.path().join("beside"))).is_ok());
    assert_eq!(entries(&target), ["CHECKSUMS", "MANIFEST.json", "s3"]);
}

#[test]
fn force_replaces_the_whole_old_dump() {
    let (parent, target) = target();
    dump(&target, "old/file");
    // A directory holds nothing by itself.
    fs::create_dir(target.join("empty")).unwrap();
    let mut new = Disk::create(&target, &force()).unwrap();
    new.write(b"new/file", b"").unwrap();
    assert_eq!(
        entries(&target),
        ["CHECKSUMS", "MANIFEST.json", "empty", "old"],
        "until the new one is complete"
    );
    assert!(new.finish(&manifest()).unwrap().notices.is_empty());
    assert_eq!(entries(&target), ["CHECKSUMS", "MANIFEST.json", "new"]);
    assert_eq!(entries(parent.path()), ["out"]);
}

#[test]
fn a_target_that_came_up_meanwhile_is_kept() {
    let (parent, target) = target();
    let mut tree = tree(&target);
    fs::create_dir(&target).unwrap();
    fs::write(target.join("MANIFEST.json"), "another run").unwrap();
    assert!(matches!(tree.finish(&manifest()).unwrap_err().kind, ErrorKind::TargetHoldsDump));
    tree.discard().unwrap();
    assert_eq!(fs::read(target.join("MANIFEST.json")).unwrap(), b"another run");
    assert_eq!(entries(parent.path()), ["out"]);
}

#[test]
fn files_that_vanish_are_an_error_with_their_path() {
    let (_parent, target) = target();
    let with_files = || {
        let mut tree = tree(&target);
        for path in [&b"a/1"[..], b"a/2", b"b/c/3"] {
            tree.write(path, b"").unwrap();
        }
        tree.directory(b"empty").unwrap();
        tree.settle().unwrap();
        tree
    };
    let mut lost = with_files();
    fs::remove_file(lost.staging.path().join("a/1")).unwrap();
    fs::remove_dir_all(lost.staging.path().join("b")).unwrap();
    let error = lost.finish(&manifest()).unwrap_err();
    assert_eq!(error.path, target.join("a/1"));
    assert!(matches!(error.kind, ErrorKind::StagingChanged { missing: 2, foreign: 0 }), "{error}");
    assert!(!lost.staging.path().join("CHECKSUMS").exists());
    lost.discard().unwrap();
    // As a scanner does that puts files into quarantine: their number is what it was.
    let mut renamed = with_files();
    let root = renamed.staging.path().to_owned();
    fs::rename(root.join("a/2"), root.join("a/0")).unwrap();
    let error = renamed.finish(&manifest()).unwrap_err();
    assert_eq!(error.path, target.join("a/2"));
    assert!(matches!(error.kind, ErrorKind::StagingChanged { missing: 1, foreign: 1 }), "{error}");
    drop(renamed);
    let mut added = with_files();
    fs::write(added.staging.path().join("b/thumbs"), "").unwrap();
    assert_eq!(added.finish(&manifest()).unwrap_err().path, target.join("b/thumbs"));
    drop(added);
    let mut emptied = with_files();
    fs::remove_dir(emptied.staging.path().join("empty")).unwrap();
    let error = emptied.finish(&manifest()).unwrap_err();
    assert!(matches!(error.kind, ErrorKind::StagingCount { .. }), "{error}");
    drop(emptied);
    assert!(!target.exists());
    with_files().finish(&manifest()).unwrap();
}

#[test]
fn directories_that_were_removed_on_purpose_are_not_missed() {
    let (_parent, target) = target();
    let mut tree = tree(&target);
    drop(tree.file(b"a/b/c/dropped").unwrap());
    tree.remove_empty_directories(b"a/b/c/dropped").unwrap();
    tree.write(b"a/kept", b"").unwrap();
    tree.finish(&manifest()).unwrap();
    assert_eq!(entries(&target.join("a")), ["kept"]);
}

#[test]
fn what_an_earlier_run_has_left_is_named_unless_a_run_holds_it() {
    let (parent, target) = target();
    let alive = tree(&target);
    assert!(tree(&target).notices().is_empty());
    drop(alive);
    for name in
        [".out.partial-AAAAAAAA", ".out.partial-BBBBBBBB", ".out.replaced-CCCCCCCC", ".out.partial-short"]
    {
        fs::create_dir(parent.path().join(name)).unwrap();
    }
    fs::write(parent.path().join(".out.partial-BBBBBBBB/CHECKSUMS"), "").unwrap();
    fs::write(parent.path().join(".out.partial-DDDDDDDD"), "a file").unwrap();
    let tree = tree(&target);
    let mut found: Vec<String> = tree.notices().iter().map(|notice| format!("{notice:?}")).collect();
    found.sort();
    let path = |name: &str| format!("{:?}", parent.path().join(name));
    assert_eq!(
        found,
        [
            format!("StalePartial {{ path: {}, complete: false }}", path(".out.partial-AAAAAAAA")),
            format!("StalePartial {{ path: {}, complete: true }}", path(".out.partial-BBBBBBBB")),
            format!("StalePartial {{ path: {}, complete: false }}", path(".out.partial-DDDDDDDD")),
            format!("StaleReplaced {{ path: {} }}", path(".out.replaced-CCCCCCCC")),
        ]
    );
}

#[test]
fn a_dump_that_was_set_aside_comes_back_when_nothing_is_at_the_target() {
    let (parent, target) = target();
    let aside = parent.path().join(".out.replaced-AAAAAAAA");
    dump(&target, "old");
    fs::rename(&target, &aside).unwrap();
    let error = refused(&target, &TreeOptions::default());
    assert!(
        matches!(&error.kind, ErrorKind::TargetRestored(path) if *path == aside) && error.kind.is_usage()
    );
    assert_eq!(entries(&target), ["CHECKSUMS", "MANIFEST.json", "old"]);
    fs::rename(&target, &aside).unwrap();
    let mut new = Disk::create(&target, &force()).unwrap();
    assert!(matches!(new.notices(), [Notice::Restored { path }] if *path == aside));
    new.finish(&manifest()).unwrap();
    drop(new);
    assert_eq!(entries(parent.path()), ["out"]);
    assert_eq!(entries(&target), ["CHECKSUMS", "MANIFEST.json"]);
    // What is incomplete, or one of several, is named alone.
    fs::rename(&target, &aside).unwrap();
    fs::create_dir(parent.path().join(".out.replaced-BBBBBBBB")).unwrap();
    assert_eq!(tree(&target).notices().len(), 2);
    fs::remove_dir(parent.path().join(".out.replaced-BBBBBBBB")).unwrap();
    fs::remove_file(aside.join("CHECKSUMS")).unwrap();
    assert!(matches!(tree(&target).notices(), [Notice::StaleReplaced { .. }]));
    assert!(!target.exists());
}
