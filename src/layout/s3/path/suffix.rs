//! The path of an object that has to make way: suffix, shortened names, names that JSON can hold.

use super::Rules;
use super::base::{Base, USER_DATA, is_layout_file};
use crate::dump::{keymap, segment};
use crate::layout::s3::sidecar;
use crate::limits::FILE_NAME;

/// Bytes of a SHA fallback that identify the name: 32 digits and `__` (D10).
const HASH: usize = 34;

/// Why a suffix is appended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Suffix {
    /// None is.
    None,
    /// The path is also a directory, a folder marker's, or the layout's own (4.6 b, b').
    LeafData,
    /// The path ends in the suffix of sidecars (4.6 a).
    UserData,
}

impl Suffix {
    /// Returns the suffix that a key calls for by itself. A replaced name keeps it, as it does where it is also a
    /// directory (`decisions.md` 4); not so the name of a whole key.
    pub fn of_key(key: &[u8], base: &Base, rules: Rules) -> Self {
        let path = &*base.path;
        if path.ends_with(sidecar::SUFFIX) || (key.ends_with(sidecar::SUFFIX) && !base.whole) {
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
pub struct Renamed {
    /// The path that no other key may have (4.6).
    pub target: Vec<u8>,
    /// The path in the tree: `target`, unless a segment is not UTF-8 (D11).
    pub path: Vec<u8>,
    /// Kind of the KEYMAP record; `None` for an object that is not renamed at all.
    pub kind: Option<keymap::Kind>,
}

/// Appends the suffix and applies D10 and D11 to the result.
pub fn rename(base: &Base, suffix: Suffix) -> Renamed {
    if suffix == Suffix::None && !base.replaced {
        return Renamed { target: base.path.clone(), path: base.path.clone(), kind: None };
    }
    let (directories, last) = split(&base.path);
    let mut stem = last.to_vec();
    let mut replaced = base.replaced;
    if !fits(&stem, suffix) {
        stem = if base.last_replaced { cut(last) } else { fallback_that_fits(last, suffix) };
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
    } else if suffix == Suffix::None {
        target.clone_from(&base.path);
    }
    let kind = match suffix {
        _ if replaced => keymap::Kind::ShaFallback,
        Suffix::UserData => keymap::Kind::MetaSuffixRename,
        Suffix::None | Suffix::LeafData => keymap::Kind::S3LeafData,
    };
    Renamed { target, path, kind: Some(kind) }
}

/// Replaces the segments at the indexes `at` of a path, and each that is not UTF-8 (D9, D11).
pub fn replace_segments(path: &[u8], at: &[usize]) -> Vec<u8> {
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

fn fits(name: &[u8], suffix: Suffix) -> bool {
    name.len() + suffix.bytes().len() + sidecar::SUFFIX.len() <= FILE_NAME
}

fn fallback_that_fits(name: &[u8], suffix: Suffix) -> Vec<u8> {
    let fallback = segment::fallback(name).into_bytes();
    if fits(&fallback, suffix) { fallback } else { cut(&fallback) }
}

fn cut(fallback: &[u8]) -> Vec<u8> {
    fallback.iter().copied().take(HASH).collect()
}

#[cfg(test)]
mod tests {
    use super::super::base::base;
    use super::*;

    fn renamed(key: &[u8], suffix: Suffix) -> (String, &'static str) {
        let mut of_key = Base::default();
        base(key, Rules { rename: true, ..Rules::default() }, &mut of_key).unwrap();
        let renamed = rename(&of_key, suffix);
        (String::from_utf8(renamed.path).unwrap(), renamed.kind.map_or("", keymap::Kind::name))
    }

    #[test]
    fn suffixes_are_appended_to_the_whole_path() {
        let leaf = ("path/to.elastickv-leaf-data".into(), "s3-leaf-data");
        assert_eq!(renamed(b"path/to", Suffix::LeafData), leaf);
        let user = ("evil.elastickv-meta.json.user-data".into(), "meta-suffix-rename");
        assert_eq!(renamed(b"evil.elastickv-meta.json", Suffix::UserData), user);
        assert_eq!(renamed(b"a/b", Suffix::None), ("a/b".into(), ""));
        assert_eq!(
            renamed(b"x//y", Suffix::None),
            ("x/e3b0c44298fc1c149afbf4c8996fb924__/y".into(), "sha-fallback")
        );
        assert_eq!(renamed(b"x/", Suffix::LeafData), ("x/.elastickv-leaf-data".into(), "s3-leaf-data"));
        assert_eq!(
            renamed(b"/", Suffix::LeafData),
            ("e3b0c44298fc1c149afbf4c8996fb924__/.elastickv-leaf-data".into(), "sha-fallback")
        );
    }

    #[test]
    fn a_suffix_shortens_what_the_name_may_be() {
        assert_eq!(renamed(&[b'n'; 215], Suffix::LeafData).1, "s3-leaf-data");
        let (path, kind) = renamed(&[b'n'; 216], Suffix::LeafData);
        assert_eq!((path.len(), kind), (34 + 64 + 20, "sha-fallback"));
    }

    #[test]
    fn a_fallback_that_leaves_no_room_is_cut_to_its_hash() {
        let (path, kind) = renamed("\u{9577}".repeat(80).as_bytes(), Suffix::LeafData);
        assert_eq!((path.len(), kind), (34 + 20, "sha-fallback"));
        let (path, _) = renamed("\u{9577}".repeat(75).as_bytes(), Suffix::LeafData);
        assert_eq!(path.len(), 34 + 20);
    }

    #[test]
    fn segments_that_are_not_utf8_are_replaced_in_renamed_keys_only() {
        let mut of_key = Base::default();
        base(b"\xfe/a/\xff", Rules::default(), &mut of_key).unwrap();
        assert_eq!(rename(&of_key, Suffix::None).path, b"\xfe/a/\xff");
        let leaf = rename(&of_key, Suffix::LeafData);
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
