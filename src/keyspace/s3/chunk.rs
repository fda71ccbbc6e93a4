//! Keys of stored chunks and of chunk references (`format/s3.md#families`, `format/s3.md#part-versions`).

use super::UploadKey;
use crate::cursor;
use crate::keyspace::Family;

/// `seg(bucket) generation seg(object) seg(upload) part chunk [version]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChunkKey<'a> {
    /// The upload that the chunk came with.
    pub upload: UploadKey<'a>,
    /// Part number.
    pub part: u64,
    /// Number of the chunk in its part, from 0.
    pub chunk: u64,
    /// Version as it stands in the key; an explicit zero denotes the same chunk as none.
    pub explicit_version: Option<u64>,
}

impl<'a> ChunkKey<'a> {
    /// Parses the user key of a row of `family`, `S3Blob` or `S3ChunkRef`; `None` when it is malformed.
    #[must_use]
    pub fn parse(family: Family, user_key: &'a [u8]) -> Option<Self> {
        Self::parse_rest(user_key.strip_prefix(family.prefix())?)
    }

    /// Parses a key without its family's prefix; `None` when it is malformed.
    #[must_use]
    pub fn parse_rest(key: &'a [u8]) -> Option<Self> {
        let mut rest = key;
        let upload = UploadKey::take(&mut rest)?;
        let part = cursor::take_u64_be(&mut rest)?;
        let chunk = cursor::take_u64_be(&mut rest)?;
        let explicit_version = if rest.is_empty() { None } else { Some(cursor::take_u64_be(&mut rest)?) };
        rest.is_empty().then_some(Self { upload, part, chunk, explicit_version })
    }

    /// Appends the user key of a stored chunk without a version; `upload` is what [`UploadKey::write`] appends.
    pub fn write(out: &mut Vec<u8>, family: Family, upload: &[u8], (part, chunk): (u64, u64)) {
        out.extend_from_slice(family.prefix());
        out.extend_from_slice(upload);
        out.extend_from_slice(&part.to_be_bytes());
        out.extend_from_slice(&chunk.to_be_bytes());
    }

    /// Returns the version, 0 when the key has none.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.explicit_version.unwrap_or_default()
    }

    /// Returns the user key of the same chunk without a version, in `family`.
    #[must_use]
    pub fn unversioned(&self, family: Family) -> Vec<u8> {
        let numbers = [self.part.to_be_bytes(), self.chunk.to_be_bytes()];
        [family.prefix(), self.upload.encoded, numbers.as_flattened()].concat()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &[u8] = b"!s3|blob|photos\0\x01\0\0\0\0\0\0\0\x07a/x.txt\0\x01u1\0\x01\
        \0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0\x02";

    #[test]
    fn keys_with_and_without_a_version_parse() {
        let key = ChunkKey::parse(Family::S3Blob, KEY).unwrap();
        assert_eq!(
            (&*key.upload.object.object.raw(), &*key.upload.upload.raw()),
            (&b"a/x.txt"[..], &b"u1"[..])
        );
        assert_eq!((key.part, key.chunk, key.explicit_version, key.version()), (1, 2, None, 0));
        assert_eq!(key.unversioned(Family::S3Blob), KEY);

        let versioned = [KEY, &0x018f_2a33_f801_0001_u64.to_be_bytes()].concat();
        let key = ChunkKey::parse(Family::S3Blob, &versioned).unwrap();
        assert_eq!(key.version(), 0x018f_2a33_f801_0001);
        assert_eq!(key.unversioned(Family::S3Blob), KEY);

        let zero = [KEY, &[0; 8]].concat();
        let key = ChunkKey::parse(Family::S3Blob, &zero).unwrap();
        assert_eq!((key.explicit_version, key.version()), (Some(0), 0));
    }

    #[test]
    fn every_truncation_short_versions_and_other_families_are_malformed() {
        for length in 0..KEY.len() {
            assert_eq!(ChunkKey::parse(Family::S3Blob, &KEY[..length]), None, "{length}");
        }
        for extra in (1..8).chain([9, 16]) {
            assert_eq!(ChunkKey::parse(Family::S3Blob, &[KEY, &vec![0; extra]].concat()), None);
        }
        assert_eq!(ChunkKey::parse(Family::S3ChunkRef, KEY), None);
    }
}
