//! Why a text is no MANIFEST.json, in the order in which it is checked (`tree/manifest.md#manifestjson`).

/// What is wrong with a manifest.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ManifestError {
    /// Not a JSON object at the front.
    #[error("not a JSON object: {0}")]
    Json(String),
    /// `format_version` is 0 or newer than this program.
    #[error("format_version {0} is not supported")]
    UnsupportedVersion(u32),
    /// A member has another type.
    #[error("a member has the wrong type: {0}")]
    Type(String),
    /// Something stands behind the object.
    #[error("bytes behind the JSON object")]
    Trailing,
    /// Longer than readers take, bytes.
    #[error("{0} bytes, more than a reader takes ({max})", max = crate::limits::MANIFEST)]
    TooLong(u64),
    /// A member is absent or `null`.
    #[error("{0} is missing")]
    Missing(&'static str),
    /// A member is empty or 0 and must not be.
    #[error("{0} is empty")]
    Empty(&'static str),
    /// `phase` has a value that the format does not know.
    #[error("unknown phase {0:?}")]
    Phase(String),
    /// `wall_time_iso` is no RFC 3339 time.
    #[error("wall_time_iso is no RFC 3339 time")]
    WallTime,
    /// `dynamodb_layout` has a value that the format does not know.
    #[error("unknown dynamodb_layout {0:?}")]
    DynamodbLayout(String),
    /// A member belongs to the other phase.
    #[error("{0} does not belong to this phase")]
    OtherPhase(&'static str),
}
