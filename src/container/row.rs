//! One MVCC row: the key with its timestamp, the value with its header (`format/container.md#versioned-rows`).

use super::{ErrorKind, Excerpt, Position};
use crate::time::Hlc;

/// Length of the timestamp suffix of an encoded key, bytes.
pub(crate) const KEY_SUFFIX: usize = 8;
/// Length of the header of an encoded value, bytes.
pub(crate) const VALUE_HEADER: usize = 9;

/// What a row says besides its body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RowHeader {
    /// When it was committed, an HLC timestamp.
    pub commit_ts: Hlc,
    /// Whether it deletes the key.
    pub tombstone: bool,
    /// Whether the body is an encryption envelope.
    pub encrypted: bool,
    /// Store-level expiry, an HLC timestamp; 0 is never.
    pub expire_at: Hlc,
}

impl RowHeader {
    /// Parses an encoded key and the beginning of its encoded value (all of it, or at least 9 bytes).
    #[inline]
    pub fn parse(encoded_key: &[u8], value: &[u8]) -> Result<Self, ErrorKind> {
        Self::read(encoded_key, value).ok_or_else(|| unreadable(encoded_key, value))
    }

    /// Does the same; `None` is an error, which [`RowHeader::parse`] tells: this one is quick.
    #[inline]
    pub(super) fn read(encoded_key: &[u8], value: &[u8]) -> Option<Self> {
        let (_, inverted) = encoded_key.split_last_chunk::<8>()?;
        let [flags @ 0..=3, expire_at @ ..] = value.first_chunk::<VALUE_HEADER>()? else { return None };
        Some(Self {
            commit_ts: Hlc::of_suffix(*inverted),
            tombstone: flags & 1 != 0,
            encrypted: flags & 2 != 0,
            expire_at: Hlc(u64::from_le_bytes(*expire_at)),
        })
    }
}

/// Says why a header cannot be read.
#[cold]
fn unreadable(encoded_key: &[u8], value: &[u8]) -> ErrorKind {
    let corrupt = |what| ErrorKind::CorruptRow { what, key: Excerpt::of(encoded_key) };
    match value.first() {
        _ if encoded_key.len() < KEY_SUFFIX => {
            corrupt(format!("{} bytes, at least 8 needed, length", encoded_key.len()))
        }
        Some(flags) if value.len() >= VALUE_HEADER => {
            ErrorKind::UnsupportedFormat { what: "value flags", expected: "0 to 3", found: (*flags).into() }
        }
        _ => corrupt(format!("{} bytes, at least 9 needed, value", value.len())),
    }
}

/// A row, lent by a scan until its next step.
#[derive(Clone, Copy, Debug)]
pub struct Row<'a> {
    /// Where it is in the input.
    pub position: Position,
    /// User key, without the timestamp suffix.
    pub key: &'a [u8],
    /// What the row says besides its body.
    pub head: RowHeader,
    /// Value, without its header.
    pub body: &'a [u8],
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &[u8] = &[b'k', 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe];

    #[test]
    fn flags_expiry_and_timestamp_are_split() {
        let head = RowHeader::parse(KEY, &[0, 5, 0, 0, 0, 0, 0, 0, 1, b'x']).unwrap();
        let expire_at = (1 << 56) + 5;
        assert_eq!(
            head,
            RowHeader { commit_ts: Hlc(1), tombstone: false, encrypted: false, expire_at: Hlc(expire_at) }
        );
        let head = RowHeader::parse(KEY, &[3, 0, 0, 0, 0, 0, 0, 0, 0]).unwrap();
        assert_eq!(
            head,
            RowHeader { commit_ts: Hlc(1), tombstone: true, encrypted: true, expire_at: Hlc::ZERO }
        );
    }

    #[test]
    fn short_keys_and_values_are_corrupt() {
        for length in 0..8 {
            let error = RowHeader::parse(&KEY[..length], &[0; 9]).unwrap_err();
            assert!(matches!(error, ErrorKind::CorruptRow { .. }));
        }
        for length in 0..9 {
            let error = RowHeader::parse(KEY, &[0; 9][..length]).unwrap_err();
            assert!(matches!(error, ErrorKind::CorruptRow { .. }));
        }
        assert!(RowHeader::parse(&KEY[1..], &[0; 9]).is_ok());
    }

    #[test]
    fn reserved_flags_are_never_cleartext() {
        for flags in 4..=u8::MAX {
            let error = RowHeader::parse(KEY, &[flags, 0, 0, 0, 0, 0, 0, 0, 0]).unwrap_err();
            assert!(matches!(error, ErrorKind::UnsupportedFormat { found, .. } if found == u64::from(flags)));
        }
    }
}
