//! The body of one object, streamed into the sink chunk by chunk (`reading/s3.md#objects`, `reading/s3.md#bodies`).
//!
//! In: rows in row order, which is body order. Out: pieces, and what is wrong when a chunk is missing or does not fit.

use std::cmp::Ordering;

use super::part::Part;
use super::problem::{Class, Fault, ORDER};
use crate::error::Result;
use crate::keyspace::s3::ChunkKey;
use crate::model::{Answer, Piece};
use crate::sink::Sink;
use crate::snapshot::{EntryBuf, RowLocation, Snapshot};

/// The next chunk that a body needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Wanted {
    /// Part number.
    pub part: u64,
    /// Number of the chunk in its part.
    pub chunk: u64,
    /// Version in its key.
    pub version: u64,
    /// Whether it is reached through a chunk reference.
    pub offloaded: bool,
    /// Its length, bytes, when it is declared.
    pub size: Option<u64>,
}

impl Wanted {
    /// Compares a row of the object's upload with the wanted one: `Equal` for every row of that chunk.
    pub(super) fn cmp(&self, key: &ChunkKey<'_>) -> Ordering {
        (key.part, key.chunk).cmp(&(self.part, self.chunk))
    }

    /// Returns what is wrong when the chunk is not there.
    pub(super) fn missing(&self) -> Fault {
        let message = format!("chunk {} of part {} is missing", self.chunk, self.part);
        Fault::new(Class::S3_INCOMPLETE_CHUNKS, message)
    }
}

/// A body that is being written.
#[derive(Debug)]
pub(super) struct Body {
    size: i64,
    parts: Vec<Part>,
    part: usize,
    chunk: u64,
    part_length: u64,
    /// Bytes passed on; `None` before the first piece.
    length: Option<u64>,
    /// A chunk under an explicit version 0, which counts when no row without a version follows (`format/s3.md#part-versions`).
    held: Option<RowLocation>,
    fault: Option<Fault>,
    /// Whether another share passes it on: here its chunks are counted alone.
    is_others: bool,
}

impl Body {
    /// Returns a body of `size` bytes, declared by parts in ascending order.
    pub(super) fn new(size: i64, parts: Vec<Part>) -> Self {
        let mut body = Self {
            size,
            parts,
            part: 0,
            chunk: 0,
            part_length: 0,
            length: None,
            held: None,
            fault: None,
            is_others: false,
        };
        body.skip_empty_parts();
        body
    }

    /// Leaves it to another share to pass the body on.
    pub(super) fn of_other_share(self) -> Self {
        Self { is_others: true, ..self }
    }

    /// Whether another share passes it on.
    pub(super) fn is_others(&self) -> bool {
        self.is_others
    }

    /// Returns the next chunk; `None` when the body is complete, or has failed.
    pub(super) fn wanted(&self) -> Option<Wanted> {
        let part = self.parts.get(self.part).filter(|_| self.fault.is_none())?;
        Some(Wanted {
            part: part.number,
            chunk: self.chunk,
            version: part.version(),
            offloaded: part.offloaded,
            size: part.chunk_sizes.of(self.chunk),
        })
    }

    /// Whether the parts declare a row of the object's upload.
    pub(super) fn declares(&self, key: &ChunkKey<'_>, offloaded: bool) -> bool {
        let found = self.parts.binary_search_by_key(&key.part, |part| part.number);
        found.ok().and_then(|at| self.parts.get(at)).is_some_and(|part| {
            part.offloaded == offloaded && part.version() == key.version() && key.chunk < part.chunks()
        })
    }

    /// Returns how many bytes the parts declare that are reached through chunk references.
    pub(super) fn offloaded_bytes(&self) -> u64 {
        let offloaded = self.parts.iter().filter(|part| part.offloaded);
        offloaded.fold(0, |sum, part| part.chunk_sizes.total().saturating_add(sum))
    }

    /// Whether a chunk is held back that no row behind `key` can replace: to be settled before `key` is offered.
    pub(super) fn holds_before(&self, key: &ChunkKey<'_>) -> bool {
        self.held.is_some() && self.wanted().is_some_and(|wanted| wanted.cmp(key) == Ordering::Greater)
    }

    /// Offers a stored chunk of the object's upload; `true` when it belongs to the body. No chunk reference may
    /// be wanted.
    pub(super) fn offer(&mut self, sink: &mut dyn Sink, key: &ChunkKey<'_>, row: Row<'_>) -> Result<bool> {
        let Some(wanted) = self.wanted().filter(|wanted| !wanted.offloaded) else { return Ok(false) };
        match wanted.cmp(key) {
            Ordering::Equal if key.version() == wanted.version => {
                if key.explicit_version == Some(0) {
                    self.held = Some(row.place);
                } else {
                    self.held = None;
                    self.append(sink, row.body)?;
                }
                Ok(true)
            }
            Ordering::Greater => {
                self.fail(wanted.missing());
                Ok(false)
            }
            _ => Ok(false),
        }
    }

    /// Appends the wanted chunk.
    pub(super) fn append(&mut self, sink: &mut dyn Sink, bytes: &[u8]) -> Result<()> {
        self.take(sink, Piece::Bytes(bytes), u64::try_from(bytes.len()).unwrap_or(u64::MAX))
    }

    /// Passes over the wanted chunk, of so many bytes, of another share's body.
    pub(super) fn pass_over(&mut self, sink: &mut dyn Sink, length: u64) -> Result<()> {
        self.take(sink, Piece::Zeros(length), length)
    }

    fn take(&mut self, sink: &mut dyn Sink, piece: Piece<'_>, length: u64) -> Result<()> {
        let wanted = self.wanted().ok_or(ORDER)?;
        if wanted.size.is_some_and(|size| size != length) {
            let message = format!("chunk {} of part {} has {length} bytes", wanted.chunk, wanted.part);
            self.fail(Fault::new(Class::S3_CORRUPT_OBJECT, message));
            return Ok(());
        }
        self.pass(sink, piece, length)?;
        self.chunk += 1;
        self.part_length = self.part_length.saturating_add(length);
        self.end_part();
        Ok(())
    }

    /// Lets the object fail.
    pub(super) fn fail(&mut self, fault: Fault) {
        self.fault.get_or_insert(fault);
    }

    /// Reads the held chunk, or lets the object fail because the wanted one is missing.
    pub(super) fn settle(&mut self, snapshot: &Snapshot, sink: &mut dyn Sink) -> Result<()> {
        let wanted = self.wanted().ok_or(ORDER)?;
        let Some(place) = self.held.take() else {
            self.fail(wanted.missing());
            return Ok(());
        };
        let mut entry = EntryBuf::default();
        snapshot.read(place, &mut entry)?;
        self.append(sink, &entry.body)
    }

    /// Ends the body when no more rows come, or says what is wrong.
    pub(super) fn finish(&mut self, sink: &mut dyn Sink) -> Result<Result<(), Fault>> {
        if let Some(wanted) = self.wanted() {
            self.fail(wanted.missing());
        }
        if self.fault.is_none() && self.length.is_none() {
            // Whether the sink has a place for the object counts before its length.
            self.pass(sink, Piece::Bytes(b""), 0)?;
        }
        let length = self.length.unwrap_or_default();
        if self.fault.is_none() && u64::try_from(self.size).ok() != Some(length) {
            let message = format!("the body has {length} bytes, not {}", self.size);
            self.fail(Fault::new(Class::S3_CORRUPT_OBJECT, message));
        }
        Ok(self.fault.take().map_or(Ok(()), Err))
    }

    fn pass(&mut self, sink: &mut dyn Sink, piece: Piece<'_>, length: u64) -> Result<()> {
        match if self.is_others { Answer::Left } else { sink.piece(piece)? } {
            Answer::Refused(refusal) => self.fail(refusal),
            Answer::Open | Answer::Taken | Answer::Left => {
                self.length = Some(self.length.unwrap_or_default().saturating_add(length));
            }
        }
        Ok(())
    }

    fn end_part(&mut self) {
        let Some(part) = self.parts.get(self.part).filter(|part| self.chunk >= part.chunks()) else { return };
        if part.size != 0 && u64::try_from(part.size).ok() != Some(self.part_length) {
            let message = format!("part {} has {} bytes, not {}", part.number, self.part_length, part.size);
            self.fail(Fault::new(Class::S3_CORRUPT_OBJECT, message));
            return;
        }
        self.part += 1;
        self.chunk = 0;
        self.part_length = 0;
        self.skip_empty_parts();
    }

    fn skip_empty_parts(&mut self) {
        while self.parts.get(self.part).is_some_and(|part| part.chunks() == 0) {
            self.part += 1;
        }
    }
}

/// A stored chunk.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row<'a> {
    /// Its bytes.
    pub body: &'a [u8],
    /// Where it stands.
    pub place: RowLocation,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keyspace::s3::Segment;
    use crate::model::{Object, s3};
    use crate::report::Report;
    use crate::service::s3::manifest::Manifest;
    use crate::sink::{LayoutOptions, TreeSink};
    use crate::time::Hlc;
    use crate::tree::{Scratch, Tree, TreeOptions};

    const PLACE: RowLocation = RowLocation::new(0, 0);

    struct Fixture {
        tree: TreeSink,
        body: Body,
        directory: tempfile::TempDir,
    }

    fn report() -> Report<'static> {
        Report::new(&Scratch::default(), |_| {})
    }

    impl Fixture {
        fn new(size: i64, parts: &str) -> Self {
            let json = format!("{{\"size_bytes\":{size},\"parts\":[{parts}]}}");
            let manifest = Manifest::parse(json.as_bytes()).unwrap();
            let directory = tempfile::tempdir().unwrap();
            let tree = Tree::create(&directory.path().join("out"), &TreeOptions::default()).unwrap();
            let mut tree = TreeSink::new(tree, LayoutOptions::default());
            let headers = &manifest.headers;
            let head = s3::ObjectHead {
                bucket: b"b",
                generation: 1,
                key: b"o",
                headers,
                parts: &[],
                commit_ts: Hlc::ZERO,
            };
            let object = Object::S3(s3::Object::Object(&head));
            assert_eq!(tree.object(&mut report(), object).unwrap(), Answer::Open);
            Self { tree, body: Body::new(size, manifest.parts), directory }
        }

        fn offer(&mut self, part: u64, chunk: u64, version: Option<u64>, bytes: &[u8]) -> bool {
            let mut key = Vec::new();
            Segment::write(&mut key, b"b");
            key.extend_from_slice(&1_u64.to_be_bytes());
            Segment::write(&mut key, b"o");
            Segment::write(&mut key, b"u");
            for number in [Some(part), Some(chunk), version].into_iter().flatten() {
                key.extend_from_slice(&number.to_be_bytes());
            }
            let key = ChunkKey::parse_rest(&key).unwrap();
            self.body.offer(&mut self.tree, &key, Row { body: bytes, place: PLACE }).unwrap()
        }

        /// The body, or the class of what is wrong and whether any file was left behind.
        fn finish(mut self) -> Result<Vec<u8>, Class> {
            let staged = || {
                let staging = std::fs::read_dir(self.directory.path()).unwrap().next().unwrap().unwrap();
                staging.path().join("s3/b/o")
            };
            match self.body.finish(&mut self.tree).unwrap() {
                Ok(()) => {
                    assert_eq!(self.tree.end(&mut report()).unwrap(), Answer::Taken);
                    self.tree.tree().settle().unwrap();
                    Ok(std::fs::read(staged()).unwrap())
                }
                Err(fault) => {
                    self.tree.abandon().unwrap();
                    assert!(!staged().exists());
                    Err(fault.class)
                }
            }
        }
    }

    type Result<T, E> = std::result::Result<T, E>;

    const TWO_PARTS: &str = r#"{"part_no":1,"size_bytes":5,"chunk_count":2,"chunk_sizes":[3,2],"part_version":9},
        {"part_no":3,"size_bytes":6,"chunk_count":1,"chunk_sizes":[6],"part_version":8}"#;

    #[test]
    fn declared_chunks_make_the_body_and_others_do_not() {
        let mut fixture = Fixture::new(11, TWO_PARTS);
        assert!(!fixture.offer(1, 0, Some(7), b"STALE"));
        assert!(fixture.offer(1, 0, Some(9), b"hel"));
        assert!(!fixture.offer(1, 0, None, b"old"));
        assert!(fixture.offer(1, 1, Some(9), b"lo"));
        assert!(!fixture.offer(1, 2, Some(9), b"more"));
        assert!(!fixture.offer(2, 0, Some(9), b"unlisted part"));
        assert!(fixture.offer(3, 0, Some(8), b"WORLD!"));
        assert!(!fixture.offer(4, 0, Some(8), b"behind"));
        assert_eq!(fixture.finish().unwrap(), b"helloWORLD!");
    }

    #[test]
    fn a_missing_chunk_anywhere_leaves_no_file() {
        for missing in 0..3 {
            let mut fixture = Fixture::new(11, TWO_PARTS);
            let rows: [(u64, u64, u64, &[u8]); 3] =
                [(1, 0, 9, b"hel"), (1, 1, 9, b"lo"), (3, 0, 8, b"WORLD!")];
            for (at, (part, chunk, version, bytes)) in rows.into_iter().enumerate() {
                if at != missing {
                    fixture.offer(part, chunk, Some(version), bytes);
                }
            }
            assert_eq!(fixture.finish(), Err(Class::S3_INCOMPLETE_CHUNKS), "{missing}");
        }
    }

    #[test]
    fn lengths_that_differ_leave_no_file() {
        for (size, parts, bytes) in [
            (5, r#"{"part_no":1,"chunk_sizes":[5]}"#, &b"four"[..]),
            (4, r#"{"part_no":1,"size_bytes":5,"chunk_count":1}"#, b"four"),
            (5, r#"{"part_no":1,"chunk_count":1}"#, b"four"),
            (-1, r#"{"part_no":1,"chunk_count":1}"#, b""),
        ] {
            let mut fixture = Fixture::new(size, parts);
            fixture.offer(1, 0, None, bytes);
            assert_eq!(fixture.finish(), Err(Class::S3_CORRUPT_OBJECT), "{parts}");
        }
    }

    #[test]
    fn parts_without_chunks_and_no_parts_make_an_empty_file() {
        assert_eq!(Fixture::new(0, "").finish(), Ok(Vec::new()));
        let mut fixture = Fixture::new(0, r#"{"part_no":1}"#);
        assert!(!fixture.offer(1, 0, None, b"stray"));
        assert_eq!(fixture.finish(), Ok(Vec::new()));
    }

    #[test]
    fn a_row_without_a_version_replaces_one_with_an_explicit_zero() {
        let mut fixture = Fixture::new(2, r#"{"part_no":1,"chunk_sizes":[2]}"#);
        assert!(fixture.offer(1, 0, Some(0), b"no"));
        assert!(fixture.offer(1, 0, None, b"ok"));
        assert!(!fixture.offer(1, 0, Some(0), b"no"));
        assert_eq!(fixture.finish().unwrap(), b"ok");
    }

    #[test]
    fn a_name_that_is_taken_is_a_collision() {
        let mut fixture = Fixture::new(1, r#"{"part_no":1,"chunk_sizes":[1]}"#);
        fixture.tree.tree().write(b"s3/b/o", b"another").unwrap();
        fixture.offer(1, 0, None, b"x");
        assert_eq!(
            fixture.body.finish(&mut fixture.tree).unwrap().unwrap_err().class,
            Class::S3_META_SUFFIX_COLLISION
        );
    }
}
