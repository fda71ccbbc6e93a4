//! Reads a dump back, independently of `src/tree`: which files there are, and whether CHECKSUMS tells the truth.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use sha2::{Digest, Sha256};

/// A directory: contents by path, and the paths of what is empty or no regular file.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tree {
    /// Regular files.
    pub files: BTreeMap<Vec<u8>, Vec<u8>>,
    /// Empty directories.
    pub empty: BTreeSet<Vec<u8>>,
    /// Links and devices.
    pub other: BTreeSet<Vec<u8>>,
}

impl Tree {
    /// Reads everything below `root`; no such directory is an empty tree.
    pub fn read(root: &Path) -> io::Result<Self> {
        let mut tree = Self::default();
        if root.exists() {
            tree.walk(root, b"")?;
        }
        Ok(tree)
    }

    fn walk(&mut self, at: &Path, path: &[u8]) -> io::Result<()> {
        let mut children = 0;
        for entry in fs::read_dir(at)? {
            let entry = entry?;
            children += 1;
            let slash: &[u8] = if path.is_empty() { b"" } else { b"/" };
            let path = [path, slash, entry.file_name().as_bytes()].concat();
            let kind = entry.file_type()?;
            if kind.is_dir() {
                self.walk(&entry.path(), &path)?;
            } else if kind.is_file() {
                self.files.insert(path, fs::read(entry.path())?);
            } else {
                self.other.insert(path);
            }
        }
        if children == 0 && !path.is_empty() {
            self.empty.insert(path.to_vec());
        }
        Ok(())
    }
}

/// Returns what is wrong with the CHECKSUMS of a dump, one text a fault (`tree/checksums.md#checksums`): every file but CHECKSUMS
/// itself, sorted bytewise by path, with its SHA-256.
pub fn checksum_faults(tree: &Tree) -> Vec<String> {
    let Some(listing) = tree.files.get(b"CHECKSUMS".as_slice()) else {
        return vec!["CHECKSUMS is missing".into()];
    };
    let expected: Vec<u8> = tree
        .files
        .iter()
        .filter(|(path, _)| path.as_slice() != b"CHECKSUMS")
        .flat_map(|(path, content)| checksum_line(path, content))
        .collect();
    if *listing == expected {
        return Vec::new();
    }
    let lines =
        |bytes: &[u8]| -> BTreeSet<Vec<u8>> { bytes.split(|&b| b == b'\n').map(<[u8]>::to_vec).collect() };
    let (have, want) = (lines(listing), lines(&expected));
    let mut faults: Vec<_> =
        want.difference(&have).map(|line| format!("CHECKSUMS lacks {}", show(line))).collect();
    faults.extend(have.difference(&want).map(|line| format!("CHECKSUMS has {}", show(line))));
    if faults.is_empty() {
        faults.push("the lines of CHECKSUMS are in another order".into());
    }
    faults
}

/// Returns the line of CHECKSUMS of a file.
pub fn checksum_line(path: &[u8], content: &[u8]) -> Vec<u8> {
    let escaped = path.iter().any(|byte| matches!(byte, b'\n' | b'\r' | b'\\'));
    let mut line = if escaped { b"\\".to_vec() } else { Vec::new() };
    line.extend(hex::encode(Sha256::digest(content)).into_bytes());
    line.extend_from_slice(b"  ");
    for &byte in path {
        match byte {
            b'\n' => line.extend_from_slice(b"\\n"),
            b'\r' => line.extend_from_slice(b"\\r"),
            b'\\' => line.extend_from_slice(b"\\\\"),
            byte => line.push(byte),
        }
    }
    line.push(b'\n');
    line
}

/// Returns bytes as text for a message, cut to a readable length.
pub fn show(bytes: &[u8]) -> String {
    let shown = bytes.get(..200).unwrap_or(bytes).escape_ascii().to_string();
    if bytes.len() > 200 { format!("{shown}... ({} bytes)", bytes.len()) } else { shown }
}
