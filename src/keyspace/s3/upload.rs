//! Keys of multipart uploads and of their parts (`format/s3.md#families`).

use super::{ObjectKey, Segment};
use crate::cursor;
use crate::keyspace::Family;

/// `seg(bucket) generation seg(object) seg(upload)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UploadKey<'a> {
    /// The four fields as they stand in the key: the same bytes in every family.
    pub encoded: &'a [u8],
    /// The object that is uploaded.
    pub object: ObjectKey<'a>,
    /// Upload id, opaque bytes.
    pub upload: Segment<'a>,
}

impl<'a> UploadKey<'a> {
    /// Takes the four fields off the front of a key without its family's prefix.
    pub fn take(bytes: &mut &'a [u8]) -> Option<Self> {
        let all = *bytes;
        let mut rest = all;
        let object = ObjectKey::take(&mut rest)?;
        let upload = Segment::take(&mut rest)?;
        let encoded = all.get(..all.len() - rest.len())?;
        *bytes = rest;
        Some(Self { encoded, object, upload })
    }

    /// Appends the last field to what [`ObjectKey::write`] appends.
    pub fn write(out: &mut Vec<u8>, upload: &[u8]) {
        Segment::write(out, upload);
    }

    /// Parses the user key of an upload record; `None` when it is malformed.
    #[must_use]
    pub fn parse(user_key: &'a [u8]) -> Option<Self> {
        let mut rest = user_key.strip_prefix(Family::S3UploadMeta.prefix())?;
        Self::take(&mut rest).filter(|_| rest.is_empty())
    }
}

/// `seg(bucket) generation seg(object) seg(upload) part`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PartKey<'a> {
    /// The upload that the part belongs to.
    pub upload: UploadKey<'a>,
    /// Part number.
    pub part: u64,
}

impl<'a> PartKey<'a> {
    /// Parses the user key of a part record; `None` when it is malformed.
    #[must_use]
    pub fn parse(user_key: &'a [u8]) -> Option<Self> {
        let mut rest = user_key.strip_prefix(Family::S3UploadPart.prefix())?;
        let upload = UploadKey::take(&mut rest)?;
        let part = cursor::take_u64_be(&mut rest)?;
        rest.is_empty().then_some(Self { upload, part })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const META: &[u8] = b"!s3|upload|meta|b\0\x01\0\0\0\0\0\0\0\x01obj\0\x01u1\0\x01";
    const PART: &[u8] = b"!s3|upload|part|b\0\x01\0\0\0\0\0\0\0\x01obj\0\x01u1\0\x01\0\0\0\0\0\0\0\x03";

    #[test]
    fn upload_and_part_keys_parse_into_their_fields() {
        let meta = UploadKey::parse(META).unwrap();
        assert_eq!((&*meta.object.bucket.raw(), meta.object.generation), (&b"b"[..], 1));
        assert_eq!((&*meta.object.object.raw(), &*meta.upload.raw()), (&b"obj"[..], &b"u1"[..]));
        let part = PartKey::parse(PART).unwrap();
        assert_eq!((part.upload, part.part), (meta, 3));
    }

    #[test]
    fn every_truncation_extra_bytes_and_each_others_keys_are_malformed() {
        for length in 0..META.len() {
            assert_eq!(UploadKey::parse(&META[..length]), None);
        }
        for length in 0..PART.len() {
            assert_eq!(PartKey::parse(&PART[..length]), None);
        }
        assert_eq!(UploadKey::parse(PART), None);
        assert_eq!(PartKey::parse(META), None);
        assert_eq!(UploadKey::parse(&[META, b"x"].concat()), None);
        assert_eq!(PartKey::parse(&[PART, b"x"].concat()), None);
    }
}
