//! `verify`, and what reads dumps, of a hostile tree: files with any names and contents. A file is the length of its path,
//! that of its contents (two bytes), both; a path that ends in a slash is a directory.
#![no_main]
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path};

use ekv_backup::interrupt::Interrupt;
use ekv_backup::progress::Progress;
use ekv_backup::tree::{Dump, Scratch};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let root = fuzz::place().join("tree");
    fs::create_dir_all(&root).expect("a directory can be made");
    let mut rest = bytes;
    while let [path, high, low, behind @ ..] = rest {
        let (path, behind) = behind.split_at(behind.len().min(usize::from(*path)));
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        let (contents, behind) = behind.split_at(behind.len().min(length));
        rest = behind;
        let inside = Path::new(OsStr::from_bytes(path));
        if path.contains(&0) || !inside.components().all(|part| matches!(part, Component::Normal(_))) {
            continue;
        }
        let path = root.join(inside);
        let _ = path.parent().map(fs::create_dir_all);
        let _ = fs::write(&path, contents);
    }
    let report = fuzz::check(&root);
    let again = fuzz::check(&root);
    assert_eq!(format!("{report:?}"), format!("{again:?}"));
    let scratch = Scratch::new(fuzz::place().to_owned());
    if let Ok(Some(mut dump)) = Dump::open(&root, &scratch, (&Interrupt::default(), &Progress::default())) {
        let _ = dump.manifest();
        let _ = dump.rows().map(|_| ());
    }
    fs::remove_dir_all(&root).expect("a tree can be removed");
});
