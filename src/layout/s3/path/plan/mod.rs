//! Plans the paths of one generation of a bucket.

use super::conflict::{Conflicts, Role};
use super::key_path::{self, KeyPath};
use super::length;
use super::placement::{Decisions, Findings};
use super::rename::{Rename, rename};
use super::{Placement, PlacementsSorter, Rules, from_sorting_form, is_below, to_sorting_form};
use crate::error::Result;
use crate::layout::s3::problem::{Class, Fault, RECORD, RENAME_OPTION};
use crate::layout::s3::sidecar;
use crate::tree::{Scratch, Sorter};

/// Lists the object keys that a plan is for; asked once or twice, with the same answer.
pub(super) type Keys<'k> = dyn FnMut(&mut dyn FnMut(&[u8]) -> Result<()>) -> Result<()> + 'k;

/// Memory for the paths of one bucket, bytes; the claims take as much again.
const MEMORY: usize = 8 << 20;

/// Plans one bucket after the other; the sorters' buffers are kept.
#[derive(Debug)]
pub(crate) struct Planner {
    paths: Sorter,
    conflicts: Conflicts,
}

impl Planner {
    /// Returns a planner whose sorters spill to `scratch`.
    pub(crate) fn new(scratch: &Scratch) -> Self {
        Self { paths: Sorter::new(scratch, MEMORY), conflicts: Conflicts::new(scratch, MEMORY) }
    }

    /// Pushes the placement of each object of a bucket's generation that does not stand at its key.
    pub(crate) fn plan(
        &mut self,
        (bucket, generation): (&[u8], u64),
        rules: Rules,
        keys: &mut Keys<'_>,
        placements: &mut PlacementsSorter,
    ) -> Result<()> {
        let mut decisions = Decisions { rules, bucket, generation, found: Findings::default(), sink: None };
        self.decide(keys, &mut decisions)?;
        if decisions.found == Findings::default() {
            return Ok(());
        }
        // A record needs the tracker, whose name other objects may have to leave (`compat.md#reserved-names`).
        decisions.rules.tracker = decisions.found.renamed;
        decisions.sink = Some(placements);
        self.decide(keys, &mut decisions)
    }

    fn decide(&mut self, keys: &mut Keys<'_>, decisions: &mut Decisions<'_>) -> Result<()> {
        self.collect(keys, decisions)?;
        self.conflict(decisions)?;
        self.conflicts.settle(decisions)?;
        Ok(())
    }

    /// Fills `paths` with what each key asks for by itself.
    fn collect(&mut self, keys: &mut Keys<'_>, decisions: &mut Decisions<'_>) -> Result<()> {
        let mut of_key = KeyPath::default();
        let mut value = Vec::new();
        self.conflicts.sidecars = false;
        keys(&mut |key| {
            let rules = decisions.rules;
            let placed = key_path::of_key(key, rules, &mut of_key);
            if let Err(fault) = placed.and_then(|()| length::settle(key, rules, &mut of_key)) {
                return decisions.push(key, &Placement::Failed(fault));
            }
            self.conflicts.sidecars |= has_sidecar_directory(&of_key.path);
            value.clear();
            if of_key.replaced {
                value.push(u8::from(of_key.last_replaced) + u8::from(of_key.whole));
                value.extend_from_slice(key);
            }
            to_sorting_form(&mut of_key.path);
            Ok(self.paths.push(&of_key.path, &value)?)
        })
    }

    /// Fills `claims`: a path that others lie below makes way for their directory (`tree/s3.md#names-that-cannot-be-used-as-they-are`).
    fn conflict(&mut self, decisions: &mut Decisions<'_>) -> Result<()> {
        let mut paths = self.paths.sort()?;
        let mut key_path = KeyPath::default();
        // The keys of all objects that ask for this path: one, but for forged fallbacks.
        let mut values: Vec<Vec<u8>> = Vec::new();
        loop {
            let next = paths.next()?;
            if let Some((path, value)) = next
                && (values.is_empty() || path == key_path.path)
            {
                if values.is_empty() {
                    key_path.path.clear();
                    key_path.path.extend_from_slice(path);
                }
                values.push(value.to_vec());
                continue;
            }
            let directory = next.is_some_and(|(path, _)| is_below(path, &key_path.path));
            from_sorting_form(&mut key_path.path);
            for value in values.drain(..) {
                let (key, flag) = match value.split_first() {
                    Some((flag @ 0..=2, key)) => (key, Some(*flag)),
                    Some(_) => return Err(RECORD.at((&*key_path.path, &*value)).into()),
                    None => (&*key_path.path, None),
                };
                key_path.replaced = flag.is_some();
                (key_path.last_replaced, key_path.whole) = (flag >= Some(1), flag == Some(2));
                claim_one(&mut self.conflicts, decisions, &key_path, key, directory)?;
            }
            let Some((path, value)) = next else { return Ok(()) };
            key_path.path.clear();
            key_path.path.extend_from_slice(path);
            values.push(value.to_vec());
        }
    }
}

fn claim_one(
    conflicts: &mut Conflicts,
    decisions: &mut Decisions<'_>,
    key_path: &KeyPath,
    key: &[u8],
    directory: bool,
) -> Result<()> {
    let rules = decisions.rules;
    let suffix = match Rename::of_key(key, key_path, rules) {
        Rename::UserData if !rules.rename => {
            // Only a fallback that was cut there: keys with the suffix have failed before.
            let message = format!("the shortened key ends in the suffix of sidecars; {RENAME_OPTION}");
            let fault = Fault::new(Class::S3_META_SUFFIX_COLLISION, message);
            return decisions.push(key, &Placement::Failed(fault));
        }
        Rename::None if directory => Rename::LeafData,
        suffix => suffix,
    };
    let mut renamed = rename(key_path, suffix);
    if !length::fits(&renamed.path, rules) {
        // It fitted before it had to make way for a directory.
        renamed = match length::in_root(key, rules) {
            Ok(moved) => rename(&moved, Rename::None),
            Err(fault) => return decisions.push(key, &Placement::Failed(fault)),
        };
    }
    if renamed.path == key_path.path {
        conflicts.push(&key_path.path, Role::Body { key_path: true, kind: renamed.kind }, key)?;
    } else {
        conflicts.push(&key_path.path, Role::Key, key)?;
        let stays = renamed.path == renamed.target;
        if suffix != Rename::None && !stays {
            conflicts.push(&renamed.target, Role::Target, key)?;
        }
        conflicts.push(&renamed.path, Role::Body { key_path: false, kind: renamed.kind }, key)?;
    }
    Ok(())
}

/// Whether some directory of the path has a name that a sidecar could have.
fn has_sidecar_directory(path: &[u8]) -> bool {
    memchr::memmem::find_iter(path, sidecar::SUFFIX)
        .any(|at| path.get(at + sidecar::SUFFIX.len()) == Some(&b'/'))
}

#[cfg(test)]
mod tests;
