//! Chunk references joined with the chunks that they name, in row order of the references (`format/s3.md#chunk-references`, `reading/s3.md#read-timestamp-and-shared-chunks`).
//!
//! Chunks come in the order of their digests and references in that of their objects: both meet by external
//! sorting, so that memory does not depend on the number of either.

use sha2::{Digest, Sha256};

use super::chunk_ref::ChunkRef;
use super::problem::{Class, Fault, RECORD, warn_bad_key};
use crate::cursor;
use crate::error::Result;
use crate::event::{Event, Warning};
use crate::keyspace::Family;
use crate::keyspace::s3::{ChunkKey, parse_digest};
use crate::service::Context;
use crate::snapshot::RowLocation;
use crate::tree::{Scratch, Sorted, Sorter};

/// Memory of each sorter, bytes.
const MEMORY: usize = 4 << 20;

/// The chunk that a reference names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Target {
    /// A sound version of the chunk: where it stands, and its length in bytes.
    Sound(RowLocation, u64),
    /// Every version there is fails its digest.
    Damaged,
    /// There is none, here.
    Missing,
}

impl Target {
    fn write(self, out: &mut Vec<u8>) {
        let (tag, place, length) = match self {
            Self::Sound(place, length) => (0, place, length),
            Self::Damaged => (1, RowLocation::new(0, 0), 0),
            Self::Missing => (2, RowLocation::new(0, 0), 0),
        };
        out.push(tag);
        out.extend_from_slice(&place.to_bytes());
        out.extend_from_slice(&length.to_be_bytes());
    }

    fn take(bytes: &mut &[u8]) -> Option<Self> {
        let tag = cursor::take_u8(bytes)?;
        let place = RowLocation::take(bytes)?;
        let length = cursor::take_u64_be(bytes)?;
        match tag {
            0 => Some(Self::Sound(place, length)),
            1 => Some(Self::Damaged),
            2 => Some(Self::Missing),
            _ => None,
        }
    }
}

/// A chunk reference and what it leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Reference {
    /// The reference; `None` when its value is invalid.
    pub value: Option<ChunkRef>,
    /// The chunk that it names.
    pub target: Target,
}

impl Reference {
    /// Returns where the chunk stands, if a live reader would accept it as `size` bytes.
    pub(super) fn chunk(&self, size: Option<u64>) -> Result<RowLocation, Fault> {
        let invalid = |message: String| Fault::new(Class::S3_INVALID_CHUNK_REF, message);
        let Some(value) = self.value else {
            return Err(invalid("a chunk reference does not parse".into()));
        };
        let digest = hex::encode(value.digest);
        match self.target {
            Target::Missing => {
                let message = format!("the chunk {digest} is not in this snapshot");
                Err(Fault::new(Class::S3_INCOMPLETE_CHUNKS, message))
            }
            Target::Damaged => {
                let message = format!("every version of the chunk {digest} is damaged");
                Err(Fault::new(Class::S3_CHUNKBLOB_HASH_MISMATCH, message))
            }
            Target::Sound(place, length) if length == value.size && Some(length) == size => Ok(place),
            Target::Sound(..) => {
                let message = format!("the length of the chunk {digest} is not what was declared");
                Err(invalid(message))
            }
        }
    }
}

/// Collects and joins all visible references.
#[derive(Debug)]
pub(super) struct References {
    joined: Sorter,
    /// The same once more, for the export of orphans, which comes when an object's references have gone by.
    again: Option<Sorter>,
}

impl References {
    /// Reads both families. Damaged chunks and rows whose keys do not parse are warned of.
    pub(super) fn collect(context: &mut Context<'_, '_>) -> Result<Self> {
        let scratch = context.scratch.clone();
        let again = context.options.include_orphans.then(|| Sorter::new(&scratch, MEMORY));
        let mut references = Self { joined: Sorter::new(&scratch, MEMORY), again };
        let mut chunks = Sorter::new(&scratch, MEMORY);
        collect_chunks(context, &mut chunks)?;
        if context.snapshot.stats(Family::S3ChunkRef).rows > 0 {
            let mut named = references.collect_named(context, &scratch)?;
            references.join(&mut named, &mut chunks)?;
        }
        Ok(references)
    }

    /// Returns the references sorted by digest; those that do not parse are entered at once.
    fn collect_named(&mut self, context: &mut Context<'_, '_>, scratch: &Scratch) -> Result<Sorter> {
        let mut named = Sorter::new(scratch, MEMORY);
        let mut value = Vec::new();
        let mut entries = context.snapshot.scan(Family::S3ChunkRef);
        while let Some(entry) = entries.next()? {
            let key =
                entry.key.strip_prefix(Family::S3ChunkRef.prefix()).ok_or_else(|| RECORD.at(entry.place))?;
            if ChunkKey::parse_rest(key).is_none() {
                warn_bad_key(context, Family::S3ChunkRef, entry.key);
                continue;
            }
            match ChunkRef::parse(entry.body) {
                None => self.push(key, &[])?,
                Some(reference) => {
                    value.clear();
                    value.extend_from_slice(&reference.size.to_be_bytes());
                    value.extend_from_slice(key);
                    named.push(&reference.digest, &value)?;
                }
            }
        }
        Ok(named)
    }

    fn join(&mut self, named: &mut Sorter, chunks: &mut Sorter) -> Result<()> {
        let mut chunks = chunks.sort()?;
        let mut chunk = Vec::new();
        let mut target = Target::Missing;
        let mut value = Vec::new();
        let mut named = named.sort()?;
        let mut ended = false;
        while let Some((digest, rest)) = named.next()? {
            while !ended && *chunk < *digest {
                match chunks.next()? {
                    None => ended = true,
                    Some((next, record)) => {
                        chunk.clear();
                        chunk.extend_from_slice(next);
                        target = Target::take(&mut &*record).ok_or_else(|| RECORD.at((next, record)))?;
                    }
                }
            }
            let (size, key) = rest.split_at_checked(8).ok_or_else(|| RECORD.at((digest, rest)))?;
            value.clear();
            value.extend_from_slice(digest);
            value.extend_from_slice(size);
            let found = !ended && *chunk == *digest;
            if found { target } else { Target::Missing }.write(&mut value);
            self.push(key, &value)?;
        }
        Ok(())
    }

    fn push(&mut self, key: &[u8], value: &[u8]) -> Result<()> {
        if let Some(again) = &mut self.again {
            again.push(key, value)?;
        }
        Ok(self.joined.push(key, value)?)
    }

    /// Lends the references in row order; with `--include-orphans` a second time.
    pub(super) fn walks(&mut self) -> Result<(Walk<'_>, Option<Walk<'_>>)> {
        let again = self.again.as_mut().map(Walk::new).transpose()?;
        Ok((Walk::new(&mut self.joined)?, again))
    }
}

/// Enters, for each digest, its newest sound version, or that there are damaged ones only (`reading/s3.md#read-timestamp-and-shared-chunks`).
fn collect_chunks(context: &mut Context<'_, '_>, chunks: &mut Sorter) -> Result<()> {
    let mut versions = context.snapshot.versions(Family::S3ChunkBlob);
    let mut key = Vec::new();
    let mut digest = None;
    let mut settled = true;
    let mut value = Vec::new();
    while let Some(version) = versions.next()? {
        let newest = version.key != key;
        if newest {
            enter_damaged(digest.filter(|_| !settled), chunks)?;
            key.clear();
            key.extend_from_slice(version.key);
            digest = parse_digest(version.key);
            // A newest version that deletes the chunk hides the older ones.
            settled = version.tombstone || digest.is_none();
            if digest.is_none() {
                warn_bad_key(context, Family::S3ChunkBlob, version.key);
            }
        }
        let readable = !settled && !version.tombstone && !version.encrypted;
        let Some(wanted) = digest.filter(|_| readable) else { continue };
        if Sha256::digest(version.body)[..] == wanted {
            settled = true;
            value.clear();
            let length = u64::try_from(version.body.len()).unwrap_or(u64::MAX);
            Target::Sound(version.place, length).write(&mut value);
            chunks.push(&wanted, &value)?;
        } else if newest {
            context.report.warn(
                Warning::new(Event::S3_CHUNKBLOB_CORRUPT)
                    .with("sha256", hex::encode(wanted))
                    .with("commit_ts", version.commit_ts),
            );
        }
    }
    enter_damaged(digest.filter(|_| !settled), chunks)
}

fn enter_damaged(digest: Option<[u8; 32]>, chunks: &mut Sorter) -> Result<()> {
    if let Some(digest) = digest {
        let mut value = Vec::new();
        Target::Damaged.write(&mut value);
        chunks.push(&digest, &value)?;
    }
    Ok(())
}

impl Reference {
    /// Reads the record of a joined reference: nothing where its row did not parse, else digest, size and target.
    fn from_record(mut record: &[u8]) -> Option<Self> {
        if record.is_empty() {
            return Some(Self { value: None, target: Target::Missing });
        }
        let digest = cursor::take_array(&mut record)?;
        let size = cursor::take_u64_be(&mut record)?;
        Some(Self { value: Some(ChunkRef { digest, size }), target: Target::take(&mut record)? })
    }
}

/// Walks the joined references beside the objects.
#[derive(Debug)]
pub(super) struct Walk<'s> {
    joined: Sorted<'s>,
    key: Vec<u8>,
    reference: Option<Reference>,
}

impl<'s> Walk<'s> {
    fn new(joined: &'s mut Sorter) -> Result<Self> {
        let mut walk = Self { joined: joined.sort()?, key: Vec::new(), reference: None };
        walk.advance()?;
        Ok(walk)
    }

    /// Moves to the first reference of an object, if it has any. Objects must be asked for in ascending order.
    pub(super) fn seek(&mut self, encoded: &[u8]) -> Result<()> {
        while self.current().is_some_and(|(key, _)| key < encoded) {
            self.advance()?;
        }
        Ok(())
    }

    /// Returns the current key, without its family's prefix, and the reference; `None` at the end.
    pub(super) fn current(&self) -> Option<(&[u8], Reference)> {
        self.reference.map(|reference| (&*self.key, reference))
    }

    /// Moves to the next reference.
    pub(super) fn advance(&mut self) -> Result<()> {
        self.reference = match self.joined.next()? {
            None => None,
            Some((key, value)) => {
                self.key.clear();
                self.key.extend_from_slice(key);
                Some(Reference::from_record(value).ok_or_else(|| RECORD.at((key, value)))?)
            }
        };
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLACE: RowLocation = RowLocation::new(1, 77);

    fn reference(size: u64, target: Target) -> Reference {
        Reference { value: Some(ChunkRef { digest: [1; 32], size }), target }
    }

    fn class(reference: Reference, size: u64) -> Class {
        reference.chunk(Some(size)).unwrap_err().class
    }

    #[test]
    fn targets_come_back_from_their_records() {
        for target in [Target::Sound(PLACE, 5), Target::Damaged, Target::Missing] {
            let mut out = Vec::new();
            target.write(&mut out);
            assert_eq!(Target::take(&mut &out[..]), Some(target));
        }
    }

    #[test]
    fn a_damaged_record_is_a_fault_of_the_program() {
        let internal =
            |result: Result<()>| matches!(result, Err(crate::Error::Internal(bug)) if bug.place().is_some());
        let scratch = Scratch::new(std::env::temp_dir());
        let sorter = |key: &[u8], value: &[u8]| {
            let mut sorter = Sorter::new(&scratch, MEMORY);
            sorter.push(key, value).unwrap();
            sorter
        };
        let mut references = References { joined: Sorter::new(&scratch, MEMORY), again: None };
        let short = references.join(&mut sorter(&[1; 32], b"short"), &mut Sorter::new(&scratch, MEMORY));
        assert!(internal(short));
        let named = [&5_u64.to_be_bytes()[..], b"key"].concat();
        for chunk in [&b""[..], &[3; 64]] {
            let joined = references.join(&mut sorter(&[1; 32], &named), &mut sorter(&[1; 32], chunk));
            assert!(internal(joined));
        }
        assert!(internal(Walk::new(&mut sorter(b"key", &[1; 40])).map(drop)));
    }

    #[test]
    fn a_joined_record_is_empty_or_whole() {
        assert!(Reference::from_record(b"").is_some_and(|reference| reference.value.is_none()));
        let mut record = [&[1; 32][..], &5_u64.to_be_bytes()].concat();
        Target::Sound(PLACE, 5).write(&mut record);
        let whole = Reference::from_record(&record).map(|reference| (reference.value, reference.target));
        assert_eq!(whole, Some((Some(ChunkRef { digest: [1; 32], size: 5 }), Target::Sound(PLACE, 5))));
        for cut in 1..record.len() {
            assert!(Reference::from_record(&record[..cut]).is_none(), "{cut}");
        }
    }

    #[test]
    fn a_chunk_counts_when_all_three_lengths_agree() {
        assert_eq!(reference(5, Target::Sound(PLACE, 5)).chunk(Some(5)), Ok(PLACE));
        assert_eq!(class(reference(5, Target::Sound(PLACE, 5)), 6), Class::S3_INVALID_CHUNK_REF);
        assert_eq!(class(reference(6, Target::Sound(PLACE, 5)), 6), Class::S3_INVALID_CHUNK_REF);
        assert_eq!(class(reference(6, Target::Sound(PLACE, 5)), 5), Class::S3_INVALID_CHUNK_REF);
    }

    #[test]
    fn a_missing_chunk_is_told_from_a_damaged_one() {
        assert_eq!(class(reference(5, Target::Missing), 5), Class::S3_INCOMPLETE_CHUNKS);
        assert_eq!(class(reference(5, Target::Damaged), 5), Class::S3_CHUNKBLOB_HASH_MISMATCH);
        let invalid = Reference { value: None, target: Target::Missing };
        assert_eq!(class(invalid, 5), Class::S3_INVALID_CHUNK_REF);
    }
}
