//! `s3/<bucket>/`: objects under their keys, a sidecar each (`tree/s3.md#files-of-s3`, `encoding.md#rows-of-s3`).
//!
//! ```text
//! directories ─▶ buckets
//! bodies, sidecars ─keys, from paths and KEYMAPs─▶ pairs, sorted by bucket and key ─▶ announced keys, objects
//! ```

mod aside;
mod bucket;
mod headers;
mod pair;
mod parts;

use std::collections::BTreeMap;
use std::io::Read;

use super::originals::SIDECAR;
use super::{File, MEMORY, Reader};
use crate::codec::gojson::read::replace_invalid;
use crate::cursor;
use crate::error::Result;
use crate::event::Class;
use crate::keyspace::Namespace;
use crate::keyspace::s3::Segment;
use crate::model::s3::{Announced, Bucket, BucketMeta, Object, ObjectHead, Part};
use crate::model::{self, Answer, Piece, ScopeEnd};
use crate::service::Scope;
use crate::sink::Wants;
use crate::sort::{Sorter, Table, TableWriter};
use crate::time::Hlc;
use aside::{ORPHANS, UPLOADS};
use pair::Pair;

const DIRECTORY: &[u8] = b"s3/";
const TRACKER: &[u8] = b"KEYMAP.jsonl";
const BUCKET_FILE: &[u8] = b"_bucket.json";
/// Generation of a bucket that a dump is restored as; a dump does not hold its own.
const GENERATION: u64 = 1;
/// Bytes of a body that are passed on at once.
const BODY: usize = 256 << 10;
/// What lines of the JSONL layout begin with among bodies, 0, and sidecars, 1.
const LINE: u8 = 2;
/// What parts of an object begin with there.
const PARTS: u8 = 3;
/// Directory of those lines.
const LINES: &[u8] = b"extra/s3/objects/";

/// A bucket of the dump.
#[derive(Debug)]
struct Found {
    /// Path with a slash behind.
    directory: Vec<u8>,
    meta: Option<BucketMeta>,
}

/// Passes the buckets on, then their objects.
pub(super) fn read(reader: &mut Reader<'_, '_>) -> Result<Scope> {
    let mut scope = Scope::new();
    for directory in reader.directories(LINES)? {
        let bucket = [DIRECTORY, directory.get(LINES.len()..).unwrap_or_default()].concat();
        if reader.next_file(&bucket, &mut 0)?.is_none() {
            return Err(reader.unsound(&directory, &"is of a bucket that is not there"));
        }
    }
    let buckets = bucket::read(reader)?;
    let mut passed = BTreeMap::new();
    for (name, found) in &buckets {
        let bucket = Bucket { name, meta: found.meta.as_ref(), commit_ts: None };
        let path = [&*found.directory, BUCKET_FILE].concat();
        let file = File { path, digest: [0; 32] };
        // What is left of a deleted bucket makes none.
        let is_gone = found.meta.is_none() && !has_objects(reader, &found.directory)?;
        if is_gone || reader.put(model::Object::S3(Object::Bucket(&bucket)), &file)? {
            passed.insert(name, found);
        }
    }
    let mut files = Sorter::new(reader.scratch, MEMORY);
    for (name, found) in &passed {
        scope.insert((*name).clone(), 0);
        collect(reader, name, &found.directory, &mut files)?;
    }
    parts::collect(reader, &passed, &mut files)?;
    let mut pairs = pairs(reader, files)?;
    let (orphans, uploads) = (reader.options.include_orphans, reader.options.include_incomplete_uploads);
    for (name, found) in &passed {
        let has = [
            orphans && is_reserved(reader, &found.directory, ORPHANS)?,
            uploads && is_reserved(reader, &found.directory, UPLOADS)?,
        ];
        let mut ahead = Ahead { pairs: &mut pairs, bucket: name, has };
        if ahead.next(&mut 0)?.is_some() {
            reader.sink.announce((name, GENERATION), &mut ahead)?;
        }
    }
    for (name, found) in &passed {
        let (mut at, mut met, mut count) = (0, false, 0);
        while let Some((key, pair)) =
            (Ahead { pairs: &mut pairs, bucket: name, has: [false; 2] }).next(&mut at)?
        {
            met = true;
            count += u64::from(object(reader, name, &key, &pair)?);
        }
        if orphans && is_reserved(reader, &found.directory, ORPHANS)? {
            met |= aside::orphans(reader, name, found)? > 0;
        }
        if met {
            reader.sink.end_scope(reader.report, ScopeEnd::Bucket)?;
        }
        scope.insert((*name).clone(), count);
    }
    for (name, found) in passed.iter().filter(|_| uploads) {
        if is_reserved(reader, &found.directory, UPLOADS)? {
            aside::uploads(reader, name, found)?;
        }
        reader.sink.end_scope(reader.report, ScopeEnd::Bucket)?;
    }
    reader.sink.end_service(reader.report, Namespace::S3)?;
    Ok(scope)
}

/// Returns what the records of a bucket's objects begin with.
fn prefix(bucket: &[u8]) -> Vec<u8> {
    let mut prefix = Vec::new();
    Segment::write(&mut prefix, bucket);
    prefix
}

/// Adds bodies and sidecars of a bucket, by bucket and key.
fn collect(reader: &mut Reader<'_, '_>, bucket: &[u8], directory: &[u8], files: &mut Sorter) -> Result<()> {
    let tracker = [directory, TRACKER].concat();
    let is_tracker = reader.keymaps.contains_key(&tracker);
    if is_tracker {
        bucket::check_tracker(reader, &tracker, directory)?;
    }
    let mut reserved = Vec::new();
    for name in [ORPHANS, UPLOADS] {
        if is_reserved(reader, directory, name)? {
            reserved.push([directory, name].concat());
        }
    }
    let prefix = prefix(bucket);
    let segment = directory.get(DIRECTORY.len()..).unwrap_or_default();
    reader.each_line(&[LINES, segment, b"data-"].concat(), &mut |_, file, record| {
        let length = u32::try_from(file.path.len()).map_err(|_| super::ROW)?.to_be_bytes();
        let value = record.value.get().as_bytes();
        Ok(files.push(
            &[&*prefix, &*record.key.0].concat(),
            &[&[LINE], &length[..], &file.path, value].concat(),
        )?)
    })?;
    let mut at = 0;
    while let Some(file) = reader.next_file(directory, &mut at)? {
        let name = file.path.get(directory.len()..).unwrap_or_default();
        let is_own = name == BUCKET_FILE
            || (is_tracker && name == TRACKER)
            || reserved.iter().any(|below| file.path.starts_with(below));
        if is_own {
            continue;
        }
        let body = file.path.strip_suffix(SIDECAR);
        let path = body.unwrap_or(&file.path);
        // KEYMAPs hold texts: bytes that are no UTF-8 are replaced there.
        let original = reader.originals.find(replace_invalid(path).as_bytes())?;
        let key = original.as_deref().or(path.get(directory.len()..)).unwrap_or_default();
        files.push(&[&*prefix, key].concat(), &[&[body.is_some().into()], &*file.record()].concat())?;
    }
    Ok(())
}

/// Whether anything of a bucket stands outside of the directories that are of no object.
fn has_objects(reader: &mut Reader<'_, '_>, directory: &[u8]) -> Result<bool> {
    let mut reserved = Vec::new();
    for name in [ORPHANS, UPLOADS] {
        if is_reserved(reader, directory, name)? {
            reserved.push([directory, name].concat());
        }
    }
    let mut at = 0;
    while let Some(file) = reader.next_file(directory, &mut at)? {
        if !reserved.iter().any(|below| file.path.starts_with(below)) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether the directory `name` of a bucket is there, and of no object: no sidecar is in it.
fn is_reserved(reader: &mut Reader<'_, '_>, directory: &[u8], name: &[u8]) -> Result<bool> {
    let (below, mut at, mut is_there) = ([directory, name].concat(), 0, false);
    while let Some(file) = reader.next_file(&below, &mut at)? {
        if file.path.ends_with(SIDECAR) {
            return Ok(false);
        }
        is_there = true;
    }
    Ok(is_there)
}

/// Joins bodies and sidecars; one without the other is a problem.
fn pairs(reader: &mut Reader<'_, '_>, files: Sorter) -> Result<Table> {
    let mut pairs = TableWriter::new(reader.scratch)?;
    let mut files = files.into_sorted()?;
    let mut open = (Vec::new(), [None, None]);
    let (mut line, mut parts) = (None, Vec::new());
    loop {
        let next = files.next()?;
        if next.is_none_or(|(key, _)| key != open.0) {
            let (mut key, [body, sidecar]) = std::mem::take(&mut open);
            let (line, parts) = (line.take(), std::mem::take(&mut parts));
            match (body, sidecar) {
                (Some(body), Some(sidecar)) => {
                    pairs.push(&key, &Pair { body, sidecar, line, parts }.record()?)?;
                }
                (Some(file), None) => {
                    unpaired(reader, &mut key, &file, "there is no sidecar of this object")?;
                }
                (None, Some(file)) => unpaired(reader, &mut key, &file, "there is no body of this sidecar")?,
                (None, None) if !parts.is_empty() => {
                    return Err(reader.unsound(parts::PATH, &"has parts of an object that is not there"));
                }
                (None, None) => {}
            }
        }
        let Some((key, record)) = next else { break };
        let (is_sidecar, mut record) = record.split_first().ok_or(super::ROW)?;
        open.0 = key.to_vec();
        if *is_sidecar == PARTS {
            parts = record.to_vec();
            continue;
        }
        let file = if *is_sidecar == LINE {
            let path = cursor::take_u32_be(&mut record).and_then(|length| usize::try_from(length).ok());
            let path = path.and_then(|length| cursor::take(&mut record, length)).ok_or(super::ROW)?;
            line = Some(record.to_vec());
            File { path: path.to_vec(), digest: [0; 32] }
        } else {
            File::read(record)?
        };
        let [body, sidecar] = &mut open.1;
        let place = if *is_sidecar == 0 { body } else { sidecar };
        if let Some(other) = place {
            return Err(reader.twice(&file.path, &other.path));
        }
        *place = Some(file);
    }
    Ok(pairs.finish()?)
}

fn unpaired(reader: &mut Reader<'_, '_>, record: &mut [u8], file: &File, what: &str) -> Result<()> {
    let mut key = &*record;
    let bucket = Segment::take(&mut key).ok_or(super::ROW)?.raw();
    reader.problem((Namespace::S3.name(), &bucket, key), Class::S3_UNPAIRED_FILE, file, what)
}

/// The objects of a bucket, as they will come.
struct Ahead<'t> {
    pairs: &'t mut Table,
    bucket: &'t [u8],
    /// Whether orphans will come, and uploads.
    has: [bool; 2],
}

impl Ahead<'_> {
    /// Returns the next object; `at` is 0 at first.
    fn next(&mut self, at: &mut u64) -> Result<Option<(Vec<u8>, Pair)>> {
        let prefix = prefix(self.bucket);
        if *at == 0 {
            *at = self.pairs.lower_bound(&prefix)? + 1;
        }
        let Some((key, pair)) = self.pairs.get(*at - 1)? else { return Ok(None) };
        let Some(key) = key.strip_prefix(prefix.as_slice()) else { return Ok(None) };
        *at += 1;
        Ok(Some((key.to_vec(), Pair::read(&pair)?)))
    }
}

impl Announced for Ahead<'_> {
    fn keys(&mut self, each: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<()> {
        let mut at = 0;
        while let Some((key, _)) = self.next(&mut at)? {
            each(&key)?;
        }
        Ok(())
    }

    fn has(&mut self, key: &[u8]) -> Result<bool> {
        Ok(self.pairs.find(&[&*prefix(self.bucket), key].concat())?.is_some())
    }

    fn has_orphans(&mut self) -> Result<bool> {
        Ok(self.has[0])
    }

    fn has_uploads(&mut self) -> Result<bool> {
        Ok(self.has[1])
    }
}

/// Passes an object on; whether it was taken.
fn object(reader: &mut Reader<'_, '_>, bucket: &[u8], key: &[u8], pair: &Pair) -> Result<bool> {
    let Pair { body, sidecar, parts, .. } = pair;
    let headers = match headers::read(reader, pair) {
        Ok(headers) => headers,
        Err(error) => {
            let named = (Namespace::S3.name(), bucket, key);
            return reader.invalid(named, Class::S3_INVALID_SIDECAR, sidecar, error).map(|()| false);
        }
    };
    let length = reader.dump.length(&body.path)?;
    if u64::try_from(headers.size) != Ok(length) {
        let what = format!("has {length} bytes, and its sidecar says {}", headers.size);
        let named = (Namespace::S3.name(), bucket, key);
        reader.problem(named, Class::S3_BODY_LENGTH, body, &what)?;
        return Ok(false);
    }
    let proven = &Part::proven(&headers, parts::read(parts)?);
    if !parts.is_empty() && proven.is_empty() {
        return Err(reader.unsound(&body.path, &"has other parts than its length and ETag tell of"));
    }
    let head = ObjectHead {
        bucket,
        generation: GENERATION,
        key,
        headers: &headers,
        parts: proven,
        commit_ts: Hlc::ZERO,
    };
    let object = model::Object::S3(Object::Object(&head));
    let mut answer = reader.sink.object(reader.report, object)?;
    if answer == Answer::Open {
        match reader.sink.wants() {
            Wants::Heads => {}
            Wants::Places => {
                answer = reader.sink.piece(Piece::File { path: &body.path, length, digest: &body.digest })?;
            }
            Wants::Contents => answer = contents(reader, body, answer)?,
        }
        if answer == Answer::Open {
            answer = reader.sink.end(reader.report)?;
        }
    }
    reader.taken(answer, object, body)
}

/// Passes the bytes of an open body on.
fn contents(reader: &mut Reader<'_, '_>, body: &File, mut answer: Answer) -> Result<Answer> {
    let place = reader.place(&body.path);
    let mut file = reader.dump.file(&body.path, &body.digest)?;
    let mut buffer = vec![0; BODY];
    while answer == Answer::Open {
        reader.dump.interrupt().check()?;
        let read = file.read(&mut buffer).map_err(|error| place.failed(error))?;
        let Some(bytes @ [_, ..]) = buffer.get(..read) else { break };
        answer = reader.sink.piece(Piece::Bytes(bytes))?;
    }
    Ok(answer)
}
