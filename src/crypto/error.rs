//! Why a KEK file or a key file cannot be used.

use std::fmt;
use std::io;
use std::path::PathBuf;

use super::key_file::Purpose;

/// A KEK file or a key file cannot be used (exit 3; exit 4 when it cannot be read; exit 2 when there is none).
#[derive(Debug, thiserror::Error)]
pub struct Error {
    /// The file, as it was given or found.
    pub path: PathBuf,
    /// What is wrong with it.
    pub kind: ErrorKind,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path.display(), self.kind)
    }
}

/// What can be wrong (`format/encryption.md#keys`, `format/encryption.md#key-file`, `reading/encryption.md#errors-and-warnings-of-encryption`). No kind quotes the content of a file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ErrorKind {
    /// Opening or reading failed.
    #[error("cannot read the {what}: {error}")]
    Io {
        /// `KEK file` or `key file`.
        what: &'static str,
        /// What the system said.
        error: io::Error,
    },
    /// A directory, a pipe or a device.
    #[error("the {what} is no regular file")]
    NotRegular {
        /// `KEK file` or `key file`.
        what: &'static str,
    },
    /// A KEK that only a service can use.
    #[error(
        "the KEK is in {service}, which cannot be reached offline: export the 32 bytes of the KEK once into a file, \
         and give that"
    )]
    Service {
        /// Name of the service.
        service: &'static str,
    },
    /// A KEK file of another length.
    #[error("the KEK file must be exactly 32 raw bytes, found {found}")]
    KekLength {
        /// `0` to `32`, or `more`.
        found: String,
    },
    /// A key file that is larger than any that is read.
    #[error("the key file is larger than {limit} bytes")]
    TooLarge {
        /// The most that is read, bytes.
        limit: u64,
    },
    /// A key file that is no JSON.
    #[error("the key file is not JSON: line {line}, column {column}")]
    NotJson {
        /// Where, from 1.
        line: usize,
        /// Where, from 1.
        column: usize,
    },
    /// A member of a key file that holds something else than it should.
    #[error("the key file's {member} must be {expected}")]
    Member {
        /// Path of the member.
        member: String,
        /// What it must be.
        expected: &'static str,
    },
    /// A key file of another version.
    #[error("unsupported key file version {found}, expected 1 or 2")]
    Version {
        /// The version found.
        found: i64,
    },
    /// `active` names a key that is not there, or one of the other purpose.
    #[error("the key file's active {purpose} key {key_id} {wrong}")]
    Active {
        /// What the key is for.
        purpose: Purpose,
        /// The key that is named.
        key_id: u64,
        /// What is wrong.
        wrong: &'static str,
    },
    /// A wrapped key that no KEK file made.
    #[error(
        "data key {key_id} ({purpose}): wrapped in {found} bytes, a KEK file wraps in 60{}",
        by.map(|by| format!("; it looks wrapped by {by}, which cannot be reached offline")).unwrap_or_default()
    )]
    WrappedLength {
        /// The data key.
        key_id: u32,
        /// What it is for.
        purpose: Purpose,
        /// Length of the wrapped key, bytes.
        found: usize,
        /// Service that may have wrapped it.
        by: Option<&'static str>,
    },
    /// No KEK that was given unwraps the key.
    #[error(
        "KEK does not match key file: data key {key_id} ({purpose}) does not unwrap: wrong KEK, or a damaged file"
    )]
    Mismatch {
        /// The data key with the lowest id.
        key_id: u32,
        /// What it is for.
        purpose: Purpose,
    },
    /// Two key files disagree.
    #[error("key conflict: data key {key_id} is another one than in {other}")]
    Conflict {
        /// The data key.
        key_id: u32,
        /// The key file that was read before.
        other: String,
    },
    /// A KEK without a key file.
    #[error("no key file (keys.json) was given, and none is near this input: a KEK alone opens nothing")]
    NoKeyFile,
}

impl ErrorKind {
    /// Whether a file could not be read at all: exit 4 instead of 3.
    #[must_use]
    pub fn is_unreadable(&self) -> bool {
        matches!(self, Self::Io { .. })
    }
}
