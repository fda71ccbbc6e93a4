//! Number texts in key position and their order-preserving bytes (`format/dynamodb.md#bytes-of-a-number`).
//!
//! In: the text as the client sent it. Out: its digits and exponent, borrowed, and the bytes of an ordered key.

use crate::limits;

/// Greatest power of ten, either way, that is written out; beyond it the text itself is canonical.
pub(crate) const POWER: u64 = 1_000_000;

/// A parsed number text: `int`.`frac` x 10^`exponent`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Number<'a> {
    /// A minus sign is there; also for zero.
    pub negative: bool,
    /// ASCII digits before the point; may be empty when `frac` is not.
    pub int: &'a str,
    /// ASCII digits behind the point.
    pub frac: &'a str,
    /// Exponent, 0 when there is none.
    pub exponent: i64,
    /// White space stands between `e` and the exponent: fine in a key, no number for a file's name (`tree/dynamodb.md#canonical-text-of-a-number`).
    pub spaced: bool,
}

impl<'a> Number<'a> {
    /// Parses a text; white space around it counts for nothing.
    pub(crate) fn parse(text: &'a str) -> Option<Self> {
        let text = text.trim();
        let (mantissa, exponent) = match text.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, Some(exponent)),
            None => (text, None),
        };
        let negative = mantissa.starts_with('-');
        let mantissa = mantissa.strip_prefix(['+', '-']).unwrap_or(mantissa);
        let (int, frac) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if !digits(int) || !digits(frac) || (int.is_empty() && frac.is_empty()) {
            return None;
        }
        let trimmed = exponent.map(str::trim);
        Some(Self {
            negative,
            int,
            frac,
            exponent: trimmed.map_or(Some(0), |exponent| exponent.parse().ok())?,
            spaced: trimmed != exponent,
        })
    }

    /// Returns the digits before and behind the point as one sequence.
    pub(crate) fn digits(&self) -> impl DoubleEndedIterator<Item = u8> + Clone + 'a {
        self.int.bytes().chain(self.frac.bytes())
    }

    /// Returns the number of zeros that the digits begin with; `None` when there is nothing else.
    pub(crate) fn leading_zeros(&self) -> Option<usize> {
        self.digits().position(|digit| digit != b'0')
    }

    /// Appends the key bytes, not escaped: equal for equal numbers.
    pub(crate) fn push_key(&self, out: &mut Vec<u8>) {
        let Some(leading) = self.leading_zeros() else {
            out.push(1);
            return;
        };
        let trailing = self.digits().rev().take_while(|&digit| digit == b'0').count();
        let significant = self.int.len() + self.frac.len() - leading - trailing;
        // The servers' arithmetic wraps around.
        let exponent = signed(self.int.len()).wrapping_add(self.exponent).wrapping_sub(signed(leading));
        out.push(if self.negative { 0 } else { 2 });
        let body = out.len();
        push_exponent(out, exponent);
        out.push(0);
        out.extend(self.digits().skip(leading).take(significant));
        if self.negative {
            out.iter_mut().skip(body).for_each(|byte| *byte = !*byte);
        }
    }
}

/// Whether finding the lowest terms would divide more than [`limits::FRACTION_DIGITS`] digits: time is the square of
/// their number.
pub(crate) fn is_long_fraction(text: &str) -> bool {
    if text.len() <= limits::FRACTION_DIGITS {
        return false;
    }
    let Some(number) = Number::parse(text).filter(|number| !number.spaced) else { return false };
    let Some(leading) = number.leading_zeros() else { return false };
    let Some(power) =
        i64::try_from(number.frac.len()).ok().and_then(|frac| number.exponent.checked_sub(frac))
    else {
        return false;
    };
    let zeros = number.digits().rev().take_while(|&digit| digit == b'0').count();
    let places = power.unsigned_abs();
    let is_fraction =
        power < 0 && places <= POWER && usize::try_from(places).is_ok_and(|places| places > zeros);
    let last = number.digits().rev().nth(zeros);
    is_fraction
        && !matches!(last, Some(b'1' | b'3' | b'7' | b'9'))
        && number.int.len() + number.frac.len() - leading - zeros > limits::FRACTION_DIGITS
}

fn signed(length: usize) -> i64 {
    i64::try_from(length).unwrap_or(i64::MAX)
}

fn push_exponent(out: &mut Vec<u8>, exponent: i64) {
    if exponent == 0 {
        out.push(1);
        return;
    }
    out.push(if exponent < 0 { 0 } else { 2 });
    let magnitude = exponent.unsigned_abs().to_be_bytes();
    let zeros = magnitude.iter().take_while(|&&byte| byte == 0).count();
    let mask = if exponent < 0 { 0xff } else { 0 };
    let width = u8::try_from(magnitude.len() - zeros).unwrap_or_default();
    out.push(width ^ mask);
    out.extend(magnitude.iter().skip(zeros).map(|byte| byte ^ mask));
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn key(text: &str) -> Option<String> {
        let mut out = Vec::new();
        Number::parse(text)?.push_key(&mut out);
        Some(hex::encode(out))
    }

    #[test]
    fn the_table_of_the_document_holds() {
        for (text, raw) in [
            ("0", "01"),
            ("-0.00", "01"),
            ("0e5", "01"),
            ("1", "020201010031"),
            ("1.0", "020201010031"),
            ("-1", "00fdfefeffce"),
            ("0.5", "02010035"),
            ("5e-1", "02010035"),
            ("12.5", "0202010200313235"),
            ("-12.50", "00fdfefdffcecdca"),
            ("+1e2", "020201030031"),
            ("12345", "02020105003132333435"),
            ("0.001", "0200fefd0031"),
            ("-0.001", "00ff0102ffce"),
            ("1e300", "020202012d0031"),
            ("1e-300", "0200fdfed40031"),
        ] {
            assert_eq!(key(text).as_deref(), Some(raw), "{text}");
        }
    }

    #[test]
    fn odd_spellings_are_numbers() {
        for text in ["5.", ".5", "1e+2", "1e 5", "\u{a0}7\u{2003}", "1E5", "007", "1e 5 "] {
            assert!(key(text).is_some(), "{text}");
        }
        assert!(Number::parse("1e 5").unwrap().spaced);
        assert!(!Number::parse(" 1e5 ").unwrap().spaced);
    }

    #[test]
    fn what_the_servers_refuse_is_no_number() {
        for text in [
            "",
            " ",
            "abc",
            "1.2.3",
            "+",
            ".",
            "1e",
            "e3",
            "1e+",
            "0x10",
            "1_0",
            "1/2",
            "NaN",
            "--1",
            "1 e5",
            "1e1.0",
            "1ee1",
            "\u{661}",
            "1e9223372036854775808",
        ] {
            assert_eq!(key(text), None, "{text}");
        }
        assert!(key("1e9223372036854775807").is_some());
        assert!(key("1e-9223372036854775808").is_some());
    }

    #[test]
    fn bytes_sort_as_the_numbers_do() {
        let sorted =
            ["-1000", "-12.5", "-1", "-0.001", "0", "1e-300", "0.001", "0.5", "1", "12.5", "100", "1e300"];
        let keys: Vec<_> = sorted.iter().map(|text| key(text).unwrap()).collect();
        assert!(keys.is_sorted_by(|one, next| one < next), "{keys:?}");
    }

    #[test]
    fn only_long_fractions_that_would_be_divided_are_too_long() {
        let digits = |last: &str| "7".repeat(limits::FRACTION_DIGITS) + last;
        for last in ["2", "4", "5", "6", "8"] {
            assert!(is_long_fraction(&format!("0.{}", digits(last))), "{last}");
            assert!(is_long_fraction(&format!("-{}000e-5", digits(last))), "{last}");
            assert!(!is_long_fraction(&format!("0.{}", &digits(last)[1..])), "{last}");
            assert!(!is_long_fraction(&digits(last)), "{last}");
            assert!(!is_long_fraction(&format!("{}00.00", digits(last))), "{last}");
        }
        assert!(!is_long_fraction(&format!("0.{}", digits("3"))));
        assert!(!is_long_fraction(&format!("{}00e-2", digits("5"))));
        assert!(!is_long_fraction(&"x".repeat(5000)));
        assert!(!is_long_fraction(&"0".repeat(5000)));
    }

    /// The value as digits without zeros at either end, and the power of ten of the last one.
    fn model(negative: bool, digits: &str, point: usize, exponent: i64) -> (bool, String, i64) {
        let stripped = digits.trim_end_matches('0');
        let zeros = signed(digits.len() - stripped.len());
        let significant = stripped.trim_start_matches('0').to_owned();
        if significant.is_empty() {
            return (false, significant, 0);
        }
        (negative, significant, exponent - signed(digits.len() - point) + zeros)
    }

    proptest! {
        #[test]
        fn key_bytes_are_equal_exactly_when_the_numbers_are(
            one in ("[+-]?", "[01]{1,6}", 0_usize..7, -4_i64..5),
            other in ("[+-]?", "[01]{1,6}", 0_usize..7, -4_i64..5),
        ) {
            let read = |(sign, digits, point, exponent): (String, String, usize, i64)| {
                let point = point.min(digits.len());
                let (int, frac) = digits.split_at(point);
                let text = format!("{sign}{int}.{frac}e{exponent}");
                (key(&text).unwrap(), model(sign == "-", &digits, point, exponent))
            };
            let (one, other) = (read(one), read(other));
            prop_assert_eq!(one.0 == other.0, one.1 == other.1);
        }
    }
}
