//! Why an object is missing from the tree: the classes of `s3.md` 6.3.

use crate::adapter::Context;
use crate::dump::{self, ErrorKind};
use crate::error::{Error, Result};
use crate::excerpt::name_or_length;
use crate::keyspace::Family;
use crate::report::{Problem, Warning};
use crate::store::RowLocation;

/// A record of the adapter's sorters is not as it was written.
pub const RECORD: Error = Error::Internal { what: "a record of an S3 object does not read back" };
/// The steps of the adapter are not in their order.
pub const ORDER: Error = Error::Internal { what: "an S3 object was not open when its rows came" };

/// What helps where a key cannot stand at its own path.
pub const RENAME_OPTION: &str = "--rename-collisions writes it under another name";

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
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(class, _)| *class == self).map_or("", |(_, name)| name)
    }

    /// Returns the class of a name.
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

    /// Turns what the file system refuses for one name into a fault of that object; all else ends the run.
    pub fn of_file(error: dump::Error) -> Result<Self> {
        let class = match error.kind {
            ErrorKind::Taken => Class::MetaSuffixCollision,
            ErrorKind::BadPath => Class::MalformedKey,
            ErrorKind::NameTooLong | ErrorKind::CaseTwin => Class::Io,
            _ => return Err(error.into()),
        };
        Ok(Self::new(class, error.kind.to_string()))
    }

    /// Reports the fault of something in `bucket`; `key` is the object's key, or the row's where there is none.
    pub fn report(
        &self,
        context: &mut Context<'_, '_>,
        bucket: &[u8],
        key: &[u8],
        place: Option<RowLocation>,
    ) -> Result<()> {
        context.report.problem(&Problem {
            adapter: "s3",
            scope: bucket,
            key,
            class: self.class.name(),
            message: self.message.clone(),
            place,
        })
    }

    /// Reports an object that is not in the tree, with a warning beside the problem.
    pub fn report_object(
        &self,
        context: &mut Context<'_, '_>,
        bucket: &[u8],
        object: &[u8],
        place: Option<RowLocation>,
    ) -> Result<()> {
        context.report.warn(
            Warning::new("s3_object_failed")
                .with("bucket", name_or_length(bucket))
                .with("object", name_or_length(object))
                .with("class", self.class.name())
                .with("message", &*self.message),
        );
        self.report(context, bucket, object, place)
    }
}

/// Warns of a row that no emitted object needs, and whose key does not parse.
pub fn warn_bad_key(context: &mut Context<'_, '_>, family: Family, key: &[u8]) {
    context.report.warn(bad_record(family, Class::MalformedKey).with_key(key));
}

/// Warns of a malformed value of an object that no emitted one needs.
pub fn warn_bad_value(
    context: &mut Context<'_, '_>,
    (family, class): (Family, Class),
    bucket: &[u8],
    object: &[u8],
) {
    let warning = bad_record(family, class).with("bucket", name_or_length(bucket));
    context.report.warn(warning.with("object", name_or_length(object)));
}

fn bad_record(family: Family, class: Class) -> Warning {
    Warning::new("s3_skipped_bad_record").with("family", family.name()).with("class", class.name())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;
    use crate::interrupt::Interrupted;

    #[test]
    fn every_class_has_a_name_of_its_own() {
        for (class, name) in Class::ALL {
            assert_eq!(class.name(), name);
            assert_eq!(Class::named(name.as_bytes()), Some(class));
        }
        assert_eq!(Class::named(b"S3_OTHER"), None);
    }

    #[test]
    fn only_names_are_faults_of_an_object() {
        let error = |kind| dump::Error { path: "s3/b/o".into(), kind };
        assert_eq!(Fault::of_file(error(ErrorKind::Taken)).unwrap().class, Class::MetaSuffixCollision);
        assert_eq!(Fault::of_file(error(ErrorKind::NameTooLong)).unwrap().class, Class::Io);
        assert_eq!(Fault::of_file(error(ErrorKind::BadPath)).unwrap().class, Class::MalformedKey);
        let full = ErrorKind::Io(std::io::Error::from(std::io::ErrorKind::StorageFull));
        assert!(matches!(Fault::of_file(error(full)), Err(Error::Dump(_))));
        let stopped = Fault::of_file(error(Interrupted(2).into()));
        assert!(matches!(stopped, Err(Error::Interrupted(Interrupted(2)))), "no failure of a file");
    }
}
