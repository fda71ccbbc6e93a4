//! Sorted rows to the payload that a node restores, or to one a Raft group (`encoding.md#the-payload`).

use std::sync::mpsc::Receiver;

use sha2::Digest;

use super::Bodies;
use super::bodies::{Place, Spool};
use super::fingerprint::{Copied, Known, LONG};
use super::rows::{Body, Record};
use crate::bug::Bug;
use crate::error::{Error, Result};
use crate::sort::OwnedSorted;
use crate::time::Hlc;
use crate::tree::{FileHash, Hashed, Hashing};

/// What the payload begins with.
const MAGIC: &[u8; 8] = b"EKVPBBL1";
/// Value header of a row that is no tombstone, not encrypted and never expires.
const HEADER: [u8; 9] = [0; 9];
/// Bytes that are collected for a payload, and of a body in a file that are read at once.
const COPY: usize = 256 << 10;

const NO_OUTPUT: Bug = Bug::new("a row of a payload that is not there");
const BAD_RECORD: Bug = Bug::new("a sorted row does not read back");

/// The rows, sorted, each once.
#[derive(Debug)]
pub struct Payload {
    rows: OwnedSorted,
    spool: Spool,
    abandoned: Vec<u64>,
    commit_ts: Hlc,
}

/// Where rows go.
pub trait Outputs {
    /// Returns the number of payloads.
    fn count(&self) -> usize {
        1
    }

    /// Returns which payload takes the row of a user key.
    fn place(&mut self, _user_key: &[u8]) -> Result<usize> {
        Ok(0)
    }

    /// Appends to a payload.
    fn write(&mut self, output: usize, bytes: &[u8]) -> Result<()>;
}

/// What was written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// Number of rows.
    pub rows: u64,
    /// Length of the payload, bytes.
    pub bytes: u64,
    /// SHA-256 of the payload.
    pub sha256: [u8; 32],
}

/// The row that waits for whether an equal one follows.
#[derive(Debug, Default)]
struct Waiting {
    key: Vec<u8>,
    record: Vec<u8>,
    object: u64,
    rank: Option<i64>,
    is_there: bool,
}

impl Payload {
    pub(super) fn new((rows, spool): (OwnedSorted, Spool), abandoned: Vec<u64>, commit_ts: Hlc) -> Self {
        Self { rows, spool, abandoned, commit_ts }
    }

    /// Writes the rows to payloads, in the order of their keys; bodies that are files of a dump are read through `bodies`.
    /// Returns what was written to each, and what its long bodies are known by.
    pub fn write(
        mut self,
        bodies: &mut dyn Bodies,
        outputs: &mut dyn Outputs,
    ) -> Result<(Vec<Written>, Known)> {
        let streams = (0..outputs.count()).map(|_| Stream::default()).collect();
        let (hashing, hashed) = Hashing::new();
        let copied = Copied::new(self.spool.scratch());
        let mut writer = Writer { outputs, bodies, spool: self.spool, copied, hashing, streams, at: 0 };
        for at in 0..writer.streams.len() {
            writer.at = at;
            writer.bytes(MAGIC)?;
            writer.bytes(&self.commit_ts.0.to_le_bytes())?;
        }
        let mut waiting = Waiting::default();
        while let Some((key, value)) = self.rows.next()? {
            let bad = || BAD_RECORD.at((key, value));
            let Record { object, rank, .. } = Record::parse(value).ok_or_else(bad)?;
            if self.abandoned.binary_search(&object).is_ok() {
                continue;
            }
            if waiting.is_there && waiting.key == key {
                match (waiting.rank, rank) {
                    (Some(best), Some(rank)) if rank <= best => continue,
                    (Some(_), Some(_)) => {}
                    _ => {
                        let key = user_key(key).to_vec();
                        let objects = [waiting.object, object];
                        return Err(Error::Duplicate { key, objects, names: Vec::new() });
                    }
                }
            } else {
                writer.waiting(&waiting)?;
                waiting.key.clear();
                waiting.key.extend_from_slice(key);
            }
            waiting.record.clear();
            waiting.record.extend_from_slice(value);
            (waiting.object, waiting.rank, waiting.is_there) = (object, rank, true);
        }
        writer.waiting(&waiting)?;
        writer.finish(&hashed)
    }
}

/// Returns an encoded key without its timestamp.
fn user_key(key: &[u8]) -> &[u8] {
    key.get(..key.len().saturating_sub(8)).unwrap_or_default()
}

struct Writer<'w> {
    outputs: &'w mut dyn Outputs,
    bodies: &'w mut dyn Bodies,
    spool: Spool,
    copied: Copied,
    hashing: Hashing,
    /// One an output.
    streams: Vec<Stream>,
    /// The output that takes what comes.
    at: usize,
}

/// One payload on its way.
#[derive(Default)]
struct Stream {
    hash: FileHash,
    written: Written,
    buffer: Vec<u8>,
}

impl Writer<'_> {
    fn waiting(&mut self, waiting: &Waiting) -> Result<()> {
        if !waiting.is_there {
            return Ok(());
        }
        let record = Record::parse(&waiting.record).ok_or(BAD_RECORD)?;
        self.at = self.outputs.place(user_key(&waiting.key))?;
        self.stream()?.written.rows += 1;
        self.length(waiting.key.len())?;
        self.bytes(&waiting.key)?;
        match record.body {
            Body::Here(body) => {
                self.length(HEADER.len() + body.len())?;
                self.bytes(&HEADER)?;
                self.bytes(body)
            }
            Body::At(place) => {
                self.bytes(&place.length.saturating_add(9).to_le_bytes())?;
                self.bytes(&HEADER)?;
                self.body(place)
            }
        }
    }

    fn body(&mut self, place: Place<'_>) -> Result<()> {
        if place.offset == 0 && place.length >= LONG && !place.path.is_empty() {
            self.copied.begin(place.path, &place.digest)?;
        }
        let mut buffer = Vec::new();
        let mut done = 0;
        while done < place.length {
            let next = usize::try_from(place.length - done).unwrap_or(COPY).min(COPY);
            buffer.resize(next, 0);
            let offset = place.offset.saturating_add(done);
            if place.path.is_empty() {
                self.spool.read(offset, &mut buffer)?;
            } else {
                self.bodies.read((place.path, &place.digest), offset, &mut buffer)?;
                self.copied.bytes(place.path, &buffer);
            }
            self.bytes(&buffer)?;
            done += u64::try_from(next).unwrap_or(u64::MAX);
        }
        Ok(())
    }

    fn length(&mut self, length: usize) -> Result<()> {
        self.bytes(&u64::try_from(length).unwrap_or(u64::MAX).to_le_bytes())
    }

    fn stream(&mut self) -> Result<&mut Stream> {
        Ok(self.streams.get_mut(self.at).ok_or(NO_OUTPUT)?)
    }

    /// Writes bytes: short ones are collected.
    fn bytes(&mut self, bytes: &[u8]) -> Result<()> {
        if self.stream()?.buffer.len() + bytes.len() > COPY {
            self.flush()?;
        }
        if bytes.len() >= COPY {
            return self.pass(bytes);
        }
        self.stream()?.buffer.extend_from_slice(bytes);
        Ok(())
    }

    fn flush(&mut self) -> Result<()> {
        let mut buffer = std::mem::take(&mut self.stream()?.buffer);
        self.pass(&buffer)?;
        buffer.clear();
        self.stream()?.buffer = buffer;
        Ok(())
    }

    fn pass(&mut self, bytes: &[u8]) -> Result<()> {
        let Stream { hash, written, .. } = self.streams.get_mut(self.at).ok_or(NO_OUTPUT)?;
        hash.update(bytes, &self.hashing);
        written.bytes += u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        self.outputs.write(self.at, bytes)
    }

    fn finish(mut self, hashed: &Receiver<Hashed>) -> Result<(Vec<Written>, Known)> {
        for at in 0..self.streams.len() {
            self.at = at;
            self.flush()?;
        }
        let mut all = Vec::new();
        for (at, Stream { hash, written, .. }) in self.streams.into_iter().enumerate() {
            match hash {
                FileHash::Here(hash) => all.push(Written { sha256: hash.finalize().into(), ..written }),
                FileHash::Beside(stream) => {
                    all.push(written);
                    stream.end(at.to_string().into_bytes());
                }
            }
        }
        self.hashing.close();
        for Hashed { path, digest, .. } in hashed {
            let at = String::from_utf8(path).ok().and_then(|at| at.parse::<usize>().ok());
            at.and_then(|at| all.get_mut(at)).ok_or(NO_OUTPUT)?.sha256 = digest;
        }
        // A thread that is gone has taken its digest along.
        if all.iter().any(|written| written.sha256 == [0; 32]) {
            return Err(NO_OUTPUT.into());
        }
        Ok((all, self.copied.finish()?))
    }
}
