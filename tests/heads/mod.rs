//! What a snapshot and its dump must agree on: the heads of their objects, and the files that these make.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use ekv_backup::error::Result;
use ekv_backup::interrupt::Interrupt;
use ekv_backup::keyspace::Namespace;
use ekv_backup::model::{Answer, Object, Piece, ScopeEnd, s3};
use ekv_backup::progress::Progress;
use ekv_backup::report::Report;
use ekv_backup::run::{dump_objects, objects};
use ekv_backup::service::Options;
use ekv_backup::sink::{Digest, LayoutOptions, Sink, Wants};
use ekv_backup::snapshot::Snapshot;
use ekv_backup::sort::Scratch;
use ekv_backup::time::Hlc;
use ekv_backup::tree::Dump;

/// What has a length that only a snapshot, or only a dump, knows.
const UNCOUNTED: [&str; 6] = ["item", "list", "hash", "set", "zset", "stream"];

/// Notes a line for each call, and passes it on to digests.
struct Heads {
    lines: Vec<String>,
    digest: Digest,
}

impl Sink for Heads {
    fn wants(&self) -> Wants {
        Wants::Contents
    }

    fn begin(&mut self, last_commit_ts: Hlc) {
        self.digest.begin(last_commit_ts);
    }

    fn announce(&mut self, generation: (&[u8], u64), announced: &mut dyn s3::Announced) -> Result<()> {
        self.digest.announce(generation, announced)
    }

    fn object(&mut self, report: &mut Report<'_>, object: Object<'_>) -> Result<Answer> {
        let summary = object.summary();
        let name = (summary.scope.escape_ascii().to_string(), summary.name.escape_ascii().to_string());
        // The elements of some collections are counted behind their heads, and the length of an item is that of a message.
        let bytes = summary.bytes.filter(|_| !UNCOUNTED.contains(&summary.kind));
        let kind = (summary.kind, bytes, summary.expires_ms, summary.hash_len);
        self.lines.push(format!("{} {name:?} {kind:?}", summary.service));
        self.digest.object(report, object)
    }

    fn piece(&mut self, piece: Piece<'_>) -> Result<Answer> {
        self.digest.piece(piece)
    }

    fn end(&mut self, report: &mut Report<'_>) -> Result<Answer> {
        self.lines.last_mut().expect("an object is open").push_str(" end");
        self.digest.end(report)
    }

    fn abandon(&mut self) -> Result<()> {
        self.digest.abandon()
    }

    fn end_scope(&mut self, report: &mut Report<'_>, end: ScopeEnd) -> Result<()> {
        // Services also end what nothing came of.
        let is_empty = |line: &String| {
            !(line.starts_with("sqs ") || line.starts_with("s3 ")) || line.contains("(\"bucket\"")
        };
        if end == ScopeEnd::Table || !self.lines.last().is_none_or(is_empty) {
            self.lines.push(format!("{end:?}"));
        }
        self.digest.end_scope(report, end)
    }

    fn end_service(&mut self, report: &mut Report<'_>, owner: Namespace) -> Result<()> {
        self.lines.push(format!("end of {}", owner.name()));
        self.digest.end_service(report, owner)
    }
}

/// What came of a pass.
struct Passed {
    problems: u64,
    /// Lines, in an order that both sides have.
    heads: Vec<String>,
    /// Digests by path.
    digests: BTreeMap<String, String>,
}

fn pass(
    scratch: &Scratch,
    layout: LayoutOptions,
    pass: impl FnOnce(&mut dyn Sink) -> Result<u64>,
) -> std::result::Result<Passed, String> {
    let mut sink = Heads { lines: Vec::new(), digest: Digest::new(scratch, layout) };
    let problems = pass(&mut sink).map_err(|error| error.to_string())?;
    let mut digests = BTreeMap::new();
    let finished = sink.digest.finish(|path, digest| {
        digests.insert(path.escape_ascii().to_string(), hex::encode(digest));
        Ok(())
    });
    finished.map_err(|error| error.to_string())?;
    let mut heads = sink.lines;
    for objects in heads.chunk_by_mut(|one, other| order(one) == order(other) && order(one).is_some()) {
        objects.sort();
    }
    Ok(Passed { problems, heads, digests })
}

/// Returns what a line is of, where the order of these does not count: rows order by their commit times too.
fn order(line: &str) -> Option<&str> {
    let kinds = ["redis ", "kv ", "(\"item\"", "(\"orphan_chunk\""];
    kinds.into_iter().find(|kind| line.starts_with(kind) || (kind.starts_with('(') && line.contains(kind)))
}

/// Returns how the objects of dumps of one layout differ from those of their snapshot.
pub fn differences(
    snapshot: &Snapshot,
    dumps: &[PathBuf],
    options: &Options,
    scratch: &Scratch,
) -> Vec<String> {
    let layout = options.layout(snapshot);
    let want = pass(scratch, layout, |sink| objects(snapshot, options, scratch, sink, |_| ()));
    let found = |dump: &Path| {
        let opened = Dump::open(dump, scratch, (&Interrupt::default(), &Progress::default()));
        let mut dump = opened.expect("a dump can be opened").expect("there is a dump");
        pass(scratch, layout, |sink| Ok(dump_objects(&mut dump, options, scratch, sink, |_| ())?.problems))
    };
    let want = want.expect("a snapshot can be read");
    dumps.iter().flat_map(|dump| compare(&want, found(dump), dump)).take(8).collect()
}

fn compare(want: &Passed, found: std::result::Result<Passed, String>, dump: &Path) -> Vec<String> {
    let found = match found {
        Ok(found) if found.problems == 0 => found,
        found => return vec![format!("{}: {:?}", dump.display(), found.map(|found| found.problems))],
    };
    let mut faults = Vec::new();
    // What is a problem has a head in the snapshot, and nothing in the dump.
    if want.problems == 0 {
        let pairs = want.heads.iter().zip(&found.heads).find(|(want, found)| want != found);
        faults.extend(pairs.map(|(want, found)| format!("want {want}\n  got {found}")));
        if want.heads.len() != found.heads.len() {
            faults.push(format!("{} heads, want {}", found.heads.len(), want.heads.len()));
        }
    }
    let paths: BTreeSet<_> = want.digests.keys().chain(found.digests.keys()).collect();
    for path in paths.into_iter().filter(|path| want.digests.get(*path) != found.digests.get(*path)) {
        let is_there = [want, &found].map(|side| side.digests.contains_key(path));
        faults.push(format!("{path}: in the snapshot and in the dump: {is_there:?}"));
    }
    faults
}
