//! `ekv-backup decode`.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use ekv_backup::adapter::Options;
use ekv_backup::decode::{Request, Summary, decode};
use ekv_backup::dump::TreeOptions;
use ekv_backup::interrupt::Interrupt;
use ekv_backup::keyspace::Owner;
use ekv_backup::progress::Progress;
use serde::Serialize;
use time::OffsetDateTime;

use super::args::{self, ADAPTERS, Layout};
use super::escape::printable;
use super::progress::Display;
use super::{exit, print};

/// What `--json` prints (`docs/output.md`).
#[derive(Serialize)]
struct Output<'a> {
    command: &'static str,
    exit_code: u8,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    #[serde(flatten)]
    summary: Option<&'a Summary>,
}

/// Runs the command and returns its exit code.
pub fn run(arguments: &args::Decode, interrupt: &Interrupt) -> u8 {
    let request = match request(arguments, interrupt) {
        Ok(request) => request,
        Err(message) => {
            print::err(&format!("error: {}", printable(&message)));
            if !arguments.json {
                return exit::USAGE;
            }
            let (exit_code, error) = (exit::USAGE, Some(message));
            let output = Output { command: "decode", exit_code, error, summary: None };
            return print::exit(exit_code, print::json(&output), "");
        }
    };
    print::time_taken(arguments.at.as_ref());
    let display = Display::start(arguments.progress, &request.progress);
    let result = decode(&request, print::warning, print::notice);
    drop(display);
    let (exit_code, error) = match &result {
        Ok(summary) if summary.problems > 0 => (exit::PROBLEMS, None),
        Ok(_) => (exit::COMPLETE, None),
        Err(error) => (exit::code(error), Some(print::chain(error))),
    };
    if let Err(error) = &result {
        print::error(error);
    }
    let summary = result.as_ref().ok();
    if let Some(summary) = summary {
        say(summary);
    }
    if !arguments.json {
        return exit_code;
    }
    let left = summary.map_or(String::new(), |summary| format!("; the dump stands in {}", summary.output));
    let output = Output { command: "decode", exit_code, error, summary };
    print::exit(exit_code, print::json(&output), &printable(&left))
}

/// Ends a run in words.
fn say(summary: &Summary) {
    for (event, count) in summary.suppressed() {
        print::err(&format!("warning: {event}: {count} more"));
    }
    print::err(&format!("{} files, {} bytes written", summary.files, summary.bytes));
    if summary.problems > 0 {
        print::err(&format!("{} objects are missing or altered: see PROBLEMS.jsonl", summary.problems));
    }
}

/// Turns what was typed into what was meant.
fn request(arguments: &args::Decode, interrupt: &Interrupt) -> Result<Request, String> {
    let mut excluded = BTreeSet::new();
    if !arguments.adapter.is_empty() {
        excluded.extend(ADAPTERS.into_iter().filter(|owner| !arguments.adapter.contains(owner)));
    }
    let mut scopes: BTreeMap<Owner, BTreeSet<Vec<u8>>> = BTreeMap::new();
    for scope in &arguments.scope {
        let (owner, names) = scope_of(scope)?;
        scopes.entry(owner).or_default().extend(names);
    }
    let dynamodb_bundle =
        (arguments.dynamodb_layout == Layout::Jsonl).then_some(arguments.dynamodb_bundle_size);
    Ok(Request {
        inputs: arguments.inputs.clone(),
        target: arguments.output.clone(),
        tree: TreeOptions {
            force: arguments.force,
            mode_from_umask: arguments.mode_from_umask,
            interrupt: interrupt.clone(),
            ..TreeOptions::default()
        },
        adapters: Options {
            excluded,
            scopes,
            no_extra: arguments.no_extra,
            drop_expired: arguments.drop_expired,
            legacy_redis_strings: arguments.legacy_redis_strings,
            dynamodb_bundle,
            include_incomplete_uploads: arguments.include_incomplete_uploads,
            include_orphans: arguments.include_orphans,
            rename_collisions: arguments.rename_collisions,
            preserve_sqs_visibility: arguments.preserve_sqs_visibility,
            include_sqs_side_records: arguments.include_sqs_side_records,
        },
        at: arguments.at.as_ref().map(|at| at.read),
        strict: arguments.strict,
        cluster_id: arguments.cluster_id.clone(),
        wall_time: wall_time(std::env::var("SOURCE_DATE_EPOCH").ok().as_deref())?,
        progress: Progress::default(),
    })
}

/// Reads `ADAPTER=NAME,NAME`; names are bytes. Redis has one database: `db_0` as in the tree, `0` as in the manifest.
fn scope_of(text: &OsStr) -> Result<(Owner, Vec<Vec<u8>>), String> {
    let usage = || format!("--scope {}: expected ADAPTER=NAME,NAME", text.to_string_lossy());
    let bytes = text.as_bytes();
    let at = bytes.iter().position(|&byte| byte == b'=').ok_or_else(usage)?;
    let (name, names) = bytes.split_at(at);
    let owner = std::str::from_utf8(name).ok().and_then(|name| args::adapter(name).ok()).ok_or_else(usage)?;
    let name = |name: &[u8]| match (owner, name) {
        (Owner::Redis, b"0") => b"db_0".to_vec(),
        _ => name.to_vec(),
    };
    let names: Vec<Vec<u8>> =
        names.get(1..).unwrap_or_default().split(|&byte| byte == b',').map(name).collect();
    if names.iter().any(Vec::is_empty) {
        return Err(usage());
    }
    Ok((owner, names))
}

/// Returns `wall_time_iso`: now, or `SOURCE_DATE_EPOCH` in seconds (`decisions.md` 1).
fn wall_time(source_date_epoch: Option<&str>) -> Result<OffsetDateTime, String> {
    match source_date_epoch {
        Some(text) => text
            .parse()
            .ok()
            .and_then(|seconds| OffsetDateTime::from_unix_timestamp(seconds).ok())
            .ok_or_else(|| "SOURCE_DATE_EPOCH: expected seconds since 1970".to_owned()),
        None => Ok(OffsetDateTime::now_utc()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_names_one_adapter_and_its_objects() {
        let (owner, names) = scope_of(OsStr::new("dynamodb=orders,users")).unwrap();
        assert_eq!(owner, Owner::Dynamodb);
        assert_eq!(names, [b"orders".to_vec(), b"users".to_vec()]);
        let (_, names) = scope_of(OsStr::from_bytes(b"s3=a=b\xff")).unwrap();
        assert_eq!(names, [b"a=b\xff".to_vec()]);
        assert_eq!(scope_of(OsStr::new("redis=0,db_0")).unwrap().1, [b"db_0", b"db_0"]);
        for bad in ["", "dynamodb", "dynamodb=", "sql=a", "s3=a,,b"] {
            assert!(scope_of(OsStr::new(bad)).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_wall_time_can_be_fixed() {
        assert_eq!(wall_time(Some("1714400000")).unwrap().unix_timestamp(), 1_714_400_000);
        assert!(wall_time(Some("yesterday")).is_err());
        assert!(wall_time(None).unwrap().unix_timestamp() > 1_714_400_000);
    }
}
