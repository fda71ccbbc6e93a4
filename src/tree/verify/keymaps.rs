//! KEYMAP records against names: each record names something, and each SHA fallback has a record.
//!
//! Segments are joined by sorting, since a record doesn't say in which folder its file lies; paths are looked up.

use std::io::{self, BufReader};

use rustix::fs::FileType;

use super::check::{ENDLESS, Read};
use super::name::Scope;
use super::{FindingKind, Result, Shared, lock};
use crate::bug::Bug;
use crate::limits;
use crate::tree::keymap::{self, Kind, Record};
use crate::tree::lines::{Line, Lines};
use crate::tree::{Error, segment};

/// Ends of sort keys: the record of a name comes before its files. No name holds a NUL.
const RECORD: &[u8; 2] = b"\0\0";
const FILE: &[u8; 2] = b"\0\x01";
/// Marks of a directory of KEYMAP and folders, before all names in it: its KEYMAP was not read, a folder not listed.
const NO_KEYMAP: [u8; 2] = *b"\0\x02";
const NO_LISTING: [u8; 2] = *b"\0\x03";

/// A line of a KEYMAP: the path of the file, the number of the line.
pub(super) type Place<'p> = (&'p [u8], u64);

/// The dump around a KEYMAP.
pub(super) trait Around {
    /// What the threads of the run share.
    fn shared(&self) -> &Shared;

    /// Returns what stands at a path that a line names; `None` for nothing, `Unknown` where that cannot be seen, or not
    /// yet.
    fn look(&mut self, path: &[u8], place: Place<'_>) -> Result<Option<FileType>>;

    /// Records what is wrong with a line.
    fn add(&mut self, kind: FindingKind, place: Place<'_>, detail: &str) -> Result<()>;
}

/// Reads a KEYMAP and checks each of its records.
pub(super) fn read(
    around: &mut dyn Around,
    file: &mut dyn io::Read,
    path: &[u8],
    scope: Scope,
) -> Result<io::Result<Read>> {
    let read = records(around, file, path, scope)?;
    if !matches!(read, Ok(Read::Whole)) {
        push_unread(around.shared(), path, scope)?;
    }
    Ok(read)
}

fn records(
    around: &mut dyn Around,
    file: &mut dyn io::Read,
    path: &[u8],
    scope: Scope,
) -> Result<io::Result<Read>> {
    let mut lines = Lines::new(BufReader::with_capacity(1 << 16, file), limits::KEYMAP_LINE);
    for number in 1_u64.. {
        around.shared().check_interrupt()?;
        let record = match lines.next() {
            Ok(Some(Line::Text(line))) => keymap::parse(line),
            Ok(Some(Line::TooLong)) => Err(keymap::ReadErrorKind::TooLong),
            Ok(Some(Line::Endless)) => {
                around.add(FindingKind::BadKeymapLine, (path, number), ENDLESS)?;
                return Ok(Ok(Read::Partly));
            }
            Ok(None) => break,
            Err(error) => return Ok(Err(error)),
        };
        match record {
            Ok(record) => check(around, (path, number), scope, &record)?,
            Err(error) => around.add(FindingKind::BadKeymapLine, (path, number), &error.to_string())?,
        }
    }
    Ok(Ok(Read::Whole))
}

/// Remembers that a KEYMAP was not read: a name without a record may have one in it.
pub(super) fn push_unread(shared: &Shared, path: &[u8], scope: Scope) -> Result<()> {
    match (scope, path.strip_suffix(b"KEYMAP.jsonl")) {
        (Scope::Segments, Some(directory)) => {
            Ok(lock(&shared.fallbacks).push(&[directory, &NO_KEYMAP].concat(), b"")?)
        }
        _ => Ok(()),
    }
}

/// Remembers that a directory was not listed: a record without a file may have one in it.
pub(super) fn push_unlisted(shared: &Shared, directory: &[u8]) -> Result<()> {
    let mut slashes = memchr::memchr_iter(b'/', directory);
    let (Some(_), second) = (slashes.next(), slashes.next()) else { return Ok(()) };
    let scope = directory.get(..second.unwrap_or(directory.len())).unwrap_or_default();
    Ok(lock(&shared.fallbacks).push(&[scope, b"/", &NO_LISTING].concat(), b"")?)
}

fn check(around: &mut dyn Around, place: Place<'_>, scope: Scope, record: &Record) -> Result<()> {
    let (path, number) = place;
    let Some(kind) = Kind::from_name(&record.kind) else {
        return around.add(FindingKind::BadKeymapLine, place, "unknown kind");
    };
    let directory = path.strip_suffix(b"/KEYMAP.jsonl").unwrap_or_default();
    let encoded = record.encoded.as_bytes();
    match scope {
        Scope::Segments => {
            if kind != Kind::ShaFallback || segment::fallback(&record.original).as_bytes() != encoded {
                let detail = "not the SHA fallback of its original";
                return around.add(FindingKind::BadKeymapLine, place, detail);
            }
            let key = [directory, b"/", encoded, RECORD].concat();
            lock(&around.shared().fallbacks).push(&key, &number.to_be_bytes())?;
        }
        // A name that is not UTF-8 stands with replacements in the record, and can't be looked up.
        Scope::Bucket | Scope::Root if record.encoded.contains(char::REPLACEMENT_CHARACTER) => {}
        Scope::Bucket => {
            let found = around.look(&[directory, b"/", encoded].concat(), place)?;
            if !matches!(found, Some(FileType::RegularFile | FileType::Unknown)) {
                around.add(FindingKind::KeymapWithoutFile, place, "")?;
            }
        }
        Scope::Root => {
            let found = around.look(encoded, place)?;
            if !matches!(found, Some(FileType::RegularFile | FileType::Directory | FileType::Unknown)) {
                around.add(FindingKind::KeymapWithoutFile, place, "")?;
            }
        }
    }
    Ok(())
}

/// Remembers that the name of a file is a SHA fallback.
pub(super) fn push_file(shared: &Shared, scope: &[u8], segment: &[u8], path: &[u8]) -> Result<()> {
    Ok(lock(&shared.fallbacks).push(&[scope, b"/", segment, FILE].concat(), path)?)
}

/// Finds the records without a file and the files without a record, once all files were read.
pub(super) fn join(shared: &Shared) -> Result<()> {
    let broken = || Error::at(b"KEYMAP.jsonl", Bug::new("a record of a name in a KEYMAP does not read back"));
    let mut fallbacks = lock(&shared.fallbacks);
    let mut lent = fallbacks.sort()?;
    // The last record that no file was seen for: its name, and its line.
    let mut pending: Option<(Vec<u8>, u64)> = None;
    let mut recorded = Vec::new();
    let mut blind = Blind::default();
    let unused = |record: Option<(Vec<u8>, u64)>, blind: &Blind| {
        if let Some((name, line)) = record
            && !blind.misses(&name, NO_LISTING)
        {
            let path = [directory_of(&name), b"KEYMAP.jsonl"].concat();
            shared.add(FindingKind::KeymapWithoutFile, &path, line, "");
        }
    };
    while let Some((key, value)) = lent.next()? {
        shared.check_interrupt()?;
        let (name, end) = key.split_last_chunk::<2>().ok_or_else(broken)?;
        if pending.as_ref().is_some_and(|(pending, _)| pending != name) {
            unused(pending.take(), &blind);
        }
        if *end == NO_KEYMAP || *end == NO_LISTING {
            blind.add(name, *end);
        } else if end == FILE {
            pending = None;
            if recorded != name && !blind.misses(name, NO_KEYMAP) {
                shared.add(FindingKind::FileWithoutKeymap, value, 0, "");
            }
        } else if recorded != name {
            // Further records of the name say the same: the fallback of one original is one name.
            recorded.clear();
            recorded.extend_from_slice(name);
            let line = u64::from_be_bytes(*value.first_chunk().ok_or_else(broken)?);
            pending = Some((name.to_vec(), line));
        }
    }
    unused(pending, &blind);
    Ok(())
}

/// What was not seen of one directory.
#[derive(Debug, Default)]
struct Blind {
    /// Its path with the slash behind.
    directory: Vec<u8>,
    marks: Vec<[u8; 2]>,
}

impl Blind {
    fn add(&mut self, directory: &[u8], mark: [u8; 2]) {
        if self.directory != directory {
            *self = Self { directory: directory.to_vec(), marks: Vec::new() };
        }
        if !self.marks.contains(&mark) {
            self.marks.push(mark);
        }
    }

    fn misses(&self, name: &[u8], mark: [u8; 2]) -> bool {
        directory_of(name) == self.directory && self.marks.contains(&mark)
    }
}

/// Returns the directory of a name with the slash behind.
fn directory_of(name: &[u8]) -> &[u8] {
    memchr::memrchr(b'/', name).and_then(|slash| name.get(..=slash)).unwrap_or_default()
}
