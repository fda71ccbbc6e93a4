//! Whether an archive is whole: read once, front to back, and nothing of it written anywhere but digests and names.
//!
//! In: the entries of a tar, whoever made it. Out: the findings that the tree would give of which it is the archive. What
//! stands elsewhere in the archive (digests in CHECKSUMS, files that a KEYMAP names) is sorted and joined at the end.

use std::cmp::Ordering;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::sync::atomic;

use rustix::fs::FileType;

use super::check::{Hashed, Read, contents};
use super::keymaps::{self, Around, Place};
use super::name::{self, Content, Name, SIDECAR, Scope};
use super::walk::may_be_empty;
use super::{
    FindingKind, MEMORY, Result, Shared, VerifyOptions, VerifyReport, checksums, join, multipart, parts,
};
use crate::limits;
use crate::progress::{Amount, Phase, Progress};
use crate::tree::archive::{Entry, EntryKind, ReadError, ReadErrorKind, Source, from_handle};
use crate::tree::manifest::{self, Manifest};
use crate::tree::{Error, ErrorKind, Sorted, Sorter};

/// Bytes that are read at once.
const BUFFER: usize = 256 << 10;
/// First bytes of values in `names`: a file with its digest, a directory, anything else.
const FILE: u8 = b'f';
const DIRECTORY: u8 = b'd';
const OTHER: u8 = b'o';
/// First bytes of values in `outcomes`: the KEYMAP is an object, a line's file is there or not, something is wrong with a
/// line.
const OBJECT: u8 = b'0';
const THERE: u8 = b'1';
const NOT_THERE: u8 = b'2';
const WRONG: u8 = b'3';

const RECORD: ErrorKind =
    ErrorKind::Internal(crate::bug::Bug::new("a record of an archive's names does not read back"));

/// Whether a path is to be read as an archive: standard input, or whatever is there and is no directory.
pub(super) fn is_archive(path: &Path) -> bool {
    path.as_os_str() == "-" || std::fs::metadata(path).is_ok_and(|metadata| !metadata.is_dir())
}

/// Checks the archive at `path`.
pub(super) fn verify(path: &Path, options: &VerifyOptions) -> Result<VerifyReport> {
    let failure = |error: io::Error| Error { path: path.to_owned(), kind: error.into() };
    let handle: OwnedFd = if path.as_os_str() == "-" {
        io::stdin().as_fd().try_clone_to_owned().map_err(failure)?
    } else {
        std::fs::File::open(path).map_err(failure)?.into()
    };
    let length = rustix::fs::fstat(&handle).map(|stat| u64::try_from(stat.st_size).unwrap_or_default());
    options.progress.enter(Phase::Verifying, 0);
    options.progress.expect(Amount { files: 0, bytes: length.unwrap_or_default() });
    let source = handle.try_clone().map_err(failure)?;
    // The bytes of the archive are counted, not those of its contents.
    let shared = Shared::new(handle, path, options, Progress::default());
    let mut pass = Pass {
        shared: &shared,
        names: Sorter::new(&options.scratch, MEMORY),
        rows: Sorter::new(&options.scratch, MEMORY),
        lookups: Sorter::new(&options.scratch, MEMORY),
        outcomes: Sorter::new(&options.scratch, MEMORY),
        buffer: vec![0; BUFFER],
        manifest: None,
        has_manifest: false,
        has_checksums: false,
        is_whole: false,
    };
    let read = match from_handle(source, &options.interrupt, &options.progress) {
        Ok(mut reader) => loop {
            match reader.next() {
                Ok(None) => break Ok(()),
                Err(error) => break Err(error),
                Ok(Some(mut entry)) => {
                    if let Err(error) = pass.entry(&mut entry)? {
                        break Err(reader.failure(error));
                    }
                    options.progress.add_files(1);
                }
            }
        },
        Err(error) => return Err(interrupted(&shared).unwrap_or_else(|| failure(error))),
    };
    pass.end(read)?;
    let manifest = pass.manifest.take();
    let size = shared.size();
    Ok(VerifyReport { manifest, size, findings: shared.into_findings() })
}

fn interrupted(shared: &Shared) -> Option<Error> {
    shared.check_interrupt().err()
}

/// What is known of an archive while it is read.
struct Pass<'v> {
    shared: &'v Shared,
    /// Path -> what it is; that of a directory ends in a slash.
    names: Sorter,
    rows: Sorter,
    /// Path that a KEYMAP names -> the line.
    lookups: Sorter,
    /// Line of a KEYMAP -> what is known of it.
    outcomes: Sorter,
    buffer: Vec<u8>,
    manifest: Option<Manifest>,
    has_manifest: bool,
    has_checksums: bool,
    /// Whether the archive was read to its end.
    is_whole: bool,
}

/// Returns the key of a line in `outcomes`.
fn line_key((path, line): Place<'_>) -> Vec<u8> {
    [path, b"\0", &line.to_be_bytes()].concat()
}

impl Around for Pass<'_> {
    fn shared(&self) -> &Shared {
        self.shared
    }

    fn look(&mut self, path: &[u8], place: Place<'_>) -> Result<Option<FileType>> {
        let key = line_key(place);
        self.lookups.push(path, &key)?;
        // A bucket's KEYMAP names files alone.
        if name::content(place.0) == Content::Keymap(Scope::Root) {
            self.lookups.push(&[path, b"/"].concat(), &key)?;
        }
        Ok(Some(FileType::Unknown))
    }

    fn add(&mut self, kind: FindingKind, place: Place<'_>, detail: &str) -> Result<()> {
        // What is wrong with a bucket's KEYMAP is not known before its sidecar is, or is not there.
        if kind == FindingKind::BadKeymapLine && name::content(place.0) == Content::Keymap(Scope::Bucket) {
            return Ok(self.outcomes.push(&line_key(place), &[&[WRONG], detail.as_bytes()].concat())?);
        }
        self.shared.add(kind, place.0, place.1, detail);
        Ok(())
    }
}

impl Pass<'_> {
    /// Takes an entry.
    fn entry(&mut self, entry: &mut Entry<'_, Source>) -> Result<io::Result<()>> {
        self.shared.check_interrupt()?;
        let path = entry.path().to_vec();
        match entry.kind() {
            EntryKind::File => return self.file(entry, &path),
            EntryKind::Directory if path.is_empty() => {}
            EntryKind::Directory => {
                if self.stands_for_list(&path) {
                    self.shared.add(FindingKind::NotRegular, &path, 0, "directory");
                }
                self.names.push(&[&*path, b"/"].concat(), &[DIRECTORY])?;
            }
            EntryKind::Other(what) => {
                self.stands_for_list(&path);
                self.shared.add(FindingKind::NotRegular, &path, 0, what);
                self.names.push(&path, &[OTHER])?;
            }
            EntryKind::Outside => {
                self.shared.add(FindingKind::BadName, &path, 0, "not a path inside the dump");
            }
        }
        Ok(Ok(()))
    }

    /// Whether a path is that of MANIFEST.json or CHECKSUMS, which something else stands for.
    fn stands_for_list(&mut self, path: &[u8]) -> bool {
        if path == checksums::NAME.as_bytes() {
            self.has_checksums = true;
            self.shared.give_up_rows();
            return true;
        }
        self.has_manifest |= path == manifest::NAME.as_bytes();
        path == manifest::NAME.as_bytes()
    }

    fn file(&mut self, entry: &mut Entry<'_, Source>, path: &[u8]) -> Result<io::Result<()>> {
        let shared = self.shared;
        let is_manifest = path == manifest::NAME.as_bytes();
        if path == checksums::NAME.as_bytes() {
            self.has_checksums = true;
            self.names.push(path, &[FILE])?;
            return join::read_rows(shared, entry, &mut self.rows);
        }
        match name::file(path) {
            Name::Sound => {}
            Name::Bad(detail) => shared.add(FindingKind::BadName, path, 0, detail),
            Name::Fallback { scope, segment } => keymaps::push_file(shared, scope, segment, path)?,
        }
        if let Some(keymap) = path.strip_suffix(SIDECAR)
            && name::content(keymap) == Content::Keymap(Scope::Bucket)
        {
            self.outcomes.push(&line_key((keymap, 0)), &[OBJECT])?;
        }
        let mut text = Vec::new();
        let mut file = Hashed::new(entry, shared);
        if is_manifest {
            self.has_manifest = true;
            let mut start = io::Read::take(&mut file, limits::MANIFEST + 1);
            if let Err(error) = io::Read::read_to_end(&mut start, &mut text) {
                return Ok(Err(error));
            }
        }
        if let Content::Keymap(scope) = name::content(path) {
            match keymaps::read(self, &mut file, path, scope)? {
                Ok(Read::Whole | Read::Partly) => {}
                Err(error) => return Ok(Err(error)),
            }
        }
        // Bodies may come later: those lengths are compared when they are read.
        if name::content(path) == Content::Multipart
            && let Err(error) = multipart::read(shared, &mut file, &mut |_| None)?
        {
            return Ok(Err(error));
        }
        if name::content(path) == Content::Part {
            parts::push(shared, path)?;
            if let Err(error) = parts::read(shared, &mut file, path, &mut |_| Ok(false))? {
                return Ok(Err(error));
            }
        }
        // The digest is of all of it.
        let content = match name::content(path) {
            Content::Keymap(_) | Content::Part | Content::Multipart => Content::Bytes,
            content => content,
        };
        if let Err(error) = contents((shared, &mut self.buffer), &mut file, path, content, true)? {
            return Ok(Err(error));
        }
        shared.files.fetch_add(1, atomic::Ordering::Relaxed);
        let digest = file.digest();
        self.names.push(path, &[&[FILE], &digest[..]].concat())?;
        if is_manifest {
            self.read_manifest(&text);
        }
        Ok(Ok(()))
    }

    fn read_manifest(&mut self, text: &[u8]) {
        let length = u64::try_from(text.len()).unwrap_or(u64::MAX);
        match manifest::check_length(length).and_then(|()| Manifest::read(text)) {
            Ok(manifest) => self.manifest = Some(manifest),
            Err(error) => {
                self.shared.add(FindingKind::BadManifest, manifest::NAME.as_bytes(), 0, error.to_string());
            }
        }
    }

    /// Compares what the entries say of one another. Of an archive that was not read whole only what is surely wrong is
    /// told.
    fn end(&mut self, read: std::result::Result<(), ReadError>) -> Result<()> {
        let shared = self.shared;
        if let Err(error) = read {
            shared.check_interrupt()?;
            match error.kind {
                ReadErrorKind::Io(error) => {
                    return Err(Error { path: shared.path.clone(), kind: error.into() });
                }
                ReadErrorKind::Header(_) | ReadErrorKind::Cut(_) if self.is_nothing() => {
                    shared.add(FindingKind::NoDump, b"", 0, format!("no tar archive: {error}"));
                    return Ok(());
                }
                _ => shared.add(FindingKind::BadArchive, b"", 0, error.to_string()),
            }
            shared.give_up_rows();
        } else if !self.has_manifest && !self.has_checksums {
            shared.add(FindingKind::NoDump, b"", 0, "neither MANIFEST.json nor CHECKSUMS is there");
            return Ok(());
        } else {
            self.is_whole = true;
            for (is_there, name) in
                [(self.has_manifest, manifest::NAME), (self.has_checksums, checksums::NAME)]
            {
                if !is_there {
                    shared.add(FindingKind::Missing, name.as_bytes(), 0, "");
                }
            }
        }
        self.join()?;
        if self.is_whole {
            keymaps::join(shared)?;
            parts::join(shared)?;
            self.decide()?;
        }
        Ok(())
    }

    /// Whether nothing was read before the end came.
    fn is_nothing(&self) -> bool {
        self.names.is_empty() && lock_is_empty(self.shared)
    }

    /// Merges names, rows and lookups.
    fn join(&mut self) -> Result<()> {
        let shared = self.shared;
        let mut lookups = Lookups::new(self.lookups.sort()?)?;
        let mut rows = Rows::new(self.rows.sort()?)?;
        let mut names = self.names.sort()?;
        let mut last = Last::default();
        while let Some((path, value)) = names.next()? {
            shared.check_interrupt()?;
            let (kind, digest) = value.split_first().ok_or_else(|| Error::at(path, RECORD))?;
            if self.is_whole {
                last.leave(shared, path);
            }
            if last.path == path {
                if *kind != DIRECTORY {
                    shared.add(FindingKind::DuplicateEntry, path, 0, "");
                }
                continue;
            }
            last.enter(shared, path, *kind == FILE);
            lookups.pass(path, &mut self.outcomes)?;
            if *kind == DIRECTORY {
                continue;
            }
            let row = rows.seek(shared, path, self.is_whole)?;
            let is_listed = path == checksums::NAME.as_bytes() || *kind == OTHER;
            match row {
                Some(row) if !digest.is_empty() && row != digest => {
                    shared.add(FindingKind::Changed, path, 0, "");
                }
                None if self.is_whole && !is_listed && shared.rows_are_known() => {
                    shared.add(FindingKind::Unlisted, path, 0, "");
                }
                _ => {}
            }
        }
        if self.is_whole {
            last.leave(shared, b"");
        }
        rows.end(shared, self.is_whole)?;
        lookups.end(&mut self.outcomes)
    }

    /// Decides what the lines of KEYMAPs come to.
    fn decide(&mut self) -> Result<()> {
        let shared = self.shared;
        let mut outcomes = self.outcomes.sort()?;
        let (mut object, mut line, mut is_there) = (Vec::new(), Vec::new(), true);
        let missing = |key: &[u8]| {
            if let Some((path, line)) = split_key(key) {
                shared.add(FindingKind::KeymapWithoutFile, path, line, "");
            }
        };
        while let Some((key, value)) = outcomes.next()? {
            let (path, number) = split_key(key).ok_or_else(|| Error::at(key, RECORD))?;
            if line != key {
                if !is_there {
                    missing(&line);
                }
                (line, is_there) = (key.to_vec(), true);
                if value.first() == Some(&NOT_THERE) && object != path {
                    is_there = false;
                }
            }
            match value.split_first() {
                Some((&OBJECT, _)) => object = path.to_vec(),
                Some((&THERE, _)) => is_there = true,
                Some((&WRONG, detail)) if object != path => {
                    shared.add(FindingKind::BadKeymapLine, path, number, String::from_utf8_lossy(detail));
                }
                _ => {}
            }
        }
        if !is_there {
            missing(&line);
        }
        Ok(())
    }
}

fn lock_is_empty(shared: &Shared) -> bool {
    super::lock(&shared.findings).is_empty()
}

/// Splits the key of a line in `outcomes`.
fn split_key(key: &[u8]) -> Option<Place<'_>> {
    let (path, line) = key.split_last_chunk::<8>()?;
    Some((path.strip_suffix(b"\0")?, u64::from_be_bytes(*line)))
}

/// The names before the one at hand, in their order.
#[derive(Debug, Default)]
struct Last {
    path: Vec<u8>,
    /// Files whose paths the last one begins with.
    files: Vec<usize>,
}

impl Last {
    /// Says that the last name was a directory which nothing is in.
    fn leave(&self, shared: &Shared, path: &[u8]) {
        if let Some(directory) = self.path.strip_suffix(b"/")
            && !path.starts_with(&self.path)
            && !may_be_empty(directory)
        {
            shared.add(FindingKind::EmptyDirectory, directory, 0, "");
        }
    }

    /// Goes on to another name: checks the names of its directories, and that none of them is a file.
    fn enter(&mut self, shared: &Shared, path: &[u8], is_file: bool) {
        let same = self.path.iter().zip(path).take_while(|(last, byte)| last == byte).count();
        self.files.retain(|length| *length <= same);
        for slash in memchr::memchr_iter(b'/', path).filter(|slash| *slash >= same) {
            let directory = path.get(..slash).unwrap_or_default();
            if self.files.contains(&slash) {
                shared.add(FindingKind::DuplicateEntry, directory, 0, "a file and a directory");
            }
            if let Name::Bad(detail) = name::directory(directory) {
                shared.add(FindingKind::BadName, directory, 0, detail);
            }
        }
        self.path.clear();
        self.path.extend_from_slice(path);
        if is_file {
            self.files.push(path.len());
        }
    }
}

/// The rows of CHECKSUMS in the order of their paths.
struct Rows<'s> {
    rows: Sorted<'s>,
    row: Option<(Vec<u8>, Vec<u8>)>,
}

impl<'s> Rows<'s> {
    fn new(rows: Sorted<'s>) -> Result<Self> {
        let mut rows = Self { rows, row: None };
        rows.advance()?;
        Ok(rows)
    }

    fn advance(&mut self) -> Result<Option<(Vec<u8>, Vec<u8>)>> {
        let next = self.rows.next()?.map(|(path, digest)| (path.to_vec(), digest.to_vec()));
        Ok(std::mem::replace(&mut self.row, next))
    }

    /// Returns the digest of a path; rows before it are of files that are not there.
    fn seek(&mut self, shared: &Shared, path: &[u8], is_whole: bool) -> Result<Option<Vec<u8>>> {
        let mut found: Option<Vec<u8>> = None;
        loop {
            shared.check_interrupt()?;
            match self.row.as_ref().map(|(row, _)| row.as_slice().cmp(path)) {
                Some(Ordering::Less) => self.missing(shared, is_whole)?,
                Some(Ordering::Equal) => {
                    let row = self.advance()?;
                    if found.is_some() {
                        shared.add(FindingKind::DuplicateChecksumsRow, path, 0, "");
                    } else {
                        found = row.map(|(_, digest)| digest);
                    }
                }
                Some(Ordering::Greater) | None => return Ok(found),
            }
        }
    }

    /// Takes the rows of a file that is not there.
    fn missing(&mut self, shared: &Shared, is_whole: bool) -> Result<()> {
        let Some((path, _)) = self.advance()? else { return Ok(()) };
        // That of the manifest was found before.
        if is_whole && path != manifest::NAME.as_bytes() {
            shared.add(FindingKind::Missing, &path, 0, "");
        }
        while self.row.as_ref().is_some_and(|(next, _)| *next == path) {
            shared.check_interrupt()?;
            shared.add(FindingKind::DuplicateChecksumsRow, &path, 0, "");
            self.advance()?;
        }
        Ok(())
    }

    fn end(&mut self, shared: &Shared, is_whole: bool) -> Result<()> {
        while self.row.is_some() {
            self.missing(shared, is_whole)?;
        }
        Ok(())
    }
}

/// The paths that KEYMAPs name, in their order.
struct Lookups<'s> {
    lookups: Sorted<'s>,
    lookup: Option<(Vec<u8>, Vec<u8>)>,
}

impl<'s> Lookups<'s> {
    fn new(lookups: Sorted<'s>) -> Result<Self> {
        let mut lookups = Self { lookups, lookup: None };
        lookups.advance()?;
        Ok(lookups)
    }

    fn advance(&mut self) -> Result<Option<(Vec<u8>, Vec<u8>)>> {
        let next = self.lookups.next()?.map(|(path, line)| (path.to_vec(), line.to_vec()));
        Ok(std::mem::replace(&mut self.lookup, next))
    }

    /// Decides the lookups up to a name: that path is there, and so are the directories that it is in.
    fn pass(&mut self, name: &[u8], outcomes: &mut Sorter) -> Result<()> {
        while let Some((path, _)) = &self.lookup {
            let is_there = path == name || (path.ends_with(b"/") && name.starts_with(path));
            if !is_there && path.as_slice() > name {
                break;
            }
            if let Some((_, line)) = self.advance()? {
                outcomes.push(&line, &[if is_there { THERE } else { NOT_THERE }])?;
            }
        }
        Ok(())
    }

    fn end(&mut self, outcomes: &mut Sorter) -> Result<()> {
        while let Some((_, line)) = self.advance()? {
            outcomes.push(&line, &[NOT_THERE])?;
        }
        Ok(())
    }
}
