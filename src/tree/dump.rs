//! A dump as somebody else's input, a directory or an archive: its manifest, the rows of its CHECKSUMS, its files.
//!
//! In: a path. Out: paths with their digests, sorted; contents that are proved against them. What breaks a rule is an error
//! with the path and the line: nothing is repaired here, [`verify`](super::verify) says all that is wrong. Nothing is read
//! through a link.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, BufReader, Read, Seek};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{AtFlags, FileType, Mode, OFlags};
use rustix::io::{Errno, retry_on_intr};
use sha2::{Digest, Sha256};

use super::archive::{self, Format, Index};
use super::directory::{Directories, check_name, open_directory, split};
use super::hashing::FileHash;
use super::lines::{Line, Lines};
use super::manifest::{self, Manifest};
use super::proofs::Proofs;
use super::writer::walk::Walk;
use super::{Error, ErrorKind, OwnedSorted, Result, Scratch, Sorter, checksums};
use crate::bug::Bug;
use crate::interrupt::Interrupt;
use crate::limits;
use crate::progress::{Phase, Progress};
use crate::sort::{Table, TableWriter};

const NOT_NOTED: Bug = Bug::new("a file is hashed beside whose proof nobody waits for");
const DIGEST: Bug = Bug::new("a file of a dump has no digest");

/// Memory of the rows, bytes.
const MEMORY: usize = 8 << 20;
/// Directories that are kept open.
const OPEN_DIRECTORIES: usize = 8;
/// Bytes that are proved at once.
const BUFFER: usize = 64 << 10;

/// A dump that is read.
#[derive(Debug)]
pub struct Dump {
    path: PathBuf,
    place: Place,
    scratch: Scratch,
    interrupt: Interrupt,
    /// Its files with their digests, in the place of CHECKSUMS.
    as_it_is: Option<Table>,
    /// Where it is noted which files were read to their ends, where somebody asks.
    proofs: Option<Arc<Proofs>>,
}

#[derive(Debug)]
enum Place {
    Directory(OwnedFd, Directories),
    Archive(Index),
}

/// A file of a dump. At its end it is an error if its digest is not that of CHECKSUMS.
#[derive(Debug)]
pub struct DumpFile {
    file: Arc<File>,
    start: u64,
    length: u64,
    /// Bytes that were read.
    read: u64,
    /// `None` behind the end, and for CHECKSUMS itself.
    hash: Option<FileHash>,
    digest: [u8; 32],
    /// Where its path is noted at its end.
    noted: Option<(Arc<Proofs>, Vec<u8>)>,
    /// Whether another thread may hash it.
    is_beside: bool,
}

/// What a reader says at the end of a file that is not what CHECKSUMS says.
#[derive(Debug, thiserror::Error)]
#[error("has another digest than CHECKSUMS says")]
pub struct Changed;

impl Dump {
    /// Opens the dump at a path; `None` where there is none: anything that is neither a directory with a MANIFEST.json or
    /// CHECKSUMS nor called as archives are. An archive is passed over once; what is sorted or decompressed of it goes to
    /// `scratch`.
    pub fn open(
        path: &Path,
        scratch: &Scratch,
        (interrupt, progress): (&Interrupt, &Progress),
    ) -> Result<Option<Self>> {
        let failure = |errno: Errno| Error { path: path.to_owned(), kind: errno.into() };
        // What cannot be looked at may be a dump: nothing else may be said of it.
        let kind = match rustix::fs::stat(path) {
            Err(Errno::NOENT | Errno::NOTDIR) => return Ok(None),
            stat => FileType::from_raw_mode(stat.map_err(failure)?.st_mode),
        };
        let place = if kind == FileType::Directory {
            let is_there = |name: &str| match rustix::fs::statat(
                rustix::fs::CWD,
                path.join(name),
                AtFlags::SYMLINK_NOFOLLOW,
            ) {
                Err(Errno::NOENT) => Ok(false),
                stat => stat.map(|_| true).map_err(failure),
            };
            if !is_there(manifest::NAME)? && !is_there(checksums::NAME)? {
                return Ok(None);
            }
            let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
            let root = retry_on_intr(|| rustix::fs::open(path, flags, Mode::empty())).map_err(failure)?;
            Place::Directory(root, Directories::new(OPEN_DIRECTORIES))
        } else if matches!(Format::of(path), Ok(Some(Format::Tar | Format::TarZst)))
            && kind == FileType::RegularFile
        {
            Place::Archive(Index::open(path, scratch, (interrupt, progress))?)
        } else {
            return Ok(None);
        };
        let (path, scratch, interrupt) = (path.to_owned(), scratch.clone(), interrupt.clone());
        Ok(Some(Self { path, place, scratch, interrupt, as_it_is: None, proofs: None }))
    }

    /// Opens the dump on standard input, an archive, which is copied to an unlinked file in `scratch` where it can be read
    /// only once. Where there is something else, returns the bytes of it that were read to tell.
    pub fn of_stdin(
        scratch: &Scratch,
        shared: (&Interrupt, &Progress),
    ) -> Result<std::result::Result<Self, Vec<u8>>> {
        let path = Path::new("-");
        let failure = |error: io::Error| Error { path: path.to_owned(), kind: archive::of_read(error) };
        let handle = || io::stdin().as_fd().try_clone_to_owned().map_err(failure);
        let (is_archive, head) = archive::begins(handle()?, shared.0).map_err(failure)?;
        if !is_archive {
            return Ok(Err(head));
        }
        let mut file = File::from(handle()?);
        let read = u64::try_from(head.len()).unwrap_or(u64::MAX);
        let is_file = file.metadata().is_ok_and(|metadata| metadata.is_file());
        if is_file && file.stream_position().is_ok_and(|at| at == read) {
            file.rewind().map_err(failure)?;
        } else {
            shared.1.enter(Phase::Copying, 0);
            let copied = archive::spool((head, file.into()), scratch.directory(), shared);
            file = copied.map_err(failure)?.map_err(|error| scratch.error(error))?;
        }
        let place = Place::Archive(Index::of(file, path, scratch, shared)?);
        let (path, scratch, interrupt) = (path.to_owned(), scratch.clone(), shared.0.clone());
        Ok(Ok(Self { path, place, scratch, interrupt, as_it_is: None, proofs: None }))
    }

    /// Returns the request to stop.
    pub(crate) fn interrupt(&self) -> &Interrupt {
        &self.interrupt
    }

    /// Takes the files of a directory as they are from now on, whatever CHECKSUMS says. An archive, which nobody edits, stays
    /// what it is.
    pub fn list_as_it_is(&mut self) -> Result<()> {
        let Place::Directory(root, _) = &self.place else { return Ok(()) };
        let mut paths = Sorter::new(&self.scratch, MEMORY);
        let walk = Walk {
            root: root.as_fd(),
            scratch: &self.scratch,
            interrupt: &self.interrupt,
            failure: &|path, kind| self.error(path, kind),
        };
        walk.run(&mut |entry| match entry.kind {
            FileType::Directory => Ok(()),
            FileType::RegularFile => Ok(paths.push(entry.path, b"")?),
            _ => Err(self.unsound(entry.path, "is neither a regular file nor a directory")),
        })?;
        let mut files = TableWriter::new(&self.scratch)?;
        let mut paths = paths.sort()?;
        let mut buffer = vec![0; BUFFER];
        while let Some((path, _)) = paths.next()? {
            if [manifest::NAME, checksums::NAME].iter().any(|name| name.as_bytes() == path) {
                continue;
            }
            let mut hash = Sha256::new();
            let mut file = self.regular(path)?;
            loop {
                self.interrupt.check().map_err(|interrupted| self.error(path, interrupted))?;
                match file.read(&mut buffer).map_err(|error| self.error(path, error))? {
                    0 => break,
                    read => hash.update(buffer.get(..read).unwrap_or_default()),
                }
            }
            files.push(path, &hash.finalize())?;
        }
        self.as_it_is = Some(files.finish()?);
        Ok(())
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

    /// Returns the rows of CHECKSUMS, sorted bytewise by path. Those of an archive are its files, no more and no less.
    pub fn rows(&mut self) -> Result<OwnedSorted> {
        let mut rows = Sorter::new(&self.scratch, MEMORY);
        self.each_row(|dump, path, digest| {
            if let Place::Archive(index) = &mut dump.place
                && index.find(path)?.is_none()
            {
                return Err(dump.unsound(path, "is not there, and CHECKSUMS lists it"));
            }
            Ok(rows.push(path, digest)?)
        })?;
        if let Place::Archive(index) = &self.place
            && index.len() != rows.len().saturating_add(1)
        {
            let what = format!("lists {} files, and {} are there", rows.len(), index.len().saturating_sub(1));
            return Err(self.unsound(checksums::NAME.as_bytes(), &what));
        }
        Ok(rows.into_sorted()?)
    }

    /// Passes each row to `each`, as they stand there.
    pub(crate) fn each_row(
        &mut self,
        mut each: impl FnMut(&mut Self, &[u8], &[u8; 32]) -> Result<()>,
    ) -> Result<()> {
        if let Some(mut files) = self.as_it_is.take() {
            let passed = self.each_of(&mut files, &mut each);
            self.as_it_is = Some(files);
            return passed;
        }
        let name = checksums::NAME.as_bytes();
        let file = self.regular(name)?;
        let mut lines = Lines::new(BufReader::with_capacity(1 << 16, file), limits::CHECKSUMS_LINE);
        for number in 1_u64.. {
            let detail = match lines.next() {
                Ok(None) => break,
                Ok(Some(Line::Text(b"" | b"\r"))) => continue,
                Ok(Some(Line::Text(line))) => match checksums::parse(line) {
                    Ok(row) => {
                        each(self, &row.path, &row.digest)?;
                        continue;
                    }
                    Err(error) => error.to_string(),
                },
                Ok(Some(Line::TooLong | Line::Endless)) => "line too long".to_owned(),
                Err(error) => return Err(self.error(name, error)),
            };
            return Err(self.unsound(name, &format!("line {number}: {detail}")));
        }
        Ok(())
    }

    fn each_of(
        &mut self,
        files: &mut Table,
        each: &mut impl FnMut(&mut Self, &[u8], &[u8; 32]) -> Result<()>,
    ) -> Result<()> {
        for at in 0.. {
            let Some((path, digest)) = files.get(at)? else { break };
            let digest = digest.as_slice().try_into().map_err(|_| self.error(&path, DIGEST))?;
            each(self, &path, digest)?;
        }
        Ok(())
    }

    /// Opens CHECKSUMS.
    pub(crate) fn checksums(&mut self) -> Result<DumpFile> {
        self.regular(checksums::NAME.as_bytes())
    }

    /// Opens a file; `digest` is what CHECKSUMS says.
    pub fn file(&mut self, path: &[u8], digest: &[u8; 32]) -> Result<DumpFile> {
        let noted = self.proofs.as_ref().map(|proofs| (Arc::clone(proofs), path.to_vec()));
        Ok(DumpFile { hash: Some(FileHash::default()), digest: *digest, noted, ..self.regular(path)? })
    }

    /// Opens a file for whoever reads all of it: where its proof is noted, another thread hashes what is long, and what is not
    /// what CHECKSUMS says is an error of [`Dump::prove_rest`].
    pub(crate) fn body(&mut self, path: &[u8], digest: &[u8; 32]) -> Result<DumpFile> {
        let file = self.file(path, digest)?;
        Ok(DumpFile { is_beside: file.noted.is_some(), ..file })
    }

    /// Notes from now on which files are read to their ends, for [`Dump::prove_rest`].
    pub(crate) fn note_proofs(&mut self) {
        self.proofs = Some(Arc::new(Proofs::new(&self.scratch)));
    }

    /// Reads all files that nobody has read to their ends; that one of any is not what CHECKSUMS says is an error.
    pub(crate) fn prove_rest(&mut self) -> Result<()> {
        let Some(proofs) = self.proofs.take() else { return Ok(()) };
        let mut noted = match proofs.finish()? {
            Ok(noted) => noted,
            Err(path) => return Err(self.unsound(&path, &Changed.to_string())),
        };
        let mut rows = self.rows()?;
        let mut next = noted.next()?.map(|(path, _)| path.to_vec());
        while let Some((path, digest)) = rows.next()? {
            while next.as_deref().is_some_and(|noted| noted < path) {
                next = noted.next()?.map(|(path, _)| path.to_vec());
            }
            if next.as_deref() != Some(path) {
                let digest = digest.try_into().map_err(|_| self.error(path, DIGEST))?;
                self.proved(path, digest)?;
            }
        }
        Ok(())
    }

    /// Opens a file that was read to its end once, and is what CHECKSUMS says.
    pub fn proved(&mut self, path: &[u8], digest: &[u8; 32]) -> Result<DumpFile> {
        let mut file = self.file(path, digest)?;
        let mut buffer = vec![0; BUFFER];
        loop {
            self.interrupt.check().map_err(|interrupted| self.error(path, interrupted))?;
            if file.read(&mut buffer).map_err(|error| self.failed(path, error))? == 0 {
                return Ok(DumpFile { read: 0, hash: Some(FileHash::default()), ..file });
            }
        }
    }

    /// Puts the proved contents of a file in place of what `out` holds; one of more than `most` bytes is an error.
    pub(crate) fn whole(
        &mut self,
        path: &[u8],
        digest: &[u8; 32],
        most: u64,
        out: &mut Vec<u8>,
    ) -> Result<()> {
        out.clear();
        let mut file = self.file(path, digest)?;
        if file.length > most {
            let what = format!("has {} bytes; a file of its kind has at most {most}", file.length);
            return Err(self.unsound(path, &what));
        }
        out.reserve(usize::try_from(file.length).unwrap_or(0));
        file.read_to_end(out).map_err(|error| self.failed(path, error))?;
        Ok(())
    }

    /// Returns those of some paths that CHECKSUMS lists, with their digests, in the order of `paths`. A file that is there
    /// without a row is an error.
    pub fn listed(&mut self, paths: &[Vec<u8>]) -> Result<Vec<(Vec<u8>, [u8; 32])>> {
        let mut digests = vec![None; paths.len()];
        self.each_row(|_, row, digest| {
            for (_, place) in paths.iter().zip(&mut digests).filter(|(path, _)| *path == row) {
                *place = Some(*digest);
            }
            Ok(())
        })?;
        let mut listed = Vec::new();
        for (path, digest) in paths.iter().zip(digests) {
            match digest {
                Some(digest) => listed.push((path.clone(), digest)),
                None if self.find(path)?.is_some() => return Err(self.unsound(path, "is not in CHECKSUMS")),
                None => {}
            }
        }
        Ok(listed)
    }

    /// Lends the proved contents of a file; `None` where neither the file nor its row is there.
    pub fn read<R>(&mut self, path: &[u8], read: impl FnOnce(&mut dyn Read) -> R) -> Result<Option<R>> {
        let listed = self.listed(&[path.to_vec()])?;
        let [(_, digest)] = listed.as_slice() else { return Ok(None) };
        Ok(Some(read(&mut self.proved(path, digest)?)))
    }

    /// Returns the length of a file, bytes.
    pub fn length(&mut self, path: &[u8]) -> Result<u64> {
        Ok(self.regular(path)?.length)
    }

    fn regular(&mut self, path: &[u8]) -> Result<DumpFile> {
        self.find(path)?.ok_or_else(|| self.unsound(path, "no regular file is there"))
    }

    /// Opens a regular file, and nothing through a link; `None` for anything else.
    fn find(&mut self, path: &[u8]) -> Result<Option<DumpFile>> {
        let found = match &mut self.place {
            Place::Archive(index) => index.find(path)?,
            Place::Directory(root, directories) => match open_file(root, directories, path) {
                Ok(file) => file.map(|(file, length)| (Arc::new(file), 0, length)),
                Err(
                    Errno::NOENT
                    | Errno::NAMETOOLONG
                    | Errno::NOTDIR
                    | Errno::LOOP
                    | Errno::INVAL
                    | Errno::NXIO,
                ) => None,
                Err(errno) => return Err(self.error(path, errno)),
            },
        };
        let file = |(file, start, length)| DumpFile {
            file,
            start,
            length,
            read: 0,
            hash: None,
            digest: [0; 32],
            noted: None,
            is_beside: false,
        };
        Ok(found.map(file))
    }

    /// Returns the error of a file that could not be read to its end.
    #[must_use]
    pub fn failed(&self, path: &[u8], error: io::Error) -> Error {
        match error.get_ref().and_then(|error| error.downcast_ref::<Changed>()) {
            Some(changed) => self.unsound(path, &changed.to_string()),
            None => self.error(path, error),
        }
    }

    /// Returns the error of a file that breaks a rule.
    pub(crate) fn unsound(&self, path: &[u8], what: &str) -> Error {
        self.error(path, ErrorKind::Unsound(what.to_owned()))
    }

    fn error(&self, path: &[u8], kind: impl Into<ErrorKind>) -> Error {
        Error { path: self.path_of(path), kind: kind.into() }
    }

    /// Returns where a file is.
    pub(crate) fn path_of(&self, path: &[u8]) -> PathBuf {
        self.path.join(OsStr::from_bytes(path))
    }
}

fn open_file(
    root: &OwnedFd,
    directories: &mut Directories,
    path: &[u8],
) -> rustix::io::Result<Option<(File, u64)>> {
    let (directory, name) = split(path).map_err(|_| Errno::INVAL)?;
    let directory = directories.open(directory, |parent, name, _| {
        check_name(name).map_err(|_| Errno::INVAL)?;
        open_directory(parent.map_or(root.as_fd(), AsFd::as_fd), name)
    })?;
    let directory = directory.as_ref().map_or(root.as_fd(), |directory| directory.as_fd());
    // A pipe in the place of the file must not stop us.
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let handle = retry_on_intr(|| rustix::fs::openat(directory, name, flags, Mode::empty()))?;
    let stat = rustix::fs::fstat(&handle)?;
    let is_file = FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile;
    Ok(is_file.then(|| (handle.into(), u64::try_from(stat.st_size).unwrap_or_default())))
}

impl DumpFile {
    /// Goes on at an offset; what is read then is not proved.
    pub(crate) fn skip_to(&mut self, offset: u64) {
        (self.read, self.hash) = (offset.min(self.length), None);
    }

    /// Whether all bytes were read.
    pub(crate) fn is_at_end(&self) -> bool {
        self.read == self.length
    }

    /// Compares the digest of all bytes with that of CHECKSUMS: at once, or later where another thread hashes.
    fn prove(&mut self) -> io::Result<()> {
        let noted = self.noted.take();
        match self.hash.take() {
            None => Ok(()),
            Some(FileHash::Beside(stream)) => {
                let (proofs, path) = noted.ok_or_else(|| io::Error::other(NOT_NOTED))?;
                proofs.later(stream, path, self.digest)
            }
            Some(FileHash::Here(hash)) if hash.clone().finalize()[..] != self.digest => {
                Err(io::Error::other(Changed))
            }
            Some(FileHash::Here(_)) => noted.map_or(Ok(()), |(proofs, path)| proofs.note(&path)),
        }
    }
}

impl Read for DumpFile {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.length - self.read).unwrap_or(usize::MAX);
        let most = left.min(buffer.len());
        let buffer = buffer.get_mut(..most).unwrap_or_default();
        let offset = self.start.saturating_add(self.read);
        let read = if most == 0 {
            0
        } else {
            retry_on_intr(|| rustix::io::pread(&self.file, &mut *buffer, offset))?
        };
        self.read += u64::try_from(read).unwrap_or_default();
        match &mut self.hash {
            Some(hash) if read > 0 => {
                let bytes = buffer.get(..read).unwrap_or_default();
                match (&self.noted, hash) {
                    (_, FileHash::Here(hash)) if !self.is_beside => hash.update(bytes),
                    (Some((proofs, _)), hash) => hash.update(bytes, &proofs.hashing),
                    (None, _) => return Err(io::Error::other(NOT_NOTED)),
                }
            }
            Some(_) if most == 0 && left > 0 => {}
            _ => self.prove()?,
        }
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn open(path: &Path) -> Option<Dump> {
        let (interrupt, progress) = (Interrupt::default(), Progress::default());
        Dump::open(path, &Scratch::default(), (&interrupt, &progress)).unwrap()
    }

    fn rows(text: &str) -> (tempfile::TempDir, Result<Vec<Vec<u8>>>) {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("CHECKSUMS"), text).unwrap();
        let rows = open(directory.path()).unwrap().rows().map(|mut rows| {
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
        let (directory, all) = rows(&format!("{digits}  b\n\n{digits} *a/x\n"));
        assert_eq!(all.unwrap(), [b"a/x".to_vec(), b"b".to_vec()]);
        assert!(open(&directory.path().join("x")).is_none());
        let (_directory, all) = rows(&format!("{digits}  b\n{digits}  ../b\n"));
        assert!(all.unwrap_err().to_string().ends_with("CHECKSUMS: line 2: not a path inside the dump"));
    }

    #[test]
    fn a_file_is_proved_and_nothing_is_read_through_a_link() {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path();
        assert!(open(root).is_none());
        fs::create_dir(root.join("a")).unwrap();
        fs::write(root.join("a/b"), "xyz").unwrap();
        fs::write(root.join("a/unlisted"), "xyz").unwrap();
        std::os::unix::fs::symlink("b", root.join("a/link")).unwrap();
        std::os::unix::fs::symlink("a", root.join("other")).unwrap();
        let row = |text: &str, path: &str| format!("{}  {path}\n", hex::encode(Sha256::digest(text)));
        let list =
            |text: &str| fs::write(root.join("CHECKSUMS"), row(text, "a/b") + &row("", "gone")).unwrap();
        list("xyz");
        let mut dump = open(root).unwrap();
        let mut read = |path: &[u8]| {
            let read = dump.read(path, |file| io::read_to_string(file).unwrap());
            read.map_err(|error| error.to_string())
        };
        assert_eq!(read(b"a/b").unwrap().as_deref(), Some("xyz"));
        for none in [&b"a/c"[..], b"a/link", b"other/b", b"../a/b", b"", b"a/b/c", b"/a/b", &[b'n'; 300]] {
            assert_eq!(read(none), Ok(None), "{}", none.escape_ascii());
        }
        assert!(read(b"a/unlisted").unwrap_err().ends_with("a/unlisted: is not in CHECKSUMS"));
        assert!(read(b"gone").unwrap_err().ends_with("gone: no regular file is there"));
        list("xy");
        assert!(read(b"a/b").unwrap_err().ends_with("a/b: has another digest than CHECKSUMS says"));
    }
}
