//! Snapshots that are searched for what became of transactions, and for nothing else (`reading/transactions.md#deciding-without-a-server`).

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::error::{Error, Result};
use super::find::{is_searched, is_standard_input};
use super::{Found, Notice};
use crate::container::Source;
use crate::interrupt::Interrupt;

/// The snapshots of `--txn-from`, in the order in which they were named or found. Several may be of one group, and of
/// a group of the inputs: records are never deleted, so that each tells the truth.
#[derive(Debug, Default)]
pub struct Records {
    paths: Vec<PathBuf>,
}

impl Records {
    /// Finds the snapshots: files, directories as for inputs, and standard input where no input is that.
    pub fn find(
        paths: &[PathBuf],
        inputs: &[PathBuf],
        interrupt: &Interrupt,
        tell: &mut dyn FnMut(Notice<'_>),
    ) -> Result<Self> {
        if inputs.iter().chain(paths).filter(|path| is_standard_input(path)).count() > 1 {
            return Err(Error::StandardInput);
        }
        let mut records = Self::default();
        for path in paths {
            if !is_searched(path) {
                records.paths.push(path.clone());
                continue;
            }
            let found = Found::find(std::slice::from_ref(path), interrupt)?;
            for passed in &found.passed_over.named {
                tell(Notice::PassedOver(passed));
            }
            for candidate in found.candidates() {
                tell(Notice::Searched(candidate));
                records.paths.push(candidate.path.clone());
            }
        }
        Ok(records)
    }

    /// Lists the files.
    #[must_use]
    pub fn paths(&self) -> &[PathBuf] {
        &self.paths
    }

    /// Opens the snapshots; what can be read only once is spooled to `spool`.
    pub fn open(&self, spool: &Path, interrupt: &Interrupt) -> Result<Vec<Arc<Source>>> {
        let open = |path: &PathBuf| Ok(Arc::new(Source::open(path, spool, interrupt)?));
        self.paths.iter().map(open).collect()
    }
}
