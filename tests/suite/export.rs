//! `export`: the bytes of each format, what is named, and where it goes.

use std::ffi::OsStr;
use std::fs;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::process::Output;

use sha2::{Digest, Sha256};

use crate::dump::{Tree, checksum_faults};
use crate::fixture::Snapshot;
use crate::list::{input, on_capture};
use crate::tool::{Work, golden};

/// Runs an export of `snapshot.fsm`; what it prints need not be text.
fn export(work: &Work, arguments: &[&str]) -> Output {
    // The patterns come right behind the input, options may stand anywhere.
    let mut command = work.command([&["export", "snapshot.fsm"], arguments].concat());
    command.output().expect("the binary can be run")
}

fn words(run: &Output) -> String {
    String::from_utf8(run.stderr.clone()).expect("the binary writes UTF-8")
}

/// Shows commands a line each, so that a golden can be read.
fn shown(commands: &[u8]) -> String {
    let mut rest = commands;
    let mut text = String::new();
    let number = |rest: &mut &[u8], mark: u8| {
        let end = rest.windows(2).position(|pair| pair == b"\r\n").expect("a line ends");
        assert_eq!(rest[0], mark);
        let number: usize = std::str::from_utf8(&rest[1..end]).unwrap().parse().expect("a number");
        *rest = &rest[end + 2..];
        number
    };
    while !rest.is_empty() {
        let arguments: Vec<_> = (0..number(&mut rest, b'*'))
            .map(|_| {
                let length = number(&mut rest, b'$');
                let (argument, behind) = rest.split_at(length);
                rest = behind.strip_prefix(b"\r\n").expect("an argument ends");
                format!("\"{}\"", argument.escape_ascii())
            })
            .collect();
        text += &arguments.join(" ");
        text.push('\n');
    }
    text
}

/// Returns a row of a collection: the family, the key behind its length, and what follows.
fn row(family: &str, key: &str, rest: &[u8]) -> Vec<u8> {
    [family.as_bytes(), &u32::try_from(key.len()).unwrap().to_be_bytes(), key.as_bytes(), rest].concat()
}

fn numbers(numbers: &[u64]) -> Vec<u8> {
    numbers.iter().flat_map(|number| number.to_be_bytes()).collect()
}

/// A snapshot of Redis keys with one of each thing that an export has to look at.
fn redis() -> Vec<u8> {
    const EXPIRY: u64 = 1_800_000_000_123;
    let string = |name: &[u8]| [b"!redis|str|", name].concat();
    let item = |key: &str, at: i64| {
        [b"!lst|itm|", key.as_bytes(), &(at.cast_unsigned() ^ 1 << 63).to_be_bytes()].concat()
    };
    let hll = |members: &[u8]| [b"\xff\x02\x00\0RS\x01", members].concat();
    let entry = |message: &[u8]| [b"\0RXE\x01", message].concat();
    Snapshot::new()
        .put(string(b"plain"), b"\xff\x01\x00value")
        .put(string(b"expires"), [b"\xff\x01\x01".as_slice(), &EXPIRY.to_be_bytes(), b"soon"].concat())
        .put(string(b"key \xff\x00"), b"\xff\x01\x00\x80\r\n\x00")
        .put(string(b"both"), b"\xff\x01\x00string")
        .put(b"!redis|hll|both", hll(b"\x0a\x01a"))
        .put(b"!redis|hll|alone", hll(b"\x0a\x01a\x0a\x02bc"))
        .put(b"!redis|hll|none", hll(b""))
        .put(b"!redis|hll|torn", hll(b"\x0a\x09a"))
        .put(row("!hs|fld|", "hash", b"f\xff"), b"v\x00")
        .put(row("!hs|fld|", "hash", b""), b"")
        .put(row("!hs|meta|", "hash", b""), numbers(&[2, EXPIRY]))
        .put(row("!hs|meta|", "empty hash", b""), numbers(&[0, EXPIRY]))
        .put(row("!st|meta|", "empty set", b""), numbers(&[0, 0]))
        .put(b"!lst|meta|list", numbers(&[(-1_i64).cast_unsigned(), 2, 3, 0]))
        .put(item("list", -1), b"first")
        .put(item("list", 0), b"")
        .put(item("list", 1), b"first")
        .put(b"!lst|meta|empty list", numbers(&[5, 5, 0, 0]))
        .put(row("!st|mem|", "set", b"b"), b"")
        .put(row("!st|mem|", "set", b"a"), b"")
        .put(row("!zs|mem|", "zset", b"half"), 0.5_f64.to_be_bytes())
        .put(row("!zs|mem|", "zset", b"least"), f64::NEG_INFINITY.to_be_bytes())
        .put(row("!zs|mem|", "zset", b"most"), f64::INFINITY.to_be_bytes())
        .put(row("!zs|mem|", "zset", b"zero"), (-0.0_f64).to_be_bytes())
        .put(row("!zs|mem|", "zset", b"tiny"), 5e-324_f64.to_be_bytes())
        .put(row("!stream|meta|", "stream", b""), numbers(&[3, 9, 4, 0, 0, 0]))
        .put(
            row("!stream|entry|", "stream", &numbers(&[7, 0])),
            entry(b"\x0a\x037-0\x12\x01f\x12\x01v\x12\x01f\x12\x00"),
        )
        .put(row("!stream|entry|", "stream", &numbers(&[7, 1])), entry(b"\x0a\x037-1"))
        .put(row("!stream|entry|", "stream", &numbers(&[8, 2])), entry(b"\x0a\x038-2\x12\x01g\x12\x02vw"))
        .put(row("!stream|meta|", "trimmed", b""), numbers(&[0, 9, 4, EXPIRY, 9, 4]))
        .put(row("!stream|meta|", "virgin", b""), numbers(&[0, 0, 0, 0, 0, 0]))
        .put(b"bare", b"value")
        .live()
}

#[test]
fn commands_make_the_keys_anew_and_say_what_redis_cannot_hold() {
    let work = Work::with(&redis());
    let run = export(&work, &["--to", "resp"]);
    assert_eq!(run.status.code(), Some(1), "{}", words(&run));
    let replace = export(
        &work,
        &["--to", "resp", "--replace", "--legacy-redis-strings", "redis/[bel]*", "redis/trimmed"],
    );
    assert_eq!(replace.status.code(), Some(0), "{}", words(&replace));
    let text =
        format!("{}\n{}\n{}\n{}", shown(&run.stdout), words(&run), shown(&replace.stdout), words(&replace));
    golden("export/resp.txt", text.as_bytes());
}

#[test]
fn a_directory_appears_when_it_is_complete() {
    let work = Work::with(&redis());
    export(&work, &["--to", "resp", "-o", "out", "-q"]);
    assert_eq!(work.names(), ["out", "snapshot.fsm"]);
    let tree = Tree::read(&work.path("out")).expect("the directory can be read");
    assert_eq!(checksum_faults(&tree), Vec::<String>::new());
    let names: Vec<_> = tree.files.keys().map(|path| String::from_utf8_lossy(path).into_owned()).collect();
    assert_eq!(names, ["CHECKSUMS", "EXPORT.json", "PROBLEMS.jsonl", "redis.resp"]);
    assert_eq!(tree.files[b"redis.resp".as_slice()], export(&work, &["--to", "resp", "-q"]).stdout);
    for (name, mode) in [("out", 0o700), ("out/redis.resp", 0o600)] {
        assert_eq!(work.path(name).metadata().unwrap().permissions().mode() & 0o777, mode, "{name}");
    }
    let again = export(&work, &["--to", "resp", "-o", "out"]);
    assert_eq!(again.status.code(), Some(2), "{}", words(&again));
    let nothing = export(&work, &["redis/nothing", "--to", "resp", "-o", "new"]);
    assert_eq!(nothing.status.code(), Some(2), "{}", words(&nothing));
    assert_eq!(work.names(), ["out", "snapshot.fsm"]);
    let json =
        work.run(["export", "snapshot.fsm", "--to", "resp", "-o", "new", "--json", "-q"]).exits(1).json();
    assert_eq!(json["objects"]["redis"]["db_0"], 17, "{json}");
    assert_eq!(
        (&json["command"], &json["to"], &json["problems"]),
        (&"export".into(), &"resp".into(), &1.into())
    );
    assert_eq!(json["warning_counts"]["export_redis_empty"], 3);
}

/// Exports a capture into a directory and returns its files as one text, those of gzip unpacked, and the words.
fn files_of(capture: &str, options: &[&str]) -> String {
    let work = Work::new();
    let out = work.path("out");
    let (input, out_text) = (input(capture), out.to_string_lossy().into_owned());
    let mut arguments: Vec<&OsStr> = ["export", "-o", &out_text, &input].map(OsStr::new).into();
    arguments.extend(options.iter().map(OsStr::new));
    let run = on_capture(&work, capture, &arguments);
    assert!(matches!(run.code, Some(0 | 1)), "{}", run.err);
    let tree = Tree::read(&out).expect("the directory can be read");
    assert_eq!(checksum_faults(&tree), Vec::<String>::new());
    let mut text = String::new();
    for (path, content) in &tree.files {
        text += &["== ", &path.escape_ascii().to_string(), "\n"].concat();
        let content = match path.rsplit(|&byte| byte == b'.').next() {
            Some(b"gz") => unpacked(content),
            Some(b"zst") => zstd::decode_all(&**content).expect("a whole zstd file"),
            _ => content.clone(),
        };
        match String::from_utf8(content) {
            Ok(content)
                if [&b".jsonl"[..], b".json", b".gz", b".zst", b".sh", b"s5cmd.txt"]
                    .iter()
                    .any(|end| path.ends_with(end)) =>
            {
                text += &content;
            }
            _ => {}
        }
    }
    let said: Vec<_> = run.err.lines().filter(|line| line.contains("export_")).collect();
    text + &said.join("\n")
}

fn unpacked(gzip: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    flate2::read::MultiGzDecoder::new(gzip).read_to_end(&mut bytes).expect("a whole gzip file");
    bytes
}

#[test]
fn tables_come_with_their_requests_items_and_manifests() {
    let text = files_of(
        "dynamodb",
        &[
            "dynamodb/indexed",
            "dynamodb/empty-sets",
            "dynamodb/undeclared",
            "dynamodb/mixed-types",
            "dynamodb/.",
            "--to",
            "dynamodb",
            "--batch",
            "--part-size",
            "1KiB",
        ],
    );
    golden("export/dynamodb.txt", text.as_bytes());
    for said in ["\"IndexName\"", "\"KEYS_ONLY\"", "part-00001.json.gz", "an empty set", "no key uses it"] {
        assert!(text.contains(said), "{said}");
    }
}

#[test]
fn objects_come_with_a_plan_of_their_upload() {
    let text = files_of("s3-multipart", &["--to", "s3"]) + &files_of("s3", &["--to", "s3"]);
    golden("export/s3.txt", text.as_bytes());
    for said in ["\"parts\":[5242880,", "key_base64", "export_s3_object"] {
        assert!(text.contains(said), "{said}");
    }
}

#[test]
fn a_dump_knows_the_parts_of_its_objects() {
    let work = Work::new();
    let input = input("s3-multipart");
    let run = |arguments: &[&str]| {
        let run = on_capture(&work, "s3-multipart", &arguments.iter().map(OsStr::new).collect::<Vec<_>>());
        assert!(matches!(run.code, Some(0 | 1)), "{run:?}");
    };
    let path = |name: &str| work.path(name).to_string_lossy().into_owned();
    let plan = |input: &str| {
        run(&["export", input, "--to", "s3", "-o", &path("out"), "--force"]);
        fs::read_to_string(work.path("out/upload.jsonl")).expect("there is a plan")
    };
    let wanted = plan(&input);
    assert!(wanted.contains("\"parts\":[5242880,"), "{wanted}");
    run(&["decode", &input, "-o", &path("tree")]);
    run(&["decode", &input, "--layout", "jsonl", "-o", &path("lines.tar.zst")]);
    run(&["encode", &path("tree"), "-o", &path("again.fsm"), "--force"]);
    for again in ["tree", "lines.tar.zst", "again.fsm"] {
        assert_eq!(plan(&path(again)), wanted, "{again}");
    }
}

#[test]
fn queues_come_with_their_dead_letter_queues_first_and_fifo_order() {
    let text = files_of("sqs", &["--to", "sqs", "--exclude", "sqs/bulk/*"]);
    golden("export/sqs.txt", text.as_bytes());
    let requests = text.split("== ").find(|file| file.starts_with("sqs/create-queues.jsonl")).unwrap();
    let queues: Vec<serde_json::Value> =
        requests.lines().skip(1).map(|line| serde_json::from_str(line).unwrap()).collect();
    let mut made = Vec::new();
    for queue in &queues {
        if let Some(policy) = queue["Attributes"]["RedrivePolicy"].as_str() {
            let policy: serde_json::Value = serde_json::from_str(policy).unwrap();
            let target = policy["deadLetterTargetArn"].as_str().unwrap().rsplit(':').next().unwrap();
            assert!(made.contains(&target), "{target} comes after {queue}");
        }
        made.push(queue["QueueName"].as_str().unwrap());
    }
    assert_eq!(made.len(), 51);
}

#[test]
fn tables_have_a_line_a_row() {
    let text = files_of("shop", &["--to", "jsonl", "--part-size", "4KiB"]);
    golden("export/jsonl.txt", text.as_bytes());
    for said in ["redis_elements/part-00001.jsonl.zst", "\"_item\":{", "\"type\":\"stream\"", "\"sha256\":"] {
        assert!(text.contains(said), "{said}");
    }
    let tables = rows(&text, "tables.jsonl");
    let rows_of = |table: &str, name: Option<&str>| {
        let line = tables.iter().find(|line| line["table"] == table && line["name"].as_str() == name);
        line.unwrap_or_else(|| panic!("{table} {name:?} in {tables:?}"))["rows"].as_u64().unwrap()
    };
    assert_eq!((rows_of("redis_keys", None), rows_of("messages", None)), (51, 22));
    assert_eq!(rows_of("items", Some("orders")), 34);
    let elements: u64 = rows(&text, "redis_keys/").iter().filter_map(|row| row["elements"].as_u64()).sum();
    assert_eq!(rows_of("redis_elements", None), elements);
}

#[test]
fn a_file_is_a_row_with_the_digest_of_its_content() {
    let rows = rows(&files_of("fs", &["--to", "jsonl"]), "inodes/");
    let work = Work::new();
    crate::shards::decode(&work, "fs", "dump", &["-q"]).exits(0);
    let tree = work.dump();
    let is_file = |row: &&serde_json::Value| row["type"] == "file";
    let mut found: Vec<_> = rows
        .iter()
        .filter(is_file)
        .map(|row| (row["sha256"].as_str().unwrap().to_owned(), row["size"].as_u64().unwrap()))
        .collect();
    let of_tree = tree.files.iter().filter(|(path, _)| path.starts_with(b"extra/fs/tree/"));
    let mut wanted: Vec<_> =
        of_tree.map(|(_, bytes)| (hex::encode(Sha256::digest(bytes)), bytes.len() as u64)).collect();
    found.sort();
    wanted.sort();
    assert_eq!(found, wanted);
    let directories = rows.iter().filter(|row| row["type"] == "directory" && row["sha256"].is_null());
    assert!(!found.is_empty() && found.len() + directories.count() == rows.len(), "{rows:?}");
}

/// Reads the rows of all files whose paths begin so.
fn rows(text: &str, path: &str) -> Vec<serde_json::Value> {
    let files = text.split("== ").filter(|file| file.starts_with(path));
    files.flat_map(|file| file.lines().skip(1).map(|line| serde_json::from_str(line).unwrap())).collect()
}

#[test]
fn what_is_no_text_stands_in_base64_and_attributes_of_several_types_are_named() {
    let work = Work::with(&redis());
    let run = export(&work, &["--to", "jsonl", "--gzip", "-o", "out"]);
    assert_eq!(run.status.code(), Some(1), "{}", words(&run));
    let table = |name: &str| {
        let packed = fs::read(work.path(format!("out/{name}/part-00000.jsonl.gz"))).unwrap();
        String::from_utf8(unpacked(&packed)).unwrap()
    };
    let (keys, elements) = (table("redis_keys"), table("redis_elements"));
    for line in [
        r#"{"key_base64":"a2V5IP8A","type":"string","value_base64":"gA0KAA=="}"#,
        r#"{"key":"empty hash","type":"hash","elements":0,"expires_ms":1800000000123}"#,
        r#"{"key":"both","type":"hll","elements":1}"#,
        r#"{"key":"stream","type":"stream","elements":3,"last_id":"9-4"}"#,
        r#"{"key":"trimmed","type":"stream","elements":0,"last_id":"9-4","expires_ms":1800000000123}"#,
    ] {
        let line = line.strip_suffix('}').unwrap();
        assert!(keys.lines().any(|found| found.starts_with(line)), "{line} in {keys}");
    }
    for line in [
        r#"{"key":"hash","type":"hash","position":1,"name_base64":"Zv8=","value":"v\u0000"}"#,
        r#"{"key":"zset","type":"zset","position":1,"name":"least","score":"-Infinity"}"#,
        r#"{"key":"zset","type":"zset","position":4,"name":"zero","score":-0.0}"#,
        r#"{"key":"list","type":"list","position":2,"value":"first"}"#,
        r#"{"key":"stream","type":"stream","position":0,"name":"7-0","fields":[{"name":"f","value":"v"},{"name":"f","value":""}]}"#,
        r#"{"key":"alone","type":"hll","position":1,"name":"bc"}"#,
    ] {
        assert!(elements.lines().any(|found| found == line), "{line} in {elements}");
    }
    assert!(table("kv").starts_with(r#"{"key":"bare","value":"value","commit_ts":"#));
    let said = files_of("dynamodb", &["dynamodb/types", "dynamodb/numbers", "--to", "jsonl"]);
    golden("export/columns.txt", said.as_bytes());
    assert!(said.contains("export_column table=\"types\" name=\"v\""), "{said}");
}

#[test]
fn tables_are_the_same_as_parquet() {
    let work = Work::new();
    let export = |form: &str, part: &str, name: &str| {
        let (out, input) = (work.path(name), input("shop"));
        let arguments = ["export", &input, "--to", form, "--part-size", part, "-o"].map(OsStr::new);
        let run = on_capture(&work, "shop", &[&arguments[..], &[out.as_os_str()]].concat());
        assert_eq!(run.code, Some(0), "{}", run.err);
        Tree::read(&out).expect("the directory can be read")
    };
    let (lines, parquet) = (export("jsonl", "1MiB", "lines"), export("parquet", "2KiB", "parquet"));
    assert_eq!(checksum_faults(&parquet), Vec::<String>::new());
    let tables = |tree: &Tree| {
        let text = String::from_utf8(tree.files[b"tables.jsonl".as_slice()].clone()).unwrap();
        let lines = text.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
        lines.map(|mut line| (line["files"].take().as_u64().unwrap(), line)).collect::<Vec<_>>()
    };
    let (one, other) = (tables(&lines), tables(&parquet));
    assert_eq!(
        one.iter().map(|(_, line)| line).collect::<Vec<_>>(),
        other.iter().map(|(_, line)| line).collect::<Vec<_>>()
    );
    for (files, table) in other {
        let folder = format!("{}/", table["folder"].as_str().unwrap()).into_bytes();
        let parts: Vec<_> = parquet.files.iter().filter(|(path, _)| path.starts_with(&folder)).collect();
        assert_eq!(parts.len() as u64, files, "{table}");
        assert!(
            parts.iter().all(|(_, part)| part.starts_with(b"PAR1") && part.ends_with(b"PAR1")),
            "{table}"
        );
    }
    assert!(parquet.files.contains_key(b"items/orders/part-00001.parquet".as_slice()));
    assert_eq!(export("parquet", "2KiB", "again").files, parquet.files);
}

#[test]
fn a_dump_tree_or_archive_is_exported_as_its_snapshot() {
    let work = Work::new();
    let path = |name: &str| work.path(name).to_string_lossy().into_owned();
    let input = input("shop");
    let run = |arguments: &[&str]| {
        on_capture(&work, "shop", &arguments.iter().map(OsStr::new).collect::<Vec<_>>()).exits(0);
    };
    for name in ["tree", "dump.tar.zst"] {
        run(&["decode", &input, "--preserve-sqs-visibility", "-o", &path(name)]);
    }
    let export = |input: &str, to: &str| {
        let out = path("out");
        run(&["export", input, "--to", to, "-o", &out, "--force"]);
        Tree::read(&work.path("out")).expect("the directory can be read").files
    };
    let rows = |input: &str| {
        let files = export(input, "jsonl");
        let mut rows = Vec::new();
        for (path, packed) in files.iter().filter(|(path, _)| path.ends_with(b".zst")) {
            let table = path.split(|&byte| byte == b'/').next().unwrap();
            let lines = String::from_utf8(zstd::decode_all(&**packed).unwrap()).unwrap();
            for line in lines.lines() {
                let mut row: serde_json::Value = serde_json::from_str(line).unwrap();
                // A dump does not know when its objects were committed.
                row.as_object_mut().unwrap().retain(|name, _| !name.ends_with("commit_ts"));
                rows.push(format!("{} {row}", table.escape_ascii()));
            }
        }
        rows.sort();
        rows
    };
    let wanted = rows(&input);
    assert!(wanted.len() > 200, "{}", wanted.len());
    for dump in [path("tree"), path("dump.tar.zst")] {
        assert_eq!(rows(&dump), wanted);
        for to in ["s3", "sqs"] {
            assert_eq!(export(&dump, to), export(&input, to), "{to}");
        }
    }
    let at = on_capture(
        &work,
        "shop",
        &["export", &path("tree"), "--to", "sqs", "-o", &path("x"), "--at", "-1h"].map(OsStr::new),
    );
    assert_eq!(at.code, Some(2), "{}", at.err);
}

#[test]
fn force_replaces_an_export_and_nothing_else() {
    let work = Work::with(&redis());
    let code = |arguments: &[&str]| {
        let run = export(&work, &[&["--to", "resp", "-q"], arguments].concat());
        (run.status.code(), words(&run))
    };
    assert_eq!(code(&["-o", "out"]).0, Some(1));
    let (refused, why) = code(&["-o", "out"]);
    assert!(refused == Some(2) && why.contains("--force"), "{why}");
    assert_eq!(code(&["-o", "out", "--force", "redis/plain"]).0, Some(0));
    assert!(!work.path("out/PROBLEMS.jsonl").exists());
    // A problem with --strict leaves what is there.
    let before = Tree::read(&work.path("out")).unwrap().files;
    assert_eq!(code(&["-o", "out", "--force", "--strict"]).0, Some(1));
    assert_eq!(Tree::read(&work.path("out")).unwrap().files, before);
    assert_eq!(code(&["--strict"]).0, Some(1));
    fs::write(work.path("out/own"), "").unwrap();
    let (refused, why) = code(&["-o", "out", "--force"]);
    assert!(refused == Some(2) && why.contains("CHECKSUMS does not list it"), "{why}");
    fs::remove_file(work.path("out/own")).unwrap();
    // Neither takes the place of the other.
    work.run(["decode", "snapshot.fsm", "-o", "dump", "-q"]).exits(0);
    let (refused, why) = code(&["-o", "dump", "--force"]);
    assert!(refused == Some(2) && why.contains("EXPORT.json"), "{why}");
    let run = work.run(["decode", "snapshot.fsm", "-o", "out", "--force", "-q"]);
    assert!(run.code == Some(2) && run.err.contains("MANIFEST.json"), "{}", run.err);
}

#[test]
fn the_plan_of_an_upload_speaks_the_words_of_other_tools() {
    let text = files_of("s3-multipart", &["--to", "s3", "--s5cmd", "--rclone"]);
    golden("export/s3-tools.txt", text.as_bytes());
    for said in ["up --header-upload", "--part-size '5' 's3/large-3/put/shrunk'", "parts of other sizes"] {
        assert!(text.contains(said), "{said}");
    }
}
