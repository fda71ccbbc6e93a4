//! Files of bounded size in one folder: `part-00000`, `part-00001`, …, each of whole lines, compressed.

use std::io::{self, Write};

use flate2::Compression;
use flate2::write::GzEncoder;
use md5::{Digest, Md5};
use zstd::bulk::Compressor;
use zstd::zstd_safe::{CParameter, compress_bound};

use crate::error::{Error, Result};
use crate::layout::output::Output;
use crate::tree::{Tree, TreeFile};

/// Bytes that are collected before they are compressed with gzip, and compressed ones before they are written.
const BUFFER: usize = 64 << 10;
/// Bytes that are collected for a frame of zstd: as many as its first level looks back at, so that frames of their own cost
/// next to nothing, and are compressed where they stand. A stream copies them, and looks into two places for each match.
const FRAME: usize = 512 << 10;
/// The level of zstd: `docs/performance.md#exports` has what it and others cost.
const LEVEL: i32 = -3;

/// How parts are compressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Packing {
    /// gzip, which everything reads.
    Gzip,
    /// zstd, several times as fast.
    #[default]
    Zstd,
}

/// Writes lines into one part after the other.
pub(super) struct Parts {
    /// What stands before the number of a part, and what behind it.
    front: Vec<u8>,
    suffix: String,
    packing: Packing,
    limit: u64,
    buffer: Vec<u8>,
    open: Option<Part>,
    done: Vec<Done>,
}

struct Part {
    path: Vec<u8>,
    file: TreeFile,
    encoder: Packer,
    /// Where somebody asks for it.
    md5: Option<Md5>,
    bytes: u64,
    lines: u64,
}

enum Packer {
    Gzip(GzEncoder<Vec<u8>>),
    Zstd(Compressor<'static>, Vec<u8>),
}

/// A part that is complete.
pub(super) struct Done {
    /// Its path in the tree.
    pub path: Vec<u8>,
    /// Lines in it.
    pub lines: u64,
    /// MD5 of its bytes, as they stand on the disk; of a part compressed with zstd, of which nobody asks it, none.
    pub md5: Option<[u8; 16]>,
}

/// A line that is being written.
pub(super) struct Line<'p> {
    buffer: &'p mut Vec<u8>,
    part: &'p mut Part,
}

/// Returns what stands before the numbers of the parts in a folder.
pub(super) fn front(folder: &[u8]) -> Vec<u8> {
    [folder, b"/part-"].concat()
}

/// Returns the path of a part.
pub(super) fn path(front: &[u8], number: usize, suffix: &str) -> Vec<u8> {
    [front, format!("{number:05}{suffix}").as_bytes()].concat()
}

impl Parts {
    /// Begins with no part; each is cut before the line with which it would have more than `limit` bytes. `kind` stands
    /// before the suffix of the packing.
    pub(super) fn new(folder: &[u8], kind: &str, packing: Packing, limit: u64) -> Self {
        Self {
            front: front(folder),
            suffix: format!("{kind}{}", packing.suffix()),
            packing,
            limit,
            buffer: Vec::new(),
            open: None,
            done: Vec::new(),
        }
    }

    /// Appends a line, whose newline is there.
    pub(super) fn line(&mut self, tree: &mut Tree, line: &[u8]) -> Result<()> {
        let mut out = self.begin(tree, line.len())?;
        out.buffer().extend_from_slice(line);
        out.end()
    }

    /// Begins a line of about `length` bytes.
    pub(super) fn begin(&mut self, tree: &mut Tree, length: usize) -> Result<Line<'_>> {
        let waiting = u64::try_from(self.buffer.len().saturating_add(length)).unwrap_or(u64::MAX);
        if self.open.as_ref().is_some_and(|part| part.bytes.saturating_add(waiting) > self.limit) {
            self.end(tree)?;
        }
        let part = match &mut self.open {
            Some(part) => part,
            slot @ None => {
                let path = path(&self.front, self.done.len(), &self.suffix);
                let encoder = Packer::new(self.packing).map_err(Error::Output)?;
                let file = tree.file(&path)?;
                let md5 = (self.packing == Packing::Gzip).then(Md5::new);
                slot.insert(Part { path, file, encoder, md5, bytes: 0, lines: 0 })
            }
        };
        Ok(Line { buffer: &mut self.buffer, part })
    }

    /// Ends the last part; returns all of them.
    pub(super) fn finish(mut self, tree: &mut Tree) -> Result<Vec<Done>> {
        self.end(tree)?;
        Ok(self.done)
    }

    fn end(&mut self, tree: &mut Tree) -> Result<()> {
        let Some(mut part) = self.open.take() else { return Ok(()) };
        part.pack(&mut self.buffer)?;
        part.encoder.finish().map_err(Error::Output)?;
        part.pass_on()?;
        let Part { path, file, md5, lines, .. } = part;
        file.finish(tree)?;
        self.done.push(Done { path, lines, md5: md5.map(|md5| md5.finalize().into()) });
        Ok(())
    }
}

impl Output for Line<'_> {
    fn buffer(&mut self) -> &mut Vec<u8> {
        self.buffer
    }

    fn flush_if_full(&mut self) -> Result<()> {
        if self.buffer.len() < self.part.encoder.room() { Ok(()) } else { self.part.pack(self.buffer) }
    }
}

impl Line<'_> {
    /// Ends the line, whose newline is there.
    pub(super) fn end(mut self) -> Result<()> {
        self.part.lines += 1;
        self.flush_if_full()
    }
}

impl Part {
    /// Compresses what was collected, and gives the room of a large value back.
    fn pack(&mut self, buffer: &mut Vec<u8>) -> Result<()> {
        if buffer.is_empty() {
            return Ok(());
        }
        let is_full = self.encoder.write(buffer).map_err(Error::Output)?;
        self.bytes = self.bytes.saturating_add(u64::try_from(buffer.len()).unwrap_or(u64::MAX));
        buffer.clear();
        buffer.shrink_to(2 * FRAME);
        if is_full { self.pass_on() } else { Ok(()) }
    }

    fn pass_on(&mut self) -> Result<()> {
        let packed = self.encoder.packed();
        if let Some(md5) = &mut self.md5 {
            md5.update(&packed);
        }
        self.file.write(packed)?;
        packed.clear();
        Ok(())
    }
}

impl Packing {
    fn suffix(self) -> &'static str {
        match self {
            Self::Gzip => ".gz",
            Self::Zstd => ".zst",
        }
    }
}

impl Packer {
    fn new(packing: Packing) -> io::Result<Self> {
        Ok(match packing {
            Packing::Gzip => Self::Gzip(GzEncoder::new(Vec::with_capacity(2 * BUFFER), Compression::fast())),
            Packing::Zstd => {
                let mut encoder = Compressor::new(LEVEL)?;
                encoder.set_parameter(CParameter::ChecksumFlag(true))?;
                Self::Zstd(encoder, Vec::new())
            }
        })
    }

    /// Bytes that are compressed at a time.
    fn room(&self) -> usize {
        match self {
            Self::Gzip(_) => BUFFER,
            Self::Zstd(..) => FRAME,
        }
    }

    /// Compresses bytes; returns whether what waits is to be taken.
    fn write(&mut self, bytes: &[u8]) -> io::Result<bool> {
        match self {
            Self::Gzip(encoder) => {
                encoder.write_all(bytes)?;
                Ok(encoder.get_ref().len() >= BUFFER)
            }
            Self::Zstd(encoder, out) => {
                out.reserve(compress_bound(bytes.len()));
                encoder.compress_to_buffer(bytes, out)?;
                Ok(true)
            }
        }
    }

    fn finish(&mut self) -> io::Result<()> {
        match self {
            Self::Gzip(encoder) => encoder.try_finish(),
            Self::Zstd(..) => Ok(()),
        }
    }

    /// Returns what was compressed and not taken yet.
    fn packed(&mut self) -> &mut Vec<u8> {
        match self {
            Self::Gzip(encoder) => encoder.get_mut(),
            Self::Zstd(_, out) => out,
        }
    }
}
