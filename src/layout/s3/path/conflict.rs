//! Who claims which path: where two objects meet, one makes way or fails (`tree/s3.md#names-that-cannot-be-used-as-they-are`, `compat.md#paths-that-clash`).

use super::length;
use super::placement::Decisions;
use super::rename::replace_segments;
use super::{Placement, from_sorting_form, is_below, to_sorting_form};
use crate::container::Excerpt;
use crate::error::Result;
use crate::layout::s3::problem::{Class, Fault, RECORD, RENAME_OPTION};
use crate::layout::s3::sidecar;
use crate::tree::keymap::Kind;
use crate::tree::{Scratch, Sorter};

/// What an object claims a path for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// Its key asks for the path, but it stands elsewhere.
    Key,
    /// Its suffixed name, which no key may have, but it stands elsewhere (`compat.md#keys-that-are-not-utf-8`).
    Target,
    /// Its body stands here: where its key asks for it (`base`), or renamed.
    Body {
        /// Whether this is the path that its key asks for.
        key_path: bool,
        /// Kind of its KEYMAP record, if it needs one.
        kind: Option<Kind>,
    },
    /// Its sidecar stands here.
    Sidecar,
}

/// Every role, in the order of the tags that records hold.
const ROLES: [Role; 8] = [
    Role::Key,
    Role::Target,
    Role::Sidecar,
    Role::Body { key_path: true, kind: None },
    Role::Body { key_path: true, kind: Some(Kind::ShaFallback) },
    Role::Body { key_path: false, kind: Some(Kind::ShaFallback) },
    Role::Body { key_path: false, kind: Some(Kind::S3LeafData) },
    Role::Body { key_path: false, kind: Some(Kind::MetaSuffixRename) },
];

/// Collects the claims of one bucket.
#[derive(Debug)]
pub(super) struct Conflicts {
    records: Sorter,
    path: Vec<u8>,
    value: Vec<u8>,
    /// Whether sidecars claim their paths: needed only where a directory has such a name.
    pub sidecars: bool,
}

struct Claim {
    role: Role,
    key: Vec<u8>,
}

impl Claim {
    /// Reads the record of a claim: its role; then a mark and the object's key, or nothing where that is the path.
    fn from_record(path: &[u8], value: &[u8]) -> Option<Self> {
        let (&tag, rest) = value.split_first()?;
        let key = match rest.split_first() {
            None => {
                let mut key = path.to_vec();
                from_sorting_form(&mut key);
                key
            }
            Some((1, key)) => key.to_vec(),
            Some(_) => return None,
        };
        Some(Self { role: *ROLES.get(usize::from(tag))?, key })
    }
}

/// A file that the claims below it would make a directory.
struct File {
    path: Vec<u8>,
    key: Vec<u8>,
}

impl Conflicts {
    /// Returns an empty collection that holds at most about `memory` bytes.
    pub(super) fn new(scratch: &Scratch, memory: usize) -> Self {
        Self { records: Sorter::new(scratch, memory), path: Vec::new(), value: Vec::new(), sidecars: false }
    }

    /// Adds the claim of the object `key`, and of its sidecar where a body stands.
    pub(super) fn push(&mut self, path: &[u8], role: Role, key: &[u8]) -> Result<()> {
        self.path.clear();
        self.path.extend_from_slice(path);
        to_sorting_form(&mut self.path);
        self.record(role, if path == key { None } else { Some(key) })?;
        if self.sidecars && matches!(role, Role::Body { .. }) {
            self.path.extend_from_slice(sidecar::SUFFIX);
            self.record(Role::Sidecar, Some(key))?;
        }
        Ok(())
    }

    fn record(&mut self, role: Role, key: Option<&[u8]>) -> Result<()> {
        self.value.clear();
        let (_, tag) = ROLES.iter().zip(0..).find(|(known, _)| **known == role).ok_or(RECORD)?;
        self.value.push(tag);
        if let Some(key) = key {
            self.value.push(1);
            self.value.extend_from_slice(key);
        }
        Ok(self.records.push(&self.path, &self.value)?)
    }

    /// Decides about all claims; the collection is empty afterwards.
    pub(super) fn settle(&mut self, decisions: &mut Decisions<'_>) -> Result<()> {
        let mut records = self.records.sort()?;
        let mut path = Vec::new();
        let mut group: Vec<Claim> = Vec::new();
        let mut files = Vec::new();
        loop {
            let next = records.next()?;
            if next.is_none_or(|(next, _)| next != path) && !group.is_empty() {
                settle_path(&path, &mut group, &mut files, decisions)?;
            }
            let Some((next, value)) = next else { return Ok(()) };
            path.clear();
            path.extend_from_slice(next);
            group.push(Claim::from_record(next, value).ok_or_else(|| RECORD.at((next, value)))?);
        }
    }
}

/// Decides about all claims for one path, in sorting form. `files` are those that the last path lies below, and
/// itself: what lies below a file is moved as a whole, so files below files clash with what lies below them, too.
fn settle_path(
    path: &[u8],
    group: &mut Vec<Claim>,
    files: &mut Vec<File>,
    decisions: &mut Decisions<'_>,
) -> Result<()> {
    files.retain(|file| is_below(path, &file.path));
    let depths: Vec<usize> = files.iter().map(|file| depth(&file.path)).collect();
    // The shortest key stays; so the order in which claims came does not matter.
    group.sort_by(|a, b| (a.key.len(), &a.key).cmp(&(b.key.len(), &b.key)));
    let key_here =
        group.iter().find(|conflict| matches!(conflict.role, Role::Key | Role::Body { key_path: true, .. }));
    let key_here = key_here.map(|conflict| conflict.key.clone());
    let mut body: Option<Vec<u8>> = None;
    let mut sidecar = None;
    for Claim { role, key } in group.drain(..) {
        let kind = match (role, &key_here) {
            (Role::Target | Role::Body { key_path: false, .. }, Some(other)) => {
                decisions.push(&key, &collision(other, ""))?;
                continue;
            }
            (Role::Body { kind, .. }, _) => kind,
            (Role::Sidecar, _) => {
                sidecar.get_or_insert(key);
                continue;
            }
            (Role::Key | Role::Target, _) => continue,
        };
        if let Some(other) = &body {
            let own = depth(path);
            clash(path, &[depths.as_slice(), &[own]].concat(), &key, other, decisions)?;
        } else if let Some(file) = files.first() {
            clash(path, &depths, &key, &file.key, decisions)?;
            // What fails is no file.
            body = Some(key).filter(|_| decisions.rules.rename);
        } else {
            if let Some(kind) = kind {
                let mut path = path.to_vec();
                from_sorting_form(&mut path);
                decisions.push(&key, &Placement::At(path, kind))?;
            }
            body = Some(key);
        }
    }
    if let Some(key) = body.or(sidecar.filter(|_| files.is_empty() || decisions.rules.rename)) {
        files.push(File { path: path.to_vec(), key });
    }
    Ok(())
}

/// Returns the index of a path's last segment; the path is in sorting form.
fn depth(path: &[u8]) -> usize {
    memchr::memchr_iter(0, path).count()
}

/// Moves the object out of the way, or lets it fail, where its path clashes with that of `other` (`compat.md#paths-that-clash`): the segments
/// at the indexes `at` are replaced.
fn clash(path: &[u8], at: &[usize], key: &[u8], other: &[u8], decisions: &mut Decisions<'_>) -> Result<()> {
    if !decisions.rules.rename {
        return decisions.push(key, &collision(other, RENAME_OPTION));
    }
    let mut path = path.to_vec();
    from_sorting_form(&mut path);
    let mut path = replace_segments(&path, at);
    if !length::fits(&path, decisions.rules) {
        path = match length::in_root(key, decisions.rules) {
            Ok(moved) => moved.path,
            Err(fault) => return decisions.push(key, &Placement::Failed(fault)),
        };
    }
    decisions.push(key, &Placement::At(path, Kind::ShaFallback))
}

fn collision(other: &[u8], help: &str) -> Placement {
    let mut message = format!("its name is also that of the object \"{}\"", Excerpt::of(other));
    if !help.is_empty() {
        message.push_str("; ");
        message.push_str(help);
    }
    Placement::Failed(Fault::new(Class::S3_META_SUFFIX_COLLISION, message))
}

#[cfg(test)]
mod tests {
    use super::super::PlacementsSorter;
    use super::super::placement::Findings;
    use super::*;
    use crate::error::Error;

    #[test]
    fn claims_come_back_from_their_records() {
        let mut conflicts = Conflicts::new(&Scratch::new(std::env::temp_dir()), 1 << 16);
        for role in ROLES {
            for key in [&b"a/b"[..], b"", b"other"] {
                conflicts.push(b"a/b", role, key).unwrap();
                let conflict = Claim::from_record(b"a\0b", &conflicts.value).unwrap();
                assert_eq!((conflict.role, &*conflict.key), (role, key));
            }
        }
    }

    #[test]
    fn a_damaged_record_is_a_fault_of_the_program() {
        let scratch = Scratch::new(std::env::temp_dir());
        for value in [&b""[..], b"\x08", b"\0\x02key", b"\xff\x01key"] {
            let mut sink = PlacementsSorter::new(&scratch, 1 << 16);
            let (rules, found) = (super::super::Rules::default(), Findings::default());
            let mut decisions =
                Decisions { rules, bucket: b"b", generation: 1, found, sink: Some(&mut sink) };
            let mut conflicts = Conflicts::new(&scratch, 1 << 16);
            conflicts.records.push(b"path", value).unwrap();
            assert!(
                matches!(conflicts.settle(&mut decisions), Err(Error::Internal(bug)) if bug.place().is_some()),
                "{value:?}"
            );
        }
    }
}
