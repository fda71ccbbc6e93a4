//! Committed writes of the few keys that have to be known before all others are resolved: the route catalog's, by
//! which the groups of inputs and keys are told.

use super::Lock;
use super::intent::Intent;
use super::lookup::Lookup;
use super::resolve::{State, Transactions};
use crate::bug::Bug;
use crate::keyspace::Family;
use crate::limits;
use crate::snapshot::Result;
use crate::snapshot::Snapshot;
use crate::snapshot::encrypted::Plaintext;
use crate::snapshot::input::Input;
use crate::snapshot::merge::Merge;
use crate::snapshot::scan::{Scan, VersionMode};
use crate::time::Hlc;

/// A write that was committed and stands in an intent only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::snapshot) struct Write {
    /// Index of the input that holds the lock.
    pub(in crate::snapshot) input: u16,
    /// The user key.
    pub(in crate::snapshot) key: Vec<u8>,
    /// When it was committed, an HLC timestamp.
    pub(in crate::snapshot) commit_ts: Hlc,
    /// The new value; `None` deletes the key.
    pub(in crate::snapshot) value: Option<Vec<u8>>,
}

const NO_LOCK: Bug = Bug::new("a scan of locks gave a key that is none");

/// Lists the committed writes of keys with a prefix, by input, then in the order of keys: at most one more than
/// [`limits::ROUTES`], or than fit into [`limits::ROUTE_BYTES`].
pub(in crate::snapshot) fn committed(
    snapshot: &Snapshot,
    records: &[Input],
    prefix: &[u8],
) -> Result<Vec<Write>> {
    let mut writes = Vec::new();
    if snapshot.stats(Family::TxnLock).visible == 0 {
        return Ok(writes);
    }
    let mut transactions = Transactions::new(snapshot, records);
    let (mut intents, mut data) = (Lookup::new(snapshot, &[]), Lookup::new(snapshot, &[]));
    let (mut bytes, mut plaintext) = (0, Plaintext::default());
    let locked = [Family::TxnLock.prefix(), prefix].concat();
    for (at, input) in snapshot.numbered() {
        let (from, scan) =
            (writes.len(), Scan::prefix(input, &locked, None, snapshot.view, &snapshot.interrupt));
        let mut locks = Merge::new(std::iter::once((at, scan.into())), VersionMode::Visible);
        while let Some((place, row)) = locks.next()? {
            if writes.len() > limits::ROUTES || bytes > limits::ROUTE_BYTES {
                return Ok(writes);
            }
            let body = snapshot.plain(snapshot.path(at), &row, &mut plaintext)?;
            let lock = Lock::parse(row.key, body).map_err(|kind| snapshot.error(place, kind))?;
            let key = row.key.strip_prefix(Family::TxnLock.prefix()).ok_or_else(|| NO_LOCK.at(place))?;
            let id = [lock.primary, &lock.start_ts.0.to_be_bytes()].concat();
            let State::Committed { at: commit_ts } = transactions.state(&id)? else { continue };
            let mut newer = false;
            data.each_version(key, snapshot.view, |place, head| {
                newer |= place.index() == at && head.commit_ts > commit_ts;
            })?;
            let intent_key = [Family::TxnIntent.prefix(), key].concat();
            let mut value = None;
            intents.each(&intent_key, snapshot.view, |row| {
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
