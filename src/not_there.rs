//! Names and patterns that were asked for and of which nothing is in the snapshot, beside what is (`tree/commands.md#command-line`).

use std::collections::BTreeSet;
use std::fmt;

use crate::keyspace::Namespace;

/// Most names that an error lists.
const LISTED: usize = 100;

/// A name that was asked for and is not there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotThere {
    adapter: Namespace,
    asked: Vec<Vec<u8>>,
    there: Vec<Vec<u8>>,
    more: usize,
}

impl NotThere {
    /// Of the names that are `there`, the first are kept and the rest counted.
    pub(crate) fn new(adapter: Namespace, asked: Vec<Vec<u8>>, there: BTreeSet<Vec<u8>>) -> Self {
        let more = there.len().saturating_sub(LISTED);
        Self { adapter, asked, there: there.into_iter().take(LISTED).collect(), more }
    }
}

impl fmt::Display for NotThere {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |names: &[Vec<u8>]| {
            names.iter().map(|name| name.escape_ascii().to_string()).collect::<Vec<_>>().join(", ")
        };
        write!(f, "{} has no {}; there ", self.adapter.name(), list(&self.asked))?;
        match (self.there.len(), self.more) {
            (0, _) => f.write_str("is nothing"),
            (1, _) => write!(f, "is {}", list(&self.there)),
            (_, 0) => write!(f, "are {}", list(&self.there)),
            (_, more) => write!(f, "are {} and {more} more", list(&self.there)),
        }
    }
}

/// Patterns that matched nothing, each with names that come near.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unmatched(Vec<(String, Vec<String>)>);

impl std::error::Error for Unmatched {}

impl Unmatched {
    pub(crate) fn new(patterns: Vec<(String, Vec<String>)>) -> Self {
        Self(patterns)
    }
}

impl fmt::Display for Unmatched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, (pattern, near)) in self.0.iter().enumerate() {
            let separator = if number == 0 { "" } else { "; " };
            write!(f, "{separator}nothing matches {pattern}")?;
            if !near.is_empty() {
                write!(f, ", near it: {}", near.join(", "))?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_there_is_listed() {
        let names = |names: &[&str]| names.iter().map(|name| name.as_bytes().to_vec()).collect();
        let text = |there: &[&str], more| {
            NotThere { adapter: Namespace::Sqs, asked: names(&["a", "b"]), there: names(there), more }
                .to_string()
        };
        assert_eq!(text(&[], 0), "sqs has no a, b; there is nothing");
        assert_eq!(text(&["c\n"], 0), "sqs has no a, b; there is c\\n");
        assert_eq!(text(&["c", "d"], 0), "sqs has no a, b; there are c, d");
        assert_eq!(text(&["c", "d"], 7), "sqs has no a, b; there are c, d and 7 more");
    }
}
