//! From a path to a source: what it names, how it is opened without waiting, whether it has to be copied.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::fd::AsFd;
use std::path::Path;

use rustix::fs::{Mode, OFlags};

use super::compression::Compression;
use super::identity::Identity;
use super::offload::{self, Manifest};
use super::source::Source;
use super::spool::{Fault, Spool};
use super::stream::Stream;
use super::{Error, ErrorKind};
use crate::progress::Phase;

/// Opens an input; `-` is standard input.
pub(super) fn open(path: &Path, spool: &Spool<'_>) -> Result<Source, Error> {
    let fail = |(offset, kind)| Error { path: path.to_owned(), offset, kind };
    let io = |error| fail((0, ErrorKind::Io(error)));
    let named = path != Path::new("-");
    let file = if named {
        file_at(path).map_err(|error| fail((0, why_not(path, error))))?
    } else {
        File::from(io::stdin().as_fd().try_clone_to_owned().map_err(io)?)
    };
    if file.metadata().map_err(io)?.is_dir() {
        return Err(fail((0, if named && is_dump(path) { ErrorKind::Dump } else { ErrorKind::Directory })));
    }
    let identity = Identity::of_file(&file).map_err(io)?;
    if named && identity.is_some() {
        if let Some(manifest) = Manifest::given(path, &file).map_err(|kind| fail((0, kind)))? {
            return offload::payload_of(path, &manifest, spool);
        }
        let mut head = [0; Compression::MAGIC];
        let found = read_full(&file, &mut head).map_err(io)?;
        (&file).seek(SeekFrom::Start(0)).map_err(io)?;
        if Compression::of(head.get(..found).unwrap_or_default()).is_none() {
            let mut source = Source::in_place(path, file, identity, spool.interrupt).map_err(io)?;
            offload::prove(&mut source, spool)?;
            return Ok(source);
        }
    }
    let mut source = copied(path, &file, identity, spool).map_err(fail)?;
    offload::prove(&mut source, spool)?;
    Ok(source)
}

/// Whether a directory looks like a dump.
#[must_use]
pub(crate) fn is_dump(directory: &Path) -> bool {
    ["CHECKSUMS", "MANIFEST.json"].iter().all(|name| directory.join(name).is_file())
}

/// Copies what can be read only once, or only compressed.
fn copied(path: &Path, file: &File, identity: Option<Identity>, spool: &Spool<'_>) -> Result<Source, Fault> {
    let len = identity.map_or(Ok(0), |_| file.metadata().map(|metadata| metadata.len()));
    spool.progress.enter(Phase::Copying, len.map_err(|error| (0, ErrorKind::Io(error)))?);
    let head = if path == Path::new("-") { spool.head } else { &[] };
    let copied = spool.copy(head.chain(Stream::new(file, spool.interrupt, spool.progress)));
    // A file that was written to meanwhile: that is what is wrong, whatever the copy says.
    if let Some(identity) = identity {
        let path = Some(path).filter(|path| *path != Path::new("-"));
        let difference = identity.difference(file, path).map_err(|error| (0, ErrorKind::Io(error)))?;
        spool.interrupt.check().map_err(|by| (0, by.into()))?;
        if let Some(what) = difference {
            return Err((0, ErrorKind::Changed { what }));
        }
    }
    Ok(Source::copy(path, copied?, spool.interrupt))
}

/// Opens a file for reading, and never waits: not for the other end of a FIFO, not for a device.
pub(super) fn file_at(path: &Path) -> io::Result<File> {
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let opened = rustix::io::retry_on_intr(|| rustix::fs::open(path, flags, Mode::empty()));
    Ok(File::from(opened?))
}

/// Says why a file cannot be opened.
fn why_not(path: &Path, error: io::Error) -> ErrorKind {
    if error.kind() != io::ErrorKind::NotFound {
        return ErrorKind::Io(error);
    }
    match fs::read_link(path) {
        Ok(target) => ErrorKind::DanglingLink { target },
        Err(_) => ErrorKind::Missing,
    }
}

/// Fills `buffer`, or as much of it as there is; returns the number of bytes.
pub(crate) fn read_full(mut file: &File, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match file.read(rest) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::os::unix::fs::symlink;

    use rustix::fs::{CWD, FileType, mknodat};

    use super::*;
    use crate::interrupt::Interrupt;
    use crate::progress::Progress;

    struct Work(tempfile::TempDir);

    impl Work {
        fn new() -> Self {
            Self(tempfile::tempdir().unwrap())
        }

        fn path(&self, name: &str) -> std::path::PathBuf {
            self.0.path().join(name)
        }

        fn open(&self, name: &str) -> Result<Source, Error> {
            Source::open(&self.path(name), self.0.path(), &Interrupt::default())
        }
    }

    #[test]
    fn what_stands_in_the_place_of_a_file_is_named() {
        let work = Work::new();
        fs::create_dir(work.path("directory")).unwrap();
        fs::create_dir(work.path("dump")).unwrap();
        for name in ["CHECKSUMS", "MANIFEST.json"] {
            fs::write(work.path("dump").join(name), b"").unwrap();
        }
        symlink("gone.fsm", work.path("link")).unwrap();
        for (name, word) in [
            ("directory", "is a directory"),
            ("dump", "is a dump"),
            ("link", "symbolic link to gone.fsm"),
            ("missing", "no such file"),
        ] {
            let error = work.open(name).unwrap_err();
            assert_eq!(error.kind.is_unreadable(), name != "dump", "{name}");
            assert!(error.to_string().contains(word) && !error.to_string().contains("offset"), "{error}");
        }
    }

    #[test]
    fn a_fifo_is_copied_once_it_has_a_writer() {
        let work = Work::new();
        mknodat(CWD, work.path("fifo"), FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
        let path = work.path("fifo");
        let writer = std::thread::spawn(move || {
            std::thread::sleep(std::time::Duration::from_millis(150));
            let mut file = File::options().write(true).open(path).unwrap();
            file.write_all(b"EKVPBBL1").unwrap();
            std::thread::sleep(std::time::Duration::from_millis(150));
            file.write_all(&[7; 100]).unwrap();
        });
        let source = work.open("fifo").unwrap();
        writer.join().unwrap();
        assert_eq!(source.len(), 108);
    }

    #[test]
    fn a_compressed_file_is_counted_as_it_is_copied() {
        let work = Work::new();
        let stream = super::super::fixture::zstd(&[&b"EKVPBBL1"[..], &vec![7; 100_000]].concat());
        fs::write(work.path("a.zst"), &stream).unwrap();
        let (interrupt, progress) = (Interrupt::default(), Progress::default());
        let source =
            Source::open_showing(&work.path("a.zst"), work.0.path(), (&interrupt, &progress), &[]).unwrap();
        assert_eq!((source.len(), source.compression()), (100_008, Some(Compression::Zstd)));
        let len = stream.len() as u64;
        let state = progress.state();
        assert_eq!((state.phase, state.done.bytes, state.total.bytes), (Phase::Copying, len, len));
        source.check_unchanged().unwrap();
    }
}
