//! `s3/<bucket>/`: objects under their keys with a sidecar each, `_bucket.json`, KEYMAP.jsonl, `_orphans/`,
//! `_incomplete_uploads/`; `extra/s3/buckets.jsonl`, `extra/s3/parts.jsonl` (`tree/s3.md#files-of-s3`). In the JSONL layout a line in
//! `extra/s3/objects/<bucket>/data-<part>.jsonl` takes the place of each sidecar.

pub(crate) mod bucket_file;
mod directory;
pub(crate) mod multipart;
mod path;
mod problem;
pub(crate) mod sidecar;
mod time;
mod upload;

use std::collections::BTreeSet;

use super::parts::Parts;
use super::{Root, record};
use crate::bug::Bug;
use crate::error::Result;
use crate::model::s3::{Announced, Bucket, Class, Fault, Object, ObjectHead, Orphan, UploadRecord};
use crate::model::{Answer, Piece, Refusal};
use crate::tree::{Scratch, TreeFile, keymap};
use directory::Directory;
use path::{Placement, Placements, PlacementsSorter, Planner, Rules};
use problem::{RENAME_OPTION, of_file};

/// Memory for the objects that do not stand at their keys, bytes.
const PLACEMENTS_MEMORY: usize = 4 << 20;
const LINES: &[u8] = b"extra/s3/buckets.jsonl";
/// An object came before its head, or keys after the first object.
const ORDER: Bug = Bug::new("an S3 object came out of its order");

/// Writes the files of buckets.
#[derive(Debug)]
pub(crate) struct Layout {
    names: Names,
    bucket: OpenBucket,
    object: Option<OpenObject>,
    /// Buckets whose directories have their record.
    recorded: BTreeSet<Vec<u8>>,
    lines: Option<TreeFile>,
    parts: Option<TreeFile>,
    text: Vec<u8>,
}

/// Paths of objects that do not stand at their keys.
#[derive(Debug)]
enum Names {
    /// Buckets are being announced.
    Planning(Box<(Planner, PlacementsSorter)>),
    /// Objects come.
    Planned(Box<Placements>),
    /// Neither, for a moment.
    Between,
}

/// The bucket that objects come of.
#[derive(Debug, Default)]
struct OpenBucket {
    name: Vec<u8>,
    directory: Option<Directory>,
    tracker: Option<TreeFile>,
    uploads: Option<TreeFile>,
    /// Lines that take the place of sidecars.
    lines: Option<Parts>,
}

/// Path of an object, and its line of KEYMAP.jsonl, if it does not stand at its key.
type Placed = (Vec<u8>, Option<Vec<u8>>);

/// An object whose body comes.
#[derive(Debug)]
struct OpenObject {
    path: Vec<u8>,
    key: Vec<u8>,
    sidecar: Vec<u8>,
    /// Its line of [`multipart::PATH`], empty where it has none.
    parts: Vec<u8>,
    /// Its line of KEYMAP.jsonl, if it does not stand at its key.
    record: Option<Vec<u8>>,
    file: Option<TreeFile>,
}

/// Returns the path of a file of a bucket; `None` where the bucket can have none.
pub(crate) fn path(bucket: &[u8], file: &[u8]) -> Option<Vec<u8>> {
    Directory::of(bucket).map(|directory| directory.file(file))
}

impl Layout {
    /// Returns a layout without files.
    #[must_use]
    pub(crate) fn new(scratch: &Scratch) -> Self {
        let placements = PlacementsSorter::new(scratch, PLACEMENTS_MEMORY);
        Self {
            names: Names::Planning(Box::new((Planner::new(scratch), placements))),
            bucket: OpenBucket::default(),
            object: None,
            recorded: BTreeSet::new(),
            lines: None,
            parts: None,
            text: Vec::new(),
        }
    }

    /// Plans the paths of a bucket's objects. A directory of an include option is reserved only where it will be made:
    /// else the object keeps its name, like `KEYMAP.jsonl` in a bucket without records (`compat.md#reserved-names`).
    pub(crate) fn announce(
        &mut self,
        root: &Root,
        (bucket, generation): (&[u8], u64),
        announced: &mut dyn Announced,
    ) -> Result<()> {
        let Some(directory) = Directory::of(bucket) else { return Ok(()) };
        let Names::Planning(plan) = &mut self.names else { return Err(ORDER.into()) };
        let (planner, placements) = &mut **plan;
        let rules = Rules {
            rename: root.options.rename_collisions,
            orphans: announced.has(path::ORPHANS)? && announced.has_orphans()?,
            incomplete_uploads: announced.has(path::INCOMPLETE_UPLOADS)? && announced.has_uploads()?,
            // Of an object that is called so only its sidecar tells that it is one.
            tracker: root.options.jsonl.is_some(),
            directory: directory.path().len(),
        };
        planner.plan((bucket, generation), rules, &mut |each| announced.keys(each), placements)
    }

    /// Takes an object, or the head of one.
    pub(crate) fn object(&mut self, root: &mut Root, object: Object<'_>) -> Result<Answer> {
        match object {
            Object::Bucket(bucket) => self.bucket(root, bucket),
            Object::Object(head) => self.head(root, head),
            Object::Orphan(orphan) => self.orphan(root, orphan),
            Object::Upload(record) => self.upload(root, record),
        }
    }

    fn bucket(&mut self, root: &mut Root, bucket: &Bucket<'_>) -> Result<Answer> {
        let Some(directory) = Directory::of(bucket.name) else { return Ok(Answer::Refused(no_directory())) };
        let Some(meta) = bucket.meta.filter(|_| !root.options.s3_bodies) else { return Ok(Answer::Taken) };
        self.text.clear();
        bucket_file::write_file(&mut self.text, bucket.name, meta);
        root.tree.write(&directory.file(path::BUCKET_FILE), &self.text)?;
        enter(root, &mut self.recorded, &directory, bucket.name)?;
        if !root.options.no_extra {
            self.text.clear();
            bucket_file::write_line(&mut self.text, bucket.name, meta);
            open(&mut self.lines, root, || LINES.to_vec())?.write(&self.text)?;
        }
        Ok(Answer::Taken)
    }

    /// Hears of an object of another share, which refuses what this one would.
    pub(crate) fn other(&mut self, root: &mut Root, object: Object<'_>) -> Result<Answer> {
        let refused = match object {
            Object::Object(head) => self.placed(root, head)?.err(),
            Object::Orphan(orphan) => match Directory::of(orphan.bucket) {
                Some(directory) => orphan_path(root, &directory, orphan).err(),
                None => Some(no_directory()),
            },
            Object::Bucket(_) | Object::Upload(_) => refusal(object),
        };
        Ok(refused.map_or(Answer::Left, Answer::Refused))
    }

    /// Returns the path of an object and its line of KEYMAP.jsonl, if it has one, or why it has no place.
    fn placed(&mut self, root: &mut Root, head: &ObjectHead<'_>) -> Result<Result<Placed, Fault>> {
        self.turn_to(root, head.bucket)?;
        let Some(directory) = &self.bucket.directory else { return Ok(Err(no_directory())) };
        Ok(match self.names.planned()?.of(head.bucket, head.generation, head.key)? {
            Some(Placement::Failed(fault)) => Err(fault),
            Some(Placement::At(path, kind)) => {
                if let Some(message) = keymap::too_long(&path, head.key) {
                    return Ok(Err(Fault::new(Class::IO, message)));
                }
                let mut record = Vec::new();
                keymap::line(&mut record, &path, head.key, kind);
                Ok((directory.file(&path), Some(record)))
            }
            None => Ok((directory.file(head.key), None)),
        })
    }

    fn head(&mut self, root: &mut Root, head: &ObjectHead<'_>) -> Result<Answer> {
        let (path, record) = match self.placed(root, head)? {
            Ok(placed) => placed,
            Err(fault) => return Ok(Answer::Refused(fault)),
        };
        let (mut sidecar, mut parts) = (Vec::new(), Vec::new());
        sidecar::write(&mut sidecar, head.headers);
        if !root.options.no_extra {
            multipart::write(&mut parts, head);
        }
        self.object = Some(OpenObject { path, key: head.key.to_vec(), sidecar, parts, record, file: None });
        Ok(Answer::Open)
    }

    /// Returns the path of the open object's file.
    #[must_use]
    pub(crate) fn place(&self) -> &[u8] {
        self.object.as_ref().map_or(b"", |object| &object.path)
    }

    /// Appends to the body of the open object. Its file is made at the first piece: an object of which none is there
    /// fails for that, whatever its name is.
    pub(crate) fn piece(&mut self, root: &mut Root, piece: Piece<'_>) -> Result<Answer> {
        let object = self.object.as_mut().ok_or(ORDER)?;
        let file = match object.open(root)? {
            Ok(file) => file,
            Err(fault) => return self.fail(root, fault),
        };
        match piece {
            Piece::Bytes(bytes) => file.write(bytes)?,
            Piece::Zeros(length) => file.zeros(length)?,
            Piece::Element(_) | Piece::File { .. } => return Err(ORDER.into()),
        }
        Ok(Answer::Open)
    }

    /// Finishes the body and writes the sidecar; the object counts only when both are there.
    pub(crate) fn end(&mut self, root: &mut Root) -> Result<Answer> {
        let object = self.object.as_mut().ok_or(ORDER)?;
        if let Err(fault) = object.open(root)? {
            return self.fail(root, fault);
        }
        let lines = root.options.jsonl.filter(|_| record::fits(&object.key, &object.sidecar));
        if !root.options.s3_bodies && lines.is_none() {
            let path = [&*object.path, sidecar::SUFFIX].concat();
            if let Err(error) = root.tree.write(&path, &object.sidecar) {
                return self.fail(root, of_file(error)?);
            }
        }
        let OpenObject { file, record, key, sidecar, parts, .. } = self.object.take().ok_or(ORDER)?;
        file.ok_or(ORDER)?.finish(&mut root.tree)?;
        if root.options.s3_bodies {
            return Ok(Answer::Taken);
        }
        let bucket = &mut self.bucket;
        let directory = bucket.directory.as_ref().ok_or(ORDER)?;
        if let Some(size) = lines {
            self.text.clear();
            record::of_json(&mut self.text, &key, &sidecar);
            let lines = bucket.lines.get_or_insert_with(|| Parts::new(directory.parts(), size));
            lines.append(&mut root.tree, &self.text)?;
        }
        enter(root, &mut self.recorded, directory, &bucket.name)?;
        if !parts.is_empty() {
            open(&mut self.parts, root, || multipart::PATH.to_vec())?.write(&parts)?;
        }
        if let Some(record) = record {
            open(&mut bucket.tracker, root, || directory.file(path::TRACKER))?.write(&record)?;
        }
        Ok(Answer::Taken)
    }

    fn fail(&mut self, root: &mut Root, fault: Fault) -> Result<Answer> {
        self.abandon(root)?;
        Ok(Answer::Refused(fault))
    }

    /// Removes what there is of the open object.
    pub(crate) fn abandon(&mut self, root: &mut Root) -> Result<()> {
        if let Some(OpenObject { path, file, .. }) = self.object.take() {
            drop(file);
            root.tree.remove_empty_directories(&path)?;
        }
        Ok(())
    }

    /// Writes a chunk that no emitted object uses (`compat.md#orphans-are-exported-in-part`).
    fn orphan(&mut self, root: &mut Root, orphan: &Orphan<'_>) -> Result<Answer> {
        self.turn_to(root, orphan.bucket)?;
        let Some(directory) = &self.bucket.directory else { return Ok(Answer::Refused(no_directory())) };
        let path = match orphan_path(root, directory, orphan) {
            Ok(path) => path,
            Err(fault) => return Ok(Answer::Refused(fault)),
        };
        if let Err(error) = root.tree.write(&path, orphan.body) {
            root.tree.remove_empty_directories(&path)?;
            return Ok(Answer::Refused(of_file(error)?));
        }
        enter(root, &mut self.recorded, directory, orphan.bucket)?;
        Ok(Answer::Taken)
    }

    /// Appends a record to `_incomplete_uploads/records.jsonl` (`tree/s3.md#uploads-in-progress`, `compat.md#records-of-dead-uploads`).
    fn upload(&mut self, root: &mut Root, upload: &UploadRecord<'_>) -> Result<Answer> {
        self.turn_to(root, upload.bucket)?;
        let bucket = &mut self.bucket;
        let Some(directory) = &bucket.directory else { return Ok(Answer::Refused(no_directory())) };
        enter(root, &mut self.recorded, directory, upload.bucket)?;
        self.text.clear();
        upload::write(&mut self.text, upload);
        open(&mut bucket.uploads, root, || directory.file(upload::PATH))?.write(&self.text)?;
        Ok(Answer::Taken)
    }

    fn turn_to(&mut self, root: &mut Root, bucket: &[u8]) -> Result<()> {
        if self.bucket.directory.is_none() || self.bucket.name != bucket {
            self.end_bucket(root)?;
            self.bucket.directory = Directory::of(bucket);
            self.bucket.name = bucket.to_vec();
        }
        Ok(())
    }

    /// Ends the files of a bucket.
    pub(crate) fn end_bucket(&mut self, root: &mut Root) -> Result<()> {
        let OpenBucket { tracker, uploads, lines, .. } = std::mem::take(&mut self.bucket);
        if let Some(lines) = lines {
            lines.finish(&mut root.tree)?;
        }
        for file in [tracker, uploads].into_iter().flatten() {
            file.finish(&mut root.tree)?;
        }
        Ok(())
    }

    /// Ends what all buckets share.
    pub(crate) fn finish(&mut self, root: &mut Root) -> Result<()> {
        self.end_bucket(root)?;
        for file in [self.lines.take(), self.parts.take()].into_iter().flatten() {
            file.finish(&mut root.tree)?;
        }
        Ok(())
    }
}

fn orphan_path(root: &Root, directory: &Directory, orphan: &Orphan<'_>) -> Result<Vec<u8>, Fault> {
    directory.orphan(orphan, root.options.rename_collisions).ok_or_else(|| {
        let message = format!("no directory can hold the orphan chunks of this key; {RENAME_OPTION}");
        Fault::new(Class::S3_MALFORMED_KEY, message)
    })
}

impl Names {
    fn planned(&mut self) -> Result<&mut Placements> {
        if matches!(self, Self::Planning(_))
            && let Self::Planning(plan) = std::mem::replace(self, Self::Between)
        {
            let (_, placements) = *plan;
            *self = Self::Planned(Box::new(placements.sort()?));
        }
        match self {
            Self::Planned(placements) => Ok(placements),
            Self::Planning(_) | Self::Between => Err(ORDER.into()),
        }
    }
}

impl OpenObject {
    fn open(&mut self, root: &mut Root) -> Result<Result<&mut TreeFile, Fault>> {
        let file = match self.file.take() {
            Some(file) => file,
            None => match root.tree.body(&self.path) {
                Ok(file) => file,
                Err(error) => return Ok(Err(of_file(error)?)),
            },
        };
        Ok(Ok(self.file.insert(file)))
    }
}

/// Returns the file, made if it is not open yet.
fn open<'f>(
    file: &'f mut Option<TreeFile>,
    root: &mut Root,
    path: impl FnOnce() -> Vec<u8>,
) -> Result<&'f mut TreeFile> {
    Ok(match file {
        Some(file) => file,
        none => none.insert(root.tree.file(&path())?),
    })
}

/// Enters the directory's name into `extra/KEYMAP.jsonl` where that needs it, when the first file of the bucket is there.
fn enter(
    root: &mut Root,
    recorded: &mut BTreeSet<Vec<u8>>,
    directory: &Directory,
    bucket: &[u8],
) -> Result<()> {
    if directory.fallback && recorded.insert(bucket.to_vec()) {
        root.keymap.push(directory.path(), bucket)?;
    }
    Ok(())
}

fn no_directory() -> Fault {
    Fault::new(Class::S3_MALFORMED_KEY, "a bucket of this name has no directory")
}

/// Says why an object has no place whatever its key is.
#[must_use]
pub(crate) fn refusal(object: Object<'_>) -> Option<Refusal> {
    (!Directory::can_be(object.bucket())).then(no_directory)
}
