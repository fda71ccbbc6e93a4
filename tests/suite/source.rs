//! Inputs as people have them: changed while they are read, without a footer, compressed, or something else.

use std::fs;
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use sha2::{Digest, Sha256};

use crate::fixture::Snapshot;
use crate::tool::{Run, Work, gzip};

fn sound() -> Snapshot {
    Snapshot::new().string("k", "v")
}

/// A snapshot that takes a while to be written out.
fn large(value: &str) -> Vec<u8> {
    let mut snapshot = Snapshot::new();
    for number in 0..30_000 {
        snapshot = snapshot.string(format!("key{number:06}"), value);
    }
    snapshot.live()
}

/// Decodes a large snapshot, and changes it as soon as files of the tree are there.
fn changed_by(change: impl FnOnce(&Work)) {
    let work = Work::with(&large("old"));
    let mut child =
        work.command(["decode", "snapshot.fsm", "-o", "dump"]).stderr(Stdio::piped()).spawn().unwrap();
    let staged = |work: &Work| {
        let name = work.names().into_iter().find(|name| name.starts_with(".dump.partial-"));
        name.is_some_and(|name| work.path(name).join("redis").exists())
    };
    while !staged(&work) {
        assert!(child.try_wait().unwrap().is_none(), "the run ended before the change");
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    change(&work);
    let run = Run::of(&child.wait_with_output().unwrap());
    run.exits(4);
    assert!(run.err.contains("changed while it was read"), "{}", run.err);
    let left = work.names().into_iter().filter(|name| name.contains("dump"));
    assert_eq!(left.collect::<Vec<_>>(), [""; 0]);
}

#[test]
fn an_input_that_is_written_over_while_it_is_read_gives_no_tree() {
    let new = large("new");
    changed_by(|work| work.write("snapshot.fsm", &new));
}

#[test]
fn an_input_that_grows_or_shrinks_gives_no_tree() {
    changed_by(|work| {
        let mut file = fs::File::options().append(true).open(work.path("snapshot.fsm")).unwrap();
        file.write_all(b"more").unwrap();
    });
    changed_by(|work| {
        fs::File::options().write(true).open(work.path("snapshot.fsm")).unwrap().set_len(100).unwrap();
    });
}

#[test]
fn an_input_that_is_replaced_gives_no_tree() {
    changed_by(|work| {
        work.write("other.fsm", &sound().live());
        fs::rename(work.path("other.fsm"), work.path("snapshot.fsm")).unwrap();
    });
}

#[test]
fn nothing_proves_a_bare_payload() {
    let work = Work::with(&sound().bare());
    let run = work.decode(&["--json"]);
    assert_eq!(run.exits(0).json()["warning_counts"]["input_unchecked"], 1);
    assert!(run.err.contains("warning: input_unchecked path=\"snapshot.fsm\""), "{}", run.err);
    let run = work.run(["inspect", "snapshot.fsm"]);
    assert!(run.exits(0).out.contains("nothing proves that the file is whole"), "{}", run.out);
    let run = work.run(["inspect", "snapshot.fsm", "--json"]);
    assert!(run.json()["input"]["checked_by"].is_null());
    let run = work.run(["decode", "snapshot.fsm", "-o", "other", "--strict"]);
    run.exits(1);
    assert!(run.err.contains("nothing proves that the file is whole"), "{}", run.err);
    assert_eq!(work.names(), ["dump", "snapshot.fsm"]);
    // With a footer it is proven.
    let work = Work::with(&sound().live());
    assert!(
        work.decode(&["--strict", "--json"]).exits(0).json()["warning_counts"]
            .as_object()
            .unwrap()
            .is_empty()
    );
    let run = work.run(["inspect", "snapshot.fsm", "--json"]);
    assert_eq!(run.json()["input"]["checked_by"], "footer");
}

#[test]
fn an_offloaded_payload_is_read_where_something_vouches_for_it() {
    let mut bytes = sound().live();
    let footer = u32::from_be_bytes(*bytes.last_chunk().unwrap());
    bytes.truncate(bytes.len() - 4);
    let digits = hex::encode(Sha256::digest(&bytes));
    let work = Work::with(&bytes);
    let run = work.decode(&[]);
    run.exits(3);
    let words = "no footer; the records end where the file ends, perhaps an offloaded payload";
    assert!(run.err.contains(words), "{}", run.err);
    // By its name: no checksum was checked, and the name is no index.
    let payload = format!("{digits}.fsm");
    work.write(&payload, &bytes);
    work.run(["decode", &payload, "-o", "by-name", "--strict"]).exits(0);
    let manifest = |dump: &str| -> serde_json::Value {
        serde_json::from_slice(&fs::read(work.path(dump).join("MANIFEST.json")).unwrap()).unwrap()
    };
    assert!(manifest("by-name")["source"]["fsm_crc32c"].is_null());
    // By its manifest.
    let text = serde_json::json!({
        "snapshot_index": 777, "group_id": 1, "source_cluster": "c",
        "payload": {"key": "k", "bytes": bytes.len(), "sha256": digits, "source_crc32c": footer},
    });
    work.write("manifest.json", text.to_string().as_bytes());
    for input in ["manifest.json", &payload] {
        let dump = format!("by-{input}");
        work.run(["decode", input, "-o", &dump, "--strict"]).exits(0);
        assert_eq!(manifest(&dump)["snapshot_index"], 777);
        assert_eq!(manifest(&dump)["source"]["fsm_crc32c"], format!("{footer:08x}"));
        assert!(work.path(&dump).join("redis/db_0/strings/k.bin").exists());
    }
    let run = work.run(["inspect", "manifest.json"]);
    assert!(run.exits(0).out.contains("777 (from the manifest)"), "{}", run.out);
    // A damaged payload is what neither says.
    bytes[40] ^= 1;
    work.write(&payload, &bytes);
    for input in ["manifest.json", &payload] {
        let run = work.run(["decode", input, "-o", "damaged"]);
        run.exits(3);
        assert!(!work.path("damaged").exists());
    }
}

#[test]
fn what_people_pass_instead_of_a_snapshot_is_named() {
    let work = Work::with(&sound().live());
    work.decode(&[]).exits(0);
    let mut tar = vec![b'a'; 1024];
    tar[257..262].copy_from_slice(b"ustar");
    work.write("a.tar", &tar);
    work.write("a.zip", b"PK\x03\x04 and more");
    work.write("a.xz", b"\xfd7zXZ\0 and more");
    work.write("empty", b"");
    work.write("a.tar.gz", &gzip(&tar));
    let live = sound().live();
    work.write("cut.fsm", &live[..live.len() - 9]);
    std::os::unix::fs::symlink("gone.fsm", work.path("link")).unwrap();
    for (input, code, words) in [
        ("a.tar", 3, "a tar archive: unpack it"),
        ("a.tar.gz", 3, "a tar archive: unpack it"),
        ("a.zip", 3, "a zip archive: unpack it"),
        ("a.xz", 3, "decompress it first (xz -d)"),
        ("empty", 3, "the file is empty"),
        ("cut.fsm", 3, "copy it again, or take the one before it"),
        ("dump", 3, "is a dump, not a snapshot"),
        ("dump/MANIFEST.json", 3, "JSON text"),
        ("link", 4, "symbolic link to gone.fsm, which does not exist"),
        ("missing", 4, "there is no such file"),
    ] {
        for run in [work.run(["inspect", input]), work.run(["decode", input, "-o", "other"])] {
            run.exits(code);
            assert!(run.err.contains(words), "{input}: {}", run.err);
        }
    }
    assert!(!work.path("other").exists());
}

#[test]
fn compressed_files_are_read_as_their_own_tools_read_them() {
    let live = sound().live();
    let mut padded = gzip(&live);
    padded.resize(padded.len() + 512, 0);
    let skippable =
        [&b"\x5a\x2a\x4d\x18\x03\0\0\0abc"[..], &zstd::encode_all(&live[..], 1).unwrap()].concat();
    for (number, bytes) in [padded, skippable].iter().enumerate() {
        let work = Work::with(bytes);
        work.decode(&[]).exits(0);
        assert!(work.path("dump/redis/db_0/strings/k.bin").exists(), "{number}");
    }
}

#[test]
fn a_copy_that_cannot_be_made_names_its_directory() {
    let work = Work::new();
    work.write("snapshot.fsm.zst", &zstd::encode_all(&sound().live()[..], 1).unwrap());
    let output =
        work.command(["inspect", "snapshot.fsm.zst"]).env("TMPDIR", "/no/such/place").output().unwrap();
    let run = Run::of(&output);
    run.exits(4);
    assert!(run.err.contains("temporary copy of the input in /no/such/place: "), "{}", run.err);
}

/// As a user of whom the system starts no more threads, which root is not: there the binary runs as another user.
#[test]
fn without_threads_every_command_does_its_work() {
    const NOBODY: u32 = 65534;
    let work = Work::with(&sound().string("long", vec![b'x'; 3 << 20]).live());
    work.decode(&[]).exits(0);
    let copy = work.path("binary");
    fs::copy(env!("CARGO_BIN_EXE_ekv-backup"), &copy).unwrap();
    let root = fs::metadata(work.path("dump")).unwrap().uid() == 0;
    if root {
        let given = Command::new("chown").arg("-R").arg(NOBODY.to_string()).arg(work.path("")).status();
        assert!(given.unwrap().success());
    }
    for arguments in ["inspect snapshot.fsm", "verify dump", "decode snapshot.fsm -o other"] {
        for progress in ["plain", "bar", "none"] {
            let script = format!("ulimit -u 1; exec ./binary {arguments} --json --progress {progress}");
            let mut command = work.command_of("sh".as_ref(), ["-c", &script]);
            if root {
                command.uid(NOBODY).gid(NOBODY);
            }
            let run = Run::of(&command.output().unwrap());
            assert!(run.exits(0).json().is_object());
            assert!(!run.err.contains("panicked"), "{}", run.err);
            if work.path("other").exists() {
                fs::remove_dir_all(work.path("other")).unwrap();
            }
        }
    }
}
