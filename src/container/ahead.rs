//! A source read from front to end by two threads: one of its own, and the one that hashes the bytes and takes the
//! rows apart, when it would have to wait. Small rows cost about as much as reading them, large ones far less.
//!
//! In: a [`Source`]. Out: its blocks in order. A few blocks go round and are used again.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, Sender, SyncSender, TryRecvError};
use std::thread::Scope;

use super::{Error, Source};
use crate::worker;

/// Room before the bytes of a block, for the beginning of a row that ends in it.
pub(super) const HEADROOM: usize = 64 << 10;
/// Bytes read at once.
pub(super) const BLOCK: usize = 256 << 10;
/// Least length of a source that another thread reads, bytes.
const WORTH_IT: u64 = 2 << 20;
/// Blocks that wait to be taken, at most.
const WAITING: usize = 4;

/// The receiving end of a thread that reads ahead.
#[derive(Debug)]
pub(super) struct Ahead {
    messages: Receiver<Result<Block, Error>>,
    empty: Sender<Vec<u8>>,
    /// Number of the first block that nobody reads yet.
    unread: Arc<AtomicU64>,
    /// Number of the next block to be taken; `None` at the end.
    next: Option<u64>,
    /// A block that was read here before its turn.
    own: Option<Block>,
    /// A buffer for one.
    spare: Option<Vec<u8>>,
}

/// A stretch of the source.
#[derive(Debug)]
struct Block {
    number: u64,
    /// [`HEADROOM`] and [`BLOCK`].
    buffer: Vec<u8>,
    /// Length of what was read; shorter than a block at the end alone.
    len: usize,
}

impl Ahead {
    /// Starts to read; `None` where it is not worth it: a short source, one job, no thread to be had. The
    /// thread ends with the source, or when this is dropped.
    pub(super) fn start<'scope, 'env>(
        source: &'env Source,
        scope: &'scope Scope<'scope, 'env>,
    ) -> Option<Self> {
        if source.len() < WORTH_IT {
            return None;
        }
        let (sender, messages) = mpsc::sync_channel(WAITING);
        let (empty, emptied) = mpsc::channel();
        let unread = Arc::new(AtomicU64::new(0));
        let claimed = Arc::clone(&unread);
        let reader = move || read(source, &claimed, &sender, &emptied);
        worker::scoped(scope, reader)?;
        Some(Self { messages, empty, unread, next: Some(0), own: None, spare: None })
    }

    /// Returns the next block of the source that this was started with: [`HEADROOM`] and that many bytes; `None` at
    /// its end. After an error there is nothing more to ask for.
    pub(super) fn next(&mut self, source: &Source) -> Result<Option<(Vec<u8>, usize)>, Error> {
        let Some(next) = self.next else { return Ok(None) };
        let block = loop {
            if let Some(block) = self.own.take_if(|block| block.number == next) {
                break Some(block);
            }
            match self.messages.try_recv() {
                Ok(block) => break Some(block?),
                Err(TryRecvError::Empty) if self.own.is_none() => {
                    let buffer = self.spare.take().unwrap_or_default();
                    self.own = Block::read(source, &self.unread, buffer)?;
                    if self.own.is_some() {
                        continue;
                    }
                }
                Err(_) => {}
            }
            // All are read, or on their way.
            break self.messages.recv().ok().transpose()?;
        };
        // A file that has become shorter: what comes behind does not follow.
        self.next = block.as_ref().filter(|block| block.len == BLOCK).map(|_| next + 1);
        Ok(block.map(|block| (block.buffer, block.len)))
    }

    /// Gives a block back, to be filled again.
    pub(super) fn give_back(&mut self, buffer: Vec<u8>) {
        if buffer.len() != HEADROOM + BLOCK {
            return;
        }
        if self.spare.is_none() {
            self.spare = Some(buffer);
        } else {
            // The reader may have ended.
            let _ = self.empty.send(buffer);
        }
    }
}

impl Block {
    /// Reads the first block that nobody reads yet; `None` when there is none.
    fn read(source: &Source, unread: &AtomicU64, mut buffer: Vec<u8>) -> Result<Option<Self>, Error> {
        let number = unread.fetch_add(1, Ordering::Relaxed);
        let offset = number.saturating_mul(BLOCK as u64);
        if offset >= source.len() {
            return Ok(None);
        }
        buffer.resize(HEADROOM + BLOCK, 0);
        let len = source.read_at(buffer.get_mut(HEADROOM..).unwrap_or_default(), offset)?;
        Ok(Some(Self { number, buffer, len }))
    }
}

/// Reads until the end, or until nobody listens.
fn read(
    source: &Source,
    unread: &AtomicU64,
    sender: &SyncSender<Result<Block, Error>>,
    emptied: &Receiver<Vec<u8>>,
) {
    while let Some(block) = Block::read(source, unread, emptied.try_recv().unwrap_or_default()).transpose() {
        let failed = block.is_err();
        if sender.send(block).is_err() || failed {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::super::fixture;
    use super::*;
    use crate::interrupt::Interrupt;

    const MEBIBYTE: usize = 1 << 20;

    /// Everything that comes, whoever waits for whom; `None` on one core.
    fn all(source: &Source, slow: bool) -> Option<Vec<u8>> {
        thread::scope(|scope| {
            let mut ahead = Ahead::start(source, scope)?;
            let mut found = Vec::new();
            while let Some((block, len)) = ahead.next(source).unwrap() {
                found.extend_from_slice(&block[HEADROOM..HEADROOM + len]);
                if slow {
                    thread::sleep(std::time::Duration::from_millis(1));
                }
                ahead.give_back(block);
            }
            assert!(ahead.next(source).unwrap().is_none());
            Some(found)
        })
    }

    #[test]
    fn blocks_come_in_order_and_none_is_lost() {
        for len in [2 * MEBIBYTE, 2 * MEBIBYTE + 1, 10 * BLOCK - 1, 10 * BLOCK, 53 * BLOCK + 7] {
            let bytes: Vec<u8> = (0..=250).cycle().take(len).collect();
            let source = fixture::source(&bytes);
            for slow in [false, true] {
                assert!(all(&source, slow).is_none_or(|found| found == bytes), "{len} {slow}");
            }
        }
        assert!(all(&fixture::source(&vec![0; 2 * MEBIBYTE - 1]), false).is_none());
    }

    #[test]
    fn a_file_that_has_become_shorter_ends_where_it_ends() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("rows.fsm");
        for len in [0, 3 * BLOCK, 3 * BLOCK + 5] {
            std::fs::write(&path, vec![7; 40 * BLOCK]).unwrap();
            let source = Source::open(&path, directory.path(), &Interrupt::default()).unwrap();
            std::fs::File::options().write(true).open(&path).unwrap().set_len(len as u64).unwrap();
            assert!(all(&source, false).is_none_or(|found| found == vec![7; len]), "{len}");
        }
    }

    #[test]
    fn an_error_of_the_disk_comes_out() {
        let source = Source::unreadable(4 << 20);
        thread::scope(|scope| {
            if let Some(mut ahead) = Ahead::start(&source, scope) {
                assert!(ahead.next(&source).is_err());
            }
        });
    }
}
