//! A stretch of a source in one reused buffer, read in steps that grow while a scan goes on.
//!
//! In: a [`Source`]. Out: contiguous bytes at any offset, lent until the next call. Going forward reads each
//! byte once; what a caller steps over is not read, unless the window hashes what it passes.

use super::ahead::{Ahead, BLOCK, HEADROOM};
use super::footer::Checksum;
use super::{Error, ErrorKind, Source};
use crate::bug::Bug;

/// First read of a scan, bytes: a short scan costs one small read.
const FIRST: usize = 16 << 10;
/// Largest read, bytes, unless one row is longer.
const LARGEST: usize = 256 << 10;
/// Bytes that are hashed in one step where rows are no longer read.
const PASS: u64 = 16 << 20;

/// Bytes of a source around the current row.
#[derive(Debug)]
pub(super) struct Window<'s> {
    source: &'s Source,
    /// Valid from `base` to `filled`; the rest is kept allocated.
    buffer: Vec<u8>,
    base: usize,
    filled: usize,
    /// Offset of the first valid byte.
    start: u64,
    /// Nothing behind it is read ahead.
    limit: u64,
    step: usize,
    checksum: Option<Checksum>,
    /// Who reads instead.
    ahead: Option<Ahead>,
}

impl<'s> Window<'s> {
    /// Returns an empty window that reads ahead up to the offset `limit`.
    pub(super) fn new(source: &'s Source, limit: u64) -> Self {
        Self {
            source,
            buffer: Vec::new(),
            base: 0,
            filled: 0,
            start: 0,
            limit,
            step: FIRST,
            checksum: None,
            ahead: None,
        }
    }

    /// Returns an empty window over the whole source that hashes every byte it passes, from offset 0.
    pub(super) fn hashing(source: &'s Source) -> Self {
        let checksum = Some(Checksum::new(source.len()));
        Self { step: LARGEST, checksum, ..Self::new(source, source.len()) }
    }

    /// Returns the same, read by another thread where there is one.
    pub(super) fn hashing_ahead(source: &'s Source, ahead: Option<Ahead>) -> Self {
        Self { ahead, ..Self::hashing(source) }
    }

    pub(super) fn source(&self) -> &'s Source {
        self.source
    }

    /// Moves the offset up to which bytes are read ahead.
    pub(super) fn set_limit(&mut self, limit: u64) {
        self.limit = limit;
    }

    /// Returns all that is here from `offset` on, and where in the buffer it stands ([`Window::at`]).
    #[inline]
    pub(super) fn ahead(&self, offset: u64) -> Option<(usize, &[u8])> {
        let at = self.base.checked_add(usize::try_from(offset.checked_sub(self.start)?).ok()?)?;
        Some((at, self.buffer.get(at..self.filled)?))
    }

    /// Returns `len` bytes at a place in the buffer that [`Window::ahead`] gave since the last read.
    #[inline]
    pub(super) fn at(&self, at: usize, len: usize) -> &[u8] {
        at.checked_add(len).and_then(|end| self.buffer.get(at..end)).unwrap_or_default()
    }

    /// Returns where in the buffer `offset` stands, which was read just now.
    pub(super) fn place(&self, offset: u64) -> Result<usize, Error> {
        self.ahead(offset).map(|(at, _)| at).ok_or_else(|| self.lost(offset))
    }

    #[cold]
    fn lost(&self, offset: u64) -> Error {
        self.source.error(offset, Bug::new("bytes that were read are not in the window").into())
    }

    #[inline]
    fn find(&self, offset: u64, len: usize) -> Option<&[u8]> {
        let (_, ahead) = self.ahead(offset)?;
        ahead.get(..len)
    }

    /// Returns the bytes `offset..offset + len`, reading what is not here. The caller has checked that the
    /// source is long enough: an end before that is an error of the disk.
    #[inline]
    pub(super) fn bytes(&mut self, offset: u64, len: usize) -> Result<&[u8], Error> {
        if self.find(offset, len).is_none() {
            self.fill(offset, len)?;
        }
        self.find(offset, len).ok_or_else(|| self.lost(offset))
    }

    /// Hashes some more bytes, if this window hashes; `false` at the end.
    pub(super) fn pass_on(&mut self) -> Result<bool, Error> {
        let end = self.end();
        if self.checksum.is_none() || end >= self.source.len() {
            return Ok(false);
        }
        self.bytes(end.saturating_add(PASS).min(self.source.len()), 0)?;
        Ok(true)
    }

    /// Returns the checksum of everything from offset 0 to the end, reading the rest.
    pub(super) fn finish(&mut self) -> Result<Option<Checksum>, Error> {
        self.bytes(self.source.len(), 0)?;
        Ok(self.checksum)
    }

    /// Returns the offset behind the last byte that is here.
    fn end(&self) -> u64 {
        self.start + (self.filled - self.base) as u64
    }

    #[cold]
    fn fill(&mut self, offset: u64, len: usize) -> Result<(), Error> {
        if let Some(mut ahead) = self.ahead.take() {
            let filled = self.take_blocks(&mut ahead, offset, len);
            self.ahead = Some(ahead);
            return filled;
        }
        self.move_to(offset)?;
        let ahead = usize::try_from(self.limit.saturating_sub(self.start)).unwrap_or(usize::MAX);
        let wanted = len.max(self.step.min(ahead));
        if wanted < LARGEST && self.buffer.len() > 4 * LARGEST {
            // One row of hundreds of MiB must not hold its memory for the rest of the scan.
            self.buffer.truncate(LARGEST.max(self.filled));
            self.buffer.shrink_to_fit();
        }
        if self.buffer.len() < wanted {
            self.buffer.reserve_exact(wanted - self.buffer.len());
            self.buffer.resize(wanted, 0);
        }
        let from = self.start + self.filled as u64;
        let read = match self.buffer.get_mut(self.filled..wanted) {
            Some(rest) => self.source.read_at(rest, from)?,
            None => 0,
        };
        if let Some(checksum) = &mut self.checksum {
            let end = self.filled + read;
            checksum.update(from, self.buffer.get(self.filled..end).unwrap_or_default());
        }
        self.filled += read;
        self.step = (self.step * 2).min(LARGEST);
        if self.filled < len { Err(self.shorter(from)) } else { Ok(()) }
    }

    #[cold]
    fn shorter(&self, offset: u64) -> Error {
        let kind = std::io::Error::new(std::io::ErrorKind::UnexpectedEof, "the file has become shorter");
        self.source.error(offset, ErrorKind::Io(kind))
    }

    /// Takes blocks until the bytes `offset..offset + len` are here.
    fn take_blocks(&mut self, ahead: &mut Ahead, offset: u64, len: usize) -> Result<(), Error> {
        let mut end = self.end();
        // Blocks come once: what was dropped cannot be had again. No walk asks for it.
        let known = offset.checked_sub(self.start).ok_or_else(|| self.shorter(offset))?;
        let known = usize::try_from(known).unwrap_or(usize::MAX);
        self.base = self.base.saturating_add(known).min(self.filled);
        self.start = offset;
        while end < offset + len as u64 {
            let Some((mut block, read)) = ahead.next(self.source)? else { return Err(self.shorter(end)) };
            let from = end;
            end += read as u64;
            if let Some(checksum) = &mut self.checksum {
                checksum.update(from, block.get(HEADROOM..HEADROOM + read).unwrap_or_default());
            }
            if end <= offset {
                ahead.give_back(block);
                continue;
            }
            // What is behind the offset already, or how much of the block is before it.
            let kept = self.buffer.get(self.base..self.filled).unwrap_or_default();
            let skip = usize::try_from(offset.saturating_sub(from)).unwrap_or(usize::MAX);
            let base = (HEADROOM + skip).checked_sub(kept.len());
            if let Some(base) = base
                && let Some(room) = block.get_mut(base..base + kept.len())
            {
                room.copy_from_slice(kept);
                ahead.give_back(std::mem::replace(&mut self.buffer, block));
                (self.base, self.filled) = (base, HEADROOM + read);
            } else {
                // A row that is longer than the room before the block; no more memory than it takes.
                self.buffer.truncate(self.filled);
                self.buffer.drain(..self.base);
                let missing = usize::try_from(offset + len as u64 - from).unwrap_or(read).max(read);
                self.buffer.reserve_exact(missing + BLOCK);
                self.buffer.extend_from_slice(block.get(HEADROOM..HEADROOM + read).unwrap_or_default());
                (self.base, self.filled) = (0, self.buffer.len());
                ahead.give_back(block);
            }
        }
        Ok(())
    }

    /// Makes `offset` the first byte of the window, keeping what is behind it.
    fn move_to(&mut self, offset: u64) -> Result<(), Error> {
        let end = self.end();
        if (self.start..=end).contains(&offset) {
            let at = usize::try_from(offset - self.start).unwrap_or(self.filled);
            self.buffer.copy_within(at..self.filled, 0);
            self.filled -= at;
        } else if self.checksum.is_some() {
            self.pass(end, offset)?;
            self.filled = 0;
        } else {
            self.filled = 0;
            self.step = FIRST;
        }
        self.start = offset;
        Ok(())
    }

    /// Hashes the bytes `from..to` without keeping them.
    fn pass(&mut self, mut from: u64, to: u64) -> Result<(), Error> {
        self.buffer.resize(self.buffer.len().max(LARGEST), 0);
        while from < to {
            let wanted = usize::try_from(to - from).unwrap_or(usize::MAX).min(LARGEST);
            let block = self.buffer.get_mut(..wanted).unwrap_or_default();
            let read = self.source.read_at(block, from)?;
            let Some(checksum) = self.checksum.as_mut().filter(|_| read == wanted) else {
                let error = std::io::Error::from(std::io::ErrorKind::UnexpectedEof);
                return Err(self.source.error(from, ErrorKind::Io(error)));
            };
            checksum.update(from, block);
            from += read as u64;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture;
    use super::*;

    fn bytes(len: usize) -> Vec<u8> {
        (0..=250).cycle().take(len).collect()
    }

    #[test]
    fn bytes_are_the_same_whatever_the_order_of_reading() {
        let all = bytes(3 * LARGEST);
        let source = fixture::source(&all);
        let mut window = Window::new(&source, source.len());
        for (offset, len) in
            [(0, 10), (5, FIRST), (FIRST, 1), (700_000, 20), (3, 3), (10, 2 * LARGEST), (3 * LARGEST, 0)]
        {
            assert_eq!(window.bytes(offset as u64, len).unwrap(), &all[offset..offset + len]);
        }
    }

    #[test]
    fn a_long_row_does_not_keep_its_memory() {
        let source = fixture::source(&bytes(12 * LARGEST));
        let mut window = Window::new(&source, source.len());
        window.bytes(0, 10 * LARGEST).unwrap();
        assert!(window.buffer.capacity() >= 10 * LARGEST);
        window.bytes(11 * LARGEST as u64, 10).unwrap();
        window.bytes(8, 10).unwrap();
        assert!(window.buffer.capacity() <= 4 * LARGEST);
    }

    #[test]
    fn nothing_behind_the_limit_is_read_ahead() {
        let source = fixture::source(&bytes(1000));
        let mut window = Window::new(&source, 100);
        window.bytes(10, 5).unwrap();
        assert_eq!(
            (window.filled, window.find(10, 90).map(<[u8]>::len), window.find(10, 91)),
            (90, Some(90), None)
        );
    }

    #[test]
    fn what_is_stepped_over_is_not_read() {
        let source = fixture::source(&bytes(8 * LARGEST));
        let mut window = Window::new(&source, source.len());
        window.bytes(0, 10).unwrap();
        window.bytes(7 * LARGEST as u64, 10).unwrap();
        assert_eq!((window.start, window.filled), (7 * LARGEST as u64, FIRST));
        assert!(window.buffer.len() <= 2 * FIRST);
    }

    #[test]
    fn a_hashing_window_hashes_what_it_steps_over() {
        for len in [0, 3, 4, 5, 1000, LARGEST + 5, 3 * LARGEST + 1] {
            let mut all = bytes(len);
            let body = len.saturating_sub(4);
            let footer = crc32c::crc32c(&all[..body]).to_be_bytes();
            all.truncate(body);
            all.extend(&footer[..len.min(4)]);
            let source = fixture::source(&all);
            let mut window = Window::hashing(&source);
            window.bytes(0, len.min(7)).unwrap();
            window.bytes((len / 2) as u64, len.min(1)).unwrap();
            let checksum = window.finish().unwrap().unwrap();
            assert!(checksum.check(crc32c::crc32c(&all[..body]).to_be_bytes()).is_ok(), "{len}");
        }
    }

    #[test]
    fn blocks_of_another_thread_give_the_same_bytes_and_checksum() {
        for len in [0, 100, 8 * LARGEST, 9 * LARGEST + 77] {
            let mut all = bytes(len);
            let body = len.saturating_sub(4);
            let footer = crc32c::crc32c(&all[..body]).to_be_bytes();
            all.truncate(body);
            all.extend(&footer[..len.min(4)]);
            let source = fixture::source(&all);
            std::thread::scope(|scope| {
                let mut window = Window::hashing_ahead(&source, Ahead::start(&source, scope));
                // Short steps, a row over several blocks, one that is stepped over, the rest.
                let steps = [(0, 3), (3, 60), (70, 200_000), (200_070, 3 * LARGEST), (7 * LARGEST + 5, 1000)];
                for (offset, wanted) in steps {
                    if let Some(expected) = all.get(offset..offset + wanted) {
                        assert!(window.bytes(offset as u64, wanted).unwrap() == expected);
                    }
                }
                let checksum = window.finish().unwrap().unwrap();
                assert!(len < 4 || checksum.check(footer).is_ok(), "{len}");
            });
        }
    }

    #[test]
    fn a_walk_that_ends_early_ends_the_other_thread() {
        let source = fixture::source(&bytes(50 * LARGEST));
        std::thread::scope(|scope| {
            let mut window = Window::hashing_ahead(&source, Ahead::start(&source, scope));
            window.bytes(0, 10).unwrap();
        });
    }

    #[test]
    fn reading_past_the_end_is_an_error() {
        let source = fixture::source(&bytes(10));
        let error = Window::new(&source, 10).bytes(8, 3).unwrap_err();
        assert!(error.kind.is_unreadable());
    }
}
