//! Rows with their history: every key of the snapshot goes through here.

use std::io::{self, Write};

use super::random::Random;
use super::{Frame, Payload};
use crate::fixture::{BundleWriter, OPERATIONAL, Stream, encoded_key, encoded_value, hlc};

/// Time of the newest version, Unix ms.
pub const NOW_MS: u64 = 1_770_000_000_000;
/// Raft index of the snapshot.
const INDEX: u64 = 4_242;

/// A key of a family by its number; the first ones are deleted keys.
#[derive(Clone, Copy)]
pub struct Key {
    /// Position in the family, from 0.
    pub number: u64,
    deleted: bool,
}

impl std::fmt::Display for Key {
    /// Ten digits, so that names are in order and none is the beginning of another.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:010}", self.number)
    }
}

/// Writes keys in ascending order, each with its older versions.
pub struct Rows<W: Write> {
    file: Stream<W>,
    bundle: Option<BundleWriter>,
    versions: u64,
    deleted_percent: u64,
    /// Number of the first key, and from each to the next one.
    numbers: (u64, u64),
    /// Contents.
    pub random: Random,
}

impl<W: Write> Rows<W> {
    /// Begins a file.
    pub fn new(out: W, versions: u64, deleted_percent: u64, numbers: (u64, u64), seed: u64) -> Self {
        let (file, versions, random) = (Stream::new(out), versions.max(1), Random::new(seed));
        Self { file, bundle: None, versions, deleted_percent, numbers, random }
    }

    /// Writes the FSM header and the payload's head.
    pub fn begin(&mut self, frame: Frame, payload: Payload) -> io::Result<()> {
        match frame {
            Frame::V1 => self.file.header_v1(NOW_MS + 3_000)?,
            Frame::V2 => self.file.header_v2(NOW_MS + 3_000, 7, &[])?,
            Frame::None => {}
        }
        if payload == Payload::Sst {
            self.bundle = Some(BundleWriter::new(hlc(NOW_MS, 0))?);
            return Ok(());
        }
        self.file.native(hlc(NOW_MS, 0))
    }

    /// Returns the keys of a family: `count` that are there, after those that are deleted.
    pub fn numbers(&self, count: u64) -> impl Iterator<Item = Key> + use<W> {
        let deleted = count * self.deleted_percent / 100;
        let (first, stride) = self.numbers;
        (0..deleted + count)
            .map(move |number| Key { number: first + number * stride, deleted: number < deleted })
    }

    /// Writes a key with its older versions; of a deleted key, a tombstone over them.
    pub fn write(&mut self, key: &Key, user_key: &[u8], body: &[u8]) -> io::Result<()> {
        let newest = NOW_MS - key.number % 1_000;
        if key.deleted {
            self.tombstone(user_key, hlc(newest, 0))?;
        } else {
            self.put(user_key, hlc(newest, 0), body)?;
        }
        for age in 1..self.versions + u64::from(key.deleted) {
            self.put(user_key, hlc(newest - age * 1_000, 0), body)?;
        }
        Ok(())
    }

    /// Writes one version at a time of its own.
    pub fn put(&mut self, user_key: &[u8], ts: u64, body: &[u8]) -> io::Result<()> {
        match &mut self.bundle {
            Some(bundle) => bundle.record(&encoded_key(user_key, ts), &encoded_value(0, 0, body)),
            None => self.file.put(user_key, ts, body),
        }
    }

    fn tombstone(&mut self, user_key: &[u8], ts: u64) -> io::Result<()> {
        match &mut self.bundle {
            Some(bundle) => bundle.record(&encoded_key(user_key, ts), &encoded_value(1, 0, b"")),
            None => self.file.tombstone(user_key, ts),
        }
    }

    /// Writes a key that is there, without a number: metadata.
    pub fn write_one(&mut self, user_key: &[u8], body: &[u8]) -> io::Result<()> {
        self.write(&Key { number: 0, deleted: false }, user_key, body)
    }

    /// Writes the operational rows of a live node.
    pub fn operational(&mut self, frame: Frame) -> io::Result<()> {
        if frame == Frame::None {
            return Ok(());
        }
        let floor = hlc(NOW_MS - 1_800_000, 0);
        for (name, value) in OPERATIONAL.iter().zip([INDEX, hlc(NOW_MS, 0), floor]) {
            match &mut self.bundle {
                Some(bundle) => bundle.record(name.as_bytes(), &value.to_le_bytes())?,
                None => self.file.operational(name.as_bytes(), value)?,
            }
        }
        Ok(())
    }

    /// Writes the footer; returns the size of the file, bytes.
    pub fn finish(mut self, frame: Frame) -> io::Result<u64> {
        if let Some(bundle) = self.bundle.take() {
            bundle.finish(|bytes| self.file.bytes(bytes))?;
        }
        if frame != Frame::None {
            self.file.footer()?;
        }
        Ok(self.file.finish()?.0)
    }
}

/// Returns the bytes behind their length as be32.
pub fn counted(bytes: &[u8]) -> Vec<u8> {
    [&(bytes.len() as u32).to_be_bytes(), bytes].concat()
}

/// Returns the bytes with their terminator `00 01`; they hold no zero byte.
pub fn terminated(bytes: &[u8]) -> Vec<u8> {
    [bytes, &[0, 1]].concat()
}

/// Returns a protobuf field of wire type 2.
pub fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
    let mut out = vec![number << 3 | 2];
    let mut len = bytes.len();
    while len > 0x7f {
        out.push((len & 0x7f) as u8 | 0x80);
        len >>= 7;
    }
    out.push(len as u8);
    out.extend_from_slice(bytes);
    out
}
