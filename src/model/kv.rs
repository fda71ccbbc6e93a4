//! Keys that no service owns (`reading/keys.md#keys-without-a-prefix`).

use super::Summary;
use crate::time::Hlc;

/// A key and its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pair<'a> {
    /// The whole user key.
    pub key: &'a [u8],
    /// The stored value.
    pub value: &'a [u8],
    /// Commit time, HLC.
    pub commit_ts: Hlc,
}

impl Pair<'_> {
    pub(super) fn summary(&self) -> Summary<'_> {
        Summary {
            service: "kv",
            name: self.key.into(),
            kind: "value",
            bytes: u64::try_from(self.value.len()).ok(),
            commit_ts: self.commit_ts.known(),
            ..Summary::default()
        }
    }
}
