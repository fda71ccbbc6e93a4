//! The stored value of an object: what its row holds behind the store's own header, decrypted.
//!
//! Only objects of which one row is all have one; collections of Redis do not.

use super::Got;
use crate::error::{Error, Result};
use crate::keyspace::{Family, Namespace};
use crate::name::Literal;
use crate::run::log::Rows;
use crate::service::focus;
use crate::snapshot::{EntryBuf, Focus, Snapshot};
use crate::tree::Output;

/// Passes the value to `out`; returns the output where there is no row.
pub(super) fn pick(
    snapshot: &mut Snapshot,
    object: &Literal,
    mut out: Output,
) -> Result<(Got, Option<Output>)> {
    focus::set(snapshot, object)?;
    let found = find(snapshot, object);
    snapshot.set_focus(Focus::default());
    let Some(row) = found? else { return Ok((Got::default(), Some(out))) };
    out.write_all(&row.body).and_then(|()| out.flush()).map_err(Error::Output)?;
    Ok((Got { bytes: u64::try_from(row.body.len()).ok(), ..Got::default() }, None))
}

fn find(snapshot: &Snapshot, object: &Literal) -> Result<Option<EntryBuf>> {
    let rows = Rows::of(snapshot, object)?;
    let mut found = None;
    // An expiry in the index is no value.
    for &family in rows.families().iter().filter(|family| **family != Family::RedisTtl) {
        let mut entries = snapshot.scan(family);
        while let Some(entry) = entries.next()? {
            if rows.label(family, entry.key).is_none() {
                continue;
            }
            if found.is_some() || !is_whole(family) {
                return Err(Error::Name(format!(
                    "{}: more than one row makes it: there is no --raw",
                    object.name
                )));
            }
            found = Some(entry.place);
        }
    }
    let Some(place) = found else { return Ok(None) };
    let mut row = EntryBuf::default();
    snapshot.read(place, &mut row)?;
    Ok(Some(row))
}

/// Whether a row of the family is all of an object.
fn is_whole(family: Family) -> bool {
    match family.owner() {
        Namespace::Redis => matches!(family, Family::RedisString | Family::RedisHll),
        owner => owner != Namespace::Fs,
    }
}
