//! `--at`: a time as people write it (`reading/versions.md#decided-cases`).

use ekv_backup::snapshot::ReadAt;
use ekv_backup::time::UnixMs;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// What `--at` asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct At {
    /// The time.
    pub read: ReadAt,
    /// How a time without zone was taken, RFC 3339.
    pub taken_as: Option<String>,
}

/// Reads a decimal HLC, an RFC 3339 time, a date or time without zone (UTC), or `-<n>s|m|h|d` before the last commit.
pub(super) fn parse(text: &str) -> Result<At, String> {
    let exactly = |read| Ok(At { read, taken_as: None });
    if let Some(length) = text.strip_prefix('-') {
        return exactly(ReadAt::Before(duration(length)?));
    }
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return exactly(ReadAt::Number(text.parse().map_err(|_| "larger than 64 bits".to_owned())?));
    }
    if let Ok(ms) = unix_ms(text) {
        return exactly(ReadAt::ms(ms?));
    }
    // In the order of what may be missing: seconds, the time of the day; always the zone.
    for ending in ["Z", ":00Z", "T00:00:00Z"] {
        let whole = text.replacen(' ', "T", 1) + ending;
        if let Ok(ms) = unix_ms(&whole) {
            return Ok(At { read: ReadAt::ms(ms?), taken_as: Some(whole) });
        }
    }
    Err("expected a decimal HLC, a date, an RFC 3339 time, or a time before the last commit such as -90s, -15m, -2h, -1d"
        .to_owned())
}

/// Reads an RFC 3339 time; the inner error is a time that no HLC can express.
fn unix_ms(text: &str) -> Result<Result<UnixMs, String>, time::error::Parse> {
    let ms = OffsetDateTime::parse(text, &Rfc3339)?.unix_timestamp_nanos().div_euclid(1_000_000);
    let ms = u64::try_from(ms).ok().filter(|ms| *ms < 1 << 48).map(UnixMs);
    Ok(ms.ok_or_else(|| "outside the range of an HLC".to_owned()))
}

/// Reads `<n>s|m|h|d`, ms.
fn duration(text: &str) -> Result<u64, String> {
    let unit = match text.chars().next_back() {
        Some('s') => 1_000,
        Some('m') => 60_000,
        Some('h') => 3_600_000,
        Some('d') => 86_400_000,
        _ => return Err("expected a number and s, m, h or d behind -".to_owned()),
    };
    let number = text.get(..text.len() - 1).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()));
    let number: Option<u64> = number.and_then(|digits| digits.parse().ok());
    number
        .and_then(|number| number.checked_mul(unit))
        .ok_or_else(|| "expected a number and s, m, h or d behind -".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_714_400_000_000;

    #[test]
    fn numbers_and_zoned_times_are_taken_as_they_are() {
        for (text, read) in [
            ("112354918400000001", ReadAt::Number(112_354_918_400_000_001)),
            ("0", ReadAt::Number(0)),
            ("2024-04-29T14:13:20Z", ReadAt::ms(UnixMs(MS))),
            ("2024-04-29T16:13:20.0019+02:00", ReadAt::ms(UnixMs(MS + 1))),
            ("-90s", ReadAt::Before(90_000)),
            ("-15m", ReadAt::Before(900_000)),
            ("-2h", ReadAt::Before(7_200_000)),
            ("-1d", ReadAt::Before(86_400_000)),
        ] {
            assert_eq!(parse(text), Ok(At { read, taken_as: None }), "{text}");
        }
    }

    #[test]
    fn times_without_zone_are_utc_and_say_so() {
        for (text, ms, whole) in [
            ("2024-04-29", MS - 51_200_000, "2024-04-29T00:00:00Z"),
            ("2024-04-29 14:13", MS - 20_000, "2024-04-29T14:13:00Z"),
            ("2024-04-29T14:13:20", MS, "2024-04-29T14:13:20Z"),
            ("2024-04-29 14:13:20.5", MS + 500, "2024-04-29T14:13:20.5Z"),
        ] {
            let taken_as = Some(whole.to_owned());
            assert_eq!(parse(text), Ok(At { read: ReadAt::ms(UnixMs(ms)), taken_as }), "{text}");
        }
    }

    #[test]
    fn what_is_no_time_is_refused() {
        let bad = [
            "",
            "now",
            "1969-12-31T23:59:59Z",
            "1969-12-31",
            "18446744073709551616",
            "-",
            "-h",
            "-1",
            "-1w",
            "--1h",
        ];
        for text in bad.into_iter().chain(["-18446744073709551615d", "-1.5h", "2024-13-01", "14:13", "-é"]) {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
