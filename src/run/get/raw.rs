//! What is stored of an object: the value of its row behind the store's own header, decrypted; of an object that several
//! rows make, or one row beside others, a JSON line a row.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;

use super::Got;
use crate::error::{Error, Result};
use crate::keyspace::{Family, Namespace};
use crate::name::Literal;
use crate::run::log::Rows;
use crate::service::focus;
use crate::snapshot::{EntryBuf, Focus, RowLocation, Snapshot};
use crate::time::Hlc;
use crate::tree::Output;

/// A row of an object of several.
#[derive(Serialize)]
struct Line<'r> {
    /// What it is of the object.
    row: &'r str,
    family: &'static str,
    /// HLC.
    commit_ts: Hlc,
    key_base64: String,
    value_base64: String,
}

/// Passes what is stored to `out`; returns the output where there is no row.
pub(super) fn pick(
    snapshot: &mut Snapshot,
    object: &Literal,
    mut out: Output,
) -> Result<(Got, Option<Output>)> {
    focus::set(snapshot, object)?;
    let written = write(snapshot, object, &mut out);
    snapshot.set_focus(Focus::default());
    Ok(match written? {
        0 => (Got::default(), Some(out)),
        bytes => (Got { bytes: Some(bytes - 1), ..Got::default() }, None),
    })
}

/// Returns the number of bytes and 1 more; 0 where there is no row.
fn write(snapshot: &Snapshot, object: &Literal, out: &mut Output) -> Result<u64> {
    let mut rows = Rows::of(snapshot, object)?;
    let (mut first, mut count, mut buffer) = (None, 0_u64, EntryBuf::default());
    each(snapshot, &mut rows, &mut buffer, &mut |family, _, place, _| {
        // An expiry in the index is no value.
        if family != Family::RedisTtl {
            first = first.or(Some((family, place)));
            count += 1;
        }
        Ok(())
    })?;
    let mut bytes = 0;
    let mut put = |text: &[u8]| {
        bytes += u64::try_from(text.len()).unwrap_or_default();
        out.write_all(text).map_err(Error::Output)
    };
    match first {
        None => return Ok(0),
        Some((family, place)) if count == 1 && is_whole(family) => {
            snapshot.read(place, &mut buffer)?;
            put(&buffer.body)?;
        }
        Some(_) => each(snapshot, &mut rows, &mut buffer, &mut |family, label, _, row| {
            let line = Line {
                row: label,
                family: family.name(),
                commit_ts: row.commit_ts,
                key_base64: STANDARD.encode(&row.key),
                value_base64: STANDARD.encode(&row.body),
            };
            let mut text = serde_json::to_vec(&line).map_err(|error| Error::Output(error.into()))?;
            text.push(b'\n');
            put(&text)
        })?,
    }
    out.flush().map_err(Error::Output)?;
    Ok(bytes + 1)
}

type Each<'e> = &'e mut dyn FnMut(Family, &str, RowLocation, &EntryBuf) -> Result<()>;

/// Goes through the rows of an object, family by family.
fn each(snapshot: &Snapshot, rows: &mut Rows<'_>, row: &mut EntryBuf, take: Each<'_>) -> Result<()> {
    for &family in rows.families() {
        let mut entries = snapshot.scan(family);
        while let Some(entry) = entries.next()? {
            let Some(label) = rows.label(family, entry.key) else { continue };
            let place = entry.place;
            snapshot.read(place, row)?;
            // The name of a file leads to its inode.
            rows.follow(family, &row.body);
            take(family, &label, place, row)?;
        }
    }
    Ok(())
}

/// Whether a row of the family is all of an object.
fn is_whole(family: Family) -> bool {
    match family.owner() {
        Namespace::Redis => matches!(family, Family::RedisString | Family::RedisHll),
        owner => owner != Namespace::Fs,
    }
}
