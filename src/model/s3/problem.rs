//! Why an object is missing: the classes of `s3.md` 6.3.

use crate::model::Refusal;

/// A class of `s3.md` 6.3.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// A key that does not parse, or that no path can hold.
    MalformedKey,
    /// A bucket row that is no JSON of `s3.md` 2.1.
    InvalidBucketMeta,
    /// A manifest that is no JSON of `s3.md` 2.3.
    InvalidManifest,
    /// A chunk reference that does not parse, or has the wrong length.
    InvalidChunkRef,
    /// A content-addressed chunk of which only damaged versions are left.
    ChunkblobHashMismatch,
    /// A chunk of the body is missing.
    IncompleteChunks,
    /// Two objects need the same name.
    MetaSuffixCollision,
    /// The path of the object, as a whole, is longer than a system call takes.
    PathTooLong,
    /// Chunk references ask for far more than is stored.
    SizeOverLimit,
    /// Lengths do not add up.
    CorruptObject,
    /// The file system does not take the name.
    Io,
}

impl Class {
    const ALL: [(Self, &'static str); 11] = [
        (Self::MalformedKey, "S3_MALFORMED_KEY"),
        (Self::InvalidBucketMeta, "S3_INVALID_BUCKET_META"),
        (Self::InvalidManifest, "S3_INVALID_MANIFEST"),
        (Self::InvalidChunkRef, "S3_INVALID_CHUNK_REF"),
        (Self::ChunkblobHashMismatch, "S3_CHUNKBLOB_HASH_MISMATCH"),
        (Self::IncompleteChunks, "S3_INCOMPLETE_CHUNKS"),
        (Self::MetaSuffixCollision, "S3_META_SUFFIX_COLLISION"),
        (Self::PathTooLong, "S3_PATH_TOO_LONG"),
        (Self::SizeOverLimit, "S3_SIZE_OVER_LIMIT"),
        (Self::CorruptObject, "S3_CORRUPT_OBJECT"),
        (Self::Io, "IO"),
    ];

    /// Returns the class as it stands in reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(class, _)| *class == self).map_or("", |(_, name)| name)
    }

    /// Returns the class of a name.
    #[must_use]
    pub fn named(name: &[u8]) -> Option<Self> {
        Self::ALL.iter().find(|(_, known)| known.as_bytes() == name).map(|(class, _)| *class)
    }
}

/// What is wrong with one object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Its class.
    pub class: Class,
    /// In words: lower case, no full stop.
    pub message: String,
}

impl Fault {
    /// Returns a fault.
    pub fn new(class: Class, message: impl Into<String>) -> Self {
        Self { class, message: message.into() }
    }
}

impl From<Fault> for Refusal {
    fn from(Fault { class, message }: Fault) -> Self {
        Self { class: class.name(), message }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_class_has_a_name_of_its_own() {
        for (class, name) in Class::ALL {
            assert_eq!(class.name(), name);
            assert_eq!(Class::named(name.as_bytes()), Some(class));
        }
        assert_eq!(Class::named(b"S3_OTHER"), None);
    }
}
