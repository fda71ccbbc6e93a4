//! Objects whose path is not their key, sorted like the rows of the snapshot.

use super::Rules;
use crate::error::Result;
use crate::keyspace::s3::Segment;
use crate::layout::s3::problem::{Class, Fault, RECORD};
use crate::tree::keymap::Kind;
use crate::tree::{OwnedSorted, Scratch, Sorter};

/// Where an object goes that does not stand at its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Placement {
    /// At another path of its bucket, with a KEYMAP record of this kind.
    At(Vec<u8>, Kind),
    /// Nowhere.
    Failed(Fault),
}

const KINDS: [Kind; 3] = [Kind::ShaFallback, Kind::S3LeafData, Kind::MetaSuffixRename];

/// Collects placements in any order.
#[derive(Debug)]
pub(crate) struct PlacementsSorter {
    records: Sorter,
    key: Vec<u8>,
    value: Vec<u8>,
}

impl PlacementsSorter {
    /// Returns an empty collection that holds at most about `memory` bytes.
    pub(crate) fn new(scratch: &Scratch, memory: usize) -> Self {
        Self { records: Sorter::new(scratch, memory), key: Vec::new(), value: Vec::new() }
    }

    /// Adds the placement of an object. A failure counts before a path, whichever comes first.
    pub(crate) fn push(
        &mut self,
        bucket: &[u8],
        generation: u64,
        object: &[u8],
        placement: &Placement,
    ) -> Result<()> {
        set_key(&mut self.key, bucket, generation, object);
        self.value.clear();
        match placement {
            Placement::Failed(fault) => {
                self.value.push(0);
                self.value.extend_from_slice(fault.class.name().as_bytes());
                self.value.push(0);
                self.value.extend_from_slice(fault.message.as_bytes());
            }
            Placement::At(path, kind) => {
                let (_, tag) = KINDS.iter().zip(1..).find(|(known, _)| *known == kind).ok_or(RECORD)?;
                self.value.push(tag);
                self.value.extend_from_slice(path);
            }
        }
        Ok(self.records.push(&self.key, &self.value)?)
    }

    /// Sorts the placements.
    pub(crate) fn sort(self) -> Result<Placements> {
        let records = self.records.into_sorted()?;
        let mut placements = Placements { records, asked: self.key, key: Vec::new(), next: None };
        placements.advance()?;
        Ok(placements)
    }
}

/// Writes the key of an object's record: objects sort like their rows.
fn set_key(out: &mut Vec<u8>, bucket: &[u8], generation: u64, object: &[u8]) {
    out.clear();
    Segment::write(out, bucket);
    out.extend_from_slice(&generation.to_be_bytes());
    Segment::write(out, object);
}

/// Hands placements to a caller that walks all objects in row order.
#[derive(Debug)]
pub(crate) struct Placements {
    records: OwnedSorted,
    asked: Vec<u8>,
    key: Vec<u8>,
    next: Option<Placement>,
}

impl Placements {
    /// Returns the placement of an object, `None` when it stands at its key. Objects must be asked for in the order of
    /// their rows; some may be left out.
    pub(crate) fn of(&mut self, bucket: &[u8], generation: u64, object: &[u8]) -> Result<Option<Placement>> {
        if self.next.is_none() {
            return Ok(None);
        }
        set_key(&mut self.asked, bucket, generation, object);
        while self.next.is_some() && self.key < self.asked {
            self.advance()?;
        }
        let mut found = None;
        while self.next.is_some() && self.key == self.asked {
            if !matches!(found, Some(Placement::Failed(_))) {
                found = self.next.take();
            }
            self.advance()?;
        }
        Ok(found)
    }

    fn advance(&mut self) -> Result<()> {
        self.next = None;
        if let Some((key, value)) = self.records.next()? {
            self.key.clear();
            self.key.extend_from_slice(key);
            self.next = Some(parse(value).ok_or_else(|| RECORD.at((key, value)))?);
        }
        Ok(())
    }
}

fn parse(value: &[u8]) -> Option<Placement> {
    let (&tag, rest) = value.split_first()?;
    let Some(kind) = tag.checked_sub(1) else {
        let mut parts = rest.splitn(2, |&byte| byte == 0);
        let class = Class::named(parts.next()?)?;
        return Some(Placement::Failed(Fault::new(class, String::from_utf8_lossy(parts.next()?))));
    };
    Some(Placement::At(rest.to_vec(), *KINDS.get(usize::from(kind))?))
}

/// What planning a bucket has found out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Findings {
    /// Some object is renamed: the bucket has KEYMAP records.
    pub renamed: bool,
    /// Some object fails.
    pub failed: bool,
}

/// Where the planner's decisions go: first only what they amount to, then each of them.
pub(super) struct Decisions<'a> {
    pub(super) rules: Rules,
    pub(super) bucket: &'a [u8],
    pub(super) generation: u64,
    pub(super) found: Findings,
    pub(super) sink: Option<&'a mut PlacementsSorter>,
}

impl Decisions<'_> {
    /// Records the placement of one object.
    pub(super) fn push(&mut self, object: &[u8], placement: &Placement) -> Result<()> {
        match placement {
            Placement::At(..) => self.found.renamed = true,
            Placement::Failed(_) => self.found.failed = true,
        }
        match &mut self.sink {
            Some(sink) => sink.push(self.bucket, self.generation, object, placement),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;

    fn sorter() -> PlacementsSorter {
        PlacementsSorter::new(&Scratch::new(std::env::temp_dir()), 1 << 16)
    }

    #[test]
    fn placements_come_back_from_their_records() {
        let fault = Fault::new(Class::S3_PATH_TOO_LONG, "too long\0twice");
        let failed = Placement::Failed(fault);
        let placed = KINDS.map(|kind| Placement::At(b"a/b".to_vec(), kind));
        for placement in placed.iter().chain([&failed]) {
            let mut sorter = sorter();
            sorter.push(b"b", 1, b"o", placement).unwrap();
            assert_eq!(sorter.sort().unwrap().of(b"b", 1, b"o").unwrap().as_ref(), Some(placement));
        }
    }

    #[test]
    fn a_damaged_record_is_a_fault_of_the_program() {
        for value in [&b""[..], b"\x04path", b"\0S3_OTHER\0message", b"\0S3_CORRUPT_OBJECT"] {
            let mut sorter = sorter();
            sorter.records.push(b"key", value).unwrap();
            assert!(matches!(sorter.sort(), Err(Error::Internal(bug)) if bug.place().is_some()), "{value:?}");
        }
    }
}
