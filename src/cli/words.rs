//! What is said on standard error beside errors; nothing with `--quiet`.

use std::fmt::Write as _;

use ekv_backup::event::Warning;
use ekv_backup::inputs::Notice;
use ekv_backup::problem::ListedProblem;

use super::at::At;
use super::escape::{escaped, printable};
use super::print;

/// Says a line each, or nothing.
#[derive(Clone, Copy, Debug)]
pub(super) struct Words {
    quiet: bool,
}

impl Words {
    /// Returns words that are said unless `quiet`.
    pub(super) fn new(quiet: bool) -> Self {
        Self { quiet }
    }

    /// Says a line, whatever it holds.
    pub(super) fn say(self, line: &str) {
        if !self.quiet {
            print::err(&printable(line));
        }
    }

    /// Says how a time without zone was taken.
    pub(super) fn time_taken(self, at: Option<&At>) {
        self.time_taken_for("--at", at);
    }

    /// Says how a time without zone was taken that an option gives.
    pub(super) fn time_taken_for(self, option: &str, at: Option<&At>) {
        if let Some(time) = at.and_then(|at| at.taken_as.as_deref()) {
            self.say(&format!("note: {option} is taken as {time}"));
        }
    }

    /// Says what was chosen or passed over in a directory.
    pub(super) fn notice(self, notice: Notice<'_>) {
        self.say(&match notice {
            Notice::Chosen(candidate) => {
                let group = candidate.group.map_or(String::new(), |group| format!("group {group}, "));
                format!("reading: {group}{}", candidate.path.display())
            }
            Notice::Searched(candidate) => {
                format!("searching for transactions: {}", candidate.path.display())
            }
            Notice::PassedOver(passed) => {
                format!("passed over: {}: {}", passed.path.display(), passed.reason)
            }
        });
    }

    /// Says a warning: the event and its fields.
    pub(super) fn warning(self, warning: &Warning) {
        self.say(&format!("warning: {}", warning_line(warning)));
    }

    /// Says the first problems, and how many more there are.
    pub(super) fn problems(self, listed: &[ListedProblem], total: u64) {
        for problem in listed {
            self.say(&line_of(problem));
        }
        let more = total.saturating_sub(u64::try_from(listed.len()).unwrap_or(u64::MAX));
        if more > 0 {
            self.say(&format!("problem: {more} more"));
        }
    }
}

/// Returns the event and its fields.
pub(super) fn warning_line(warning: &Warning) -> String {
    let mut line = warning.event.to_string();
    for (name, value) in &warning.fields {
        let _ = write!(line, " {name}={value}");
    }
    line
}

fn line_of(problem: &ListedProblem) -> String {
    let ListedProblem { adapter, scope, class, message, .. } = problem;
    let scope = if scope.is_empty() { String::new() } else { format!(" {scope}") };
    let mut line =
        format!("problem: {adapter}{scope} \"{}\": {class}: {message}", escaped(&problem.key_bytes()));
    if let Some(offset) = problem.offset {
        let _ = write!(line, " (offset {offset:#x}");
        if let Some(input) = &problem.input {
            let _ = write!(line, " of {input}");
        }
        line.push(')');
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_is_one_line() {
        let mut problem = ListedProblem {
            adapter: "s3".to_owned(),
            scope: "b".to_owned(),
            key: "YS9hCg".to_owned(),
            class: "S3_CORRUPT_OBJECT".to_owned(),
            message: "chunk 3 is short".to_owned(),
            offset: Some(64),
            input: None,
        };
        let line = r#"problem: s3 b "a/a\n": S3_CORRUPT_OBJECT: chunk 3 is short (offset 0x40)"#;
        assert_eq!(line_of(&problem), line);
        problem.scope.clear();
        problem.input = Some("g1.fsm".to_owned());
        assert!(line_of(&problem).starts_with("problem: s3 \"a/a"));
        assert!(line_of(&problem).ends_with("(offset 0x40 of g1.fsm)"));
    }
}
