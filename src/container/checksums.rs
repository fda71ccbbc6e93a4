//! The checksums of a file with an `EKVMVCC2` payload, and where that payload ends (`format/container.md#in-memory-store-stream`).

use super::footer::{self, Checksum};
use super::memory::MemoryHeader;
use super::{Error, ErrorKind, Layout, Source};

/// Bytes that are hashed in one step.
const STEP: usize = 256 << 10;
/// Length of magic, version and checksum: where the checksummed body begins, bytes.
const BODY: u64 = 16;

/// A pass over a whole file that computes its checksums.
#[derive(Debug)]
pub(crate) struct Checksums<'s> {
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
    pub(crate) fn new(source: &'s Source, layout: &Layout) -> Self {
        let (file, body) = (Checksum::new(source.len()), crc32fast::Hasher::new());
        Self { source, layout: *layout, buffer: vec![0; STEP], next: 0, file, body, last: [0; 4] }
    }

    /// Hashes the next bytes; `false` when there are none.
    pub(crate) fn step(&mut self) -> Result<bool, Error> {
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
    pub(crate) fn finish(self, start: &MemoryHeader) -> Result<(u64, Option<u32>), Error> {
        let end = self.source.len().saturating_sub(footer::LEN);
        let mut whole = self.body.clone();
        whole.update(&self.last);
        let (body, whole) = (self.body.finalize(), whole.finalize());
        if whole == start.crc32 {
            return if self.layout.footer {
                Err(self.source.error(self.source.len(), ErrorKind::NoFooter))
            } else {
                Ok((self.source.len(), None))
            };
        }
        let footer = self.file.check(self.last);
        let expected = start.crc32;
        if body != expected {
            // A footer is certain behind an FSM header only: else the body is all there is.
            return Err(match footer {
                Err(mismatch) if self.layout.footer => self.source.error(end, mismatch),
                _ => {
                    let found = if self.layout.footer { body } else { whole };
                    let kind = ErrorKind::ChecksumMismatch { expected, found };
                    self.source.error(self.layout.payload_offset, kind)
                }
            });
        }
        let footer = footer.map_err(|kind| self.source.error(end, kind))?;
        Ok((end, Some(footer)))
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture;
    use super::*;

    fn finish(bytes: &[u8]) -> Result<(u64, Option<u32>), Error> {
        let source = fixture::source(bytes);
        let layout = Layout::of(&source)?;
        let start = MemoryHeader::read(&source, &layout)?;
        let mut checksums = Checksums::new(&source, &layout);
        while checksums.step()? {}
        checksums.finish(&start)
    }

    fn check(bytes: &[u8]) -> Result<(u64, Option<u32>), ErrorKind> {
        finish(bytes).map_err(|error| error.kind)
    }

    fn payload(body: usize) -> Vec<u8> {
        fixture::memory(9, &[(b"a", &[(1, 0, 0, &vec![7; body])])])
    }

    #[test]
    fn the_body_tells_whether_a_footer_follows() {
        for body in [0, 1, 2, 3, 4, STEP - 80, STEP - 77, STEP, 2 * STEP] {
            let payload = payload(body);
            let len = payload.len() as u64;
            assert_eq!(check(&payload).unwrap(), (len, None));
            let bytes = fixture::with_footer(payload.clone());
            let footer = u32::from_be_bytes(*bytes.last_chunk().unwrap());
            assert_eq!(check(&bytes).unwrap(), (len, Some(footer)));
            assert_eq!(check(&fixture::headed(&payload)).unwrap().0, len + 16);
        }
    }

    #[test]
    fn a_header_and_no_footer_is_called_that() {
        for body in [0, 1, 4, STEP] {
            let mut bytes = fixture::headed(&payload(body));
            bytes.truncate(bytes.len() - 4);
            assert!(matches!(check(&bytes), Err(ErrorKind::NoFooter)), "{body}");
        }
    }

    #[test]
    fn every_flipped_byte_is_noticed() {
        let payload = payload(5);
        for whole in [payload.clone(), fixture::with_footer(payload.clone()), fixture::headed(&payload)] {
            for at in 0..whole.len() {
                let mut damaged = whole.clone();
                damaged[at] ^= 1;
                assert!(check(&damaged).is_err(), "{at}");
            }
        }
    }

    #[test]
    fn a_wrong_checksum_under_a_valid_footer_is_a_checksum_mismatch() {
        let mut payload = payload(5);
        payload[20] ^= 1;
        for whole in [payload.clone(), fixture::with_footer(payload.clone()), fixture::headed(&payload)] {
            assert!(matches!(check(&whole), Err(ErrorKind::ChecksumMismatch { .. })));
        }
        let mut headed = fixture::headed(&payload);
        *headed.last_mut().unwrap() ^= 1;
        let error = finish(&headed).unwrap_err();
        assert!(matches!(error.kind, ErrorKind::FooterMismatch { .. }));
        assert_eq!(error.offset, headed.len() as u64 - 4);
    }
}
