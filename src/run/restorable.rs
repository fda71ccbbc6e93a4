//! Whether a dump can be restored: all that `encode`, or the reference encoder, would refuse of it (`encoding.md#refusals-problems-warnings`, `compat.md#encoding`).
//!
//! In: a dump that was verified. Out: why it would be refused, which objects would be left out, and the warnings. Its rows
//! are made as by `encode`, and go nowhere.

use super::objects::pass_dump;
use super::problems;
use crate::encode::{Bodies, Encode, Options, Outputs};
use crate::error::{Error, Result};
use crate::event::{Event, Warning};
use crate::keyspace::Namespace;
use crate::model::{Answer, Object, Piece, ScopeEnd, dynamodb, s3, sqs};
use crate::problem::ListedProblem;
use crate::report::Report;
use crate::service;
use crate::sink::{Sink, Wants};
use crate::sort::Scratch;
use crate::time::{Hlc, UnixMs};
use crate::tree::manifest::{DynamodbLayout, Manifest};
use crate::tree::{Dump, ErrorKind};

/// Refusals that are listed.
const LISTED: usize = 100;

/// What would become of a dump.
#[derive(Clone, Debug, Default)]
pub struct Restorable {
    /// Number of reasons to refuse it as a whole.
    pub refused: u64,
    /// The first of them.
    pub refusals: Vec<String>,
    /// Number of objects that would be left out.
    pub problems: u64,
    /// The first of them.
    pub listed: Vec<ListedProblem>,
}

/// Tries a dump: for the reference encoder, or for this one as of `now_ms`, Unix ms. `warn` is called with each warning
/// that is kept.
///
/// # Errors
///
/// What is not the dump's fault: a file that cannot be read, an interrupt.
pub fn restorable(
    dump: &mut Dump,
    for_reference: bool,
    now_ms: UnixMs,
    scratch: &Scratch,
    mut warn: impl FnMut(&Warning),
) -> Result<Restorable> {
    let (manifest, text) = dump.manifest()?;
    let preserve_sqs_visibility = manifest.exclusions.preserve_sqs_visibility;
    let commit_ts = manifest.last_commit_ts.max(Hlc(1));
    let options = Options {
        commit_ts,
        now_ms,
        preserve_sqs_visibility,
        reference_rows: for_reference,
        ..Options::default()
    };
    let mut found = Restorable::default();
    if for_reference {
        of_manifest(&manifest, &mut found);
        // The member is this program's own.
        let text: serde_json::Value = serde_json::from_slice(&text).unwrap_or_default();
        if text.pointer("/options/layout").is_some_and(|layout| layout == "jsonl") {
            found.refuse("MANIFEST.json: the layout is jsonl".to_owned());
        }
    }
    let select = service::Options {
        no_extra: for_reference,
        include_orphans: true,
        include_incomplete_uploads: true,
        include_sqs_side_records: true,
        ..service::Options::default()
    };
    let mut refused = Vec::new();
    let mut report = Report::new(scratch, |warning| {
        if for_reference && REFUSED.contains(&warning.event) {
            refused.push(warning.event.row().sentence);
        }
        warn(warning);
    });
    let mut sink = Tried { encode: Encode::new(scratch, options), for_reference, found: &mut found };
    let passed = pass_dump(dump, &select, scratch, &mut report, &mut sink);
    let encode = sink.encode;
    let made = passed.and_then(|_| encode.finish()?.0.write(&mut Nowhere, &mut Nowhere));
    match made {
        Ok(_) => {}
        Err(error @ Error::Duplicate { .. }) => found.refuse(error.to_string()),
        Err(Error::Dump(error)) if matches!(error.kind, ErrorKind::Unsound(_)) => {
            found.refuse(error.to_string());
        }
        Err(error) => return Err(error),
    }
    found.problems = report.problem_count();
    found.listed = problems::write(None, &mut report)?;
    drop(report);
    for what in refused {
        found.refuse(what.to_owned());
    }
    Ok(found)
}

/// What the reference encoder refuses a dump for, and this one warns of.
const REFUSED: [Event; 5] = [
    Event::ENCODE_INDEX_ATTRIBUTE,
    Event::ENCODE_S3_NOT_RESTORED,
    Event::ENCODE_BUCKET_DEFAULTS,
    Event::ENCODE_SQS_PARTITION_HASH,
    Event::ENCODE_SQS_SIDE_RECORDS,
];

/// Finds what the reference encoder refuses for its manifest.
fn of_manifest(manifest: &Manifest, found: &mut Restorable) {
    let exclusions = &manifest.exclusions;
    for (is_there, what) in [
        (manifest.dynamodb_layout == DynamodbLayout::Jsonl, "the DynamoDB layout is jsonl"),
        (exclusions.preserve_sqs_visibility, "it was made with --preserve-sqs-visibility"),
        (exclusions.include_sqs_side_records, "it was made with --include-sqs-side-records"),
        (exclusions.include_incomplete_uploads, "it was made with --include-incomplete-uploads"),
        (exclusions.include_orphans, "it was made with --include-orphans"),
    ] {
        if is_there {
            found.refuse(format!("MANIFEST.json: {what}"));
        }
    }
}

impl Restorable {
    fn refuse(&mut self, what: String) {
        self.refused += 1;
        if self.refusals.len() < LISTED {
            self.refusals.push(what);
        }
    }

    /// Notes what the reference encoder refuses an object for.
    fn look(&mut self, object: Object<'_>) {
        let what = match object {
            Object::Dynamodb(dynamodb::Object::Table(table)) if matches!(table.name, b"." | b"..") => {
                "the directory of a table of this name is not called so"
            }
            Object::S3(s3::Object::Object(head)) if is_refused(head.key) => {
                "the key has no path below the bucket, or one that the layout keeps for itself"
            }
            Object::Sqs(sqs::Object::SideRecord(sqs::SideRecord {
                of: sqs::Namespace::Gone { .. }, ..
            })) => "a directory of a queue that is gone has no _queue.json",
            _ => return,
        };
        let mut name = String::new();
        crate::name::of(&object.summary(), &mut name);
        self.refuse(format!("{name}: {what}"));
    }
}

/// Whether the reference encoder refuses the key of an object, and with it the bucket.
fn is_refused(key: &[u8]) -> bool {
    let marker = key.strip_suffix(b"/").unwrap_or(key);
    let reserved = [&b"_orphans/"[..], b"_incomplete_uploads/"];
    marker.split(|&byte| byte == b'/').any(|segment| matches!(segment, b"" | b"." | b".."))
        || key.iter().any(|byte| matches!(byte, 0 | b'\\'))
        || reserved.iter().any(|front| key.starts_with(front))
}

/// Makes rows of objects, and looks at them as the reference encoder would.
struct Tried<'f> {
    encode: Encode,
    for_reference: bool,
    found: &'f mut Restorable,
}

impl Sink for Tried<'_> {
    fn wants(&self) -> Wants {
        self.encode.wants()
    }

    fn object(&mut self, report: &mut Report<'_>, object: Object<'_>) -> Result<Answer> {
        if self.for_reference {
            self.found.look(object);
        }
        self.encode.object(report, object)
    }

    fn piece(&mut self, piece: Piece<'_>) -> Result<Answer> {
        self.encode.piece(piece)
    }

    fn end(&mut self, report: &mut Report<'_>) -> Result<Answer> {
        self.encode.end(report)
    }

    fn abandon(&mut self) -> Result<()> {
        self.encode.abandon()
    }

    fn end_scope(&mut self, report: &mut Report<'_>, end: ScopeEnd) -> Result<()> {
        self.encode.end_scope(report, end)
    }

    fn end_service(&mut self, report: &mut Report<'_>, owner: Namespace) -> Result<()> {
        self.encode.end_service(report, owner)
    }
}

/// Bodies that nobody reads: they were verified. Rows that nobody keeps.
struct Nowhere;

impl Outputs for Nowhere {
    fn write(&mut self, _output: usize, _bytes: &[u8]) -> Result<()> {
        Ok(())
    }
}

impl Bodies for Nowhere {
    fn read(&mut self, _file: (&[u8], &[u8; 32]), _offset: u64, _buffer: &mut [u8]) -> Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_that_the_reference_refuses() {
        for key in [
            &b""[..],
            b"/",
            b"a//b",
            b"/a",
            b"a/../b",
            b".",
            b"a/.",
            b"a\\b",
            b"a\0",
            b"_orphans/x",
            b"_incomplete_uploads/",
        ] {
            assert!(is_refused(key), "{}", key.escape_ascii());
        }
        for key in [&b"a"[..], b"a/", b"a/b", b"_orphans", b"x/_orphans/y", b"...", b"\xff"] {
            assert!(!is_refused(key), "{}", key.escape_ascii());
        }
    }
}
