//! One user-supplied byte string to one file-name component, and back (`dump.md` 2).

/// An encoded segment, and whether it is a SHA fallback, which needs a KEYMAP record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// The component: ASCII, at most 240 bytes. May be empty, `.` or `..`: harmless with a suffix only.
    pub text: String,
    /// Whether the original cannot be read back from `text`.
    pub fallback: bool,
}

/// Encodes raw bytes: percent form, or the SHA fallback where `dump.md` 2 asks for it.
#[must_use]
pub fn encode(raw: &[u8]) -> Segment {
    let _ = raw;
    todo!()
}

/// Encodes raw bytes as a *directory* name: as [`encode`], but `.` and `..` take the SHA fallback; `None` for
/// the empty string.
#[must_use]
pub fn encode_directory(raw: &[u8]) -> Option<Segment> {
    let _ = raw;
    todo!()
}

/// Encodes the bytes of a DynamoDB `B` key: `b64.` form, or the SHA fallback.
#[must_use]
pub fn encode_binary(raw: &[u8]) -> Segment {
    let _ = raw;
    todo!()
}

/// Returns the SHA fallback of raw bytes, whether they need it or not.
#[must_use]
pub fn fallback(raw: &[u8]) -> String {
    fallback_of(raw, raw)
}

/// Returns a SHA-fallback name whose digest covers other bytes than its readable tail: `dynamodb.md` D6.
#[must_use]
pub fn fallback_of(hashed: &[u8], readable: &[u8]) -> String {
    let _ = (hashed, readable);
    todo!()
}
