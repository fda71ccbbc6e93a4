//! Paths that are longer as a whole than a system call takes (`compat.md#keys-that-no-path-can-hold`).
//!
//! In: the path that an object's key asks for. Out: the same, or one name in the bucket's root.

use super::Rules;
use super::key_path::{KeyPath, USER_DATA};
use super::rename::{Rename, rename};
use crate::layout::s3::problem::{Class, Fault, RENAME_OPTION};
use crate::layout::s3::sidecar;
use crate::limits;
use crate::tree::segment;

/// Whether body and sidecar can be opened at `path` from the root of the dump.
pub(super) fn fits(path: &[u8], rules: Rules) -> bool {
    rules.directory + 1 + path.len() + sidecar::SUFFIX.len() <= limits::PATH
}

/// Checks the path that the key calls for by itself, its suffix included. One that is too long is replaced by one
/// name in the bucket's root, or the object fails.
pub(super) fn settle(key: &[u8], rules: Rules, key_path: &mut KeyPath) -> Result<(), Fault> {
    let suffix = Rename::of_key(key, key_path, rules);
    let fitting = if suffix == Rename::None && !key_path.replaced {
        fits(&key_path.path, rules)
    } else {
        fits(&rename(key_path, suffix).path, rules)
    };
    if !fitting {
        *key_path = in_root(key, rules)?;
    }
    Ok(())
}

/// Returns the base of a key whose path is too long: one fallback name, if names may be replaced.
pub(super) fn in_root(key: &[u8], rules: Rules) -> Result<KeyPath, Fault> {
    if key.len() > limits::KEYMAP_ORIGINAL {
        let message = format!("a key of {} bytes is too long for a line of KEYMAP.jsonl", key.len());
        return Err(Fault::new(Class::S3_PATH_TOO_LONG, message));
    }
    if !rules.rename {
        let message = format!("its path in the dump is longer than {} bytes; {RENAME_OPTION}", limits::PATH);
        return Err(Fault::new(Class::S3_PATH_TOO_LONG, message));
    }
    let mut path = segment::fallback(key).into_bytes();
    if path.ends_with(sidecar::SUFFIX) {
        // The readable part of the name was cut there.
        path.extend_from_slice(USER_DATA);
    }
    Ok(KeyPath { path, replaced: true, last_replaced: true, whole: true })
}

#[cfg(test)]
mod tests {
    use super::*;

    const RENAME: Rules =
        Rules { rename: true, orphans: false, incomplete_uploads: false, tracker: false, directory: 4 };

    fn settled(key: &[u8], rules: Rules) -> Result<KeyPath, Class> {
        let mut key_path = KeyPath::default();
        super::super::key_path::of_key(key, rules, &mut key_path)
            .and_then(|()| settle(key, rules, &mut key_path))
            .map_err(|fault| fault.class)?;
        Ok(key_path)
    }

    /// A key of that length, of short segments.
    fn key(length: usize, end: &str) -> Vec<u8> {
        let mut key = "d/".repeat(length / 2).into_bytes();
        key.truncate(length - end.len() - 1);
        key.push(b'k');
        key.extend_from_slice(end.as_bytes());
        key
    }

    #[test]
    fn a_path_fits_up_to_the_limit_with_sidecar_and_own_suffix() {
        const LONGEST: usize = limits::PATH - 5 - 20;
        for (end, suffix) in [("", 0), ("/", 20), (".elastickv-meta.json", 10)] {
            let (longest, over) = (key(LONGEST - suffix, end), key(LONGEST - suffix + 1, end));
            assert_eq!(settled(&longest, RENAME).unwrap().path, longest, "{end}");
            let moved = settled(&over, RENAME).unwrap();
            assert_eq!(moved.path, segment::fallback(&over).into_bytes(), "{end}");
            assert!(moved.whole && moved.replaced && moved.last_replaced);
            if suffix != 10 {
                assert!(settled(&longest, Rules { rename: false, ..RENAME }).is_ok());
                assert_eq!(settled(&over, Rules { rename: false, ..RENAME }), Err(Class::S3_PATH_TOO_LONG));
            }
        }
    }

    #[test]
    fn replaced_segments_count_with_their_new_length() {
        // Each `\xff` becomes 39 bytes, but only where the object is renamed anyway.
        let plain = [b"\xff/".repeat(150), b"x".to_vec()].concat();
        assert_eq!(settled(&plain, RENAME).unwrap().path, plain);
        let marker = b"\xff/".repeat(150);
        assert!(settled(&marker, RENAME).unwrap().whole);
        assert_eq!(settled(&marker, Rules { rename: false, ..RENAME }), Err(Class::S3_PATH_TOO_LONG));
    }

    #[test]
    fn a_fallback_that_was_cut_at_the_sidecars_suffix_gets_user_data() {
        let cut = [&b"x".repeat(44)[..], sidecar::SUFFIX, b"/", &b"y/".repeat(3000)].concat();
        let key_path = settled(&cut, RENAME).unwrap();
        assert!(
            key_path.path.ends_with(b".elastickv-meta.json.user-data"),
            "{}",
            key_path.path.escape_ascii()
        );
    }

    #[test]
    fn a_key_that_no_keymap_line_holds_fails_with_the_option_too() {
        let longest = key(limits::KEYMAP_ORIGINAL, "");
        let mut line = Vec::new();
        let path = settled(&longest, RENAME).unwrap().path;
        crate::tree::keymap::line(&mut line, &path, &longest, crate::tree::keymap::Kind::ShaFallback);
        assert!(line.len() <= limits::KEYMAP_LINE);
        assert_eq!(settled(&key(limits::KEYMAP_ORIGINAL + 1, ""), RENAME), Err(Class::S3_PATH_TOO_LONG));
    }
}
