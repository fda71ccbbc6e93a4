//! A file that is written in large pieces, by the thread that makes it or another one.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

/// Bytes from which on the disk is told to take them: by the time of the flush it has most of a large file.
const WRITE_BACK: u64 = 1 << 20;

/// An open file, and how much of what was written into it the disk was not told to take.
#[derive(Debug)]
pub(super) struct LongFile {
    pub(super) file: File,
    pub(super) dirty: u64,
}

impl LongFile {
    /// Takes an empty file.
    pub(super) fn new(file: File) -> Self {
        Self { file, dirty: 0 }
    }

    /// Writes bytes behind all others; between them may be a hole.
    pub(super) fn write_at(&mut self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.file.write_all_at(bytes, offset)?;
        let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        self.dirty = self.dirty.saturating_add(length);
        if self.dirty >= WRITE_BACK {
            start_write_back(&self.file, offset.saturating_add(length).saturating_sub(self.dirty));
            self.dirty = 0;
        }
        Ok(())
    }

    /// Closes the file; `hole` is its length if it ends in a hole, which has none of its own.
    pub(super) fn close(self, hole: Option<u64>) -> io::Result<()> {
        hole.map_or(Ok(()), |length| self.file.set_len(length))?;
        close(self.file)
    }
}

/// Closes a file that was written. File systems over a network and in user space tell only here that they could not
/// store it.
pub(super) fn close(file: File) -> io::Result<()> {
    match nix::unistd::close(file) {
        // The descriptor is gone all the same, and the flush of the file system is still to come.
        Ok(()) | Err(nix::errno::Errno::EINTR) => Ok(()),
        Err(errno) => Err(errno.into()),
    }
}

/// Begins to write back what was written to a file from `offset` on, and does not wait for it. Only the flush makes it
/// certain, so a failure here is no error.
pub(super) fn start_write_back(file: &File, offset: u64) {
    #[cfg(target_os = "linux")]
    {
        // Linux starts to write dirty pages of which it hears that nobody needs them; those on their way stay cached.
        let _ = rustix::fs::fadvise(file, offset, None, rustix::fs::Advice::DontNeed);
    }
    #[cfg(not(target_os = "linux"))]
    let _ = (file, offset);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_disk_is_told_of_each_part_of_a_large_file_once() {
        let mut file = LongFile::new(tempfile::tempfile().unwrap());
        let piece = vec![1; 100 << 10];
        for (written, offset) in (1..=40).zip((0..).step_by(100 << 10)) {
            file.write_at(&piece, offset).unwrap();
            assert!(file.dirty == written % 11 * (100 << 10), "{} after {written}", file.dirty);
        }
    }
}
