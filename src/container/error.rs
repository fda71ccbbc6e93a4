//! What can be wrong with a snapshot file: always with the offset where it was seen.

/// The input is no snapshot, corrupt or not supported (exit 3).
#[derive(Debug, thiserror::Error)]
#[error("{kind} (at offset {offset:#x})")]
pub struct Error {
    /// Offset in the (decompressed) input, bytes.
    pub offset: u64,
    /// What was expected and what was found.
    pub kind: ErrorKind,
}

/// The kinds that `container.md` names.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ErrorKind {
    /// Reading the input failed.
    #[error("cannot read the input: {0}")]
    Io(#[from] std::io::Error),
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
}
