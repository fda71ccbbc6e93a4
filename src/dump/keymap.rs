//! KEYMAP.jsonl: encoded names back to the user's bytes (`dump.md` 3). Writer and reader.

/// Why a name is not the plain encoding of its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// The segment is a SHA fallback.
    ShaFallback,
    /// An S3 object whose name a longer key needs as a directory.
    S3LeafData,
    /// An S3 object whose key ends in the reserved sidecar suffix.
    MetaSuffixRename,
}

impl Kind {
    /// Returns the kind as it stands in the file.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Kind::ShaFallback => "sha-fallback",
            Kind::S3LeafData => "s3-leaf-data",
            Kind::MetaSuffixRename => "meta-suffix-rename",
        }
    }
}

/// Appends one line, newline included. `encoded` is the segment or path as it stands in the tree, `original`
/// the user's bytes.
pub fn line(out: &mut Vec<u8>, encoded: &[u8], original: &[u8], kind: Kind) {
    let _ = (out, encoded, original, kind);
    todo!()
}
