//! A source read from front to end by a thread of its own: what hashes the bytes and takes the rows apart does not
//! wait for them. The two halves cost about the same, so neither thread waits long for the other.
//!
//! In: a [`Source`]. Out: its blocks in order. A few blocks go round and are used again.

use std::sync::mpsc::{self, Receiver, Sender, SyncSender};
use std::thread::{self, Scope};

use super::{Error, Source};

/// Room before the bytes of a block, for the beginning of a row that ends in it.
pub(super) const HEADROOM: usize = 64 << 10;
/// Bytes read at once.
const BLOCK: usize = 256 << 10;
/// Least length of a source that another thread reads, bytes.
const WORTH_IT: u64 = 2 << 20;
/// Blocks that wait to be taken, at most.
const WAITING: usize = 4;

/// The receiving end of a thread that reads ahead.
#[derive(Debug)]
pub struct Ahead {
    messages: Receiver<Message>,
    empty: Sender<Vec<u8>>,
}

#[derive(Debug)]
enum Message {
    /// A buffer of [`HEADROOM`] and a block, and the length of what is in the block.
    Block(Vec<u8>, usize),
    Failed(Error),
}

impl Ahead {
    /// Starts to read; `None` where it is not worth it: a short source, no second core, no thread to be had. The
    /// thread ends with the source, or when this is dropped.
    pub fn start<'scope, 'env>(source: &'env Source, scope: &'scope Scope<'scope, 'env>) -> Option<Self> {
        if source.len() < WORTH_IT || thread::available_parallelism().map_or(1, usize::from) < 2 {
            return None;
        }
        let (sender, messages) = mpsc::sync_channel(WAITING);
        let (empty, emptied) = mpsc::channel();
        let reader = move || {
            if let Err(error) = read(source, &sender, &emptied) {
                // Nobody waits for it any more when the walk has failed.
                let _ = sender.send(Message::Failed(error));
            }
        };
        thread::Builder::new().spawn_scoped(scope, reader).ok()?;
        Some(Self { messages, empty })
    }

    /// Waits for the next block: [`HEADROOM`] and that many bytes of the source; `None` at its end. After an error
    /// there is nothing more to ask for.
    pub(super) fn next(&self) -> Result<Option<(Vec<u8>, usize)>, Error> {
        match self.messages.recv() {
            Ok(Message::Block(block, len)) => Ok(Some((block, len))),
            Ok(Message::Failed(error)) => Err(error),
            Err(mpsc::RecvError) => Ok(None),
        }
    }

    /// Gives a block back, to be filled again.
    pub(super) fn give_back(&self, block: Vec<u8>) {
        if block.len() == HEADROOM + BLOCK {
            // The reader may have ended.
            let _ = self.empty.send(block);
        }
    }
}

/// Reads until the end, or until nobody listens.
fn read(source: &Source, sender: &SyncSender<Message>, emptied: &Receiver<Vec<u8>>) -> Result<(), Error> {
    let mut offset = 0;
    while offset < source.len() {
        let mut block = emptied.try_recv().unwrap_or_else(|_| vec![0; HEADROOM + BLOCK]);
        let bytes = block.get_mut(HEADROOM..).unwrap_or_default();
        let len = source.read_at(bytes, offset)?;
        offset += len as u64;
        // A file that has become shorter: whoever needs the bytes says so.
        if len == 0 || sender.send(Message::Block(block, len)).is_err() {
            break;
        }
    }
    Ok(())
}
