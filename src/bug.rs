//! What cannot happen and did: the program is to blame, not the input.

use std::fmt;
use std::panic::Location;
use std::path::{Path, PathBuf};

/// Bytes of a record's key that are shown.
const KEY: usize = 64;

/// A fault of the program: what was found, where, and by which line of the source. It ends the run with exit code 70.
#[derive(Debug)]
pub struct Bug {
    what: &'static str,
    place: Option<Box<Place>>,
    line: &'static Location<'static>,
}

/// Where a fault of the program was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Place {
    /// At a row of an input.
    Row {
        /// Index of the input.
        input: usize,
        /// Offset of the row, or of its block, in the (decompressed) input, bytes.
        offset: u64,
    },
    /// At an offset in the (decompressed) input of this path, bytes.
    Input(PathBuf, u64),
    /// In a record that the program sorts for itself.
    Record {
        /// The record's key, or the first bytes of a long one.
        key: Vec<u8>,
        /// Lengths of its key and of its value, bytes.
        lengths: (usize, usize),
    },
    /// At an offset in records that the program keeps for itself, bytes.
    Scratch(u64),
    /// Behind so many sorted records of so many.
    Lent(u64, u64),
    /// Among the rows of this service, where nothing tells more.
    Service(&'static str),
    /// In a file or directory of the tree, or in the directory of sorted records.
    Path(PathBuf),
}

impl Bug {
    /// Says what cannot happen, in words that follow nothing.
    #[must_use]
    #[track_caller]
    pub const fn new(what: &'static str) -> Self {
        Self { what, place: None, line: Location::caller() }
    }

    /// Says the same, seen at this place by the line of the caller.
    #[must_use]
    #[track_caller]
    pub fn at(self, place: impl Into<Place>) -> Self {
        Self { place: Some(Box::new(place.into())), line: Location::caller(), ..self }
    }

    /// Adds the place, where none is known yet.
    #[must_use]
    pub fn or_at(self, place: impl Into<Place>) -> Self {
        let place = self.place.or_else(|| Some(Box::new(place.into())));
        Self { place, ..self }
    }

    /// Puts the path of an input in the place of its index.
    #[must_use]
    pub fn name_input<'p>(mut self, path: impl FnOnce(usize) -> Option<&'p Path>) -> Self {
        if let Some(Place::Row { input, offset }) = self.place.as_deref()
            && let Some(path) = path(*input)
        {
            self.place = Some(Box::new(Place::Input(path.to_owned(), *offset)));
        }
        self
    }

    /// Returns what was found, in words.
    #[must_use]
    pub const fn what(&self) -> &'static str {
        self.what
    }

    /// Returns where it was found, if anything but the line of the source tells.
    #[must_use]
    pub fn place(&self) -> Option<&Place> {
        self.place.as_deref()
    }
}

impl std::error::Error for Bug {}

impl fmt::Display for Bug {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.what)?;
        if let Some(place) = &self.place {
            write!(f, ", {place}")?;
        }
        write!(f, " ({}:{})", self.line.file(), self.line.line())
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Row { input, offset } => write!(f, "at offset {offset:#x} of input {}", input + 1),
            Self::Input(path, offset) => write!(f, "at offset {offset:#x} of {}", path.display()),
            Self::Record { key, lengths: (length, value) } => {
                let cut = if key.len() < *length { "…" } else { "" };
                let key = hex::encode(key);
                write!(f, "in a sorted record of {length} and {value} bytes, key 0x{key}{cut}")
            }
            Self::Scratch(offset) => write!(f, "at byte {offset} of the records that are kept for it"),
            Self::Lent(lent, all) => write!(f, "behind {lent} of {all} sorted records"),
            Self::Service(name) => write!(f, "among the rows of {name}"),
            Self::Path(path) => write!(f, "in {}", path.display()),
        }
    }
}

/// The key and the value of a sorted record.
impl From<(&[u8], &[u8])> for Place {
    fn from((key, value): (&[u8], &[u8])) -> Self {
        let lengths = (key.len(), value.len());
        Self::Record { key: key.get(..KEY).unwrap_or(key).to_vec(), lengths }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_says_what_where_and_by_which_line() {
        const WHAT: Bug = Bug::new("an egg in a nest of stone");
        let line = |bug: &Bug| {
            let text = bug.to_string();
            let (text, line) = text.rsplit_once(" (src/bug.rs:").unwrap();
            (text.to_owned(), line.strip_suffix(')').unwrap().parse::<u32>().unwrap())
        };
        let (text, declared) = line(&WHAT);
        assert_eq!(text, "an egg in a nest of stone");
        let (text, seen) = line(&WHAT.at((&b"\0key"[..], &b"12"[..])));
        assert_eq!(text, "an egg in a nest of stone, in a sorted record of 4 and 2 bytes, key 0x006b6579");
        assert!(declared < seen && seen < declared + 10, "{declared} {seen}");
        let long = Place::from((&[7; KEY + 1][..], &b""[..])).to_string();
        assert_eq!(long, format!("in a sorted record of 65 and 0 bytes, key 0x{}…", "07".repeat(KEY)));
    }

    #[test]
    fn an_input_is_named_and_the_first_place_counts() {
        let bug = Bug::new("x").at(Place::Row { input: 1, offset: 0x20 }).or_at(Place::Scratch(5));
        assert!(bug.to_string().starts_with("x, at offset 0x20 of input 2 ("));
        let bug = bug.name_input(|input| (input == 1).then_some(Path::new("b.fsm")));
        assert!(bug.to_string().starts_with("x, at offset 0x20 of b.fsm ("));
        assert_eq!(Bug::new("x").or_at(Place::Scratch(5)).place(), Some(&Place::Scratch(5)));
    }
}
