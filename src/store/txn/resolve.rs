//! What became of each lock's transaction, as far as the inputs tell (`keyspaces.md` 6.3).

use std::collections::BTreeSet;

use super::intent::{self, Intent};
use super::{Lock, Overlay, Replacement, Undecided};
use crate::container::ErrorKind;
use crate::error::Result;
use crate::keyspace::Family;
use crate::limits;
use crate::report::Warning;
use crate::store::clock::Clock;
use crate::store::entry::{EntryBuf, Place};
use crate::store::{Store, shown};

/// What resolving a store's locks gave.
#[derive(Debug, Default)]
pub(in crate::store) struct Resolved {
    pub(in crate::store) overlay: Overlay,
    pub(in crate::store) undecided: Vec<Undecided>,
    /// Undecided locks, those included that are not listed.
    pub(in crate::store) undecided_count: u64,
    pub(in crate::store) warnings: Vec<Warning>,
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
    let mut committed = Vec::new();
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
                    let warning = warning("txn_hidden_commit", key, lock.primary, lock.start_ts);
                    committed.push((place, warning.with("commit_ts", at)));
                }
            }
            State::Stored => {}
            State::Undecided { pending } => resolved.leave(key, &lock, pending),
        }
    }
    resolved.warn_hidden(store, committed)?;
    resolved.warn_undecided();
    Ok(resolved)
}

/// Looks the transaction up, in the order of 6.3.
fn state(store: &Store, lock: &Lock<'_>) -> Result<State> {
    let mut record = EntryBuf::default();
    let start = lock.start_ts.to_be_bytes();
    let key = [Family::TxnCommit.prefix(), lock.primary, &start].concat();
    if store.find(&key, Clock::END_OF_TIME, &mut record)? {
        let place = record.place.unwrap_or(Place { input: 0, offset: 0 });
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
    match crate::cursor::take_u8(&mut body) {
        Some(1) => crate::cursor::take_u64_be(&mut body).ok_or_else(|| intent::corrupt(user_key)),
        Some(found) => {
            let what = "transaction commit record version";
            Err(ErrorKind::UnsupportedFormat { what, expected: "1", found: found.into() })
        }
        None => Err(intent::corrupt(user_key)),
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
            return Err(store.error(place, intent::corrupt(&intent_key)).into());
        }
        let deleted = intent.value.is_none();
        // Any newer version of the key wins, a tombstone too.
        if store.newest(key)?.is_some_and(|newest| newest > at) {
            return Ok(false);
        }
        self.overlay.insert(key.to_vec(), Replacement { commit_ts: at, intent: place, deleted });
        Ok(true)
    }

    fn leave(&mut self, key: &[u8], lock: &Lock<'_>, pending: bool) {
        self.undecided_count += 1;
        if self.undecided_count <= limits::TXN_UNDECIDED {
            let (key, primary) = (key.to_vec(), lock.primary.to_vec());
            self.undecided.push(Undecided { key, primary, start_ts: lock.start_ts, pending });
        }
    }

    /// Warns of the committed writes that a live server never finds: another lock row whose key extends the
    /// locked one stands right before its lock (6.2).
    fn warn_hidden(&mut self, store: &Store, committed: Vec<(Place, Warning)>) -> Result<()> {
        if committed.is_empty() {
            return Ok(());
        }
        let mut previous = Vec::new();
        let mut hidden = BTreeSet::new();
        let mut rows = store.versions(Family::TxnLock);
        while let Some(row) = rows.next()? {
            if previous.starts_with(row.key)
                && previous.get(..previous.len().saturating_sub(8)) != Some(row.key)
            {
                hidden.insert(row.place);
            }
            previous.clear();
            previous.extend_from_slice(row.key);
            previous.extend_from_slice(&(!row.commit_ts).to_be_bytes());
        }
        let warnings = committed.into_iter().filter(|(place, _)| hidden.contains(place));
        self.warnings.extend(warnings.map(|(_, warning)| warning));
        Ok(())
    }

    fn warn_undecided(&mut self) {
        for lock in &self.undecided {
            let event = if lock.pending { "txn_pending" } else { "txn_unresolved" };
            self.warnings.push(warning(event, &lock.key, &lock.primary, lock.start_ts));
        }
        if self.undecided_count > limits::TXN_UNDECIDED {
            self.warnings.push(Warning::new("txn_unresolved").with("count", self.undecided_count));
        }
    }
}

fn warning(event: &'static str, key: &[u8], primary: &[u8], start_ts: u64) -> Warning {
    Warning::new(event)
        .with("key_hex", shown(key))
        .with("primary_hex", shown(primary))
        .with("start_ts", start_ts)
}
