//! What became of each lock's transaction, as far as the inputs tell (`reading/transactions.md#deciding-without-a-server`).
//!
//! Locks come in the order of their keys, the records of their transactions are in that of the primaries, and there
//! may be millions of both. So the locks are sorted by transaction, looked up in ascending order, and sorted back by
//! key: each step reads its families once, front to back, and memory does not grow.

use super::intent::{self, Intent};
use super::lookup::Lookup;
use super::scan::Locks;
use super::{InDoubt, Lock, corrupt};
use crate::bug::Bug;
use crate::cursor;
use crate::event::{Event, Warning};
use crate::keyspace::Family;
use crate::limits;
use crate::snapshot::Result;
use crate::snapshot::claims::{Claim, Claims};
use crate::snapshot::entry::RowLocation;
use crate::snapshot::input::Input;
use crate::snapshot::read_view::ReadView;
use crate::snapshot::warnings::Capped;
use crate::snapshot::{Snapshot, shown};
use crate::sort::{Scratch, Sorter};
use crate::time::Hlc;

/// What resolving a store's locks gave, but for the committed writes.
#[derive(Debug, Default)]
pub(in crate::snapshot) struct Resolved {
    pub(in crate::snapshot) undecided: Vec<InDoubt>,
    /// Undecided locks, those included that are not listed.
    pub(in crate::snapshot) undecided_count: u64,
    hidden: Capped,
    pending: Capped,
    unresolved: Capped,
}

/// The state of a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Committed {
        at: Hlc,
    },
    /// Rolled back, or committed behind the read timestamp: the stored version counts.
    Stored,
    InDoubt {
        pending: bool,
    },
}

/// A record of the sorters is not as it was written.
const RECORD: Bug = Bug::new("a record of a transaction's lock does not read back");

/// A lock between two sorts, without the key that it is sorted by.
struct Sorted<'a> {
    place: RowLocation,
    hidden: bool,
    start_ts: Hlc,
    state: State,
    /// The locked key, then the primary.
    other_key: &'a [u8],
}

/// Resolves all visible locks of a store. `records`: snapshots that are searched for commit and rollback records
/// only. Claims each write that was committed and not applied, and every stored copy of its key.
pub(in crate::snapshot) fn resolve(
    snapshot: &Snapshot,
    records: &[Input],
    scratch: &Scratch,
    claims: &mut Claims,
) -> Result<Resolved> {
    let mut by_transaction = Sorter::new(scratch, limits::STORE_SORT);
    for (at, input) in snapshot.numbered() {
        let mut locks = Locks::new(snapshot, at, input);
        while let Some((place, key, body, hidden)) = locks.next()? {
            let lock = Lock::parse(key, body).map_err(|kind| snapshot.error(place, kind))?;
            let locked = key.strip_prefix(Family::TxnLock.prefix()).ok_or_else(|| RECORD.at(place))?;
            let id = [lock.primary, &lock.start_ts.0.to_be_bytes()].concat();
            let (start_ts, state) = (lock.start_ts, State::Stored);
            let sorted = Sorted { place, hidden, start_ts, state, other_key: locked };
            by_transaction.push(&id, &sorted.to_bytes())?;
        }
    }
    let mut by_key = states(snapshot, records, scratch, &mut by_transaction)?;
    drop(by_transaction);
    writes(snapshot, &mut by_key, claims)
}

/// Looks all transactions up; returns the locks by key, without those whose transactions changed nothing.
fn states(
    snapshot: &Snapshot,
    records: &[Input],
    scratch: &Scratch,
    by_transaction: &mut Sorter,
) -> Result<Sorter> {
    let mut by_key = Sorter::new(scratch, limits::STORE_SORT);
    let mut lookups = Transactions::new(snapshot, records);
    let (mut id, mut state) = (Vec::new(), None);
    let mut sorted = by_transaction.sort()?;
    while let Some((transaction, lock)) = sorted.next()? {
        snapshot.interrupt.check()?;
        if state.is_none() || id != transaction {
            id.clear();
            id.extend_from_slice(transaction);
            state = Some(lookups.state(&id)?);
        }
        let broken = || RECORD.at((transaction, lock));
        let primary = cursor::split_last_u64_be(&id).map(|(primary, _)| primary).ok_or_else(broken)?;
        let lock = Sorted::parse(lock).ok_or_else(broken)?;
        if let Some(state) = state.filter(|state| *state != State::Stored) {
            by_key.push(lock.other_key, &Sorted { state, other_key: primary, ..lock }.to_bytes())?;
        }
    }
    drop(sorted);
    Ok(by_key)
}

/// Reads the records of transactions, in ascending order of (primary, start).
pub(super) struct Transactions<'s> {
    snapshot: &'s Snapshot,
    commits: Lookup<'s>,
    rollbacks: Lookup<'s>,
    locks: Lookup<'s>,
}

impl<'s> Transactions<'s> {
    /// Looks into the inputs of a store and then into `records`.
    pub(super) fn new(snapshot: &'s Snapshot, records: &'s [Input]) -> Self {
        Self {
            snapshot,
            commits: Lookup::new(snapshot, records),
            rollbacks: Lookup::new(snapshot, records),
            locks: Lookup::new(snapshot, &[]),
        }
    }

    /// Looks a transaction up, in the order of `reading/transactions.md#deciding-without-a-server`; `id` is its primary key and its start.
    pub(super) fn state(&mut self, id: &[u8]) -> Result<State> {
        let snapshot = self.snapshot;
        let key = [Family::TxnCommit.prefix(), id].concat();
        let mut committed = None;
        self.commits.each(&key, ReadView::END_OF_TIME, |row| {
            committed = Some(commit_ts(&key, row.body).map_err(|kind| row.error(kind))?);
            Ok(())
        })?;
        if let Some(at) = committed {
            return Ok(if at <= snapshot.read_ts() { State::Committed { at } } else { State::Stored });
        }
        let mut rolled_back = false;
        let key = [Family::TxnRollback.prefix(), id].concat();
        self.rollbacks.each(&key, ReadView::END_OF_TIME, |_| {
            rolled_back = true;
            Ok(())
        })?;
        let (primary, start_ts) = cursor::split_last_u64_be(id).ok_or_else(|| RECORD.at((id, &[][..])))?;
        if rolled_back {
            return Ok(State::Stored);
        }
        let mut pending = false;
        let key = [Family::TxnLock.prefix(), primary].concat();
        self.locks.each(&key, snapshot.view, |row| {
            pending |= Lock::parse(&key, row.body).is_ok_and(|lock| lock.start_ts == Hlc(start_ts));
            Ok(())
        })?;
        let group = snapshot.route_owner(primary).filter(|_| !pending);
        if group.is_some_and(|group| snapshot.infos.iter().any(|info| info.group() == Some(group))) {
            // The group of the primary is here and knows nothing of the transaction: it was given up.
            return Ok(State::Stored);
        }
        Ok(State::InDoubt { pending })
    }
}

/// Reads the value of a commit record.
fn commit_ts(user_key: &[u8], mut body: &[u8]) -> Result<Hlc, crate::container::ErrorKind> {
    const WHAT: &str = "transaction commit record";
    match cursor::take_u8(&mut body) {
        Some(1) => cursor::take_u64_be(&mut body).map(Hlc).ok_or_else(|| corrupt(WHAT, user_key)),
        Some(found) => {
            let what = "transaction commit record version";
            let found = found.into();
            Err(crate::container::ErrorKind::UnsupportedFormat { what, expected: "1", found })
        }
        None => Err(corrupt(WHAT, user_key)),
    }
}

/// Claims the writes of committed transactions, in the order of keys, and lists the locks that nothing decides.
fn writes(snapshot: &Snapshot, by_key: &mut Sorter, claims: &mut Claims) -> Result<Resolved> {
    let mut resolved = Resolved::default();
    let (mut intents, mut data) = (Lookup::new(snapshot, &[]), Lookup::new(snapshot, &[]));
    let mut sorted = by_key.sort()?;
    while let Some((key, lock)) = sorted.next()? {
        snapshot.interrupt.check()?;
        let lock = Sorted::parse(lock).ok_or_else(|| RECORD.at((key, lock)))?;
        match lock.state {
            State::Committed { at } => {
                if write(snapshot, &mut intents, &mut data, key, &lock, at, claims)? && lock.hidden {
                    resolved
                        .hidden
                        .push(|| warning(Event::TXN_HIDDEN_COMMIT, key, &lock).with("commit_ts", at));
                }
            }
            State::InDoubt { pending } => resolved.leave(key, &lock, pending),
            State::Stored => {}
        }
    }
    Ok(resolved)
}

/// Claims a committed write; `false` when there is nothing to do.
fn write(
    snapshot: &Snapshot,
    intents: &mut Lookup<'_>,
    data: &mut Lookup<'_>,
    key: &[u8],
    lock: &Sorted<'_>,
    at: Hlc,
    claims: &mut Claims,
) -> Result<bool> {
    let intent_key = [Family::TxnIntent.prefix(), key].concat();
    let (mut found, mut other) = (None, None);
    intents.each(&intent_key, snapshot.view, |row| {
        let intent = Intent::parse(&intent_key, row.body).map_err(|kind| row.error(kind))?;
        if intent.start_ts != lock.start_ts {
            other = other.or(Some(row.place));
        } else if found.is_none() || row.place.index() == lock.place.index() {
            found = Some((row.place, intent.value.is_some()));
        }
        Ok(())
    })?;
    let Some((place, visible)) = found else {
        return match other {
            Some(place) => Err(snapshot.error(place, corrupt(intent::WHAT, &intent_key)).into()),
            None => Ok(false),
        };
    };
    let mut stored = Vec::new();
    data.each_version(key, snapshot.view, |place, head| {
        let visible = snapshot.view.is_visible(&head);
        stored.push(Claim { input: place.index(), commit_ts: head.commit_ts, place, write: false, visible });
    })?;
    // The write belongs to the group of its lock, wherever the intent was found.
    let input = lock.place.index();
    let owner = snapshot.route_owner(key);
    let by_owner = owner.is_some() && snapshot.group(input) == owner;
    // Any newer version of the key wins, a tombstone too.
    let newer = |claim: &Claim| claim.commit_ts > at && (!by_owner || claim.place.index() == input);
    if stored.iter().any(newer) {
        return Ok(false);
    }
    for claim in stored {
        claims.push(key, claim)?;
    }
    claims.push(key, Claim { input, commit_ts: at, place: place.of_write(), write: true, visible })?;
    Ok(true)
}

impl Resolved {
    fn leave(&mut self, key: &[u8], lock: &Sorted<'_>, pending: bool) {
        self.undecided_count += 1;
        if self.undecided_count <= limits::TXN_UNDECIDED {
            let (key, primary) = (key.to_vec(), lock.other_key.to_vec());
            self.undecided.push(InDoubt { key, primary, start_ts: lock.start_ts, pending });
        }
        let (event, warnings) = if pending {
            (Event::TXN_PENDING, &mut self.pending)
        } else {
            (Event::TXN_UNRESOLVED, &mut self.unresolved)
        };
        warnings.push(|| warning(event, key, lock));
    }

    /// Lists the warnings, in the order of keys for each event.
    pub(in crate::snapshot) fn warnings(&self) -> Vec<Warning> {
        let mut all = Vec::new();
        self.hidden.list(Event::TXN_HIDDEN_COMMIT, &mut all);
        self.pending.list(Event::TXN_PENDING, &mut all);
        self.unresolved.list(Event::TXN_UNRESOLVED, &mut all);
        all
    }
}

/// `lock` is sorted by key: its other key is the primary.
fn warning(event: Event, key: &[u8], lock: &Sorted<'_>) -> Warning {
    Warning::new(event)
        .with("key_hex", shown(key))
        .with("primary_hex", shown(lock.other_key))
        .with("start_ts", lock.start_ts)
}

impl<'a> Sorted<'a> {
    fn to_bytes(&self) -> Vec<u8> {
        let (kind, at) = match self.state {
            State::Stored => (0, Hlc::ZERO),
            State::Committed { at } => (1, at),
            State::InDoubt { pending: false } => (2, Hlc::ZERO),
            State::InDoubt { pending: true } => (3, Hlc::ZERO),
        };
        let mut bytes = vec![kind, u8::from(self.hidden)];
        bytes.extend_from_slice(&self.place.to_bytes());
        bytes.extend_from_slice(&self.start_ts.0.to_be_bytes());
        bytes.extend_from_slice(&at.0.to_be_bytes());
        bytes.extend_from_slice(self.other_key);
        bytes
    }

    fn parse(mut bytes: &'a [u8]) -> Option<Self> {
        let rest = &mut bytes;
        let (kind, hidden) = (cursor::take_u8(rest)?, cursor::take_u8(rest)? != 0);
        let place = RowLocation::take(rest)?;
        let start_ts = cursor::take_u64_be(rest).map(Hlc)?;
        let at = cursor::take_u64_be(rest)?;
        let state = match kind {
            0 => State::Stored,
            1 => State::Committed { at: Hlc(at) },
            _ => State::InDoubt { pending: kind == 3 },
        };
        Some(Self { place, hidden, start_ts, state, other_key: bytes })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::Error;

    #[test]
    fn a_lock_survives_a_sort() {
        for (state, hidden) in [
            (State::Stored, true),
            (State::Committed { at: Hlc(1 << 60) }, false),
            (State::InDoubt { pending: true }, true),
            (State::InDoubt { pending: false }, false),
        ] {
            let place = RowLocation::new(7, 1 << 40);
            let lock = Sorted { place, hidden, start_ts: Hlc(5), state, other_key: b"key" };
            let bytes = lock.to_bytes();
            let read = Sorted::parse(&bytes).unwrap();
            assert_eq!((read.place, read.hidden, read.start_ts, read.state), (place, hidden, Hlc(5), state));
            assert_eq!(read.other_key, b"key");
            assert!(Sorted::parse(&bytes[..20]).is_none());
        }
    }

    #[test]
    fn a_damaged_record_is_a_fault_of_the_program() {
        let snapshot = Snapshot::open(Vec::new(), &crate::snapshot::SnapshotOptions::default()).unwrap();
        let scratch = Scratch::default();
        let place = RowLocation::new(0, 1);
        let sound =
            Sorted { place, hidden: false, start_ts: Hlc(5), state: State::Stored, other_key: b"key" };
        for (id, lock) in [(&b"primary\0\0\0\0\0\0\0\x05"[..], &[0; 20][..]), (b"short", &sound.to_bytes())] {
            let mut sorter = Sorter::new(&scratch, limits::STORE_SORT);
            sorter.push(id, lock).unwrap();
            assert!(
                matches!(states(&snapshot, &[], &scratch, &mut sorter), Err(Error::Internal(bug)) if bug.place().is_some())
            );
        }
        let mut sorter = Sorter::new(&scratch, limits::STORE_SORT);
        sorter.push(b"key", &[0; 20]).unwrap();
        let written = writes(&snapshot, &mut sorter, &mut Claims::new(&scratch));
        assert!(matches!(written, Err(Error::Internal(bug)) if bug.place().is_some()));
    }
}
