//! What the documents say of the code: links, sections, exit codes, options, members of JSON, commands.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::fixture::{Snapshot, hlc};
use crate::payloads::capture;
use crate::tool::{Run, Work, testdata};

type Names = BTreeSet<String>;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Returns every file with this extension below a directory, with its text.
fn texts(directory: &str, extension: &str) -> Vec<(PathBuf, String)> {
    let mut all = Vec::new();
    let mut open = vec![root().join(directory)];
    while let Some(path) = open.pop() {
        if path.is_dir() {
            open.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        } else if path.extension().is_some_and(|found| found == extension) {
            let text = fs::read_to_string(&path).unwrap();
            all.push((path, text));
        }
    }
    all
}

fn documents() -> Vec<(PathBuf, String)> {
    let mut all = texts("docs", "md");
    all.extend(texts("testdata", "md"));
    all.push((root().join("README.md"), fs::read_to_string(root().join("README.md")).unwrap()));
    all
}

fn document(name: &str) -> String {
    fs::read_to_string(root().join(name)).unwrap()
}

/// Returns a document without what is fenced.
fn prose(text: &str) -> String {
    text.split("\n```").step_by(2).collect()
}

/// The anchor that a heading has on a page.
fn anchor(heading: &str) -> String {
    let kept = heading.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.map(|c| if c == ' ' { '-' } else { c.to_ascii_lowercase() }).collect()
}

fn headings(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter(|line| line.starts_with('#')).map(|line| line.trim_start_matches('#').trim())
}

/// Returns what stands between each `from` and the next `to`.
fn between<'t>(text: &'t str, from: &str, to: char) -> Vec<&'t str> {
    text.split(from).skip(1).filter_map(|rest| Some(rest.split_once(to)?.0)).collect()
}

#[test]
fn links_lead_somewhere() {
    let (mut dead, mut live) = (Vec::new(), 0);
    for (path, text) in documents() {
        for target in between(&prose(&text), "](", ')') {
            if target.contains("://") {
                continue;
            }
            let (file, wanted) = target.split_once('#').unwrap_or((target, ""));
            let to = if file.is_empty() { path.clone() } else { path.parent().unwrap().join(file) };
            let found = if wanted.is_empty() {
                to.exists()
            } else {
                let text = fs::read_to_string(&to).unwrap_or_default();
                headings(&text).any(|heading| anchor(heading) == wanted)
            };
            live += 1;
            if !found {
                dead.push(format!("{}: {target}", path.display()));
            }
        }
    }
    assert!(dead.is_empty(), "{dead:#?}");
    assert!(live > 20, "{live} links: they are not found any more");
}

/// Sections are named as `reading/redis.md#type-of-a-key`, in code, cases and documents.
#[test]
fn section_references_resolve() {
    let docs = root().join("docs");
    let mut anchors: BTreeMap<String, Names> = BTreeMap::new();
    for (path, text) in texts("docs", "md") {
        let page = path.strip_prefix(&docs).unwrap().to_str().unwrap().to_owned();
        anchors.insert(page, headings(&text).map(anchor).collect());
    }
    let (mut dead, mut live) = (Vec::new(), 0);
    let everything =
        [texts("src", "rs"), texts("tests", "rs"), texts("testdata", "case"), documents()].concat();
    for (path, text) in everything {
        for (at, _) in text.match_indices(".md#") {
            let of_page = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '.' | '_' | '-');
            let start = text[..at].rfind(|c: char| !of_page(c)).map_or(0, |at| at + 1);
            let rest = &text[at + 4..];
            let end = rest.find(|c: char| !c.is_alphanumeric() && !matches!(c, '-' | '_'));
            let (page, wanted) = (&text[start..at + 3], &rest[..end.unwrap_or(rest.len())]);
            // What is in the brackets of a link has its own test.
            if text[..start].ends_with("](") || wanted.is_empty() {
                continue;
            }
            live += 1;
            let known = anchors.get(page.strip_prefix("docs/").unwrap_or(page));
            if !known.is_some_and(|anchors| anchors.contains(wanted)) {
                dead.push(format!("{}: {page}#{wanted}", path.display()));
            }
        }
    }
    assert!(dead.is_empty(), "{dead:#?}");
    assert!(live > 900, "{live} references: they are not found any more");
}

/// Sections have names. Numbers and letters that stand for one say nothing to whoever reads them.
#[test]
fn the_code_speaks_without_codes() {
    let mut found = Vec::new();
    for (path, text) in [texts("src", "rs"), texts("tests", "rs")].concat() {
        for line in text.lines().filter(|line| line.trim_start().starts_with("//")) {
            for word in line.split(|c: char| !c.is_ascii_alphanumeric() && c != '-') {
                let number = word.strip_prefix("REQ-").or_else(|| word.strip_prefix(['D', 'L', 'R', 'S']));
                let is_code = number.is_some_and(|number| {
                    !number.is_empty() && number.len() < 3 && number.bytes().all(|byte| byte.is_ascii_digit())
                });
                if is_code && word != "S3" {
                    found.push(format!("{}: {word}", path.display()));
                }
            }
            let section = line.match_indices(".md").any(|(at, _)| {
                let rest = line[at + 3..].trim_start_matches('`');
                rest.strip_prefix(' ').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
            });
            if section {
                found.push(format!("{}: {line}", path.display()));
            }
        }
    }
    assert!(found.is_empty(), "{found:#?}");
}

/// Returns the first column of the first table below a heading.
fn first_column(text: &str, heading: &str) -> Vec<String> {
    let below = text.split(&format!("\n{heading}\n")).nth(1).unwrap_or_else(|| panic!("no {heading}"));
    let rows =
        below.lines().skip_while(|line| !line.starts_with('|')).take_while(|line| line.starts_with('|'));
    rows.skip(2).map(|row| row.split('|').nth(1).unwrap().trim().to_owned()).collect()
}

/// Returns the names in the first column of the tables below a heading: the `number`-th of its tables.
fn members(text: &str, heading: &str, number: usize) -> Names {
    let below = text.split(&format!("\n{heading}\n")).nth(1).unwrap_or_else(|| panic!("no {heading}"));
    let mut tables: Vec<Names> = Vec::new();
    let mut is_in = false;
    for line in below.lines().take_while(|line| !line.starts_with('#')) {
        if line.starts_with('|') && !is_in {
            tables.push(Names::new());
        }
        is_in = line.starts_with('|');
        if is_in {
            let cell = line.split('|').nth(1).unwrap();
            let names = cell.split('`').skip(1).step_by(2).filter(|name| !name.contains('.'));
            tables.last_mut().unwrap().extend(names.map(str::to_owned));
        }
    }
    tables.swap_remove(number)
}

#[test]
fn exit_codes_are_those_of_the_code() {
    let code = document("src/cli/exit.rs");
    let constants = between(&code, ": u8 = ", ';').into_iter().map(str::to_owned);
    let signals = ["130", "143", "129"].map(str::to_owned);
    let wanted: Names = constants.chain(signals).collect();
    let readme = document("README.md");
    let readme = readme.replace("\n| exit code | meaning |", "\n## Codes\n\n| exit code | meaning |");
    for (text, heading) in [(&readme, "## Codes"), (&document("docs/tree/outcome.md"), "## Exit codes")] {
        let found: Names =
            first_column(text, heading).iter().flat_map(|cell| cell.split(", ")).map(str::to_owned).collect();
        assert_eq!(found, wanted, "{heading}");
    }
}

/// Returns every `--option` in a text.
fn options(text: &str) -> Names {
    let starts = text.match_indices("--").filter(|(at, _)| {
        !text[..*at]
            .ends_with(|c: char| c.is_ascii_alphanumeric() || c == '-' || matches!(c, '_' | '/' | '#'))
    });
    let names = starts.map(|(at, _)| {
        let name = &text[at + 2..];
        let end = name.find(|c: char| !c.is_ascii_lowercase() && c != '-' && !c.is_ascii_digit());
        name[..end.unwrap_or(name.len())].trim_end_matches('-')
    });
    names.filter(|name| name.len() > 1).map(|name| format!("--{name}")).collect()
}

/// Options of other programs: cargo, jq, aws, tools of this project.
const OTHERS: &[&str] = &[
    // Named since there is none.
    "--jobs",
    // Of Spark and its driver, of Slurm, of kubectl.
    "--binary",
    "--lines",
    "--master",
    "--shares",
    "--work",
    "--array",
    "--dependency",
    "--export",
    "--parsable",
    "--for",
    "--timeout",
    // Of what loads exports.
    "--input-compression-type",
    "--input-format",
    "--queue-url",
    // Of the cluster's restore tool.
    "--input",
    "--data-dir",
    "--index",
    "--peers",
    "--fresh-cluster",
    "--target-cluster-id",
    "--allow-missing-cluster-id",
    "--allow-unverified-self-test",
    "--release",
    "--no-default-features",
    "--locked",
    "--path",
    "--test",
    "--example",
    "--help",
    "--kek",
    "--quick",
    "--argjson",
    "--bucket",
    "--key",
    "--body",
    "--cli-input-json",
    "--write",
    "--bins",
    "--fuzz-dir",
    "--sanitizer",
    "--config",
    "--count",
    // Of the compiler, of scripts of this project.
    "--remap-path-prefix",
    "--twice",
];

/// Returns the help of every command.
fn help() -> Vec<String> {
    let work = Work::new();
    let all = work.run(["--help"]).out;
    let commands = all.lines().skip_while(|line| *line != "Commands:").skip(1);
    let commands =
        commands.take_while(|line| !line.is_empty()).filter_map(|line| line.split_whitespace().next());
    let commands = commands.filter(|command| *command != "help");
    let mut texts: Vec<String> = commands.map(|command| work.run([command, "--help"]).out).collect();
    assert!(texts.len() >= 8, "{all}");
    texts.push(all);
    texts
}

#[test]
fn options_are_those_of_the_help_and_each_is_in_a_document() {
    let help: Names = help().iter().flat_map(|text| options(text)).collect();
    let (mut said, mut unknown) = (Names::new(), Vec::new());
    for (path, text) in documents() {
        // Of the reference tools, and of other versions.
        let apart = ["format", "reading", "compat.md", "encoding.md", "changelog.md"];
        if apart.iter().any(|page| path.starts_with(root().join("docs").join(page))) {
            continue;
        }
        let found = options(&text);
        // Systems that run it have options of their own.
        let others = path.starts_with(root().join("docs/deploy"));
        let strange =
            found.difference(&help).filter(|_| !others).filter(|option| !OTHERS.contains(&option.as_str()));
        unknown.extend(strange.map(|option| format!("{}: {option}", path.display())));
        said.extend(found);
    }
    assert!(unknown.is_empty(), "no command has them: {unknown:#?}");
    let silent: Vec<_> =
        help.difference(&said).filter(|option| !["--help", "--version"].contains(&option.as_str())).collect();
    assert!(silent.is_empty(), "no document tells of them: {silent:?}");
}

fn names(value: &Value) -> impl Iterator<Item = String> {
    value.as_object().into_iter().flat_map(|object| object.keys().cloned())
}

/// Objects of all kinds, one of them unreadable, one deleted, one that expires, versions of one.
fn shop() -> Work {
    let work = Work::with(&capture("shop"));
    let early = hlc(1_769_000_000_000, 0);
    let rows = Snapshot::new()
        .put("!hs|fld|\0\0\0\x01hf", "x")
        .put("!hs|meta|\0\0\0\x01h", "no length")
        .put_at("!redis|str|k", early, b"\xff\x01\0old")
        .string("k", "new")
        .string(b"\xff", "v")
        .tombstone_at("!redis|str|gone", early);
    work.write("broken.fsm", &rows.live());
    fs::create_dir(work.path("empty")).unwrap();
    work
}

/// Runs a command; returns the members of all lines of its output.
fn said(work: &Work, arguments: &str) -> (Names, Vec<Value>) {
    let run = work.run(arguments.split(' '));
    let lines: Vec<Value> = match serde_json::from_str(&run.out) {
        Ok(value) => vec![value],
        Err(_) => run.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect(),
    };
    assert!(!lines.is_empty(), "{arguments}: {run:?}");
    (lines.iter().flat_map(names).collect(), lines)
}

/// Fails unless commands say all members that the document lists, and no others.
#[track_caller]
fn compare(work: &Work, commands: &[&str], wanted: &Names, known: &[&str]) {
    let found: Names = commands.iter().flat_map(|command| said(work, command).0).collect();
    let missing: Vec<_> = found.difference(wanted).collect();
    assert!(missing.is_empty(), "{commands:?}: the document lacks {missing:?}");
    let gone: Vec<_> = wanted.difference(&found).filter(|name| !known.contains(&name.as_str())).collect();
    assert!(gone.is_empty(), "{commands:?}: the document has {gone:?}");
}

#[test]
fn json_members_are_those_of_the_document() {
    let (work, text) = (shop(), document("docs/tree/commands.md"));
    let commands = [
        "decode snapshot.fsm -o dump --json --quiet",
        "decode broken.fsm -o broken --json --quiet",
        "decode snapshot.fsm -o x --dry-run --json --quiet",
        "decode absent -o x --json --quiet",
    ];
    compare(&work, &commands, &members(&text, "### `decode --json`", 0), &[]);
    let commands = ["verify dump --restorable --json", "verify empty --json", "verify absent --json"];
    compare(&work, &commands, &members(&text, "### `verify --json`", 0), &[]);
    let commands = ["inspect snapshot.fsm --json", "inspect absent --json"];
    compare(&work, &commands, &members(&text, "### `inspect --json`", 0), &[]);
    let mut listed = members(&text, "### `list`", 0);
    // Those of messages stand in a sentence.
    let of_messages = between(&text, "With `--json`: `receives`,", '.')[0].split('`').skip(1).step_by(2);
    listed.extend(of_messages.chain(["receives"]).map(str::to_owned));
    let commands =
        ["list broken.fsm redis/* --json", "list broken.fsm --deleted --json", "list snapshot.fsm --json"];
    compare(&work, &commands, &listed, &["expires_ms", "lock", "message_id", "acquired_ms", "unreadable"]);
    let logged = members(&text, "### `log`", 0);
    compare(&work, &["log broken.fsm redis/k --json"], &logged, &["expires"]);
    let (_, lines) = said(&work, "diff snapshot.fsm broken.fsm --json");
    let (sums, objects) = lines.split_last().unwrap();
    let failed = said(&work, "diff absent broken.fsm --json").0;
    let sums: Names = names(sums).chain(failed).collect();
    assert_eq!(sums, members(&text, "### `diff`", 0));
    let objects: Names = objects.iter().flat_map(names).collect();
    let of_objects = members(&text, "### `diff`", 1);
    let changed: Names = ["changes", "changes_count"].map(str::to_owned).into();
    assert!(objects.is_subset(&of_objects), "{objects:?}");
    assert!(of_objects.difference(&objects).all(|name| changed.contains(name)), "{objects:?}");
}

#[test]
fn the_manifest_has_the_members_of_the_documents() {
    let work = shop();
    work.decode(&["--quiet"]).exits(0);
    work.run("decode snapshot.fsm -o part --only redis/* --cluster-id c --quiet".split(' ')).exits(0);
    let at = ["decode", "snapshot.fsm", "-o", "then", "--at", "-1s", "--scope", "dynamodb=orders", "-q"];
    assert!(work.run(at).code.is_some_and(|code| code < 2));
    let cluster = testdata("live/cluster/n1").display().to_string();
    work.run(["decode", &cluster, "-o", "cluster", "--quiet"]).exits(0);
    let mut found = Names::new();
    for directory in ["dump", "part", "then", "cluster"] {
        let text = fs::read(work.path(directory).join("MANIFEST.json")).unwrap();
        found.extend(names(&serde_json::from_slice(&text).unwrap()));
    }
    let mut wanted = members(&document("docs/tree/manifest.md"), "## Members of the reference layout", 0);
    wanted.extend(members(&document("docs/tree/manifest.md"), "## Further members", 0));
    let missing: Vec<_> = found.difference(&wanted).collect();
    assert!(missing.is_empty(), "the documents lack {missing:?}");
    // Of other producers alone.
    let others = ["live", "elastickv_version"];
    let gone: Vec<_> = wanted.difference(&found).filter(|name| !others.contains(&name.as_str())).collect();
    assert!(gone.is_empty(), "the documents have {gone:?}");
}

/// Lines of the documents that are not run, by what they begin with, and why.
const SKIPPED: &[(&str, &str)] = &[
    (".ci/run", "it runs these tests"),
    ("cargo test ", "it runs these tests"),
    ("BLESS=1 ", "it writes what these tests compare"),
    ("EKV_WRITE_DOCS=1 ", "it writes what these tests compare"),
    ("cargo build ", "it takes minutes, and is what built the binary"),
    ("tests/fuzz/seed ", "it writes into the project"),
    ("cargo +nightly ", "the tool chain is another"),
];

/// Stands for programs of others, which need a service: keeps what they are given, and fails where a file is not there. `.ci/loaders` and `.ci/services` run
/// the real ones.
const OTHER_PROGRAM: &str = r#"#!/bin/sh
name=${0##*/}
echo "$name" >> "$CALLS/names"
[ "$name" != redis-cli ] || cat >> "$CALLS/commands"
while [ $# -gt 0 ]; do
  case $1 in
    --cli-input-json) case $2 in file://*) cat "${2#file://}" ;; *) echo "$2" ;; esac >> "$CALLS/requests" ;;
    --input | -init) [ -f "$2" ] || exit 1 ;;
  esac
  shift
done
"#;

/// Programs that it stands for.
const OTHERS_PROGRAMS: [&str; 4] = ["aws", "duckdb", "elastickv-snapshot-prepare-restore", "redis-cli"];

/// Returns the blocks of a document with commands; what is no `sh` is an error where it has one of ours.
fn blocks(path: &Path, text: &str) -> Vec<String> {
    let fenced = text.split("\n```").skip(1).step_by(2).filter_map(|block| block.split_once('\n'));
    let mut found = Vec::new();
    for (label, block) in fenced {
        let ours = block.lines().any(|line| line.starts_with("ekv-backup "));
        // The format's documents show forms of commands, not commands.
        let form = path.starts_with(root().join("docs/format"));
        assert!(
            form || !ours || label == "sh",
            "{}: commands that are not marked `sh`: {block}",
            path.display()
        );
        if label == "sh" && !form {
            found.push(block.to_owned());
        }
    }
    found
}

/// Makes the files that the documents speak of.
fn place() -> Work {
    let work = Work::new();
    let live = testdata("live/encrypted");
    for name in ["kek.bin", "keys.json"] {
        fs::copy(live.join(name), work.path(name)).unwrap();
        fs::set_permissions(work.path(name), fs::Permissions::from_mode(0o600)).unwrap();
    }
    work.write("0000000000000164.fsm", &capture("encrypted"));
    work.write("snap.fsm", &capture("shop"));
    for dump in ["dump", "edited", "dump.tar.zst"] {
        work.run(["decode", "snap.fsm", "-q", "-o", dump]).exits(0);
    }
    symlink(testdata("live/cluster/n1"), work.path("n1")).unwrap();
    fs::create_dir(work.path("bin")).unwrap();
    for program in OTHERS_PROGRAMS {
        work.write(Path::new("bin").join(program), OTHER_PROGRAM.as_bytes());
        let mode = fs::Permissions::from_mode(0o700);
        fs::set_permissions(work.path("bin").join(program), mode).unwrap();
    }
    work
}

/// Every command in a block that is marked `sh`, in any document but README.md, whose commands have their own test.
#[test]
fn commands_of_the_documents_work() {
    let (mut ran, mut skipped) = (0, BTreeSet::new());
    for (path, text) in documents() {
        let blocks = blocks(&path, &text);
        if blocks.is_empty() || path == root().join("README.md") {
            continue;
        }
        let work = place();
        for block in blocks {
            let mut script = String::new();
            for line in block.lines() {
                if let Some((start, _)) = SKIPPED.iter().find(|(start, _)| line.starts_with(start)) {
                    skipped.insert(start);
                    continue;
                }
                // Documents show several ways to make the same thing.
                let target = line.strip_prefix("ekv-backup ").and_then(|rest| rest.split(" -o ").nth(1));
                if let Some(target) = target.and_then(|rest| rest.split(' ').next()) {
                    script.extend(["rm -rf ", target, " ", target, ".encode_info.json\n"]);
                }
                script += line;
                script.push('\n');
            }
            if script.is_empty() {
                continue;
            }
            let calls = work.path("calls");
            if calls.exists() {
                fs::remove_dir_all(&calls).unwrap();
            }
            fs::create_dir(&calls).unwrap();
            let script = script.replace("ekv-backup ", &format!("{} ", env!("CARGO_BIN_EXE_ekv-backup")));
            let mut command = Command::new("sh");
            command.args(["-euc", &script]).current_dir(work.path(""));
            command.env("PATH", format!("{}:/usr/bin:/bin", work.path("bin").display()));
            command.env("CALLS", work.path("calls")).env("url", "https://queue");
            Run::of(&command.output().unwrap()).exits(0);
            let calls = |name: &str| {
                let said = fs::read(work.path("calls").join(name)).unwrap_or_default();
                String::from_utf8_lossy(&said).into_owned()
            };
            for program in OTHERS_PROGRAMS {
                let called = calls("names").lines().any(|name| name == program);
                let said = block.contains(&format!("{program} "));
                assert_eq!(called, said, "{}: {program} is called: {block}", path.display());
            }
            if block.contains("--cli-input-json") {
                let requests = calls("requests");
                let requests = serde_json::Deserializer::from_str(&requests).into_iter::<Value>();
                assert!(
                    requests.map(|request| request.unwrap()).filter(Value::is_object).count() > 1,
                    "{block}"
                );
            }
            assert!(!block.contains("redis-cli") || calls("commands").starts_with("*3\r\n$"), "{block}");
            ran += 1;
        }
    }
    assert!(ran >= 7, "{ran} blocks are left of the commands");
    let gone: Vec<_> = SKIPPED.iter().filter(|(start, _)| !skipped.contains(start)).collect();
    assert!(gone.is_empty(), "no document has them any more: {gone:?}");
}

#[test]
fn what_is_compared_is_there_to_be_compared() {
    let text = "\n## T\n\n| a |\n|---|\n| `x`, `y` | |\n\n| b |\n|---|\n| `z` |\n## U\n";
    assert_eq!(members(text, "## T", 0), ["x", "y"].map(str::to_owned).into());
    assert_eq!(members(text, "## T", 1), ["z"].map(str::to_owned).into());
    assert_eq!(options("--a-b=x x--no /--no --ok,---"), ["--a-b", "--ok"].map(str::to_owned).into());
    assert_eq!(anchor("`decode --only`, `--x`"), "decode---only---x");
    assert!(Path::new("docs").is_relative());
}
