//! User keys for which more than one row speaks: stored copies in several inputs, and committed writes that were
//! not applied yet (`reading/transactions.md#deciding-without-a-server`, `reading/groups.md#several-groups`).
//!
//! In: claims in any order. Out: for each key the one that counts, as edits of an [`Overlay`], corrected counts and
//! warnings.

use serde_json::Value;

use super::Result;
use super::entry::{EntryBuf, RowLocation};
use super::overlay::{Edit, Overlay, OverlayBuilder};
use super::warnings::Capped;
use super::{Snapshot, shown};
use crate::bug::Bug;
use crate::codec::gojson::read::{self as gojson, Reader};
use crate::cursor;
use crate::event::{Event, Warning};
use crate::keyspace::{Family, fs};
use crate::limits;
use crate::sort::{Scratch, Sorter};
use crate::time::Hlc;

/// What an input has to say about a user key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Claim {
    /// Index of the input: of a write that of its lock, wherever the intent is.
    pub(super) input: u16,
    /// When it was committed, an HLC timestamp.
    pub(super) commit_ts: Hlc,
    /// The stored row, or the intent of a write.
    pub(super) place: RowLocation,
    /// Whether it is a committed write.
    pub(super) write: bool,
    /// Whether the key is there by it: no tombstone, not expired.
    pub(super) visible: bool,
}

impl Claim {
    const LEN: usize = 1 + 2 + 8 + RowLocation::LEN;

    fn to_bytes(self) -> [u8; Self::LEN] {
        let mut bytes = [0; Self::LEN];
        let flags = u8::from(self.write) | u8::from(self.visible) << 1;
        let numbers = self.input.to_be_bytes().into_iter().chain(self.commit_ts.0.to_be_bytes());
        let parts = std::iter::once(flags).chain(numbers).chain(self.place.to_bytes());
        for (byte, part) in bytes.iter_mut().zip(parts) {
            *byte = part;
        }
        bytes
    }

    fn from_bytes(mut bytes: &[u8]) -> Option<Self> {
        let flags = cursor::take_u8(&mut bytes)?;
        let input = cursor::take_u16_be(&mut bytes)?;
        let commit_ts = cursor::take_u64_be(&mut bytes)?;
        let place = RowLocation::from_bytes(bytes)?;
        Some(Self { input, commit_ts: Hlc(commit_ts), place, write: flags & 1 != 0, visible: flags & 2 != 0 })
    }
}

/// A record of the sorter is not as it was written.
const RECORD: Bug = Bug::new("a claim on a key does not read back");

/// Collects claims.
#[derive(Debug)]
pub(super) struct Claims {
    claims: Sorter,
    scratch: Scratch,
}

/// What comes of all claims.
#[derive(Debug, Default)]
pub(super) struct Settled {
    pub(super) overlay: Overlay,
    corrections: Vec<Correction>,
    duplicates: Capped,
}

/// How the counts of a family change.
#[derive(Clone, Copy, Debug, Default)]
struct Correction {
    /// Visible rows that do not count.
    hidden: u64,
    /// Writes that count, and those of them that delete.
    writes: u64,
    deletions: u64,
}

impl Claims {
    pub(super) fn new(scratch: &Scratch) -> Self {
        Self { claims: Sorter::new(scratch, limits::STORE_SORT), scratch: scratch.clone() }
    }

    pub(super) fn push(&mut self, user_key: &[u8], claim: Claim) -> Result<()> {
        Ok(self.claims.push(user_key, &claim.to_bytes())?)
    }

    /// Decides about all keys, in the order of user keys.
    pub(super) fn settle(mut self, snapshot: &Snapshot) -> Result<Settled> {
        let corrections = vec![Correction::default(); Family::COUNT];
        let mut settled = Settled { corrections, ..Settled::default() };
        let mut builder = OverlayBuilder::new(&self.scratch);
        let mut judge = Judge { snapshot, home: None };
        let (mut key, mut claims) = (Vec::new(), Vec::new());
        let mut sorted = self.claims.sort()?;
        while let Some((user_key, claim)) = sorted.next()? {
            if user_key != key {
                settled.decide(&mut judge, &key, &mut claims, &mut builder)?;
                key.clear();
                key.extend_from_slice(user_key);
            }
            claims.push(Claim::from_bytes(claim).ok_or_else(|| RECORD.at((user_key, claim)))?);
            snapshot.interrupt.check()?;
        }
        settled.decide(&mut judge, &key, &mut claims, &mut builder)?;
        settled.overlay = builder.finish()?;
        Ok(settled)
    }
}

impl Settled {
    /// Decides about one key, and forgets its claims.
    fn decide(
        &mut self,
        judge: &mut Judge<'_>,
        key: &[u8],
        claims: &mut Vec<Claim>,
        builder: &mut OverlayBuilder,
    ) -> Result<()> {
        claims.sort_unstable_by_key(|claim| (judge.snapshot.mode(claim.input), claim.write, claim.commit_ts));
        claims.dedup();
        let winner = judge.winner(key, claims);
        let family = Family::of(key);
        let mut correction = Correction::default();
        for claim in claims.iter().filter(|claim| claim.visible && !claim.write) {
            if winner != Some(*claim) {
                correction.hidden += 1;
                builder.push(key, claim.commit_ts, Edit::Hide(claim.place.index()))?;
            }
        }
        if let Some(write) = winner.filter(|winner| winner.write) {
            correction.writes += 1;
            correction.deletions += u64::from(!write.visible);
            if write.visible {
                builder.push(key, write.commit_ts, Edit::Put(write.place))?;
            }
        }
        if let Some(sum) = self.corrections.get_mut(family.index()) {
            sum.hidden += correction.hidden;
            sum.writes += correction.writes;
            sum.deletions += correction.deletions;
        }
        if let Some(groups) = judge.conflict(key, family, claims, winner)? {
            self.duplicates.push(|| {
                Warning::new(Event::DUPLICATE_KEY_ACROSS_GROUPS)
                    .with("key_hex", shown(key))
                    .with("groups", groups)
            });
        }
        claims.clear();
        Ok(())
    }

    /// Corrects the counts of the store and takes over what scans and reads need.
    pub(super) fn lay_over(self, snapshot: &mut Snapshot) {
        for family in Family::all() {
            let Some(correction) = self.corrections.get(family.index()) else { continue };
            if let Some(stats) = snapshot.stats.get_mut(family.index()) {
                let Correction { hidden, writes, deletions } = *correction;
                stats.rows += writes;
                stats.tombstones += deletions;
                stats.shadowed += hidden;
                stats.visible = (stats.visible + writes).saturating_sub(deletions + hidden);
            }
            if let Some(intents) = snapshot.stats.get_mut(Family::TxnIntent.index()) {
                intents.rows = intents.rows.saturating_sub(correction.writes);
                intents.visible = intents.visible.saturating_sub(correction.writes);
            }
        }
        self.duplicates.list(Event::DUPLICATE_KEY_ACROSS_GROUPS, &mut snapshot.warnings);
        snapshot.overlay = self.overlay;
    }
}

/// Decides between claims.
struct Judge<'s> {
    snapshot: &'s Snapshot,
    /// An inode and its home slot, as looked up last.
    home: Option<(u64, Option<u64>)>,
}

impl Judge<'_> {
    /// Returns the claim that counts: of the group that owns the key, else the newest (`reading/groups.md#several-groups`). `None`
    /// when the key is not there.
    fn winner(&self, key: &[u8], claims: &[Claim]) -> Option<Claim> {
        // A write is newer than what its own input has stored.
        let of_owner = |claim: &&Claim| self.owns(key, claim);
        if let Some(claim) = claims.iter().filter(of_owner).max_by_key(|claim| claim.write) {
            return Some(*claim).filter(|claim| claim.visible || claim.write);
        }
        let newest_stored = claims.iter().filter(|claim| !claim.write).map(|claim| claim.commit_ts).max();
        let counts = |claim: &&Claim| {
            if claim.write {
                newest_stored.is_none_or(|stored| stored <= claim.commit_ts)
            } else {
                claim.visible
            }
        };
        // Of equal ones the first: that of the lowest group.
        let newest = claims.iter().rev().filter(counts).max_by_key(|claim| (claim.commit_ts, claim.write));
        newest.copied()
    }

    fn owns(&self, key: &[u8], claim: &Claim) -> bool {
        let group = self.snapshot.group(claim.input);
        group.is_some() && group == self.snapshot.route_owner(key)
    }

    /// Returns the groups of the copies when the key is in more than one of them and that is worth a warning.
    fn conflict(
        &mut self,
        key: &[u8],
        family: Family,
        claims: &[Claim],
        winner: Option<Claim>,
    ) -> Result<Option<Vec<Value>>> {
        let owned = |claim: &Claim| claims.len() > 1 && self.owns(key, claim);
        let mut inputs: Vec<u16> = claims
            .iter()
            .filter(|claim| claim.visible || (winner.is_none_or(|winner| !winner.visible) && owned(claim)))
            .map(|claim| claim.input)
            .collect();
        inputs.dedup();
        if inputs.len() < 2 || !claims.iter().any(|claim| claim.visible) {
            return Ok(None);
        }
        if family == Family::FsChunk && !self.is_used(key)? {
            return Ok(None);
        }
        Ok(Some(inputs.into_iter().map(|input| self.snapshot.group(input).into()).collect()))
    }

    /// Whether a chunk is under the home slot that its inode names.
    fn is_used(&mut self, key: &[u8]) -> Result<bool> {
        let Some(chunk) = fs::chunk(key) else { return Ok(true) };
        let home = match self.home {
            Some((inode, home)) if inode == chunk.inode => home,
            _ => {
                let mut record = EntryBuf::default();
                let key = fs::inode_key(chunk.inode);
                let found = self.snapshot.find(&key, self.snapshot.view, &[], &mut record)?;
                let home = if found { home_slot(&record.body) } else { None };
                self.home = Some((chunk.inode, home));
                home
            }
        };
        Ok(home == Some(chunk.home_slot))
    }
}

/// Reads the home slot of an inode record.
fn home_slot(record: &[u8]) -> Option<u64> {
    let mut found = None;
    let read = Reader::new(record).members::<gojson::Error>(|name, value| {
        match name {
            "home_slot" => found = Some(value.integer()?),
            _ => _ = value.value()?,
        }
        Ok(())
    });
    read.ok().and(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::Error;

    #[test]
    fn a_claim_survives_as_bytes() {
        for flags in 0..4 {
            let claim = Claim {
                input: 5,
                commit_ts: Hlc(0x0102_0304_0506_0708),
                place: RowLocation::new(3, 1 << 40),
                write: flags & 1 != 0,
                visible: flags & 2 != 0,
            };
            assert_eq!(Claim::from_bytes(&claim.to_bytes()), Some(claim));
        }
        assert_eq!(Claim::from_bytes(&[0; Claim::LEN - 1]), None);
    }

    #[test]
    fn a_damaged_claim_is_a_fault_of_the_program() {
        let snapshot = Snapshot::open(Vec::new(), &crate::snapshot::SnapshotOptions::default()).unwrap();
        let mut claims = Claims::new(&Scratch::default());
        claims.claims.push(b"key", &[0; Claim::LEN - 1]).unwrap();
        assert!(matches!(claims.settle(&snapshot), Err(Error::Internal(bug)) if bug.place().is_some()));
    }

    #[test]
    fn a_home_slot_has_all_64_bits() {
        assert_eq!(home_slot(br#"{"inode":1,"home_slot":18446744073709551615}"#), Some(u64::MAX));
        assert_eq!(home_slot(b"{"), None);
    }
}
