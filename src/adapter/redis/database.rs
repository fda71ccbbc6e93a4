//! The one database of a dump, `redis/db_0/`: where files, warnings and problems of this adapter go.

use super::collection::Collection;
use super::expiry::{Clock, Fate};
use super::sidecar::{Object, Sidecars};
use crate::adapter::{Context, Scope};
use crate::dump::keymap;
use crate::dump::layout::file_writer::{FileBuffer, FileWriter};
use crate::dump::segment::{self, Segment};
use crate::dump::{Scratch, Sorter};
use crate::error::Result;
use crate::excerpt;
use crate::report::{Problem, Warning};
use crate::store::{EntryBuf, RowLocation, Store};

/// Name of the database in the tree, in scopes and in problems.
pub(super) const NAME: &[u8] = b"db_0";
/// Memory for the elements of one collection, bytes.
const ELEMENTS: usize = 8 << 20;
/// Room for a value that is kept from one to the next, bytes.
const VALUE: usize = 1 << 20;

/// What is counted over the whole run, to be told at its end.
#[derive(Clone, Debug, Default)]
pub(super) struct Counts {
    pub(super) files: u64,
    pub(super) orphan_ttls: Keys,
    pub(super) delta_only: Keys,
    pub(super) dropped: Keys,
    pub(super) kept: Keys,
    pub(super) bare_strings: Keys,
}

/// A number of keys, and the first of them.
#[derive(Clone, Debug, Default)]
pub(super) struct Keys {
    count: u64,
    /// As a warning shows it.
    first: String,
}

impl Keys {
    pub(super) fn count(&mut self, key: &[u8]) {
        if self.count == 0 {
            self.first = excerpt::key(key);
        }
        self.count += 1;
    }
}

/// The database that is being written.
pub(super) struct Database<'c, 'a, 'r> {
    context: &'c mut Context<'a, 'r>,
    sidecars: Sidecars,
    path: Vec<u8>,
    pub(super) clock: Clock,
    /// Elements of the collection at hand, by what they are sorted by.
    pub(super) elements: Sorter,
    /// The file at hand.
    buffer: FileBuffer,
    /// A row that was read again.
    row: EntryBuf,
    pub(super) counts: Counts,
}

impl<'c, 'a, 'r> Database<'c, 'a, 'r> {
    pub(super) fn new(context: &'c mut Context<'a, 'r>) -> Self {
        let scratch = context.tree.scratch();
        Self {
            sidecars: Sidecars::new(scratch, context.store.last_commit_ts()),
            path: Vec::new(),
            clock: Clock { now: context.store.now_ms(), drop_expired: context.options.drop_expired },
            elements: Sorter::new(scratch, ELEMENTS),
            buffer: FileBuffer::default(),
            row: EntryBuf::default(),
            counts: Counts::default(),
            context,
        }
    }

    pub(super) fn store(&self) -> &'a Store {
        self.context.store
    }

    pub(super) fn scratch(&self) -> &Scratch {
        self.context.tree.scratch()
    }

    /// Lends the elements at hand, and the file at hand to write them to.
    pub(super) fn page(&mut self) -> (&mut Sorter, FileWriter<'_>) {
        (
            &mut self.elements,
            FileWriter { buffer: &mut self.buffer, tree: self.context.tree, path: &self.path },
        )
    }

    /// Reads the value of a row once more.
    pub(super) fn take_value(&mut self, place: RowLocation) -> Result<Vec<u8>> {
        self.store().read(place, &mut self.row)?;
        Ok(std::mem::take(&mut self.row.body))
    }

    /// Takes the room of a value back for the next one, but for what only a large one needed.
    pub(super) fn put_back(&mut self, mut value: Vec<u8>) {
        value.clear();
        value.shrink_to(VALUE);
        self.row.body = value;
    }

    /// Makes the path of an object's file the one at hand.
    pub(super) fn turn_to(&mut self, object: Object, key: &[u8]) -> Segment {
        let (directory, suffix) = match object {
            Object::String => ("strings", ".bin"),
            Object::Hll => ("hll", ".bin"),
            Object::Collection(Collection::Stream) => (Collection::Stream.directory(), ".jsonl"),
            Object::Collection(collection) => (collection.directory(), ".json"),
        };
        let segment = segment::encode(key);
        self.path.clear();
        for part in ["redis/db_0/", directory, "/", &segment.text, suffix] {
            self.path.extend_from_slice(part.as_bytes());
        }
        segment
    }

    /// Enters the file at hand, which was written, into the sidecars.
    pub(super) fn enter(
        &mut self,
        object: Object,
        key: &[u8],
        segment: &Segment,
        expiry: Option<u64>,
    ) -> Result<()> {
        self.counts.files += 1;
        if self.clock.is_expired(expiry) {
            self.counts.kept.count(key);
        }
        self.sidecars.enter(object, key, segment, expiry)
    }

    /// Whether a key needs a KEYMAP line that no reader takes: then it is a problem, and not to be written.
    pub(super) fn lacks_keymap_line(&mut self, segment: &Segment, key: &[u8]) -> Result<bool> {
        let text = segment.text.as_bytes();
        let Some(message) = segment.fallback.then(|| keymap::too_long(text, key)).flatten() else {
            return Ok(false);
        };
        self.problem(key, keymap::LINE_TOO_LONG, message, None)?;
        Ok(true)
    }

    /// Writes a string or an HLL; the expiry is Unix ms.
    pub(super) fn write(
        &mut self,
        object: Object,
        key: &[u8],
        body: &[u8],
        expiry: Option<u64>,
    ) -> Result<()> {
        let segment = self.turn_to(object, key);
        if self.lacks_keymap_line(&segment, key)? {
            return Ok(());
        }
        self.context.tree.write(&self.path, body)?;
        self.enter(object, key, &segment, expiry)
    }

    /// Counts or reports a key that its fate keeps out of the tree.
    pub(super) fn leave_out(&mut self, key: &[u8], fate: Fate, place: RowLocation) -> Result<()> {
        let (class, message) = match fate {
            Fate::Written(_) => return Ok(()),
            Fate::Dropped => {
                self.counts.dropped.count(key);
                return Ok(());
            }
            Fate::Unrepresentable => {
                ("expired_unrepresentable", "the key expired in 1970, which the tree cannot express")
            }
            Fate::BadIndex => {
                ("invalid_ttl_value", "the key depends on an index row whose value has not 8 bytes")
            }
        };
        self.problem(key, class, message.to_owned(), Some(place))
    }

    pub(super) fn warn(&mut self, warning: Warning) {
        self.context.report.warn(warning);
    }

    /// Records a problem of a Redis key, or of a row of which no Redis key can be told.
    pub(super) fn problem(
        &mut self,
        key: &[u8],
        class: &'static str,
        message: String,
        place: Option<RowLocation>,
    ) -> Result<()> {
        self.context.report.problem(&Problem { adapter: "redis", scope: NAME, key, class, message, place })
    }

    /// Writes the sidecars and tells the counts.
    pub(super) fn finish(mut self) -> Result<Scope> {
        self.sidecars.write(self.context.tree)?;
        let counts = std::mem::take(&mut self.counts);
        for (event, keys, hint) in [
            ("redis_orphan_ttl", counts.orphan_ttls, "index rows whose key has no data were left out"),
            ("redis_delta_only", counts.delta_only, "emptied collections without a base meta have no file"),
            ("redis_expired_dropped", counts.dropped, "keys expired at the snapshot were left out as asked"),
            (
                "redis_expired_kept",
                counts.kept,
                "keys expired at the snapshot were written with their past expiry; --drop-expired leaves them out",
            ),
            ("redis_legacy_strings", counts.bare_strings, "keys without a prefix were written as strings"),
        ] {
            if keys.count > 0 {
                let warning = Warning::new(event).with("count", keys.count).with("hint", hint);
                self.warn(warning.with("first_key", keys.first));
            }
        }
        Ok(if counts.files > 0 { Scope::from([(NAME.to_vec(), counts.files)]) } else { Scope::new() })
    }
}
