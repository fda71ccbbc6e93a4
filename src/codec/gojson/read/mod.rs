//! Reading stored JSON text by the rules of `format/s3.md#values` and `format/sqs.md#reading-json`: strict in its grammar, lenient in its strings.
//!
//! In: the bytes of one document. Out: fields that borrow from it wherever their spelling allows. A strict
//! parser would refuse records that a live server reads, and a lossy one that merges runs of invalid bytes
//! would count them wrongly.

mod binary;
mod folded;
mod name;
mod reader;
mod string;

use crate::interrupt::Interrupted;

pub use binary::Binary;
pub use folded::{Folded, folded};
#[cfg(test)]
pub(crate) use name::tests::in_capitals;
pub use reader::Reader;
pub use string::replace_invalid;

/// Why a document cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{kind} at byte {at} of the JSON text")]
pub struct Error {
    /// Offset in the document, bytes.
    pub at: usize,
    /// What is wrong there.
    pub kind: ErrorKind,
}

/// What is wrong with a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ErrorKind {
    /// Another token, or none, where this one must stand.
    #[error("expected {0}")]
    Expected(&'static str),
    /// A number with a fraction or an exponent, or out of its field's range.
    #[error("not an integer in the range of its field")]
    Integer {
        /// Whether the field may be negative.
        signed: bool,
    },
    /// A number that no 64-bit float holds.
    #[error("number out of range")]
    Float,
    /// A string without an end.
    #[error("expected a closed string")]
    Unclosed {
        /// Offset in the document of the first control character, else its length, bytes.
        at: usize,
    },
    /// A backslash that begins no escape, or a bare control character.
    #[error("a character that cannot stand in a string")]
    Character {
        /// Offset of the character in the document, bytes.
        at: usize,
        /// What should stand there.
        expected: &'static str,
    },
    /// More open brackets than the server's own reader takes.
    #[error("nested too deeply")]
    Depth,
    /// Something behind the document's one value.
    #[error("trailing data")]
    Trailing,
    /// Nothing: the run was asked to stop.
    #[error(transparent)]
    Interrupted(Interrupted),
}

/// Result of this module.
pub type Result<T, E = Error> = std::result::Result<T, E>;
