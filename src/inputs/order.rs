//! One order of the inputs, whatever the order in which they were named: by what they hold.

use std::cmp::Ordering;

use super::error::{Error, Result};
use crate::container::{self, Layout, Source};
use crate::interrupt::Interrupt;
use crate::time::Hlc;

/// Bytes that are compared at a time.
const BLOCK: usize = 1 << 16;

/// What orders a source before its bytes have to be compared.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    last_commit_ts: Hlc,
    len: u64,
    /// The footer, where there is one.
    tail: [u8; 4],
}

impl Key {
    fn of(source: &Source) -> Result<Self> {
        // What is wrong with the file is the first pass's to find.
        let layout = Layout::of(source).and_then(|layout| container::last_commit_ts(source, &layout));
        let mut tail = [0; 4];
        source.read_at(&mut tail, source.len().saturating_sub(4))?;
        Ok(Self { last_commit_ts: layout.unwrap_or_default(), len: source.len(), tail })
    }
}

/// Sorts sources by their contents. Refuses two that hold the same bytes, if there is data in them.
pub(super) fn sort(sources: Vec<Source>, interrupt: &Interrupt) -> Result<Vec<Source>> {
    // Insertion: comparing may fail, and inputs are few. Only what ties in the key is compared byte for byte.
    let mut sorted: Vec<(Key, Source)> = Vec::new();
    for source in sources {
        let key = Key::of(&source)?;
        let mut at = sorted.partition_point(|(other, _)| *other < key);
        while let Some((_, twin)) = sorted.get(at).filter(|(other, _)| *other == key) {
            match compare(&source, twin, interrupt)? {
                Ordering::Less => break,
                Ordering::Equal if key.last_commit_ts > Hlc::ZERO => {
                    let (one, other) = (twin.path().to_owned(), source.path().to_owned());
                    return Err(Error::SameSnapshot { one, other });
                }
                _ => at += 1,
            }
        }
        sorted.insert(at, (key, source));
    }
    Ok(sorted.into_iter().map(|(_, source)| source).collect())
}

/// Compares two sources of the same length.
fn compare(one: &Source, other: &Source, interrupt: &Interrupt) -> Result<Ordering> {
    let (mut left, mut right) = (vec![0; BLOCK], vec![0; BLOCK]);
    let mut offset = 0;
    while offset < one.len() {
        interrupt.check()?;
        let (a, b) = (one.read_at(&mut left, offset)?, other.read_at(&mut right, offset)?);
        let order = left.get(..a).cmp(&right.get(..b));
        if order != Ordering::Equal || a == 0 {
            return Ok(order);
        }
        offset += a as u64;
    }
    Ok(Ordering::Equal)
}
