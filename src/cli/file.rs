//! Small files beside the dump: metrics, man pages, a page about a snapshot.

use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// Puts `text` in the place of the file at `path`, whole or not at all: mode 0644 for others to read, 0600 where it
/// tells of the data.
pub(super) fn replace(path: &Path, text: &str, mode: u32) -> io::Result<()> {
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // Who collects files by their ends, as `*.prom`, finds none that is not finished.
    let mut file = tempfile::Builder::new().prefix(".ekv-backup").suffix(".tmp").tempfile_in(directory)?;
    file.write_all(text.as_bytes())?;
    file.as_file().set_permissions(PermissionsExt::from_mode(mode))?;
    file.as_file().sync_all()?;
    file.persist(path).map(drop).map_err(|error| error.error)
}
