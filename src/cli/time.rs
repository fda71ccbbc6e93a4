//! Timestamps as people read them.

use ekv_backup::time::{Hlc, UnixMs};

/// Returns Unix ms as RFC 3339 in UTC; what no date can express stays a number.
pub(super) fn ms_time(ms: UnixMs) -> String {
    ms.rfc3339().unwrap_or_else(|| format!("{ms} ms"))
}

/// Returns the millisecond of an HLC timestamp as RFC 3339 in UTC.
pub(super) fn hlc_time(ts: Hlc) -> String {
    ms_time(ts.ms())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn milliseconds_become_dates_where_there_is_one() {
        assert_eq!(hlc_time(Hlc(112_354_918_400_000_001)), "2024-04-29T14:13:20Z");
        assert_eq!(ms_time(UnixMs(1_714_400_000_120)), "2024-04-29T14:13:20.12Z");
        assert_eq!(ms_time(UnixMs(u64::MAX)), "18446744073709551615 ms");
    }
}
