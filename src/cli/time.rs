//! Timestamps as people read them.

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Returns Unix ms as RFC 3339 in UTC; what no date can express stays a number.
pub(super) fn ms_time(ms: u64) -> String {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(ms) * 1_000_000)
        .ok()
        .and_then(|time| time.format(&Rfc3339).ok())
        .unwrap_or_else(|| format!("{ms} ms"))
}

/// Returns the millisecond of an HLC timestamp as RFC 3339 in UTC.
pub(super) fn hlc_time(ts: u64) -> String {
    ms_time(ts >> 16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn milliseconds_become_dates_where_there_is_one() {
        assert_eq!(hlc_time(112_354_918_400_000_001), "2024-04-29T14:13:20Z");
        assert_eq!(ms_time(1_714_400_000_120), "2024-04-29T14:13:20.12Z");
        assert_eq!(ms_time(u64::MAX), "18446744073709551615 ms");
    }
}
