//! The path of an object that has to make way: suffix, shortened names, names that JSON can hold.

use super::Rules;
use super::key_path::{KeyPath, USER_DATA, is_layout_file};
use crate::layout::s3::sidecar;
use crate::limits::FILE_NAME;
use crate::tree::{keymap, segment};

/// Bytes of a SHA fallback that identify the name: 32 digits and `__` (`compat.md#keys-that-no-path-can-hold`).
const HASH: usize = 34;

/// Why a suffix is appended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rename {
    /// None is.
    None,
    /// The path is also a directory, a folder marker's, or the layout's own (`tree/s3.md#names-that-cannot-be-used-as-they-are` (b)).
    LeafData,
    /// The path ends in the suffix of sidecars (`tree/s3.md#names-that-cannot-be-used-as-they-are` (a)).
    UserData,
}

impl Rename {
    /// Returns the suffix that a key calls for by itself. A replaced name keeps it, as it does where it is also a
    /// directory (`tree/s3.md#decided-cases`); not so the name of a whole key.
    pub(super) fn of_key(key: &[u8], key_path: &KeyPath, rules: Rules) -> Self {
        let path = &*key_path.path;
        if path.ends_with(sidecar::SUFFIX) || (key.ends_with(sidecar::SUFFIX) && !key_path.whole) {
            Self::UserData
        } else if path.ends_with(b"/") || is_layout_file(path, rules) {
            Self::LeafData
        } else {
            Self::None
        }
    }

    fn bytes(self) -> &'static [u8] {
        match self {
            Self::None => b"",
            Self::LeafData => b".elastickv-leaf-data",
            Self::UserData => USER_DATA,
        }
    }
}

/// Where a renamed object stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Renamed {
    /// The path that no other key may have (`tree/s3.md#names-that-cannot-be-used-as-they-are`).
    pub target: Vec<u8>,
    /// The path in the tree: `target`, unless a segment is not UTF-8 (`compat.md#keys-that-are-not-utf-8`).
    pub path: Vec<u8>,
    /// Kind of the KEYMAP record; `None` for an object that is not renamed at all.
    pub kind: Option<keymap::Kind>,
}

/// Appends the suffix and applies `compat.md#keys-that-no-path-can-hold` and `compat.md#keys-that-are-not-utf-8` to the result.
pub(super) fn rename(key_path: &KeyPath, suffix: Rename) -> Renamed {
    if suffix == Rename::None && !key_path.replaced {
        return Renamed { target: key_path.path.clone(), path: key_path.path.clone(), kind: None };
    }
    let (directories, last) = split(&key_path.path);
    let mut stem = last.to_vec();
    let mut replaced = key_path.replaced;
    if !fits(&stem, suffix) {
        stem = if key_path.last_replaced { cut(last) } else { fallback_that_fits(last, suffix) };
        replaced = true;
    }
    let mut target = [directories, &stem[..], suffix.bytes()].concat();
    let mut path = target.clone();
    if std::str::from_utf8(&target).is_err() {
        replaced = true;
        path = readable(directories);
        if std::str::from_utf8(&stem).is_err() {
            stem = fallback_that_fits(&stem, suffix);
        }
        path.extend_from_slice(&stem);
        path.extend_from_slice(suffix.bytes());
    } else if suffix == Rename::None {
        target.clone_from(&key_path.path);
    }
    let kind = match suffix {
        _ if replaced => keymap::Kind::ShaFallback,
        Rename::UserData => keymap::Kind::MetaSuffixRename,
        Rename::None | Rename::LeafData => keymap::Kind::S3LeafData,
    };
    Renamed { target, path, kind: Some(kind) }
}

/// Replaces the segments at the indexes `at` of a path, and each that is not UTF-8 (`compat.md#paths-that-clash`, `compat.md#keys-that-are-not-utf-8`).
pub(super) fn replace_segments(path: &[u8], at: &[usize]) -> Vec<u8> {
    let mut out = Vec::with_capacity(path.len() + HASH);
    for (index, segment) in path.split(|&byte| byte == b'/').enumerate() {
        if index > 0 {
            out.push(b'/');
        }
        if at.contains(&index) || std::str::from_utf8(segment).is_err() {
            out.extend_from_slice(segment::fallback(segment).as_bytes());
        } else {
            out.extend_from_slice(segment);
        }
    }
    out
}

/// Splits a path behind its last separator.
fn split(path: &[u8]) -> (&[u8], &[u8]) {
    let at = memchr::memrchr(b'/', path).map_or(0, |at| at + 1);
    path.split_at_checked(at).unwrap_or((b"", path))
}

/// Replaces the segments that are not UTF-8 in directories that end with a separator.
fn readable(directories: &[u8]) -> Vec<u8> {
    replace_segments(directories, &[])
}

fn fits(name: &[u8], suffix: Rename) -> bool {
    name.len() + suffix.bytes().len() + sidecar::SUFFIX.len() <= FILE_NAME
}

fn fallback_that_fits(name: &[u8], suffix: Rename) -> Vec<u8> {
    let fallback = segment::fallback(name).into_bytes();
    if fits(&fallback, suffix) { fallback } else { cut(&fallback) }
}

fn cut(fallback: &[u8]) -> Vec<u8> {
    fallback.iter().copied().take(HASH).collect()
}

#[cfg(test)]
mod tests {
    use super::super::key_path::of_key;
    use super::*;

    fn renamed(key: &[u8], suffix: Rename) -> (String, &'static str) {
        let mut placed = KeyPath::default();
        of_key(key, Rules { rename: true, ..Rules::default() }, &mut placed).unwrap();
        let renamed = rename(&placed, suffix);
        (String::from_utf8(renamed.path).unwrap(), renamed.kind.map_or("", keymap::Kind::name))
    }

    #[test]
    fn suffixes_are_appended_to_the_whole_path() {
        let leaf = ("path/to.elastickv-leaf-data".into(), "s3-leaf-data");
        assert_eq!(renamed(b"path/to", Rename::LeafData), leaf);
        let user = ("evil.elastickv-meta.json.user-data".into(), "meta-suffix-rename");
        assert_eq!(renamed(b"evil.elastickv-meta.json", Rename::UserData), user);
        assert_eq!(renamed(b"a/b", Rename::None), ("a/b".into(), ""));
        assert_eq!(
            renamed(b"x//y", Rename::None),
            ("x/e3b0c44298fc1c149afbf4c8996fb924__/y".into(), "sha-fallback")
        );
        assert_eq!(renamed(b"x/", Rename::LeafData), ("x/.elastickv-leaf-data".into(), "s3-leaf-data"));
        assert_eq!(
            renamed(b"/", Rename::LeafData),
            ("e3b0c44298fc1c149afbf4c8996fb924__/.elastickv-leaf-data".into(), "sha-fallback")
        );
    }

    #[test]
    fn a_suffix_shortens_what_the_name_may_be() {
        assert_eq!(renamed(&[b'n'; 215], Rename::LeafData).1, "s3-leaf-data");
        let (path, kind) = renamed(&[b'n'; 216], Rename::LeafData);
        assert_eq!((path.len(), kind), (34 + 64 + 20, "sha-fallback"));
    }

    #[test]
    fn a_fallback_that_leaves_no_room_is_cut_to_its_hash() {
        let (path, kind) = renamed("\u{9577}".repeat(80).as_bytes(), Rename::LeafData);
        assert_eq!((path.len(), kind), (34 + 20, "sha-fallback"));
        let (path, _) = renamed("\u{9577}".repeat(75).as_bytes(), Rename::LeafData);
        assert_eq!(path.len(), 34 + 20);
    }

    #[test]
    fn segments_that_are_not_utf8_are_replaced_in_renamed_keys_only() {
        let mut placed = KeyPath::default();
        of_key(b"\xfe/a/\xff", Rules::default(), &mut placed).unwrap();
        assert_eq!(rename(&placed, Rename::None).path, b"\xfe/a/\xff");
        let leaf = rename(&placed, Rename::LeafData);
        assert_eq!(leaf.target, b"\xfe/a/\xff.elastickv-leaf-data");
        assert_eq!(leaf.kind, Some(keymap::Kind::ShaFallback));
        let path = String::from_utf8(leaf.path).unwrap();
        assert!(path.ends_with("__%FF.elastickv-leaf-data") && path.contains("__%FE/a/"), "{path}");
    }

    #[test]
    fn a_clashing_segment_is_replaced_in_place() {
        let path = replace_segments(b"a.elastickv-meta.json/x", &[0]);
        assert!(path.ends_with(b"__a.elastickv-meta.json/x"));
        assert_eq!(replace_segments(b"a/b", &[]), b"a/b");
    }
}
