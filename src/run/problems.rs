//! The first problems of a run, for standard error and `--json`; all of them stand in `PROBLEMS.jsonl`.

use crate::bug::Bug;
use crate::error::Result;
use crate::problem::ListedProblem;
use crate::report::Report;
use crate::tree::Tree;

const LINE: Bug = Bug::new("a line of the list of problems cannot be read back");

/// Most problems that are listed beside the tree.
const LISTED: usize = 100;

/// Writes `PROBLEMS.jsonl` where there are problems and a tree to write it to; returns the first ones, in its order.
pub(super) fn write(mut tree: Option<&mut Tree>, report: &mut Report<'_>) -> Result<Vec<ListedProblem>> {
    let mut listed = Vec::new();
    if report.problem_count() == 0 {
        return Ok(listed);
    }
    let mut file = tree.as_deref_mut().map(|tree| tree.file(b"PROBLEMS.jsonl")).transpose()?;
    let mut lines = report.problems().sort()?;
    while let Some((key, line)) = lines.next()? {
        if listed.len() < LISTED {
            let problem = ListedProblem::parse(line);
            listed.push(problem.map_err(|_| LINE.at((key, line)))?);
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
