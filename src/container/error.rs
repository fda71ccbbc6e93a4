//! What can be wrong with a snapshot file: always with the input's path and the offset where it was seen.

use std::fmt;
use std::io;
use std::path::PathBuf;

use crate::interrupt::Interrupted;

/// The input cannot be read (exit 4), or is no snapshot, corrupt or not supported (exit 3):
/// [`ErrorKind::is_unreadable`] tells which.
#[derive(Debug, thiserror::Error)]
pub struct Error {
    /// The input, as it was given.
    pub path: PathBuf,
    /// Offset in the (decompressed) input, bytes.
    pub offset: u64,
    /// What was expected and what was found.
    pub kind: ErrorKind,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path.display(), self.kind)?;
        if self.kind.has_offset() { write!(f, " (at offset {:#x})", self.offset) } else { Ok(()) }
    }
}

/// The kinds that `container.md` names.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ErrorKind {
    /// Opening or reading the input failed.
    #[error("cannot read the input: {0}")]
    Io(io::Error),
    /// The run was asked to stop while the input was copied.
    #[error(transparent)]
    Interrupted(#[from] Interrupted),
    /// The input is a directory.
    #[error("is a directory, not a snapshot file")]
    Directory,
    /// The unlinked copy of a pipe or a compressed input could not be written.
    #[error("cannot write the temporary copy of the input: {0}")]
    Spool(io::Error),
    /// A compressed input cannot be decompressed.
    #[error("corrupt {format} stream: {reason}")]
    Compressed {
        /// `zstd` or `gzip`.
        format: &'static str,
        /// What the decompressor said.
        reason: io::Error,
    },
    /// The input begins with no magic that is known.
    #[error("not a snapshot: begins with \"{found}\"")]
    NotASnapshot {
        /// The first bytes, at most 8.
        found: Excerpt,
    },
    /// An FSM header of another version.
    #[error("unknown header version: expected '1' or '2', found '{}'", found.escape_ascii())]
    UnknownHeaderVersion {
        /// The byte behind `EKVTHLC`.
        found: u8,
    },
    /// The extension of a version 2 header has a length that cannot be.
    #[error("invalid header length: expected 16 to 1024, found {found}")]
    HeaderLength {
        /// The length found, bytes.
        found: u16,
    },
    /// The input ends inside a field.
    #[error("truncated: {what} needs {needed} bytes, {found} are left")]
    Truncated {
        /// The field.
        what: &'static str,
        /// Bytes that it needs.
        needed: u64,
        /// Bytes that there are.
        found: u64,
    },
    /// A length or a count is larger than anything that is read.
    #[error("length over limit: {what} of {found}, at most {limit} are read")]
    LengthOverLimit {
        /// The field.
        what: &'static str,
        /// The length found.
        found: u64,
        /// The most that is read.
        limit: u64,
    },
    /// A key or a version does not stand behind its predecessor.
    #[error("out of order: {what} {found} follows {previous}")]
    OutOfOrder {
        /// `key` or `version`.
        what: &'static str,
        /// The predecessor.
        previous: Excerpt,
        /// What follows it.
        found: Excerpt,
    },
    /// A row that cannot be split, or a record in it that cannot be parsed.
    #[error("corrupt row: {what} of key {key}")]
    CorruptRow {
        /// What is wrong.
        what: String,
        /// The encoded key.
        key: Excerpt,
    },
    /// Something that a newer version may have written.
    #[error("unsupported format: {what} {found}, expected {expected}")]
    UnsupportedFormat {
        /// The field.
        what: &'static str,
        /// What this version reads.
        expected: &'static str,
        /// The value found.
        found: u64,
    },
    /// The CRC32C footer does not match.
    #[error("footer mismatch: the file says {expected:08x}, its bytes give {found:08x}")]
    FooterMismatch {
        /// The footer.
        expected: u32,
        /// The checksum of the bytes before it.
        found: u32,
    },
    /// The checksum of an `EKVMVCC2` body does not match.
    #[error("checksum mismatch: the payload says {expected:08x}, its body gives {found:08x}")]
    ChecksumMismatch {
        /// The checksum stored.
        expected: u32,
        /// The checksum of the body.
        found: u32,
    },
    /// A payload that is known and not read yet.
    #[error("unsupported format: {what} is not supported yet")]
    NotSupportedYet {
        /// The payload.
        what: &'static str,
    },
}

impl ErrorKind {
    /// Whether the input (or its temporary copy) could not be read or written at all: exit 4 instead of 3.
    #[must_use]
    pub fn is_unreadable(&self) -> bool {
        matches!(self, ErrorKind::Io(_) | ErrorKind::Directory | ErrorKind::Spool(_))
    }

    fn has_offset(&self) -> bool {
        !matches!(self, ErrorKind::Directory | ErrorKind::Spool(_) | ErrorKind::Compressed { .. })
            && !matches!(self, ErrorKind::Io(error) if error.kind() == io::ErrorKind::NotFound
                || error.kind() == io::ErrorKind::PermissionDenied)
    }
}

/// The beginning of a key as printable ASCII, for messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Excerpt(String);

impl Excerpt {
    /// Bytes that are shown.
    const LENGTH: usize = 64;

    /// Escapes the first bytes of `bytes`; what is longer says how long it is.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        match bytes.get(..Self::LENGTH) {
            Some(head) if bytes.len() > Self::LENGTH => {
                Self(format!("{}... ({} bytes)", head.escape_ascii(), bytes.len()))
            }
            _ => Self(bytes.escape_ascii().to_string()),
        }
    }
}

impl fmt::Display for Excerpt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_names_input_kind_values_and_offset() {
        let error = Error {
            path: "a.fsm".into(),
            offset: 0x1f40,
            kind: ErrorKind::LengthOverLimit { what: "key", found: 2_097_152, limit: 1_048_584 },
        };
        assert_eq!(
            error.to_string(),
            "a.fsm: length over limit: key of 2097152, at most 1048584 are read (at offset 0x1f40)"
        );
        assert!(!error.kind.is_unreadable());
    }

    #[test]
    fn keys_are_escaped_and_shortened() {
        assert_eq!(Excerpt::of(b"a\n\xff").to_string(), "a\\n\\xff");
        assert_eq!(Excerpt::of(&[b'a'; 64]).to_string(), "a".repeat(64));
        assert_eq!(Excerpt::of(&[b'a'; 65]).to_string(), format!("{}... (65 bytes)", "a".repeat(64)));
    }

    #[test]
    fn input_that_cannot_be_opened_has_no_offset() {
        let kind = ErrorKind::Io(io::ErrorKind::NotFound.into());
        assert!(kind.is_unreadable());
        let error = Error { path: "a.fsm".into(), offset: 0, kind };
        assert!(!error.to_string().contains("offset"));
    }
}
