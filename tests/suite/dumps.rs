//! Dumps as inputs: a tree and its archives give `list`, `get` and `diff` what the snapshot gives them.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::io::{self, Write};
use std::process::Stdio;

use ekv_backup::interrupt::Interrupt;
use ekv_backup::progress::Progress;
use ekv_backup::sort::Scratch;
use ekv_backup::tree::Dump;
use serde_json::Value;

use crate::fixture::Snapshot;
use crate::list::{CAPTURES, input, on_capture};
use crate::tool::{Run, Work};

/// The three forms of a dump.
const DUMPS: [&str; 3] = ["dump", "dump.tar", "dump.tar.zst"];

/// Counts each line.
fn lines(text: &str) -> BTreeMap<&str, usize> {
    let mut lines = BTreeMap::new();
    text.lines().for_each(|line| *lines.entry(line).or_default() += 1);
    lines
}

fn a_dump_is_as_good_as_its_snapshot(capture: &str) {
    let (work, input) = (Work::new(), input(capture));
    let run = |arguments: &[&OsStr]| on_capture(&work, capture, arguments);
    let paths = DUMPS.map(|name| work.path(name).into_os_string());
    for path in &paths {
        run(&["decode".as_ref(), "-q".as_ref(), input.as_ref(), "-o".as_ref(), path]);
    }
    let listed = run(&["list".as_ref(), "-q".as_ref(), input.as_ref()]);
    let names = lines(&listed.out);
    let manifest = fs::read(work.path("dump/MANIFEST.json")).expect("a dump has a manifest");
    let manifest: Value = serde_json::from_slice(&manifest).expect("it is JSON");
    let problems = manifest["problems"].as_u64().unwrap_or_default() as usize;
    for path in &paths {
        let of_dump = work.run(["list".as_ref(), "-q".as_ref(), path.as_os_str()]);
        assert_eq!(of_dump.code, Some(i32::from(problems > 0)), "{capture}: {}", of_dump.err);
        let found = lines(&of_dump.out);
        let extra: Vec<_> = found.keys().filter(|name| !names.contains_key(*name)).collect();
        assert!(extra.is_empty(), "{capture}: {extra:?}");
        // Objects that are not whole are a problem, and not in the dump.
        let missing: Vec<_> = names.iter().filter(|(name, count)| found.get(*name) != Some(count)).collect();
        assert!(missing.len() <= problems, "{capture}: {missing:?}");
    }
    let sides: Vec<&OsStr> = paths.iter().map(AsRef::as_ref).chain([input.as_ref()]).collect();
    for (number, old) in sides.iter().enumerate() {
        for new in &sides[number + 1..] {
            let diff = run(&["diff".as_ref(), "-q".as_ref(), old, new]);
            assert_eq!(
                (diff.code, &*diff.out),
                (Some(0), "no differences\n"),
                "{capture}: {} {}: {}",
                old.display(),
                new.display(),
                diff.err
            );
        }
    }
    let scratch = Scratch::new(work.path(""));
    let shared = (&Interrupt::default(), &Progress::default());
    let files = work.dump().files;
    for path in &paths {
        let mut dump = Dump::open(path.as_ref(), &scratch, shared).unwrap().expect("there is a dump");
        let mut rows = dump.rows().unwrap();
        let mut count = 0;
        while let Some((path, digest)) = rows.next().unwrap() {
            let mut found = Vec::new();
            let digest = digest.try_into().unwrap();
            io::copy(&mut dump.proved(path, digest).unwrap(), &mut found).unwrap();
            assert!(files.get(path) == Some(&found), "{capture}: {}", path.escape_ascii());
            count += 1;
        }
        // CHECKSUMS itself has no row.
        assert_eq!(count + 1, files.len(), "{capture}");
    }
    assert_eq!(work.names(), DUMPS, "{capture}: nothing else is left");
}

#[test]
fn every_capture_reads_the_same_from_its_dumps() {
    CAPTURES.into_iter().for_each(a_dump_is_as_good_as_its_snapshot);
}

#[test]
fn get_passes_on_the_file_by_name_and_by_path() {
    let work = Work::new();
    let shop = crate::tool::testdata("live/shop/000000000000016e.fsm");
    for dump in DUMPS {
        work.run(["decode".as_ref(), "-q".as_ref(), shop.as_os_str(), "-o".as_ref(), dump.as_ref()]);
    }
    let names = work.run(["list", "-q", "dump"]).out.clone();
    let mut count = 0;
    for name in names.lines() {
        let [one, tar, zst] = DUMPS
            .map(|dump| work.command(["get", "-q", dump, name]).output().expect("the binary can be run"));
        assert!(one == tar && one == zst, "{name}");
        count += usize::from(one.status.success());
    }
    assert!(count > 100, "{count}");
    let carts = work.run(["get", "dump.tar", "dump/redis/db_0/hashes/cart%3Auser-1.json"]);
    assert_eq!(
        carts.exits(0).out,
        fs::read_to_string(work.path("dump/redis/db_0/hashes/cart%3Auser-1.json")).unwrap()
    );
}

#[test]
fn list_of_a_dump_knows_sizes_and_types_and_no_times() {
    let snapshot = Snapshot::new().string("small", b"1").string("large", vec![b'v'; 100]);
    let work = Work::with(&snapshot.live());
    for dump in DUMPS {
        work.run(["decode", "snapshot.fsm", "-o", dump]).exits(0);
        let list = |arguments: &[&str]| work.run([&["list", dump], arguments].concat());
        assert_eq!(list(&["--sort", "size"]).exits(0).out, "redis/large\nredis/small\n");
        assert_eq!(list(&["--sort", "size", "--limit", "1"]).exits(0).out, "redis/large\n");
        assert_eq!(list(&["redis/s*"]).exits(0).out, "redis/small\n");
        assert_eq!(
            list(&["redis/s*", "--json"]).exits(0).out,
            "{\"service\":\"redis\",\"scope\":\"db_0\",\"name\":\"small\",\"fullname\":\"redis/small\",\
             \"type\":\"string\",\"bytes\":1}\n"
        );
        let long = list(&["redis/small", "--long"]).exits(0).out.clone();
        assert_eq!(
            long.split_whitespace().collect::<Vec<_>>(),
            ["string", "1", "-", "-", "-", "redis/small"]
        );
        assert!(list(&["redis/x"]).exits(1).err.contains("redis/small"));
        for times in [
            &["--since", "-1h"][..],
            &["--until", "-1h"],
            &["--at", "-1h"],
            &["--sort", "time"],
            &["--deleted"],
        ] {
            let run = list(times);
            assert!(run.exits(2).err.contains("a dump"), "{}", run.err);
            assert_eq!(run.out, "");
        }
    }
}

/// Runs the command with a file on standard input, as it is or through a pipe.
fn with_input(work: &Work, arguments: &[&str], input: &[u8], piped: bool) -> Run {
    let mut command = work.command(arguments);
    if !piped {
        work.write("input", input);
        command.stdin(fs::File::open(work.path("input")).unwrap());
        return Run::of(&command.output().unwrap());
    }
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let (mut pipe, input) = (child.stdin.take().unwrap(), input.to_vec());
    // The first bytes come alone: what is looked at is no block of the pipe.
    let writer = std::thread::spawn(move || {
        let (head, rest) = input.split_at(3.min(input.len()));
        let _ = pipe.write_all(head).and_then(|()| pipe.flush());
        std::thread::sleep(std::time::Duration::from_millis(20));
        let _ = pipe.write_all(rest);
    });
    let run = Run::of(&child.wait_with_output().unwrap());
    writer.join().unwrap();
    run
}

#[test]
fn standard_input_holds_a_snapshot_or_an_archive() {
    let work = Work::new();
    let shop = fs::read(crate::tool::testdata("live/shop/000000000000016e.fsm")).unwrap();
    work.write("shop.fsm", &shop);
    for archive in &DUMPS[1..] {
        work.run(["decode", "-q", "shop.fsm", "-o", archive]).exits(0);
    }
    let zst = zstd::encode_all(&*shop, 3).unwrap();
    let gz = crate::tool::gzip(&shop);
    let [tar, tar_zst] = ["dump.tar", "dump.tar.zst"].map(|name| fs::read(work.path(name)).unwrap());
    let listed = |text: &str| lines(text).into_iter().map(|(line, count)| (line.to_owned(), count)).collect();
    let names: BTreeMap<String, usize> = listed(&work.run(["list", "-q", "shop.fsm"]).out);
    let cart = work.run(["get", "-q", "shop.fsm", "redis/cart:user-1"]).exits(0).out.clone();
    let log = work.run(["log", "-q", "shop.fsm", "redis/cart:user-1"]).exits(0).out.clone();
    let [du, du_of_dump] =
        ["shop.fsm", "dump.tar"].map(|input| work.run(["du", "-q", input]).exits(0).out.clone());
    for piped in [true, false] {
        for (input, is_dump) in [(&tar, true), (&tar_zst, true), (&shop, false), (&zst, false), (&gz, false)]
        {
            let run = |arguments: &[&str]| with_input(&work, arguments, input, piped);
            assert_eq!(listed(&run(&["list", "-q", "-"]).exits(0).out), names);
            assert_eq!(run(&["get", "-q", "-", "redis/cart:user-1"]).exits(0).out, cart);
            assert_eq!(run(&["diff", "-q", "-", "shop.fsm"]).exits(0).out, "no differences\n");
            assert_eq!(run(&["diff", "-q", "dump.tar", "-"]).exits(0).out, "no differences\n");
            let (code, log, du) = if is_dump { (3, "", &*du_of_dump) } else { (0, &*log, &*du) };
            assert_eq!(run(&["log", "-q", "-", "redis/cart:user-1"]).exits(code).out, log);
            assert_eq!(run(&["du", "-q", "-"]).exits(0).out, du);
        }
        for (input, why) in [
            (&b"hello"[..], "not a snapshot"),
            (b"", "the file is empty"),
            (b"EKV", "not a snapshot"),
            (&tar[..3000], "the archive is damaged"),
            (&tar_zst[..3000], "incomplete frame"),
            (&tar_zst[..tar_zst.len() - 20], "the archive is damaged"),
            (&zst[..3000], "incomplete frame"),
            (&zst[..20], "incomplete frame"),
        ] {
            let run = with_input(&work, &["list", "-"], input, piped);
            assert!(run.exits(3).err.contains(why), "{}", run.err);
        }
        for arguments in [&["diff", "-", "-"][..], &["diff", "-", "--old-at", "-1h"]] {
            let run = with_input(&work, arguments, &shop, piped);
            assert!(run.exits(2).err.contains("only once"), "{}", run.err);
        }
    }
}

#[test]
fn what_is_damaged_is_not_passed_off() {
    let work = Work::with(&Snapshot::new().string("a", vec![b'v'; 5000]).string("b", b"2").live());
    for dump in DUMPS {
        work.run(["decode", "snapshot.fsm", "-o", dump]).exits(0);
    }
    let refused = |arguments: &[&str], why: &str| {
        let run = work.run(arguments);
        assert!(run.exits(3).err.contains(why), "{arguments:?}: {}", run.err);
        assert_eq!(run.out, "", "{arguments:?}");
    };
    // A byte of the contents.
    let mut tar = fs::read(work.path("dump.tar")).unwrap();
    let at = tar.windows(5).position(|bytes| bytes == b"vvvvv").unwrap();
    tar[at + 4000] = b'x';
    work.write("bad.tar", &tar);
    fs::write(work.path("dump/redis/db_0/strings/a.bin"), [b'v'; 4999]).unwrap();
    for dump in ["bad.tar", "dump"] {
        refused(&["get", dump, "redis/a"], "a.bin: has another digest than CHECKSUMS says");
        assert_eq!(work.run(["get", dump, "redis/b"]).exits(0).out, "2");
    }
    fs::remove_file(work.path("dump/redis/db_0/strings/a.bin")).unwrap();
    refused(&["get", "dump", "redis/a"], "a.bin: no regular file is there");
    refused(&["list", "dump", "redis/a"], "a.bin: no regular file is there");
    // Cut, and cut where an entry ends; a byte of a compressed one.
    let tar = fs::read(work.path("dump.tar")).unwrap();
    let zst = fs::read(work.path("dump.tar.zst")).unwrap();
    let mut flipped = zst.clone();
    flipped[zst.len() / 2] ^= 0x40;
    let checksums = tar.len() - 2048;
    for (name, bytes) in [
        ("cut.tar", &tar[..2000]),
        ("no-end.tar", &tar[..checksums]),
        ("cut.tar.zst", &zst[..zst.len() - 20]),
        ("flipped.tar.zst", &flipped),
        ("foreign.tar", b"no archive"),
        ("empty.tar", b""),
    ] {
        work.write(name, bytes);
        refused(&["get", name, "redis/b"], name);
        refused(&["list", name], name);
        refused(&["diff", name, "dump.tar"], name);
        refused(&["diff", "dump.tar", name], name);
    }
    // A file that CHECKSUMS does not list, and one that it lists and that is not there.
    work.run(["decode", "snapshot.fsm", "-o", "other"]).exits(0);
    let pack = |name: &str| {
        let status = work
            .command_of("tar".as_ref(), ["-c", "-f", name, "-C", "other", "."])
            .env("PATH", "/usr/bin:/bin")
            .status();
        assert!(status.unwrap().success());
    };
    pack("sound.tar");
    assert_eq!(work.run(["diff", "sound.tar", "dump.tar"]).exits(0).out, "no differences\n");
    fs::write(work.path("other/redis/db_0/strings/c.bin"), "3").unwrap();
    pack("more.tar");
    refused(&["get", "more.tar", "redis/c"], "c.bin: is not in CHECKSUMS");
    refused(&["list", "more.tar"], "lists 3 files, and 4 are there");
    refused(&["diff", "more.tar", "dump.tar"], "lists 3 files, and 4 are there");
    fs::remove_file(work.path("other/redis/db_0/strings/c.bin")).unwrap();
    fs::remove_file(work.path("other/redis/db_0/strings/b.bin")).unwrap();
    pack("less.tar");
    refused(&["get", "less.tar", "redis/b"], "b.bin: no regular file is there");
    refused(&["list", "less.tar"], "b.bin: is not there, and CHECKSUMS lists it");
    std::os::unix::fs::symlink("a.bin", work.path("other/redis/db_0/strings/b.bin")).unwrap();
    pack("link.tar");
    refused(&["list", "link.tar"], "b.bin: symbolic link");
}
