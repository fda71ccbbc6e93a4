//! The path of one object as its own key asks for it, other keys left out of account.

use super::{BUCKET_FILE, INCOMPLETE_UPLOADS, ORPHANS, Rules, TRACKER};
use crate::layout::s3::problem::{Class, Fault, RENAME_OPTION};
use crate::layout::s3::sidecar;
use crate::limits::FILE_NAME;
use crate::tree::segment;

/// What is appended to a key that ends in the sidecar's suffix.
pub(super) const USER_DATA: &[u8] = b".user-data";

/// A key's path before the keys of its neighbours are considered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct KeyPath {
    /// The path: no empty, `.` or `..` segment, no NUL, no backslash, each segment short enough. Only that of a
    /// folder marker ends in `/`.
    pub path: Vec<u8>,
    /// Whether any segment is a SHA fallback (`compat.md#keys-that-no-path-can-hold`).
    pub replaced: bool,
    /// Whether the last one is.
    pub last_replaced: bool,
    /// Whether the path is one SHA fallback of the whole key (`compat.md#keys-that-no-path-can-hold`).
    pub whole: bool,
}

/// Splits the object key and replaces each offending segment, or says why the object cannot be written (`compat.md#reserved-names`, `compat.md#keys-that-no-path-can-hold`).
pub(super) fn of_key(key: &[u8], rules: Rules, key_path: &mut KeyPath) -> Result<(), Fault> {
    key_path.path.clear();
    (key_path.replaced, key_path.last_replaced, key_path.whole) = (false, false, false);
    let last = key.split(|&byte| byte == b'/').count() - 1;
    let user_data = key.ends_with(sidecar::SUFFIX);
    if !rules.rename {
        if user_data {
            return Err(collision("the key ends in the suffix of sidecars"));
        }
        let first = key.split(|&byte| byte == b'/').next().unwrap_or_default();
        if last > 0 && (first == ORPHANS || first == INCOMPLETE_UPLOADS) {
            return Err(collision("the first segment of the key is reserved"));
        }
    }
    for (at, segment) in key.split(|&byte| byte == b'/').enumerate() {
        // Nothing after the last `/`: a folder marker (`tree/s3.md#names-that-cannot-be-used-as-they-are` (b')).
        let marker = at == last && last > 0 && segment.is_empty();
        let malformed = !marker
            && (matches!(segment, b"" | b"." | b"..") || memchr::memchr2(0, b'\\', segment).is_some());
        if malformed && !rules.rename {
            return Err(Fault::new(
                Class::S3_MALFORMED_KEY,
                format!("no path can hold the key; {RENAME_OPTION}"),
            ));
        }
        let behind =
            if at < last { 0 } else { sidecar::SUFFIX.len() + if user_data { USER_DATA.len() } else { 0 } };
        let reserved = at == 0 && last > 0 && is_reserved(segment, rules);
        if at > 0 {
            key_path.path.push(b'/');
        }
        key_path.last_replaced = malformed || reserved || segment.len() + behind > FILE_NAME;
        if key_path.last_replaced {
            key_path.path.extend_from_slice(segment::fallback(segment).as_bytes());
            key_path.replaced = true;
        } else {
            key_path.path.extend_from_slice(segment);
        }
    }
    Ok(())
}

/// Whether the layout needs a directory's name for itself (`compat.md#reserved-names`).
fn is_reserved(first: &[u8], rules: Rules) -> bool {
    first == BUCKET_FILE
        || first == ORPHANS
        || first == INCOMPLETE_UPLOADS
        || (rules.tracker && first == TRACKER)
}

/// Whether the layout needs the whole path for itself (`compat.md#reserved-names`, `tree/s3.md#decided-cases`).
pub(super) fn is_layout_file(path: &[u8], rules: Rules) -> bool {
    path == BUCKET_FILE
        || (rules.tracker && path == TRACKER)
        || (rules.orphans && path == ORPHANS)
        || (rules.incomplete_uploads && path == INCOMPLETE_UPLOADS)
}

fn collision(message: &str) -> Fault {
    Fault::new(Class::S3_META_SUFFIX_COLLISION, format!("{message}; {RENAME_OPTION}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const RENAME: Rules =
        Rules { rename: true, orphans: false, incomplete_uploads: false, tracker: false, directory: 4 };

    fn path(key: &[u8], rules: Rules) -> Result<(String, bool), Class> {
        let mut placed = KeyPath::default();
        of_key(key, rules, &mut placed).map_err(|fault| fault.class)?;
        Ok((String::from_utf8_lossy(&placed.path).into_owned(), placed.replaced))
    }

    #[test]
    fn ordinary_keys_keep_their_bytes() {
        for key in
            ["a", "a/b c/%41", ".../..a/...", "_orphansFoo/x", "x/_orphans/y", "_orphans", "a/KEYMAP.jsonl/b"]
        {
            assert_eq!(path(key.as_bytes(), Rules::default()), Ok((key.into(), false)));
        }
        assert_eq!(path(b"KEYMAP.jsonl/x", Rules::default()), Ok(("KEYMAP.jsonl/x".into(), false)));
    }

    #[test]
    fn keys_that_no_path_holds_fail_without_the_rename_option() {
        for key in [
            "../../../etc/passwd-attack",
            "/etc/host-attack",
            "a//b",
            "/",
            "a//",
            "/a//",
            "a/../b",
            "a/./b",
            "..",
            ".",
            "a\\..\\b",
            "leading\\path",
            "trailing\\",
            "\\absolute-windows",
            "",
            "nul\0byte",
        ] {
            assert_eq!(path(key.as_bytes(), Rules::default()), Err(Class::S3_MALFORMED_KEY), "{key:?}");
        }
        for key in ["_orphans/x", "_incomplete_uploads/x", "a.elastickv-meta.json", "d/.elastickv-meta.json"]
        {
            assert_eq!(
                path(key.as_bytes(), Rules::default()),
                Err(Class::S3_META_SUFFIX_COLLISION),
                "{key:?}"
            );
        }
    }

    #[test]
    fn the_rename_option_replaces_each_offending_segment() {
        let renamed = |key: &[u8]| path(key, RENAME).unwrap();
        assert_eq!(renamed(b"dir//x"), ("dir/e3b0c44298fc1c149afbf4c8996fb924__/x".into(), true));
        assert_eq!(renamed(b"/"), ("e3b0c44298fc1c149afbf4c8996fb924__/".into(), true));
        assert_eq!(renamed(b"a\\b"), ("c62016d0f8ee333350283fd879b50b69__a%5Cb".into(), true));
        assert_eq!(renamed(b"_orphans/x"), ("3f934075538fa91cff124ee52ddf0d57___orphans/x".into(), true));
        assert_eq!(renamed(b"ok"), ("ok".into(), false));
    }

    #[test]
    fn folder_markers_end_in_a_slash_with_and_without_the_option() {
        for rules in [Rules::default(), RENAME] {
            assert_eq!(path(b"dir/", rules), Ok(("dir/".into(), false)));
            assert_eq!(path(b"a/b/", rules), Ok(("a/b/".into(), false)));
            assert!(path(b"_bucket.json/", rules).unwrap().1);
        }
        assert_eq!(path(b"_orphans/", Rules::default()), Err(Class::S3_META_SUFFIX_COLLISION));
        assert_eq!(path(b"\\/", Rules::default()), Err(Class::S3_MALFORMED_KEY));
    }

    #[test]
    fn reserved_first_segments_are_replaced_without_an_option() {
        let expected = Ok(("e7b494ff8f7bef050339f83852eadbf4___bucket.json/x".into(), true));
        assert_eq!(path(b"_bucket.json/x", Rules::default()), expected);
        let tracker = Rules { tracker: true, ..Rules::default() };
        assert!(path(b"KEYMAP.jsonl/x", tracker).unwrap().1);
        assert_eq!(path(b"KEYMAP.jsonl", tracker), Ok(("KEYMAP.jsonl".into(), false)));
    }

    #[test]
    fn too_long_segments_are_replaced_without_an_option() {
        let key = |first: usize, last: usize| format!("{}/{}", "d".repeat(first), "l".repeat(last));
        assert!(!path(key(255, 235).as_bytes(), Rules::default()).unwrap().1);
        assert!(path(key(256, 235).as_bytes(), Rules::default()).unwrap().1);
        assert!(path(key(255, 236).as_bytes(), Rules::default()).unwrap().1);
        let meta = |length: usize| format!("{}.elastickv-meta.json", "m".repeat(length - 20));
        assert!(!path(meta(225).as_bytes(), RENAME).unwrap().1);
        assert!(path(meta(226).as_bytes(), RENAME).unwrap().1);
    }
}
