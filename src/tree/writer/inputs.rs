//! Which files the inputs of a run are, whatever they are called, so that no run removes what it reads.
//!
//! In: paths as they were given. Out: identities of the files and of all directories above them.

use std::fs;
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// A file or directory: device and inode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::tree) struct Identity {
    pub(super) device: u64,
    pub(super) inode: u64,
}

impl Identity {
    /// Returns the identity of an open file or directory.
    pub(super) fn of(handle: &impl AsFd) -> rustix::io::Result<Self> {
        Ok(Self::of_stat(&rustix::fs::fstat(handle)?))
    }

    /// Returns the identity of what was looked at.
    pub(in crate::tree) fn of_stat(stat: &rustix::fs::Stat) -> Self {
        // These have other types on other systems.
        #[allow(clippy::useless_conversion, clippy::unnecessary_fallible_conversions)]
        Self {
            device: u64::try_from(stat.st_dev).unwrap_or(u64::MAX),
            inode: u64::try_from(stat.st_ino).unwrap_or(u64::MAX),
        }
    }

    fn at(path: &Path) -> Option<Self> {
        let metadata = fs::metadata(path).ok()?;
        Some(Self { device: metadata.dev(), inode: metadata.ino() })
    }
}

/// An input.
#[derive(Debug)]
pub(in crate::tree) struct Input {
    /// As it was given.
    pub(in crate::tree) path: PathBuf,
    /// Itself, and the directories above it.
    chain: Vec<Identity>,
}

impl Input {
    /// Whether a directory is this input or one above it.
    pub(in crate::tree) fn is_inside(&self, directory: Identity) -> bool {
        self.chain.contains(&directory)
    }

    /// Returns the inode of the input where it is on this device.
    pub(super) fn inode_on(&self, device: u64) -> Option<u64> {
        self.chain.first().filter(|identity| identity.device == device).map(|identity| identity.inode)
    }
}

/// Finds the inputs; `-` is standard input, which may be a file. Those that are not there are left out.
pub(in crate::tree) fn find(paths: &[PathBuf]) -> Vec<Input> {
    let found = paths.iter().filter_map(|path| {
        let opened = if path.as_os_str() == "-" { Path::new("/dev/stdin") } else { path };
        // Without links and `..`: the directories above are those that the file really is in.
        let real = fs::canonicalize(opened).ok()?;
        let chain = real.ancestors().filter_map(Identity::at).collect();
        Some(Input { path: path.clone(), chain })
    });
    found.collect()
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use super::*;

    #[test]
    fn an_input_is_found_in_its_directory_whatever_the_path_to_it() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("dump/deep")).unwrap();
        fs::create_dir(root.path().join("other")).unwrap();
        fs::write(root.path().join("dump/deep/in"), "").unwrap();
        std::os::unix::fs::symlink("../dump/deep", root.path().join("other/link")).unwrap();
        std::os::unix::fs::symlink("dump/deep/in", root.path().join("file")).unwrap();
        let identity = |name: &str| Identity::of(&File::open(root.path().join(name)).unwrap()).unwrap();
        for path in ["dump/deep/in", "other/link/in", "file", "other/../dump/deep/in", "dump/deep", "dump"] {
            let inputs = find(&[root.path().join(path)]);
            assert!(inputs[0].is_inside(identity("dump")), "{path}");
            assert!(inputs[0].is_inside(identity("")), "{path}");
            assert!(!inputs[0].is_inside(identity("other")), "{path}");
        }
        assert!(find(&[root.path().join("missing")]).is_empty());
        let [input] = &find(&[root.path().join("file")])[..] else { panic!("not one input") };
        let file = identity("dump/deep/in");
        assert_eq!(input.inode_on(file.device), Some(file.inode));
        assert_eq!(input.inode_on(file.device + 1), None);
    }
}
