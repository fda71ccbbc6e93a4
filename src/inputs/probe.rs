//! A cheap look at a file: may it be a complete snapshot?

use std::fs::File;
use std::io::Read;
use std::path::Path;

use crate::container::{self, Compression, ErrorKind, Layout, Source};
use crate::interrupt::Interrupt;

/// Returns why a file cannot be a complete snapshot, in words; `None` when it may be one. Reads its beginning only:
/// what is wrong further back is the first pass's to find. An error is one that the user must hear of: the file
/// cannot be read, or a newer version wrote it.
pub(super) fn incomplete(path: &Path, interrupt: &Interrupt) -> Result<Option<String>, container::Error> {
    let unreadable =
        |error| container::Error { path: path.to_owned(), offset: 0, kind: ErrorKind::Io(error) };
    let file = File::open(path).map_err(unreadable)?;
    if file.metadata().map_err(unreadable)?.len() == 0 {
        return Ok(Some("empty".to_owned()));
    }
    let mut head = Vec::new();
    file.take(Compression::MAGIC as u64).read_to_end(&mut head).map_err(unreadable)?;
    if Compression::of(&head).is_some() {
        // Only decompressing it would tell.
        return Ok(None);
    }
    // A plain file is read in place: nothing is spooled.
    let source = Source::open(path, Path::new(""), interrupt)?;
    let layout = Layout::of(&source).and_then(|layout| container::last_commit_ts(&source, &layout));
    match layout {
        Ok(_) => Ok(None),
        Err(error) => match error.kind {
            ErrorKind::Truncated { .. } | ErrorKind::NotASnapshot { .. } => {
                Ok(Some(format!("incomplete: {}", error.kind)))
            }
            _ => Err(error),
        },
    }
}
