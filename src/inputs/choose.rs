//! One snapshot a Raft group.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::path::Path;

use super::candidate::{Candidate, Origin};
use super::error::{Error, Result};
use crate::time::Hlc;

/// What is known of a candidate, before and after it was opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Standing {
    pub(super) group: Option<u64>,
    /// Raft index.
    pub(super) index: Option<u64>,
    /// HLC timestamp; 0 before it was opened.
    pub(super) last_commit_ts: Hlc,
}

/// Candidates of which one is read.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Rivals<'a> {
    Group(u64),
    /// `fsm-snap/` without `group-<n>/` above: the only data group of its cluster.
    OnlyGroup,
    /// A directory of files that are named as a group's snapshots are.
    Directory(&'a Path),
}

impl Standing {
    /// Returns what the path tells.
    pub(super) fn of(candidate: &Candidate) -> Self {
        Self { group: candidate.group, index: candidate.index, last_commit_ts: Hlc::ZERO }
    }
}

/// Returns for each candidate why it is not read, or `None`. Before the candidates were `opened`, only groups that
/// paths tell count, and only where names tell which snapshot is the newest.
pub(super) fn choose(
    candidates: &[Candidate],
    standings: &[Standing],
    opened: bool,
) -> Result<Vec<Option<String>>> {
    let mut reasons = vec![None; candidates.len()];
    let mut rivals: BTreeMap<Rivals<'_>, Vec<(usize, &Candidate, &Standing)>> = BTreeMap::new();
    for (at, (candidate, standing)) in candidates.iter().zip(standings).enumerate() {
        let of = match (standing.group, &candidate.origin) {
            (Some(group), _) => Rivals::Group(group),
            (None, Origin::GroupDirectory) if opened => Rivals::OnlyGroup,
            (None, Origin::Directory(directory)) if opened && standing.index.is_some() => {
                Rivals::Directory(directory)
            }
            _ => continue,
        };
        rivals.entry(of).or_default().push((at, candidate, standing));
    }
    for (of, rivals) in rivals {
        let mut named = rivals.iter().filter(|(_, candidate, _)| candidate.is_named());
        let by_index = rivals.iter().all(|(_, _, standing)| standing.index.is_some());
        let key = |&&(_, candidate, standing): &&(usize, &Candidate, &Standing)| {
            let index = standing.index.filter(|_| by_index);
            (index, standing.last_commit_ts, Reverse(candidate.path.clone()))
        };
        let (kept, is_named) = match (named.next(), named.next(), of) {
            (Some((_, one, _)), Some((_, other, _)), Rivals::Group(group)) => {
                let (one, other) = (one.path.clone(), other.path.clone());
                return Err(Error::SameGroup { group, one, other });
            }
            (Some(one), ..) => (one, true),
            (None, ..) if by_index || opened => match rivals.iter().max_by_key(key) {
                Some(newest) => (newest, false),
                None => continue,
            },
            _ => continue,
        };
        for (at, _, standing) in rivals.iter().filter(|(at, ..)| *at != kept.0) {
            let than = kept.1.path.display();
            let reason = match standing.group {
                Some(group) if is_named => format!("{than}, of the same group {group}, is named"),
                _ if (standing.index, standing.last_commit_ts) == (kept.2.index, kept.2.last_commit_ts) => {
                    format!("of the same group and as new as {than}")
                }
                Some(group) => format!("older than {than}, of the same group {group}"),
                None => format!("older than {than}"),
            };
            if let Some(slot) = reasons.get_mut(*at) {
                *slot = Some(reason);
            }
        }
    }
    Ok(reasons)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidate(path: &str, origin: Origin) -> Candidate {
        Candidate { path: path.into(), group: None, index: None, origin, before: None }
    }

    fn standing(group: Option<u64>, index: Option<u64>, last_commit_ts: Hlc) -> Standing {
        Standing { group, index, last_commit_ts }
    }

    /// Returns the paths that are read.
    fn kept(of: &[(Candidate, Standing)], opened: bool) -> Result<Vec<String>> {
        let (candidates, standings): (Vec<_>, Vec<_>) = of.iter().cloned().unzip();
        let reasons = choose(&candidates, &standings, opened)?;
        let kept = candidates.iter().zip(reasons).filter(|(_, reason)| reason.is_none());
        Ok(kept.map(|(candidate, _)| candidate.path.display().to_string()).collect())
    }

    #[test]
    fn the_newest_of_each_group_is_read_whatever_the_order() {
        let mut all = vec![
            (candidate("a", Origin::GroupDirectory), standing(Some(1), Some(9), Hlc::ZERO)),
            (candidate("b", Origin::GroupDirectory), standing(Some(1), Some(10), Hlc::ZERO)),
            (candidate("c", Origin::GroupDirectory), standing(Some(2), Some(3), Hlc::ZERO)),
            (candidate("d", Origin::GroupDirectory), standing(Some(2), Some(3), Hlc::ZERO)),
        ];
        assert_eq!(kept(&all, false).unwrap(), ["b", "c"]);
        all.reverse();
        assert_eq!(kept(&all, false).unwrap(), ["c", "b"]);
    }

    #[test]
    fn without_indexes_the_last_commit_tells_once_the_files_were_opened() {
        let all = [
            (candidate("a", Origin::GroupDirectory), standing(Some(1), Some(9), Hlc(5))),
            (candidate("b", Origin::GroupDirectory), standing(Some(1), None, Hlc(6))),
        ];
        assert_eq!(kept(&all, false).unwrap(), ["a", "b"]);
        assert_eq!(kept(&all, true).unwrap(), ["b"]);
    }

    #[test]
    fn a_named_file_counts_and_two_are_refused() {
        let mut all = vec![
            (candidate("a", Origin::Named), standing(Some(1), Some(9), Hlc(5))),
            (candidate("b", Origin::GroupDirectory), standing(Some(1), Some(10), Hlc(6))),
        ];
        assert_eq!(kept(&all, false).unwrap(), ["a"]);
        all.push((candidate("c", Origin::Named), standing(Some(1), None, Hlc(5))));
        assert!(matches!(kept(&all, false), Err(Error::SameGroup { group: 1, .. })));
    }

    #[test]
    fn files_of_unknown_group_stay_unless_their_places_say_that_they_are_one_groups() {
        let plain = || Origin::Directory("d".into());
        let all = [
            (candidate("n1", Origin::GroupDirectory), standing(None, Some(9), Hlc(5))),
            (candidate("n2", Origin::GroupDirectory), standing(None, Some(8), Hlc(5))),
            (candidate("d/1", plain()), standing(None, Some(1), Hlc(5))),
            (candidate("d/2", plain()), standing(None, Some(2), Hlc(5))),
            (candidate("d/x", plain()), standing(None, None, Hlc(5))),
            (candidate("d/y", plain()), standing(None, None, Hlc(5))),
            (candidate("a", Origin::Named), standing(None, Some(1), Hlc(5))),
            (candidate("b", Origin::Named), standing(None, Some(2), Hlc(5))),
        ];
        assert_eq!(kept(&all, false).unwrap().len(), 8);
        assert_eq!(kept(&all, true).unwrap(), ["n1", "d/2", "d/x", "d/y", "a", "b"]);
    }
}
