//! From the rows of two sides to what has to be read, and from what is read to what differs.
//!
//! In: the files of both sides with their digests, sorted by path. Out: a [`Record`] for each object that a differing
//! file, or a line in one, is of, under the object's name.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::io::BufReader;
use std::sync::Arc;

use super::MEMORY;
use super::change::{Changes, Record, Sign};
use super::document::{self, Documents};
use super::lines;
use super::side::{self, File, Side};
use super::touched::Filter;
use crate::cursor;
use crate::error::{Error, Result};
use crate::keyspace::Namespace;
use crate::layout::paths;
use crate::limits;
use crate::name::file::{self, Contents, FileName, Lines};
use crate::name::line::{is_schema_of, key_attributes};
use crate::name::{self, Literal, Pattern, Selection};
use crate::sort::{OwnedSorted, Scratch, Sorter};
use crate::tree::{Extent, Wanted, keymap};

/// What the names of S3 sidecars end in.
const SIDECAR: &[u8] = b".elastickv-meta.json";

const ROW: crate::bug::Bug = crate::bug::Bug::new("a row of a differing file does not read back");

/// The files of one path on the two sides.
type Pair = [Option<File>; 2];

/// What has to be read.
#[derive(Default)]
pub(super) struct Gathered {
    wanted: Wanted,
    /// Services of which anything is wanted.
    services: BTreeSet<Namespace>,
    /// KEYMAPs that there are.
    keymaps: BTreeMap<Vec<u8>, Pair>,
    /// KEYMAPs that may have a name of a file that differs.
    named_by: BTreeSet<Vec<u8>>,
    /// The paths that are asked of them.
    asked: Wanted,
    /// The schema of the table that rows come of, then those of tables whose items are lines.
    schema: Option<(Vec<u8>, Pair)>,
    schemas: BTreeMap<Vec<u8>, Pair>,
    /// What has objects that are lines of a file.
    line_scopes: BTreeSet<String>,
    /// What has objects whose names in SHA form only a KEYMAP tells.
    untold_scopes: BTreeSet<String>,
    /// Paths of the names that are looked at, with whether each is there.
    literals: BTreeMap<Vec<u8>, bool>,
}

/// What was read, and the sides to read the rest from.
pub(super) struct Read<'s> {
    sides: [side::Contents<'s>; 2],
    originals: BTreeMap<Vec<u8>, Vec<u8>>,
    schemas: BTreeMap<Vec<u8>, Pair>,
    is_cut: bool,
}

impl Gathered {
    /// Merges the rows of both sides; the paths that differ come back sorted, with their digests.
    pub(super) fn merge(
        (mut old, mut new): (OwnedSorted, OwnedSorted),
        selection: &Selection,
        scratch: &Scratch,
    ) -> Result<(Sorter, Self)> {
        let mut gathered = Self::default();
        let mut differing = Sorter::new(scratch, MEMORY);
        let mut rows = (row(&mut old)?, row(&mut new)?);
        let is_everything = selection.is_everything();
        for (pattern, _) in selection.unmatched() {
            gathered.literals.extend(paths_of(pattern).into_iter().map(|path| (path, false)));
        }
        loop {
            let order = match &rows {
                (None, None) => break,
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (Some((old, _)), Some((new, _))) => old.cmp(new),
            };
            let take = |row: &mut Option<_>, rows: &mut OwnedSorted, takes: bool| -> Result<_> {
                if takes { Ok(std::mem::replace(row, self::row(rows)?)) } else { Ok(None) }
            };
            let one = take(&mut rows.0, &mut old, order.is_le())?;
            let other = take(&mut rows.1, &mut new, order.is_ge())?;
            let pair = [one.as_ref().map(|row: &(Vec<u8>, File)| row.1), other.as_ref().map(|row| row.1)];
            let (path, _) = one.or(other).ok_or(ROW)?;
            if !is_everything {
                gathered.offer(&path, selection);
            }
            gathered.take(&path, pair, &mut differing)?;
        }
        gathered.take_keymaps(&mut differing)?;
        Ok((differing, gathered))
    }

    /// Tells the patterns of an object, so that it is known whether they match any.
    fn offer(&mut self, path: &[u8], selection: &Selection) {
        if let Some(is_there) = self.literals.get_mut(path) {
            *is_there = true;
        }
        let mut untold = None;
        let mut keep = |path: &[u8]| {
            untold = Some(path.to_vec());
            None
        };
        let Some(file) = file::of_file(path, &mut keep) else { return };
        if let Some(untold) = untold.filter(|_| file.summary.service != "s3") {
            // Where the scope's own name is in that form, any of the service.
            let is_scope = memchr::memchr_iter(b'/', &untold).count() == 1;
            let scope = if is_scope { file.summary.service } else { name::scope_of(&file.name) };
            self.untold_scopes.insert(scope.to_owned());
        }
        let _selected = selection.selects(&file.name);
        // Of a line nothing is known before it is read.
        let own =
            [Lines::Items, Lines::Messages, Lines::SideRecords, Lines::Uploads, Lines::Inodes, Lines::Values];
        if matches!(file.contents, Contents::Lines(kind) if own.contains(&kind) || matches!(kind, Lines::Keys(_)))
        {
            self.line_scopes.insert(file.name);
        }
    }

    /// Fails where a pattern matches nothing on either side.
    pub(super) fn refuse_unmatched(&self, selection: &Selection) -> Result<()> {
        let may_be_there = |text: &str| {
            let paths = paths_of(text);
            let scopes = if paths.is_empty() { Some(&self.untold_scopes) } else { None };
            let scopes = self.line_scopes.iter().chain(scopes.into_iter().flatten());
            paths.iter().any(|path| self.literals.get(path) == Some(&true))
                || Pattern::glob(text)
                    .is_ok_and(|pattern| scopes.into_iter().any(|scope| pattern.reaches(scope)))
        };
        let unmatched = selection.unmatched().into_iter().filter(|(pattern, _)| !may_be_there(pattern));
        let words = unmatched.map(|(pattern, near)| {
            if near.is_empty() {
                pattern.to_owned()
            } else {
                format!("{pattern} (there is {})", near.join(", "))
            }
        });
        let words: Vec<_> = words.collect();
        if words.is_empty() {
            return Ok(());
        }
        Err(Error::Incomparable(format!("nothing on either side matches {}", words.join("; "))))
    }

    fn take(&mut self, path: &[u8], pair: Pair, differing: &mut Sorter) -> Result<()> {
        if file::is_keymap(path) {
            // What was renamed in a bucket has its name there alone.
            if let Some(bucket) = path.strip_suffix(b"KEYMAP.jsonl").filter(|path| path.starts_with(b"s3/")) {
                let bucket = file::of_file(&[bucket, b"_bucket.json"].concat(), &mut |_| None);
                self.line_scopes.extend(bucket.map(|bucket| bucket.name));
            }
            self.keymaps.insert(path.to_vec(), pair);
            return Ok(());
        }
        // The tracker of a bucket is an object of the user's if it has a sidecar.
        if let Some((keymap, pair)) =
            path.strip_suffix(SIDECAR).and_then(|keymap| self.keymaps.remove_entry(keymap))
        {
            self.differ(&keymap, pair, differing)?;
        }
        if path.starts_with(b"dynamodb/") && path.ends_with(b"/_schema.json") {
            self.schema = Some((path.to_vec(), pair));
        }
        self.differ(path, pair, differing)
    }

    /// Takes a path that is not of the dump itself.
    fn differ(&mut self, path: &[u8], pair: Pair, differing: &mut Sorter) -> Result<()> {
        if !differ(&pair) {
            return Ok(());
        }
        let mut asked = Vec::new();
        let Some(file) = file::of_file(path, &mut |path| {
            asked.push(path.to_vec());
            None
        }) else {
            return Ok(());
        };
        for path in &asked {
            self.asked.add_path(path);
            self.named_by.extend(file::keymap_of(path));
            self.named_by.insert(b"extra/KEYMAP.jsonl".to_vec());
        }
        let are_lines = matches!(file.contents, Contents::Lines(_));
        if matches!(file.contents, Contents::Lines(Lines::Expiries)) {
            // Which of its names are in SHA form only its lines tell.
            self.named_by.insert(b"redis/db_0/KEYMAP.jsonl".to_vec());
        }
        if are_lines || pair.iter().all(Option::is_some) {
            self.want(path, pair);
        }
        // The schema tells which attributes are the key.
        if matches!(file.contents, Contents::Lines(Lines::Items))
            && let Some((schema, pair)) = self.schema.take_if(|(schema, _)| is_schema_of(schema, path))
        {
            self.want(&schema, pair);
            self.schemas.insert(schema, pair);
        }
        differing.push(path, &value(pair))?;
        Ok(())
    }

    fn want(&mut self, path: &[u8], pair: Pair) {
        self.wanted.add_path(path);
        for file in pair.iter().flatten() {
            self.wanted.add_digest(&file.digest);
        }
        self.services.extend(service(path));
    }

    /// Wants the KEYMAPs that may name what differs. One that differs by itself is told like a file.
    fn take_keymaps(&mut self, differing: &mut Sorter) -> Result<()> {
        for (path, pair) in &self.keymaps {
            let names = self.named_by.contains(path);
            if !names && !differ(pair) {
                continue;
            }
            if !names {
                differing.push(path, &value(*pair))?;
            }
            self.wanted.add_path(path);
            // A service of which a KEYMAP is wanted is read whole, since it is what makes the records.
            match service(path) {
                Some(service) => drop(self.services.insert(service)),
                None => self.services.extend(name::SERVICES),
            }
        }
        Ok(())
    }

    /// Reads what is wanted, of both sides.
    pub(super) fn contents<'s>(
        self,
        [old, new]: [&'s mut Side; 2],
        filter: Option<Filter<'_>>,
    ) -> Result<Read<'s>> {
        let wanted = Arc::new(self.wanted);
        let mut sides =
            [old.contents(&wanted, &self.services, filter)?, new.contents(&wanted, &self.services, filter)?];
        let mut originals = BTreeMap::new();
        let mut room = limits::DIFF_ORIGINALS;
        for path in &self.named_by {
            let Some(pair) = self.keymaps.get(path) else { continue };
            for (side, file) in sides.iter_mut().zip(pair) {
                let Some(file) = side.keymap(path, file.as_ref())? else { continue };
                let mut reader = keymap::Reader::new(BufReader::new(file));
                while let Some(record) = reader.read().map_err(|error| side.unsound(path, &error))? {
                    let whole = file::from_root(path, record.encoded.as_bytes());
                    let length = whole.len() + record.original.len();
                    if room >= length && (self.asked.has_path(&whole) || path.starts_with(b"redis/")) {
                        room -= length;
                        originals.insert(whole, record.original);
                    } else if room < length {
                        room = 0;
                    }
                }
            }
        }
        Ok(Read { sides, originals, schemas: self.schemas, is_cut: room == 0 })
    }
}

/// Lists the paths that the object of a name can have; none where it is a glob, or the name does not tell them.
fn paths_of(pattern: &str) -> Vec<Vec<u8>> {
    let is_literal = Pattern::glob(pattern).is_ok_and(|pattern| !pattern.is_glob());
    match Literal::parse(pattern, None) {
        Ok(Literal { service, scope, key, item: None, .. }) if is_literal => {
            paths::of(service, &scope, key.as_deref())
        }
        _ => Vec::new(),
    }
}

/// Whether the digests of the two sides differ.
fn differ([old, new]: &Pair) -> bool {
    old.map(|file| file.digest) != new.map(|file| file.digest)
}

fn service(path: &[u8]) -> Option<Namespace> {
    let mut parts = path.split(|&byte| byte == b'/');
    let first = match parts.next()? {
        b"extra" => parts.next()?,
        first => first,
    };
    name::SERVICES.into_iter().find(|service| service.name().as_bytes() == first)
}

fn row(rows: &mut OwnedSorted) -> Result<Option<(Vec<u8>, File)>> {
    let Some((path, value)) = rows.next()? else { return Ok(None) };
    Ok(Some((path.to_vec(), side::file(value).ok_or(ROW)?)))
}

fn value(pair: Pair) -> Vec<u8> {
    let mut value = Vec::new();
    for file in pair {
        let kept = file.and_then(|file| file.kept);
        value.extend([u8::from(file.is_some()), u8::from(kept.is_some())]);
        value.extend(file.iter().flat_map(|file| file.digest));
        value.extend(kept.iter().flat_map(|kept| kept.to_bytes()));
    }
    value
}

fn pair(mut value: &[u8]) -> Result<Pair> {
    let mut pair = [None; 2];
    for file in &mut pair {
        let [is_there, is_kept] = cursor::take_array(&mut value).ok_or(ROW)?;
        if is_there != 0 {
            let digest = cursor::take_array(&mut value).ok_or(ROW)?;
            let kept = if is_kept == 0 { None } else { Some(Extent::take(&mut value).ok_or(ROW)?) };
            *file = Some(File { digest, kept });
        }
    }
    Ok(pair)
}

impl Read<'_> {
    /// Whether some names stand for themselves, because there are too many.
    pub(super) fn is_cut(&self) -> bool {
        self.is_cut
    }

    /// Compares the contents of each path that differs.
    pub(super) fn compare(
        mut self,
        mut differing: Sorter,
        records: &mut Sorter,
        scratch: &Scratch,
    ) -> Result<()> {
        let mut documents = Documents::new(scratch);
        let mut lines = lines::Joined::new(scratch);
        let mut sorted = differing.sort()?;
        while let Some((path, value)) = sorted.next()? {
            let pair = pair(value)?;
            let originals = &self.originals;
            // A KEYMAP stands for itself.
            let file = file::of_file(path, &mut |path| originals.get(path).cloned())
                .unwrap_or_else(|| file::by_path(path));
            if let Contents::Lines(kind) = file.contents {
                // The parts of a table are one file.
                if !lines.is_of(kind, path) {
                    lines.end(records, &self.originals)?;
                    let keys = self.keys(kind, path)?;
                    lines.begin(kind, path, file, keys);
                }
                for (number, file) in pair.iter().enumerate() {
                    let Some(file) = file else { continue };
                    let side = self.sides.get_mut(number).ok_or(ROW)?;
                    let reader = BufReader::new(side.open(path, file)?);
                    let read = lines.read(number, reader)?;
                    read.map_err(|error| side.failed(path, error))?;
                }
                continue;
            }
            let changes = match pair {
                [Some(old), Some(new)] => self.file(path, &file, [old, new], &mut documents)?,
                _ => Changes::default(),
            };
            let sign = Sign::of(pair[0].is_some(), pair[1].is_some());
            let path = String::from_utf8_lossy(path).into_owned();
            let record = Record { sign, is_main: file.is_main, file: path, changes };
            records.push(file.name.as_bytes(), &record.write()?)?;
        }
        lines.end(records, &self.originals)
    }

    /// Compares one file that both sides have.
    fn file(
        &mut self,
        path: &[u8],
        file: &FileName,
        files: [File; 2],
        documents: &mut Documents,
    ) -> Result<Changes> {
        let shape = match file.contents {
            Contents::Document(noun) => Some(document::Shape::Document(noun)),
            Contents::Stream => Some(document::Shape::Stream),
            Contents::Bytes | Contents::Lines(_) => None,
        };
        if let Some(shape) = shape {
            let mut are_documents = true;
            for (number, (side, file)) in self.sides.iter_mut().zip(&files).enumerate() {
                let reader = BufReader::new(side.open(path, file)?);
                let read = documents.read(number, shape, reader)?;
                are_documents &= read.map_err(|error| side.failed(path, error))?;
            }
            let changes = documents.compare(shape)?;
            if are_documents && !changes.is_empty() {
                return Ok(changes);
            }
        }
        let [one, other] = &mut self.sides;
        let [old, new] = &files;
        let mut readers = [one.open(path, old)?, other.open(path, new)?];
        let what = if shape.is_some() {
            "text"
        } else if path.starts_with(b"redis/") || path.starts_with(b"extra/kv/") {
            "value"
        } else {
            "body"
        };
        super::bytes::compare(what, &mut readers).map_err(|(number, error)| match number {
            0 => one.failed(path, error),
            _ => other.failed(path, error),
        })
    }

    /// Returns the names of the attributes that are the key of the items in a file; none where nothing tells them.
    fn keys(&mut self, kind: Lines, path: &[u8]) -> Result<Vec<String>> {
        if kind != Lines::Items {
            return Ok(Vec::new());
        }
        let Some((schema_path, pair)) = self.schemas.iter().find(|(schema, _)| is_schema_of(schema, path))
        else {
            return Ok(Vec::new());
        };
        for (side, file) in self.sides.iter_mut().zip(pair).rev() {
            let Some(file) = file else { continue };
            let keys = key_attributes(side.open(schema_path, file)?).map_err(|error| {
                if error.is_io() {
                    side.failed(schema_path, error.into())
                } else {
                    side.unsound(schema_path, &error)
                }
            })?;
            if !keys.is_empty() {
                return Ok(keys.into_iter().map(|(name, _)| name).collect());
            }
        }
        Ok(Vec::new())
    }
}
