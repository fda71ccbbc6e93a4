//! One Redis key after another: what it is, whether it is written, and what has to be said about it
//! (`redis.md` 3, 10).

use super::collection::Collection;
use super::content::Verdicts;
use super::database::Database;
use super::draft::Draft;
use super::expiry::Fate;
use super::fact::Fact;
use super::gather::Facts;
use super::group::{Group, Winner};
use super::meta::Meta;
use super::rows::{BaseMeta, Rows};
use super::verdict::{Bounds, Verdict};
use crate::error::{Error, Result};
use crate::report::Warning;

impl Database<'_, '_, '_> {
    /// Settles all keys. Collections that have element rows are left to a second scan of those: their verdicts go to
    /// `verdicts`, by type and run.
    pub(super) fn settle_all(&mut self, facts: &mut Facts, verdicts: &mut Verdicts) -> Result<()> {
        let mut facts = facts.sort()?;
        let mut at = Vec::new();
        let mut group: Option<Group> = None;
        while let Some((key, record)) = facts.next()? {
            if key != at {
                if let Some(group) = group.take() {
                    self.settle(&at, &group, verdicts)?;
                }
                at.clear();
                at.extend_from_slice(key);
            }
            let fact = Fact::parse(record);
            let fact = fact.ok_or(Error::Internal { what: "a fact about a Redis key does not read back" })?;
            group.get_or_insert_default().add(fact);
        }
        match group {
            Some(group) => self.settle(&at, &group, verdicts),
            None => Ok(()),
        }
    }

    fn settle(&mut self, key: &[u8], group: &Group, verdicts: &mut Verdicts) -> Result<()> {
        let winner = group.winner();
        match winner {
            Winner::String => self.settle_strings(key, group)?,
            Winner::Hll => {
                if let Some(place) = group.hll {
                    self.settle_hll(key, place, group)?;
                }
            }
            Winner::Collection(collection) => self.settle_collection(key, group, collection, verdicts)?,
            Winner::Nothing if group.index.is_some() => self.counts.orphan_ttls.count(key),
            Winner::Nothing => {}
        }
        for (hidden, rows) in group.hidden_by(winner) {
            self.warn_hidden(key, winner.name(), hidden, rows);
        }
        self.warn_orphans(key, group);
        if group.index.is_some_and(|index| index.expiry.is_none()) {
            self.warn(Warning::new("redis_malformed_ttl").with("user_key_len", key.len()).with_key(key));
        }
        Ok(())
    }

    fn settle_collection(
        &mut self,
        key: &[u8],
        group: &Group,
        collection: Collection,
        verdicts: &mut Verdicts,
    ) -> Result<()> {
        let rows = group.rows(collection);
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
            return self.problem(key, "invalid_list_delta", message, Some(place));
        }
        let fate = match base.and_then(|base| base.inline) {
            Some(0) => Fate::Written(None),
            Some(ms) => self.clock.fate(Some(ms)),
            None => {
                self.warn_stale_index(key, group, rows);
                self.clock.fate_by_index(group.index)
            }
        };
        let Fate::Written(expiry) = fate else {
            // Only a meta or an index row can keep a collection out.
            let place = group.index.map(|index| index.place).or(rows.meta.map(|meta| meta.place));
            return place.map_or(Ok(()), |place| self.leave_out(key, fate, place));
        };
        let index = group.index.filter(|_| base.is_none_or(|base| base.inline.is_none()));
        let newest = index.map_or(0, |index| index.commit_ts);
        self.settle_content(key, group, verdict(collection, rows, base, expiry, newest), verdicts)
    }

    fn settle_content(
        &mut self,
        key: &[u8],
        group: &Group,
        verdict: Verdict,
        verdicts: &mut Verdicts,
    ) -> Result<()> {
        let collection = verdict.collection;
        let rows = group.rows(collection);
        if rows.elements > rows.orphans(collection) {
            return verdicts.push(key, verdict, group.runs(collection));
        }
        let mut draft = Draft::new(key, verdict);
        if let Some(place) = rows.blob.filter(|_| !rows.blob_is_superseded(collection)) {
            let (value, commit_ts) = self.take_value(place)?;
            let added = draft.add_blob(&mut self.elements, &value, place, commit_ts)?;
            self.put_back(value);
            if let Err(error) = added {
                drop(self.elements.sort()?);
                return self.problem(key, collection.invalid_blob(), error.to_string(), Some(place));
            }
        }
        draft.write(self)
    }

    fn warn_stale_index(&mut self, key: &[u8], group: &Group, rows: Rows) {
        if let (Some(index), Some(deltas)) = (group.index, rows.deltas)
            && index.commit_ts < deltas.oldest
        {
            self.warn(
                Warning::new("redis_stale_ttl")
                    .with("user_key_len", key.len())
                    .with("expire_at_ms", index.expiry)
                    .with("hint", "the index row is older than every delta, and may stem from an earlier key")
                    .with_key(key),
            );
        }
    }

    fn warn_orphans(&mut self, key: &[u8], group: &Group) {
        for (collection, event, field) in [
            (Collection::List, "redis_list_orphan_items_without_meta", "observed_items"),
            (Collection::Stream, "redis_stream_orphan_entries_without_meta", "observed_entries"),
        ] {
            let orphans = group.rows(collection).orphans(collection);
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
fn verdict(
    collection: Collection,
    rows: Rows,
    base: Option<Meta>,
    expiry: Option<u64>,
    newest: u64,
) -> Verdict {
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
    let newest = newest.max(rows.meta.map_or(0, |meta| meta.commit_ts));
    let is_declared = base.is_some() || rows.deltas.is_some();
    Verdict {
        collection,
        expiry,
        stands_empty: base.is_some() || rows.blob.is_some(),
        declared: is_declared.then(|| u64::try_from(length).unwrap_or(u64::MAX)),
        commit_ts: newest.max(rows.deltas.map_or(0, |deltas| deltas.newest)),
        bounds,
    }
}
