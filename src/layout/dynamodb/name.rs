//! Names of items: of the one that an item has by itself, and of the one that it has where that is taken
//! (`tree/dynamodb.md#paths`, `compat.md#two-items-of-one-file-name`, `compat.md#dot-segments`, `compat.md#empty-hash-keys`).

use super::fallback::{Fallbacks, Reason};
use crate::error::Result;
use crate::model::dynamodb::canonical::push_canonical;
use crate::model::dynamodb::{KeyValue, KeyValues};
use crate::tree::keymap;
use crate::tree::segment;

const SUFFIX: &[u8] = b".json";

/// What the components of a name stand for: letter of the type, and the bytes that are encoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Originals {
    /// Of the hash attribute.
    pub hash: (u8, Vec<u8>),
    /// Of the range attribute, if the table has one.
    pub range: Option<(u8, Vec<u8>)>,
}

/// The name of an item: a file, perhaps in a directory of its own.
#[derive(Debug)]
pub(super) struct ItemName {
    directory: Option<Component>,
    file: Component,
}

#[derive(Debug)]
struct Component {
    /// The component without its suffix; empty only for an empty key.
    text: String,
    /// What it stands for.
    original: Vec<u8>,
    /// Set for a name in SHA form.
    fallback: Option<Reason>,
}

impl Originals {
    /// Returns what the names of an item stand for: of a number its canonical text.
    pub(super) fn of(keys: &KeyValues<'_>) -> Self {
        let original = |key: KeyValue<'_>| match key {
            KeyValue::S(text) => (b'S', text.as_bytes().to_vec()),
            KeyValue::B(bytes) => (b'B', bytes.to_vec()),
            KeyValue::N(text) => {
                let mut canonical = Vec::new();
                push_canonical(&mut canonical, text);
                (b'N', canonical)
            }
        };
        Self { hash: original(keys.hash), range: keys.range.map(original) }
    }
}

impl ItemName {
    /// Returns the name that an item has by itself.
    pub(super) fn plain(originals: Originals) -> Self {
        Self::new(originals, Component::plain)
    }

    /// Returns the name of an item whose plain name is taken: in all its parts another one.
    pub(super) fn taken(originals: Originals) -> Self {
        Self::new(originals, Component::taken)
    }

    fn new(originals: Originals, component: fn((u8, Vec<u8>), bool) -> Component) -> Self {
        match originals.range {
            None => Self { directory: None, file: component(originals.hash, false) },
            Some(range) => {
                Self { directory: Some(component(originals.hash, true)), file: component(range, false) }
            }
        }
    }

    /// Appends the path; returns where the part of the directory ends.
    pub(super) fn push(&self, path: &mut Vec<u8>) -> usize {
        let mut directory_end = path.len();
        // An empty hash has no directory of its own (`compat.md#empty-hash-keys`).
        if let Some(name) = self.directory.as_ref().filter(|name| !name.text.is_empty()) {
            path.extend_from_slice(name.text.as_bytes());
            directory_end = path.len();
            path.push(b'/');
        }
        path.extend_from_slice(self.file.text.as_bytes());
        path.extend_from_slice(SUFFIX);
        directory_end
    }

    /// How many of its components are in SHA form: none, some, all.
    pub(super) fn sha_form(&self) -> ShaForm {
        let is_sha = |name: &Component| name.fallback.is_some();
        match (self.directory.as_ref().map(is_sha), is_sha(&self.file)) {
            (None | Some(true), true) => ShaForm::All,
            (None | Some(false), false) => ShaForm::None,
            _ => ShaForm::Some,
        }
    }

    /// Says that no reader would take the KEYMAP line of one of its components.
    pub(super) fn too_long(&self, path: &[u8]) -> Option<String> {
        let mut names = self.directory.iter().chain([&self.file]).filter(|name| name.fallback.is_some());
        names.find_map(|name| keymap::too_long(path, &name.original))
    }

    /// Notes what needs a record: this is the name of the table's item of this number.
    pub(super) fn note(
        &self,
        fallbacks: &mut Fallbacks,
        path: &[u8],
        directory: usize,
        number: u64,
    ) -> Result<()> {
        let directory = self.directory.as_ref().zip(path.get(..directory));
        for (name, path) in directory.into_iter().chain([(&self.file, path)]) {
            if let Some(reason) = name.fallback {
                fallbacks.push(path, &name.original, reason, number)?;
            }
        }
        Ok(())
    }
}

/// How many components of a name are in SHA form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ShaForm {
    /// None: it needs no record.
    None,
    /// Some: no fallback name is like it.
    Some,
    /// All.
    All,
}

impl Component {
    fn plain((letter, original): (u8, Vec<u8>), directory: bool) -> Self {
        let segment = match letter {
            b'B' => segment::encode_binary(&original),
            _ => segment::encode(&original),
        };
        if directory && matches!(segment.text.as_str(), "." | "..") {
            return Self { text: segment::fallback(&original), original, fallback: Some(Reason::Dot) };
        }
        let fallback = segment.fallback.then_some(Reason::Encoding);
        Self { text: segment.text, original, fallback }
    }

    /// The digest covers the type's letter too. One warning an item is enough: its file has it.
    fn taken((letter, original): (u8, Vec<u8>), directory: bool) -> Self {
        let hashed = [&[letter, b':'], original.as_slice()].concat();
        let reason = if directory { Reason::Encoding } else { Reason::Taken };
        Self { text: segment::fallback_of(&hashed, &original), original, fallback: Some(reason) }
    }
}
