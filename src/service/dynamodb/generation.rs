//! Which generations of a table are live, and how their keys are laid out (`reading/dynamodb.md#generations`).

use crate::model::dynamodb::Schema;

/// How the primary keys of a generation are laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum KeyLayout {
    /// Segments that sort as the values do (`format/dynamodb.md#ordered-primary-key`).
    Ordered,
    /// base64url texts (`format/dynamodb.md#legacy-primary-key`).
    Legacy,
    /// Both: a migration onto its own generation.
    Either,
}

/// The live generations of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Generations {
    active: (u64, KeyLayout),
    source: Option<(u64, KeyLayout)>,
}

impl Generations {
    /// Reads the three fields of a schema.
    pub(super) fn of(schema: &Schema) -> Self {
        Self::new(schema.generation, schema.migrating_from, schema.key_encoding_version)
    }

    fn new(active: u64, migrating_from: u64, key_encoding_version: u64) -> Self {
        let ordered = key_encoding_version >= 2;
        let layout = match ordered {
            true if migrating_from != 0 && migrating_from == active => KeyLayout::Either,
            true => KeyLayout::Ordered,
            false => KeyLayout::Legacy,
        };
        let source =
            (migrating_from != 0 && migrating_from != active).then_some((migrating_from, KeyLayout::Legacy));
        Self { active: (active, layout), source }
    }

    /// Lists the live generations: the active one, then the one that a migration reads.
    pub(super) fn live(self) -> impl Iterator<Item = (u64, KeyLayout)> {
        std::iter::once(self.active).chain(self.source)
    }

    /// Whether two rows can be one item (`reading/dynamodb.md#procedure`: states 2 and 3), so that they have to be compared.
    pub(super) fn needs_comparison(self) -> bool {
        self.active.1 != KeyLayout::Ordered || self.source.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn live(generations: Generations) -> Vec<(u64, KeyLayout)> {
        generations.live().collect()
    }

    #[test]
    fn an_ordered_table_has_one_generation_without_contest() {
        let table = Generations::new(3, 0, 2);
        assert_eq!(live(table), [(3, KeyLayout::Ordered)]);
        assert!(!table.needs_comparison());
    }

    #[test]
    fn a_migration_reads_its_legacy_source() {
        let table = Generations::new(2, 1, 2);
        assert_eq!(live(table), [(2, KeyLayout::Ordered), (1, KeyLayout::Legacy)]);
        assert!(table.needs_comparison());
    }

    #[test]
    fn a_table_not_yet_migrated_is_legacy_also_with_generation_0_or_a_source() {
        assert_eq!(live(Generations::new(0, 0, 1)), [(0, KeyLayout::Legacy)]);
        assert_eq!(live(Generations::new(2, 1, 1)), [(2, KeyLayout::Legacy), (1, KeyLayout::Legacy)]);
        assert_eq!(live(Generations::new(2, 2, 0)), [(2, KeyLayout::Legacy)]);
        assert!(Generations::new(0, 0, 0).needs_comparison());
    }

    #[test]
    fn a_migration_onto_itself_has_both_layouts_in_one_generation() {
        assert_eq!(live(Generations::new(1, 1, 2)), [(1, KeyLayout::Either)]);
        assert!(Generations::new(1, 1, 2).needs_comparison());
    }
}
