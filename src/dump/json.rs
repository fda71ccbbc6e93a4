//! JSON exactly as Go's `encoding/json` writes it, through one `serde_json` formatter (`dump.md` 7).
//!
//! In: `Serialize` values (members in the order listed; maps must be sorted by their type, `BTreeMap`).
//! Out: bytes without a trailing newline.

use serde::Serialize;

/// Whether `<`, `>` and `&` are escaped, as the adapters' documents say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Html {
    /// `\u003c`, `\u003e`, `\u0026`.
    Escaped,
    /// As they are.
    Raw,
}

/// Appends the compact form of `value`: no spaces, no newline.
pub fn compact<T: Serialize + ?Sized>(out: &mut Vec<u8>, value: &T, html: Html) {
    let _ = (out, value, html);
    todo!()
}

/// Appends the indented form of `value`: two spaces, `": "`, no trailing newline.
pub fn indented<T: Serialize + ?Sized>(out: &mut Vec<u8>, value: &T, html: Html) {
    let _ = (out, value, html);
    todo!()
}

/// A byte string as a JSON string: valid UTF-8 as it is, each byte that is not becomes the six characters
/// `\ufffd` (`dump.md` 7).
#[derive(Clone, Copy, Debug)]
pub struct Lossy<'a>(pub &'a [u8]);

/// A byte string as a JSON string when it is valid UTF-8, else as `{"base64":"<base64url without padding>"}`
/// (`redis.md` 4.2, `sqs.md` 4.3).
#[derive(Clone, Copy, Debug)]
pub struct Binary<'a>(pub &'a [u8]);

impl Serialize for Lossy<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let _ = serializer;
        todo!()
    }
}

impl Serialize for Binary<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let _ = serializer;
        todo!()
    }
}
