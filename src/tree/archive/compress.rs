//! Compresses an archive with zstd on a thread of its own. The bytes are the same with and without the thread.

use std::fs::File;
use std::io::{self, Write};
use std::sync::mpsc::{self, Receiver};

use zstd::stream::write::Encoder;

use crate::worker::Worker;

/// The level of the command `zstd`.
const LEVEL: i32 = 3;
/// Pieces that wait for the thread, at most.
const WAITING: usize = 4;

/// A zstd frame that is being written.
#[derive(Debug)]
pub(super) enum Compressor {
    /// By the thread that makes the archive.
    Here(Box<Frame>),
    /// By another one.
    Beside(Beside),
    /// Not any more.
    Ended,
}

/// The frame; its checksum stands at its end.
pub(super) struct Frame(Encoder<'static, File>);

impl std::fmt::Debug for Frame {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Frame")
    }
}

/// The way to the thread.
#[derive(Debug)]
pub(super) struct Beside {
    worker: Worker<Work>,
    spare: Receiver<Vec<u8>>,
    ended: Receiver<io::Result<File>>,
}

#[derive(Debug)]
enum Work {
    /// Comes first.
    Begin(Frame),
    Piece(Vec<u8>),
}

impl Compressor {
    pub(super) fn new(file: File) -> io::Result<Self> {
        let mut encoder = Encoder::new(file, LEVEL)?;
        encoder.include_checksum(true)?;
        let (emptied, spare) = mpsc::channel();
        let (ending, ended) = mpsc::channel();
        let run = move |work: Receiver<Work>| {
            let compress = || {
                let Ok(Work::Begin(Frame(mut encoder))) = work.recv() else { return Err(lost()) };
                for work in &work {
                    let Work::Piece(piece) = work else { return Err(lost()) };
                    encoder.write_all(&piece)?;
                    // Nobody takes it back once the archive was given up.
                    let _ = emptied.send(piece);
                }
                encoder.finish()
            };
            // Nor waits for the end.
            let _ = ending.send(compress());
        };
        let Some(worker) = Worker::start(WAITING, run) else {
            return Ok(Self::Here(Box::new(Frame(encoder))));
        };
        match worker.send(Work::Begin(Frame(encoder))) {
            Ok(()) => Ok(Self::Beside(Beside { worker, spare, ended })),
            Err(_) => Err(lost()),
        }
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Here(frame) => frame.0.write_all(bytes),
            Self::Ended => Err(lost()),
            Self::Beside(beside) => {
                let mut piece = beside.spare.try_recv().unwrap_or_default();
                piece.clear();
                piece.extend_from_slice(bytes);
                match beside.worker.send(Work::Piece(piece)) {
                    Ok(()) => Ok(()),
                    // The thread has ended, and tells why.
                    Err(_) => self.finish().and_then(|_| Err(lost())),
                }
            }
        }
    }

    /// Ends the frame; returns the file.
    pub(super) fn finish(&mut self) -> io::Result<File> {
        match std::mem::replace(self, Self::Ended) {
            Self::Here(frame) => frame.0.finish(),
            Self::Beside(Beside { worker, ended, .. }) => {
                drop(worker);
                ended.recv().unwrap_or_else(|_| Err(lost()))
            }
            Self::Ended => Err(lost()),
        }
    }
}

fn lost() -> io::Error {
    io::Error::other("the thread that compresses has failed")
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Seek};

    use super::*;

    #[test]
    fn the_frame_is_the_same_with_and_without_a_thread() {
        let text: Vec<u8> = (0..3_000_000_u32).flat_map(|number| (number / 7).to_le_bytes()).collect();
        let mut frames = Vec::new();
        for size in [1000, 100_000] {
            for beside in [true, false] {
                let mut file = tempfile::tempfile().unwrap();
                let mut encoder = Encoder::new(file.try_clone().unwrap(), LEVEL).unwrap();
                encoder.include_checksum(true).unwrap();
                let mut compressor = if beside {
                    Compressor::new(file.try_clone().unwrap()).unwrap()
                } else {
                    Compressor::Here(Box::new(Frame(encoder)))
                };
                text.chunks(size).for_each(|piece| compressor.write(piece).unwrap());
                compressor.finish().unwrap();
                let mut frame = Vec::new();
                file.rewind().unwrap();
                file.read_to_end(&mut frame).unwrap();
                frames.push(frame);
            }
        }
        assert!(frames.iter().all(|frame| *frame == frames[0]));
        assert!(zstd::decode_all(&*frames[0]).unwrap() == text);
        // Whether the frame has a checksum stands in its fifth byte.
        assert_eq!(frames[0][4] & 4, 4);
    }

    #[test]
    fn that_the_disk_refuses_is_the_error_of_a_later_call() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        std::fs::write(&path, "").unwrap();
        // Open for reading alone, as a full disk would have it.
        let mut compressor = Compressor::new(File::open(&path).unwrap()).unwrap();
        let mut random = 1_u64;
        let piece: Vec<u8> = std::iter::repeat_with(|| {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (random >> 56) as u8
        })
        .take(1 << 20)
        .collect();
        let error = (0..20).find_map(|_| compressor.write(&piece).err()).unwrap();
        assert_eq!(error.raw_os_error(), Some(rustix::io::Errno::BADF.raw_os_error()), "{error}");
    }
}
