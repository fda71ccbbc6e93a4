//! Everything that stands under one Redis key, and which of it the key is (`redis.md` 3.1).

use super::collection::Collection;
use super::expiry;
use super::fact::{Elements, Fact};
use super::meta::Meta;
use super::rows::{BaseMeta, Rows};
use crate::store::RowLocation;

/// The facts about one Redis key, put together.
#[derive(Clone, Debug, Default)]
pub(super) struct Group {
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
    Settled { expiry: Option<u64> },
    /// The whole value is the body; not yet written.
    Legacy { place: RowLocation },
}

/// The index row of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Index {
    /// Unix ms; `None` when the row has the wrong length.
    pub(super) expiry: Option<u64>,
    pub(super) commit_ts: u64,
    pub(super) place: RowLocation,
}

/// What a Redis key is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Winner {
    Nothing,
    String,
    Hll,
    Collection(Collection),
}

impl Winner {
    pub(super) fn name(self) -> &'static str {
        match self {
            Winner::Nothing => "none",
            Winner::String => "string",
            Winner::Hll => "hll",
            Winner::Collection(collection) => collection.name(),
        }
    }
}

impl Group {
    pub(super) fn rows(&self, collection: Collection) -> Rows {
        self.rows.get(collection as usize).copied().unwrap_or_default()
    }

    /// Returns the numbers of the runs in which the elements stand.
    pub(super) fn runs(&self, collection: Collection) -> &[u64] {
        self.runs.get(collection as usize).map_or(&[], Vec::as_slice)
    }

    /// Adds a fact.
    pub(super) fn add(&mut self, fact: Fact<'_>) {
        match fact {
            Fact::String { expiry } => self.string = Some(StringRow::Settled { expiry }),
            Fact::LegacyString { place } => self.string = Some(StringRow::Legacy { place }),
            Fact::Bare { place } => self.bare = Some(place),
            Fact::Hll { place } => self.hll = Some(place),
            Fact::Index { place, commit_ts, value } => {
                let expiry = value.try_into().ok().map(|ms| expiry::clamp(u64::from_be_bytes(ms)));
                self.index = Some(Index { expiry, commit_ts, place });
            }
            Fact::Meta { collection, place, commit_ts, value } => {
                let meta = Meta::parse(collection, value);
                self.change(collection, |rows| rows.meta = Some(BaseMeta { place, commit_ts, meta }));
            }
            Fact::Deltas(deltas) => self.change(deltas.collection, |rows| {
                rows.deltas = Some(match rows.deltas {
                    None => deltas,
                    Some(before) => before.and(deltas),
                });
            }),
            Fact::Elements(Elements { collection, rows: count, run }) => {
                self.change(collection, |rows| rows.elements += count);
                if let Some(runs) = self.runs.get_mut(collection as usize) {
                    runs.push(run);
                }
            }
            Fact::Blob { collection, place } => self.change(collection, |rows| rows.blob = Some(place)),
        }
    }

    fn change(&mut self, collection: Collection, change: impl FnOnce(&mut Rows)) {
        if let Some(rows) = self.rows.get_mut(collection as usize) {
            change(rows);
        }
    }

    /// Decides what the key is: the first hit counts, whether it has expired or not.
    pub(super) fn winner(&self) -> Winner {
        if self.string.is_some() || self.bare.is_some() {
            return Winner::String;
        }
        if self.hll.is_some() {
            return Winner::Hll;
        }
        let made = |&collection: &Collection| self.rows(collection).make(collection);
        let blob = |&collection: &Collection| self.rows(collection).blob.is_some();
        let [list, hash, set, zset, stream] = Collection::ALL;
        [list, hash, set, zset]
            .into_iter()
            .find(made)
            .or_else(|| [hash, set, zset].into_iter().find(blob))
            .or_else(|| [stream].into_iter().find(|stream| made(stream) || blob(stream)))
            .map_or(Winner::Nothing, Winner::Collection)
    }

    /// Lists what a winner hides: name and number of rows. An HLL is not among it.
    pub(super) fn hidden_by(&self, winner: Winner) -> impl Iterator<Item = (&'static str, u64)> {
        Collection::ALL
            .into_iter()
            .flat_map(move |collection| {
                let rows = self.rows(collection);
                let wins = winner == Winner::Collection(collection);
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

    use super::super::fact::Deltas;
    use super::*;

    const PLACE: RowLocation = RowLocation::new(0, 0);

    fn meta(collection: Collection) -> Fact<'static> {
        Fact::Meta { collection, place: PLACE, commit_ts: 7, value: &[0; 24] }
    }

    fn elements(collection: Collection) -> Fact<'static> {
        Fact::Elements(Elements { collection, rows: 2, run: 0 })
    }

    fn deltas(collection: Collection) -> Fact<'static> {
        Fact::Deltas(Deltas {
            collection,
            rows: 3,
            length: 1,
            head: 0,
            oldest: 9,
            newest: 9,
            malformed: None,
        })
    }

    fn blob(collection: Collection) -> Fact<'static> {
        Fact::Blob { collection, place: PLACE }
    }

    fn group(facts: &[Fact<'_>]) -> Group {
        let mut group = Group::default();
        for &fact in facts {
            group.add(fact);
        }
        group
    }

    fn hidden(group: &Group) -> Vec<(&'static str, u64)> {
        group.hidden_by(group.winner()).collect()
    }

    #[test]
    fn elements_alone_make_no_list_and_no_stream() {
        let list = group(&[elements(Collection::List), elements(Collection::Set)]);
        assert_eq!(list.winner(), Winner::Collection(Collection::Set));
        assert_eq!(list.rows(Collection::List).orphans(Collection::List), 2);
        assert_eq!(hidden(&list), []);
        let stream = group(&[elements(Collection::Stream)]);
        assert_eq!(stream.winner(), Winner::Nothing);
        assert_eq!(stream.rows(Collection::Stream).orphans(Collection::Stream), 2);
    }

    #[test]
    fn a_delta_alone_decides_and_hides_nothing_by_itself() {
        let both = group(&[deltas(Collection::Hash), elements(Collection::Set)]);
        assert_eq!(both.winner(), Winner::Collection(Collection::Hash));
        assert_eq!(hidden(&both), [("set", 2)]);
        let string = group(&[Fact::String { expiry: None }, deltas(Collection::Hash)]);
        assert_eq!(hidden(&string), []);
    }

    #[test]
    fn hidden_rows_are_counted_by_type() {
        let all = group(&[
            Fact::String { expiry: None },
            meta(Collection::List),
            elements(Collection::List),
            deltas(Collection::List),
            blob(Collection::Hash),
        ]);
        assert_eq!(hidden(&all), [("list", 6), ("hash_blob", 1)]);
    }

    #[test]
    fn rows_supersede_a_blob_of_their_type_and_a_meta_does_not() {
        let rows = group(&[elements(Collection::Zset), blob(Collection::Zset)]);
        assert_eq!(hidden(&rows), [("zset_blob", 1)]);
        let base = group(&[meta(Collection::Zset), blob(Collection::Zset)]);
        assert_eq!(hidden(&base), []);
        let stream = group(&[meta(Collection::Stream), blob(Collection::Stream)]);
        assert_eq!(hidden(&stream), [("stream_blob", 1)]);
    }

    #[test]
    fn runs_of_one_collection_add_up() {
        let twice = group(&[
            deltas(Collection::List),
            Fact::Elements(Elements { collection: Collection::List, rows: 2, run: 4 }),
            Fact::Elements(Elements { collection: Collection::List, rows: 1, run: 6 }),
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
            let index = group(&[Fact::Index { place: PLACE, commit_ts: 1, value: &value }]).index.unwrap();
            assert_eq!(index.expiry, (length == 8).then_some((1 << 63) - 1));
        }
    }

    /// The list of `redis.md` 3.1, line by line.
    fn slow_winner(facts: &[Fact<'_>]) -> Winner {
        use Collection::{Hash, List, Set, Stream, Zset};
        let rules = [
            (Winner::String, vec![Fact::String { expiry: None }, Fact::Bare { place: PLACE }]),
            (Winner::Hll, vec![Fact::Hll { place: PLACE }]),
            (Winner::Collection(List), vec![meta(List), deltas(List)]),
            (Winner::Collection(Hash), vec![elements(Hash), meta(Hash), deltas(Hash)]),
            (Winner::Collection(Set), vec![elements(Set), meta(Set), deltas(Set)]),
            (Winner::Collection(Zset), vec![elements(Zset), meta(Zset), deltas(Zset)]),
            (Winner::Collection(Hash), vec![blob(Hash)]),
            (Winner::Collection(Set), vec![blob(Set)]),
            (Winner::Collection(Zset), vec![blob(Zset)]),
            (Winner::Collection(Stream), vec![meta(Stream), blob(Stream)]),
        ];
        let hit = |(_, any): &&(Winner, Vec<Fact<'_>>)| any.iter().any(|fact| facts.contains(fact));
        rules.iter().find(hit).map_or(Winner::Nothing, |(winner, _)| *winner)
    }

    fn every_fact() -> Vec<Fact<'static>> {
        let mut facts =
            vec![Fact::String { expiry: None }, Fact::Bare { place: PLACE }, Fact::Hll { place: PLACE }];
        for collection in Collection::ALL {
            facts.extend([meta(collection), elements(collection)]);
            facts.extend(collection.deltas().map(|_| deltas(collection)));
            facts.extend(collection.blob().map(|_| blob(collection)));
        }
        facts
    }

    proptest! {
        #[test]
        fn the_winner_is_the_first_rule_that_hits(
            facts in proptest::sample::subsequence(every_fact(), 0..=every_fact().len()).prop_shuffle(),
        ) {
            let group = group(&facts);
            prop_assert_eq!(group.winner(), slow_winner(&facts));
            let wins = group.winner() == Winner::Nothing;
            prop_assert!(!wins || hidden(&group).is_empty());
        }
    }
}
