//! What the place of a file tells (`format/container.md#where-the-files-live`, `reading/groups.md#several-groups`).

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// Name of the directory in which a group keeps its snapshots.
pub(super) const SNAPSHOTS: &str = "fsm-snap";

/// Reads `group-<n>`, as a node names the directory of a group.
pub(super) fn group_name(name: &OsStr) -> Option<u64> {
    let digits = name.to_str()?.strip_prefix("group-")?;
    let canonical = digits == "0" || !digits.starts_with('0');
    (canonical && digits.bytes().all(|byte| byte.is_ascii_digit())).then(|| digits.parse().ok())?
}

/// Returns the group of the files in a directory: `group-<n>/fsm-snap`, or a copy as `group-<n>`.
pub(super) fn group_of_directory(directory: &Path) -> Option<u64> {
    let name = directory.file_name()?;
    if name == SNAPSHOTS { group_name(directory.parent()?.file_name()?) } else { group_name(name) }
}

/// Whether all snapshots in a directory are one group's.
pub(super) fn is_one_groups(directory: &Path) -> bool {
    directory.file_name().is_some_and(|name| name == SNAPSHOTS || group_name(name).is_some())
}

/// Lists the data directories around the files of a directory: above `fsm-snap`, and above `group-<n>`.
pub(super) fn data_directories(directory: &Path) -> Vec<PathBuf> {
    let mut here = directory.to_owned();
    if here.file_name().is_some_and(|name| name == SNAPSHOTS) {
        here.pop();
    }
    let mut found = vec![here.clone()];
    if here.file_name().is_some_and(|name| group_name(name).is_some()) && here.pop() {
        found.push(here);
    }
    found
}

/// Whether a name is that of a snapshot: `.fsm`, perhaps compressed.
pub(super) fn is_snapshot(name: &OsStr) -> bool {
    let name = name.as_encoded_bytes();
    let name = name.strip_suffix(b".gz").or_else(|| name.strip_suffix(b".zst")).unwrap_or(name);
    name.ends_with(b".fsm")
}

/// Whether a name is that of a snapshot which was being written.
pub(super) fn is_temporary(name: &OsStr) -> bool {
    name.as_encoded_bytes().strip_suffix(b".tmp").is_some_and(|name| name.ends_with(b".fsm"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_is_told_by_its_directory() {
        let group = |path: &str| group_of_directory(Path::new(path));
        assert_eq!(group("/raft/n1/group-7/fsm-snap"), Some(7));
        assert_eq!(group("group-0/fsm-snap"), Some(0));
        assert_eq!(group("copies/group-18446744073709551615"), Some(u64::MAX));
        for other in [
            "n1/fsm-snap",
            "fsm-snap",
            "",
            "group-/fsm-snap",
            "group-07",
            "group-+7",
            "group-18446744073709551616",
            "group-7/other",
            "xgroup-7",
        ] {
            assert_eq!(group(other), None, "{other}");
        }
        assert!(is_one_groups(Path::new("n1/fsm-snap")) && !is_one_groups(Path::new("n1")));
    }

    #[test]
    fn data_directories_are_above_the_snapshots() {
        let of = |path: &str| data_directories(Path::new(path));
        assert_eq!(of("/r/n1/group-2/fsm-snap"), [Path::new("/r/n1/group-2"), Path::new("/r/n1")]);
        assert_eq!(of("/r/n1/fsm-snap"), [Path::new("/r/n1")]);
        assert_eq!(of("/copies"), [Path::new("/copies")]);
    }

    #[test]
    fn snapshots_are_told_by_their_names() {
        for name in ["a.fsm", "a.fsm.gz", "a.fsm.zst", ".fsm"] {
            assert!(is_snapshot(OsStr::new(name)) && !is_temporary(OsStr::new(name)));
        }
        assert!(is_temporary(OsStr::new("0000000000000064.fsm.tmp")));
        for name in ["a.fsm.tmp", "a.fsm.gz.gz", "a.FSM", "fsm", "a.snap"] {
            assert!(!is_snapshot(OsStr::new(name)), "{name}");
        }
    }
}
