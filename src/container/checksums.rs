//! The checksums of a file with an `EKVMVCC2` payload, and where that payload ends (`container.md` 7).

use super::footer::{self, Checksum};
use super::memory::Start;
use super::{Error, ErrorKind, Layout, Source};

/// Bytes that are hashed in one step.
const STEP: usize = 256 << 10;
/// Length of magic, version and checksum: where the checksummed body begins, bytes.
const BODY: u64 = 16;

/// A pass over a whole file that computes its checksums.
#[derive(Debug)]
pub struct Checksums<'s> {
    source: &'s Source,
    layout: Layout,
    buffer: Vec<u8>,
    next: u64,
    file: Checksum,
    /// Of the body without its last 4 bytes, which may be a footer.
    body: crc32fast::Hasher,
    last: [u8; 4],
}

impl<'s> Checksums<'s> {
    /// Returns a pass that has read nothing yet.
    #[must_use]
    pub fn new(source: &'s Source, layout: &Layout) -> Self {
        let (file, body) = (Checksum::new(source.len()), crc32fast::Hasher::new());
        Self { source, layout: *layout, buffer: vec![0; STEP], next: 0, file, body, last: [0; 4] }
    }

    /// Hashes the next bytes; `false` when there are none.
    pub fn step(&mut self) -> Result<bool, Error> {
        let read = self.source.read_at(&mut self.buffer, self.next)?;
        let bytes = self.buffer.get(..read).unwrap_or_default();
        self.file.update(self.next, bytes);
        let (start, end) = (self.layout.payload_offset + BODY, self.source.len().saturating_sub(footer::LEN));
        let within =
            |offset: u64| usize::try_from(offset.saturating_sub(self.next)).unwrap_or(usize::MAX).min(read);
        self.body.update(bytes.get(within(start)..within(end)).unwrap_or_default());
        for (at, &byte) in bytes.iter().enumerate().skip(within(end)) {
            let place = usize::try_from(self.next + at as u64 - end).unwrap_or(usize::MAX);
            if let Some(last) = self.last.get_mut(place) {
                *last = byte;
            }
        }
        self.next += read as u64;
        Ok(read > 0)
    }

    /// Compares all checksums; returns the offset behind the payload and the footer, if there is one.
    pub fn finish(self, start: &Start) -> Result<(u64, Option<u32>), Error> {
        let end = self.source.len().saturating_sub(footer::LEN);
        let mut whole = self.body.clone();
        whole.update(&self.last);
        let (body, whole) = (self.body.finalize(), whole.finalize());
        if !self.layout.footer && whole == start.crc32 {
            return Ok((self.source.len(), None));
        }
        let footer = self.file.check(self.last);
        let expected = start.crc32;
        if body != expected {
            // A footer is certain behind an FSM header only: else the body is all there is.
            let kind = match footer {
                Err(mismatch) if self.layout.footer => mismatch,
                _ => ErrorKind::ChecksumMismatch {
                    expected,
                    found: if self.layout.footer { body } else { whole },
                },
            };
            return Err(self.source.error(self.layout.payload_offset, kind));
        }
        let footer = footer.map_err(|kind| self.source.error(end, kind))?;
        Ok((end, Some(footer)))
    }
}
