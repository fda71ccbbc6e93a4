//! Names that try to leave the dump, and links in its way.

use std::fs;
use std::os::unix::fs::symlink;

use crate::dump::checksum_faults;
use crate::fixture::Snapshot;
use crate::tool::Work;

/// Names of every adapter that mean something to a file system or a terminal.
fn names() -> Vec<Vec<u8>> {
    let mut names: Vec<Vec<u8>> = [
        "",
        ".",
        "..",
        "../..",
        "../../escape",
        "/",
        "/etc/passwd",
        "//",
        "a/../../escape",
        "./a",
        "a/.",
        "a/..",
        "a//b",
        "~",
        "-rf",
        "a\\b",
        "..\\..\\escape",
        "con",
        "a:b",
        "\n",
        "a\nb",
        "\r",
        "\x1b[2J",
        "CHECKSUMS",
        "MANIFEST.json",
        "PROBLEMS.jsonl",
        "KEYMAP.jsonl",
        ".elastickv-meta.json",
        "b64.",
        "%2E%2E",
        "é",
        "日",
    ]
    .map(|name| name.as_bytes().to_vec())
    .to_vec();
    names.extend([
        b"\0".to_vec(),
        b"..\0".to_vec(),
        b"\xff\xfe".to_vec(),
        b"a/\xff".to_vec(),
        vec![b'n'; 300],
    ]);
    names.extend([vec![b'/'; 5000], vec![b'x'; (1 << 20) - 64]]);
    names
}

fn escaped(name: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    for &byte in name {
        out.push(byte);
        if byte == 0 {
            out.push(0xff);
        }
    }
    out.extend_from_slice(&[0, 1]);
    out
}

fn segment(name: &[u8]) -> String {
    use base64::Engine;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(name)
}

fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
    let mut out = vec![number << 3 | 2];
    let mut len = bytes.len();
    while len > 0x7f {
        out.push((len & 0x7f) as u8 | 0x80);
        len >>= 7;
    }
    out.push(len as u8);
    out.extend_from_slice(bytes);
    out
}

/// One object of the name with each adapter that can hold it.
fn snapshot_of(name: &[u8]) -> Snapshot {
    let counted = [&(name.len() as u32).to_be_bytes(), name].concat();
    let key = |prefix: &str, rest: &[u8]| [prefix.as_bytes(), rest].concat();
    let one = 1_u64.to_be_bytes();
    let mut snapshot = Snapshot::new()
        .string(name, "v")
        .put(key("!st|mem|", &[&counted[..], b"m"].concat()), "")
        .put(key("!st|meta|", &counted), one)
        .put(key("!s3|bucket|meta|", &escaped(b"bucket")), r#"{"bucket_name":"bucket","generation":1}"#)
        .put(
            key("!s3|obj|head|", &[&escaped(b"bucket")[..], &one, &escaped(name)].concat()),
            r#"{"upload_id":"u","etag":"e","size_bytes":0,"last_modified_hlc":1}"#,
        );
    if !name.is_empty() && !name.starts_with(b"!") {
        snapshot = snapshot
            .put(name, "v")
            .put(key("!s3|bucket|meta|", &escaped(name)), r#"{"bucket_name":"x","generation":1}"#);
    }
    if let (Ok(text), false) = (std::str::from_utf8(name), name.is_empty()) {
        let table = [
            field(1, name),
            field(2, &[field(1, b"id"), field(2, b"S")].concat()),
            field(3, &field(1, b"id")),
            vec![0x28, 2, 0x38, 1],
        ];
        let item = field(1, &[field(1, b"id"), field(2, &field(1, name))].concat());
        let queue = serde_json::json!({
            "name": text, "generation": 1, "visibility_timeout_seconds": 30, "message_retention_seconds": 345_600,
            "delay_seconds": 0, "receive_message_wait_seconds": 0, "maximum_message_size": 262_144,
        });
        let item_key = format!("!ddb|item|{}|1|", segment(name));
        snapshot = snapshot
            .put(format!("!ddb|meta|table|{}", segment(name)), [b"\0DS\x01", &table.concat()[..]].concat())
            .put(key(&item_key, &escaped(name)), [b"\0DI\x01", &item[..]].concat())
            .put(format!("!sqs|queue|gen|{}", segment(name)), "1")
            .put(format!("!sqs|queue|meta|{}", segment(name)), format!("\0SQ\x01{queue}"));
    }
    snapshot
}

/// Decodes and checks that nothing but the dump was made, and that it is sound.
fn stays_inside(what: &str, snapshot: Snapshot, options: &[&str]) -> Work {
    let work = Work::with(&snapshot.live());
    let run = work.decode(options);
    assert!(matches!(run.code, Some(0 | 1)), "{what}: {run:?}");
    assert_eq!(work.names(), ["dump", "snapshot.fsm"], "{what}");
    let tree = work.dump();
    assert_eq!(checksum_faults(&tree), Vec::<String>::new(), "{what}");
    assert!(tree.other.is_empty(), "{what}: {:?}", tree.other);
    assert!(run.err.chars().all(|c| c == '\n' || !c.is_control()), "{what}: {:?}", run.err);
    work
}

#[test]
fn no_name_leaves_the_dump_or_ends_the_run() {
    for name in names() {
        stays_inside(&name.escape_ascii().to_string(), snapshot_of(&name), &["--rename-collisions"]);
    }
}

#[test]
fn all_names_together_neither() {
    let all = names().iter().fold(Snapshot::new(), |snapshot, name| snapshot.and(snapshot_of(name)));
    for options in
        [&[][..], &["--rename-collisions"], &["--legacy-redis-strings"], &["--dynamodb-layout", "jsonl"]]
    {
        stays_inside(&format!("{options:?}"), all.clone(), options);
    }
}

#[test]
fn every_name_has_its_file() {
    let strings = names().iter().fold(Snapshot::new(), |snapshot, name| snapshot.string(name, name));
    let tree = stays_inside("strings", strings, &[]).dump();
    let mut found: Vec<_> = tree
        .files
        .into_iter()
        .filter(|(path, _)| path.starts_with(b"redis/db_0/strings/"))
        .map(|(_, content)| content)
        .collect();
    let mut expected = names();
    found.sort();
    expected.sort();
    assert!(found == expected, "{} strings, expected {}", found.len(), expected.len());
}

#[test]
fn a_verified_dump_of_hostile_names_is_sound() {
    let mut snapshot = Snapshot::new();
    for name in names() {
        snapshot = snapshot.string(name, "v");
    }
    let work = Work::with(&snapshot.live());
    work.decode(&[]).exits(0);
    work.run(["verify", "dump"]).exits(0);
}

#[test]
fn a_link_as_the_target_is_not_followed() {
    let work = Work::with(&Snapshot::new().string("k", "v").live());
    fs::create_dir(work.path("elsewhere")).unwrap();
    symlink("elsewhere", work.path("dump")).unwrap();
    let run = work.decode(&[]);
    assert!(matches!(run.code, Some(2 | 4)), "{run:?}");
    assert_eq!(fs::read_dir(work.path("elsewhere")).unwrap().count(), 0);
    assert_eq!(work.names(), ["dump", "elsewhere", "snapshot.fsm"]);
}

#[test]
fn a_dangling_link_as_the_target_is_not_followed() {
    let work = Work::with(&Snapshot::new().string("k", "v").live());
    symlink("elsewhere", work.path("dump")).unwrap();
    let run = work.decode(&[]);
    assert!(matches!(run.code, Some(2 | 4)), "{run:?}");
    assert_eq!(work.names(), ["dump", "snapshot.fsm"]);
}

#[test]
fn force_does_not_empty_what_a_link_leads_to() {
    let work = Work::with(&Snapshot::new().string("k", "v").live());
    work.run(["decode", "snapshot.fsm", "-o", "elsewhere"]).exits(0);
    symlink("elsewhere", work.path("dump")).unwrap();
    let run = work.decode(&["--force"]);
    assert!(matches!(run.code, Some(2 | 4)), "{run:?}");
    assert!(work.path("elsewhere/redis/db_0/strings/k.bin").is_file());
}

#[test]
fn a_dump_with_a_link_in_it_is_not_replaced() {
    let work = Work::with(&Snapshot::new().string("k", "v").live());
    work.decode(&[]).exits(0);
    fs::create_dir(work.path("elsewhere")).unwrap();
    work.write("elsewhere/kept", b"kept");
    symlink(work.path("elsewhere"), work.path("dump/link")).unwrap();
    assert!(work.decode(&["--force"]).exits(2).err.contains("dump/link"));
    assert!(work.path("elsewhere/kept").is_file());
    assert_eq!(work.dump().other.len(), 1);
}
