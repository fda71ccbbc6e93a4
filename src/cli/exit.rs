//! Exit codes (`tree/outcome.md#outcome`).

use ekv_backup::{Error, crypto, snapshot};

/// Everything was decoded; the tree is sound.
pub(super) const COMPLETE: u8 = 0;
/// Objects are missing or altered; `verify` found differences.
pub(super) const PROBLEMS: u8 = 1;
/// Bad usage.
pub(super) const USAGE: u8 = 2;
/// The input is corrupt or not supported.
pub(super) const INPUT: u8 = 3;
/// Input unreadable, output not writable, disk or inodes full.
pub(super) const IO: u8 = 4;
/// What cannot happen did: a fault of this program.
pub(super) const INTERNAL: u8 = 70;

/// Returns the exit code that an error asks for.
pub(super) fn code(error: &Error) -> u8 {
    match error {
        Error::Inputs(error) if error.is_usage() => USAGE,
        Error::Inputs(error) if error.is_unreadable() => IO,
        Error::Container(error) if error.kind.is_unreadable() => IO,
        Error::Crypto(error) if error.kind.is_unreadable() => IO,
        Error::Crypto(crypto::Error { kind: crypto::ErrorKind::NoKeyFile, .. })
        | Error::NotThere(_)
        | Error::Unmatched(_)
        | Error::Incomparable(_)
        | Error::CommitTs { .. }
        | Error::Routes(_)
        | Error::Name(_)
        | Error::ItemKey(_)
        | Error::Snapshot(snapshot::Error::BelowFloor { .. } | snapshot::Error::NoHlc { .. }) => USAGE,
        Error::Dump(error) if error.kind.is_usage() => USAGE,
        Error::Dump(error) if error.kind.is_unsound() => INPUT,
        Error::Dump(_) | Error::Output(_) | Error::Read(_) => IO,
        Error::Strict { .. } | Error::SelfTest { .. } | Error::MissingGroups(_) | Error::Unchecked { .. } => {
            PROBLEMS
        }
        Error::Internal { .. } => INTERNAL,
        // Signals have small numbers; anything else would be a mistake of ours.
        Error::Interrupted(by) => u8::try_from(128 + by.0).unwrap_or(IO),
        _ => INPUT,
    }
}

#[cfg(test)]
mod tests {
    use ekv_backup::bug::Bug;

    use super::*;

    #[test]
    fn a_fault_of_the_program_has_a_code_of_its_own() {
        let fault = Error::from(Bug::new("an egg in a nest of stone"));
        assert_eq!(code(&fault), 70);
        let text = fault.to_string();
        assert!(
            text.starts_with("fault of this program: an egg in a nest of stone (src/cli/exit.rs:"),
            "{text}"
        );
        for to_send in ["this line", "--version", "the command line", "inspect --json"] {
            assert!(text.contains(to_send), "{text}");
        }
    }
}
