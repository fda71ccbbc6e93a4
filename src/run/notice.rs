//! What the tree has to say about its surroundings, as warnings.

use crate::event::Warning;
use crate::tree::{self, Notice};

/// Returns the warning of a notice.
pub(super) fn warning(notice: &Notice) -> Warning {
    match notice {
        Notice::StalePartial { path, complete } => {
            Warning::new("stale_partial").with("path", text(path)).with("complete", *complete)
        }
        Notice::StaleReplaced { path } => Warning::new("stale_replaced").with("path", text(path)),
        Notice::Restored { path } => Warning::new("replaced_restored").with("path", text(path)),
        Notice::AccessChanged { path, what } => {
            Warning::new("target_access_changed").with("path", text(path)).with("what", what.as_str())
        }
        Notice::Left(error) => cleanup_failed(error),
    }
}

/// Returns the warning that something stays that was to be removed, with its path.
pub(super) fn cleanup_failed(error: &tree::Error) -> Warning {
    Warning::new("cleanup_failed").with("error", error.to_string())
}

fn text(path: &std::path::Path) -> String {
    path.to_string_lossy().into_owned()
}
