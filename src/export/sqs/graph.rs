//! The order in which queues can be made: those that others name as their dead-letter queue first.
//!
//! Requests stand on the disk, sorted by name, and are asked there for what they name: memory does not grow with the queues.

use super::queue::Made;
use crate::bug::Bug;
use crate::cursor;
use crate::error::Result;
use crate::limits;
use crate::sort::{Scratch, Sorter, Table, TableWriter};
use crate::tree::Tree;

const FILE: &[u8] = b"sqs/create-queues.jsonl";
const MEMORY: usize = 1 << 20;
const RECORD: Bug = Bug::new("the request of a queue does not read back");

/// Why a redrive policy is left out.
type Left = &'static str;

/// The queues.
pub(super) struct Graph {
    /// [`Queue`]s by name.
    queues: Sorter,
}

/// A queue as it waits for its turn.
struct Queue<'r> {
    /// Name of its dead-letter queue.
    target: Option<&'r [u8]>,
    /// Its request, and the same without the redrive policy; empty where another share makes it.
    requests: [&'r [u8]; 2],
}

impl Graph {
    pub(super) fn new(scratch: &Scratch) -> Self {
        Self { queues: Sorter::new(scratch, MEMORY) }
    }

    /// Adds a queue.
    pub(super) fn push(&mut self, name: &str, made: &Made) -> Result<()> {
        let target = made.target.as_deref().map(str::as_bytes);
        self.add(name, &Queue { target, requests: [&made.request, &made.without_redrive] })
    }

    /// Adds a queue of another share, which is made there.
    pub(super) fn push_other(&mut self, name: &str, target: Option<&str>) -> Result<()> {
        self.add(name, &Queue { target: target.map(str::as_bytes), requests: [b"", b""] })
    }

    fn add(&mut self, name: &str, queue: &Queue<'_>) -> Result<()> {
        Ok(self.queues.push(name.as_bytes(), &queue.record()?)?)
    }

    /// Writes the requests. `left_out` hears of each queue whose redrive policy no order allows.
    pub(super) fn finish(
        &mut self,
        tree: &mut Tree,
        scratch: &Scratch,
        mut left_out: impl FnMut(&[u8], Left),
    ) -> Result<()> {
        let mut queues = TableWriter::new(scratch)?;
        let mut sorted = self.queues.sort()?;
        while let Some((name, record)) = sorted.next()? {
            queues.push(name, record)?;
        }
        drop(sorted);
        let mut queues = queues.finish()?;
        let mut ordered = Sorter::new(scratch, MEMORY);
        let mut at = 0;
        while let Some((name, record)) = queues.get(at)? {
            at += 1;
            let Queue { target, requests: [whole, without] } = Queue::read(&record)?;
            if whole.is_empty() {
                continue;
            }
            let (depth, request) = match depth(&mut queues, target)? {
                Ok(depth) => (depth, whole),
                Err(why) => {
                    left_out(&name, why);
                    (0, without)
                }
            };
            ordered.push(&[&depth.to_be_bytes(), &*name].concat(), request)?;
        }
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

impl<'r> Queue<'r> {
    fn record(&self) -> Result<Vec<u8>> {
        let mut record = vec![u8::from(self.target.is_some())];
        for part in [self.target.unwrap_or_default(), self.requests[0], self.requests[1]] {
            record.extend(u32::try_from(part.len()).map_err(|_| RECORD)?.to_be_bytes());
            record.extend_from_slice(part);
        }
        Ok(record)
    }

    fn read(record: &'r [u8]) -> Result<Self> {
        let (has_target, mut rest) = record.split_first().ok_or(RECORD)?;
        let mut part = || {
            let length = cursor::take_u32_be(&mut rest).and_then(|length| usize::try_from(length).ok());
            length.and_then(|length| cursor::take(&mut rest, length)).ok_or(RECORD)
        };
        Ok(Self { target: Some(part()?).filter(|_| *has_target == 1), requests: [part()?, part()?] })
    }
}

/// Returns how many dead-letter queues follow one another, from the one that a queue names on.
fn depth(queues: &mut Table, target: Option<&[u8]>) -> Result<std::result::Result<u64, Left>> {
    let Some(first) = target else { return Ok(Ok(0)) };
    if queues.find(first)?.is_none() {
        return Ok(Err("redrive policy left out: its dead-letter queue is not in the export"));
    }
    let mut at = first.to_vec();
    for depth in 1..=limits::EXPORT_DEAD_LETTERS {
        match next(queues, &at)? {
            Some(next) => at = next,
            None => return Ok(Ok(depth)),
        }
    }
    // In a ring it comes back to where it is.
    let mut ahead = at.clone();
    for _ in 0..limits::EXPORT_DEAD_LETTERS {
        match next(queues, &ahead)? {
            Some(next) if next == at => {
                return Ok(Err("redrive policy left out: its dead-letter queues lead back to themselves"));
            }
            Some(next) => ahead = next,
            None => break,
        }
    }
    Ok(Err("redrive policy left out: too many dead-letter queues follow one another"))
}

/// Returns the dead-letter queue of a queue.
fn next(queues: &mut Table, name: &[u8]) -> Result<Option<Vec<u8>>> {
    let Some(record) = queues.find(name)? else { return Ok(None) };
    Ok(Queue::read(&record)?.target.map(<[u8]>::to_vec))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chains_have_a_depth_and_rings_and_endless_ones_have_none() {
        let long = |number: u64| format!("long{number:04}");
        let mut targets: Vec<(String, Option<String>)> =
            [("a", "b"), ("b", "c"), ("l", "gone"), ("m", "l"), ("x", "y"), ("y", "x"), ("z", "x")]
                .map(|(from, to)| (from.to_owned(), Some(to.to_owned())))
                .into();
        targets.push(("c".to_owned(), None));
        targets.extend((0..=limits::EXPORT_DEAD_LETTERS).map(|at| (long(at), Some(long(at + 1)))));
        targets.push((long(limits::EXPORT_DEAD_LETTERS + 1), None));
        targets.sort();
        let directory = tempfile::tempdir().unwrap();
        let mut queues = TableWriter::new(&Scratch::new(directory.path().to_owned())).unwrap();
        for (name, target) in &targets {
            let queue =
                Queue { target: target.as_deref().map(str::as_bytes), requests: [b"with it", b"without"] };
            queues.push(name.as_bytes(), &queue.record().unwrap()).unwrap();
        }
        let mut queues = queues.finish().unwrap();
        for (queue, wanted) in [
            ("a", Ok(2)),
            ("b", Ok(1)),
            ("c", Ok(0)),
            ("m", Ok(2)),
            ("l", Err("is not in the export")),
            ("x", Err("lead back to themselves")),
            ("z", Err("lead back to themselves")),
            ("long0000", Err("too many")),
            ("long0001", Ok(limits::EXPORT_DEAD_LETTERS)),
        ] {
            let target = targets.iter().find(|(name, _)| name == queue).unwrap().1.clone();
            let found = depth(&mut queues, target.as_deref().map(str::as_bytes)).unwrap();
            match wanted {
                Ok(depth) => assert_eq!(found, Ok(depth), "{queue}"),
                Err(why) => assert!(found.unwrap_err().contains(why), "{queue}"),
            }
        }
    }
}
