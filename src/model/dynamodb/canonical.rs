//! Canonical number texts, which name the files of `N` keys (`tree/dynamodb.md#canonical-text-of-a-number`).
//!
//! In: the text as the client sent it. Out: the value in lowest terms, without an exponent. A number is short
//! digits and many zeros, so zeros are appended, never computed; only a fraction's digits are divided.

use std::borrow::Cow;

use super::biguint::{BigUint, Prime};
use super::number::{self, Number, POWER};
use crate::limits;

/// Greatest exponent, either way, of a number whose name is its canonical text.
const NAMED: u64 = 1000;

/// Appends the canonical text. It is at most 1 000 000 digits longer than the number's own digits, twice that for
/// a fraction: one name of one item.
pub(crate) fn push_canonical(out: &mut Vec<u8>, text: &str) {
    if push_number(out, text).is_none() {
        out.extend_from_slice(text.trim().as_bytes());
    }
}

/// Returns the canonical text of a number as names have it. One that is written with very large exponents or has a very
/// long fraction keeps its own.
pub(crate) fn named(text: &str) -> Cow<'_, str> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let is_plain = digits.bytes().all(|byte| byte.is_ascii_digit()) && !digits.starts_with('0');
    let is_long =
        |number: Number<'_>| number.exponent.unsigned_abs() > NAMED || number::is_long_fraction(text);
    if digits.is_empty() || is_plain || Number::parse(text).is_some_and(is_long) {
        return text.into();
    }
    let mut out = Vec::new();
    push_canonical(&mut out, text);
    String::from_utf8(out).map_or_else(|_| text.into(), Cow::Owned)
}

/// Returns a decimal text of a fraction in lowest terms; `None` for what is none.
pub(crate) fn decimal(text: &str) -> Option<String> {
    let (numerator, denominator) = text.split_once('/')?;
    let (sign, digits) = numerator.strip_prefix('-').map_or(("", numerator), |digits| ("-", digits));
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if text.len() > limits::FRACTION_DIGITS || !is_number(digits) || !is_number(denominator) {
        return None;
    }
    let mut rest = BigUint::from_digits(denominator.bytes());
    let [twos, fives] = [Prime::Two, Prime::Five].map(|prime| rest.divide_out(prime, text.len() * 4));
    let places = twos.max(fives);
    let mut whole = BigUint::from_digits(digits.bytes());
    whole.multiply(Prime::Two, places - twos);
    whole.multiply(Prime::Five, places - fives);
    let (mut out, mut one) = (Vec::new(), Vec::new());
    rest.push(&mut one);
    whole.push(&mut out);
    let whole = String::from_utf8(out).ok()?;
    (one == b"1").then(|| format!("{sign}{whole}e-{places}"))
}

fn push_number(out: &mut Vec<u8>, text: &str) -> Option<()> {
    let number = Number::parse(text).filter(|number| !number.spaced)?;
    let Some(leading) = number.leading_zeros() else {
        out.push(b'0');
        return Some(());
    };
    let power = number.exponent.checked_sub(i64::try_from(number.frac.len()).ok()?)?;
    let zeros = usize::try_from(power.unsigned_abs()).ok().filter(|_| power.unsigned_abs() <= POWER)?;
    if number.negative {
        out.push(b'-');
    }
    if power >= 0 {
        out.extend(number.digits().skip(leading));
        push_zeros(out, zeros);
        return Some(());
    }
    let trailing = number.digits().rev().take_while(|&digit| digit == b'0').count();
    let cut = trailing.min(zeros);
    let digits = number.int.len() + number.frac.len() - leading - cut;
    push_fraction(out, number.digits().skip(leading).take(digits), zeros - cut);
    Some(())
}

/// Appends `digits` / 10^`places` in lowest terms. When `places` is not 0 the last digit is not 0 either, so the
/// greatest common divisor is a power of 2 or a power of 5.
fn push_fraction(out: &mut Vec<u8>, digits: impl Iterator<Item = u8> + Clone, places: usize) {
    if places == 0 {
        out.extend(digits);
        return;
    }
    let last = digits.clone().last().unwrap_or_default();
    let (factor, other) = match last {
        b'5' => (Prime::Five, Prime::Two),
        b'2' | b'4' | b'6' | b'8' => (Prime::Two, Prime::Five),
        _ => {
            out.extend(digits);
            out.extend_from_slice(b"/1");
            push_zeros(out, places);
            return;
        }
    };
    let mut numerator = BigUint::from_digits(digits);
    let divided = numerator.divide_out(factor, places);
    numerator.push(out);
    // 10^places / factor^divided = other^divided x 10^(places - divided)
    let mut denominator = BigUint::one();
    denominator.multiply(other, divided);
    out.push(b'/');
    denominator.push(out);
    push_zeros(out, places - divided);
}

fn push_zeros(out: &mut Vec<u8>, count: usize) {
    out.resize(out.len() + count, b'0');
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn canonical(text: &str) -> String {
        let mut out = Vec::new();
        push_canonical(&mut out, text);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_name_has_lowest_terms_and_is_read_back() {
        for (text, name) in [
            ("3", "3"),
            ("-12", "-12"),
            ("3.0", "3"),
            ("1e3", "1000"),
            ("-0", "0"),
            ("007", "7"),
            ("-2.50", "-5/2"),
            ("0.001", "1/1000"),
            ("1e1001", "1e1001"),
            ("none", "none"),
            ("", ""),
        ] {
            assert_eq!(named(text), name, "{text}");
        }
        for (name, text) in
            [("-5/2", "-25e-1"), ("1/1000", "1e-3"), ("1/8", "125e-3"), ("7/1", "7e-0"), ("3/20", "15e-2")]
        {
            assert_eq!(decimal(name).as_deref(), Some(text));
        }
        for none in ["1/3", "1/0", "1/", "/2", "5", "a/2", "1/-2", "1/2/2"] {
            assert_eq!(decimal(none), None, "{none}");
        }
    }

    #[test]
    fn the_table_of_the_document_holds() {
        for (text, want) in [
            ("1.0", "1"),
            ("+1", "1"),
            ("01", "1"),
            ("1e2", "100"),
            ("-0", "0"),
            ("-0.00e7", "0"),
            ("0.5", "1/2"),
            ("5e-1", "1/2"),
            ("-12.50", "-25/2"),
            ("0.1", "1/10"),
            ("1e21", "1000000000000000000000"),
            ("1e 5", "1e 5"),
            (" abc ", "abc"),
            ("1.30", "13/10"),
            ("100e-1", "10"),
            ("0.4", "2/5"),
            ("0.00032", "1/3125"),
            ("1_0", "1_0"),
            ("0x10", "0x10"),
        ] {
            assert_eq!(canonical(text), want, "{text}");
        }
        assert_eq!(canonical("1e300"), format!("1{}", "0".repeat(300)));
    }

    #[test]
    fn powers_over_a_million_stay_text_unless_the_number_is_zero() {
        assert_eq!(canonical("1e1000000").len(), 1_000_001);
        assert_eq!(canonical("1e1000001"), "1e1000001");
        assert_eq!(canonical("10e1000000").len(), 1_000_002);
        assert_eq!(canonical("1.0e1000001").len(), 1_000_002);
        assert_eq!(canonical("1e-1000000").len(), 1_000_003);
        assert_eq!(canonical("1e-1000001"), "1e-1000001");
        assert_eq!(canonical("0.1e-9223372036854775808"), "0.1e-9223372036854775808");
        assert_eq!(canonical("0e9223372036854775807"), "0");
        assert_eq!(canonical("0e9223372036854775808"), "0e9223372036854775808");
    }

    #[test]
    fn long_mantissas_are_divided_in_full() {
        // 2^200 / 10^200 = 1 / 5^200
        let power = |prime, exponent| {
            let (mut number, mut out) = (BigUint::one(), Vec::new());
            number.multiply(prime, exponent);
            number.push(&mut out);
            String::from_utf8(out).unwrap()
        };
        let two = |exponent| power(Prime::Two, exponent);
        let five = |exponent| power(Prime::Five, exponent);
        assert_eq!(canonical(&format!("{}e-200", two(200))), format!("1/{}", five(200)));
        assert_eq!(canonical(&format!("{}e-90", five(100))), format!("{}/{}", five(10), two(90)));
        assert_eq!(canonical(&format!("{}e-101", five(100))), format!("1/{}0", two(100)));
    }

    proptest! {
        #[test]
        fn small_numbers_agree_with_integer_arithmetic(
            digits in 0_u64..1_000_000_000_000_000_000, places in 0_u32..18, negative: bool
        ) {
            let (mut one, mut other) = (digits, 10_u64.pow(places));
            let whole = other;
            while other != 0 {
                (one, other) = (other, one % other);
            }
            let sign = if negative && digits != 0 { "-" } else { "" };
            let want = match whole / one {
                1 => format!("{sign}{}", digits / one),
                denominator => format!("{sign}{}/{denominator}", digits / one),
            };
            let text = format!("{}{digits}e-{places}", if negative { "-" } else { "" });
            prop_assert_eq!(canonical(&text), want);
        }
    }
}
