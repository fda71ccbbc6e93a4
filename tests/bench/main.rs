//! What the tool costs beside what the machine allows: `cargo bench`, `cargo bench -- --quick`.
//!
//! Each measure runs the release binary and, in turn with it, the least that the job needs on the same file system:
//! create the same files, read or hash the same bytes. Both are repeated; the table shows medians. Nothing is asserted.
//! `BENCH_DIR` chooses the file system.

#![allow(unreachable_pub, reason = "modules that several test programs share")]
#![allow(clippy::indexing_slicing, clippy::cast_possible_truncation, reason = "a panic ends a failed run")]
#![allow(clippy::cast_precision_loss, reason = "rates are rounded anyway")]

mod asking;
mod exports;
#[path = "../fixture/mod.rs"]
#[allow(dead_code, unused_imports, reason = "each target uses its own part")]
mod fixture;
#[path = "../snapshot/generator/mod.rs"]
mod generator;
mod limit;
mod stage;

use std::env;

use stage::Stage;

fn main() {
    let arguments: Vec<String> = env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let quick = arguments.iter().any(|argument| argument == "--quick");
    let only = arguments.iter().find(|argument| !argument.starts_with('-')).cloned().unwrap_or_default();
    let mut stage = Stage::new(quick, only);
    let scale = if quick { 10 } else { 1 };

    // Trees of many files stay to the end and take memory or inodes that others would have to wait for: they come last.
    inspect(&mut stage, 100_000 / scale);
    asking::measure(&mut stage, 1_000_000 / scale);
    asking::get(&mut stage, 2_000_000 / scale, 2000 / scale);
    tables(&mut stage, 100_000 / scale, 1000 / scale);
    exports::measure(&mut stage, 1_000_000 / scale);
    several(&mut stage, if quick { 200_000 } else { 2_000_000 }, if quick { 5_000 } else { 50_000 });
    transactions(&mut stage, if quick { 100_000 } else { 10_000_000 });
    bodies(&mut stage, 256 / scale);
    encoding(&mut stage, 256 / scale, 300_000 / scale);
    encrypted(&mut stage, 256 / scale, 300_000 / scale);
    lines(&mut stage, 300_000 / scale);
    small_files(&mut stage, 100_000 / scale);
    divided(&mut stage, 200_000 / scale);
    memory(&mut stage, 100_000 / scale, if quick { "1GiB" } else { "10GiB" });
    stage.print();
}

/// The scan alone.
fn inspect(stage: &mut Stage, count: usize) {
    let snapshot = stage.snapshot("history", &["--redis-strings", &count.to_string(), "--versions", "40"]);
    stage.measure(
        "inspect / read the file",
        snapshot.bytes,
        |_| stage::run(&["inspect", &snapshot.path, "--json"]),
        |_| limit::read(&snapshot.path),
    );
}

/// The scan of SST tables beside that of the same rows in the native payload: small rows, which Snappy halves several
/// times, and large ones, which it leaves as they are.
fn tables(stage: &mut Stage, strings: usize, bodies: usize) {
    let (strings, bodies) = (strings.to_string(), bodies.to_string());
    let shapes = [
        ("rows of 253 B", ["--redis-strings", &strings, "--versions", "40"]),
        ("bodies of 1 MiB", ["--s3-objects", &bodies, "--s3-object-size", "1MiB"]),
    ];
    for (name, shape) in shapes {
        let name = format!("inspect SST tables, {name} / inspect the native payload");
        stage.against_native(&name, &shape);
    }
}

/// Several groups' files beside the same files one by one: ranges of their own, as groups have them, and keys that
/// alternate.
fn several(stage: &mut Stage, rows: u64, files: u64) {
    const INPUTS: u64 = 4;
    let shapes = |strings: u64| {
        (0..INPUTS).map(move |input| {
            let (first, count) = (input * strings, strings.to_string());
            ["--redis-strings".to_owned(), count, "--first".to_owned(), first.to_string()]
        })
    };
    let parts: Vec<_> =
        (0..).zip(shapes(rows / INPUTS)).map(|(at, shape)| stage.part("group", at, &shape)).collect();
    stage.against_parts("inspect of 4 groups / one by one", &parts, false);
    let mixed =
        |at: u64| ["--redis-hashes", "20000", "--first", &(at * 20_000).to_string()].map(str::to_owned);
    let parts: Vec<_> = (0..INPUTS).map(|at| stage.part("hashes", at, &mixed(at))).collect();
    stage.against_parts("decode of 4 groups' hashes / one by one", &parts, true);
    let parts: Vec<_> =
        (0..).zip(shapes(files / INPUTS)).map(|(at, shape)| stage.part("small", at, &shape)).collect();
    stage.against_parts("decode of 4 groups' strings / one by one", &parts, true);
    for count in [1, 4, 16] {
        let shape = |at: u64| {
            ["--redis-strings", "100000", "--first", &(at * 100_000).to_string()].map(str::to_owned)
        };
        let shapes: Vec<_> = (0..count).map(shape).collect();
        stage.inspect_memory(&format!("memory, inspect of {count} inputs of 24 MB"), &shapes);
    }
}

/// Transactions in flight: time and memory for a number of locks and for a hundredth of it.
fn transactions(stage: &mut Stage, count: u64) {
    for count in [count / 100, count].map(|count| count.to_string()) {
        let shape = ["--locks", &count, "--commit-records", &count].map(str::to_owned);
        stage.inspect_memory(&format!("memory, {count} locks of committed transactions"), &[shape]);
    }
}

/// Large bodies, and verification.
fn bodies(stage: &mut Stage, count: usize) {
    let shape = ["--s3-objects", &count.to_string(), "--s3-object-size", "4MiB"];
    let snapshot = stage.snapshot("bodies", &shape);
    stage.against_hash("S3 bodies of 4 MiB / SHA-256 of the file", &snapshot);
    for archive in ["dump.tar", "dump.tar.zst"] {
        stage.measure(
            &format!("{archive} of S3 bodies of 4 MiB / SHA-256 of the file"),
            snapshot.bytes,
            |stage| stage.archive_once(&snapshot, archive),
            |_| limit::hash(&snapshot.path),
        );
    }
    let tree = stage.kept_tree(&snapshot, &[]);
    stage.measure(
        "verify / SHA-256 of the tree",
        snapshot.bytes,
        |_| stage::run(&["verify", &tree]),
        |_| limit::hash_tree(&tree),
    );
}

/// The way back: large bodies beside a copy of them, messages of 200 bytes beside the hash of their lines; of one core and of
/// what is made, without what proves it.
fn encoding(stage: &mut Stage, bodies: usize, messages: usize) {
    let (bodies, messages) = (bodies.to_string(), messages.to_string());
    for (name, shape) in [
        ("bodies of 4 MiB", ["--s3-objects", &bodies, "--s3-object-size", "4MiB"]),
        ("messages of 200 bytes", ["--sqs-queues", "1", "--sqs-messages", &messages]),
    ] {
        let snapshot = stage.snapshot(name.split(' ').next().unwrap_or(name), &shape);
        let tree = stage.kept_tree(&snapshot, &[]);
        for (how, more) in [("", &["--no-self-test", "--no-verify"][..]), (", verified and proved", &[])] {
            stage.measure(
                &format!("encode {name}{how} / copy"),
                snapshot.bytes,
                |stage| stage.encode_once(&tree, more),
                |stage| stage.copy_once(&snapshot),
            );
        }
    }
}

/// Authentication and decryption, of large bodies and of small ones, beside AES-256-GCM alone on one thread.
fn encrypted(stage: &mut Stage, bodies: usize, strings: usize) {
    let (bodies, strings) = (bodies.to_string(), strings.to_string());
    let shapes = [
        ("bodies", ["--s3-objects", &bodies, "--s3-object-size", "4MiB"], 1 << 20),
        ("strings of 200 B", ["--redis-strings", &strings, "--versions", "1"], 200),
    ];
    for (name, shape, body) in shapes {
        if !stage.wants("AES-256-GCM") {
            return;
        }
        let plain = stage.snapshot("plain", &shape);
        let sealed = Stage::seal(&plain);
        let keys = sealed.keys();
        let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
        let inspect = [&["inspect", &sealed.path], &keys[..]].concat();
        let text = std::cell::RefCell::new(std::fs::read(&plain.path).expect("files can be read"));
        stage.measure(
            &format!("inspect encrypted {name} / AES-256-GCM"),
            sealed.bytes,
            |_| stage::run(&inspect),
            |_| limit::seal(&mut text.borrow_mut(), body),
        );
        if body > 200 {
            stage.measure(
                &format!("decode encrypted {name} / decode plain and AES-256-GCM"),
                sealed.bytes,
                |stage| stage.decode_once(&sealed, &keys),
                |stage| {
                    stage.decode_once(&plain, &[]);
                    limit::seal(&mut text.borrow_mut(), body);
                },
            );
        }
    }
}

/// Items as lines; messages, sorted into one file a queue.
fn lines(stage: &mut Stage, count: usize) {
    let count = count.to_string();
    let snapshot = stage.snapshot("jsonl", &["--dynamodb-tables", "1", "--dynamodb-items", &count]);
    let bundle = ["--dynamodb-layout", "jsonl"];
    stage.against_files("DynamoDB JSONL / create the files", &snapshot, &bundle);
    let snapshot = stage.snapshot("messages", &["--sqs-queues", "1", "--sqs-messages", &count]);
    stage.against_files("SQS messages / create the file", &snapshot, &[]);
    let snapshot = stage.snapshot("lines", &["--redis-strings", &count]);
    stage.against_files(
        "Redis strings of 200 B, a line each / create the file",
        &snapshot,
        &["--layout", "jsonl"],
    );
}

/// Strings, items and objects, a file or two each.
fn small_files(stage: &mut Stage, count: usize) {
    let [strings, items, objects] = [count, count / 10 * 3, count / 5].map(|count| count.to_string());
    let snapshot = stage.snapshot("strings", &["--redis-strings", &strings, "--versions", "2"]);
    stage.against_files("Redis strings of 200 B / create the files", &snapshot, &[]);
    for archive in ["dump.tar", "dump.tar.zst"] {
        stage.against_tree(&format!("{archive} of Redis strings of 200 B / the tree"), &snapshot, archive);
    }
    let snapshot = stage.snapshot("items", &["--dynamodb-tables", "1", "--dynamodb-items", &items]);
    stage.against_files("DynamoDB items / create the files", &snapshot, &[]);
    let snapshot = stage.snapshot("objects", &["--s3-objects", &objects, "--s3-object-size", "4KiB"]);
    stage.against_files("S3 objects of 4 KiB / create two files each", &snapshot, &[]);
}

/// Work by two jobs, and in two shares.
fn divided(stage: &mut Stage, count: usize) {
    let [strings, items, objects, bodies] =
        [count, count / 8, count / 10, count / 2000].map(|count| count.to_string());
    let (strings, objects) = (
        ["--redis-strings", &strings, "--versions", "1"],
        ["--s3-objects", &objects, "--s3-object-size", "4KiB"],
    );
    let items = ["--dynamodb-tables", "4", "--dynamodb-items", &items];
    let bodies = ["--s3-objects", &bodies, "--s3-object-size", "1MiB"];
    let shapes: [(_, _, &[&str]); 10] = [
        ("strings", strings, &["decode"]),
        ("items, a file each", items, &["decode"]),
        ("S3 objects of 4 KiB", objects, &["decode"]),
        ("S3 bodies of 1 MiB", bodies, &["decode"]),
        ("strings as lines", strings, &["decode", "--layout", "jsonl"]),
        ("items as lines", items, &["decode", "--dynamodb-layout", "jsonl"]),
        ("strings as RESP", strings, &["export", "--to", "resp"]),
        ("strings as JSONL", strings, &["export", "--to", "jsonl"]),
        ("items as JSONL", items, &["export", "--to", "jsonl"]),
        ("items as Parquet", items, &["export", "--to", "parquet"]),
    ];
    for (name, shape, command) in shapes {
        let snapshot = stage.snapshot("divided", &shape);
        stage.against_one_job(&format!("{name}, two jobs / one"), &snapshot, command);
        if name == "strings" {
            stage.against_links("merge of two shares of strings / link the files", &snapshot);
        }
    }
}

/// Peak memory: the same for a number of objects and ten times as many, and for one object that fits into no memory.
fn memory(stage: &mut Stage, count: usize, object: &str) {
    for count in [count, 10 * count].map(|count| count.to_string()) {
        for archive in ["dump.tar", "dump.tar.zst"] {
            let name = format!("memory, {archive} of {count} Redis strings");
            stage.memory_archive(&name, &["--redis-strings", &count], archive);
        }
        stage.memory(&format!("memory, {count} Redis strings"), &["--redis-strings", &count], &[]);
        let items = ["--dynamodb-tables", "1", "--dynamodb-items", &count];
        stage.memory(&format!("memory, {count} DynamoDB items"), &items, &["--dynamodb-layout", "jsonl"]);
        let (name, shape) =
            (format!("memory, {count} Redis strings, a line each"), ["--redis-strings", &count]);
        stage.memory(&name, &shape, &["--layout", "jsonl"]);
        let messages = ["--sqs-queues", "1", "--sqs-messages", &count];
        stage.memory(&format!("memory, {count} SQS messages"), &messages, &[]);
    }
    for payload in ["native", "sst"] {
        let shape = ["--s3-objects", "1000", "--s3-object-size", "1MiB", "--payload", payload];
        stage.memory(&format!("memory, 1 GiB of S3 objects, {payload} payload"), &shape, &[]);
        let strings = ["--redis-strings", "50000", "--payload", payload];
        stage.memory(&format!("memory, 50000 Redis strings, {payload} payload"), &strings, &[]);
    }
    let shape = ["--s3-objects", "1", "--s3-object-size", object];
    stage.memory(&format!("memory, an S3 object of {object}"), &shape, &[]);
    let (strings, count) = ("memory, encrypted Redis strings", count.to_string());
    stage.memory_encrypted(strings, &["--redis-strings", &count]);
    let shape = ["--s3-objects", "1", "--s3-object-size", "1GiB"];
    stage.memory_encrypted("memory, an encrypted S3 object of 1GiB", &shape);
}
