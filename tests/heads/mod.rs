//! What a snapshot and its dump must agree on: the heads of their objects, and the files that these make.

use std::collections::BTreeMap;
use std::path::Path;

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

    fn begin(&mut self, last_commit_ts: u64) {
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
        self.lines.push(format!("{end:?}"));
        self.digest.end_scope(report, end)
    }

    fn end_service(&mut self, report: &mut Report<'_>, owner: Namespace) -> Result<()> {
        self.lines.push(format!("end of {}", owner.name()));
        self.digest.end_service(report, owner)
    }
}

/// Returns the lines, in an order that both have, and the digests by path.
fn pass(
    scratch: &Scratch,
    layout: LayoutOptions,
    pass: impl FnOnce(&mut dyn Sink) -> Result<u64>,
) -> std::result::Result<(Vec<String>, BTreeMap<String, String>), String> {
    let mut sink = Heads { lines: Vec::new(), digest: Digest::new(scratch, layout) };
    let problems = pass(&mut sink).map_err(|error| error.to_string())?;
    if problems > 0 {
        return Err(format!("{problems} problems"));
    }
    let mut digests = BTreeMap::new();
    let finished = sink.digest.finish(|path, digest| {
        digests.insert(path.escape_ascii().to_string(), hex::encode(digest));
        Ok(())
    });
    finished.map_err(|error| error.to_string())?;
    let mut lines = sink.lines;
    for objects in lines.chunk_by_mut(|one, other| order(one) == order(other) && order(one).is_some()) {
        objects.sort();
    }
    Ok((lines, digests))
}

/// Returns what a line is of, where the order of these does not count: rows order by their commit times too.
fn order(line: &str) -> Option<&str> {
    ["redis ", "kv ", "(\"item\""]
        .into_iter()
        .find(|kind| line.starts_with(kind) || line.contains("(\"item\"") && kind.starts_with('('))
}

/// Returns how the objects of a dump differ from those of its snapshot.
pub fn differences(snapshot: &Snapshot, dump: &Path, options: &Options, scratch: &Scratch) -> Vec<String> {
    let layout = options.layout(snapshot);
    let want = pass(scratch, layout, |sink| objects(snapshot, options, scratch, sink, |_| ()));
    let found = pass(scratch, layout, |sink| {
        let opened = Dump::open(dump, scratch, (&Interrupt::default(), &Progress::default()))?;
        let mut dump = opened.expect("there is a dump");
        Ok(dump_objects(&mut dump, options, scratch, sink, |_| ())?.problems)
    });
    let (want, found) = match (want, found) {
        (Ok(want), Ok(found)) => (want, found),
        (want, found) => return vec![format!("{:?} {:?}", want.err(), found.err())],
    };
    let mut faults = Vec::new();
    let lines = want.0.iter().zip(&found.0).find(|(want, found)| want != found);
    faults.extend(lines.map(|(want, found)| format!("want {want}\n  got {found}")));
    if want.0.len() != found.0.len() {
        faults.push(format!("{} heads, want {}", found.0.len(), want.0.len()));
    }
    let paths: std::collections::BTreeSet<_> = want.1.keys().chain(found.1.keys()).collect();
    let differs = paths.into_iter().filter(|path| want.1.get(*path) != found.1.get(*path));
    faults.extend(differs.map(|path| {
        let state =
            |side: &BTreeMap<String, String>| if side.contains_key(path) { "there" } else { "not there" };
        format!("{path}: {} in the snapshot, {} in the dump", state(&want.1), state(&found.1))
    }));
    faults.truncate(8);
    faults
}
