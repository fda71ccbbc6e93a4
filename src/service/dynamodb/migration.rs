//! Tables of which several rows may be one item: not yet migrated, or in the middle of it (`reading/dynamodb.md#identity-and-migration`, `reading/dynamodb.md#which-items`, `reading/dynamodb.md#procedure`).
//!
//! In: all live rows. Out: those that are the items, in the order to write them. Identities are
//! compared by digest in a sorter, so memory does not grow with the table.

use sha2::{Digest, Sha256};

use super::counters::Counters;
use super::generation::KeyLayout;
use super::problem::problem;
use super::table::LiveGeneration;
use crate::bug::Bug;
use crate::error::Result;
use crate::event::Class;
use crate::keyspace::dynamodb::{ItemKey, item_prefix};
use crate::model::dynamodb::key::OrderedKey;
use crate::model::dynamodb::{Attributes, Schema};
use crate::service::Context;
use crate::snapshot::{Entry, EntryBuf, RowLocation, Snapshot};
use crate::sort::Sorter;

/// Memory of each of the two sorters, bytes.
const MEMORY: usize = 8 << 20;
/// Bytes of an identity's digest that are compared.
const DIGEST: usize = 16;

/// A record of the sorters is not as it was written.
const RECORD: Bug = Bug::new("a record of a DynamoDB row does not read back");

/// Finds the items among the rows of the live generations of table `name`. Rows that cannot be decoded are
/// reported.
pub(super) fn live_rows(
    context: &mut Context<'_, '_>,
    name: &[u8],
    schema: &Schema,
    generations: &[LiveGeneration],
    counters: &mut Counters,
) -> Result<LiveRows> {
    let scratch = context.scratch;
    let mut candidates = Sorter::new(scratch, MEMORY);
    let mut ordered = OrderedKey::default();
    let mut sort_key = Vec::new();
    for (order, live) in (0_u8..).zip(generations).filter(|(_, live)| live.rows > 0) {
        let mut rows = context.snapshot.scan_prefix(&item_prefix(name, live.number), None);
        while let Some(entry) = rows.next()? {
            let Ok(key) = ItemKey::parse(entry.key) else { continue };
            let (_, keys) = match Attributes::parse_keyed(entry.body, schema) {
                Ok(item) => item,
                Err(reason) => {
                    context.report.problem(&problem(&entry, name, Class::DDB_INVALID_ITEM, &reason))?;
                    continue;
                }
            };
            let identity = ordered.identity(&keys);
            // Where both layouts share a generation, the row with the ordered key stands for the active one.
            let migrated = live.layout != KeyLayout::Either || identity == key.primary;
            sort_key.clear();
            sort_key.extend(Sha256::digest(identity).iter().take(DIGEST));
            sort_key.extend([order, u8::from(!migrated)]);
            sort_key.extend_from_slice(entry.key);
            candidates.push(&sort_key, &entry.place.to_bytes())?;
        }
    }
    choose(candidates, Sorter::new(scratch, MEMORY), counters)
}

/// Puts the first row of each identity among the `chosen` ones.
fn choose(mut candidates: Sorter, mut chosen: Sorter, counters: &mut Counters) -> Result<LiveRows> {
    let mut sort_key = Vec::new();
    let mut current = [0_u8; DIGEST + 2];
    let mut any = false;
    let mut sorted = candidates.sort()?;
    while let Some((key, place)) = sorted.next()? {
        let (head, user_key) = key.split_first_chunk().ok_or_else(|| RECORD.at((key, place)))?;
        let digest = |head: &[u8; DIGEST + 2]| head.first_chunk::<DIGEST>().copied();
        if any && digest(head) == digest(&current) {
            if *head == current {
                let item = ItemKey::parse(user_key).map_err(|_| RECORD.at((key, place)))?;
                counters.shadowed(item.generation);
            }
            continue;
        }
        any = true;
        current = *head;
        let [.., order, _] = *head;
        sort_key.clear();
        sort_key.push(order);
        sort_key.extend_from_slice(user_key);
        chosen.push(&sort_key, place)?;
    }
    Ok(LiveRows(chosen))
}

/// Places of rows, the active generation's before the source's, each in user-key order.
pub(super) struct LiveRows(Sorter);

impl LiveRows {
    /// Reads every row again and lends it to `each`.
    pub(super) fn read(
        mut self,
        snapshot: &Snapshot,
        mut each: impl FnMut(&Entry<'_>) -> Result<()>,
    ) -> Result<()> {
        let mut row = EntryBuf::default();
        let mut sorted = self.0.sort()?;
        while let Some((key, place)) = sorted.next()? {
            let place = RowLocation::from_bytes(place).ok_or_else(|| RECORD.at((key, place)))?;
            snapshot.read(place, &mut row)?;
            let EntryBuf { key, commit_ts, expire_at, body, .. } = &row;
            each(&Entry { key, commit_ts: *commit_ts, expire_at: *expire_at, body, place })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Error;
    use crate::bug::Place;
    use crate::service::Options;
    use crate::service::fixture::Rows;
    use crate::tree::Scratch;

    fn is_internal<T>(result: &Result<T>) -> bool {
        matches!(result, Err(Error::Internal(bug)) if matches!(bug.place(), Some(Place::Record { .. })))
    }

    #[test]
    fn a_damaged_record_is_a_fault_of_the_program() {
        let sorter = |records: &[(&[u8], &[u8])]| {
            let mut sorter = Sorter::new(&Scratch::default(), MEMORY);
            for (key, value) in records {
                sorter.push(key, value).unwrap();
            }
            sorter
        };
        let chosen =
            |records: &[(&[u8], &[u8])]| choose(sorter(records), sorter(&[]), &mut Counters::default());
        assert!(is_internal(&chosen(&[(b"short", b"")])));
        // The second row of an identity is none.
        let head = [7; DIGEST + 2];
        let (first, second) =
            ([&head[..], b"!ddb|item|dA|1|a"].concat(), [&head[..], b"!ddb|item|x"].concat());
        assert!(chosen(&[(&first, b"")]).is_ok());
        assert!(is_internal(&chosen(&[(&first, b""), (&second, b"")])));
        for length in [0, RowLocation::LEN - 1, RowLocation::LEN + 1] {
            let rows = LiveRows(sorter(&[(b"\x00key", &vec![0; length])]));
            let (_directory, snapshot) = Rows::default().open().unwrap();
            assert!(is_internal(&rows.read(&snapshot, |_| Ok(()))), "{length}");
        }
    }

    #[test]
    fn a_row_of_no_live_generation_is_a_fault_of_the_program() {
        let mut rows = Rows::default();
        rows.put(b"!ddb|meta|table|dA", b"\0DS\x01\x0a\x01t\x1a\x03\x0a\x01k");
        rows.put(b"!ddb|item|dA|9|a", b"");
        let written = rows.dump(&Options::default(), |context| {
            let place = context.snapshot.scan(crate::keyspace::Family::DynamodbItem).next()?.unwrap().place;
            let mut chosen = Sorter::new(context.scratch, MEMORY);
            chosen.push(b"\0!ddb|item|dA|9|a", &place.to_bytes())?;
            let (name, table) = super::super::table::read(context)?.pop_first().unwrap();
            let table = table.unwrap();
            let (schema, _) = table.schema(context.snapshot, &name)?;
            let mut writer = super::super::writer::TableWriter::begin(context, &name, &schema, 0);
            super::super::write_live_rows(context, &table, LiveRows(chosen), &mut writer)?;
            Ok(crate::service::Scope::new())
        });
        let Err(Error::Internal(bug)) = written else { panic!("the row was taken") };
        assert!(matches!(bug.place(), Some(Place::Row { .. })), "{bug}");
    }
}
