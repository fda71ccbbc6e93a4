//! Decodes a case with the binary and compares everything that came out.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use ekv_backup::event::TABLES;
use ekv_backup::run::Source;
use ekv_backup::service::Options;
use serde_json::Value;

use super::case::Case;
use super::problems;
use crate::dump::{Tree, checksum_faults, show};
use crate::heads;

/// Directories whose files a case lists completely.
const TREES: [&str; 5] = ["redis/", "dynamodb/", "s3/", "sqs/", "extra/"];

/// Returns what differs from the case, one text a difference.
pub fn differences(case: &Case, name: &str) -> Vec<String> {
    let work = tempfile::tempdir().expect("a temporary directory can be made");
    let place = work.path().join("place");
    fs::write(work.path().join("snapshot.fsm"), &case.input).expect("a temporary file can be written");
    fs::create_dir(&place).expect("a temporary directory can be made");

    let decoded = decode(work.path(), "place/dump", &case.options);
    let stderr = String::from_utf8_lossy(&decoded.stderr);
    if decoded.status.code() != Some(case.exit) {
        return vec![format!("{}, expected exit code {}: {}", decoded.status, case.exit, stderr.trim_end())];
    }
    if let Some(classes) = &case.refused {
        return refusal(case, classes, &stderr, &place);
    }
    let tree = Tree::read(&place.join("dump")).expect("the dump can be read");
    let mut faults = files(&tree, case);
    let lines = tree.files.get(b"PROBLEMS.jsonl".as_slice()).map_or(&[][..], Vec::as_slice);
    let lines: Result<Vec<Value>, _> = serde_json::Deserializer::from_slice(lines).into_iter().collect();
    match lines {
        Ok(lines) => faults.extend(problems::differences(&lines, &case.problems)),
        Err(error) => faults.push(format!("PROBLEMS.jsonl: {error}")),
    }
    faults.extend(jobs(work.path(), case, (&tree, &decoded)));
    faults.extend(shares(work.path(), case, &tree));
    faults.extend(manifest(&tree, case));
    faults.extend(checksum_faults(&tree));
    let verified = run(&place, &["verify", "dump"], &[]);
    if !verified.status.success() {
        faults.push(format!("verify: {}", String::from_utf8_lossy(&verified.stdout)));
    }
    faults.extend(warnings(&decoded.stdout, case));
    if case.exit == 0 && faults.is_empty() {
        faults.extend(objects(work.path(), name, &case.options));
    }
    if case.exit == 0 && is_sampled(name, 0) {
        let changed = restored(work.path(), case, &tree);
        match CHANGED.iter().find(|(other, _)| *other == name) {
            None => faults.extend(changed),
            Some(_) if changed.is_empty() => {
                faults.push("restored, and on the list of those that are not".into());
            }
            Some(_) => {}
        }
    }
    faults
}

/// Returns how the objects of the dump differ from those of the snapshot.
fn objects(work: &Path, name: &str, asked: &[String]) -> Vec<String> {
    let mut options = Options::default();
    let mut words = asked.iter().map(String::as_str);
    while let Some(word) = words.next() {
        match word {
            "--rename-collisions" => options.rename_collisions = true,
            "--preserve-sqs-visibility" => options.preserve_sqs_visibility = true,
            "--include-sqs-side-records" => options.include_sqs_side_records = true,
            "--include-incomplete-uploads" => options.include_incomplete_uploads = true,
            "--include-orphans" => options.include_orphans = true,
            "--dynamodb-layout" if words.next() == Some("jsonl") => options.dynamodb_bundle = Some(64 << 20),
            // What objects are, no layout changes: they are compared as files of their own.
            "--layout" if words.next() == Some("jsonl") => {}
            "--dynamodb-bundle-size" => drop(words.next()),
            // What the others leave out is not in the dump, or at another time.
            _ => return Vec::new(),
        }
    }
    let source = Source::new(vec![work.join("snapshot.fsm")]);
    let scratch = source.scratch(work.to_owned());
    let opened = source.open(&scratch, &mut |_| ()).expect("the snapshot was decoded");
    let mut dumps = vec![work.join("place/dump")];
    if is_sampled(name, 1) {
        // The same in lines.
        let lines = ["--layout".to_owned(), "jsonl".to_owned()];
        let options = if asked.contains(&lines[0]) { asked.to_vec() } else { [asked, &lines].concat() };
        let decoded = decode(work, "place/lines", &options);
        let verified = run(work, &["verify", "place/lines"], &[]);
        if decoded.status.code() != Some(0) || verified.status.code() != Some(0) {
            let said = [decoded.stderr, verified.stdout, verified.stderr].concat();
            return vec![format!("--layout jsonl: {}", String::from_utf8_lossy(&said))];
        }
        dumps.push(work.join("place/lines"));
    }
    let mut faults = heads::differences(&opened.snapshot, &dumps, &options, &scratch);
    // The first millisecond of 1970 reads back as no time at all (`encoding.md#rows-of-s3`).
    faults.retain(|fault| !fault.starts_with("s3/b/epoch.elastickv-meta.json"));
    faults
}

/// Whether a case's dump is encoded too (0), or made of lines too (1): a third of them each, all with `EKV_ALL_RESTORED`.
fn is_sampled(name: &str, rest: usize) -> bool {
    name.len() % 3 == rest || std::env::var_os("EKV_ALL_RESTORED").is_some()
}

/// Options of `decode` that say how a dump is laid out, and how many values follow each.
const LAYOUT: [(&str, usize); 7] = [
    ("--layout", 1),
    ("--rename-collisions", 0),
    ("--preserve-sqs-visibility", 0),
    ("--no-extra", 0),
    ("--dynamodb-layout", 1),
    ("--dynamodb-bundle-mode", 1),
    ("--dynamodb-bundle-size", 1),
];

/// Cases of which the tree is not restored as it was, and why.
const CHANGED: [(&str, &str); 18] = [
    ("key_over_the_restore_limit_is_read_and_warned", "no node takes the row"),
    ("keys_a_a00_a80_b_with_versions_fffffffffffffffe_and_1", "no time is left after its timestamp"),
    ("keys_a_a00_a80_b_with_versions_fffffffffffffffe_and_32", "the same"),
    ("legacy_key_text_that_is_no_number_names_the_file_itself", "no ordered key holds it"),
    ("ordered_table_with_a_key_that_is_no_number", "the same"),
    ("drop_expired_asks_the_ceiling_after_the_clock_was_set_back", "the string hides the HLL"),
    (
        "bucket_row_elsewhere_highest_generation_is_written_without_bucket_json",
        "a bucket is made for its objects",
    ),
    ("sidecar_members_and_times", "the first millisecond of 1970 is no time"),
    ("equal_messages_keep_key_order", "two messages of one id"),
    ("top_level_null_is_an_empty_message", "a message without an id"),
    ("string_escaping_body_with_html_and_others_without", "attributes are spelt as nodes spell them"),
    ("all_generations_are_written_when_none_is_known", "a queue without a generation gets 1"),
    ("counter_counts_when_the_meta_has_no_generation", "the same"),
    ("gen_value_with_white_space", "the same"),
    ("partitioned_fifo_queue", "the numbers go on after the last message"),
    ("recreated_queue_of_another_type", "the same"),
    ("orphan_directory_makes_way_for_a_queue_of_its_name", "side records are not restored"),
    ("orphan_directory_of_a_long_segment", "the same"),
];

/// Replaces the generation that a message tells of itself, which no server looks at.
fn without_generations(file: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(file);
    let mut parts = text.split("\"queue_generation\":");
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        out += "\"queue_generation\":";
        out += part.trim_start_matches(|c: char| c.is_ascii_digit());
    }
    out.into_bytes()
}

/// Encodes the dump, decodes that again, and returns what is not as it was.
fn restored(directory: &Path, case: &Case, before: &Tree) -> Vec<String> {
    let run = |arguments: &[&str]| {
        let binary = env!("CARGO_BIN_EXE_ekv-backup");
        Command::new(binary)
            .env_clear()
            .envs(std::env::var_os("LLVM_PROFILE_FILE").map(|file| ("LLVM_PROFILE_FILE", file)))
            .current_dir(directory)
            .args(arguments)
            .output()
            .expect("the binary can be run")
    };
    let encoded = run(&["encode", "place/dump", "-o", "encoded.fsm"]);
    if encoded.status.code() != Some(0) {
        return vec![format!(
            "encode: {}: {}",
            encoded.status,
            String::from_utf8_lossy(&encoded.stderr).trim_end()
        )];
    }
    let mut arguments = vec!["decode", "encoded.fsm", "-o", "again"];
    for (at, option) in case.options.iter().enumerate() {
        let values = LAYOUT.iter().find(|(layout, _)| option.split('=').next() == Some(layout));
        if let Some((_, values)) = values {
            let values = if option.contains('=') { 0 } else { *values };
            arguments.extend(case.options[at..=at + values].iter().map(String::as_str));
        }
    }
    let decoded = run(&arguments);
    if decoded.status.code() != Some(0) {
        return vec![format!(
            "again: {}: {}",
            decoded.status,
            String::from_utf8_lossy(&decoded.stderr).trim_end()
        )];
    }
    let mut after = Tree::read(&directory.join("again")).expect("the dump can be read");
    let mut before = before.clone();
    // Of these nothing is restored, and the run is another one.
    let lost = |path: &[u8]| {
        let has = |part: &str| path.split(|&byte| byte == b'/').any(|name| name == part.as_bytes());
        has("_internals")
            || has("_orphans")
            || has("_incomplete_uploads")
            || has("MANIFEST.json")
            || has("CHECKSUMS")
    };
    for tree in [&mut before, &mut after] {
        tree.files.retain(|path, _| !lost(path));
        for (_, file) in tree.files.iter_mut().filter(|(path, _)| path.ends_with(b"messages.jsonl")) {
            *file = without_generations(file);
        }
    }
    let mut faults = Vec::new();
    for path in before.files.keys().chain(after.files.keys()).collect::<std::collections::BTreeSet<_>>() {
        match (before.files.get(path), after.files.get(path)) {
            (Some(before), Some(after)) if before != after => faults.push(difference(path, after, before)),
            (Some(_), None) => faults.push(format!("not restored: {}", show(path))),
            (None, Some(_)) => faults.push(format!("restored, and never there: {}", show(path))),
            _ => {}
        }
    }
    faults
}

/// Decodes `snapshot.fsm` into `target`, both as seen from within the directory: messages name the input.
fn decode(directory: &Path, target: &str, options: &[String]) -> Output {
    run(directory, &["decode", "snapshot.fsm", "-o", target, "--json"], options)
}

fn run(directory: &Path, command: &[&str], arguments: &[String]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_ekv-backup"))
        .env_clear()
        .envs(std::env::var_os("LLVM_PROFILE_FILE").map(|file| ("LLVM_PROFILE_FILE", file)))
        .env("SOURCE_DATE_EPOCH", "1714400000")
        .current_dir(directory)
        .args(command)
        .args(arguments)
        .output()
        .expect("the binary can be run")
}

/// Decodes the case with one thread that makes files, and with three: all that comes of it has to be the same.
fn jobs(directory: &Path, case: &Case, (tree, run): (&Tree, &Output)) -> Vec<String> {
    // All warnings are in it.
    let said = |run: &Output| {
        let mut json: Value = serde_json::from_slice(&run.stdout).unwrap_or_default();
        (json["output"], json["duration_ms"]) = (Value::Null, Value::Null);
        (run.status.code(), json)
    };
    let mut faults = Vec::new();
    for count in ["1", "3"] {
        let target = format!("jobs-{count}");
        let asked = ["--jobs".to_owned(), count.to_owned()];
        let other = decode(directory, &target, &[&case.options, &asked[..]].concat());
        if said(&other) != said(run) {
            faults.push(format!("--jobs {count} says {:?} instead of {:?}", said(&other), said(run)));
        }
        if Tree::read(&directory.join(target)).expect("the dump can be read") != *tree {
            faults.push(format!("--jobs {count} makes another dump"));
        }
    }
    faults
}

/// Decodes the case in shares too, whose dumps have to be the same one when they are merged. In one number of shares, which
/// differs from case to case; in several with `SHARES=1,2,3,16`.
fn shares(directory: &Path, case: &Case, whole: &Tree) -> Vec<String> {
    let asked = std::env::var("SHARES").ok();
    let counts: Vec<usize> = match &asked {
        Some(counts) => counts.split(',').map(|count| count.parse().expect("SHARES has numbers")).collect(),
        None => vec![[2, 3, 1, 16][case.input.len() % 4]],
    };
    let mut faults = Vec::new();
    for count in counts {
        let targets: Vec<String> = (0..count).map(|index| format!("{count}-{index}")).collect();
        for (index, target) in targets.iter().enumerate() {
            let shard = ["--shard".to_owned(), format!("{index}/{count}")];
            let decoded = decode(directory, target, &[&case.options, &shard[..]].concat());
            if !matches!(decoded.status.code(), Some(0 | 1)) {
                return vec![format!("share {index}/{count}: {}", String::from_utf8_lossy(&decoded.stderr))];
            }
        }
        let target = format!("merged-{count}");
        let merged = run(directory, &["merge", "-q", "-o", &target], &targets);
        if merged.status.code() != Some(case.exit) {
            faults.push(format!("merge of {count}: {}", String::from_utf8_lossy(&merged.stderr)));
            continue;
        }
        let merged = Tree::read(&directory.join(target)).expect("the dump can be read");
        for path in whole.files.keys().chain(merged.files.keys()) {
            match (merged.files.get(path), whole.files.get(path)) {
                (Some(found), Some(wanted)) if found != wanted => {
                    faults.push(difference(path, found, wanted));
                }
                (Some(_), Some(_)) => continue,
                (found, _) => {
                    let what = if found.is_some() { "extra" } else { "missing" };
                    faults.push(format!("{what}: {}", show(path)));
                }
            }
            faults.push(format!("  when {count} shares are merged"));
        }
        if merged.empty != whole.empty {
            faults.push(format!("other empty directories when {count} shares are merged"));
        }
    }
    faults
}

fn refusal(case: &Case, classes: &str, stderr: &str, place: &Path) -> Vec<String> {
    let mut faults = Vec::new();
    if fs::read_dir(place).expect("the directory is still there").count() > 0 {
        faults.push("a refused input left something behind".into());
    }
    if !classes.split(" | ").any(|class| stderr.contains(class)) {
        faults.push(format!("{:?} is none of {classes}", stderr.trim_end()));
    }
    let said = stderr.lines().last().unwrap_or_default();
    if let Some(message) = case.message.as_ref().filter(|message| *message != said) {
        faults.push(format!("found    {said}\n  expected {message}"));
    }
    faults
}

fn files(tree: &Tree, case: &Case) -> Vec<String> {
    let inside = |path: &[u8]| TREES.iter().any(|top| path.starts_with(top.as_bytes()));
    let mut faults = Vec::new();
    for (path, wanted) in &case.files {
        match tree.files.get(path) {
            None => faults.push(format!("missing: {}", show(path))),
            Some(found) if found != wanted => faults.push(difference(path, found, wanted)),
            Some(_) => {}
        }
    }
    let known = |path: &Vec<u8>| case.files.contains_key(path) || case.directories.contains(path);
    for path in tree.files.keys().chain(&tree.empty).filter(|path| inside(path) && !known(path)) {
        faults.push(format!("extra: {}", show(path)));
    }
    for path in case.directories.difference(&tree.empty) {
        faults.push(format!("missing empty directory: {}", show(path)));
    }
    faults.extend(tree.other.iter().map(|path| format!("no regular file: {}", show(path))));
    faults
}

fn difference(path: &[u8], found: &[u8], wanted: &[u8]) -> String {
    let same = found.iter().zip(wanted).take_while(|(a, b)| a == b).count();
    let from = same.saturating_sub(20);
    format!(
        "wrong: {} at byte {same}\n  found    {}\n  expected {}",
        show(path),
        show(&found[from..]),
        show(&wanted[from..])
    )
}

fn manifest(tree: &Tree, case: &Case) -> Vec<String> {
    let bytes = tree.files.get(b"MANIFEST.json".as_slice()).map_or(&[][..], Vec::as_slice);
    let manifest: Value = match serde_json::from_slice(bytes) {
        Ok(manifest) => manifest,
        Err(error) => return vec![format!("MANIFEST.json: {error}")],
    };
    let member =
        |path: &str| path.split('.').fold(&manifest, |value, name| value.get(name).unwrap_or(&Value::Null));
    let wrong = case.manifest.iter().filter(|(path, wanted)| member(path) != wanted);
    wrong.map(|(path, wanted)| format!("MANIFEST.json {path}: {}, expected {wanted}", member(path))).collect()
}

fn warnings(stdout: &[u8], case: &Case) -> Vec<String> {
    let summary: Value = match serde_json::from_slice(stdout) {
        Ok(summary) => summary,
        Err(error) => return vec![format!("the summary of --json: {error}")],
    };
    let all = summary["warnings"].as_array().map_or(&[][..], Vec::as_slice);
    if let Some(other) = all.iter().find(|warning| !is_listed(warning)) {
        return vec![format!("no row of the table of events has these fields: {other}")];
    }
    let said = summary["warnings"].to_string();
    let silent = case.warnings.iter().filter(|event| !said.contains(&format!("\"{event}\"")));
    silent.map(|event| format!("no warning {event} in the summary")).collect()
}

/// Whether the table of events has the warning, with all fields that it has and no others. The map that is read here
/// keeps no order.
fn is_listed(warning: &Value) -> bool {
    let Some(fields) = warning["fields"].as_object() else { return false };
    let mut rows = TABLES.iter().flat_map(|(_, rows)| *rows).filter(|row| row.kind == "warning");
    rows.find(|row| warning["event"] == row.name).is_some_and(|row| {
        let names = row.fields.iter().map(|field| field.trim_end_matches('?'));
        let found: Vec<&str> = names.filter(|name| fields.contains_key(*name)).collect();
        found.len() == fields.len() && row.allows(found.into_iter())
    })
}
