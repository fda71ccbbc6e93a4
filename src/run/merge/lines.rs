//! Files with the lines of many objects: those of all shares, put together.
//!
//! In: files that several shares have. Out: one, with the lines in the order of a run without shares. Lines are sorted in
//! bounded memory.

use std::io::BufReader;

use super::parts::{Parts, front};
use crate::error::Result;
use crate::layout::lines::{Order, ScopeNames};
use crate::layout::redis::Joined;
use crate::limits;
use crate::time::Hlc;
use crate::tree::{Dump, Holder, Scratch, Sorter, Tree, lines};

/// Memory for the lines of one file, bytes.
const MEMORY: usize = 8 << 20;

/// The lines so far.
#[derive(Debug)]
pub(super) struct Joining {
    scopes: ScopeNames,
    redis: Joined,
    parts: Parts,
    /// The order of the file at hand.
    order: Option<Order>,
    /// What a line is sorted by -> number of the share, and the line.
    sorter: Sorter,
    problems: u64,
}

impl Joining {
    /// Returns files without lines.
    pub(super) fn new(scratch: &Scratch, last_commit_ts: Hlc, scopes: ScopeNames) -> Self {
        Self {
            scopes,
            redis: Joined::new(scratch, last_commit_ts),
            parts: Parts::new(scratch),
            order: None,
            sorter: Sorter::new(scratch, MEMORY),
            problems: 0,
        }
    }

    /// Whether a file is put together from the lines of those that have one; else it is as it stands there. Hears of each
    /// file.
    pub(super) fn takes(&mut self, path: &[u8], holders: &[Holder]) -> Result<bool> {
        self.redis.file(path)?;
        // What one share has alone is all of it. It may be an object that is called so.
        let is_counted = path == b"PROBLEMS.jsonl";
        self.order = Order::of(path).filter(|_| holders.len() > 1 || is_counted);
        Ok(self.order.is_some() || Joined::is_sidecar(path) || front(path).is_some())
    }

    /// Reads a file of a share.
    pub(super) fn read(
        &mut self,
        dump: &mut Dump,
        (share, path, digest): (usize, &[u8], &[u8; 32]),
    ) -> Result<()> {
        let file = dump.file(path, digest)?;
        let mut lines = lines::Lines::new(BufReader::with_capacity(1 << 16, file), limits::MERGED_LINE);
        let share = u32::try_from(share).unwrap_or(u32::MAX).to_be_bytes();
        for number in 1_u64.. {
            let line = match lines.next().map_err(|error| dump.failed(path, error))? {
                None => break,
                Some(lines::Line::Text(line)) => line,
                Some(_) => return Err(dump.unsound(path, &format!("line {number}: line too long")).into()),
            };
            if let Some(front) = front(path) {
                let pushed = self.parts.push(front, line)?;
                pushed.map_err(|why| dump.unsound(path, &format!("line {number}: {why}")))?;
                continue;
            }
            let Some(order) = self.order else {
                self.redis.line(path, line)?;
                continue;
            };
            let key = order.key(line, &self.scopes);
            let key = key.map_err(|why| dump.unsound(path, &format!("line {number}: {why}")))?;
            self.sorter.push(&key, &[&share[..], line].concat())?;
        }
        Ok(())
    }

    /// Writes the file at hand.
    pub(super) fn end_file(&mut self, tree: &mut Tree, path: &[u8]) -> Result<()> {
        let Some(order) = self.order.take() else { return Ok(()) };
        let mut file = tree.file(path)?;
        let mut written = 0;
        let mut write = |line: &[u8]| {
            written += 1;
            file.write(line).and_then(|()| file.write(b"\n"))
        };
        let mut sorted = self.sorter.sort()?;
        let (mut last, mut group) = (Vec::new(), Vec::new());
        while let Some((key, value)) = sorted.next()? {
            let (share, line) = value.split_at_checked(4).unwrap_or_default();
            if !order.repeats() {
                write(line)?;
                continue;
            }
            if key != last {
                last.clear();
                last.extend_from_slice(key);
                once(&mut group).iter().try_for_each(|line| write(line))?;
            }
            group.push((share.to_vec(), line.to_vec()));
        }
        once(&mut group).iter().try_for_each(|line| write(line))?;
        drop(sorted);
        if order == Order::Problems {
            self.problems = written;
        }
        Ok(file.finish(tree)?)
    }

    /// Writes what is left, parts cut at `size` bytes; returns the number of problems.
    pub(super) fn finish(mut self, tree: &mut Tree, size: u64) -> Result<u64> {
        self.parts.write(tree, size)?;
        self.redis.write(tree)?;
        Ok(self.problems)
    }
}

/// Returns the lines of one key, each as often as the share has it that has it most often: what is not of one object, all
/// shares say. The one that has most lines has the object, and says all in its order.
fn once(group: &mut Vec<(Vec<u8>, Vec<u8>)>) -> Vec<Vec<u8>> {
    let mut shares: Vec<Vec<Vec<u8>>> = Vec::new();
    let mut last = None;
    for (share, line) in group.drain(..) {
        if last.as_ref() != Some(&share) {
            shares.push(Vec::new());
            last = Some(share);
        }
        shares.last_mut().into_iter().for_each(|lines| lines.push(line.clone()));
    }
    shares.sort_by_key(|lines| std::cmp::Reverse(lines.len()));
    let mut shares = shares.into_iter();
    let mut all = shares.next().unwrap_or_default();
    for other in shares {
        let mut known = all.clone();
        for line in other {
            match known.iter().position(|known| *known == line) {
                Some(place) => drop(known.swap_remove(place)),
                None => all.push(line),
            }
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_all_shares_say_is_said_once() {
        let group = |lines: &[(u8, &str)]| {
            let mut group =
                lines.iter().map(|(share, line)| (vec![*share], line.as_bytes().to_vec())).collect();
            let lines = once(&mut group);
            assert!(group.is_empty());
            lines.into_iter().map(|line| String::from_utf8(line).unwrap()).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(group(&[]), "");
        assert_eq!(group(&[(0, "a"), (1, "a"), (2, "a")]), "a");
        assert_eq!(group(&[(0, "b"), (1, "a"), (1, "b"), (2, "b")]), "a b");
        assert_eq!(group(&[(0, "a"), (0, "a"), (1, "a")]), "a a");
        assert_eq!(group(&[(0, "a"), (1, "b")]), "a b");
    }
}
