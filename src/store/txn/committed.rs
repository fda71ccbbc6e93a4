//! Committed writes of the few keys that have to be known before all others are resolved: the route catalog's, by
//! which the groups of inputs and keys are told.

use super::Lock;
use super::intent::Intent;
use super::lookup::Lookup;
use super::resolve::{State, Transactions};
use crate::keyspace::Family;
use crate::limits;
use crate::store::Store;
use crate::store::encrypted::Plaintext;
use crate::store::input::Input;
use crate::store::merge::Merge;
use crate::store::scan::{Rank, Scan};
use crate::store::{Error, Result};

/// A write that was committed and stands in an intent only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::store) struct Write {
    /// Index of the input that holds the lock.
    pub(in crate::store) input: u16,
    /// The user key.
    pub(in crate::store) key: Vec<u8>,
    /// When it was committed, an HLC timestamp.
    pub(in crate::store) commit_ts: u64,
    /// The new value; `None` deletes the key.
    pub(in crate::store) value: Option<Vec<u8>>,
}

const NO_LOCK: Error = Error::Internal { what: "a scan of locks gave a key that is none" };

/// Lists the committed writes of keys with a prefix, by input, then in the order of keys: at most one more than
/// [`limits::ROUTES`], or than fit into [`limits::ROUTE_BYTES`].
pub(in crate::store) fn committed(store: &Store, records: &[Input], prefix: &[u8]) -> Result<Vec<Write>> {
    let mut writes = Vec::new();
    if store.stats(Family::TxnLock).visible == 0 {
        return Ok(writes);
    }
    let mut transactions = Transactions::new(store, records);
    let (mut intents, mut data) = (Lookup::new(store, &[]), Lookup::new(store, &[]));
    let (mut bytes, mut plaintext) = (0, Plaintext::default());
    let locked = [Family::TxnLock.prefix(), prefix].concat();
    for (at, input) in store.numbered() {
        let (from, scan) = (writes.len(), Scan::prefix(input, &locked, None, store.clock, &store.interrupt));
        let mut locks = Merge::new(std::iter::once((at, scan)), Rank::Visible);
        while let Some((place, row)) = locks.next()? {
            if writes.len() > limits::ROUTES || bytes > limits::ROUTE_BYTES {
                return Ok(writes);
            }
            let body = store.plain(store.path(at), &row, &mut plaintext)?;
            let lock = Lock::parse(row.key, body).map_err(|kind| store.error(place, kind))?;
            let key = row.key.strip_prefix(Family::TxnLock.prefix()).ok_or(NO_LOCK)?;
            let id = [lock.primary, &lock.start_ts.to_be_bytes()].concat();
            let State::Committed { at: commit_ts } = transactions.state(&id)? else { continue };
            let mut newer = false;
            data.each_version(key, store.clock, |place, head| {
                newer |= place.index() == at && head.commit_ts > commit_ts;
            })?;
            let intent_key = [Family::TxnIntent.prefix(), key].concat();
            let mut value = None;
            intents.each(&intent_key, store.clock, |row| {
                let intent = Intent::parse(&intent_key, row.body).map_err(|kind| row.error(kind))?;
                if intent.start_ts == lock.start_ts && (value.is_none() || row.place.index() == at) {
                    value = Some(intent.value.map(<[u8]>::to_vec));
                }
                Ok(())
            })?;
            if let Some(value) = value.filter(|_| !newer) {
                bytes += value.as_ref().map_or(0, Vec::len);
                writes.push(Write { input: at, key: key.to_vec(), commit_ts, value });
            }
        }
        if let Some(own) = writes.get_mut(from..) {
            own.sort_by(|one, other| one.key.cmp(&other.key));
        }
    }
    Ok(writes)
}
