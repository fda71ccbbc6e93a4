//! What became of each lock's transaction, as far as the inputs tell (`keyspaces.md` 6.3).

use std::collections::BTreeMap;

use super::intent::{self, Intent};
use super::{Lock, Replacement, Undecided, corrupt};
use crate::container::{ErrorKind, KEY_SUFFIX};
use crate::error::Result;
use crate::keyspace::Family;
use crate::limits;
use crate::report::Warning;
use crate::store::clock::Clock;
use crate::store::entry::{EntryBuf, RowLocation};
use crate::store::facts::Capped;
use crate::store::{Store, shown};

/// What resolving a store's locks gave.
#[derive(Debug, Default)]
pub(in crate::store) struct Resolved {
    /// Writes that were committed and not applied, in the row order of their locks.
    pub(in crate::store) committed: Vec<Replacement>,
    pub(in crate::store) undecided: Vec<Undecided>,
    /// Undecided locks, those included that are not listed.
    pub(in crate::store) undecided_count: u64,
    hidden: Capped,
    pending: Capped,
    unresolved: Capped,
}

/// The state of a transaction.
enum State {
    Committed {
        at: u64,
    },
    /// Rolled back, or committed behind the read timestamp: the stored version counts.
    Stored,
    Undecided {
        pending: bool,
    },
}

/// Resolves all visible locks of a store.
pub(in crate::store) fn resolve(store: &Store) -> Result<Resolved> {
    let mut resolved = Resolved::default();
    let mut applied = BTreeMap::new();
    let mut kept = 0;
    let mut locks = store.scan(Family::TxnLock);
    while let Some(entry) = locks.next()? {
        let place = entry.place;
        let lock = Lock::parse(entry.key, entry.body).map_err(|kind| store.error(place, kind))?;
        let Some(key) = entry.key.strip_prefix(Family::TxnLock.prefix()) else { continue };
        kept += key.len() + lock.primary.len();
        let state = if kept > limits::TXN_LOCK_BYTES {
            State::Undecided { pending: false }
        } else {
            state(store, &lock)?
        };
        match state {
            State::Committed { at } => {
                if resolved.apply(store, key, &lock, at)? {
                    applied.insert(place, at);
                }
            }
            State::Stored => {}
            State::Undecided { pending } => resolved.leave(key, &lock, pending),
        }
    }
    resolved.find_hidden(store, &applied)?;
    Ok(resolved)
}

/// Looks the transaction up, in the order of 6.3.
fn state(store: &Store, lock: &Lock<'_>) -> Result<State> {
    let mut record = EntryBuf::default();
    let start = lock.start_ts.to_be_bytes();
    let key = [Family::TxnCommit.prefix(), lock.primary, &start].concat();
    if store.find(&key, Clock::END_OF_TIME, &mut record)? {
        let place = record.place.unwrap_or(RowLocation::new(0, 0));
        let at = commit_ts(&key, &record.body).map_err(|kind| store.error(place, kind))?;
        return Ok(if at <= store.read_ts() { State::Committed { at } } else { State::Stored });
    }
    let key = [Family::TxnRollback.prefix(), lock.primary, &start].concat();
    if store.find(&key, Clock::END_OF_TIME, &mut record)? {
        return Ok(State::Stored);
    }
    let key = [Family::TxnLock.prefix(), lock.primary].concat();
    let pending = store.get(&key, &mut record)?
        && Lock::parse(&key, &record.body).is_ok_and(|primary| primary.start_ts == lock.start_ts);
    Ok(State::Undecided { pending })
}

/// Reads the value of a commit record.
fn commit_ts(user_key: &[u8], mut body: &[u8]) -> Result<u64, ErrorKind> {
    const WHAT: &str = "transaction commit record";
    match crate::cursor::take_u8(&mut body) {
        Some(1) => crate::cursor::take_u64_be(&mut body).ok_or_else(|| corrupt(WHAT, user_key)),
        Some(found) => {
            let what = "transaction commit record version";
            Err(ErrorKind::UnsupportedFormat { what, expected: "1", found: found.into() })
        }
        None => Err(corrupt(WHAT, user_key)),
    }
}

impl Resolved {
    /// Lays a committed write over its key; `false` when there is nothing to do.
    fn apply(&mut self, store: &Store, key: &[u8], lock: &Lock<'_>, at: u64) -> Result<bool> {
        let mut record = EntryBuf::default();
        let intent_key = [Family::TxnIntent.prefix(), key].concat();
        if !store.get(&intent_key, &mut record)? {
            return Ok(false);
        }
        let Some(place) = record.place else { return Ok(false) };
        let intent = Intent::parse(&intent_key, &record.body).map_err(|kind| store.error(place, kind))?;
        if intent.start_ts != lock.start_ts {
            return Err(store.error(place, corrupt(intent::WHAT, &intent_key)).into());
        }
        let deleted = intent.value.is_none();
        // Any newer version of the key wins, a tombstone too.
        if store.newest(key)?.is_some_and(|newest| newest > at) {
            return Ok(false);
        }
        self.committed.push(Replacement { key: key.into(), commit_ts: at, intent: place, deleted });
        Ok(true)
    }

    fn leave(&mut self, key: &[u8], lock: &Lock<'_>, pending: bool) {
        self.undecided_count += 1;
        if self.undecided_count <= limits::TXN_UNDECIDED {
            let (key, primary) = (key.to_vec(), lock.primary.to_vec());
            self.undecided.push(Undecided { key, primary, start_ts: lock.start_ts, pending });
        }
        let (event, warnings) = if pending {
            ("txn_pending", &mut self.pending)
        } else {
            ("txn_unresolved", &mut self.unresolved)
        };
        warnings.push(|| warning(event, key, lock));
    }

    /// Finds the committed writes that a live server never does: another lock row whose key extends the locked
    /// one stands right before its lock (6.2). `applied`: the locks, and when each was committed.
    fn find_hidden(&mut self, store: &Store, applied: &BTreeMap<RowLocation, u64>) -> Result<()> {
        if applied.is_empty() {
            return Ok(());
        }
        let mut previous = Vec::new();
        let mut rows = store.versions(Family::TxnLock);
        while let Some(row) = rows.next()? {
            let hidden = previous.starts_with(row.key)
                && previous.get(..previous.len().saturating_sub(KEY_SUFFIX)) != Some(row.key);
            previous.clear();
            previous.extend_from_slice(row.key);
            previous.extend_from_slice(&(!row.commit_ts).to_be_bytes());
            let (true, Some(&at)) = (hidden, applied.get(&row.place)) else { continue };
            let (Ok(lock), Some(key)) =
                (Lock::parse(row.key, row.body), row.key.strip_prefix(Family::TxnLock.prefix()))
            else {
                continue;
            };
            self.hidden.push(|| warning("txn_hidden_commit", key, &lock).with("commit_ts", at));
        }
        Ok(())
    }

    /// Lists the warnings, in row order for each event.
    pub(in crate::store) fn warnings(&self) -> Vec<Warning> {
        let mut all = Vec::new();
        self.hidden.list("txn_hidden_commit", &mut all);
        self.pending.list("txn_pending", &mut all);
        self.unresolved.list("txn_unresolved", &mut all);
        all
    }
}

fn warning(event: &'static str, key: &[u8], lock: &Lock<'_>) -> Warning {
    Warning::new(event)
        .with("key_hex", shown(key))
        .with("primary_hex", shown(lock.primary))
        .with("start_ts", lock.start_ts)
}
