//! One value's envelope, and what binds it to its row (`format/encryption.md#envelope`, `format/encryption.md#authenticated-data`).

use crate::container::RowHeader;
use crate::cursor;

/// Version of an envelope.
pub(super) const VERSION: u8 = 1;
/// Version, flag and key id: the beginning of the AAD too.
pub(super) const HEAD: usize = 6;
/// Length of the nonce, bytes.
pub(super) const NONCE: usize = 12;
/// Length of the tag, bytes.
pub(super) const TAG: usize = 16;
/// Bytes by which an envelope is longer than its plaintext; the shortest envelope.
pub const OVERHEAD: usize = HEAD + NONCE + TAG;

/// Why an envelope gives no plaintext (`reading/encryption.md#reading-an-encrypted-row`, `reading/encryption.md#cleartext-that-is-really-an-envelope`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// The tag does not match under this data key.
    #[error("integrity: does not authenticate under data key {0}")]
    Integrity(u32),
    /// An envelope of this data key that claims to be cleartext.
    #[error("integrity (relabelled envelope): opens under data key {0}, but is marked as cleartext")]
    Relabelled(u32),
    /// No key file holds this data key.
    #[error("unknown key id {0}")]
    UnknownKeyId(u32),
    /// Key id 0.
    #[error("reserved key id 0")]
    ReservedKeyId,
    /// Less than the overhead.
    #[error("envelope too short")]
    TooShort,
    /// Another version.
    #[error("unknown envelope version {0}")]
    UnknownVersion(u8),
    /// Authentic, but its plaintext is not the value.
    #[error("unsupported envelope flag {0}")]
    UnsupportedFlag(u8),
}

/// An envelope, split.
#[derive(Clone, Copy, Debug)]
pub(super) struct Envelope<'a> {
    pub(super) head: &'a [u8; HEAD],
    pub(super) flag: u8,
    pub(super) key_id: u32,
    pub(super) sealed: Sealed<'a>,
}

/// What stands behind the head.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sealed<'a> {
    pub(super) nonce: &'a [u8; NONCE],
    pub(super) ciphertext: &'a [u8],
    pub(super) tag: &'a [u8; TAG],
}

impl<'a> Envelope<'a> {
    /// Splits a body; the key id is not 0.
    pub(super) fn parse(body: &'a [u8]) -> Result<Self, Fault> {
        let (head, rest) = body.split_first_chunk::<HEAD>().ok_or(Fault::TooShort)?;
        let sealed = Sealed::parse(rest).ok_or(Fault::TooShort)?;
        let mut fields = head.as_slice();
        let (version, flag) = (cursor::take_u8(&mut fields), cursor::take_u8(&mut fields));
        let (version, flag) = (version.unwrap_or_default(), flag.unwrap_or_default());
        if version != VERSION {
            return Err(Fault::UnknownVersion(version));
        }
        match cursor::take_u32_be(&mut fields) {
            Some(key_id) if key_id != 0 => Ok(Self { head, flag, key_id, sealed }),
            _ => Err(Fault::ReservedKeyId),
        }
    }
}

impl<'a> Sealed<'a> {
    fn parse(bytes: &'a [u8]) -> Option<Self> {
        let (nonce, rest) = bytes.split_first_chunk::<NONCE>()?;
        let (ciphertext, tag) = rest.split_last_chunk::<TAG>()?;
        Some(Self { nonce, ciphertext, tag })
    }

    /// Splits a body whose head is not to be believed.
    pub(super) fn behind_head(body: &'a [u8]) -> Option<Self> {
        Self::parse(body.get(HEAD..)?)
    }
}

/// Writes the AAD of a row: the envelope's head, the value header as the file has it, the encoded key.
pub(super) fn write_aad(aad: &mut Vec<u8>, envelope: [u8; HEAD], head: &RowHeader, user_key: &[u8]) {
    aad.clear();
    aad.reserve(HEAD + 9 + user_key.len() + 8);
    aad.extend_from_slice(&envelope);
    // No other bit is ever set: the container refuses the row.
    aad.push(u8::from(head.tombstone) | u8::from(head.encrypted) << 1);
    aad.extend_from_slice(&head.expire_at.0.to_le_bytes());
    aad.extend_from_slice(user_key);
    aad.extend_from_slice(&head.commit_ts.suffix());
}
