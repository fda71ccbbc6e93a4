//! What the tree has to say about its surroundings, as warnings.

use crate::event::{Event, Warning};
use crate::tree::{self, Notice};

/// Returns the warning of a notice.
pub(super) fn warning(notice: &Notice) -> Warning {
    match notice {
        Notice::StalePartial { path, complete } => {
            Warning::new(Event::STALE_PARTIAL).with("path", text(path)).with("complete", *complete)
        }
        Notice::StaleReplaced { path } => Warning::new(Event::STALE_REPLACED).with("path", text(path)),
        Notice::Restored { path } => Warning::new(Event::REPLACED_RESTORED).with("path", text(path)),
        Notice::AccessChanged { path, what } => {
            Warning::new(Event::TARGET_ACCESS_CHANGED).with("path", text(path)).with("what", what.as_str())
        }
        Notice::Left(error) => cleanup_failed(error),
    }
}

/// Returns the warning that something stays that was to be removed, with its path.
pub(super) fn cleanup_failed(error: &tree::Error) -> Warning {
    Warning::new(Event::CLEANUP_FAILED).with("error", error.to_string())
}

fn text(path: &std::path::Path) -> String {
    path.to_string_lossy().into_owned()
}
