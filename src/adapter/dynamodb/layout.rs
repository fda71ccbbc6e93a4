//! One file an item: `items/<hash>.json`, `items/<hash>/<range>.json` (`dynamodb.md` 4.1; 10: D6, L5, L8).
//!
//! In: key values and what writes the JSON of an item. Out: a file. The tree itself knows which names are taken, so nothing
//! is kept for the items that are written.

use super::fallback::{Fallbacks, Reason};
use super::identity::{KeyValue, KeyValues};
use crate::dump::layout::file_writer::{FileBuffer, FileWriter};
use crate::dump::{self, ErrorKind, Tree, keymap, segment};
use crate::error::{Error, Result};

const SUFFIX: &[u8] = b".json";

/// Writes the items of one table.
#[derive(Debug)]
pub(super) struct PerItem {
    /// `dynamodb/<table>/items/`, then the path of the item at hand.
    path: Vec<u8>,
    directory: usize,
    buffer: FileBuffer,
}

/// One component of a path: hash or range.
struct Name {
    /// The component without its suffix; empty only for an empty key.
    text: String,
    /// What it stands for.
    original: Vec<u8>,
    /// Set for a name in SHA form.
    fallback: Option<Reason>,
}

impl PerItem {
    /// Writes into the directory `items/` of a table's directory.
    pub fn new(table_directory: &[u8]) -> Self {
        let path = [table_directory, b"/items/"].concat();
        Self { directory: path.len(), path, buffer: FileBuffer::default() }
    }

    /// Returns the path of the last item.
    pub fn path(&self) -> &[u8] {
        &self.path
    }

    /// Writes an item, whose JSON `json` appends, perhaps twice; or says why it has no place.
    pub fn put(
        &mut self,
        tree: &mut Tree,
        fallbacks: &mut Fallbacks,
        keys: &KeyValues<'_>,
        json: &mut dyn FnMut(&mut FileWriter<'_>) -> Result<()>,
    ) -> Result<Put> {
        let plain = [
            Some(Name::plain(keys.hash, keys.range.is_some())),
            keys.range.map(|key| Name::plain(key, false)),
        ];
        match self.write(tree, fallbacks, plain, json)? {
            Put::Taken => {}
            other => return Ok(other),
        }
        let names = [
            Some(Name::taken(keys.hash, keys.range.is_some())),
            keys.range.map(|key| Name::taken(key, false)),
        ];
        self.write(tree, fallbacks, names, json)
    }

    fn write(
        &mut self,
        tree: &mut Tree,
        fallbacks: &mut Fallbacks,
        names: [Option<Name>; 2],
        json: &mut dyn FnMut(&mut FileWriter<'_>) -> Result<()>,
    ) -> Result<Put> {
        self.path.truncate(self.directory);
        let [hash, range] = names;
        let (directory, file) = match (hash, range) {
            (hash, Some(range)) => (hash, Some(range)),
            (hash, None) => (None, hash),
        };
        // An empty hash has no directory of its own (10, L8).
        let mut directory_end = self.path.len();
        if let Some(name) = directory.as_ref().filter(|name| !name.text.is_empty()) {
            self.path.extend_from_slice(name.text.as_bytes());
            directory_end = self.path.len();
            self.path.push(b'/');
        }
        if let Some(name) = &file {
            self.path.extend_from_slice(name.text.as_bytes());
        }
        self.path.extend_from_slice(SUFFIX);
        for name in [&directory, &file].into_iter().flatten().filter(|name| name.fallback.is_some()) {
            if let Some(message) = keymap::too_long(&self.path, &name.original) {
                return Ok(Put::KeymapLine(message));
            }
        }
        let mut page = FileWriter { buffer: &mut self.buffer, tree, path: &self.path };
        match json(&mut page).and_then(|()| page.finish()) {
            Ok(()) => {}
            Err(Error::Dump(dump::Error { kind: ErrorKind::Taken, .. })) => {
                self.buffer.discard();
                return Ok(Put::Taken);
            }
            Err(error) => return Err(error),
        }
        for (name, end) in [(directory, directory_end), (file, self.path.len())] {
            let Some((name, path)) = name.zip(self.path.get(..end)) else { continue };
            if let Some(reason) = name.fallback {
                fallbacks.push(path, &name.original, reason)?;
            }
        }
        Ok(Put::Written)
    }
}

/// What became of an item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Put {
    /// It has its file.
    Written,
    /// Its plain name and its fallback name are both taken.
    Taken,
    /// No reader would take the KEYMAP line of its name, in words.
    KeymapLine(String),
}

impl Name {
    /// Returns the name that an item has by itself.
    fn plain(value: KeyValue<'_>, directory: bool) -> Self {
        let original = value.name_bytes();
        let segment = value.segment(&original);
        if directory && matches!(segment.text.as_str(), "." | "..") {
            return Self { text: segment::fallback(&original), original, fallback: Some(Reason::Dot) };
        }
        let fallback = segment.fallback.then_some(Reason::Encoding);
        Self { text: segment.text, original, fallback }
    }

    /// Returns the name of an item whose plain name is taken: its digest covers the type's letter too. One warning
    /// an item is enough: its file has it.
    fn taken(value: KeyValue<'_>, directory: bool) -> Self {
        let original = value.name_bytes();
        let hashed = [&[value.letter() as u8, b':'], original.as_slice()].concat();
        let reason = if directory { Reason::Encoding } else { Reason::Taken };
        Self { text: segment::fallback_of(&hashed, &original), original, fallback: Some(reason) }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::super::identity::OrderedKey;
    use super::KeyValue::{B, N, S};
    use super::*;
    use crate::dump::TreeOptions;
    use crate::dump::layout::output::Output;

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
            Self { _parent: parent, tree, fallbacks, files: PerItem::new(b"t") }
        }

        /// Writes an item, and says where.
        fn put(&mut self, hash: KeyValue<'_>, range: Option<KeyValue<'_>>) -> Option<String> {
            let written = self
                .files
                .put(&mut self.tree, &mut self.fallbacks, &KeyValues { hash, range }, &mut |page| {
                    page.buffer().extend_from_slice(b"{}");
                    Ok(())
                })
                .unwrap();
            let path = std::str::from_utf8(self.files.path()).unwrap().strip_prefix("t/items/").unwrap();
            (written == Put::Written).then(|| path.to_owned())
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
