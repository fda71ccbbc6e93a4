//! Numbers with a fraction, as Go's `encoding/json` writes them (`tree/json.md#json`).
//!
//! In: a finite float. Out: the shortest digits that read back as it; where two such texts are equally near, the one
//! whose last digit is even. Below 1e-6 and from 1e21 with an exponent, which always has its sign.

use std::io::{self, Write};

/// Most digits of a shortest form.
const DIGITS: usize = 17;

/// The digits of a float, and where its point is.
#[derive(Debug)]
struct Decimal {
    negative: bool,
    digits: [u8; DIGITS],
    /// Digits that count; 0 of them for zero.
    length: usize,
    /// Power of ten of the first digit.
    exponent: i32,
}

/// Writes a finite number; `exponent` asks for the form with one.
pub(super) fn write<W: Write + ?Sized>(
    writer: &mut W,
    value: impl zmij::Float,
    exponent: bool,
) -> io::Result<()> {
    Decimal::read(zmij::Buffer::new().format_finite(value)).write(writer, exponent)
}

impl Decimal {
    /// Reads what `zmij` printed: digits, perhaps with a point, perhaps with an exponent, in its own layout.
    fn read(text: &str) -> Self {
        let (mantissa, exponent) = text.split_once('e').unwrap_or((text, "0"));
        let unsigned = mantissa.strip_prefix('-').unwrap_or(mantissa);
        let mut decimal = Self {
            negative: mantissa.len() > unsigned.len(),
            digits: [b'0'; DIGITS],
            length: 0,
            exponent: exponent.parse().unwrap_or_default(),
        };
        let point = unsigned.find('.').unwrap_or(unsigned.len());
        let digits = unsigned.bytes().filter(u8::is_ascii_digit);
        let leading = digits.clone().take_while(|&digit| digit == b'0').count();
        for (place, digit) in (0..).zip(digits.skip(leading)) {
            if let Some(slot) = decimal.digits.get_mut(place) {
                *slot = digit;
            }
            if digit != b'0' {
                decimal.length = place + 1;
            }
        }
        if decimal.length > 0 {
            decimal.exponent += signed(point) - signed(leading) - 1;
        } else {
            decimal.exponent = 0;
        }
        decimal
    }

    fn write<W: Write + ?Sized>(&self, writer: &mut W, exponent: bool) -> io::Result<()> {
        let digits = self.digits.get(..self.length).filter(|digits| !digits.is_empty()).unwrap_or(b"0");
        if self.negative {
            writer.write_all(b"-")?;
        }
        if exponent {
            write_pointed(writer, digits, 1)?;
            return write!(writer, "e{:+}", self.exponent);
        }
        let Ok(whole) = usize::try_from(self.exponent) else {
            writer.write_all(b"0.")?;
            write_zeros(writer, usize::try_from(-1 - self.exponent).unwrap_or_default())?;
            return writer.write_all(digits);
        };
        write_pointed(writer, digits, whole + 1)?;
        write_zeros(writer, (whole + 1).saturating_sub(digits.len()))
    }
}

/// Writes digits with a point behind the first `whole` of them, when there are more.
fn write_pointed<W: Write + ?Sized>(writer: &mut W, digits: &[u8], whole: usize) -> io::Result<()> {
    match digits.split_at_checked(whole) {
        Some((before, behind)) if !behind.is_empty() => {
            writer.write_all(before)?;
            writer.write_all(b".")?;
            writer.write_all(behind)
        }
        _ => writer.write_all(digits),
    }
}

/// No number without an exponent has more zeros than this.
fn write_zeros<W: Write + ?Sized>(writer: &mut W, count: usize) -> io::Result<()> {
    writer.write_all(b"00000000000000000000".get(..count).unwrap_or_default())
}

fn signed(length: usize) -> i32 {
    i32::try_from(length).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests {
    use std::fmt::LowerExp;
    use std::str::FromStr;

    use proptest::prelude::*;

    use super::*;

    fn text(value: impl zmij::Float, exponent: bool) -> String {
        let mut out = Vec::new();
        write(&mut out, value, exponent).unwrap();
        String::from_utf8(out).unwrap()
    }

    /// The rule, by the exact decimal value: of all texts with the fewest digits that read back, the nearest; of two
    /// that are equally near, the one with an even last digit. Returns it as `<digits>e<exponent>`.
    fn model<F: LowerExp + FromStr + PartialEq + Copy>(value: F) -> String
    where
        F::Err: std::fmt::Debug,
    {
        // No double has more than 767 digits.
        let exact = format!("{value:.800e}");
        let (mantissa, exponent) = exact.split_once('e').unwrap();
        let exponent: i32 = exponent.parse().unwrap();
        let digits: Vec<u8> = mantissa.bytes().filter(u8::is_ascii_digit).map(|digit| digit - b'0').collect();
        for length in 1..=DIGITS {
            let (kept, rest) = digits.split_at(length);
            let below: u64 = kept.iter().fold(0, |number, &digit| number * 10 + u64::from(digit));
            let half = rest.iter().enumerate().map(|(at, &digit)| digit.cmp(if at == 0 { &5 } else { &0 }));
            let half = half.fold(std::cmp::Ordering::Equal, std::cmp::Ordering::then);
            let scale = exponent + 1 - i32::try_from(length).unwrap();
            let reads_back = |digits: u64| format!("{digits}e{scale}").parse::<F>().unwrap() == value;
            let down = reads_back(below);
            let up = reads_back(below + 1);
            let nearest = match half {
                std::cmp::Ordering::Less => down,
                std::cmp::Ordering::Greater => !up,
                std::cmp::Ordering::Equal => down && (!up || below.is_multiple_of(2)),
            };
            if down || up {
                return format!("{}e{scale}", if nearest || !up { below } else { below + 1 });
            }
        }
        panic!("{exact} has no short form");
    }

    /// Brings a text to the form of [`model`].
    fn normal(text: &str) -> String {
        let (mantissa, exponent) = text.split_once('e').unwrap_or((text, "0"));
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let digits = format!("{whole}{fraction}");
        let trimmed = digits.trim_end_matches('0');
        let scale = exponent.parse::<i32>().unwrap() + i32::try_from(digits.len() - trimmed.len()).unwrap()
            - i32::try_from(fraction.len()).unwrap();
        format!("{}e{scale}", trimmed.trim_start_matches('0'))
    }

    fn trimmed(model: &str) -> String {
        let (digits, scale) = model.split_once('e').unwrap();
        let short = digits.trim_end_matches('0');
        let zeros = i32::try_from(digits.len() - short.len()).unwrap();
        format!("{short}e{}", scale.parse::<i32>().unwrap() + zeros)
    }

    #[test]
    fn midway_between_two_texts_the_even_digit_is_taken() {
        for (bits, want) in [
            (0x4056_93aa_8000_0000_u64, "90.30728149414062"),
            (0x4056_93a9_8000_0000, "90.30722045898438"),
            (0x4330_0000_0000_0001, "4503599627370497"),
            (0x4320_0000_0000_0001, "2251799813685248.5"),
            (0x4310_0000_0000_0001, "1125899906842624.2"),
            (0x4310_0000_0000_0003, "1125899906842624.8"),
            (0x4340_0000_0000_0000, "9007199254740992"),
            (0x0000_0000_0000_0001, "5e-324"),
            (0x0000_0000_0000_0002, "1e-323"),
        ] {
            let value = f64::from_bits(bits);
            let exponent = value < 1e-6;
            assert_eq!(text(value, exponent), want);
            assert_eq!(normal(want), trimmed(&model(value)), "{value:e}");
        }
        for (value, want) in
            [(8_388_608.5_f32, "8388608"), (1_048_576.2, "1048576.2"), (16_777_216.0, "16777216")]
        {
            assert_eq!(text(value, false), want);
        }
    }

    #[test]
    fn every_place_of_the_point_is_written_in_full() {
        for (value, plain, scientific) in [
            (0.0, "0", "0e+0"),
            (-0.0, "-0", "-0e+0"),
            (12_345.678, "12345.678", "1.2345678e+4"),
            (0.000_001_5, "0.0000015", "1.5e-6"),
            (123_000.0, "123000", "1.23e+5"),
            (1e20, "100000000000000000000", "1e+20"),
            (-1.0, "-1", "-1e+0"),
        ] {
            assert_eq!(text(value, false), plain);
            assert_eq!(text(value, true), scientific);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]
        #[test]
        fn doubles_have_the_text_of_the_exact_rule(bits: u64, exponent: bool) {
            let value = f64::from_bits(bits & !(1 << 63));
            prop_assume!(value.is_finite() && value != 0.0);
            let plain = (1e-6..1e21).contains(&value);
            prop_assert_eq!(normal(&text(value, exponent || !plain)), trimmed(&model(value)));
        }

        #[test]
        fn scores_that_were_single_have_the_text_of_the_exact_rule(single in 1e-7_f32..1e8, drop in 0_u32..24) {
            // Few bits behind the point: every tie there is has them.
            let value = f64::from(f32::from_bits(single.to_bits() >> drop << drop));
            prop_assert_eq!(normal(&text(value, value < 1e-6)), trimmed(&model(value)));
        }

        #[test]
        fn ties_are_found_and_broken_as_the_exact_rule_does(mantissa in 1_u64 << 52..1 << 53, shift in 0_i32..12) {
            // An odd multiple of a small power of two, whose exact value ends in 5 behind 16 digits.
            #[expect(clippy::cast_precision_loss, reason = "53 bits fit")]
            let value = mantissa as f64 / f64::from(1 << shift);
            prop_assert_eq!(normal(&text(value, false)), trimmed(&model(value)));
        }

        #[test]
        fn singles_have_the_text_of_the_exact_rule(bits: u32) {
            let value = f32::from_bits(bits & !(1 << 31));
            prop_assume!(value.is_finite() && value != 0.0);
            prop_assert_eq!(normal(&text(value, true)), trimmed(&model(value)));
        }
    }
}
