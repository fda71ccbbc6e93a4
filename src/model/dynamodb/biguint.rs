//! Natural numbers of any length, for fractions in lowest terms: just what `canonical` needs of them.
//!
//! Time is the square of the length, at worst, which is bounded (`limits::FRACTION_DIGITS`).

/// A prime factor of ten.
#[derive(Clone, Copy, Debug)]
pub(super) enum Prime {
    /// 2.
    Two,
    /// 5.
    Five,
}

impl Prime {
    /// Returns the prime, and how many factors of it one step takes: the power times a limb fits 64 bits.
    fn step(self) -> (u64, usize) {
        match self {
            Prime::Two => (2, 34),
            Prime::Five => (5, 14),
        }
    }
}

fn power(prime: u64, exponent: usize) -> u64 {
    std::iter::repeat_n(prime, exponent).product()
}

/// Base of a limb.
const LIMB: u64 = 1_000_000_000;

/// A natural number: limbs of nine decimal digits, least first.
#[derive(Debug)]
pub(super) struct BigUint(Vec<u64>);

impl BigUint {
    /// Returns 1.
    pub(super) fn one() -> Self {
        Self(vec![1])
    }

    /// Reads ASCII digits.
    pub(super) fn from_digits(digits: impl Iterator<Item = u8>) -> Self {
        let digits: Vec<u8> = digits.map(|digit| digit - b'0').collect();
        let limb = |chunk: &[u8]| chunk.iter().fold(0, |limb, &digit| limb * 10 + u64::from(digit));
        Self(digits.rchunks(9).map(limb).collect())
    }

    /// Divides by `prime` as often as it goes without a remainder, at most `most` times, and says how often.
    pub(super) fn divide_out(&mut self, prime: Prime, most: usize) -> usize {
        let (prime, step) = prime.step();
        let mut divided = 0;
        while divided < most {
            let factors = step.min(most - divided);
            let mut remainder = self.remainder(power(prime, factors));
            let mut count = if remainder == 0 { factors } else { 0 };
            while remainder != 0 && remainder.is_multiple_of(prime) {
                remainder /= prime;
                count += 1;
            }
            self.divide(power(prime, count));
            divided += count;
            if count < factors {
                break;
            }
        }
        divided
    }

    fn remainder(&self, divisor: u64) -> u64 {
        self.0.iter().rev().fold(0, |remainder, limb| (remainder * LIMB + limb) % divisor)
    }

    fn divide(&mut self, divisor: u64) {
        let mut remainder = 0;
        for limb in self.0.iter_mut().rev() {
            let value = remainder * LIMB + *limb;
            *limb = value / divisor;
            remainder = value % divisor;
        }
        while self.0.len() > 1 && self.0.last() == Some(&0) {
            self.0.pop();
        }
    }

    /// Multiplies by `prime`, so often.
    pub(super) fn multiply(&mut self, prime: Prime, mut times: usize) {
        let (prime, step) = prime.step();
        while times > 0 {
            let factors = step.min(times);
            let power = power(prime, factors);
            let mut carry = 0;
            for limb in &mut self.0 {
                let value = *limb * power + carry;
                *limb = value % LIMB;
                carry = value / LIMB;
            }
            while carry > 0 {
                self.0.push(carry % LIMB);
                carry /= LIMB;
            }
            times -= factors;
        }
    }

    /// Appends the digits.
    pub(super) fn push(&self, out: &mut Vec<u8>) {
        let mut limbs = self.0.iter().rev();
        if let Some(first) = limbs.next() {
            out.extend_from_slice(first.to_string().as_bytes());
        }
        for limb in limbs {
            out.extend_from_slice(format!("{limb:09}").as_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digits(number: &BigUint) -> String {
        let mut out = Vec::new();
        number.push(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn digits_survive_at_limb_boundaries() {
        for text in ["1", "999999999", "1000000000", "1000000001", "123456789012345678901234567890"] {
            assert_eq!(digits(&BigUint::from_digits(text.bytes())), text);
        }
    }

    #[test]
    fn what_is_multiplied_in_divides_out_again() {
        for prime in [Prime::Two, Prime::Five] {
            for times in [0, 1, 13, 14, 15, 33, 34, 35, 69, 200] {
                let mut number = BigUint::from_digits("1000000007".bytes());
                number.multiply(prime, times);
                assert_eq!(number.divide_out(prime, 500), times);
                assert_eq!(digits(&number), "1000000007");
            }
        }
    }

    #[test]
    fn division_stops_at_the_most_that_is_asked_for() {
        let mut number = BigUint::from_digits("1024".bytes());
        assert_eq!(number.divide_out(Prime::Two, 3), 3);
        assert_eq!(digits(&number), "128");
    }
}
