//! Points in time: the cluster's hybrid logical clock, and Unix time.
//!
//! A leaf: in numbers as rows and documents hold them, out what they mean.

use std::fmt;
use std::num::ParseIntError;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Bits of an HLC timestamp that count events of one millisecond.
const COUNTER_BITS: u32 = 16;
/// Their mask.
const COUNTER: u64 = (1 << COUNTER_BITS) - 1;

/// Timestamp of the hybrid logical clock: Unix ms in the upper 48 bits, a counter in the lower 16
/// (`format/container.md#versioned-rows`). As text and in JSON it is its number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Hlc(pub u64);

impl Hlc {
    /// No time: never for an expiry, unknown for a commit.
    pub const ZERO: Self = Self(0);
    /// The end of time.
    pub const MAX: Self = Self(u64::MAX);

    /// Returns the first timestamp of a millisecond; of one that the clock cannot show, of its last.
    #[must_use]
    pub const fn first_of(ms: UnixMs) -> Self {
        let most = u64::MAX >> COUNTER_BITS;
        Self((if ms.0 < most { ms.0 } else { most }) << COUNTER_BITS)
    }

    /// Returns the last timestamp of a millisecond; of one that the clock cannot show, of its last.
    #[must_use]
    pub const fn last_of(ms: UnixMs) -> Self {
        Self(Self::first_of(ms).0 | COUNTER)
    }

    /// Returns its millisecond.
    #[must_use]
    pub const fn ms(self) -> UnixMs {
        UnixMs(self.0 >> COUNTER_BITS)
    }

    /// Returns its place among the events of its millisecond.
    #[must_use]
    pub const fn counter(self) -> u64 {
        self.0 & COUNTER
    }

    /// Returns the end of an encoded key: inverted, so that newer versions come first.
    #[must_use]
    pub const fn suffix(self) -> [u8; 8] {
        (!self.0).to_be_bytes()
    }

    /// Reads the end of an encoded key.
    #[must_use]
    pub const fn of_suffix(bytes: [u8; 8]) -> Self {
        Self(!u64::from_be_bytes(bytes))
    }

    /// Returns it without its counter.
    #[must_use]
    pub const fn start_of_ms(self) -> Self {
        Self(self.0 & !COUNTER)
    }

    /// Returns it where it is one: 0 is none.
    #[must_use]
    pub fn known(self) -> Option<Self> {
        (self != Self::ZERO).then_some(self)
    }
}

/// Milliseconds since 1970 in UTC. As text and in JSON it is its number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UnixMs(pub u64);

impl UnixMs {
    /// Returns the time of RFC 3339 text, its fraction cut to ms; `None` for what is no time, and before 1970.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let time = OffsetDateTime::parse(text, &Rfc3339).ok()?;
        u64::try_from(time.unix_timestamp_nanos().div_euclid(1_000_000)).ok().map(Self)
    }

    /// Returns it as RFC 3339 in UTC, the fraction without trailing zeros; `None` after the year 9999.
    #[must_use]
    pub fn rfc3339(self) -> Option<String> {
        let time = OffsetDateTime::from_unix_timestamp_nanos(i128::from(self.0) * 1_000_000).ok()?;
        time.format(&Rfc3339).ok()
    }

    /// Returns it as a signed number; what is too late for one is its greatest.
    #[must_use]
    pub fn signed(self) -> i64 {
        i64::try_from(self.0).unwrap_or(i64::MAX)
    }
}

macro_rules! as_its_number {
    ($time:ty) => {
        impl fmt::Display for $time {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $time {
            type Err = ParseIntError;

            fn from_str(text: &str) -> Result<Self, ParseIntError> {
                text.parse().map(Self)
            }
        }

        impl From<$time> for serde_json::Value {
            fn from(time: $time) -> Self {
                time.0.into()
            }
        }
    };
}

as_its_number!(Hlc);
as_its_number!(UnixMs);

#[cfg(test)]
mod tests {
    use super::*;

    const MS: UnixMs = UnixMs(1_714_400_000_120);

    #[test]
    fn a_timestamp_is_its_ms_and_its_counter() {
        let first = Hlc::first_of(MS);
        assert_eq!(first, Hlc(112_354_918_407_864_320));
        assert_eq!(Hlc::last_of(MS), Hlc(first.0 + 0xffff));
        let some = Hlc(first.0 + 7);
        assert_eq!((some.ms(), some.counter(), some.start_of_ms()), (MS, 7, first));
        assert_eq!((Hlc::ZERO.known(), some.known()), (None, Some(some)));
    }

    #[test]
    fn a_ms_beyond_the_clock_is_its_last() {
        let last = UnixMs((1 << 48) - 1);
        for ms in [last, UnixMs(1 << 48), UnixMs(u64::MAX)] {
            assert_eq!(Hlc::first_of(ms), Hlc(u64::MAX - 0xffff));
            assert_eq!(Hlc::last_of(ms), Hlc::MAX);
        }
        assert_eq!(Hlc::MAX.ms(), last);
        assert_eq!((UnixMs(u64::MAX).signed(), MS.signed()), (i64::MAX, 1_714_400_000_120));
    }

    #[test]
    fn newer_versions_have_lesser_suffixes() {
        assert_eq!(Hlc(1).suffix(), [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe]);
        for pair in [Hlc::ZERO, Hlc(1), Hlc(256), Hlc::MAX].windows(2) {
            assert!(pair[0].suffix() > pair[1].suffix());
            assert_eq!(Hlc::of_suffix(pair[1].suffix()), pair[1]);
        }
    }

    #[test]
    fn text_and_json_are_the_number() {
        assert_eq!("18446744073709551615".parse(), Ok(Hlc::MAX));
        assert!("-1".parse::<UnixMs>().is_err());
        assert_eq!(MS.to_string(), "1714400000120");
        assert_eq!(serde_json::to_string(&MS).unwrap(), "1714400000120");
        assert_eq!(serde_json::from_str::<Hlc>("5").unwrap(), Hlc(5));
        assert_eq!(serde_json::Value::from(Hlc(5)), 5);
    }

    #[test]
    fn dates_are_read_and_written() {
        assert_eq!(MS.rfc3339().unwrap(), "2024-04-29T14:13:20.12Z");
        assert_eq!(UnixMs::parse("2024-04-29T16:13:20.1209999+02:00"), Some(MS));
        assert_eq!(UnixMs::parse("1970-01-01T00:00:00Z"), Some(UnixMs(0)));
        for text in ["", "yesterday", "1969-12-31T23:59:59.999Z"] {
            assert_eq!(UnixMs::parse(text), None, "{text}");
        }
        assert_eq!(UnixMs(253_402_300_799_999).rfc3339().unwrap(), "9999-12-31T23:59:59.999Z");
        assert_eq!(UnixMs(253_402_300_800_000).rfc3339(), None);
    }
}
