//! `seg(bucket) generation seg(object)`: the key of a manifest, and the start of every key below an object.

use super::Segment;
use crate::cursor;
use crate::keyspace::Family;

/// One object of one generation of a bucket (`format/s3.md#families`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ObjectKey<'a> {
    /// The three fields as they stand in the key: the same bytes in every family.
    pub encoded: &'a [u8],
    /// Bucket name.
    pub bucket: Segment<'a>,
    /// Generation of the bucket.
    pub generation: u64,
    /// Object key.
    pub object: Segment<'a>,
}

impl<'a> ObjectKey<'a> {
    /// Takes the three fields off the front of a key without its family's prefix.
    pub fn take(bytes: &mut &'a [u8]) -> Option<Self> {
        let all = *bytes;
        let mut rest = all;
        let bucket = Segment::take(&mut rest)?;
        let generation = cursor::take_u64_be(&mut rest)?;
        let object = Segment::take(&mut rest)?;
        let encoded = all.get(..all.len() - rest.len())?;
        *bytes = rest;
        Some(Self { encoded, bucket, generation, object })
    }

    /// Appends the three fields.
    pub fn write(out: &mut Vec<u8>, bucket: &[u8], generation: u64, object: &[u8]) {
        Segment::write(out, bucket);
        out.extend_from_slice(&generation.to_be_bytes());
        Segment::write(out, object);
    }

    /// Parses the user key of a manifest; `None` when it is malformed.
    #[must_use]
    pub fn parse(user_key: &'a [u8]) -> Option<Self> {
        let mut rest = user_key.strip_prefix(Family::S3ObjectHead.prefix())?;
        Self::take(&mut rest).filter(|_| rest.is_empty())
    }

    /// Returns what all keys of one generation of a bucket begin with, in `family`.
    #[must_use]
    pub fn generation_prefix(family: Family, bucket: &[u8], generation: u64) -> Vec<u8> {
        let mut prefix = Self::bucket_prefix(family, bucket);
        prefix.extend_from_slice(&generation.to_be_bytes());
        prefix
    }

    /// Returns what all keys of a bucket begin with, in `family`.
    #[must_use]
    pub fn bucket_prefix(family: Family, bucket: &[u8]) -> Vec<u8> {
        let mut prefix = family.prefix().to_vec();
        Segment::write(&mut prefix, bucket);
        prefix
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &[u8] = b"!s3|obj|head|b\0\xffk\0\x01\0\0\0\0\0\0\0\x05o\0\xff/x\0\x01";

    #[test]
    fn a_head_key_parses_into_its_fields() {
        let key = ObjectKey::parse(KEY).unwrap();
        assert_eq!(&*key.bucket.raw(), b"b\0k");
        assert_eq!(key.generation, 5);
        assert_eq!(&*key.object.raw(), b"o\0/x");
        assert_eq!(key.encoded, &KEY[13..]);
        assert!(KEY.starts_with(&ObjectKey::generation_prefix(Family::S3ObjectHead, b"b\0k", 5)));
    }

    #[test]
    fn every_truncation_extra_bytes_and_other_families_are_malformed() {
        for length in 0..KEY.len() {
            assert_eq!(ObjectKey::parse(&KEY[..length]), None);
        }
        assert_eq!(ObjectKey::parse(&[KEY, b"x"].concat()), None);
        assert_eq!(ObjectKey::parse(&[b"!s3|blob|", &KEY[13..]].concat()), None);
    }

    #[test]
    fn generation_prefixes_of_other_buckets_and_generations_do_not_match() {
        for prefix in [
            ObjectKey::generation_prefix(Family::S3ObjectHead, b"b", 5),
            ObjectKey::generation_prefix(Family::S3ObjectHead, b"b\0k", 4),
            ObjectKey::generation_prefix(Family::S3Blob, b"b\0k", 5),
        ] {
            assert!(!KEY.starts_with(&prefix));
        }
    }
}
