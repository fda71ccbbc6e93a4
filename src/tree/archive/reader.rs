//! An archive back to its entries, front to back, whoever made it.
//!
//! In: the bytes of a tar. Out: path, size and contents of each entry, in the order in which they stand. Nothing is
//! followed, nothing written: links, devices and paths that lead elsewhere are entries that say so.

use std::io::{self, Read};

use super::header::{self, BLOCK, HeaderError, Records, padding};
use crate::interrupt::Interrupted;
use crate::limits;

/// What an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryKind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// Something that no dump has, in words: a link, a device, a file with holes.
    Other(&'static str),
    /// Its path leads out of the tree, or is longer than any in it.
    Outside,
}

/// An entry. Reading it lends its contents, as many bytes as its size says; what is not read is passed over.
#[derive(Debug)]
pub struct Entry<'r, R> {
    reader: &'r mut Reader<R>,
    kind: EntryKind,
    size: u64,
}

/// Why an archive cannot be read further.
#[derive(Debug, thiserror::Error)]
#[error("at byte {offset}: {kind}")]
pub struct ReadError {
    /// Where, in the uncompressed archive.
    pub offset: u64,
    /// What was found.
    pub kind: ReadErrorKind,
}

/// What is wrong with an archive.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadErrorKind {
    /// It cannot be read.
    #[error(transparent)]
    Io(io::Error),
    /// The run was asked to stop.
    #[error(transparent)]
    Interrupted(Interrupted),
    /// The compressed stream is damaged.
    #[error("the zstd stream is damaged: {0}")]
    Zstd(io::Error),
    /// It ends where more must come.
    #[error("it ends here, expected {0}")]
    Cut(&'static str),
    /// A header breaks a rule.
    #[error("no header of a tar entry: {0}")]
    Header(#[from] HeaderError),
    /// An extension of a header is longer than any reader takes.
    #[error("a header extension of {0} bytes, expected at most {max}", max = limits::ARCHIVE_EXTENSION)]
    Extension(u64),
    /// What fills up a block, or follows the end, is not zero.
    #[error("found bytes that are not zero, expected {0}")]
    NotZero(&'static str),
    /// More zeros follow the end than any tape block has.
    #[error("more than {max} bytes follow the end", max = limits::ARCHIVE_END)]
    Endless,
}

/// Reads an archive.
#[derive(Debug)]
pub struct Reader<R> {
    input: R,
    offset: u64,
    /// Bytes of the contents of the last entry that were not read, and of the zeros behind them.
    left: u64,
    padding: u64,
    path: Vec<u8>,
    ended: bool,
}

impl<R: Read> Reader<R> {
    /// Returns a reader before the first entry. `input` is not compressed ([`super::open`] sees to that).
    pub fn new(input: R) -> Self {
        Self { input, offset: 0, left: 0, padding: 0, path: Vec::new(), ended: false }
    }

    /// Returns the path of the last entry: from the root, components separated by `/`, none at the end.
    #[must_use]
    pub fn path(&self) -> &[u8] {
        &self.path
    }

    /// Returns the next entry; `None` at the end, which was checked then. After an error nothing more can be read.
    #[expect(clippy::should_implement_trait, reason = "an entry borrows from its reader")]
    pub fn next(&mut self) -> Result<Option<Entry<'_, R>>, ReadError> {
        self.pass_over()?;
        let mut records = Records::default();
        loop {
            let mut block = [0; BLOCK];
            if self.ended {
                return Ok(None);
            }
            self.fill(&mut block, "a header, or the two blocks of zeros at the end")?;
            if block.iter().all(|&byte| byte == 0) {
                self.end()?;
                return Ok(None);
            }
            let fields = header::parse(&block).map_err(|error| self.error(error.into()))?;
            match fields.kind {
                b'x' => {
                    let text = self.extension(fields.size)?;
                    records = Records::parse(&text).map_err(|error| self.error(error.into()))?;
                }
                b'L' => {
                    let mut path = self.extension(fields.size)?;
                    path.truncate(memchr::memchr(0, &path).unwrap_or(path.len()));
                    records.path.get_or_insert(path);
                }
                // Of no one entry, such as the comment of `git archive`; and the target of a link.
                b'g' | b'K' => drop(self.extension(fields.size)?),
                kind => {
                    let path = records.path.take().unwrap_or(fields.path);
                    let size = records.size.unwrap_or(fields.size);
                    let kind = if records.sparse {
                        EntryKind::Other("file with holes")
                    } else {
                        kind_of(kind, &path)
                    };
                    // Links have no contents, whatever their size says.
                    let size = if matches!(fields.kind, b'1'..=b'6') { 0 } else { size };
                    (self.left, self.padding) = (size, padding(size));
                    let kind = self.keep_path(&path, kind);
                    return Ok(Some(Entry { reader: self, kind, size }));
                }
            }
        }
    }

    /// Returns what the source is.
    pub fn into_inner(self) -> R {
        self.input
    }

    /// Brings a path into the spelling of a tree's own; `tar -c .` begins each with `./`.
    fn keep_path(&mut self, path: &[u8], kind: EntryKind) -> EntryKind {
        let mut inner = path;
        while let Some(rest) = inner.strip_prefix(b"./") {
            inner = rest;
        }
        inner = inner.strip_suffix(b"/").unwrap_or(inner);
        let is_root = matches!(inner, b"" | b".") && kind == EntryKind::Directory;
        let fits = inner.len() <= limits::CHECKSUMS_LINE;
        let names = || inner.split(|&byte| byte == b'/');
        let is_inside = fits
            && memchr::memchr(0, inner).is_none()
            && names().all(|name| !matches!(name, b"" | b"." | b".."));
        self.path.clear();
        if !is_root {
            self.path.extend_from_slice(inner.get(..limits::CHECKSUMS_LINE).unwrap_or(inner));
        }
        if is_root || is_inside { kind } else { EntryKind::Outside }
    }

    /// Goes behind the last entry.
    fn pass_over(&mut self) -> Result<(), ReadError> {
        let mut buffer = [0; 16 << 10];
        while self.left > 0 {
            let read = self.read_contents(&mut buffer).map_err(|error| self.failure(error))?;
            if read == 0 {
                return Err(self.error(ReadErrorKind::Cut("contents of an entry")));
            }
        }
        let mut zeros = [0; BLOCK];
        let zeros = usize::try_from(self.padding).ok().and_then(|length| zeros.get_mut(..length));
        self.padding = 0;
        if let Some(zeros) = zeros {
            self.fill(zeros, "zeros that fill up the block")?;
            if zeros.iter().any(|&byte| byte != 0) {
                return Err(self.error(ReadErrorKind::NotZero("zeros that fill up the block")));
            }
        }
        Ok(())
    }

    /// Checks what follows the first block of zeros.
    fn end(&mut self) -> Result<(), ReadError> {
        let mut block = [0; BLOCK];
        self.fill(&mut block, "the second block of zeros")?;
        let mut behind = 0;
        let mut length = BLOCK;
        loop {
            if block.get(..length).unwrap_or_default().iter().any(|&byte| byte != 0) {
                return Err(self.error(ReadErrorKind::NotZero("nothing behind the end of the archive")));
            }
            length = self.read_some(&mut block).map_err(|error| self.failure(error))?;
            behind += u64::try_from(length).unwrap_or(u64::MAX);
            if length == 0 {
                self.ended = true;
                return Ok(());
            }
            if behind > limits::ARCHIVE_END {
                return Err(self.error(ReadErrorKind::Endless));
            }
        }
    }

    /// Reads the contents of a header extension.
    fn extension(&mut self, size: u64) -> Result<Vec<u8>, ReadError> {
        let length = usize::try_from(size).ok().filter(|_| size <= limits::ARCHIVE_EXTENSION);
        let mut text = vec![0; length.ok_or_else(|| self.error(ReadErrorKind::Extension(size)))?];
        self.fill(&mut text, "a header extension")?;
        self.padding = padding(size);
        self.pass_over()?;
        Ok(text)
    }

    fn fill(&mut self, buffer: &mut [u8], what: &'static str) -> Result<(), ReadError> {
        let mut filled = 0;
        while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            match self.read_some(rest).map_err(|error| self.failure(error))? {
                0 => return Err(self.error(ReadErrorKind::Cut(what))),
                read => filled += read,
            }
        }
        Ok(())
    }

    fn read_contents(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        let read = self.read_some(buffer.get_mut(..most).unwrap_or_default())?;
        if read == 0 && most > 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.left -= u64::try_from(read).unwrap_or(self.left);
        Ok(read)
    }

    fn read_some(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.input.read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Ok(read) => {
                    self.offset = self.offset.saturating_add(u64::try_from(read).unwrap_or(u64::MAX));
                    return Ok(read);
                }
                error => return error,
            }
        }
    }

    fn error(&self, kind: ReadErrorKind) -> ReadError {
        ReadError { offset: self.offset, kind }
    }

    /// Returns what an error of a read of an entry means.
    pub fn failure(&self, error: io::Error) -> ReadError {
        let interrupted = error.get_ref().and_then(|inner| inner.downcast_ref::<Interrupted>()).copied();
        self.error(match interrupted {
            Some(interrupted) => ReadErrorKind::Interrupted(interrupted),
            None if error.kind() == io::ErrorKind::UnexpectedEof => {
                ReadErrorKind::Cut("contents of an entry")
            }
            None if error.raw_os_error().is_some() => ReadErrorKind::Io(error),
            None => ReadErrorKind::Zstd(error),
        })
    }
}

impl<R: Read> Entry<'_, R> {
    /// Returns the path: from the root, components separated by `/`. That of an entry outside is as it stands there, cut
    /// where it is too long.
    #[must_use]
    pub fn path(&self) -> &[u8] {
        &self.reader.path
    }

    /// Returns what it is.
    #[must_use]
    pub fn kind(&self) -> EntryKind {
        self.kind
    }

    /// Returns where the contents begin, in the uncompressed archive: until they are read.
    #[must_use]
    pub fn offset(&self) -> u64 {
        self.reader.offset
    }

    /// Returns the length of the contents, bytes: what the header says.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }
}

impl<R: Read> Read for Entry<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.reader.read_contents(buffer)
    }
}

fn kind_of(kind: u8, path: &[u8]) -> EntryKind {
    match kind {
        // As old tars wrote a directory.
        b'0' | b'\0' if path.ends_with(b"/") => EntryKind::Directory,
        b'0' | b'\0' | b'7' => EntryKind::File,
        b'5' => EntryKind::Directory,
        b'1' => EntryKind::Other("hard link"),
        b'2' => EntryKind::Other("symbolic link"),
        b'3' | b'4' => EntryKind::Other("device"),
        b'6' => EntryKind::Other("pipe"),
        b'S' => EntryKind::Other("file with holes"),
        _ => EntryKind::Other("unknown kind of entry"),
    }
}
