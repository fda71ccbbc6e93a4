//! What can be wrong with a snapshot file: always with the input's path and the offset where it was seen.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use crate::bug::Bug;
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

impl Error {
    /// Returns the error that a dump is in the place of a snapshot.
    #[must_use]
    pub fn dump(path: &Path) -> Self {
        Self { path: path.to_owned(), offset: 0, kind: ErrorKind::Dump }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path.display(), self.kind)?;
        // What is wrong with the file as a whole has no offset.
        let whole = self.offset == 0 && matches!(self.kind, ErrorKind::Changed { .. });
        if self.kind.has_offset() && !whole { write!(f, " (at offset {:#x})", self.offset) } else { Ok(()) }
    }
}

/// What to do about a file that is not whole.
const TAKE_ANOTHER: &str = "; copy it again, or take the one before it";

/// The kinds that `format/container.md` names.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ErrorKind {
    /// Opening or reading the input failed.
    #[error("cannot read the input: {0}")]
    Io(io::Error),
    /// The run was asked to stop while the input was copied.
    #[error(transparent)]
    Interrupted(#[from] Interrupted),
    /// What cannot happen did: the program is to blame.
    #[error(transparent)]
    Internal(#[from] Bug),
    /// The input is a directory.
    #[error("is a directory, not a snapshot file")]
    Directory,
    /// The input is a dump.
    #[error("is a dump, not a snapshot: `verify` checks it; give the .fsm file that it was made from")]
    Dump,
    /// There is no file of that name.
    #[error("there is no such file")]
    Missing,
    /// The name is a symbolic link to a file that is not there.
    #[error("is a symbolic link to {}, which does not exist", .target.display())]
    DanglingLink {
        /// What the link says.
        target: PathBuf,
    },
    /// The input is no longer what it was when it was opened, or reads otherwise than in the first pass.
    #[error("changed while it was read: {what}; decode a copy that nobody writes to")]
    Changed {
        /// What is different.
        what: String,
    },
    /// The unlinked copy of a pipe or a compressed input could not be written.
    #[error("cannot write the temporary copy of the input in {}: {error}", .directory.display())]
    Spool {
        /// The directory of the copy.
        directory: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// A zstd frame needs more memory than is given to it.
    #[error(
        "a zstd window over 128 MiB, more than is read: recompress it, \
         zstd -d --long=31 -c FILE.zst | zstd -o OTHER.zst"
    )]
    WindowTooLarge,
    /// A compressed input cannot be decompressed.
    #[error("corrupt {format} stream: {reason}")]
    Compressed {
        /// `zstd` or `gzip`.
        format: &'static str,
        /// What the decompressor said.
        reason: io::Error,
    },
    /// The input begins with no magic that is known.
    #[error("not a snapshot: begins with \"{found}\"{}", .is.map(|is| format!(": {is}")).unwrap_or_default())]
    NotASnapshot {
        /// The first bytes, at most 8.
        found: Excerpt,
        /// What such a file is, and what to do with it, where that is known.
        is: Option<&'static str>,
    },
    /// A file of 0 bytes.
    #[error("truncated: the file is empty, 0 bytes{TAKE_ANOTHER}")]
    Empty,
    /// A file with an FSM header and no footer, for which nothing vouches (`format/container.md#offloaded-payloads`).
    #[error(
        "no footer; the records end where the file ends, perhaps an offloaded payload (give its manifest, .json, or the \
         file under its name of 64 hex digits), or a copy that was truncated: then copy it again, or take the one \
         before it"
    )]
    NoFooter,
    /// An offloaded payload is not what its manifest or its name says (`format/container.md#offloaded-payloads`).
    #[error("{what} is {expected}, its bytes give {found}{TAKE_ANOTHER}")]
    NotAsVouched {
        /// What was compared, and where it stands: `the SHA-256 in its name`.
        what: &'static str,
        /// What the manifest or the name says.
        expected: Box<str>,
        /// What the bytes give.
        found: Box<str>,
    },
    /// A manifest of the offload tool that does not lead to a payload (`format/container.md#offloaded-payloads`).
    #[error("a manifest of an offloaded payload, but {0}")]
    Manifest(String),
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
    #[error("truncated: {what} needs {needed} bytes, {found} are left{TAKE_ANOTHER}")]
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
    #[error(
        "footer mismatch: the file says {expected:08x}, its bytes give {found:08x}: it is damaged or was cut{TAKE_ANOTHER}"
    )]
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
    /// The manifest of an SST-ingest bundle says what cannot be.
    #[error("corrupt SST bundle: {what}")]
    CorruptBundle {
        /// What is wrong.
        what: String,
    },
    /// A table of an SST-ingest bundle, or a block of it, is not what its index or the manifest says.
    #[error("corrupt table: {what}")]
    CorruptTable {
        /// What is wrong.
        what: String,
    },
    /// A table has a part that nodes do not write.
    #[error("unsupported format: {what}")]
    UnsupportedTable {
        /// The part.
        what: String,
    },
    /// The SHA-256 of the manifest or of a table does not match.
    #[error("digest mismatch: SHA-256 of {what} is {found}, expected {expected}")]
    DigestMismatch {
        /// `the manifest` or `the table`.
        what: &'static str,
        /// The digest stored, hex.
        expected: String,
        /// The digest of the bytes, hex.
        found: String,
    },
    /// The checksum of a block of a table does not match.
    #[error("checksum mismatch: the block says {expected:08x}, its bytes give {found:08x}")]
    BlockChecksum {
        /// The checksum stored, unmasked.
        expected: u32,
        /// The checksum of the block.
        found: u32,
    },
    /// Something in a table of an SST-ingest bundle.
    #[error("{place}: {kind}")]
    InTable {
        /// The table's name, and where in its block an entry begins.
        place: String,
        /// What is wrong there.
        kind: Box<ErrorKind>,
    },
}

impl ErrorKind {
    /// Whether the input (or its temporary copy) could not be read or written at all: exit 4 instead of 3.
    #[must_use]
    pub fn is_unreadable(&self) -> bool {
        matches!(
            self,
            ErrorKind::Io(_)
                | ErrorKind::Directory
                | ErrorKind::Missing
                | ErrorKind::DanglingLink { .. }
                | ErrorKind::Changed { .. }
                | ErrorKind::Spool { .. }
        )
    }

    /// Whether bytes that were sound in the first pass can be this only when they have changed since.
    pub(crate) fn is_structure(&self) -> bool {
        matches!(
            self,
            ErrorKind::Truncated { .. }
                | ErrorKind::LengthOverLimit { .. }
                | ErrorKind::OutOfOrder { .. }
                | ErrorKind::CorruptRow { .. }
                | ErrorKind::UnsupportedFormat { .. }
                | ErrorKind::InTable { .. }
        ) || matches!(self, ErrorKind::Io(error) if error.kind() == io::ErrorKind::UnexpectedEof)
    }

    fn has_offset(&self) -> bool {
        !matches!(
            self,
            ErrorKind::Directory
                | ErrorKind::Dump
                | ErrorKind::Missing
                | ErrorKind::DanglingLink { .. }
                | ErrorKind::Spool { .. }
                | ErrorKind::Compressed { .. }
                | ErrorKind::WindowTooLarge
                | ErrorKind::Empty
                | ErrorKind::NoFooter
                | ErrorKind::NotAsVouched { .. }
                | ErrorKind::Manifest(_)
        ) && !matches!(self, ErrorKind::Io(error) if error.kind() == io::ErrorKind::NotFound
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
