//! Where a node keeps its key file, seen from a snapshot or a data directory (`format/encryption.md#key-file`, `format/container.md#where-the-files-live`).

use std::path::{Path, PathBuf};

/// Name of the key file.
const NAME: &str = "keys.json";
/// Directory below a data directory that holds it.
const DIRECTORY: &str = "encryption";
/// Directory of a Raft group that holds its snapshots.
const SNAPSHOTS: &str = "fsm-snap";
/// Directories above a group's `fsm-snap` that are searched: the group's, the node's, and the one beside it.
const LEVELS: usize = 3;

/// Finds the key file that belongs to a snapshot file or to a data directory: `keys.json` or `encryption/keys.json`
/// in the file's own directory; above a `fsm-snap` also in the group's directory, the node's, and beside that; of a
/// directory in itself and beside it. The nearest counts. Nothing is opened.
#[must_use]
pub fn key_file_near(input: &Path) -> Option<PathBuf> {
    // The names above a relative path are known to the system alone.
    let input = input.canonicalize().ok()?;
    let mut places = Vec::new();
    if input.is_dir() {
        places.extend(input.ancestors().take(2));
        // A group's directory, or its snapshots: the node's is further up.
        if input.join(SNAPSHOTS).is_dir() || input.ends_with(SNAPSHOTS) {
            places = input.ancestors().take(1 + LEVELS).collect();
        }
    } else if let Some(own) = input.parent() {
        let levels = if own.ends_with(SNAPSHOTS) { 1 + LEVELS } else { 1 };
        places.extend(own.ancestors().take(levels));
    }
    let candidates =
        places.into_iter().flat_map(|place| [place.join(DIRECTORY).join(NAME), place.join(NAME)]);
    candidates.into_iter().find(|path| path.is_file())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// Makes files in a directory of their own.
    fn directory(files: &[&str]) -> tempfile::TempDir {
        let directory = tempfile::tempdir().unwrap();
        for file in files {
            let path = directory.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        directory
    }

    fn found(files: &[&str], input: &str) -> Option<String> {
        let directory = directory(files);
        let root = directory.path().canonicalize().unwrap();
        let found = key_file_near(&directory.path().join(input))?;
        Some(found.strip_prefix(&root).unwrap().to_str().unwrap().to_owned())
    }

    #[test]
    fn a_copy_of_a_snapshot_has_its_key_file_beside_it() {
        assert_eq!(found(&["a/x.fsm", "a/keys.json"], "a/x.fsm").unwrap(), "a/keys.json");
        assert_eq!(
            found(&["a/x.fsm", "a/encryption/keys.json"], "a/x.fsm").unwrap(),
            "a/encryption/keys.json"
        );
        assert_eq!(found(&["a/x.fsm", "keys.json"], "a/x.fsm"), None);
        assert_eq!(found(&["a/keys.json"], "a/x.fsm"), None, "there is no such snapshot");
        assert_eq!(found(&["a/x.fsm", "a/keys.json.tmp", "a/keys.json/directory"], "a/x.fsm"), None);
    }

    #[test]
    fn a_node_keeps_it_in_its_data_directory() {
        let snapshot = "n1/group-1/fsm-snap/1.fsm";
        for place in [
            "n1/encryption/keys.json",
            "n1/group-1/encryption/keys.json",
            "encryption/keys.json",
            "keys.json",
        ] {
            for input in [snapshot, "n1/group-1/fsm-snap", "n1/group-1", "n1"] {
                let reached = input != "n1" || !place.contains("group");
                assert_eq!(found(&[snapshot, place], input).as_deref(), reached.then_some(place), "{input}");
            }
        }
        let both = [snapshot, "n1/encryption/keys.json", "n1/group-1/encryption/keys.json"];
        assert_eq!(found(&both, snapshot).unwrap(), both[2], "the nearest counts");
    }
}
