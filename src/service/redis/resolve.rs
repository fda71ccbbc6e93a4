//! One Redis key after another: what it is, whether it is written, and what has to be said about it
//! (`reading/redis.md#redis-what-a-server-would-serve`, `reading/redis.md#procedure`).

use super::builder::CollectionBuilder;
use super::collect::KeyRecords;
use super::collection::Collection;
use super::content::WritePlans;
use super::database::Database;
use super::expiry::ExpiryOutcome;
use super::key_record::KeyRecord;
use super::key_state::{KeyState, LiveType};
use super::meta::Meta;
use super::rows::{BaseMeta, Rows};
use super::write_plan::{Bounds, WritePlan};
use crate::bug::Bug;
use crate::error::Result;
use crate::event::{Class, Event, Warning};
use crate::time::{Hlc, UnixMs};

impl Database<'_, '_, '_> {
    /// Resolves all keys. Collections that have element rows are left to a second scan of those: their plans go to
    /// `plans`, by type and run.
    pub(super) fn resolve_all(&mut self, records: &mut KeyRecords, plans: &mut WritePlans) -> Result<()> {
        let mut records = records.sort()?;
        let mut at = Vec::new();
        let mut state: Option<KeyState> = None;
        while let Some((key, record)) = records.next()? {
            if key != at {
                if let Some(state) = state.take() {
                    self.resolve(&at, &state, plans)?;
                }
                at.clear();
                at.extend_from_slice(key);
            }
            let fact = KeyRecord::parse(record);
            let fact = fact
                .ok_or_else(|| Bug::new("a fact about a Redis key does not read back").at((key, record)))?;
            state.get_or_insert_default().add(fact);
        }
        match state {
            Some(state) => self.resolve(&at, &state, plans),
            None => Ok(()),
        }
    }

    fn resolve(&mut self, key: &[u8], state: &KeyState, plans: &mut WritePlans) -> Result<()> {
        let live_type = state.resolve_type();
        match live_type {
            LiveType::String => self.resolve_strings(key, state)?,
            LiveType::Hll => {
                if let Some(place) = state.hll {
                    self.resolve_hll(key, place, state)?;
                }
            }
            LiveType::Collection(collection) => self.resolve_collection(key, state, collection, plans)?,
            LiveType::Nothing if state.index.is_some() => self.counts.orphan_ttls.count(key),
            LiveType::Nothing => {}
        }
        for (hidden, rows) in state.hidden_by(live_type) {
            self.warn_hidden(key, live_type.name(), hidden, rows);
        }
        self.warn_orphans(key, state);
        if state.index.is_some_and(|index| index.expiry.is_none()) {
            self.warn(Warning::new(Event::REDIS_MALFORMED_TTL).with("user_key_len", key.len()).with_key(key));
        }
        Ok(())
    }

    fn resolve_collection(
        &mut self,
        key: &[u8],
        state: &KeyState,
        collection: Collection,
        plans: &mut WritePlans,
    ) -> Result<()> {
        let rows = state.rows(collection);
        let base = match rows.meta {
            Some(BaseMeta { meta: None, place, .. }) => {
                let message = "the base meta cannot be read".to_owned();
                return self.problem(key, collection.invalid_meta(), message, Some(place));
            }
            Some(BaseMeta { meta, .. }) => meta,
            None => None,
        };
        if collection == Collection::List
            && let Some(place) = rows.deltas.and_then(|deltas| deltas.malformed)
        {
            let message = "a delta of the list cannot be read".to_owned();
            return self.problem(key, Class::INVALID_LIST_DELTA, message, Some(place));
        }
        let outcome = match base.and_then(|base| base.inline) {
            Some(UnixMs(0)) => ExpiryOutcome::Written(None),
            Some(ms) => self.clock.outcome(Some(ms)),
            None => {
                self.warn_stale_index(key, state, rows);
                self.clock.outcome_by_index(state.index)
            }
        };
        let ExpiryOutcome::Written(expiry) = outcome else {
            // Only a meta or an index row can keep a collection out.
            let place = state.index.map(|index| index.place).or(rows.meta.map(|meta| meta.place));
            let what = "a Redis key without a meta or an index row has an expiry";
            return self.leave_out(key, outcome, place.ok_or_else(|| Bug::new(what).at((key, &[][..])))?);
        };
        let index = state.index.filter(|_| base.is_none_or(|base| base.inline.is_none()));
        let newest = index.map_or(Hlc::ZERO, |index| index.commit_ts);
        self.resolve_content(key, state, plan(collection, rows, base, expiry, newest), plans)
    }

    fn resolve_content(
        &mut self,
        key: &[u8],
        state: &KeyState,
        plan: WritePlan,
        plans: &mut WritePlans,
    ) -> Result<()> {
        let collection = plan.collection;
        let rows = state.rows(collection);
        if rows.elements > rows.orphans(collection) {
            return plans.push(key, plan, state.runs(collection));
        }
        let mut builder = CollectionBuilder::new(key, plan);
        if let Some(place) = rows.blob.filter(|_| !rows.blob_is_superseded(collection)) {
            let (value, commit_ts) = self.take_value(place)?;
            let added = builder.add_blob(&mut self.elements, &value, place, commit_ts)?;
            self.put_back(value);
            if let Err(error) = added {
                drop(self.elements.sort()?);
                return self.problem(key, collection.invalid_blob(), error.to_string(), Some(place));
            }
        }
        builder.write(self)
    }

    fn warn_stale_index(&mut self, key: &[u8], state: &KeyState, rows: Rows) {
        if let (Some(index), Some(deltas)) = (state.index, rows.deltas)
            && index.commit_ts < deltas.oldest
        {
            self.warn(
                Warning::new(Event::REDIS_STALE_TTL)
                    .with("user_key_len", key.len())
                    .with("expire_at_ms", index.expiry)
                    .with("hint", "the index row is older than every delta, and may stem from an earlier key")
                    .with_key(key),
            );
        }
    }

    fn warn_orphans(&mut self, key: &[u8], state: &KeyState) {
        for (collection, event, field) in [
            (Collection::List, Event::REDIS_LIST_ORPHAN_ITEMS_WITHOUT_META, "observed_items"),
            (Collection::Stream, Event::REDIS_STREAM_ORPHAN_ENTRIES_WITHOUT_META, "observed_entries"),
        ] {
            let orphans = state.rows(collection).orphans(collection);
            if orphans > 0 {
                self.warn(
                    Warning::new(event)
                        .with("user_key_len", key.len())
                        .with(field, orphans)
                        .with("hint", "the server sees no such key, so no file was written")
                        .with_key(key),
                );
            }
        }
    }
}

/// Puts together how a collection is passed on; `newest` is the commit time of the index row that counts, or 0.
fn plan(
    collection: Collection,
    rows: Rows,
    base: Option<Meta>,
    expiry: Option<UnixMs>,
    newest: Hlc,
) -> WritePlan {
    let (length, head) = rows.deltas.map_or((0, 0), |deltas| (deltas.length, deltas.head));
    let meta = base.unwrap_or_default();
    let length = length.saturating_add(meta.length.into()).max(0);
    let bounds = match collection {
        Collection::Hash | Collection::Set | Collection::Zset => Bounds::All,
        Collection::List => {
            let head = head.saturating_add(meta.head.into());
            Bounds::Window(head, head.saturating_add(length))
        }
        Collection::Stream => Bounds::Above { cursor: meta.cursor, last: meta.last },
    };
    let newest = newest.max(rows.meta.map_or(Hlc::ZERO, |meta| meta.commit_ts));
    let is_declared = base.is_some() || rows.deltas.is_some();
    WritePlan {
        collection,
        expiry,
        stands_empty: base.is_some() || rows.blob.is_some(),
        declared: is_declared.then(|| u64::try_from(length).unwrap_or(u64::MAX)),
        commit_ts: newest.max(rows.deltas.map_or(Hlc::ZERO, |deltas| deltas.newest)),
        bounds,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Error;
    use crate::bug::Place;
    use crate::service::fixture::Rows;
    use crate::service::{Options, Scope};

    #[test]
    fn a_damaged_fact_about_a_key_is_a_fault_of_the_program() {
        for fact in [&b""[..], b"\xff", b"\x01"] {
            let damaged = Rows::default().dump(&Options::default(), |context| {
                let mut records = KeyRecords::new(context.scratch);
                records.push_raw(b"key", fact)?;
                let mut plans = WritePlans::new(context.scratch);
                Database::new(context).resolve_all(&mut records, &mut plans)?;
                Ok(Scope::new())
            });
            let Err(Error::Internal(bug)) = damaged else { panic!("{fact:?} was taken") };
            assert_eq!(bug.place(), Some(&Place::from((&b"key"[..], fact))));
        }
    }
}
