//! Everything that stands under one Redis key, and which of it the key is (`reading/redis.md#type-of-a-key`).

use super::collection::Collection;
use super::expiry;
use super::key_record::{Elements, KeyRecord};
use super::meta::Meta;
use super::rows::{BaseMeta, Rows};
use crate::snapshot::RowLocation;
use crate::time::{Hlc, UnixMs};

/// The records about one Redis key, put together.
#[derive(Clone, Debug, Default)]
pub(super) struct KeyState {
    pub(super) string: Option<StringRow>,
    /// The key without a prefix, where those count as strings.
    pub(super) bare: Option<RowLocation>,
    pub(super) hll: Option<RowLocation>,
    pub(super) index: Option<Index>,
    rows: [Rows; Collection::ALL.len()],
    /// Numbers of the runs in which the elements stand, ascending: several only where list names imitate positions.
    runs: [Vec<u64>; Collection::ALL.len()],
}

/// The `!redis|str|` row of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum StringRow {
    /// Nothing is left to do.
    Done { expiry: Option<UnixMs> },
    /// The whole value is the body; not yet written.
    Legacy { place: RowLocation },
}

/// The index row of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Index {
    /// Unix ms; `None` when the row has the wrong length.
    pub(super) expiry: Option<UnixMs>,
    pub(super) commit_ts: Hlc,
    pub(super) place: RowLocation,
}

/// What a Redis key is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LiveType {
    Nothing,
    String,
    Hll,
    Collection(Collection),
}

impl LiveType {
    pub(super) fn name(self) -> &'static str {
        match self {
            LiveType::Nothing => "none",
            LiveType::String => "string",
            LiveType::Hll => "hll",
            LiveType::Collection(collection) => collection.name(),
        }
    }
}

impl KeyState {
    pub(super) fn rows(&self, collection: Collection) -> Rows {
        self.rows.get(collection as usize).copied().unwrap_or_default()
    }

    /// Returns the numbers of the runs in which the elements stand.
    pub(super) fn runs(&self, collection: Collection) -> &[u64] {
        self.runs.get(collection as usize).map_or(&[], Vec::as_slice)
    }

    /// Adds a record.
    pub(super) fn add(&mut self, fact: KeyRecord<'_>) {
        match fact {
            KeyRecord::String { expiry } => self.string = Some(StringRow::Done { expiry }),
            KeyRecord::LegacyString { place } => self.string = Some(StringRow::Legacy { place }),
            KeyRecord::Bare { place } => self.bare = Some(place),
            KeyRecord::Hll { place } => self.hll = Some(place),
            KeyRecord::Index { place, commit_ts, value } => {
                let expiry = value.try_into().ok().map(|ms| expiry::clamp(UnixMs(u64::from_be_bytes(ms))));
                self.index = Some(Index { expiry, commit_ts, place });
            }
            KeyRecord::Meta { collection, place, commit_ts, value } => {
                let meta = Meta::parse(collection, value);
                self.change(collection, |rows| rows.meta = Some(BaseMeta { place, commit_ts, meta }));
            }
            KeyRecord::Deltas(deltas) => self.change(deltas.collection, |rows| {
                rows.deltas = Some(match rows.deltas {
                    None => deltas,
                    Some(before) => before.and(deltas),
                });
            }),
            KeyRecord::Elements(Elements { collection, rows: count, run }) => {
                self.change(collection, |rows| rows.elements += count);
                if let Some(runs) = self.runs.get_mut(collection as usize) {
                    runs.push(run);
                }
            }
            KeyRecord::Blob { collection, place } => self.change(collection, |rows| rows.blob = Some(place)),
        }
    }

    fn change(&mut self, collection: Collection, change: impl FnOnce(&mut Rows)) {
        if let Some(rows) = self.rows.get_mut(collection as usize) {
            change(rows);
        }
    }

    /// Decides what the key is: the first hit counts, whether it has expired or not.
    pub(super) fn resolve_type(&self) -> LiveType {
        if self.string.is_some() || self.bare.is_some() {
            return LiveType::String;
        }
        if self.hll.is_some() {
            return LiveType::Hll;
        }
        let made = |&collection: &Collection| self.rows(collection).make(collection);
        let blob = |&collection: &Collection| self.rows(collection).blob.is_some();
        let [list, hash, set, zset, stream] = Collection::ALL;
        [list, hash, set, zset]
            .into_iter()
            .find(made)
            .or_else(|| [hash, set, zset].into_iter().find(blob))
            .or_else(|| [stream].into_iter().find(|stream| made(stream) || blob(stream)))
            .map_or(LiveType::Nothing, LiveType::Collection)
    }

    /// Lists what a live type hides: name and number of rows. An HLL is not among it.
    pub(super) fn hidden_by(&self, live_type: LiveType) -> impl Iterator<Item = (&'static str, u64)> {
        Collection::ALL
            .into_iter()
            .flat_map(move |collection| {
                let rows = self.rows(collection);
                let wins = live_type == LiveType::Collection(collection);
                let elements = if wins { 0 } else { rows.hidden(collection) };
                let blob_is_read = wins && !rows.blob_is_superseded(collection);
                let blob = u64::from(rows.blob.is_some() && !blob_is_read);
                [(collection.name(), elements), (collection.blob_name(), blob)]
            })
            .filter(|&(_, rows)| rows > 0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::key_record::Deltas;
    use super::*;

    const PLACE: RowLocation = RowLocation::new(0, 0);

    fn meta(collection: Collection) -> KeyRecord<'static> {
        KeyRecord::Meta { collection, place: PLACE, commit_ts: Hlc(7), value: &[0; 24] }
    }

    fn elements(collection: Collection) -> KeyRecord<'static> {
        KeyRecord::Elements(Elements { collection, rows: 2, run: 0 })
    }

    fn deltas(collection: Collection) -> KeyRecord<'static> {
        KeyRecord::Deltas(Deltas {
            collection,
            rows: 3,
            length: 1,
            head: 0,
            oldest: Hlc(9),
            newest: Hlc(9),
            malformed: None,
        })
    }

    fn blob(collection: Collection) -> KeyRecord<'static> {
        KeyRecord::Blob { collection, place: PLACE }
    }

    fn state(records: &[KeyRecord<'_>]) -> KeyState {
        let mut state = KeyState::default();
        for &fact in records {
            state.add(fact);
        }
        state
    }

    fn hidden(state: &KeyState) -> Vec<(&'static str, u64)> {
        state.hidden_by(state.resolve_type()).collect()
    }

    #[test]
    fn elements_alone_make_no_list_and_no_stream() {
        let list = state(&[elements(Collection::List), elements(Collection::Set)]);
        assert_eq!(list.resolve_type(), LiveType::Collection(Collection::Set));
        assert_eq!(list.rows(Collection::List).orphans(Collection::List), 2);
        assert_eq!(hidden(&list), []);
        let stream = state(&[elements(Collection::Stream)]);
        assert_eq!(stream.resolve_type(), LiveType::Nothing);
        assert_eq!(stream.rows(Collection::Stream).orphans(Collection::Stream), 2);
    }

    #[test]
    fn a_delta_alone_decides_and_hides_nothing_by_itself() {
        let both = state(&[deltas(Collection::Hash), elements(Collection::Set)]);
        assert_eq!(both.resolve_type(), LiveType::Collection(Collection::Hash));
        assert_eq!(hidden(&both), [("set", 2)]);
        let string = state(&[KeyRecord::String { expiry: None }, deltas(Collection::Hash)]);
        assert_eq!(hidden(&string), []);
    }

    #[test]
    fn hidden_rows_are_counted_by_type() {
        let all = state(&[
            KeyRecord::String { expiry: None },
            meta(Collection::List),
            elements(Collection::List),
            deltas(Collection::List),
            blob(Collection::Hash),
        ]);
        assert_eq!(hidden(&all), [("list", 6), ("hash_blob", 1)]);
    }

    #[test]
    fn rows_supersede_a_blob_of_their_type_and_a_meta_does_not() {
        let rows = state(&[elements(Collection::Zset), blob(Collection::Zset)]);
        assert_eq!(hidden(&rows), [("zset_blob", 1)]);
        let base = state(&[meta(Collection::Zset), blob(Collection::Zset)]);
        assert_eq!(hidden(&base), []);
        let stream = state(&[meta(Collection::Stream), blob(Collection::Stream)]);
        assert_eq!(hidden(&stream), [("stream_blob", 1)]);
    }

    #[test]
    fn runs_of_one_collection_add_up() {
        let twice = state(&[
            deltas(Collection::List),
            KeyRecord::Elements(Elements { collection: Collection::List, rows: 2, run: 4 }),
            KeyRecord::Elements(Elements { collection: Collection::List, rows: 1, run: 6 }),
            deltas(Collection::List),
        ]);
        let rows = twice.rows(Collection::List);
        assert_eq!((rows.elements, twice.runs(Collection::List)), (3, &[4, 6][..]));
        assert_eq!(rows.deltas.map(|deltas| (deltas.rows, deltas.length)), Some((6, 2)));
    }

    #[test]
    fn an_index_value_has_eight_bytes() {
        for length in 0..=10 {
            let value = vec![0xff; length];
            let index =
                state(&[KeyRecord::Index { place: PLACE, commit_ts: Hlc(1), value: &value }]).index.unwrap();
            assert_eq!(index.expiry, (length == 8).then_some(UnixMs((1 << 63) - 1)));
        }
    }

    /// The list of `reading/redis.md#type-of-a-key`, line by line.
    fn slow_type(records: &[KeyRecord<'_>]) -> LiveType {
        use Collection::{Hash, List, Set, Stream, Zset};
        let rules = [
            (LiveType::String, vec![KeyRecord::String { expiry: None }, KeyRecord::Bare { place: PLACE }]),
            (LiveType::Hll, vec![KeyRecord::Hll { place: PLACE }]),
            (LiveType::Collection(List), vec![meta(List), deltas(List)]),
            (LiveType::Collection(Hash), vec![elements(Hash), meta(Hash), deltas(Hash)]),
            (LiveType::Collection(Set), vec![elements(Set), meta(Set), deltas(Set)]),
            (LiveType::Collection(Zset), vec![elements(Zset), meta(Zset), deltas(Zset)]),
            (LiveType::Collection(Hash), vec![blob(Hash)]),
            (LiveType::Collection(Set), vec![blob(Set)]),
            (LiveType::Collection(Zset), vec![blob(Zset)]),
            (LiveType::Collection(Stream), vec![meta(Stream), blob(Stream)]),
        ];
        let hit = |(_, any): &&(LiveType, Vec<KeyRecord<'_>>)| any.iter().any(|fact| records.contains(fact));
        rules.iter().find(hit).map_or(LiveType::Nothing, |(live_type, _)| *live_type)
    }

    fn every_fact() -> Vec<KeyRecord<'static>> {
        let mut records = vec![
            KeyRecord::String { expiry: None },
            KeyRecord::Bare { place: PLACE },
            KeyRecord::Hll { place: PLACE },
        ];
        for collection in Collection::ALL {
            records.extend([meta(collection), elements(collection)]);
            records.extend(collection.deltas().map(|_| deltas(collection)));
            records.extend(collection.blob().map(|_| blob(collection)));
        }
        records
    }

    proptest! {
        #[test]
        fn the_winner_is_the_first_rule_that_hits(
            records in proptest::sample::subsequence(every_fact(), 0..=every_fact().len()).prop_shuffle(),
        ) {
            let state = state(&records);
            prop_assert_eq!(state.resolve_type(), slow_type(&records));
            let wins = state.resolve_type() == LiveType::Nothing;
            prop_assert!(!wins || hidden(&state).is_empty());
        }
    }

    #[test]
    fn a_stream_is_made_by_its_meta_or_its_blob_alone_and_each_type_has_its_name() {
        let stream = Collection::Stream;
        for record in [meta(stream), blob(stream)] {
            assert_eq!(state(&[record]).resolve_type(), LiveType::Collection(stream));
        }
        let names = [LiveType::Nothing, LiveType::String, LiveType::Hll, LiveType::Collection(stream)];
        assert_eq!(names.map(LiveType::name), ["none", "string", "hll", stream.name()]);
    }
}
