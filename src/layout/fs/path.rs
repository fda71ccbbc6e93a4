//! A node's path in the dump.

use crate::limits;
use crate::tree::segment;

const TREE: &[u8] = b"extra/fs/tree";

/// A node's path in the dump.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct NodePath {
    /// Path from the dump root: names as they are, but for those that are too long for a file.
    pub disk: Vec<u8>,
    /// The SHA fallback that replaces the node's own name.
    pub fallback: Option<String>,
}

impl NodePath {
    /// Returns the path of the node whose names, joined with `/`, are `original`.
    #[must_use]
    pub(super) fn of(original: &[u8]) -> Self {
        let mut path = Self { disk: TREE.to_vec(), fallback: None };
        let names = original.split(|&byte| byte == b'/').filter(|_| !original.is_empty());
        for name in names {
            path.fallback = (name.len() > limits::FILE_NAME).then(|| segment::fallback(name));
            path.disk.push(b'/');
            path.disk.extend_from_slice(path.fallback.as_ref().map_or(name, |text| text.as_bytes()));
        }
        path
    }

    /// Whether CHECKSUMS can list a file of this path, and KEYMAP record it: longer paths would make a dump
    /// that `verify` refuses (`tree/names.md#keymap`, `tree/checksums.md#checksums`).
    #[must_use]
    pub(super) fn fits(&self, original: &[u8]) -> bool {
        let escapes = self.disk.iter().filter(|byte| matches!(byte, b'\n' | b'\r' | b'\\')).count();
        // The mark of an escaped line, digest, two spaces, path, newline.
        let line = 1 + 64 + 2 + self.disk.len() + escapes + 1;
        line <= limits::CHECKSUMS_LINE && original.len() <= limits::FILESYSTEM_PATH
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stand_as_they_are_below_the_tree() {
        assert_eq!(NodePath::of(b"").disk, TREE);
        assert_eq!(NodePath::of(b"a b/\xff%").disk, b"extra/fs/tree/a b/\xff%");
    }

    #[test]
    fn a_path_fits_as_long_as_its_checksums_line_does() {
        let mut path = NodePath::default();
        path.disk.resize(limits::CHECKSUMS_LINE - 68, b'a');
        assert!(path.fits(b""));
        path.disk.push(b'a');
        assert!(!path.fits(b""));
        path.disk.truncate(limits::CHECKSUMS_LINE - 69);
        *path.disk.last_mut().unwrap() = b'\n';
        assert!(path.fits(b""));
        *path.disk.first_mut().unwrap() = b'\\';
        assert!(!path.fits(b""));
    }

    #[test]
    fn a_path_fits_as_long_as_its_keymap_line_does() {
        let original = vec![b'a'; limits::FILESYSTEM_PATH + 1];
        let path = NodePath::default();
        assert!(path.fits(&original[1..]));
        assert!(!path.fits(&original));
    }

    #[test]
    fn a_name_of_256_bytes_takes_the_fallback_and_one_of_255_does_not() {
        let path = NodePath::of(&[b'n'; 255]);
        assert_eq!((path.disk.len(), path.fallback), (TREE.len() + 1 + 255, None));
        let path = NodePath::of(&[b'n'; 256]);
        let fallback = path.fallback.unwrap();
        assert_eq!(path.disk, [TREE, b"/", fallback.as_bytes()].concat());
        let below = NodePath::of(&[&[b'n'; 256][..], b"/x"].concat());
        assert_eq!((below.disk, below.fallback), ([&path.disk[..], b"/x"].concat(), None));
    }
}
