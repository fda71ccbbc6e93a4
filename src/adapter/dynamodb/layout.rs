//! One file an item: `items/<hash>.json`, `items/<hash>/<range>.json` (`dynamodb.md` 4.1; 10: D6, L5, L8).
//!
//! In: key values and the JSON of an item. Out: a file. The tree itself knows which names are taken, so nothing
//! is kept for the items that are written.

use super::fallback::{Fallbacks, Reason};
use super::identity::{KeyValue, KeyValues};
use crate::dump::{self, ErrorKind, Tree, segment};
use crate::error::Result;

const SUFFIX: &[u8] = b".json";

/// Writes the items of one table.
#[derive(Debug)]
pub(super) struct PerItem {
    /// `dynamodb/<table>/items/`, then the path of the item at hand.
    path: Vec<u8>,
    directory: usize,
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
        Self { directory: path.len(), path }
    }

    /// Returns the path of the last item.
    pub fn path(&self) -> &[u8] {
        &self.path
    }

    /// Writes an item; `false` when its plain name and its fallback name are both taken.
    pub fn put(
        &mut self,
        tree: &mut Tree,
        fallbacks: &mut Fallbacks,
        keys: &KeyValues<'_>,
        json: &[u8],
    ) -> Result<bool> {
        let plain = [
            Some(Name::plain(keys.hash, keys.range.is_some())),
            keys.range.map(|key| Name::plain(key, false)),
        ];
        if self.write(tree, fallbacks, plain, json)? {
            return Ok(true);
        }
        let names = [Some(Name::taken(keys.hash)), keys.range.map(Name::taken)];
        self.write(tree, fallbacks, names, json)
    }

    fn write(
        &mut self,
        tree: &mut Tree,
        fallbacks: &mut Fallbacks,
        names: [Option<Name>; 2],
        json: &[u8],
    ) -> Result<bool> {
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
        match tree.write(&self.path, json) {
            Ok(()) => {}
            Err(dump::Error { kind: ErrorKind::Taken, .. }) => return Ok(false),
            Err(error) => return Err(error.into()),
        }
        for (name, end) in [(directory, directory_end), (file, self.path.len())] {
            let Some((name, path)) = name.zip(self.path.get(..end)) else { continue };
            if let Some(reason) = name.fallback {
                fallbacks.push(path, &name.original, reason)?;
            }
        }
        Ok(true)
    }
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

    /// Returns the name of an item whose plain name is taken: its digest covers the type's letter too.
    fn taken(value: KeyValue<'_>) -> Self {
        let original = value.name_bytes();
        let hashed = [&[value.letter() as u8, b':'], original.as_slice()].concat();
        Self { text: segment::fallback_of(&hashed, &original), original, fallback: Some(Reason::Taken) }
    }
}
