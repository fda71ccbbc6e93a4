//! One file of an archive that is written in pieces.
//!
//! In: bytes and holes. Out: an entry once it is finished, since the size stands before the contents; until then a buffer
//! and an unlinked file. A body goes into the archive at once where that can be taken back.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::{Arc, Mutex};

use rustix::io::Errno;
use sha2::{Digest, Sha256};

use super::core::{BUFFER, Contents, Core, lock};
use crate::tree::Result;
use crate::tree::hashing::FileHash;

static ZEROS: [u8; 64 << 10] = [0; 64 << 10];

/// A file of an archive. Dropped before it is finished, it is not in the archive.
#[derive(Debug)]
pub struct ArchiveFile {
    core: Arc<Mutex<Core>>,
    path: Vec<u8>,
    buffer: Vec<u8>,
    place: Place,
    hash: FileHash,
    length: u64,
    /// Whether others are held back until it ends.
    is_body: bool,
    finished: bool,
}

/// Where the bytes are that are not in the buffer.
#[derive(Debug)]
enum Place {
    /// There are none.
    Nowhere,
    /// In a file without a name.
    Spool(File),
    /// In the archive.
    Archive,
}

impl ArchiveFile {
    pub(super) fn new(core: &Arc<Mutex<Core>>, path: &[u8], is_body: bool) -> Self {
        Self {
            core: Arc::clone(core),
            path: path.to_vec(),
            buffer: Vec::new(),
            place: Place::Nowhere,
            hash: FileHash::default(),
            length: 0,
            is_body,
            finished: false,
        }
    }

    /// Appends bytes.
    pub fn write(&mut self, bytes: &[u8]) -> Result<()> {
        let core = Arc::clone(&self.core);
        let mut core = lock(&core);
        core.check_interrupt(&self.path)?;
        if bytes.len() > BUFFER.saturating_sub(self.buffer.len()) {
            self.flush(&mut core)?;
            if bytes.len() >= BUFFER {
                return self.store(&mut core, bytes);
            }
        }
        self.count(&core, bytes.len())?;
        self.buffer.extend_from_slice(bytes);
        Ok(())
    }

    /// Appends `length` zero bytes.
    pub fn zeros(&mut self, length: u64) -> Result<()> {
        let room = BUFFER.saturating_sub(self.buffer.len());
        if let Some(zeros) = usize::try_from(length).ok().filter(|length| *length <= room) {
            let core = Arc::clone(&self.core);
            self.count(&lock(&core), zeros)?;
            self.buffer.resize(self.buffer.len() + zeros, 0);
            return Ok(());
        }
        let core = Arc::clone(&self.core);
        let mut core = lock(&core);
        self.flush(&mut core)?;
        self.length = self.length.checked_add(length).ok_or_else(|| core.failure(&self.path, Errno::FBIG))?;
        match &self.place {
            // What is behind the end of the spool are zeros when it is read.
            Place::Nowhere | Place::Spool(_) => {}
            Place::Archive => core.zeros(&self.path, length)?,
        }
        let mut left = length;
        while left > 0 {
            let zeros = usize::try_from(left).ok().and_then(|left| ZEROS.get(..left)).unwrap_or(&ZEROS);
            self.hash.update(zeros, &core.hashing);
            left -= u64::try_from(zeros.len()).unwrap_or(left);
            core.check_interrupt(&self.path)?;
        }
        Ok(())
    }

    /// Returns the number of bytes so far.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.length
    }

    /// Whether nothing was written yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Ends the file: it is in the archive, and has its line in CHECKSUMS.
    pub fn finish(mut self) -> Result<()> {
        let core = Arc::clone(&self.core);
        let mut core = lock(&core);
        let path = std::mem::take(&mut self.path);
        if matches!(self.place, Place::Nowhere) {
            let digest: [u8; 32] = Sha256::digest(&self.buffer).into();
            core.enter(&path, &digest)?;
        } else {
            self.flush(&mut core)?;
            match std::mem::take(&mut self.hash) {
                FileHash::Here(hash) => core.enter(&path, &hash.finalize().into())?,
                FileHash::Beside(stream) => {
                    core.enter_later(&path)?;
                    stream.end(path.clone());
                }
            }
        }
        let contents = match std::mem::replace(&mut self.place, Place::Nowhere) {
            Place::Nowhere => Contents::Memory(std::mem::take(&mut self.buffer)),
            Place::Spool(file) => Contents::Spool(file),
            Place::Archive => Contents::Written,
        };
        self.finished = true;
        core.end_file(path, contents, self.length, self.is_body)
    }

    fn flush(&mut self, core: &mut Core) -> Result<()> {
        let mut buffer = std::mem::take(&mut self.buffer);
        self.length = self.length.saturating_sub(u64::try_from(buffer.len()).unwrap_or(u64::MAX));
        let stored = self.store(core, &buffer);
        buffer.clear();
        self.buffer = buffer;
        stored
    }

    /// Hashes bytes and puts them where the file is.
    fn store(&mut self, core: &mut Core, bytes: &[u8]) -> Result<()> {
        self.hash.update(bytes, &core.hashing);
        if matches!(self.place, Place::Nowhere) {
            self.place = if self.is_body && core.begin_body(&self.path)? {
                Place::Archive
            } else {
                Place::Spool(core.spool().map_err(|error| core.failure(&self.path, error))?)
            };
        }
        match &self.place {
            Place::Archive => core.write(&self.path, bytes)?,
            Place::Spool(file) => {
                file.write_all_at(bytes, self.length).map_err(|error| core.failure(&self.path, error))?;
            }
            Place::Nowhere => {}
        }
        self.count(core, bytes.len())
    }

    fn count(&mut self, core: &Core, bytes: usize) -> Result<()> {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        let length = self.length.checked_add(bytes);
        self.length = length.ok_or_else(|| core.failure(&self.path, io::Error::from(Errno::FBIG)))?;
        Ok(())
    }
}

impl Drop for ArchiveFile {
    fn drop(&mut self) {
        if !self.finished {
            let in_archive = matches!(self.place, Place::Archive);
            lock(&self.core).abandon(&self.path, self.is_body, in_archive);
        }
    }
}
