//! Inodes that more than one name row leads to: the tree is a tree only as long as no *directory* is among
//! them.
//!
//! In: the inodes that names lead to, sorted. Out: a small list, empty for every sound filesystem.

use super::RECORD;
use crate::cursor;
use crate::error::Result;
use crate::tree::Sorted;

/// Shared inodes that are kept apart: 8 MiB and their index. Only a made-up snapshot has more than a few.
const KEPT: usize = 1 << 20;

/// The inodes with more than one name, and which of them the walk has met.
#[derive(Debug, Default)]
pub(super) struct SharedInodes {
    inodes: Vec<u64>,
    met: Vec<bool>,
    /// From here on every inode may be a shared one: there were more than could be kept.
    unknown_from: Option<u64>,
}

/// What the walk learns when it comes to an inode by one of its names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meeting {
    /// No name led to it before.
    First,
    /// Another name led to it before.
    Again,
    /// Nobody knows.
    Unknown,
}

impl SharedInodes {
    /// Collects what comes up more than once. The keys are inodes, ascending.
    pub(super) fn from_sorted(children: Sorted<'_>) -> Result<Self> {
        Self::keeping(children, KEPT)
    }

    fn keeping(mut children: Sorted<'_>, kept: usize) -> Result<Self> {
        let mut shared = Self::default();
        let mut last = None;
        while let Some((key, value)) = children.next()? {
            let inode = cursor::take_u64_be(&mut &*key);
            let inode = Some(inode.ok_or_else(|| RECORD.at((key, value)))?);
            if inode == last && shared.inodes.last().copied() != inode {
                if shared.inodes.len() == kept {
                    shared.unknown_from = inode;
                    break;
                }
                shared.inodes.extend(inode);
            }
            last = inode;
        }
        shared.met.resize(shared.inodes.len(), false);
        Ok(shared)
    }

    /// Notes that a name leads to `inode`.
    pub(super) fn meet(&mut self, inode: u64) -> Meeting {
        if self.unknown_from.is_some_and(|from| inode >= from) {
            return Meeting::Unknown;
        }
        match self.inodes.binary_search(&inode).ok().and_then(|at| self.met.get_mut(at)) {
            Some(met) => {
                if std::mem::replace(met, true) {
                    Meeting::Again
                } else {
                    Meeting::First
                }
            }
            None => Meeting::First,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::{Scratch, Sorter};

    fn shared(inodes: &[u64], kept: usize) -> SharedInodes {
        let mut children = Sorter::new(&Scratch::new(std::env::temp_dir()), 1 << 16);
        for inode in inodes {
            children.push(&inode.to_be_bytes(), b"").unwrap();
        }
        SharedInodes::keeping(children.sort().unwrap(), kept).unwrap()
    }

    #[test]
    fn an_inode_with_one_name_is_always_met_first() {
        let mut shared = shared(&[1, 2, 0], 9);
        assert!(shared.inodes.is_empty());
        assert_eq!((shared.meet(2), shared.meet(2)), (Meeting::First, Meeting::First));
    }

    #[test]
    fn an_inode_with_two_or_more_names_is_met_first_once() {
        let mut shared = shared(&[5, 0, 7, 5, 5, u64::MAX, 0, u64::MAX], 9);
        assert_eq!(shared.inodes, [0, 5, u64::MAX]);
        for inode in [5, 0, u64::MAX] {
            assert_eq!((shared.meet(inode), shared.meet(inode)), (Meeting::First, Meeting::Again));
        }
        assert_eq!((shared.meet(7), shared.meet(7)), (Meeting::First, Meeting::First));
    }

    #[test]
    fn a_damaged_record_is_a_fault_of_the_program() {
        let mut children = Sorter::new(&Scratch::new(std::env::temp_dir()), 1 << 16);
        children.push(b"short", b"").unwrap();
        let read = SharedInodes::from_sorted(children.sort().unwrap());
        assert!(matches!(read, Err(crate::Error::Internal(bug)) if bug.place().is_some()));
    }

    #[test]
    fn beyond_what_is_kept_nobody_knows() {
        let mut shared = shared(&[3, 3, 5, 5, 8], 1);
        assert_eq!(shared.meet(3), Meeting::First);
        assert_eq!(shared.meet(4), Meeting::First);
        assert_eq!(shared.meet(5), Meeting::Unknown);
        assert_eq!(shared.meet(8), Meeting::Unknown);
    }
}
