//! The value of a `!txn|lock|` row (`format/keys.md#records-of-transactions`).

use super::corrupt;
use crate::container::ErrorKind;
use crate::cursor;
use crate::time::Hlc;

/// What the record is called in messages.
const WHAT: &str = "transaction lock";

/// A transaction's lock on a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lock<'a> {
    /// Start of the transaction, an HLC timestamp.
    pub start_ts: Hlc,
    /// When the lock may be broken, an HLC timestamp.
    pub ttl_expire_at: u64,
    /// Whether the locked key is the primary.
    pub is_primary: bool,
    /// The primary key, a user key.
    pub primary: &'a [u8],
}

impl<'a> Lock<'a> {
    /// Parses the body of the lock row with this user key; bytes behind the last field are ignored.
    pub fn parse(user_key: &[u8], mut body: &'a [u8]) -> Result<Self, ErrorKind> {
        match cursor::take_u8(&mut body) {
            Some(1) => {}
            Some(found) => {
                let what = "transaction lock version";
                return Err(ErrorKind::UnsupportedFormat { what, expected: "1", found: found.into() });
            }
            None => return Err(corrupt(WHAT, user_key)),
        }
        Self::fields(body).ok_or_else(|| corrupt(WHAT, user_key))
    }

    fn fields(mut body: &'a [u8]) -> Option<Self> {
        let start_ts = cursor::take_u64_be(&mut body).map(Hlc)?;
        let ttl_expire_at = cursor::take_u64_be(&mut body)?;
        let flags = cursor::take_u8(&mut body)?;
        let length = usize::try_from(cursor::take_u64_be(&mut body)?).ok()?;
        let primary = cursor::take(&mut body, length)?;
        Some(Self { start_ts, ttl_expire_at, is_primary: flags & 1 != 0, primary })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body() -> Vec<u8> {
        let hex = "01018f2a33f8000001018f2a346d30000001000000000000000c2172656469737c7374727c61";
        hex::decode(hex).unwrap()
    }

    #[test]
    fn a_lock_is_read() {
        let lock = Lock {
            start_ts: Hlc(0x018f_2a33_f800_0001),
            ttl_expire_at: 0x018f_2a34_6d30_0000,
            is_primary: true,
            primary: b"!redis|str|a",
        };
        assert_eq!(Lock::parse(b"k", &body()).unwrap(), lock);
        assert_eq!(Lock::parse(b"k", &[body(), vec![9]].concat()).unwrap(), lock);
    }

    #[test]
    fn every_truncation_is_corrupt() {
        for length in 0..body().len() {
            assert!(matches!(Lock::parse(b"k", &body()[..length]), Err(ErrorKind::CorruptRow { .. })));
        }
    }

    #[test]
    fn another_version_is_unsupported_and_a_huge_length_corrupt() {
        let mut other = body();
        other[0] = 2;
        assert!(matches!(Lock::parse(b"k", &other), Err(ErrorKind::UnsupportedFormat { found: 2, .. })));
        let mut huge = body();
        huge[18..26].fill(0xff);
        assert!(matches!(Lock::parse(b"k", &huge), Err(ErrorKind::CorruptRow { .. })));
    }
}
