//! The value of a `!txn|int|` row (`format/keys.md#records-of-transactions`).

use super::corrupt;
use crate::container::ErrorKind;
use crate::cursor;
use crate::time::Hlc;

/// What the record is called in messages.
pub(super) const WHAT: &str = "transaction intent";

/// What a transaction is going to do to a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::snapshot) struct Intent<'a> {
    /// Start of the transaction, an HLC timestamp.
    pub(in crate::snapshot) start_ts: Hlc,
    /// The new value, complete; `None` deletes the key.
    pub(in crate::snapshot) value: Option<&'a [u8]>,
}

impl<'a> Intent<'a> {
    /// Length of what stands before the value, bytes.
    pub(in crate::snapshot) const HEAD: usize = 18;

    /// Parses the body of the intent row with this user key; bytes behind the last field are ignored.
    pub(in crate::snapshot) fn parse(user_key: &[u8], mut body: &'a [u8]) -> Result<Self, ErrorKind> {
        match cursor::take_u8(&mut body) {
            Some(1) => {}
            Some(found) => {
                let what = "transaction intent version";
                return Err(ErrorKind::UnsupportedFormat { what, expected: "1", found: found.into() });
            }
            None => return Err(corrupt(WHAT, user_key)),
        }
        Self::fields(body).ok_or_else(|| corrupt(WHAT, user_key))
    }

    fn fields(mut body: &'a [u8]) -> Option<Self> {
        let start_ts = cursor::take_u64_be(&mut body).map(Hlc)?;
        let op = cursor::take_u8(&mut body)?;
        let length = usize::try_from(cursor::take_u64_be(&mut body)?).ok()?;
        let value = cursor::take(&mut body, length)?;
        match op {
            0 => Some(Self { start_ts, value: Some(value) }),
            1 => Some(Self { start_ts, value: None }),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `reading/transactions.md#example-a-committed-secondary`.
    fn body() -> Vec<u8> {
        hex::decode("01018f2a33f8000001000000000000000006ff01006e6577").unwrap()
    }

    #[test]
    fn a_put_and_a_delete_are_read() {
        let start_ts = 0x018f_2a33_f800_0001;
        let intent = Intent { start_ts: Hlc(start_ts), value: Some(b"\xff\x01\0new") };
        assert_eq!(Intent::parse(b"k", &body()).unwrap(), intent);
        assert_eq!(Intent::parse(b"k", &[body(), vec![9]].concat()).unwrap(), intent);
        let mut delete = body();
        delete[9] = 1;
        assert_eq!(Intent::parse(b"k", &delete).unwrap(), Intent { start_ts: Hlc(start_ts), value: None });
    }

    #[test]
    fn every_truncation_and_every_other_operation_is_corrupt() {
        for length in 0..body().len() {
            assert!(matches!(Intent::parse(b"k", &body()[..length]), Err(ErrorKind::CorruptRow { .. })));
        }
        let mut other = body();
        other[9] = 2;
        assert!(matches!(Intent::parse(b"k", &other), Err(ErrorKind::CorruptRow { .. })));
        other[0] = 2;
        assert!(matches!(Intent::parse(b"k", &other), Err(ErrorKind::UnsupportedFormat { found: 2, .. })));
    }
}
