//! An archive whose files can be read in any order, after one pass front to back.
//!
//! In: a tar, compressed or not. Out: where the contents of each file are. Those of a plain archive are read in place; a
//! compressed one is decompressed into an unlinked file. What no archive of a dump has is an error: links, devices, paths
//! that lead elsewhere, two entries of one path.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, BufWriter, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Arc;

use super::reader::{EntryKind, ReadErrorKind, Reader};
use super::source::{Source, from_handle};
use crate::cursor;
use crate::interrupt::{Interrupt, Interrupted};
use crate::limits;
use crate::progress::{Phase, Progress};
use crate::sort::{Table, TableWriter};
use crate::tree::{Error, ErrorKind, Result, Scratch, Sorter};

/// Memory of the paths, bytes.
const MEMORY: usize = 8 << 20;
/// Bytes that are spooled at once.
const BUFFER: usize = 256 << 10;

/// The files of an archive.
#[derive(Debug)]
pub(in crate::tree) struct Index {
    file: Arc<File>,
    /// Path -> start and length of the contents.
    entries: Table,
}

impl Index {
    /// Passes over the archive at `path`.
    pub(in crate::tree) fn open(
        path: &Path,
        scratch: &Scratch,
        shared: (&Interrupt, &Progress),
    ) -> Result<Self> {
        let file = File::open(path).map_err(|error| Error { path: path.to_owned(), kind: error.into() })?;
        Self::of(file, path, scratch, shared)
    }

    /// Passes over the archive in a file, which was opened as `path`.
    pub(in crate::tree) fn of(
        file: File,
        path: &Path,
        scratch: &Scratch,
        (interrupt, progress): (&Interrupt, &Progress),
    ) -> Result<Self> {
        let failure = |error: io::Error| Error { path: path.to_owned(), kind: of_read(error) };
        let length = file.metadata().map_err(failure)?.len();
        progress.enter(Phase::Reading, length);
        let handle = file.try_clone().map_err(failure)?.into();
        let source = from_handle(handle, interrupt, progress).map_err(failure)?.into_inner();
        let spool = match source {
            Source::Plain(_) => None,
            Source::Zstd(_) => Some(Spool::new(scratch, length).map_err(|error| scratch.error(error))?),
        };
        let mut reader = Reader::new(Spooling { source, spool });
        let names = names(&mut reader, scratch, path);
        let file = match reader.into_inner().spool {
            Some(Spool { failed: Some(error), .. }) => return Err(scratch.error(error).into()),
            Some(spool) => spool.file.into_inner().map_err(|error| scratch.error(error.into_error()))?,
            None => file,
        };
        Ok(Self { file: Arc::new(file), entries: table(names?, scratch, path)? })
    }

    /// Returns the number of files.
    pub(in crate::tree) fn len(&self) -> u64 {
        self.entries.len()
    }

    /// Returns where the contents of a file are: start and length.
    pub(in crate::tree) fn find(&mut self, path: &[u8]) -> Result<Option<(Arc<File>, u64, u64)>> {
        let place = self.entries.find(path)?;
        Ok(place.and_then(|place| {
            let mut place = place.as_slice();
            let mut number = || cursor::take_array(&mut place).map(u64::from_be_bytes);
            Some((Arc::clone(&self.file), number()?, number()?))
        }))
    }
}

/// Returns why an archive cannot be opened.
pub(in crate::tree) fn of_read(error: io::Error) -> ErrorKind {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<Interrupted>()) {
        Some(by) => (*by).into(),
        None => error.into(),
    }
}

/// Collects the paths of all entries, those of directories with a slash behind, and where the contents are.
fn names(reader: &mut Reader<Spooling>, scratch: &Scratch, archive: &Path) -> Result<Sorter> {
    let mut names = Sorter::new(scratch, MEMORY);
    loop {
        let error = match reader.next() {
            Ok(None) => return Ok(names),
            Ok(Some(entry)) => match entry.kind() {
                EntryKind::File => {
                    let place = [entry.offset().to_be_bytes(), entry.size().to_be_bytes()];
                    names.push(entry.path(), place.as_flattened())?;
                    continue;
                }
                EntryKind::Directory if entry.path().is_empty() => continue,
                EntryKind::Directory => {
                    names.push(&[entry.path(), b"/"].concat(), b"")?;
                    continue;
                }
                EntryKind::Other(what) => return Err(unsound(archive, entry.path(), what)),
                EntryKind::Outside => {
                    return Err(unsound(archive, entry.path(), "not a path inside the dump"));
                }
            },
            Err(error) => error,
        };
        let kind = match error.kind {
            ReadErrorKind::Io(error) => error.into(),
            ReadErrorKind::Interrupted(by) => by.into(),
            _ => ErrorKind::Unsound(format!("the archive is damaged: {error}")),
        };
        return Err(Error { path: archive.to_owned(), kind });
    }
}

/// Makes the table of the files; fails where two entries cannot stand in one tree.
fn table(mut names: Sorter, scratch: &Scratch, archive: &Path) -> Result<Table> {
    let mut table = TableWriter::new(scratch)?;
    // Files whose paths the one at hand begins with.
    let mut files: Vec<Vec<u8>> = Vec::new();
    let mut sorted = names.sort()?;
    while let Some((path, place)) = sorted.next()? {
        files.retain(|file| path.starts_with(file));
        if files.iter().any(|file| matches!(path.get(file.len()), None | Some(b'/'))) {
            return Err(unsound(archive, path, "its name stands there twice"));
        }
        if !path.ends_with(b"/") {
            table.push(path, place)?;
            files.push(path.to_vec());
        }
    }
    Ok(table.finish()?)
}

fn unsound(archive: &Path, path: &[u8], what: &str) -> Error {
    Error { path: archive.join(OsStr::from_bytes(path)), kind: ErrorKind::Unsound(what.to_owned()) }
}

/// Keeps what is decompressed.
struct Spooling {
    source: Source,
    spool: Option<Spool>,
}

struct Spool {
    file: BufWriter<File>,
    /// Bytes that may follow.
    room: u64,
    failed: Option<io::Error>,
}

impl Spool {
    /// Begins a file for an archive of `length` compressed bytes.
    fn new(scratch: &Scratch, length: u64) -> io::Result<Self> {
        let file = BufWriter::with_capacity(BUFFER, tempfile::tempfile_in(scratch.directory())?);
        let room = limits::ARCHIVE_SPOOL_A_BYTE.saturating_mul(length).saturating_add(limits::ARCHIVE_SPOOL);
        Ok(Self { file, room, failed: None })
    }
}

impl Read for Spooling {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.source.read(buffer)?;
        let Some(spool) = &mut self.spool else { return Ok(read) };
        let room = u64::try_from(read).ok().and_then(|read| spool.room.checked_sub(read));
        // The reader takes it for damage, which is what the archive has then.
        spool.room = room.ok_or_else(|| io::Error::other("it is longer than any archive of a dump"))?;
        if let Err(error) = spool.file.write_all(buffer.get(..read).unwrap_or_default()) {
            spool.failed = Some(error);
            return Err(io::ErrorKind::StorageFull.into());
        }
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::FileExt;

    use super::*;

    /// Returns a tar entry.
    fn entry(path: &str, kind: u8, contents: &[u8]) -> Vec<u8> {
        let mut block = [0; 512];
        let mut put = |at: usize, text: &[u8]| block[at..at + text.len()].copy_from_slice(text);
        put(0, path.as_bytes());
        put(100, b"0000600\x000000000\x000000000\0");
        put(124, format!("{:011o}", contents.len()).as_bytes());
        put(136, b"00000000000\0        ");
        put(156, &[kind]);
        put(257, b"ustar\x0000");
        let sum: u32 = block.iter().map(|&byte| u32::from(byte)).sum();
        block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        let mut all = [&block[..], contents].concat();
        all.resize(all.len().next_multiple_of(512), 0);
        all
    }

    fn open(entries: &[Vec<u8>], zstd: bool) -> Result<Index> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("dump.tar");
        let mut bytes = [entries.concat(), vec![0; 1024]].concat();
        if zstd {
            bytes = zstd::encode_all(&*bytes, 3).unwrap();
        }
        std::fs::write(&path, bytes).unwrap();
        let scratch = Scratch::new(directory.path().to_owned());
        Index::open(&path, &scratch, (&Interrupt::default(), &Progress::default()))
    }

    #[test]
    fn files_are_found_in_any_order() {
        let body = vec![b'x'; 1000];
        let entries = [
            entry("b/", b'5', b""),
            entry("b/c", b'0', &body),
            entry("a", b'0', b"1"),
            entry("a-", b'0', b""),
        ];
        for zstd in [false, true] {
            let mut index = open(&entries, zstd).unwrap();
            assert_eq!(index.len(), 3);
            for (path, contents) in [("a", &b"1"[..]), ("b/c", &body), ("a-", b""), ("a", b"1")] {
                let (file, start, length) = index.find(path.as_bytes()).unwrap().unwrap();
                let mut found = vec![0; usize::try_from(length).unwrap()];
                file.read_exact_at(&mut found, start).unwrap();
                assert_eq!(found, contents, "{path}");
            }
            for none in ["b", "b/", "c", ""] {
                assert!(index.find(none.as_bytes()).unwrap().is_none(), "{none}");
            }
        }
    }

    #[test]
    fn what_no_dump_has_is_an_error() {
        let file = |path: &str| entry(path, b'0', b"1");
        for (entries, text) in [
            (vec![file("a"), file("a")], "a: its name stands there twice"),
            (vec![file("a/b"), file("a-"), file("a")], "a/b: its name stands there twice"),
            (vec![file("a"), entry("a", b'5', b"")], "a/: its name stands there twice"),
            (vec![entry("l", b'2', b"")], "l: symbolic link"),
            (vec![entry("l", b'1', b"")], "l: hard link"),
            (vec![file("../a")], "not a path inside the dump"),
            (vec![file("/a")], "not a path inside the dump"),
            (vec![file("a")[..512].to_vec()], "damaged"),
        ] {
            for zstd in [false, true] {
                let error = open(&entries, zstd).unwrap_err();
                assert!(error.kind.is_unsound() && error.to_string().contains(text), "{error}");
            }
        }
    }

    #[test]
    fn what_is_decompressed_has_a_limit() {
        let directory = tempfile::tempdir().unwrap();
        let scratch = Scratch::new(directory.path().to_owned());
        let spool = |room| Some(Spool { room, ..Spool::new(&scratch, 0).unwrap() });
        for (room, fits) in [(3, true), (2, false)] {
            let input = zstd::encode_all(&b"abc"[..], 3).unwrap();
            let path = directory.path().join("x");
            std::fs::write(&path, input).unwrap();
            let handle = File::open(&path).unwrap().into();
            let source = from_handle(handle, &Interrupt::default(), &Progress::default()).unwrap();
            let mut spooling = Spooling { source: source.into_inner(), spool: spool(room) };
            assert_eq!(io::copy(&mut spooling, &mut io::sink()).is_ok(), fits);
        }
    }
}
