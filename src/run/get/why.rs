//! Why an object is not there, as far as a snapshot tells.

use std::collections::BTreeSet;

use super::super::log::{ChangeKind, history};
use super::super::scope;
use crate::error::Result;
use crate::event::{Event, Warning};
use crate::name::{self, Literal, has_scope};
use crate::service::focus;
use crate::snapshot::{MissingGroups, Snapshot};
use crate::sort::Scratch;
use crate::time::Hlc;

/// Most names that are told.
const NEAR: usize = 8;

/// Why an object is not there. Times are HLC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Why {
    /// It is a directory, which has no bytes of its own.
    Directory,
    /// Its newest version deletes it.
    Deleted {
        /// What was deleted.
        what: String,
        /// When.
        at: Hlc,
    },
    /// It has expired.
    Expired {
        /// When.
        at: Hlc,
    },
    /// All versions that are held are newer than the time that is read at.
    Later {
        /// When the oldest of them was written.
        at: Hlc,
    },
    /// Rows of it are there, and those of another type of the key hide them.
    Hidden(Hidden),
    /// Its rows belong to Raft groups that are not among the inputs, or may do so.
    Elsewhere {
        /// The groups; none where nothing names them.
        groups: Vec<u64>,
        /// Whether the route catalog gives them all that can be of this name.
        is_sure: bool,
    },
    /// Rows of it are there that no server reads: of an older generation, or hidden by others.
    Unread {
        /// What they are.
        what: String,
        /// When the newest of them was written.
        at: Hlc,
    },
}

/// Rows of a Redis key that are not read: the key is of another type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hidden {
    /// Type of the key.
    pub by: String,
    /// Type of the hidden rows.
    pub what: String,
    /// Their number.
    pub rows: u64,
}

impl Hidden {
    /// Reads the warning of hidden rows of this key.
    pub(super) fn of(warning: &Warning, key: &[u8]) -> Option<Self> {
        let field = |name: &str| warning.fields.iter().find(|(of, _)| *of == name).map(|(_, value)| value);
        let own = Warning::new(warning.event).with_key(key);
        let is_own = warning.event == Event::REDIS_HIDDEN_ROWS
            && warning.fields.ends_with(&own.fields)
            && field("user_key_len")?.as_u64() == u64::try_from(key.len()).ok();
        let text = |name: &str| Some(field(name)?.as_str()?.to_owned());
        is_own.then_some(Self { by: text("type")?, what: text("hidden")?, rows: field("rows")?.as_u64()? })
    }
}

/// Finds out whether the object can be in a group that is not among the inputs.
fn elsewhere(snapshot: &Snapshot, object: &Literal) -> Result<Option<Why>> {
    let missing = match snapshot.missing_groups() {
        None => return Ok(None),
        Some(MissingGroups::Named { groups, unplaced: 0, .. }) => groups,
        Some(MissingGroups::Named { groups, .. }) => {
            return Ok(Some(Why::Elsewhere { groups, is_sure: false }));
        }
        Some(_) => return Ok(Some(Why::Elsewhere { groups: Vec::new(), is_sure: false })),
    };
    let keys = focus::placing(snapshot, object)?;
    let owners: Vec<_> = keys.iter().map(|key| snapshot.route_owner(key)).collect();
    if owners.is_empty() || owners.contains(&None) {
        return Ok(Some(Why::Elsewhere { groups: missing, is_sure: false }));
    }
    let is_sure = owners.iter().flatten().all(|owner| missing.contains(owner));
    let mut groups: Vec<u64> = owners.into_iter().flatten().filter(|owner| missing.contains(owner)).collect();
    groups.sort_unstable();
    groups.dedup();
    Ok((!groups.is_empty()).then_some(Why::Elsewhere { groups, is_sure }))
}

/// Finds the reason. A group that owns the name and is not here says more than what another one holds of it.
pub(super) fn of(snapshot: &mut Snapshot, scratch: &Scratch, object: &Literal) -> Result<Option<Why>> {
    let elsewhere = elsewhere(snapshot, object)?;
    if matches!(elsewhere, Some(Why::Elsewhere { is_sure: true, .. })) {
        return Ok(elsewhere);
    }
    Ok(match held(snapshot, scratch, object)? {
        // What makes a server read it may be there: the queue of a message.
        Some(unread @ Why::Unread { .. }) => Some(elsewhere.unwrap_or(unread)),
        why => why.or(elsewhere),
    })
}

/// Finds the reason in the versions that are held.
fn held(snapshot: &mut Snapshot, scratch: &Scratch, object: &Literal) -> Result<Option<Why>> {
    let read_ts = snapshot.read_ts();
    let mut why = None;
    history(snapshot, scratch, (object, read_ts), &mut |change| {
        let (what, at) = (change.what, change.commit_ts);
        why = Some(match change.expires.filter(|expires| *expires <= read_ts) {
            _ if change.change == ChangeKind::Deleted => Why::Deleted { what, at },
            Some(at) => Why::Expired { at },
            None => Why::Unread { what, at },
        });
        Ok(false)
    })?;
    if why.is_none() {
        history(snapshot, scratch, (object, Hlc::MAX), &mut |change| {
            why = Some(Why::Later { at: change.commit_ts });
            Ok(true)
        })?;
    }
    Ok(why)
}

/// Lists tables, buckets or queues near to one that is not there; nothing where it is.
pub(super) fn near_scopes(snapshot: &Snapshot, object: &Literal) -> Result<Vec<String>> {
    let there =
        if has_scope(object.service) { scope::named(snapshot, object.service)? } else { BTreeSet::new() };
    if there.contains(&object.scope) {
        return Ok(Vec::new());
    }
    let common = |name: &[u8]| name.iter().zip(&object.scope).take_while(|(one, other)| one == other).count();
    let mut there: Vec<_> = there.into_iter().map(|name| (common(&name), name)).collect();
    there.sort_by(|(one, _), (other, _)| other.cmp(one));
    let name = |(_, name): (usize, Vec<u8>)| {
        let mut out = format!("{}/", object.service.name());
        name::escape(&name, true, &mut out);
        out
    };
    Ok(there.into_iter().take(NEAR).map(name).collect())
}
