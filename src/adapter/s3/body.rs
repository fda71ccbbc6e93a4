//! The body of one object, streamed into its file chunk by chunk (`s3.md` 3.3, 4.5).
//!
//! In: rows in row order, which is body order. Out: one file; when a chunk is missing or does not fit, none.

use std::cmp::Ordering;

use super::part::Part;
use super::problem::{Class, Fault};
use crate::dump::{Tree, TreeFile};
use crate::error::Result;
use crate::keyspace::s3::ChunkKey;
use crate::store::{EntryBuf, Place, Store};

/// The next chunk that a body needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wanted {
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
    pub fn cmp(&self, key: &ChunkKey<'_>) -> Ordering {
        (key.part, key.chunk).cmp(&(self.part, self.chunk))
    }

    /// Returns what is wrong when the chunk is not there.
    pub fn missing(&self) -> Fault {
        let message = format!("chunk {} of part {} is missing", self.chunk, self.part);
        Fault::new(Class::IncompleteChunks, message)
    }
}

/// A body that is being written.
#[derive(Debug)]
pub struct Body {
    path: Vec<u8>,
    size: i64,
    parts: Vec<Part>,
    part: usize,
    chunk: u64,
    part_length: u64,
    file: Option<TreeFile>,
    /// A chunk under an explicit version 0, which counts when no row without a version follows (1.3).
    held: Option<Place>,
    fault: Option<Fault>,
}

impl Body {
    /// Returns a body of `size` bytes, declared by parts in ascending order, that goes to `path`.
    pub fn new(path: Vec<u8>, size: i64, parts: Vec<Part>) -> Self {
        let mut body = Self {
            path,
            size,
            parts,
            part: 0,
            chunk: 0,
            part_length: 0,
            file: None,
            held: None,
            fault: None,
        };
        body.skip_empty_parts();
        body
    }

    /// Returns the next chunk; `None` when the body is complete, or has failed.
    pub fn wanted(&self) -> Option<Wanted> {
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
    pub fn declares(&self, key: &ChunkKey<'_>, offloaded: bool) -> bool {
        let found = self.parts.binary_search_by_key(&key.part, |part| part.number);
        found.ok().and_then(|at| self.parts.get(at)).is_some_and(|part| {
            part.offloaded == offloaded && part.version() == key.version() && key.chunk < part.chunks()
        })
    }

    /// Offers a stored chunk of the object's upload; `true` when it belongs to the body. No chunk reference may
    /// be wanted.
    pub fn offer(
        &mut self,
        store: &Store,
        tree: &mut Tree,
        key: &ChunkKey<'_>,
        row: Row<'_>,
    ) -> Result<bool> {
        while let Some(wanted) = self.wanted().filter(|wanted| !wanted.offloaded) {
            match wanted.cmp(key) {
                Ordering::Equal if key.version() == wanted.version => {
                    if key.explicit_version == Some(0) {
                        self.held = Some(row.place);
                    } else {
                        self.held = None;
                        self.append(tree, row.body)?;
                    }
                    return Ok(true);
                }
                Ordering::Greater => self.settle(store, tree)?,
                _ => return Ok(false),
            }
        }
        Ok(false)
    }

    /// Appends the wanted chunk.
    pub fn append(&mut self, tree: &mut Tree, bytes: &[u8]) -> Result<()> {
        let Some(wanted) = self.wanted() else { return Ok(()) };
        let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        if wanted.size.is_some_and(|size| size != length) {
            let message = format!("chunk {} of part {} has {length} bytes", wanted.chunk, wanted.part);
            self.fail(Fault::new(Class::CorruptObject, message));
            return Ok(());
        }
        if self.open(tree)?
            && let Some(file) = &mut self.file
        {
            file.write(bytes)?;
        }
        self.chunk += 1;
        self.part_length = self.part_length.saturating_add(length);
        self.end_part();
        Ok(())
    }

    /// Lets the object fail: what was written is removed.
    pub fn fail(&mut self, fault: Fault) {
        self.file = None;
        self.fault.get_or_insert(fault);
    }

    /// Reads the held chunk, or lets the object fail because the wanted one is missing.
    pub fn settle(&mut self, store: &Store, tree: &mut Tree) -> Result<()> {
        let Some(wanted) = self.wanted() else { return Ok(()) };
        match self.held.take() {
            Some(place) => {
                let mut entry = EntryBuf::default();
                store.read(place, &mut entry)?;
                self.append(tree, &entry.body)
            }
            None => {
                self.fail(wanted.missing());
                Ok(())
            }
        }
    }

    /// Ends the body when no more rows come: the file, which is to be finished, or what is wrong.
    pub fn finish(&mut self, tree: &mut Tree) -> Result<Result<TreeFile, Fault>> {
        if let Some(wanted) = self.wanted() {
            self.fail(wanted.missing());
        }
        if self.fault.is_none() && self.open(tree)? {
            let length = self.file.as_ref().map_or(0, TreeFile::len);
            if u64::try_from(self.size).ok() != Some(length) {
                let message = format!("the body has {length} bytes, not {}", self.size);
                self.fail(Fault::new(Class::CorruptObject, message));
            }
        }
        let fault = self.fault.take();
        Ok(self.file.take().ok_or_else(|| fault.unwrap_or_else(|| Fault::new(Class::Io, "not written"))))
    }

    /// Returns the path of the body, from the root of the dump.
    pub fn path(&self) -> &[u8] {
        &self.path
    }

    fn open(&mut self, tree: &mut Tree) -> Result<bool> {
        if self.file.is_none() {
            match tree.file(&self.path) {
                Ok(file) => self.file = Some(file),
                Err(error) => self.fail(Fault::of_file(error)?),
            }
        }
        Ok(self.file.is_some())
    }

    fn end_part(&mut self) {
        let Some(part) = self.parts.get(self.part).filter(|part| self.chunk >= part.chunks()) else { return };
        if part.size != 0 && u64::try_from(part.size).ok() != Some(self.part_length) {
            let message = format!("part {} has {} bytes, not {}", part.number, self.part_length, part.size);
            self.fail(Fault::new(Class::CorruptObject, message));
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
pub struct Row<'a> {
    /// Its bytes.
    pub body: &'a [u8],
    /// Where it stands.
    pub place: Place,
}
