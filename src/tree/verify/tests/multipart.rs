//! Lines of `extra/s3/parts.jsonl`.

use super::*;

const MD5: &str = "5d41402abc4b2a76b9719d911017c592";

/// A dump with an object of 5 bytes and these lines.
fn dump(lines: &str) -> (tempfile::TempDir, PathBuf) {
    let parent = tempfile::tempdir().unwrap();
    let target = parent.path().join("out");
    let mut tree = Tree::create(&target, &TreeOptions::default()).unwrap();
    for (path, body) in [
        ("extra/s3/parts.jsonl", lines),
        ("s3/b/_bucket.json", "{}"),
        ("s3/b/o", "hello"),
        ("s3/b/o.elastickv-meta.json", "{}"),
    ] {
        tree.write(path.as_bytes(), body.as_bytes()).unwrap();
    }
    tree.finish(&Manifest::new(OffsetDateTime::UNIX_EPOCH)).unwrap();
    (parent, target)
}

fn line(bucket: &str, key: &str, sizes: &[u64]) -> String {
    let part = |size| format!("{{\"size\":{size},\"etag\":\"{MD5}\"}}");
    let parts: Vec<_> = sizes.iter().map(part).collect();
    format!("{{\"bucket\":\"{bucket}\",\"key\":\"{key}\",\"parts\":[{}]}}\n", parts.join(","))
}

#[test]
fn parts_make_up_their_bodies() {
    // Of a renamed object, and of one that is not there, the path is not known here.
    let sound = line("b", "bw", &[3, 2]) + &line("b", "cA", &[7]) + &line("c", "bw", &[1]);
    assert_eq!(findings(&dump(&sound).1), [""; 0]);
    for sizes in [&[3][..], &[3, 3], &[u64::MAX, 6]] {
        assert_eq!(
            findings_of_tree(&dump(&line("b", "bw", sizes)).1),
            ["bad_line extra/s3/parts.jsonl 1 its parts do not make up the 5 bytes of its body"]
        );
    }
}

#[test]
fn lines_of_parts_are_strict_and_ascend() {
    let good = line("b", "cA", &[1]);
    for (second, wanted) in [
        (good.clone(), "unsorted_lines extra/s3/parts.jsonl 2"),
        (line("a", "cQ", &[1]), "unsorted_lines extra/s3/parts.jsonl 2"),
        (line("b", "cQ=", &[1]), "bad_line extra/s3/parts.jsonl 2 key is not base64url without padding"),
        (line("b", "cQ", &[]), "bad_line extra/s3/parts.jsonl 2 0 parts"),
        (
            line("b", "cQ", &[1]).replace(MD5, &MD5[1..]),
            "bad_line extra/s3/parts.jsonl 2 etag of a part is no MD5",
        ),
    ] {
        assert_eq!(findings(&dump(&(good.clone() + &second)).1), [wanted]);
    }
    for bad in ["[]\n", "{}\n", "x\n"] {
        let found = findings(&dump(&(good.clone() + bad)).1);
        assert!(found.len() == 1 && found[0].starts_with("bad_line extra/s3/parts.jsonl 2 "), "{found:?}");
    }
}
