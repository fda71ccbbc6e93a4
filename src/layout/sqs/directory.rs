//! Where a queue stands in the tree (`tree/sqs.md#paths`).
//!
//! In: a queue's name, or the segment of a queue that is gone. Out: a directory, and whether the name can be
//! read back from it.

use crate::limits;
use crate::model::sqs::ORPHAN;
use crate::tree::segment;

/// A directory under the root of the dump.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Directory {
    /// Path from the root.
    pub path: String,
    /// Whether a KEYMAP record is needed to read the name back.
    pub fallback: bool,
}

impl Directory {
    /// Returns the directory of a queue; its name is not empty.
    #[must_use]
    pub(super) fn of(name: &[u8]) -> Self {
        // The two names that mean something to a file system are spelt out here, not hashed.
        let (text, fallback) = match name {
            b"." => ("%2E".to_owned(), false),
            b".." => ("%2E%2E".to_owned(), false),
            _ => {
                let encoded = segment::encode(name);
                (encoded.text, encoded.fallback)
            }
        };
        Self { path: format!("sqs/{text}"), fallback }
    }

    /// Returns the directory for side records of a queue that is gone; `segment` is its key segment. `taken`:
    /// there is a queue whose name is [`orphan_name`](crate::model::sqs::orphan_name), and the directory of that name is its own.
    #[must_use]
    pub(super) fn of_orphan(segment: &[u8], taken: bool) -> Self {
        let fallback = taken || segment.len() + ORPHAN.len() > limits::SEGMENT;
        let text =
            if fallback { segment::fallback(segment) } else { String::from_utf8_lossy(segment).into_owned() };
        Self { path: format!("sqs/{text}{ORPHAN}"), fallback }
    }

    /// Returns the path of a file in the directory.
    #[must_use]
    pub(super) fn file(&self, name: &str) -> Vec<u8> {
        format!("{}/{name}", self.path).into_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::sqs::orphan_name;

    #[test]
    fn directories_are_those_of_the_document() {
        for (name, path, fallback) in [
            ("orders-fifo.fifo", "sqs/orders-fifo.fifo", false),
            ("b64.fifo", "sqs/6d569adb756fb691545b327385919c6b__b64.fifo", true),
            (" q", "sqs/%20q", false),
            (".", "sqs/%2E", false),
            ("..", "sqs/%2E%2E", false),
            ("...", "sqs/...", false),
        ] {
            assert_eq!(Directory::of(name.as_bytes()), Directory { path: path.to_owned(), fallback });
        }
    }

    #[test]
    fn an_orphan_keeps_its_segment_as_long_as_the_suffix_fits() {
        let longest = "A".repeat(233);
        let directory = Directory::of_orphan(longest.as_bytes(), false);
        assert_eq!(directory, Directory { path: format!("sqs/{longest}.orphan"), fallback: false });
        let directory = Directory::of_orphan("A".repeat(234).as_bytes(), false);
        assert!(directory.fallback && directory.path.ends_with("A.orphan") && directory.path.len() < 120);
        assert_eq!(directory.file("x/y"), format!("{}/x/y", directory.path).into_bytes());
    }

    #[test]
    fn an_orphan_makes_way_for_a_queue_of_its_name() {
        let queue = Directory::of(&orphan_name(b"cQ"));
        assert_eq!(queue, Directory::of_orphan(b"cQ", false));
        let path = "sqs/10b9d5e69d93b9e39564ef4b7ef8e8f7__cQ.orphan".to_owned();
        assert_eq!(Directory::of_orphan(b"cQ", true), Directory { path, fallback: true });
    }
}
