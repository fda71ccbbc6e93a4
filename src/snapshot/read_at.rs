//! The time that a snapshot is asked to be read at (`reading/versions.md#decided-cases`, `--at`).

use super::{Error, FamilyStats, Snapshot};
use crate::event::{Event, Warning};
use crate::keyspace::{Family, Namespace};

/// HLC timestamps of a clock that shows a year after 2004 are at least this: smaller ones are seconds or
/// milliseconds that were taken for an HLC.
const PLAUSIBLE: u64 = 1 << 56;

/// A read timestamp as it can be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadAt {
    /// An HLC timestamp.
    Hlc(u64),
    /// A number that somebody typed: an HLC timestamp, if it can be meant as one.
    Number(u64),
    /// This many ms before T, the newest commit of all inputs.
    Before(u64),
}

impl ReadAt {
    /// Reads all that was committed up to and in a millisecond, Unix ms.
    #[must_use]
    pub fn ms(ms: u64) -> Self {
        Self::Hlc(end_of(ms))
    }

    /// Returns the first HLC timestamp that is meant, where the newest commit was at `latest`, an HLC timestamp.
    #[must_use]
    pub fn start(self, latest: u64) -> u64 {
        match self {
            Self::Number(ts) => ts,
            _ => self.resolve(latest) & !0xffff,
        }
    }

    /// Returns the HLC timestamp to read at, where the newest commit was at `latest`, an HLC timestamp: the last one
    /// that is meant.
    #[must_use]
    pub fn resolve(self, latest: u64) -> u64 {
        match self {
            Self::Hlc(ts) | Self::Number(ts) => ts,
            Self::Before(ms) => end_of((latest >> 16).saturating_sub(ms)),
        }
    }

    /// Refuses a number that is no HLC of a time after 2004 where the snapshot's own are.
    pub(crate) fn check(self, latest: u64) -> Result<(), Error> {
        match self {
            Self::Number(at) if at < PLAUSIBLE && latest >= PLAUSIBLE => {
                Err(Error::NoHlc { at, as_ms: at.saturating_mul(if at < 1 << 34 { 1000 } else { 1 }) << 16 })
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
        let start = if matches!(asked, ReadAt::Number(_)) { at } else { at & !0xffff };
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

/// Returns the last HLC timestamp of a millisecond, Unix ms.
fn end_of(ms: u64) -> u64 {
    ms.min(u64::MAX >> 16) << 16 | 0xffff
}

#[cfg(test)]
mod tests {
    use super::*;

    const T: u64 = (1_714_400_000_000 << 16) + 7;

    #[test]
    fn a_time_is_the_last_hlc_of_its_millisecond() {
        assert_eq!(ReadAt::Number(5).resolve(T), 5);
        assert_eq!(ReadAt::Hlc(5).resolve(T), 5);
        assert_eq!(ReadAt::Before(1).resolve(T), 1_714_399_999_999 << 16 | 0xffff);
        assert_eq!(ReadAt::Before(u64::MAX).resolve(T), 0xffff);
        assert_eq!(end_of(u64::MAX), u64::MAX);
        assert_eq!(ReadAt::Number(5).start(T), 5);
        assert_eq!(ReadAt::Before(1).start(T), 1_714_399_999_999 << 16);
    }

    #[test]
    fn seconds_and_milliseconds_are_no_hlc_where_the_snapshot_has_some() {
        for (number, hlc) in
            [(1_795_400_348, 1_795_400_348_000 << 16), (1_795_400_348_000, 1_795_400_348_000 << 16)]
        {
            match ReadAt::Number(number).check(T) {
                Err(Error::NoHlc { at, as_ms }) => assert_eq!((at, as_ms), (number, hlc)),
                other => panic!("{other:?}"),
            }
            assert!(ReadAt::Number(number).check(PLAUSIBLE - 1).is_ok());
        }
        assert!(ReadAt::Number(PLAUSIBLE).check(T).is_ok());
        assert!(ReadAt::Hlc(0).check(T).is_ok());
    }
}
