//! An object that is missing or altered, as the code tells it and as `PROBLEMS.jsonl` lists it. Knows no stage above
//! the store.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use crate::event::Class;
use crate::snapshot::RowLocation;

/// Longest key that is listed whole, characters of base64url; a longer one is cut there.
const KEY: usize = 1024;

/// A user object that is missing from the tree or altered in it (`tree/extra.md#what-the-reference-layout-has-no-place-for`).
#[derive(Clone, Debug)]
pub struct Problem<'a> {
    /// Owner of the namespace: `redis`, `dynamodb`, `s3`, `sqs`, `fs` or `kv`.
    pub adapter: &'static str,
    /// `db_0`, table, bucket or queue name; empty when it is not known.
    pub scope: &'a [u8],
    /// The object's own key, else the whole user key (`tree/problems.md#decided-cases`).
    pub key: &'a [u8],
    /// Stable class, for example `ddb_invalid_item`.
    pub class: Class,
    /// What is wrong, in words: lower case, no full stop.
    pub message: String,
    /// The row, when a single one is to blame.
    pub place: Option<RowLocation>,
}

/// One line of `PROBLEMS.jsonl`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListedProblem {
    /// Owner of the namespace.
    pub adapter: String,
    /// Table, bucket, queue, `db_0`; empty when not known.
    pub scope: String,
    /// The object's own key, or the whole user key, in base64url; its beginning when it is long.
    pub key: String,
    /// Stable name of what is wrong.
    pub class: String,
    /// The same in words.
    pub message: String,
    /// Offset of the row in its input.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offset: Option<u64>,
    /// The input, when there are several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input: Option<String>,
}

impl ListedProblem {
    /// Returns the key's bytes, of a long key the first ones.
    #[must_use]
    pub fn key_bytes(&self) -> Vec<u8> {
        URL_SAFE_NO_PAD.decode(&self.key).unwrap_or_default()
    }

    /// Reads a line, without its newline, and cuts its key.
    pub(crate) fn parse(line: &[u8]) -> serde_json::Result<Self> {
        let mut problem: Self = serde_json::from_slice(line)?;
        problem.key.truncate(KEY);
        Ok(problem)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_read_back_and_a_long_key_is_cut() {
        let line = format!(
            r#"{{"adapter":"s3","scope":"b","key":"{}","class":"C","message":"m","offset":7}}"#,
            "YQ".repeat(1000)
        );
        let problem = ListedProblem::parse(line.as_bytes()).unwrap();
        assert_eq!((problem.key.len(), problem.key_bytes().len(), problem.offset), (1024, 768, Some(7)));
        assert!(ListedProblem::parse(b"{").is_err());
    }
}
