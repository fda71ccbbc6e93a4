//! The directory of a bucket.

use super::path::ORPHANS;
use crate::limits;
use crate::model::s3::Orphan;
use crate::tree::segment;

/// Directory of the lines that take the place of sidecars, a directory a bucket.
const PARTS: &[u8] = b"extra/s3/objects/";

/// `s3/<BUCKET>`.
#[derive(Debug)]
pub(super) struct Directory {
    path: Vec<u8>,
    /// Whether its name is a SHA fallback.
    pub fallback: bool,
}

impl Directory {
    /// Whether a directory can stand for a bucket of that name.
    pub(super) fn can_be(bucket: &[u8]) -> bool {
        // The record of a longer name would be a line that no reader of KEYMAPs takes.
        !matches!(bucket, b"" | b"." | b"..") && bucket.len() <= limits::KEYMAP_ORIGINAL
    }

    /// Returns the directory of a bucket; `None` for a name that no directory can have.
    pub(super) fn of(bucket: &[u8]) -> Option<Self> {
        if !Self::can_be(bucket) {
            return None;
        }
        let segment = segment::encode(bucket);
        Some(Self { path: [b"s3/", segment.text.as_bytes()].concat(), fallback: segment.fallback })
    }

    /// Returns its path from the root of the dump.
    pub(super) fn path(&self) -> &[u8] {
        &self.path
    }

    /// Returns the path of a file of the bucket, from the root of the dump.
    pub(super) fn file(&self, file: &[u8]) -> Vec<u8> {
        [&*self.path, file].join(&b'/')
    }

    /// Returns what the paths of the parts begin with whose lines take the place of sidecars: no path in the bucket's
    /// directory is free of what an object may be called.
    pub(super) fn parts(&self) -> Vec<u8> {
        let name = self.path.strip_prefix(b"s3/").unwrap_or_default();
        [PARTS, name, b"/data-"].concat()
    }

    /// Returns the path of an orphan (`tree/s3.md#orphans`), unless its object has a name that no directory can have. With
    /// `rename` it takes the fallback that it would have as an object (`compat.md#keys-that-no-path-can-hold`).
    pub(super) fn orphan(&self, orphan: &Orphan<'_>, rename: bool) -> Option<Vec<u8>> {
        let mut object = segment::encode(orphan.key).text;
        if matches!(&*object, "" | "." | "..") {
            if !rename {
                return None;
            }
            object = segment::fallback(orphan.key);
        }
        let upload = segment::encode(orphan.upload).text;
        let extension = if orphan.offloaded { ".ref.bin" } else { ".bin" };
        let file =
            format!("{upload}_{:016x}_{:016x}_{:016x}{extension}", orphan.part, orphan.chunk, orphan.version);
        let generation = format!("gen-{}", orphan.generation);
        Some(self.file(&[ORPHANS, object.as_bytes(), generation.as_bytes(), file.as_bytes()].join(&b'/')))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_a_directory_as_long_as_a_keymap_line_holds_it() {
        let named = |name: &[u8]| Directory::of(name).map(|directory| directory.fallback);
        assert_eq!(named(b"photos"), Some(false));
        assert_eq!(named(&vec![b'n'; limits::KEYMAP_ORIGINAL]), Some(true));
        for name in [&b""[..], b".", b"..", &vec![b'n'; limits::KEYMAP_ORIGINAL + 1]] {
            assert_eq!(named(name), None);
        }
    }
}
