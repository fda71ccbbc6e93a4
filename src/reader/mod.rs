//! Dumps to objects: what [`layout`](crate::layout) makes of objects, backwards (`encoding.md#reading-the-dump`).
//!
//! In: a dump, tree or archive. Out: calls of a [`Sink`], service by service, tables, buckets and queues in the order of a
//! snapshot, with the same heads, pieces and ends. The items of a table come in the order of its files, keys of Redis and of
//! no service in that of their bytes, of the JSONL layout those of each type, all other objects in that of a snapshot. What cannot be read back is a problem where it concerns one object, and else an error that
//! names the file. Commit times, and what else no file holds, stay unknown.

mod document;
mod dynamodb;
mod fs;
mod kv;
pub(crate) mod originals;
mod parts;
mod redis;
mod s3;
mod sqs;
mod text;

use std::collections::BTreeMap;

use crate::bug::{self, Bug};
use crate::error::{Error, Result};
use crate::event::Class;
use crate::keyspace::Namespace;
use crate::model::{Answer, Object};
use crate::report::{Problem, Report};
use crate::service::{Options, Scope};
use crate::sink::Sink;
use crate::sort::{Scratch, Table, TableWriter};
use crate::tree::manifest::DynamodbLayout;
use crate::tree::segment::{self, DecodeError};
use crate::tree::{self, Changed, Dump, ErrorKind};
use text::{Lines, Place};

/// Memory of each list that is sorted, bytes.
const MEMORY: usize = 4 << 20;

const ROW: Bug = Bug::new("a file of a dump has no digest");

/// A service's files to its objects.
type Read = fn(&mut Reader<'_, '_>) -> Result<Scope>;

/// The services in the order of a snapshot.
const SERVICES: [(Namespace, Read); 6] = [
    (Namespace::Dynamodb, dynamodb::read),
    (Namespace::S3, s3::read),
    (Namespace::Redis, redis::read),
    (Namespace::Sqs, sqs::read),
    (Namespace::Fs, fs::read),
    (Namespace::Kv, kv::read),
];

/// Passes the objects of a dump to `sink`; returns the names that each service found, with the numbers of their objects.
/// Of the options those count that say what is wanted: `excluded`, `scopes`, `no_extra` and the `include_` ones. A
/// selection is the caller's business ([`Selected`](crate::sink::Selected)).
pub(crate) fn objects(
    dump: &mut Dump,
    options: &Options,
    scratch: &Scratch,
    report: &mut Report<'_>,
    sink: &mut dyn Sink,
) -> Result<BTreeMap<Namespace, Scope>> {
    let (manifest, _) = dump.manifest()?;
    sink.begin(manifest.last_commit_ts);
    let keymaps = originals::keymaps(dump)?;
    let originals = originals::read(dump, &keymaps, scratch)?;
    let files = files(dump, scratch)?;
    let layout = manifest.dynamodb_layout;
    let mut reader = Reader { dump, options, scratch, report, sink, layout, files, keymaps, originals };
    let mut scopes = BTreeMap::new();
    for (service, read) in SERVICES {
        let is_extra = matches!(service, Namespace::Fs | Namespace::Kv);
        if !(options.excluded.contains(&service) || is_extra && options.no_extra) {
            let scope = read(&mut reader).map_err(|error| match error {
                Error::Internal(bug) => bug.or_at(bug::Place::Service(service.name())).into(),
                error => error,
            });
            scopes.insert(service, scope?);
        }
    }
    Ok(scopes)
}

/// Makes a table of all files: path to digest.
fn files(dump: &mut Dump, scratch: &Scratch) -> Result<Table> {
    let mut files = TableWriter::new(scratch)?;
    let mut rows = dump.rows()?;
    while let Some((path, digest)) = rows.next()? {
        files.push(path, digest)?;
    }
    Ok(files.finish()?)
}

/// What services read with.
struct Reader<'p, 'r> {
    dump: &'p mut Dump,
    options: &'p Options,
    scratch: &'p Scratch,
    report: &'p mut Report<'r>,
    sink: &'p mut dyn Sink,
    layout: DynamodbLayout,
    /// Path -> digest.
    files: Table,
    /// KEYMAPs with their digests.
    keymaps: BTreeMap<Vec<u8>, [u8; 32]>,
    /// Path of a name in SHA form, without suffixes -> what it stands for.
    originals: Table,
}

/// A file of the dump.
#[derive(Clone, Debug, Default)]
struct File {
    path: Vec<u8>,
    digest: [u8; 32],
}

impl File {
    /// Returns the record that [`File::read`] reads.
    fn record(&self) -> Vec<u8> {
        [&self.digest[..], &self.path].concat()
    }

    fn read(record: &[u8]) -> Result<Self> {
        let (digest, path) = record.split_first_chunk().ok_or(ROW)?;
        Ok(Self { path: path.to_vec(), digest: *digest })
    }
}

impl Reader<'_, '_> {
    /// Returns the files whose paths begin with `prefix`, one after the other; `at` is 0 at first.
    fn next_file(&mut self, prefix: &[u8], at: &mut u64) -> Result<Option<File>> {
        if *at == 0 {
            *at = self.files.lower_bound(prefix)?;
        }
        let file = self.files.get(*at)?.filter(|(path, _)| path.starts_with(prefix));
        *at += 1;
        let Some((path, digest)) = file else { return Ok(None) };
        Ok(Some(File { path, digest: digest.try_into().map_err(|_| ROW)? }))
    }

    /// Returns what a segment stands for, which is below `directory`, a path with its slash; `None` for a name in SHA form
    /// without a record.
    fn name(&mut self, directory: &[u8], segment: &[u8], path: &[u8]) -> Result<Option<Vec<u8>>> {
        match segment::decode(segment) {
            Ok(name) => Ok(Some(name)),
            Err(DecodeError::NeedsKeymap) => Ok(self.originals.find(&[directory, segment].concat())?),
            Err(error) => Err(self.unsound(path, &error)),
        }
    }

    /// Puts the whole of a file in place of what `out` holds.
    fn whole(&mut self, file: &File, most: u64, out: &mut Vec<u8>) -> Result<()> {
        Ok(self.dump.whole(&file.path, &file.digest, most, out)?)
    }

    /// Passes an object on that has no contents besides; whether it was taken.
    fn put(&mut self, object: Object<'_>, file: &File) -> Result<bool> {
        let answer = match self.sink.object(self.report, object)? {
            Answer::Open => self.sink.end(self.report)?,
            answer => answer,
        };
        self.taken(answer, object, file)
    }

    /// Says whether an object was taken, as the last answer tells; a refusal is a problem.
    fn taken(&mut self, answer: Answer, object: Object<'_>, file: &File) -> Result<bool> {
        let Answer::Refused(refusal) = answer else { return Ok(answer != Answer::Left) };
        let summary = object.summary();
        let service = summary.service;
        self.problem((service, &summary.scope, &summary.name), refusal.class, file, &refusal.message)?;
        Ok(false)
    }

    /// Records that an object, given by its service, scope and key, is left out.
    fn problem(
        &mut self,
        (adapter, scope, key): (&'static str, &[u8], &[u8]),
        class: Class,
        file: &File,
        what: &str,
    ) -> Result<()> {
        let message = format!("{}: {what}", String::from_utf8_lossy(&file.path));
        self.report.problem(&Problem { adapter, scope, key, class, message, place: None })
    }

    /// Records that an object is left out whose file is not what it should be; whatever else went wrong stays an error.
    fn invalid(
        &mut self,
        named: (&'static str, &[u8], &[u8]),
        class: Class,
        file: &File,
        error: Error,
    ) -> Result<()> {
        match error {
            Error::Dump(tree::Error { kind: ErrorKind::Unsound(what), .. })
                if what != Changed.to_string() =>
            {
                self.problem(named, class, file, &what)
            }
            error => Err(error),
        }
    }

    /// Records that nothing tells the name of a file's object.
    fn nameless(&mut self, adapter: &'static str, scope: &[u8], file: &File) -> Result<()> {
        let what = "the name is in SHA form, and no KEYMAP says what it stands for";
        self.problem((adapter, scope, &file.path), Class::NEEDS_KEYMAP, file, what)
    }

    /// Returns where a file is, for errors.
    fn place(&self, path: &[u8]) -> Place {
        Place(self.dump.path_of(path))
    }

    /// Opens a file of lines.
    fn lines(&mut self, file: &File) -> Result<Lines> {
        Ok(Lines::new(self.dump.file(&file.path, &file.digest)?, self.place(&file.path)))
    }

    /// Returns the error of a file that breaks a rule.
    fn unsound(&self, path: &[u8], what: &impl ToString) -> Error {
        self.place(path).unsound(what)
    }

    /// Returns the error of a second file of one object.
    fn twice(&self, path: &[u8], other: &[u8]) -> Error {
        self.unsound(path, &format!("is of the same object as {}", String::from_utf8_lossy(other)))
    }
}
