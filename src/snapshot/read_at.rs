//! The time that a snapshot is asked to be read at (`reading/versions.md#decided-cases`, `--at`).

use super::{Error, FamilyStats, Snapshot};
use crate::event::{Event, Warning};
use crate::keyspace::{Family, Namespace};
use crate::time::{Hlc, UnixMs};

/// HLC timestamps of a clock that shows a year after 2004 are at least this: smaller ones are seconds or
/// milliseconds that were taken for an HLC.
const PLAUSIBLE: Hlc = Hlc(1 << 56);

/// A read timestamp as it can be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadAt {
    /// An HLC timestamp.
    Hlc(Hlc),
    /// A number that somebody typed: an HLC timestamp, if it can be meant as one.
    Number(u64),
    /// This many ms before T, the newest commit of all inputs.
    Before(u64),
}

impl ReadAt {
    /// Reads all that was committed up to and in a millisecond.
    #[must_use]
    pub fn ms(ms: UnixMs) -> Self {
        Self::Hlc(Hlc::last_of(ms))
    }

    /// Returns the first HLC timestamp that is meant, where the newest commit was at `latest`, an HLC timestamp.
    #[must_use]
    pub fn start(self, latest: Hlc) -> Hlc {
        match self {
            Self::Number(ts) => Hlc(ts),
            _ => self.resolve(latest).start_of_ms(),
        }
    }

    /// Returns the HLC timestamp to read at, where the newest commit was at `latest`, an HLC timestamp: the last one
    /// that is meant.
    #[must_use]
    pub fn resolve(self, latest: Hlc) -> Hlc {
        match self {
            Self::Hlc(ts) => ts,
            Self::Number(ts) => Hlc(ts),
            Self::Before(ms) => Hlc::last_of(UnixMs(latest.ms().0.saturating_sub(ms))),
        }
    }

    /// Refuses a number that is no HLC of a time after 2004 where the snapshot's own are.
    pub(crate) fn check(self, latest: Hlc) -> Result<(), Error> {
        match self {
            Self::Number(at) if Hlc(at) < PLAUSIBLE && latest >= PLAUSIBLE => {
                let ms = at.saturating_mul(if at < 1 << 34 { 1000 } else { 1 });
                Err(Error::NoHlc { at, as_ms: Hlc::first_of(UnixMs(ms)) })
            }
            _ => Ok(()),
        }
    }
}

impl Snapshot {
    /// Warns of a read timestamp above T, and of one at which nothing is visible.
    pub(super) fn warn_of_time(&mut self, asked: Option<ReadAt>) {
        let Some(asked) = asked else { return };
        let at = asked.resolve(self.latest);
        // The end of T's own millisecond is T for people.
        let start = asked.start(self.latest);
        if start > self.latest {
            self.warnings
                .push(Warning::new(Event::AT_ABOVE_SNAPSHOT).with("at", at).with("last", self.latest));
        }
        let mut users = FamilyStats::default();
        for family in Family::all().filter(|family| family.owner() != Namespace::Internal) {
            users.add(self.stats(family));
        }
        if users.rows > 0 && users.visible == 0 {
            let hint = "at that time the rows of the snapshot were not yet written, deleted or expired";
            let warning = Warning::new(Event::NOTHING_VISIBLE).with("at", at).with("rows", users.rows);
            self.warnings.push(warning.with("hint", hint));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const T: u64 = (1_714_400_000_000 << 16) + 7;

    #[test]
    fn a_time_is_the_last_hlc_of_its_millisecond() {
        assert_eq!(ReadAt::Number(5).resolve(Hlc(T)), Hlc(5));
        assert_eq!(ReadAt::Hlc(Hlc(5)).resolve(Hlc(T)), Hlc(5));
        assert_eq!(ReadAt::Before(1).resolve(Hlc(T)), Hlc(1_714_399_999_999 << 16 | 0xffff));
        assert_eq!(ReadAt::Before(u64::MAX).resolve(Hlc(T)), Hlc(0xffff));
        assert_eq!(ReadAt::Number(5).start(Hlc(T)), Hlc(5));
        assert_eq!(ReadAt::Before(1).start(Hlc(T)), Hlc(1_714_399_999_999 << 16));
    }

    #[test]
    fn seconds_and_milliseconds_are_no_hlc_where_the_snapshot_has_some() {
        for (number, hlc) in
            [(1_795_400_348, 1_795_400_348_000 << 16), (1_795_400_348_000, 1_795_400_348_000 << 16)]
        {
            match ReadAt::Number(number).check(Hlc(T)) {
                Err(Error::NoHlc { at, as_ms }) => assert_eq!((at, as_ms), (number, Hlc(hlc))),
                other => panic!("{other:?}"),
            }
            assert!(ReadAt::Number(number).check(Hlc(PLAUSIBLE.0 - 1)).is_ok());
        }
        assert!(ReadAt::Number(PLAUSIBLE.0).check(Hlc(T)).is_ok());
        assert!(ReadAt::Hlc(Hlc::ZERO).check(Hlc(T)).is_ok());
    }
}
