//! What is wrong with a tree.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// Findings that are kept one by one; further ones are counted.
const KEPT: usize = 1000;

/// What kind of thing is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum FindingKind {
    /// The directory has neither MANIFEST.json nor CHECKSUMS. Nothing else is looked at.
    NoDump,
    /// CHECKSUMS lists a file that is not there; or CHECKSUMS or MANIFEST.json itself is not.
    Missing,
    /// A file has another digest than CHECKSUMS says.
    Changed,
    /// A file has no row in CHECKSUMS.
    Unlisted,
    /// Neither a regular file nor a directory.
    NotRegular,
    /// A file or directory cannot be read; of a directory, what CHECKSUMS lists in it is not looked at.
    Unreadable,
    /// A directory that nothing is in, where a dump has none.
    EmptyDirectory,
    /// A line of CHECKSUMS is malformed.
    BadChecksumsLine,
    /// CHECKSUMS has a second row for a file.
    DuplicateChecksumsRow,
    /// The rows of CHECKSUMS are not sorted. Found once.
    UnsortedChecksums,
    /// MANIFEST.json breaks a rule of `tree/manifest.md#manifestjson`.
    BadManifest,
    /// A KEYMAP line breaks a rule of `tree/names.md#keymap`, or its name does not belong to its original.
    BadKeymapLine,
    /// A KEYMAP record names no file.
    KeymapWithoutFile,
    /// The name of a file is a SHA fallback, and its KEYMAP has no record of it.
    FileWithoutKeymap,
    /// The name of a file or directory is no encoded segment.
    BadName,
    /// A file that should hold JSON doesn't.
    BadJson,
    /// A line of a part is not one of an object (`docs/tree/commands.md`).
    BadLine,
    /// A line's key is not greater than that of the line before, in its part or the one before.
    UnsortedLines,
    /// A part of lines is not there, and one of a higher number is.
    MissingPart,
    /// An object has a line and a file. Not looked for in archives.
    DuplicateObject,
    /// An archive is damaged or cut: what is behind that place is not looked at. Its path is empty.
    BadArchive,
    /// An archive has a second entry for a file, or a file and a directory of one name.
    DuplicateEntry,
}

impl FindingKind {
    /// Returns the stable name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::NoDump => "no_dump",
            Self::Missing => "missing",
            Self::Changed => "changed",
            Self::Unlisted => "unlisted",
            Self::NotRegular => "not_regular",
            Self::Unreadable => "unreadable",
            Self::EmptyDirectory => "empty_directory",
            Self::BadChecksumsLine => "bad_checksums_line",
            Self::DuplicateChecksumsRow => "duplicate_checksums_row",
            Self::UnsortedChecksums => "unsorted_checksums",
            Self::BadManifest => "bad_manifest",
            Self::BadKeymapLine => "bad_keymap_line",
            Self::KeymapWithoutFile => "keymap_without_file",
            Self::FileWithoutKeymap => "file_without_keymap",
            Self::BadName => "bad_name",
            Self::BadJson => "bad_json",
            Self::BadLine => "bad_line",
            Self::UnsortedLines => "unsorted_lines",
            Self::MissingPart => "missing_part",
            Self::DuplicateObject => "duplicate_object",
            Self::BadArchive => "bad_archive",
            Self::DuplicateEntry => "duplicate_entry",
        }
    }
}

impl fmt::Display for FindingKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One thing that is wrong; ordered by path and line.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// Path from the dump root; may not be UTF-8.
    pub path: Vec<u8>,
    /// Line number, 0 where there is none.
    pub line: u64,
    /// What is wrong.
    pub kind: FindingKind,
    /// What was expected and found, in words; may be empty.
    pub detail: String,
}

/// The findings of one run: the first by path are kept, all are counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Findings {
    kept: BTreeSet<Finding>,
    counts: BTreeMap<FindingKind, u64>,
}

impl Findings {
    /// Adds one. Which ones are kept does not depend on the order in which they come.
    pub(super) fn add(&mut self, finding: Finding) {
        *self.counts.entry(finding.kind).or_default() += 1;
        self.kept.insert(finding);
        if self.kept.len() > KEPT {
            self.kept.pop_last();
        }
    }

    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.counts.is_empty()
    }

    /// Whether something could not be read: that the rest is sound says nothing about it.
    #[must_use]
    pub fn is_unreadable(&self) -> bool {
        self.counts.contains_key(&FindingKind::Unreadable)
    }

    /// Whether the directory is no dump at all.
    #[must_use]
    pub fn is_no_dump(&self) -> bool {
        self.counts.contains_key(&FindingKind::NoDump)
    }

    /// Returns the first findings by path: at most 1000.
    pub fn kept(&self) -> impl Iterator<Item = &Finding> {
        self.kept.iter()
    }

    /// Returns how many there are of each kind, kept or not.
    #[must_use]
    pub fn counts(&self) -> &BTreeMap<FindingKind, u64> {
        &self.counts
    }

    /// Returns how many there are, kept or not.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.counts.values().sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_by_path_are_kept_whatever_their_order() {
        let finding = |number: usize| Finding {
            path: format!("{number:05}").into_bytes(),
            kind: FindingKind::Missing,
            line: 0,
            detail: String::new(),
        };
        let (mut up, mut down) = (Findings::default(), Findings::default());
        assert!(up.is_empty());
        for number in 0..KEPT + 5 {
            up.add(finding(number));
            down.add(finding(KEPT + 4 - number));
        }
        assert_eq!(up, down);
        assert_eq!(up.total(), 1005);
        assert_eq!(up.kept().count(), KEPT);
        assert_eq!(up.kept().last().unwrap().path, b"00999");
    }
}
