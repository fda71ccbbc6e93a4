//! One file an item: `items/<hash>.json`, `items/<hash>/<range>.json` (`tree/dynamodb.md#paths`, `compat.md#two-items-of-one-file-name`, `compat.md#dot-segments`, `compat.md#empty-hash-keys`).
//!
//! In: items. Out: a file each. A tree on the disk itself knows which names are taken, so nothing is kept for the items
//! that are written; in a tree of digests their [claims](Claims) are decided at the end of the table. In a tree of one
//! share the [names](Names) of all items are kept, those of other shares too.

use super::claims::Claims;
use super::fallback::Fallbacks;
use super::name::{ItemName, Originals};
use super::render;
use crate::error::{Error, Result};
use crate::event::Class;
use crate::layout::file_writer::{FileBuffer, FileWriter};
use crate::model::dynamodb::Item;
use crate::model::{Answer, Refusal};
use crate::report::Report;
use crate::tree::archive::Names;
use crate::tree::{self, ErrorKind, Tree};

/// Writes the items of one table.
#[derive(Debug)]
pub(super) struct PerItem {
    /// `dynamodb/<table>/items/`, then the path of the item at hand.
    path: Vec<u8>,
    directory: usize,
    buffer: FileBuffer,
    items: u64,
    claims: Option<Claims>,
    /// In a tree of one share.
    names: Option<Names>,
}

impl PerItem {
    /// Writes into the directory `items/` of a table's directory; `sharded` says that other shares have items too.
    pub(super) fn new(tree: &Tree, table_directory: &[u8], sharded: bool) -> Self {
        let path = [table_directory, b"/items/"].concat();
        let claims = (!sharded && !tree.knows_names()).then(|| Claims::new(tree.scratch()));
        let names = sharded.then(|| Names::new(tree.scratch()));
        Self { directory: path.len(), path, buffer: FileBuffer::default(), items: 0, claims, names }
    }

    /// Returns the path of the last item.
    pub(super) fn path(&self) -> &[u8] {
        &self.path
    }

    /// Writes an item, or says why it has no place.
    pub(super) fn put(
        &mut self,
        tree: &mut Tree,
        fallbacks: &mut Fallbacks,
        item: &Item<'_>,
    ) -> Result<Answer> {
        let originals = Originals::of(&item.keys);
        if self.claims.is_some() {
            return self.claim(tree, originals, item);
        }
        if let Some(answer) = self.write(tree, fallbacks, &ItemName::plain(originals), item)? {
            return Ok(answer);
        }
        let name = ItemName::taken(Originals::of(&item.keys));
        Ok(self.write(tree, fallbacks, &name, item)?.unwrap_or_else(|| Answer::Refused(no_name())))
    }

    /// Takes the name of an item of another share, as [`Self::put`] does for one of this share.
    pub(super) fn reserve(&mut self, item: &Item<'_>) -> Result<()> {
        for name in [ItemName::plain, ItemName::taken].map(|name| name(Originals::of(&item.keys))) {
            self.path.truncate(self.directory);
            name.push(&mut self.path);
            if name.too_long(&self.path).is_some() {
                break;
            }
            if self.claim_name()? {
                self.items += 1;
                break;
            }
        }
        Ok(())
    }

    /// Takes the name at hand, where the tree alone does not know; `false` where another item has it.
    fn claim_name(&mut self) -> Result<bool> {
        let Some(names) = &mut self.names else { return Ok(true) };
        let items = self.path.get(..self.directory.saturating_sub(1)).unwrap_or_default();
        Ok(names.claim(&self.path, items).map_err(|error| tree::Error::at(&self.path, error))?)
    }

    /// Writes an item under a name; `None` when it is taken.
    fn write(
        &mut self,
        tree: &mut Tree,
        fallbacks: &mut Fallbacks,
        name: &ItemName,
        item: &Item<'_>,
    ) -> Result<Option<Answer>> {
        self.path.truncate(self.directory);
        let directory_end = name.push(&mut self.path);
        if let Some(message) = name.too_long(&self.path) {
            return Ok(Some(Answer::Refused(line_too_long(message))));
        }
        if !self.claim_name()? {
            return Ok(None);
        }
        let mut page = FileWriter { buffer: &mut self.buffer, tree, path: &self.path };
        let rendered = render::item(&mut page, &item.attributes, render::Layout::Indented);
        match rendered.and_then(|unservable| page.finish().map(|()| unservable)) {
            Ok(unservable) => item.unservable.set(unservable),
            Err(Error::Dump(tree::Error { kind: ErrorKind::Taken, .. })) => {
                self.buffer.discard();
                return Ok(None);
            }
            Err(error) => return Err(error),
        }
        self.items += 1;
        name.note(fallbacks, &self.path, directory_end, self.items)?;
        Ok(Some(Answer::Taken))
    }

    /// Notes what an item claims of names.
    fn claim(&mut self, tree: &Tree, originals: Originals, item: &Item<'_>) -> Result<Answer> {
        let name = ItemName::plain(originals.clone());
        self.path.truncate(self.directory);
        name.push(&mut self.path);
        if let Some(message) = name.too_long(&self.path) {
            return Ok(Answer::Refused(line_too_long(message)));
        }
        self.items += 1;
        let path = self.path.split_at(self.directory);
        if let Some(claims) = &mut self.claims {
            claims.push(tree, path, self.items, (name.sha_form(), originals), item)?;
        }
        Ok(Answer::Taken)
    }

    /// Decides what was left open; returns the number of items that have a file.
    pub(super) fn finish(
        mut self,
        tree: &mut Tree,
        fallbacks: &mut Fallbacks,
        report: &mut Report<'_>,
        table: &[u8],
    ) -> Result<u64> {
        self.path.truncate(self.directory);
        let refused = match self.claims {
            Some(claims) => claims.decide(tree, &self.path, fallbacks, report, table)?,
            None => 0,
        };
        Ok(self.items - refused)
    }
}

/// Says that both names of an item are taken.
pub(super) fn no_name() -> Refusal {
    let message = "other items have its name and its fallback name".to_owned();
    Refusal { class: Class::DDB_INVALID_ITEM, message }
}

/// Says that no reader would take the KEYMAP line of a name.
pub(super) fn line_too_long(message: String) -> Refusal {
    Refusal { class: Class::KEYMAP_LINE_TOO_LONG, message }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::super::fixture::item;
    use super::*;
    use crate::model::dynamodb::KeyValue::{self, B, N, S};
    use crate::model::dynamodb::KeyValues;
    use crate::model::dynamodb::key::OrderedKey;
    use crate::tree::TreeOptions;

    struct Table {
        _parent: tempfile::TempDir,
        tree: Tree,
        fallbacks: Fallbacks,
        files: PerItem,
    }

    impl Table {
        fn new() -> Self {
            let parent = tempfile::tempdir().unwrap();
            let tree = Tree::create(&parent.path().join("out"), &TreeOptions::default()).unwrap();
            let fallbacks = Fallbacks::new(tree.scratch());
            let files = PerItem::new(&tree, b"t", false);
            Self { _parent: parent, tree, fallbacks, files }
        }

        /// Writes an item, and says where.
        fn put(&mut self, hash: KeyValue<'_>, range: Option<KeyValue<'_>>) -> Option<String> {
            let item = item(KeyValues { hash, range }, b"", b"");
            let answer = self.files.put(&mut self.tree, &mut self.fallbacks, &item).unwrap();
            let path = std::str::from_utf8(self.files.path()).unwrap().strip_prefix("t/items/").unwrap();
            (answer == Answer::Taken).then(|| path.to_owned())
        }
    }

    #[test]
    fn a_hash_only_table_has_a_file_an_item() {
        let mut table = Table::new();
        for (key, path) in [
            (S("sess:1"), "sess%3A1.json"),
            (S(""), ".json"),
            (S("."), "..json"),
            (S(".."), "...json"),
            (B(b""), "b64..json"),
            (B(b"\0\x01\x02"), "b64.AAEC.json"),
            (N("-12.50"), "-25%2F2.json"),
            (N(" abc "), "abc.json"),
        ] {
            assert_eq!(table.put(key, None).as_deref(), Some(path), "{key:?}");
        }
    }

    #[test]
    fn a_composite_table_has_a_directory_a_hash() {
        let mut table = Table::new();
        for (hash, range, path) in [
            (S("a"), N("0.5"), "a/1%2F2.json"),
            (S("a"), S(""), "a/.json"),
            (S("a"), S(".."), "a/...json"),
            (S(""), S("r"), "r.json"),
            (B(b""), S("r"), "b64./r.json"),
            (
                S(".."),
                S("b64.foo"),
                "5ec1f7e700f37c3d0b2981d04855fc34__../72ef1a090c013093607ce5a62f598cf4__b64.foo.json",
            ),
        ] {
            assert_eq!(table.put(hash, Some(range)).as_deref(), Some(path), "{hash:?} {range:?}");
        }
    }

    #[test]
    fn the_first_item_keeps_a_name_and_the_next_two_do_not() {
        let mut table = Table::new();
        assert_eq!(table.put(N("1.0"), None).as_deref(), Some("1.json"));
        assert_eq!(table.put(S("1"), None).as_deref(), Some("de34ad408f982bb1b98fa8fac630ce99__1.json"));
        assert_eq!(table.put(S("1"), None), None);
    }

    #[test]
    fn of_a_taken_path_both_segments_are_replaced() {
        let mut table = Table::new();
        assert_eq!(table.put(N("1"), Some(S("a"))).as_deref(), Some("1/a.json"));
        assert_eq!(
            table.put(S("1"), Some(S("a"))).as_deref(),
            Some("de34ad408f982bb1b98fa8fac630ce99__1/706aec1d85c02a09ac2f180367842c93__a.json")
        );
    }

    #[test]
    fn a_file_and_a_directory_of_one_name_make_room_for_each_other() {
        let mut table = Table::new();
        assert_eq!(table.put(S(""), Some(S("x"))).as_deref(), Some("x.json"));
        assert_eq!(
            table.put(S("x.json"), Some(S("y"))).as_deref(),
            Some("b434172c68c43a51890a5543b59b964f__x.json/791a4ff755458026cfda0ebf4e738891__y.json")
        );
        assert_eq!(table.put(S("z.json"), Some(S("y"))).as_deref(), Some("z.json/y.json"));
        assert!(table.put(S(""), Some(S("z"))).unwrap().ends_with("__z.json"));
    }

    fn key() -> impl Strategy<Value = (char, String)> {
        let text = prop_oneof![
            prop::sample::select(vec![
                "",
                ".",
                "..",
                "a",
                "a.json",
                "1",
                "1/2",
                "b64.",
                "b64.YQ",
                "1.json",
                "-1",
                "1e1000001"
            ])
            .prop_map(str::to_owned),
            Just("de34ad408f982bb1b98fa8fac630ce99__1".to_owned()),
            "[.%/z\u{e9}]{1,3}",
            "a{239,242}",
        ];
        let number =
            prop::sample::select(vec!["0", "1", "1.0", "0.5", "-1", "1e1000001", "10e1000001", "1e-1000001"]);
        prop_oneof![
            text.clone().prop_map(|text| ('S', text)),
            text.prop_map(|text| ('B', text)),
            number.prop_map(|text| ('N', text.to_owned())),
        ]
    }

    fn value((letter, text): &(char, String)) -> KeyValue<'_> {
        match letter {
            'S' => S(text),
            'N' => N(text),
            _ => B(text.as_bytes()),
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn any_two_items_of_a_table_have_different_paths(
            keys in prop::collection::vec((key(), key()), 1..40), composite: bool
        ) {
            let mut items = BTreeMap::new();
            for (hash, range) in &keys {
                let keys = KeyValues { hash: value(hash), range: composite.then(|| value(range)) };
                items.entry(OrderedKey::default().identity(&keys).to_vec()).or_insert(keys);
            }
            let mut table = Table::new();
            let mut paths = std::collections::BTreeSet::new();
            for keys in items.values() {
                let path = table.put(keys.hash, keys.range);
                prop_assert!(path.is_some_and(|path| paths.insert(path)), "{:?}", keys);
            }
        }
    }
}
