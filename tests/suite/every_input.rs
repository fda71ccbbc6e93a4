//! `list`, `get`, `du`, `diff` and `log` take every kind of input that `decode` takes; golden outputs of what has no file of
//! its own.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::Stdio;

use serde_json::Value;

use crate::tool::{Run, Work, golden, gzip, testdata};

/// Arguments that name an input, and what is piped into it.
struct Input {
    arguments: Vec<String>,
    piped: Option<Vec<u8>>,
}

/// Inputs of one and the same data; the first one is a plain file or a directory.
fn inputs(work: &Work) -> Vec<(&'static str, Vec<Input>)> {
    let live = |path: &str| testdata("live").join(path).display().to_string();
    let named = |arguments: &[&str]| Input {
        arguments: arguments.iter().map(|argument| (*argument).to_owned()).collect(),
        piped: None,
    };
    let shop = fs::read(live("shop/000000000000016e.fsm")).expect("the capture is there");
    let zstd = zstd::encode_all(&*shop, 3).expect("it can be compressed");
    work.write("shop.fsm", &shop);
    work.write("shop.fsm.zst", &zstd);
    work.write("shop.fsm.gz", &gzip(&shop));
    fs::create_dir_all(work.path("n1/group-1/fsm-snap")).expect("a directory can be made");
    work.write("n1/group-1/fsm-snap/000000000000016e.fsm", &shop);
    let piped = |bytes: &[u8]| Input { arguments: vec!["-".to_owned()], piped: Some(bytes.to_vec()) };
    let one = vec![
        named(&["shop.fsm"]),
        named(&["shop.fsm.zst"]),
        named(&["shop.fsm.gz"]),
        named(&["n1"]),
        named(&["n1/group-1/fsm-snap"]),
        piped(&shop),
        piped(&zstd),
    ];
    let groups = fs::read_dir(live("cluster/n1")).expect("the capture is there");
    let mut files = Vec::new();
    for group in groups {
        let snapshots = group.expect("it can be listed").path().join("fsm-snap");
        let snapshot = fs::read_dir(snapshots).expect("it can be listed").next().expect("there is one");
        files.push(snapshot.expect("it can be listed").path().display().to_string());
    }
    let first = fs::read(&files[0]).expect("it can be read");
    let others: Vec<_> = ["-"].into_iter().chain(files[1..].iter().map(String::as_str)).collect();
    let cluster = vec![
        named(&[&live("cluster/n1")]),
        named(&files.iter().map(String::as_str).collect::<Vec<_>>()),
        Input { piped: Some(first), ..named(&others) },
    ];
    let (snapshot, kek) = (live("encrypted/0000000000000164.fsm.gz"), live("encrypted/kek.bin"));
    let keys = live("encrypted/keys.json");
    let encrypted = vec![
        named(&[&snapshot, "--kek-file", &kek]),
        Input {
            piped: Some(fs::read(&snapshot).expect("it can be read")),
            ..named(&["-", "--kek-file", &kek, "--keys-file", &keys])
        },
    ];
    let bundle = vec![named(&[&live("sst/00000000000000e9.fsm.gz")])];
    vec![("one", one), ("groups", cluster), ("encrypted", encrypted), ("bundle", bundle)]
}

/// Runs a command: its name, the input, what follows.
fn run(work: &Work, command: &[&str], input: &Input, rest: &[&str]) -> Run {
    let (paths, options): (Vec<_>, Vec<_>) = {
        let end = input.arguments.iter().position(|argument| argument.starts_with("--"));
        let (paths, options) = input.arguments.split_at(end.unwrap_or(input.arguments.len()));
        (paths.to_vec(), options.to_vec())
    };
    let rest = rest.iter().map(|argument| (*argument).to_owned());
    let arguments: Vec<String> =
        command.iter().map(|part| (*part).to_owned()).chain(options).chain(paths).chain(rest).collect();
    let mut command = work.command(&arguments);
    let Some(bytes) = &input.piped else {
        return Run::of(&command.output().expect("the binary can be run"));
    };
    let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut child = child.expect("the binary can be run");
    let (mut pipe, bytes) = (child.stdin.take().expect("it is a pipe"), bytes.clone());
    let writer = std::thread::spawn(move || pipe.write_all(&bytes));
    let run = Run::of(&child.wait_with_output().expect("the binary ends"));
    // What is refused early is not read to its end.
    let _written = writer.join().expect("nobody panics");
    run
}

#[test]
fn every_command_takes_every_kind_of_input() {
    let work = Work::new();
    for (name, inputs) in inputs(&work) {
        let mut first: Option<(String, [String; 4])> = None;
        let dump = format!("{name}.dump");
        for (number, input) in inputs.iter().enumerate() {
            let list = run(&work, &["list", "-q", "--sort", "name", "--json"], input, &[]);
            assert!(matches!(list.code, Some(0 | 1)), "{name} {number}: {}", list.err);
            let object = if let Some((object, _)) = &first {
                object.clone()
            } else {
                let decode = run(&work, &["decode", "-q", "-o", &dump], input, &[]);
                assert!(matches!(decode.code, Some(0 | 1)), "{name}: {}", decode.err);
                // One whose file is text.
                let mut objects = list.out.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
                let is_text = |object: &Value| {
                    ["hash", "set", "item", "list"].iter().any(|kind| object["type"] == *kind)
                };
                let object = objects.rfind(is_text).expect("there is one");
                object["fullname"].as_str().expect("it has a name").to_owned()
            };
            let get = run(&work, &["get", "-q"], input, &[&object]).exits(0).out.clone();
            assert_eq!(get, work.run(["get", "-q", &dump, &object]).exits(0).out, "{name} {number}");
            let du = run(&work, &["du", "-q"], input, &[]).exits(0).out.clone();
            let log = run(&work, &["log", "-q"], input, &[&object]).exits(0).out.clone();
            assert!(du.lines().count() > 2 && !log.is_empty(), "{name} {number}");
            if input.arguments.iter().filter(|argument| !argument.contains("ke")).count() == 1 || number == 0
            {
                let diff = run(&work, &["diff", "-q"], input, &[&dump]);
                assert_eq!(diff.exits(0).out, "no differences\n", "{name} {number}");
            }
            let all = [list.out.clone(), get, du, log];
            match &first {
                Some((_, expected)) => assert!(all == *expected, "{name} {number} differs"),
                None => first = Some((object, all)),
            }
        }
        assert!(Path::new(&work.path(&dump)).exists());
    }
}

#[test]
fn golden_outputs() {
    let work = Work::new();
    let shop = "000000000000016e.fsm";
    work.write(shop, &fs::read(testdata("live/shop").join(shop)).expect("the capture is there"));
    let said = |arguments: &[&str]| {
        let run = work.run([&[arguments[0], shop, "-q"], &arguments[1..]].concat());
        let code = run.code.expect("it ended by itself");
        let end = if run.out.is_empty() || run.out.ends_with('\n') { "" } else { "\n" };
        format!("$ ekv-backup {}\n{}{end}{}exit {code}\n\n", arguments.join(" "), run.out, run.err)
    };
    let gets: String = [
        &["get", "redis/cart:user-1"][..],
        &["get", "dynamodb/orders", r#"{"customer":"user-1","no":3}"#],
        &["get", "dynamodb/orders"],
        &["get", "redis/cart:user-99"],
        &["get", "redis/session:0001", "--at", "-1h"],
        &["get", "redis/cart:user-1", "--raw"],
        &["get", "s3/nothing/here"],
        &["get", "cart"],
    ]
    .into_iter()
    .map(said)
    .collect();
    golden("get/shop.txt", gets.as_bytes());
    golden("list/messages.txt", said(&["list", "sqs/**", "--long", "--sort", "name"]).as_bytes());
    golden("list/deleted.txt", said(&["list", "--deleted", "--long", "--sort", "name"]).as_bytes());
    golden("inspect/brief.txt", said(&["inspect", "--brief"]).as_bytes());
    let part = ["decode", "--dry-run", "--only", "redis/cart:*", "--only", "s3/product-images/**"];
    golden("decode/dry-run.txt", said(&part).as_bytes());
    work.run(["decode", shop, "-q", "-o", "dump.tar"]).exits(0);
    let mut list = work.command_of(Path::new("tar"), ["-tvf", "dump.tar", "--full-time", "--utc"]);
    let list = list.env("PATH", "/usr/bin:/bin").env("TZ", "UTC").output().expect("tar is there");
    golden("archive/shop.txt", &list.stdout);
}
