//! Why an object is not there, as far as a snapshot tells.

use std::collections::BTreeSet;

use super::super::log::{ChangeKind, history};
use super::super::scope;
use crate::error::Result;
use crate::name::{self, Literal, has_scope};
use crate::snapshot::Snapshot;
use crate::sort::Scratch;

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
        at: u64,
    },
    /// It has expired.
    Expired {
        /// When.
        at: u64,
    },
    /// All versions that are held are newer than the time that is read at.
    Later {
        /// When the oldest of them was written.
        at: u64,
    },
    /// Rows of it are there that no server reads: of an older generation, or hidden by others.
    Unread {
        /// What they are.
        what: String,
        /// When the newest of them was written.
        at: u64,
    },
}

/// Finds the reason.
pub(super) fn of(snapshot: &mut Snapshot, scratch: &Scratch, object: &Literal) -> Result<Option<Why>> {
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
        history(snapshot, scratch, (object, u64::MAX), &mut |change| {
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
