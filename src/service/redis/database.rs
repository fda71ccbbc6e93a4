//! The one database of a dump, `redis/db_0/`: where keys, warnings and problems of this adapter go.

use super::expiry::{Clock, ExpiryOutcome};
use crate::error::Result;
use crate::event::{Class, Event, Warning};
use crate::excerpt;
use crate::keyspace::Namespace;
use crate::model::redis::{DATABASE, Key};
use crate::model::{Answer, Object, Refusal};
use crate::report::Problem;
use crate::service::{Context, Scope};
use crate::sink::Sink;
use crate::sink::Wants;
use crate::snapshot::{EntryBuf, RowLocation, Snapshot};
use crate::time::Hlc;
use crate::tree::{Scratch, Sorter};

/// Name of the database in scopes and in problems.
pub(super) const NAME: &[u8] = DATABASE.as_bytes();
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
    pub(super) clock: Clock,
    /// Elements of the collection at hand, by what they are sorted by.
    pub(super) elements: Sorter,
    /// A row that was read again.
    row: EntryBuf,
    pub(super) counts: Counts,
}

impl<'c, 'a, 'r> Database<'c, 'a, 'r> {
    pub(super) fn new(context: &'c mut Context<'a, 'r>) -> Self {
        let scratch = context.scratch;
        Self {
            clock: Clock { now: context.snapshot.now_ms(), drop_expired: context.options.drop_expired },
            elements: Sorter::new(scratch, ELEMENTS),
            row: EntryBuf::default(),
            counts: Counts::default(),
            context,
        }
    }

    pub(super) fn snapshot(&self) -> &'a Snapshot {
        self.context.snapshot
    }

    pub(super) fn scratch(&self) -> &'a Scratch {
        self.context.scratch
    }

    /// Whether somebody looks at the elements of collections.
    pub(super) fn wants_contents(&self) -> bool {
        self.context.sink.wants() != Wants::Heads
    }

    /// Returns where elements that stand in rows are sorted; `None` when nobody looks at them.
    pub(super) fn kept_elements(&mut self) -> Option<&mut Sorter> {
        self.wants_contents().then_some(&mut self.elements)
    }

    /// Reads the value of a row once more, and its commit time, HLC.
    pub(super) fn take_value(&mut self, place: RowLocation) -> Result<(Vec<u8>, Hlc)> {
        self.snapshot().read(place, &mut self.row)?;
        Ok((std::mem::take(&mut self.row.body), self.row.commit_ts))
    }

    /// Takes the room of a value back for the next one, but for what only a large one needed.
    pub(super) fn put_back(&mut self, mut value: Vec<u8>) {
        value.clear();
        value.shrink_to(VALUE);
        self.row.body = value;
    }

    /// Passes a string or an HLL on.
    pub(super) fn put(&mut self, key: &Key<'_>) -> Result<()> {
        if let Some(refusal) = self.context.put(Object::Redis(key))? {
            return self.refused(key.key, refusal);
        }
        self.count(key);
        Ok(())
    }

    /// Passes the head of a collection on; returns whether its elements are wanted, `None` when it was refused.
    pub(super) fn open(&mut self, key: &Key<'_>) -> Result<Option<bool>> {
        let answer = self.context.sink.object(self.context.report, Object::Redis(key))?;
        if let Answer::Refused(refusal) = answer {
            self.refused(key.key, refusal)?;
            return Ok(None);
        }
        Ok(Some(answer == Answer::Open))
    }

    /// Lends the elements at hand, and the sink that they go to.
    pub(super) fn elements(&mut self) -> (&mut Sorter, &mut dyn Sink) {
        (&mut self.elements, self.context.sink)
    }

    /// Ends the open collection, where it exists.
    pub(super) fn close(&mut self, key: &Key<'_>, exists: bool) -> Result<()> {
        if !exists {
            return self.context.sink.abandon();
        }
        match self.context.sink.end(self.context.report)? {
            Answer::Refused(refusal) => self.refused(key.key, refusal),
            Answer::Taken | Answer::Left | Answer::Open => Ok(()),
        }
    }

    /// Counts a key that was passed on.
    pub(super) fn count(&mut self, key: &Key<'_>) {
        self.counts.files += 1;
        if self.clock.is_expired(key.expiry_ms) {
            self.counts.kept.count(key.key);
        }
    }

    /// Records that the sink has no place for a key.
    pub(super) fn refused(&mut self, key: &[u8], refusal: Refusal) -> Result<()> {
        self.problem(key, refusal.class, refusal.message, None)
    }

    /// Counts or reports a key that its outcome keeps out of the tree.
    pub(super) fn leave_out(&mut self, key: &[u8], outcome: ExpiryOutcome, place: RowLocation) -> Result<()> {
        let (class, message) = match outcome {
            ExpiryOutcome::Written(_) => return Ok(()),
            ExpiryOutcome::Dropped => {
                self.counts.dropped.count(key);
                return Ok(());
            }
            ExpiryOutcome::Unrepresentable => {
                (Class::EXPIRED_UNREPRESENTABLE, "the key expired in 1970, which the tree cannot express")
            }
            ExpiryOutcome::BadIndex => {
                (Class::INVALID_TTL_VALUE, "the key depends on an index row whose value has not 8 bytes")
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
        class: Class,
        message: String,
        place: Option<RowLocation>,
    ) -> Result<()> {
        self.context.report.problem(&Problem { adapter: "redis", scope: NAME, key, class, message, place })
    }

    /// Ends the service and tells the counts.
    pub(super) fn finish(mut self) -> Result<Scope> {
        self.context.sink.end_service(self.context.report, Namespace::Redis)?;
        let counts = std::mem::take(&mut self.counts);
        for (event, keys, hint) in [
            (Event::REDIS_ORPHAN_TTL, counts.orphan_ttls, "index rows whose key has no data were left out"),
            (
                Event::REDIS_DELTA_ONLY,
                counts.delta_only,
                "emptied collections without a base meta have no file",
            ),
            (
                Event::REDIS_EXPIRED_DROPPED,
                counts.dropped,
                "keys expired at the snapshot were left out as asked",
            ),
            (
                Event::REDIS_EXPIRED_KEPT,
                counts.kept,
                "keys expired at the snapshot were written with their past expiry; --drop-expired leaves them out",
            ),
            (
                Event::REDIS_LEGACY_STRINGS,
                counts.bare_strings,
                "keys without a prefix were written as strings",
            ),
        ] {
            if keys.count > 0 {
                let warning = Warning::new(event).with("count", keys.count).with("hint", hint);
                self.warn(warning.with("first_key", keys.first));
            }
        }
        Ok(if counts.files > 0 { Scope::from([(NAME.to_vec(), counts.files)]) } else { Scope::new() })
    }
}
