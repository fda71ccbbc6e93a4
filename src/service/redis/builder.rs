//! A collection on its way to the sink: elements come in as rows or as a blob, and go to the sorter
//! (`reading/redis.md#contents-of-each-type`).

use super::blob::{self, Element, StreamEntry};
use super::collection::{Collection, Slot};
use super::stream;
use super::write_plan::{Bounds, WritePlan};
use crate::error::Result;
use crate::keyspace::redis::{StreamId, sortable_seq};
use crate::snapshot::RowLocation;
use crate::time::Hlc;
use crate::tree::Sorter;

/// The collection at hand; its elements stand in the database's sorter.
#[derive(Debug)]
pub(super) struct CollectionBuilder {
    pub(super) key: Vec<u8>,
    pub(super) plan: WritePlan,
    /// Elements that came in as rows: each has a name of its own.
    pub(super) rows: u64,
    /// Bytes of the names and values of its elements so far.
    pub(super) bytes: u64,
    /// Commit time of its newest row so far, HLC.
    pub(super) commit_ts: Hlc,
    pub(super) findings: Findings,
}

/// What came up while elements were taken in.
#[derive(Debug, Default)]
pub(super) struct Findings {
    /// Elements that cannot be read or represented, and the first of them.
    pub(super) refused: u64,
    pub(super) first: Option<(String, Option<RowLocation>)>,
    /// Elements that no command reaches: outside a list's window, at or below a stream's trim cursor.
    pub(super) unreachable: u64,
    /// Stream entries whose stored ID is another number than their key's.
    pub(super) misnamed: u64,
    /// Where the blob stands that the elements are from.
    pub(super) blob: Option<RowLocation>,
    /// What a legacy stream held that the server discards.
    pub(super) discarded: Option<String>,
}

impl Findings {
    /// Counts an element that is left out.
    pub(super) fn refuse(&mut self, message: &impl ToString, place: Option<RowLocation>) {
        self.refused += 1;
        if self.first.is_none() {
            self.first = Some((message.to_string(), place));
        }
    }
}

/// Why a zset member is left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum ScoreError {
    #[error("the score has not 8 bytes")]
    Length,
    #[error("the score is not a number")]
    Nan,
}

/// Parses the value of a zset member row.
pub(super) fn parse_score(value: &[u8]) -> Result<f64, ScoreError> {
    let score = f64::from_be_bytes(value.try_into().map_err(|_| ScoreError::Length)?);
    if score.is_nan() { Err(ScoreError::Nan) } else { Ok(score) }
}

impl CollectionBuilder {
    pub(super) fn new(key: &[u8], plan: WritePlan) -> Self {
        Self {
            key: key.to_vec(),
            plan,
            rows: 0,
            bytes: 0,
            commit_ts: plan.commit_ts,
            findings: Findings::default(),
        }
    }

    /// Takes in an element row; without a sorter it is only counted.
    pub(super) fn add(
        &mut self,
        elements: Option<&mut Sorter>,
        slot: Slot<'_>,
        value: &[u8],
        place: RowLocation,
        commit_ts: Hlc,
    ) -> Result<()> {
        self.commit_ts = self.commit_ts.max(commit_ts);
        let (rows, bytes) = (&mut self.rows, &mut self.bytes);
        let push = |order: &[u8], value: &[u8]| {
            *rows += 1;
            let name = if let Slot::Name(name) = slot { name.len() } else { 0 };
            *bytes = bytes.saturating_add(length(name + value.len()));
            elements.map_or(Ok(()), |elements| elements.push(order, value))
        };
        match (slot, self.plan.bounds) {
            (Slot::Name(name), _) => match self.plan.collection {
                // What a member row holds does not matter.
                Collection::Set => push(name, b"")?,
                Collection::Zset => match parse_score(value) {
                    Ok(_) => push(name, value)?,
                    Err(error) => self.findings.refuse(&error, Some(place)),
                },
                _ => push(name, value)?,
            },
            (Slot::Seq(seq), Bounds::Window(from, to)) if (from..to).contains(&seq.into()) => {
                push(&sortable_seq(seq), value)?;
            }
            (Slot::Id(id), Bounds::Above { cursor, .. }) if cursor == StreamId::default() || id > cursor => {
                match StreamEntry::parse(value) {
                    Ok(entry) => {
                        self.findings.misnamed += u64::from(!stream::spells(entry.id, id));
                        push(&id.to_bytes(), entry.message)?;
                    }
                    Err(error) => self.findings.refuse(&error, Some(place)),
                }
            }
            _ => self.findings.unreachable += 1,
        }
        Ok(())
    }

    /// Takes in a legacy blob. After the inner error the sorter holds what came before it.
    pub(super) fn add_blob(
        &mut self,
        elements: &mut Sorter,
        value: &[u8],
        place: RowLocation,
        commit_ts: Hlc,
    ) -> Result<Result<(), blob::Error>> {
        self.commit_ts = self.commit_ts.max(commit_ts);
        self.findings.blob = Some(place);
        if self.plan.collection == Collection::Stream {
            self.findings.discarded = discarded_entries(value);
            return Ok(Ok(()));
        }
        let found = match blob::elements(self.plan.collection, value) {
            Ok(found) => found,
            Err(error) => return Ok(Err(error)),
        };
        for element in found {
            match element {
                Ok(Element::Field { name, value }) => elements.push(name.as_bytes(), value.as_bytes())?,
                Ok(Element::Member(member)) => elements.push(member.as_bytes(), b"")?,
                Ok(Element::Scored { member, score }) => {
                    elements.push(member.as_bytes(), &score.to_be_bytes())?;
                }
                Ok(Element::Entry) => {}
                Err(error) => return Ok(Err(error)),
            }
        }
        Ok(Ok(()))
    }
}

/// Returns the length of something that is in memory, bytes.
pub(super) fn length(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

/// Tells what a legacy stream held; `None` when it was empty.
fn discarded_entries(value: &[u8]) -> Option<String> {
    let count = blob::elements(Collection::Stream, value)
        .and_then(|mut entries| entries.try_fold(0_u64, |count, entry| entry.map(|_| count + 1)));
    match count {
        Ok(0) => None,
        Ok(count) => Some(format!("{count} entries of a legacy stream, which the server discards")),
        Err(error) => Some(format!("a legacy stream, which the server discards: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_score_is_a_number_of_eight_bytes() {
        assert_eq!(parse_score(&1.5_f64.to_be_bytes()), Ok(1.5));
        assert_eq!(parse_score(&f64::NEG_INFINITY.to_be_bytes()), Ok(f64::NEG_INFINITY));
        for nan in [0x7ff8_0000_0000_0001_u64, 0xfff8_0000_0000_0000, 0x7ff0_0000_0000_0001] {
            assert_eq!(parse_score(&nan.to_be_bytes()), Err(ScoreError::Nan));
        }
        assert_eq!(parse_score(b"1234567"), Err(ScoreError::Length));
        assert_eq!(parse_score(b"123456789"), Err(ScoreError::Length));
    }

    #[test]
    fn the_entries_of_a_legacy_stream_are_counted() {
        assert_eq!(discarded_entries(b""), None);
        assert_eq!(discarded_entries(b"\0RX\x01"), None);
        assert!(discarded_entries(b"\0RX\x01\x0a\x00\x0a\x00").is_some_and(|text| text.starts_with("2 ")));
        assert!(discarded_entries(b"\0RX").is_some());
        assert!(discarded_entries(b"\0RX\x01\x0a\x05").is_some());
    }
}
