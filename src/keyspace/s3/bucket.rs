//! Keys with a single field: bucket rows, generation counters, content-addressed chunks (`format/s3.md#families`).

use std::borrow::Cow;

use super::Segment;
use crate::keyspace::Family;

/// Parses the user key of a row of `family`, `S3BucketMeta` or `S3BucketGeneration`, to the bucket's name;
/// `None` when it is malformed.
#[must_use]
pub fn parse_bucket(family: Family, user_key: &[u8]) -> Option<Cow<'_, [u8]>> {
    let mut rest = user_key.strip_prefix(family.prefix())?;
    let bucket = Segment::take(&mut rest)?;
    rest.is_empty().then(|| bucket.raw())
}

/// Parses the user key of a content-addressed chunk to its SHA-256; digits of either case; `None` when it is
/// malformed (`format/s3.md#malformed-keys`).
#[must_use]
pub fn parse_digest(user_key: &[u8]) -> Option<[u8; 32]> {
    let digits = user_key.strip_prefix(Family::S3ChunkBlob.prefix())?;
    let mut digest = [0; 32];
    hex::decode_to_slice(digits, &mut digest).ok()?;
    Some(digest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_key_is_one_segment() {
        let parse = |key| parse_bucket(Family::S3BucketMeta, key).map(Cow::into_owned);
        assert_eq!(parse(b"!s3|bucket|meta|photos\0\x01"), Some(b"photos".to_vec()));
        assert_eq!(parse(b"!s3|bucket|meta|\0\x01"), Some(Vec::new()));
        for key in [&b"!s3|bucket|meta|photos"[..], b"!s3|bucket|meta|a\0\x01b", b"!s3|bucket|gen|a\0\x01"] {
            assert_eq!(parse(key), None);
        }
    }

    #[test]
    fn a_digest_is_exactly_64_digits_of_either_case() {
        let key = |digits: &str| [Family::S3ChunkBlob.prefix(), digits.as_bytes()].concat();
        assert_eq!(parse_digest(&key(&"aB".repeat(32))), Some([0xab; 32]));
        for digits in [String::new(), "a".repeat(63), "a".repeat(65), "g".repeat(64), "a".repeat(66)] {
            assert_eq!(parse_digest(&key(&digits)), None);
        }
    }
}
