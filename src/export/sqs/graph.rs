//! The order in which queues can be made: those that others name as their dead-letter queue first.
//!
//! Requests are sorted on the disk; in memory are the names of queues that have a dead-letter queue, and of those.

use std::collections::{BTreeMap, BTreeSet};

use super::queue::Made;
use crate::bug::Bug;
use crate::error::Result;
use crate::sort::{Scratch, Sorter};
use crate::tree::Tree;

const FILE: &[u8] = b"sqs/create-queues.jsonl";
const MEMORY: usize = 1 << 20;
const RECORD: Bug = Bug::new("the request of a queue does not read back");

/// The queues.
pub(super) struct Graph {
    /// Name to the request with its redrive policy and without.
    requests: Sorter,
    /// Names of queues that have a dead-letter queue, and its name.
    targets: BTreeMap<String, String>,
}

impl Graph {
    pub(super) fn new(scratch: &Scratch) -> Self {
        Self { requests: Sorter::new(scratch, MEMORY), targets: BTreeMap::new() }
    }

    /// Adds a queue.
    pub(super) fn push(&mut self, name: &str, made: &Made) -> Result<()> {
        if let Some(target) = &made.target {
            self.targets.insert(name.to_owned(), target.clone());
        }
        let mut record = u32::try_from(made.request.len()).map_err(|_| RECORD)?.to_be_bytes().to_vec();
        record.extend_from_slice(&made.request);
        record.extend_from_slice(&made.without_redrive);
        Ok(self.requests.push(name.as_bytes(), &record)?)
    }

    /// Adds a queue of another share, which is made there.
    pub(super) fn push_other(&mut self, name: &str, target: Option<String>) -> Result<()> {
        self.targets.extend(target.map(|target| (name.to_owned(), target)));
        Ok(self.requests.push(name.as_bytes(), b"")?)
    }

    /// Writes the requests. `left_out` hears of each queue whose redrive policy no order allows.
    pub(super) fn finish(
        &mut self,
        tree: &mut Tree,
        scratch: &Scratch,
        mut left_out: impl FnMut(&[u8], &'static str),
    ) -> Result<()> {
        // Reading what was sorted empties a sorter.
        let (mut again, mut ordered) = (Sorter::new(scratch, MEMORY), Sorter::new(scratch, MEMORY));
        let names: Vec<String> = self.targets.values().cloned().collect();
        let mut missing: BTreeSet<&str> = names.iter().map(String::as_str).collect();
        let mut requests = self.requests.sort()?;
        while let Some((name, record)) = requests.next()? {
            missing.remove(&*String::from_utf8_lossy(name));
            again.push(name, record)?;
        }
        drop(requests);
        let mut requests = again.sort()?;
        while let Some((name, record)) = requests.next()? {
            if record.is_empty() {
                continue;
            }
            let text = String::from_utf8_lossy(name);
            let (length, rest) = record.split_first_chunk::<4>().ok_or(RECORD)?;
            let length = usize::try_from(u32::from_be_bytes(*length)).map_err(|_| RECORD)?;
            let (whole, without) = rest.split_at_checked(length).ok_or(RECORD)?;
            let why = match depth(&self.targets, &text, &missing) {
                Ok(depth) => {
                    ordered.push(&[&depth.to_be_bytes(), name].concat(), whole)?;
                    continue;
                }
                Err(why) => why,
            };
            left_out(name, why);
            ordered.push(&[&0_u64.to_be_bytes(), name].concat(), without)?;
        }
        drop(requests);
        let mut rows = ordered.sort()?;
        let mut file = None;
        while let Some((_, request)) = rows.next()? {
            let file = match &mut file {
                Some(file) => file,
                slot @ None => slot.insert(tree.file(FILE)?),
            };
            file.write(request)?;
        }
        match file {
            Some(file) => Ok(file.finish(tree)?),
            None => Ok(()),
        }
    }
}

/// Returns how many dead-letter queues follow one another from a queue on.
fn depth(
    targets: &BTreeMap<String, String>,
    name: &str,
    missing: &BTreeSet<&str>,
) -> std::result::Result<u64, &'static str> {
    let (mut at, mut depth) = (name, 0);
    let most = u64::try_from(targets.len()).unwrap_or(u64::MAX);
    while let Some(target) = targets.get(at) {
        if at == name && missing.contains(target.as_str()) {
            return Err("redrive policy left out: its dead-letter queue is not in the export");
        }
        depth += 1;
        if depth > most {
            return Err("redrive policy left out: its dead-letter queues lead back to themselves");
        }
        at = target;
    }
    Ok(depth)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chains_have_a_depth_and_rings_have_none() {
        let name = str::to_owned;
        let targets = [("a", "b"), ("b", "c"), ("x", "y"), ("y", "x"), ("z", "x"), ("l", "gone")];
        let targets = targets.map(|(from, to)| (name(from), name(to))).into();
        let missing = BTreeSet::from(["gone"]);
        for (queue, wanted) in
            [("a", Some(2)), ("b", Some(1)), ("c", Some(0)), ("x", None), ("z", None), ("l", None)]
        {
            assert_eq!(depth(&targets, queue, &missing).ok(), wanted, "{queue}");
        }
    }
}
