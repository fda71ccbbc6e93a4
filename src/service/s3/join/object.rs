//! One object of the merge: what its rows are worth, and what becomes of it.

use std::cmp::Ordering;

use super::super::body::Row;
use super::super::live::Live;
use super::super::orphan;
use super::super::problem::{Class, Fault, ORDER, RECORD, warn_bad_value};
use super::{Join, OpenBucket};
use crate::error::Result;
use crate::keyspace::Family;
use crate::keyspace::s3::{ChunkKey, ObjectKey};
use crate::snapshot::{EntryBuf, RowLocation};

/// The object that rows are merged for. It need not be live, nor have a manifest.
#[derive(Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "what its rows were found to be, each by itself")]
pub(crate) struct Object {
    pub encoded: Vec<u8>,
    pub generation: u64,
    pub name: Vec<u8>,
    pub has_head: bool,
    pub live: Option<Live>,
    pub first_chunk: Option<RowLocation>,
    /// Whether the sink left the object: so it leaves its orphans.
    pub left: bool,
    /// Whether the body has taken references.
    pub referenced: bool,
    /// Rows that are not part of a live body.
    pub unused: bool,
    /// How many of those that belong to no upload in progress are chunks; `None` when all belong to some.
    pub stray: Option<u64>,
}

impl Object {
    pub(crate) fn new(key: &ObjectKey<'_>) -> Self {
        Self {
            encoded: key.encoded.to_vec(),
            generation: key.generation,
            name: key.object.raw().into_owned(),
            ..Self::default()
        }
    }

    /// Whether the body holds the row.
    pub(crate) fn holds(&self, key: &ChunkKey<'_>, offloaded: bool) -> bool {
        self.live.as_ref().is_some_and(|live| {
            *live.upload == *key.upload.upload.raw() && live.body.declares(key, offloaded)
        })
    }

    fn live_upload(&self) -> Option<&[u8]> {
        self.live.as_ref().map(|live| &*live.upload)
    }
}

impl Join<'_, '_, '_, '_> {
    /// Starts the body if the current manifest is the object's, and live.
    pub(crate) fn open_live(&mut self, object: &mut Object) -> Result<()> {
        let Some(open) = self.bucket.as_ref().filter(|open| open.in_scope) else { return Ok(()) };
        let Some(head) = self.heads.entry().filter(|head| !head.body.is_empty()) else { return Ok(()) };
        if self.heads.key() != Some(&object.encoded) {
            return Ok(());
        }
        object.has_head = true;
        if !open.is_live(object) {
            return Ok(());
        }
        if open.bucket.refusal.is_some() {
            let fault = Fault::new(Class::S3_MALFORMED_KEY, "its bucket has no directory");
            return fault.report_object(self.context, &open.name, &object.name, head.place);
        }
        match Live::open(self.context, (&open.name, object.generation, &object.name), head)? {
            Ok(Some(live)) => object.live = Some(live),
            Ok(None) => {
                object.left = true;
                self.count(object)?;
            }
            Err(fault) => fault.report_object(self.context, &open.name, &object.name, head.place)?,
        }
        Ok(())
    }

    /// Takes a stored chunk of the current object.
    pub(crate) fn chunk(&mut self, key: &ChunkKey<'_>, row: Row<'_>) -> Result<()> {
        let object = self.object.as_mut().ok_or_else(|| ORDER.at(row.place))?;
        object.first_chunk.get_or_insert(row.place);
        if object.live_upload() == Some(&*key.upload.upload.raw()) {
            self.settle_before(key)?;
            if let Some(live) = self.object.as_mut().and_then(|object| object.live.as_mut())
                && live.body.offer(self.context.sink, key, row)?
            {
                return self.pull();
            }
        }
        let object = self.object.as_mut().ok_or_else(|| ORDER.at(row.place))?;
        object.unused = true;
        let [uploads, _] = &mut self.uploads;
        if !uploads.seek(key.upload.encoded)? {
            *object.stray.get_or_insert(0) += 1;
        }
        Ok(())
    }

    fn settle_before(&mut self, key: &ChunkKey<'_>) -> Result<()> {
        if let Some(live) = self.object.as_mut().and_then(|object| object.live.as_mut())
            && live.body.holds_before(key)
        {
            live.body.settle(self.context.snapshot, self.context.sink)?;
            self.pull()?;
        }
        Ok(())
    }

    /// Appends offloaded chunks as long as the body wants some.
    pub(crate) fn pull(&mut self) -> Result<()> {
        let mut entry = EntryBuf::default();
        while let Some(object) = &mut self.object
            && let Some(live) = &mut object.live
            && let Some(wanted) = live.body.wanted().filter(|wanted| wanted.offloaded)
        {
            let current = match self.references.current() {
                Some((key, reference)) => {
                    let parsed = ChunkKey::parse_rest(key).ok_or_else(|| RECORD.at((key, &[][..])))?;
                    Some((parsed, reference))
                }
                None => None,
            };
            let order = current.map_or(Ordering::Greater, |(key, _)| {
                let of_object = key.upload.object.encoded.cmp(&object.encoded);
                let of_upload = of_object.then_with(|| key.upload.upload.raw().as_ref().cmp(&live.upload));
                of_upload.then_with(|| wanted.cmp(&key))
            });
            match (order, current) {
                (Ordering::Equal, Some((key, reference))) if key.version() == wanted.version => {
                    // One look ahead for the whole object: what cannot be finished is not begun.
                    let asked = if object.referenced { 0 } else { live.body.offloaded_bytes() };
                    let chunk = reference.chunk(wanted.size).and_then(|place| {
                        self.allowance.check(asked)?;
                        self.allowance.take(wanted.size.unwrap_or_default()).map(|()| place)
                    });
                    match chunk {
                        Ok(_) if live.body.is_others() => {
                            live.body.pass_over(self.context.sink, wanted.size.unwrap_or_default())?;
                        }
                        Ok(place) => {
                            self.context.snapshot.read(place, &mut entry)?;
                            live.body.append(self.context.sink, &entry.body)?;
                        }
                        Err(fault) => live.body.fail(fault),
                    }
                    object.referenced = true;
                    self.references.advance()?;
                }
                (Ordering::Less | Ordering::Equal, Some(_)) => self.pass_reference()?,
                _ => live.body.fail(wanted.missing()),
            }
        }
        Ok(())
    }

    /// Passes a chunk reference that the current object does not use.
    fn pass_reference(&mut self) -> Result<()> {
        let (Some(object), Some((key, reference))) = (&mut self.object, self.references.current()) else {
            return Err(ORDER.into());
        };
        object.unused = true;
        let key = ChunkKey::parse_rest(key).ok_or_else(|| RECORD.at((key, &[][..])))?;
        if reference.value.is_none() {
            let class = (Family::S3ChunkRef, Class::S3_INVALID_CHUNK_REF);
            warn_bad_value(
                self.context,
                class,
                &key.upload.object.bucket.raw(),
                &key.upload.object.object.raw(),
            );
        }
        let [_, uploads] = &mut self.uploads;
        if !uploads.seek(key.upload.encoded)? {
            object.stray.get_or_insert(0);
        }
        self.references.advance()
    }

    /// Ends the current object: no more rows of it come.
    pub(crate) fn close(&mut self) -> Result<()> {
        // The last chunk may be one that is held back.
        while let Some(live) = self.object.as_mut().and_then(|object| object.live.as_mut())
            && live.body.wanted().is_some()
        {
            live.body.settle(self.context.snapshot, self.context.sink)?;
            self.pull()?;
        }
        while let Some(object) = &self.object
            && self.references.current().is_some_and(|(key, _)| key.starts_with(&object.encoded))
        {
            self.pass_reference()?;
        }
        let Some(mut object) = self.object.take() else { return Ok(()) };
        if let Some(live) = object.live.take() {
            object.live = self.finish(&object, live)?;
            let has_rows = object.first_chunk.is_some() || object.referenced;
            object.unused |= has_rows && object.live.is_none();
        }
        let Some(open) = self.bucket.as_mut().filter(|open| open.in_scope) else { return Ok(()) };
        let orphans = self.orphan_references.as_mut().filter(|_| object.unused && !object.left);
        if let Some(references) = orphans {
            let allowance = &mut self.allowance;
            orphan::export(self.context, self.scope, &open.name, &object, (references, allowance))?;
        }
        let stale =
            (object.has_head || object.unused) && open.bucket.generation.is_some() && !open.is_live(&object);
        if stale {
            open.counters.stale();
        }
        let told = if stale { self.context.options.include_orphans } else { !object.has_head };
        if let Some(chunks) = object.stray.filter(|_| told && !object.left) {
            open.counters.orphan(&object.name, chunks);
        }
        Ok(())
    }

    /// Ends a live object; returns it if it counts.
    fn finish(&mut self, object: &Object, mut live: Live) -> Result<Option<Live>> {
        if let Err(fault) = live.finish(self.context)? {
            let open = self.bucket.as_ref().ok_or_else(|| ORDER.at((&*object.encoded, &[][..])))?;
            fault.report_object(self.context, &open.name, &object.name, live.place)?;
            return Ok(None);
        }
        self.count(object)?;
        Ok(Some(live))
    }

    /// Counts an object that the sink has taken.
    fn count(&mut self, object: &Object) -> Result<()> {
        let open = self.bucket.as_mut().ok_or_else(|| ORDER.at((&*object.encoded, &[][..])))?;
        match self.scope.get_mut(&open.name) {
            Some(objects) => *objects += 1,
            None => drop(self.scope.insert(open.name.clone(), 1)),
        }
        if object.name.ends_with(b"/") {
            open.counters.folder_marker();
        }
        Ok(())
    }
}

impl OpenBucket {
    fn is_live(&self, object: &Object) -> bool {
        self.bucket.generation == Some(object.generation)
    }
}
