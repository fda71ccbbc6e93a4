//! Names that were asked for and are not in the snapshot (`decisions.md` 5).
//!
//! In: the scopes of a request, and what the adapters found. Out: an error that lists what is there.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::adapter::Scope;
use crate::error::{Error, Result};
use crate::keyspace::{Family, Owner, dynamodb, s3, sqs};
use crate::store::Store;

/// Most names that an error lists.
const LISTED: usize = 100;

/// A name that was asked for and is not there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotThere {
    adapter: Owner,
    asked: Vec<Vec<u8>>,
    there: Vec<Vec<u8>>,
    more: usize,
}

/// Fails when one of the names asked for is neither among the `found` ones nor in the metadata of the snapshot.
pub(super) fn check(
    store: &Store,
    asked: &BTreeMap<Owner, BTreeSet<Vec<u8>>>,
    found: &BTreeMap<Owner, Scope>,
) -> Result<()> {
    for (&adapter, asked) in asked {
        let nothing = Scope::new();
        let found = found.get(&adapter).unwrap_or(&nothing);
        if asked.iter().all(|name| found.contains_key(name)) {
            continue;
        }
        let mut there = named(store, adapter)?;
        there.extend(found.keys().cloned());
        let asked: Vec<_> = asked.difference(&there).cloned().collect();
        if !asked.is_empty() {
            let more = there.len().saturating_sub(LISTED);
            let there = there.into_iter().take(LISTED).collect();
            return Err(Error::NotThere(NotThere { adapter, asked, there, more }));
        }
    }
    Ok(())
}

/// Lists the tables, buckets, queues or databases that have metadata.
fn named(store: &Store, adapter: Owner) -> Result<BTreeSet<Vec<u8>>> {
    let family = match adapter {
        Owner::Dynamodb => Family::DynamodbTable,
        Owner::S3 => Family::S3BucketMeta,
        Owner::Sqs => Family::SqsQueueMeta,
        _ => return Ok(BTreeSet::from([b"db_0".to_vec()])),
    };
    let mut names = BTreeSet::new();
    let mut rows = store.scan(family);
    while let Some(row) = rows.next()? {
        names.extend(match adapter {
            Owner::Dynamodb => dynamodb::schema_table(row.key).ok(),
            Owner::S3 => s3::parse_bucket(family, row.key).map(std::borrow::Cow::into_owned),
            _ => sqs::queue(family, row.key).ok().map(|segment| {
                let mut name = Vec::new();
                segment.decode(&mut name);
                name
            }),
        });
    }
    Ok(names)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_there_is_listed() {
        let names = |names: &[&str]| names.iter().map(|name| name.as_bytes().to_vec()).collect();
        let text = |there: &[&str], more| {
            NotThere { adapter: Owner::Sqs, asked: names(&["a", "b"]), there: names(there), more }.to_string()
        };
        assert_eq!(text(&[], 0), "sqs has no a, b; there is nothing");
        assert_eq!(text(&["c\n"], 0), "sqs has no a, b; there is c\\n");
        assert_eq!(text(&["c", "d"], 0), "sqs has no a, b; there are c, d");
        assert_eq!(text(&["c", "d"], 7), "sqs has no a, b; there are c, d and 7 more");
    }
}
