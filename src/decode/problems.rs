//! The first problems of a run, for standard error and `--json`; all of them stand in `PROBLEMS.jsonl`.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use crate::dump::Tree;
use crate::error::{Error, Result};
use crate::report::Report;

/// Most problems that are listed beside the tree.
const LISTED: usize = 100;
/// Longest key that is listed whole, characters of base64url; a longer one is cut there.
const KEY: usize = 1024;

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

    fn parse(line: &[u8]) -> Result<Self> {
        let mut problem: Self = serde_json::from_slice(line)
            .map_err(|_| Error::Internal { what: "a line of the list of problems cannot be read back" })?;
        problem.key.truncate(KEY);
        Ok(problem)
    }
}

/// Writes `PROBLEMS.jsonl` where there are problems and a tree to write it to; returns the first ones, in its order.
pub(super) fn write(mut tree: Option<&mut Tree>, report: &mut Report<'_>) -> Result<Vec<ListedProblem>> {
    let mut listed = Vec::new();
    if report.problem_count() == 0 {
        return Ok(listed);
    }
    let mut file = tree.as_deref_mut().map(|tree| tree.file(b"PROBLEMS.jsonl")).transpose()?;
    let mut lines = report.problems().sort()?;
    while let Some((_, line)) = lines.next()? {
        if listed.len() < LISTED {
            listed.push(ListedProblem::parse(line)?);
        }
        match &mut file {
            Some(file) => {
                file.write(line)?;
                file.write(b"\n")?;
            }
            None if listed.len() == LISTED => break,
            None => {}
        }
    }
    if let (Some(file), Some(tree)) = (file, tree) {
        file.finish(tree)?;
    }
    Ok(listed)
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
        assert!(matches!(ListedProblem::parse(b"{"), Err(Error::Internal { .. })));
    }
}
