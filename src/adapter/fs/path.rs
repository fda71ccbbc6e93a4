//! Where a node stands: its path in the filesystem, and its path in the dump.

use crate::dump::segment;
use crate::limits;

const TREE: &[u8] = b"extra/fs/tree";

/// The two paths of a node. Reused from node to node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NodePath {
    /// Names joined with `/`, no leading slash; empty for the root.
    pub original: Vec<u8>,
    /// Path from the dump root: the same, but for names that are too long for a file.
    pub disk: Vec<u8>,
}

impl NodePath {
    /// Makes this the path of the root.
    pub fn assign_root(&mut self) {
        self.assign(b"", TREE);
    }

    /// Makes this the given pair of paths.
    pub fn assign(&mut self, original: &[u8], disk: &[u8]) {
        self.original.clear();
        self.original.extend_from_slice(original);
        self.disk.clear();
        self.disk.extend_from_slice(disk);
    }

    /// Makes this the path of `name` in `parent`; returns the SHA fallback that replaces a name longer than a
    /// file name can be.
    pub fn assign_child(&mut self, parent: &Self, name: &[u8]) -> Option<String> {
        self.assign(&parent.original, &parent.disk);
        if !self.original.is_empty() {
            self.original.push(b'/');
        }
        self.original.extend_from_slice(name);
        self.disk.push(b'/');
        if name.len() <= limits::FILE_NAME {
            self.disk.extend_from_slice(name);
            return None;
        }
        let fallback = segment::fallback(name);
        self.disk.extend_from_slice(fallback.as_bytes());
        Some(fallback)
    }

    /// Whether CHECKSUMS can list a file of this path, and KEYMAP record it: longer paths would make a dump
    /// that `verify` refuses (`dump.md` 3, 5).
    #[must_use]
    pub fn fits(&self) -> bool {
        let escapes = self.disk.iter().filter(|byte| matches!(byte, b'\n' | b'\r' | b'\\')).count();
        // The mark of an escaped line, digest, two spaces, path, newline.
        let line = 1 + 64 + 2 + self.disk.len() + escapes + 1;
        line <= limits::CHECKSUMS_LINE && self.original.len() <= limits::FILESYSTEM_PATH
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn root() -> NodePath {
        let mut path = NodePath::default();
        path.assign_root();
        path
    }

    fn child(parent: &NodePath, name: &[u8]) -> NodePath {
        let mut path = NodePath::default();
        path.assign_child(parent, name);
        path
    }

    #[test]
    fn names_stand_as_they_are_below_the_tree() {
        let path = child(&child(&root(), b"a b"), b"\xff%");
        assert_eq!(path.original, b"a b/\xff%");
        assert_eq!(path.disk, b"extra/fs/tree/a b/\xff%");
    }

    #[test]
    fn a_path_fits_as_long_as_its_checksums_line_does() {
        let mut path = root();
        path.disk.resize(limits::CHECKSUMS_LINE - 68, b'a');
        assert!(path.fits());
        path.disk.push(b'a');
        assert!(!path.fits());
        path.disk.truncate(limits::CHECKSUMS_LINE - 69);
        *path.disk.last_mut().unwrap() = b'\n';
        assert!(path.fits());
        *path.disk.first_mut().unwrap() = b'\\';
        assert!(!path.fits());
    }

    #[test]
    fn a_path_fits_as_long_as_its_keymap_line_does() {
        let mut path = root();
        path.original.resize(limits::FILESYSTEM_PATH, b'a');
        assert!(path.fits());
        path.original.push(b'a');
        assert!(!path.fits());
    }

    #[test]
    fn a_name_of_256_bytes_takes_the_fallback_and_one_of_255_does_not() {
        let mut path = NodePath::default();
        assert_eq!(path.assign_child(&root(), &[b'n'; 255]), None);
        assert_eq!(path.disk.len(), TREE.len() + 1 + 255);
        let fallback = path.assign_child(&root(), &[b'n'; 256]).unwrap();
        assert_eq!(path.original, [b'n'; 256]);
        assert_eq!(path.disk, [TREE, b"/", fallback.as_bytes()].concat());
    }
}
