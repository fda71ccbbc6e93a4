//! Which files count, and their digests as they come.
//!
//! In: files that are complete, or will be. Out: paths and digests for CHECKSUMS, sizes.

use std::io;

use super::Disk;
use super::background::Batch;
use super::file::NewFile;
use crate::tree::Result;
use crate::tree::hashing::Hashed;

impl Disk {
    /// Counts a complete file and remembers its digest.
    pub(super) fn enter(&mut self, path: &[u8], digest: &[u8; 32], length: u64) -> Result<()> {
        self.count(path, length);
        Ok(self.checksums.push(path, digest)?)
    }

    /// Counts a complete file whose digest is still to come; remembers those that have come.
    pub(super) fn enter_later(&mut self, path: &[u8], length: u64) -> Result<()> {
        self.count(path, length);
        self.awaited += 1;
        while let Ok(hashed) = self.hashed.try_recv() {
            self.take_hashed(hashed)?;
        }
        Ok(())
    }

    /// Counts a complete file of which nothing was written yet.
    pub(super) fn write_later(&mut self, file: NewFile, path: &[u8], body: &[u8]) -> Result<()> {
        self.add(path, u64::try_from(body.len()).unwrap_or(u64::MAX));
        self.awaited += 1;
        if self.writer.push(file, path, body)
            && let Some(ended) = self.writer.pass_on()
        {
            self.take_written(ended)?;
        }
        Ok(())
    }

    fn count(&mut self, path: &[u8], length: u64) {
        self.add(path, length);
        self.staging_fs.count_file();
    }

    fn add(&mut self, path: &[u8], length: u64) {
        self.listing.add(path);
        self.size.files += 1;
        self.size.bytes = self.size.bytes.saturating_add(length);
    }

    /// Waits until all short files that were handed over are written.
    pub(super) fn settle(&mut self) -> Result<()> {
        while let Some(ended) = self.writer.end() {
            self.take_written(ended)?;
        }
        Ok(())
    }

    /// Waits until all files are written, and for all digests.
    pub(in crate::tree) fn await_threads(&mut self) -> Result<()> {
        self.settle()?;
        self.hashing.close();
        while let Ok(hashed) = self.hashed.recv() {
            self.take_hashed(hashed)?;
        }
        let lost =
            || self.staging_fs.failure(b"", io::Error::other("a thread that writes or hashes has failed"));
        if self.awaited == 0 { Ok(()) } else { Err(lost()) }
    }

    fn take_written(&mut self, mut ended: Batch) -> Result<()> {
        for (path, length, digest) in ended.written() {
            let digest = digest.map_err(|error| self.staging_fs.failure(path, error))?;
            self.staging_fs.count_bytes(length);
            self.staging_fs.count_file();
            self.awaited -= 1;
            self.checksums.push(path, &digest)?;
            self.flush.count(|| self.staging_fs.clone_root());
        }
        self.writer.reuse(ended);
        Ok(())
    }

    fn take_hashed(&mut self, hashed: Hashed) -> Result<()> {
        self.awaited -= 1;
        hashed.written.map_err(|error| self.staging_fs.failure(&hashed.path, error))?;
        Ok(self.checksums.push(&hashed.path, &hashed.digest)?)
    }
}
