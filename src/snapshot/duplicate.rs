//! Finds the user keys that are in more than one input (`reading/groups.md#several-groups`).
//!
//! Groups own ranges of keys, so that the inputs of a cluster hardly overlap. The walk goes through all inputs side
//! by side and, where the next keys of one are all before those of the others, jumps over them by the sparse index:
//! it reads the seams. Where keys are mixed it reads every key once, without values.

use super::Result;
use super::claims::{Claim, Claims};
use super::entry::RowLocation;
use super::first_pass::user_key;
use super::input::Input;
use super::read_view::ReadView;
use super::scan::{KeyFilter, Scan, VersionMode};
use super::{Family, Snapshot};
use crate::bug::Bug;
use crate::container::{KEY_SUFFIX, Rows};

/// Rows of one input in a row after which a jump is tried.
const PATIENCE: u32 = 32;
/// Least jump that is worth a new read, bytes.
const JUMP: u64 = 128 << 10;

/// One input, at the row that comes next.
struct Walk<'s> {
    at: u16,
    input: &'s Input,
    scan: Scan<'s>,
    /// Rows that were passed since a jump was tried.
    passed: u32,
}

/// Finds all keys with several copies and claims each copy; tombstones too, which count where their group owns the
/// key.
pub(super) fn find(snapshot: &Snapshot, claims: &mut Claims) -> Result<()> {
    let filled = snapshot.numbered().filter(|(_, input)| input.catalog.start < input.catalog.end);
    let mut walks: Vec<Walk<'_>> = Vec::new();
    for (at, input) in filled {
        let rows = input.between(input.catalog.start, input.catalog.end);
        let mut walk = Walk { at, input, scan: scan(snapshot, input, rows), passed: 0 };
        if walk.scan.advance_to(VersionMode::Counting)? {
            walks.push(walk);
        }
    }
    // No row has a later timestamp, but for those of node-local chunks.
    let suffix = snapshot.latest.suffix();
    while walks.len() > 1 {
        let (first, second) = least_two(&walks).ok_or(GONE)?;
        claim(snapshot, &mut walks, first, claims)?;
        let due = walks.get(first).is_some_and(|walk| walk.passed + 1 >= PATIENCE);
        let target = walks.get(second).filter(|_| due);
        let target = target.map(|walk| jump_target(walk.scan.key(), suffix).to_vec());
        let walk = walks.get_mut(first).ok_or(GONE)?;
        if !walk.advance(snapshot, &target.unwrap_or_default())? {
            walks.remove(first);
        }
    }
    Ok(())
}

const GONE: Bug = Bug::new("an input is gone from the search for copies of keys");

fn scan<'s>(snapshot: &'s Snapshot, input: &'s Input, rows: Rows<'s>) -> Scan<'s> {
    Scan::new(input, rows, KeyFilter::Prefix(Vec::new()), snapshot.view, &snapshot.interrupt)
}

/// Returns the indexes of the walk whose row comes first, and of the one whose row comes next.
fn least_two(walks: &[Walk<'_>]) -> Option<(usize, usize)> {
    let key = |at: usize| walks.get(at).map(|walk| walk.scan.key());
    let mut least = if key(1)? < key(0)? { (1, 0) } else { (0, 1) };
    for at in 2..walks.len() {
        if key(at) < key(least.0) {
            least = (at, least.0);
        } else if key(at) < key(least.1) {
            least.1 = at;
        }
    }
    Some(least)
}

/// Returns an encoded key such that nothing before it has a user key with rows from it on.
fn jump_target(encoded: &[u8], suffix: [u8; KEY_SUFFIX]) -> &[u8] {
    let user = user_key(encoded);
    // A prefix of the key has rows before it only where what follows is as great as a timestamp can be.
    let cut = user.iter().position(|byte| suffix.first().is_none_or(|first| byte >= first));
    user.get(..cut.unwrap_or(user.len())).unwrap_or_default()
}

/// Claims the copies of the key of the row that comes first, if any other input has one.
fn claim(snapshot: &Snapshot, walks: &mut [Walk<'_>], first: usize, claims: &mut Claims) -> Result<()> {
    let key = walks.get(first).map(|walk| user_key(walk.scan.key())).ok_or(GONE)?;
    // Other copies are older and stand behind this one; everything in between begins with the key.
    let alike = |(at, walk): &(usize, &Walk<'_>)| *at != first && walk.scan.key().starts_with(key);
    if !walks.iter().enumerate().any(|other| alike(&other)) || is_exempt(Family::of(key)) {
        return Ok(());
    }
    let mut found = Vec::new();
    for (at, walk) in walks.iter().enumerate() {
        if at == first || user_key(walk.scan.key()) == key {
            found.push(walk.claim(snapshot.view));
        } else if alike(&(at, walk)) {
            let copy = walk.input.find(key, snapshot.view, &snapshot.interrupt)?;
            found.extend(copy.map(|(rows, head)| Claim {
                input: walk.at,
                commit_ts: head.commit_ts,
                place: RowLocation::at(walk.at, rows.position()),
                write: false,
                visible: snapshot.view.is_visible(&head),
            }));
        }
    }
    if found.len() > 1 && found.iter().any(|claim| claim.visible) {
        for claim in found {
            claims.push(key, claim)?;
        }
    }
    Ok(())
}

/// Whether several copies are nothing to decide about: records of transactions are looked up in all inputs, any valid
/// copy of a node-local chunk is as good as another.
fn is_exempt(family: Family) -> bool {
    matches!(
        family,
        Family::TxnLock | Family::TxnIntent | Family::TxnCommit | Family::TxnRollback | Family::S3ChunkBlob
    )
}

impl<'s> Walk<'s> {
    /// Goes to the next row, or further on where all rows before `target` are of no interest; `false` at the end.
    fn advance(&mut self, snapshot: &'s Snapshot, target: &[u8]) -> Result<bool> {
        if !self.scan.advance_to(VersionMode::Counting)? {
            return Ok(false);
        }
        self.passed += 1;
        if self.passed < PATIENCE {
            return Ok(true);
        }
        self.passed = 0;
        if !self.input.is_native() || self.scan.key() >= target {
            return Ok(true);
        }
        if self.scan.position().bytes_to(self.input.near(target)) < JUMP {
            return Ok(true);
        }
        self.scan = scan(snapshot, self.input, self.input.walk_from(target));
        loop {
            if !self.scan.advance_to(VersionMode::Counting)? {
                return Ok(false);
            }
            if self.scan.key() >= target {
                return Ok(true);
            }
        }
    }

    fn claim(&self, view: ReadView) -> Claim {
        let (head, position) = (self.scan.head(), self.scan.position());
        let visible = view.is_visible(&head);
        let place = RowLocation::at(self.at, position);
        Claim { input: self.at, commit_ts: head.commit_ts, place, write: false, visible }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_jump_lands_before_every_key_whose_rows_may_be_on_both_sides() {
        let suffix = (!(0x018f_2a33_f800_0000_u64)).to_be_bytes();
        let encoded = |key: &[u8]| [key, &[0xfe; 8]].concat();
        assert_eq!(jump_target(&encoded(b"!redis|str|a"), suffix), b"!redis|str|a");
        assert_eq!(jump_target(&encoded(b"a\xfe\x70b"), suffix), b"a");
        assert_eq!(jump_target(&encoded(b"a\xffb"), suffix), b"a");
        assert_eq!(jump_target(&encoded(b"a\xfdb"), suffix), b"a\xfdb");
        assert_eq!(jump_target(&encoded(b"a"), (!u64::MAX).to_be_bytes()), b"");
    }
}
