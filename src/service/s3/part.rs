//! One part of a manifest: which rows hold its bytes (`format/s3.md#manifest`).

use crate::codec::gojson::read::{self as json, Reader};

/// A part of an object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Part {
    /// Part number.
    pub number: u64,
    /// Length, bytes; 0 when it is not known.
    pub size: i64,
    /// MD5 of its bytes, where its `ETag` is one.
    pub md5: Option<[u8; 16]>,
    /// Number of chunks as counted by the writer.
    pub chunk_count: u64,
    /// Length of each chunk, bytes; empty when they were not stored.
    pub chunk_sizes: ChunkSizes,
    /// Version in the keys of stored chunks.
    pub blob_version: u64,
    /// Version in the keys of chunk references.
    pub chunk_ref_version: u64,
    /// Whether the bytes are reached through chunk references.
    pub offloaded: bool,
}

impl Part {
    /// Reads a part object.
    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, json::Error> {
        let mut part = Self::default();
        reader.members(|name, value| {
            match name {
                "part_no" => part.number = value.integer()?,
                "etag" => {
                    let mut md5 = [0; 16];
                    part.md5 = hex::decode_to_slice(&*value.string()?, &mut md5).ok().map(|()| md5);
                }
                "size_bytes" => part.size = value.integer()?,
                "chunk_count" => part.chunk_count = value.integer()?,
                "chunk_sizes" => {
                    part.chunk_sizes = ChunkSizes::default();
                    value.array(|size| size.integer().map(|size| part.chunk_sizes.push(size)))?;
                }
                "part_version" => part.blob_version = value.integer()?,
                "chunk_ref_version" => part.chunk_ref_version = value.integer()?,
                "offloaded" => part.offloaded = value.boolean()?,
                _ => _ = value.value()?,
            }
            Ok::<_, json::Error>(())
        })?;
        Ok(part)
    }

    /// Returns the number of chunks (`reading/s3.md#bodies`).
    pub(super) fn chunks(&self) -> u64 {
        if self.chunk_sizes.is_empty() { self.chunk_count } else { self.chunk_sizes.len() }
    }

    /// Returns the version in the keys of the rows that the part declares.
    pub(super) fn version(&self) -> u64 {
        if self.offloaded { self.chunk_ref_version } else { self.blob_version }
    }
}

/// Lengths of a part's chunks as runs of equal ones: writers cut at a fixed length, so that a part takes two
/// runs whatever its size.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct ChunkSizes {
    /// Length and index behind the run's last chunk, both capped: no row is longer, no value lists more.
    runs: Vec<(u32, u32)>,
}

impl ChunkSizes {
    fn push(&mut self, size: u64) {
        let (size, end) = (u32::try_from(size).unwrap_or(u32::MAX), self.end().saturating_add(1));
        match self.runs.last_mut() {
            Some((last, behind)) if *last == size => *behind = end,
            _ => self.runs.push((size, end)),
        }
    }

    /// Returns the number of chunks.
    pub(super) fn len(&self) -> u64 {
        u64::from(self.end())
    }

    fn end(&self) -> u32 {
        self.runs.last().map_or(0, |&(_, end)| end)
    }

    /// Returns the length of all chunks together, bytes.
    pub(super) fn total(&self) -> u64 {
        let mut begin = 0;
        self.runs.iter().fold(0, |sum, &(size, end)| {
            let chunks = u64::from(end.saturating_sub(std::mem::replace(&mut begin, end)));
            chunks.saturating_mul(u64::from(size)).saturating_add(sum)
        })
    }

    /// Whether no length was stored.
    pub(super) fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    /// Returns the length of one chunk, bytes.
    pub(super) fn of(&self, chunk: u64) -> Option<u64> {
        let run = self.runs.partition_point(|&(_, end)| u64::from(end) <= chunk);
        self.runs.get(run).map(|&(size, _)| u64::from(size))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::gojson::read::in_capitals;

    fn read(json: &str) -> Result<Part, json::Error> {
        Part::read(&mut Reader::new(json.as_bytes()))
    }

    #[test]
    fn the_layout_decides_which_version_counts() {
        let part =
            "\"part_no\":2,\"size_bytes\":5,\"chunk_sizes\":[3,2],\"part_version\":7,\"chunk_ref_version\":8";
        let stored = read(&format!("{{{part}}}")).unwrap();
        assert_eq!((stored.number, stored.version(), stored.offloaded), (2, 7, false));
        let offloaded = read(&format!("{{{part},\"offloaded\":true}}")).unwrap();
        assert_eq!((offloaded.version(), offloaded.offloaded), (8, true));
        assert!(read("{\"part_no\":-1}").is_err());
    }

    #[test]
    fn names_in_another_case_are_those_of_the_members() {
        let part = r#"{"part_no":1,"size_bytes":2,"chunk_count":3,"chunk_sizes":[4,5],"part_version":6,"chunk_ref_version":7,"offloaded":true}"#;
        let read_part = read(part).unwrap();
        assert_eq!((read_part.size, read_part.chunk_count, read_part.blob_version), (2, 3, 6));
        assert_eq!(read(&in_capitals(part)), Ok(read_part));
    }

    #[test]
    fn chunk_sizes_count_before_chunk_count() {
        assert_eq!(read("{\"chunk_count\":9,\"chunk_sizes\":[1,1]}").unwrap().chunks(), 2);
        assert_eq!(read("{\"chunk_count\":9,\"chunk_sizes\":[]}").unwrap().chunks(), 9);
        assert_eq!(read("null").unwrap().chunks(), 0);
    }

    #[test]
    fn runs_of_equal_lengths_answer_for_each_chunk() {
        let sizes = read("{\"chunk_sizes\":[4,4,4,0,4,3]}").unwrap().chunk_sizes;
        assert_eq!(sizes.runs.len(), 4);
        assert_eq!((sizes.len(), sizes.total()), (6, 19));
        let each: Vec<_> = (0..7).map(|chunk| sizes.of(chunk)).collect();
        assert_eq!(each, [Some(4), Some(4), Some(4), Some(0), Some(4), Some(3), None]);
        let sizes = read("{\"chunk_sizes\":[18446744073709551615,4294967296]}").unwrap().chunk_sizes;
        assert_eq!((sizes.len(), sizes.of(1)), (2, Some(u64::from(u32::MAX))));
    }
}
