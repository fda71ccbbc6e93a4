//! Problems and warnings of the filesystem, with the fields that all of them share.

use crate::error::Result;
use crate::event::{Class, Event, Warning};
use crate::excerpt;
use crate::report::{Problem, Report};
use crate::snapshot::RowLocation;

/// Reports that the object `key` (its path, or a row's user key) is missing or altered.
pub(super) fn report(
    report: &mut Report<'_>,
    key: &[u8],
    class: Class,
    message: impl Into<String>,
    place: impl Into<Option<RowLocation>>,
) -> Result<()> {
    let (message, place) = (message.into(), place.into());
    report.problem(&Problem { adapter: "fs", scope: b"", key, class, message, place })
}

/// Builds a warning about one inode: fields `inode`, `path`.
pub(super) fn warning(event: Event, inode: u64, path: &[u8]) -> Warning {
    Warning::new(event).with("inode", inode).with("path", excerpt::name_or_length(path))
}

/// Builds a warning about a row that is not user data: field `key_hex`; a long key is cut, `key_len` says its length.
pub(super) fn row_warning(event: Event, key: &[u8]) -> Warning {
    match key.get(..excerpt::NAME) {
        Some(head) if key.len() > excerpt::NAME => {
            Warning::new(event).with("key_hex", hex::encode(head)).with("key_len", key.len())
        }
        _ => Warning::new(event).with("key_hex", hex::encode(key)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn long_paths_and_keys_are_cut_in_warnings() {
        let long = [b'n'; 257];
        let shown = Value::from(format!("{}... (257 bytes)", "n".repeat(64)));
        assert_eq!(warning(Event::FS_DANGLING_ENTRY, 1, &long).fields[1], ("path", shown));
        assert_eq!(warning(Event::FS_DANGLING_ENTRY, 1, &long[1..]).fields[1].1, "n".repeat(256));
        let row = row_warning(Event::FS_MALFORMED_KEY, &long);
        assert_eq!(row.fields, [("key_hex", Value::from("6e".repeat(256))), ("key_len", Value::from(257))]);
        assert_eq!(row_warning(Event::FS_MALFORMED_KEY, &long[1..]).fields.len(), 1);
    }

    #[test]
    fn a_path_that_is_no_text_stands_lossy_in_a_warning() {
        let warning = warning(Event::FS_DANGLING_ENTRY, u64::MAX, b"a\xff");
        assert_eq!(warning.fields[0], ("inode", Value::from(u64::MAX)));
        assert_eq!(warning.fields[1], ("path", Value::from("a\u{fffd}")));
    }
}
