//! HLC timestamps as the layout writes them: RFC 3339, UTC (`tree/s3.md#sidecar`).

use crate::time::{Hlc, UnixMs};

/// Returns the time of an HLC timestamp, trailing zeros of the fraction dropped; `None` for 0, which is unknown.
pub(super) fn iso(hlc: Hlc) -> Option<String> {
    if hlc == Hlc::ZERO {
        return None;
    }
    let UnixMs(ms) = hlc.ms();
    let (day, in_day) = (ms / 86_400_000, ms % 86_400_000);
    let (year, month, day) = civil(day);
    let (hour, minute, second) = (in_day / 3_600_000, in_day / 60_000 % 60, in_day / 1000 % 60);
    let mut text = format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}");
    let fraction = ms % 1000;
    if fraction != 0 {
        text += format!(".{fraction:03}").trim_end_matches('0');
    }
    text.push('Z');
    Some(text)
}

/// Returns (year, month, day) of the day that is `days` after 1970-01-01. Years count from March, so that the
/// leap day is a year's last; eras of 400 years are alike. 48 bits of ms reach beyond the year 9999.
fn civil(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (era * 400 + year_of_era + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> String {
        iso(Hlc(ms << 16 | 1)).unwrap()
    }

    #[test]
    fn the_fraction_has_no_trailing_zeros_and_the_counter_does_not_show() {
        assert_eq!(iso(Hlc(0x018f_2a33_f800_0001)).unwrap(), "2024-04-29T14:13:20Z");
        assert_eq!(at(1_714_400_000_004), "2024-04-29T14:13:20.004Z");
        assert_eq!(at(1_714_400_000_120), "2024-04-29T14:13:20.12Z");
        assert_eq!(at(1_714_400_000_500), "2024-04-29T14:13:20.5Z");
        assert_eq!(iso(Hlc(0)), None);
        assert_eq!(iso(Hlc(1)).unwrap(), "1970-01-01T00:00:00Z");
    }

    #[test]
    fn leap_days_and_the_last_timestamp() {
        assert_eq!(at(951_782_400_000), "2000-02-29T00:00:00Z");
        assert_eq!(at(951_868_800_000 - 1), "2000-02-29T23:59:59.999Z");
        assert_eq!(at(4_107_542_400_000), "2100-03-01T00:00:00Z");
        assert_eq!(at(4_107_542_400_000 - 1), "2100-02-28T23:59:59.999Z");
        assert_eq!(iso(Hlc::MAX).unwrap(), "10889-08-02T05:31:50.655Z");
    }

    #[test]
    fn every_day_follows_the_one_before() {
        let mut last = civil(0);
        assert_eq!(last, (1970, 1, 1));
        for days in 1..200_000 {
            let next = civil(days);
            let (year, month, day) = last;
            let expected = [(year, month, day + 1), (year, month + 1, 1), (year + 1, 1, 1)];
            assert!(expected.contains(&next) && next.2 <= 31, "{last:?} {next:?}");
            last = next;
        }
    }
}
