//! Which file an input is, and in which state: told apart at the start, after the first pass and before publishing
//! (`tree/outcome.md#outcome`).

use std::fs::{self, File, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// A file and its state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Identity {
    /// Device and inode.
    file: (u64, u64),
    /// Length, bytes.
    size: u64,
    /// Last modification of the content, seconds and nanoseconds.
    modified: (i64, i64),
    /// Last change of the inode: no program can set it back.
    changed: (i64, i64),
}

impl Identity {
    fn of(metadata: &Metadata) -> Self {
        Self {
            file: (metadata.dev(), metadata.ino()),
            size: metadata.len(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }

    /// Takes the state of an open regular file; `None` for anything else, which has no state.
    pub(super) fn of_file(file: &File) -> io::Result<Option<Self>> {
        let metadata = file.metadata()?;
        Ok(metadata.is_file().then(|| Self::of(&metadata)))
    }

    /// Says what is no longer as it was: of the open file, and of the name under which it was opened.
    pub(super) fn difference(&self, file: &File, path: Option<&Path>) -> io::Result<Option<String>> {
        let now = Self::of(&file.metadata()?);
        if now.size != self.size {
            return Ok(Some(format!("it had {} bytes, and has {} now", self.size, now.size)));
        }
        if now.modified != self.modified {
            return Ok(Some("it was written to".to_owned()));
        }
        if let Some(path) = path {
            match fs::metadata(path) {
                Ok(metadata) if (metadata.dev(), metadata.ino()) == self.file => {}
                Ok(_) => return Ok(Some("another file stands in its place".to_owned())),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    return Ok(Some("it was moved or removed".to_owned()));
                }
                Err(error) => return Err(error),
            }
        }
        Ok((now != *self).then(|| "its owner, mode, links or times were changed".to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;
    use std::time::{Duration, SystemTime};

    use super::*;

    /// Opens a file, changes something, and returns what is said.
    fn after(change: impl FnOnce(&Path)) -> Option<String> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.fsm");
        fs::write(&path, b"content").unwrap();
        // Times of files move in steps of the kernel's clock.
        let past = SystemTime::now() - Duration::from_secs(5);
        File::options().write(true).open(&path).unwrap().set_modified(past).unwrap();
        let file = File::open(&path).unwrap();
        let identity = Identity::of_file(&file).unwrap().unwrap();
        std::thread::sleep(Duration::from_millis(20));
        change(&path);
        identity.difference(&file, Some(&path)).unwrap()
    }

    #[test]
    fn an_untouched_file_is_the_same() {
        assert_eq!(after(|_| {}), None);
        assert_eq!(after(|path| drop(fs::read(path).unwrap())), None);
    }

    #[test]
    fn each_kind_of_change_is_told() {
        let append = |path: &Path| fs::write(path, b"content and more").unwrap();
        assert!(after(append).unwrap().contains("7 bytes, and has 16 now"));
        assert!(after(|path| fs::write(path, b"CONTENT").unwrap()).unwrap().contains("written to"));
        let replace = |path: &Path| {
            fs::write(path.with_extension("new"), b"content").unwrap();
            fs::rename(path.with_extension("new"), path).unwrap();
        };
        assert!(after(replace).unwrap().contains("another file"));
        assert!(after(|path| fs::remove_file(path).unwrap()).unwrap().contains("removed"));
        let mode = |path: &Path| fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
        assert!(after(mode).unwrap().contains("mode"));
    }

    #[test]
    fn a_change_that_is_hidden_behind_an_old_time_is_seen() {
        let rewrite = |path: &Path| {
            let before = fs::metadata(path).unwrap().modified().unwrap();
            fs::write(path, b"CONTENT").unwrap();
            File::options().write(true).open(path).unwrap().set_modified(before).unwrap();
        };
        assert!(after(rewrite).unwrap().contains("times"));
    }

    #[test]
    fn only_a_regular_file_has_a_state() {
        assert!(Identity::of_file(&File::open("/dev/null").unwrap()).unwrap().is_none());
    }
}
