//! A dump tree as somebody else's input: its manifest, the rows of its CHECKSUMS, its files.
//!
//! In: a dump's root. Out: paths with their digests, sorted; contents that are proved against them as they are read. What
//! breaks a rule is an error with the path and the line: nothing is repaired here, [`verify`](super::verify) says all
//! that is wrong.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, FileType, Mode, OFlags};
use rustix::io::{Errno, retry_on_intr};
use sha2::{Digest, Sha256};

use super::directory::{Directories, check_name, open_directory, split};
use super::lines::{Line, Lines};
use super::manifest::{self, Manifest};
use super::{Error, ErrorKind, OwnedSorted, Result, Scratch, Sorter, checksums};
use crate::limits;

/// Memory of the rows, bytes.
const MEMORY: usize = 8 << 20;
/// Directories that are kept open.
const OPEN_DIRECTORIES: usize = 8;

/// A dump tree that is read.
#[derive(Debug)]
pub struct DumpReader {
    root: OwnedFd,
    path: PathBuf,
    directories: Directories,
}

/// A file of the tree. At its end it is an error if its digest is not that of CHECKSUMS.
#[derive(Debug)]
pub struct DumpFile {
    file: File,
    hash: Option<Sha256>,
    digest: [u8; 32],
}

/// What a reader says at the end of a file that is not what CHECKSUMS says.
#[derive(Debug, thiserror::Error)]
#[error("has another digest than CHECKSUMS says")]
pub struct Changed;

impl DumpReader {
    /// Whether a directory looks like a dump: one of the two files is there that every dump has.
    #[must_use]
    pub fn is_dump(path: &Path) -> bool {
        [manifest::NAME, checksums::NAME].into_iter().any(|name| {
            rustix::fs::statat(rustix::fs::CWD, path.join(name), AtFlags::SYMLINK_NOFOLLOW).is_ok()
        })
    }

    /// Opens the dump at `path`.
    pub fn open(path: &Path) -> Result<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let root = retry_on_intr(|| rustix::fs::open(path, flags, Mode::empty()))
            .map_err(|errno| Error { path: path.to_owned(), kind: errno.into() })?;
        Ok(Self { root, path: path.to_owned(), directories: Directories::new(OPEN_DIRECTORIES) })
    }

    /// Reads MANIFEST.json; returns its text too, for what [`Manifest`] does not read back.
    pub fn manifest(&mut self) -> Result<(Manifest, Vec<u8>)> {
        let name = manifest::NAME.as_bytes();
        let mut text = Vec::new();
        let file = self.regular(name)?;
        let read = file.take(limits::MANIFEST + 1).read_to_end(&mut text);
        let length = read.map_err(|error| self.error(name, error))?;
        let manifest = manifest::check_length(u64::try_from(length).unwrap_or(u64::MAX))
            .and_then(|()| Manifest::read(&text))
            .map_err(|error| self.error(name, ErrorKind::Unsound(error.to_string())))?;
        Ok((manifest, text))
    }

    /// Returns the rows of CHECKSUMS, sorted bytewise by path, each path once.
    pub fn rows(&mut self, scratch: &Scratch) -> Result<OwnedSorted> {
        let name = checksums::NAME.as_bytes();
        let file = self.regular(name)?;
        let mut lines = Lines::new(BufReader::with_capacity(1 << 16, file), limits::CHECKSUMS_LINE);
        let mut rows = Sorter::new(scratch, MEMORY);
        for number in 1_u64.. {
            let detail = match lines.next() {
                Ok(None) => break,
                Ok(Some(Line::Text(b"" | b"\r"))) => continue,
                Ok(Some(Line::Text(line))) => match checksums::parse(line) {
                    Ok(row) => {
                        rows.push(&row.path, &row.digest)?;
                        continue;
                    }
                    Err(error) => error.to_string(),
                },
                Ok(Some(Line::TooLong | Line::Endless)) => "line too long".to_owned(),
                Err(error) => return Err(self.error(name, error)),
            };
            return Err(self.error(name, ErrorKind::Unsound(format!("line {number}: {detail}"))));
        }
        Ok(rows.into_sorted()?)
    }

    /// Opens a file; `digest` is what CHECKSUMS says.
    pub fn file(&mut self, path: &[u8], digest: &[u8; 32]) -> Result<DumpFile> {
        Ok(DumpFile { file: self.regular(path)?, hash: Some(Sha256::new()), digest: *digest })
    }

    /// Opens a regular file, and nothing through a link.
    fn regular(&mut self, path: &[u8]) -> Result<File> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let root = &self.root;
        let opened = split(path).map_err(|_| Errno::INVAL).and_then(|(directory, name)| {
            let directory = self.directories.open(directory, |parent, name, _| {
                check_name(name).map_err(|_| Errno::INVAL)?;
                open_directory(parent.map_or(root.as_fd(), AsFd::as_fd), name)
            })?;
            let directory = directory.as_ref().map_or(root.as_fd(), |directory| directory.as_fd());
            let handle = retry_on_intr(|| rustix::fs::openat(directory, name, flags, Mode::empty()))?;
            Ok((FileType::from_raw_mode(rustix::fs::fstat(&handle)?.st_mode), handle))
        });
        match opened {
            Ok((FileType::RegularFile, handle)) => Ok(File::from(handle)),
            Ok(_) | Err(Errno::LOOP | Errno::NXIO | Errno::NOTDIR) => {
                Err(self.error(path, ErrorKind::Unsound("not a regular file".to_owned())))
            }
            Err(Errno::NOENT) => Err(self.error(path, ErrorKind::Unsound("is not there".to_owned()))),
            Err(errno) => Err(self.error(path, errno)),
        }
    }

    /// Returns the error of a file that could not be read to its end.
    #[must_use]
    pub fn failed(&self, path: &[u8], error: io::Error) -> Error {
        match error.get_ref().and_then(|error| error.downcast_ref::<Changed>()) {
            Some(changed) => self.error(path, ErrorKind::Unsound(changed.to_string())),
            None => self.error(path, error),
        }
    }

    fn error(&self, path: &[u8], kind: impl Into<ErrorKind>) -> Error {
        use std::os::unix::ffi::OsStrExt;
        Error { path: self.path.join(std::ffi::OsStr::from_bytes(path)), kind: kind.into() }
    }
}

impl Read for DumpFile {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.file.read(buffer)?;
        match &mut self.hash {
            Some(hash) if length > 0 => hash.update(buffer.get(..length).unwrap_or_default()),
            Some(_) if buffer.is_empty() => {}
            hash => {
                if hash.take().is_some_and(|hash| hash.finalize()[..] != self.digest) {
                    return Err(io::Error::other(Changed));
                }
            }
        }
        Ok(length)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn dump(text: &str) -> (tempfile::TempDir, Result<Vec<Vec<u8>>>) {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("CHECKSUMS"), text).unwrap();
        let rows = DumpReader::open(directory.path()).unwrap().rows(&Scratch::default()).map(|mut rows| {
            let mut all = Vec::new();
            while let Some((path, digest)) = rows.next().unwrap() {
                assert_eq!(digest, [0xab; 32]);
                all.push(path.to_vec());
            }
            all
        });
        (directory, rows)
    }

    #[test]
    fn rows_are_sorted_and_a_line_that_is_none_is_an_error() {
        let digits = "ab".repeat(32);
        let (directory, rows) = dump(&format!("{digits}  b\n\n{digits} *a/x\n"));
        assert_eq!(rows.unwrap(), [b"a/x".to_vec(), b"b".to_vec()]);
        assert!(DumpReader::is_dump(directory.path()) && !DumpReader::is_dump(&directory.path().join("x")));
        let (_directory, rows) = dump(&format!("{digits}  b\n{digits}  ../b\n"));
        assert!(rows.unwrap_err().to_string().ends_with("CHECKSUMS: line 2: not a path inside the dump"));
    }

    #[test]
    fn a_file_is_proved_as_it_is_read() {
        let (directory, _) = dump("");
        fs::create_dir(directory.path().join("a")).unwrap();
        fs::write(directory.path().join("a/b"), "xyz").unwrap();
        std::os::unix::fs::symlink("a/b", directory.path().join("link")).unwrap();
        let mut reader = DumpReader::open(directory.path()).unwrap();
        let mut read = |path: &[u8], digest: &[u8; 32]| {
            let mut text = Vec::new();
            let file = reader.file(path, digest).map_err(|error| error.to_string());
            file.and_then(|mut file| file.read_to_end(&mut text).map_err(|error| error.to_string()))?;
            Ok::<_, String>(text)
        };
        assert_eq!(read(b"a/b", &Sha256::digest(b"xyz").into()).unwrap(), b"xyz");
        assert_eq!(read(b"a/b", &[0; 32]).unwrap_err(), Changed.to_string());
        for path in [&b"link"[..], b"a", b"a/c", b"../a", b"a/../a/b", b"link/b"] {
            assert!(read(path, &[0; 32]).is_err(), "{}", path.escape_ascii());
        }
    }
}
