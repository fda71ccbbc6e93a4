//! What stands in the place of files, and what would be read without end.

use super::*;

#[test]
fn what_stands_in_the_place_of_a_list_is_named_and_not_read() {
    for name in ["CHECKSUMS", "MANIFEST.json", "redis/db_0/KEYMAP.jsonl", "extra/KEYMAP.jsonl"] {
        for (kind, expected) in [("pipe", "pipe"), ("link", "symbolic link"), ("directory", "directory")] {
            let (_parent, target) = dump();
            let path = target.join(name);
            fs::remove_file(&path).unwrap();
            match kind {
                "pipe" => {
                    let fifo = FileType::Fifo;
                    rustix::fs::mknodat(rustix::fs::CWD, &path, fifo, Mode::RUSR, 0).unwrap();
                }
                "link" => symlink("/dev/zero", &path).unwrap(),
                _ => fs::create_dir(&path).unwrap(),
            }
            let found = findings(&target);
            let named = format!("not_regular {name} 0 {expected}");
            let list = name == "CHECKSUMS" || name == "MANIFEST.json";
            assert!(found.contains(&named) || kind == "directory" && !list, "{name} {kind}: {found:?}");
            assert!(!found.iter().any(|found| found.starts_with("unlisted")), "{name} {kind}: {found:?}");
        }
    }
}

/// Sparse files that would be read for hours.
#[test]
fn lists_without_end_are_named_and_not_read() {
    for (name, expected) in [
        ("CHECKSUMS", "bad_checksums_line CHECKSUMS 1 a line without end: the rest of the file is not read"),
        (
            "MANIFEST.json",
            "bad_manifest MANIFEST.json 0 8796093022208 bytes, more than a reader takes (268435456)",
        ),
        (
            "redis/db_0/KEYMAP.jsonl",
            "bad_keymap_line redis/db_0/KEYMAP.jsonl 1 a line without end: the rest of the file is not read",
        ),
    ] {
        let (_parent, target) = dump();
        let file = fs::OpenOptions::new().write(true).truncate(true).open(target.join(name)).unwrap();
        file.set_len(8 << 40).unwrap();
        assert_eq!(findings_of_tree(&target), [expected], "{name}");
    }
    let (_parent, target) = dump();
    fs::File::create(target.join("sqs/q/new.json")).unwrap().set_len(8 << 40).unwrap();
    let found = findings_of_tree(&target);
    assert_eq!(found[0], "unlisted sqs/q/new.json 0");
    assert!(found[1].starts_with("bad_json sqs/q/new.json 0"), "{found:?}");
}

#[test]
fn a_directory_with_nothing_in_it_is_found_where_a_dump_has_none() {
    let (_parent, target) = dump();
    for name in ["redis/db_0/sets", "stray/inner", "extra/fs/tree/a/b", "extra/fs/tree2"] {
        fs::create_dir_all(target.join(name)).unwrap();
    }
    assert_eq!(
        findings(&target),
        [
            "empty_directory extra/fs/tree2 0",
            "empty_directory redis/db_0/sets 0",
            "empty_directory stray/inner 0",
        ]
    );
}

#[test]
fn what_a_file_says_is_quoted_in_short() {
    let (_parent, target) = dump();
    let line = format!("\"{}\"\n", "x".repeat(1 << 20));
    replace(&target, "redis/db_0/KEYMAP.jsonl", line.as_bytes());
    let found = report(&target, 1).findings;
    assert!(found.kept().all(|finding| finding.detail.len() < 300));
}

#[test]
fn a_path_that_no_line_holds_is_not_followed() {
    let (_parent, target) = dump();
    let mut directory = rustix::fs::open(&target, OFlags::DIRECTORY, Mode::empty()).unwrap();
    let name = "d".repeat(200);
    for _ in 0..60 {
        rustix::fs::mkdirat(&directory, &name, Mode::RWXU).unwrap();
        directory = rustix::fs::openat(&directory, &name, OFlags::DIRECTORY, Mode::empty()).unwrap();
    }
    let found = findings_of_tree(&target);
    assert_eq!(found.len(), 1);
    assert!(found[0].starts_with("bad_name ddd") && found[0].ends_with("nothing in it is looked at"));
    assert_eq!(found[0].matches('/').count(), limits::CHECKSUMS_LINE / 201);
}
