//! Which snapshots a run reads, and how they are opened: the same for each command.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use crate::crypto::{KeyFiles, Keyring};
use crate::error::Result;
use crate::inputs::{Found, Notice, Opened, Records};
use crate::interrupt::Interrupt;
use crate::progress::Progress;
use crate::snapshot::{ReadAt, SnapshotOptions};
use crate::sort::Scratch;
use crate::tree::Dump;

/// The snapshots of a run.
#[derive(Clone, Debug, Default)]
pub struct Source {
    /// Snapshots of one cluster's Raft groups: files, `-` for standard input, data directories.
    pub inputs: Vec<PathBuf>,
    /// Files and data directories that are searched for commit and rollback records of transactions only.
    pub txn_from: Vec<PathBuf>,
    /// Where the keys of encrypted values come from.
    pub keys: KeyFiles,
    /// Nothing but counts is asked for: values without a key are counted instead of refused.
    pub counts_only: bool,
    /// Read at this time instead of T.
    pub at: Option<ReadAt>,
    /// Ends the run with [`Error::Interrupted`](crate::Error::Interrupted).
    pub interrupt: Interrupt,
    /// How far the run is.
    pub progress: Progress,
    /// What [`Source::dump`] has read of standard input.
    pub stdin_head: Arc<OnceLock<Arc<[u8]>>>,
}

impl Source {
    /// Reads these snapshots.
    #[must_use]
    pub fn new(inputs: Vec<PathBuf>) -> Self {
        Self { inputs, ..Self::default() }
    }

    /// Returns an empty scratch in `directory` whose work the interrupt ends.
    #[must_use]
    pub fn scratch(&self, directory: PathBuf) -> Scratch {
        Scratch::new(directory).polling(&self.interrupt)
    }

    /// Opens the dump that is the only input, a tree or an archive, `-` for one on standard input; `None` where the inputs
    /// are snapshots.
    ///
    /// # Errors
    ///
    /// Whatever is wrong with the dump.
    pub fn dump(&self, scratch: &Scratch) -> Result<Option<Dump>> {
        let shared = (&self.interrupt, &self.progress);
        match self.inputs.as_slice() {
            [input] if input.as_os_str() == "-" => match Dump::of_stdin(scratch, shared)? {
                Ok(dump) => Ok(Some(dump)),
                Err(head) => {
                    // Once read, it is read by nobody else.
                    let _ = self.stdin_head.set(head.into());
                    Ok(None)
                }
            },
            [input] => Ok(Dump::open(input, scratch, shared)?),
            _ => Ok(None),
        }
    }

    /// Opens the snapshots; what can be read only once is spooled in `scratch`. `tell` hears of each choice that was
    /// made in a directory.
    ///
    /// # Errors
    ///
    /// Whatever is wrong with a path, a key or a snapshot.
    pub fn open(&self, scratch: &Scratch, tell: &mut dyn FnMut(Notice<'_>)) -> Result<Opened> {
        let (found, records) = self.find(tell)?;
        self.open_found(found, &records, scratch, tell)
    }

    /// Finds the files, and opens none.
    pub(super) fn find(&self, tell: &mut dyn FnMut(Notice<'_>)) -> Result<(Found, Records)> {
        let found = Found::find(&self.inputs, &self.interrupt)?;
        found.say(tell);
        let records = Records::find(&self.txn_from, &self.inputs, &self.interrupt, tell)?;
        Ok((found, records))
    }

    /// Opens what was found.
    pub(super) fn open_found(
        &self,
        found: Found,
        records: &Records,
        scratch: &Scratch,
        tell: &mut dyn FnMut(Notice<'_>),
    ) -> Result<Opened> {
        // Before anything is copied or read: a wrong key is known at once.
        let keyring = Keyring::load(&self.keys, found.places())?.map(Arc::new);
        let options = SnapshotOptions {
            at: self.at,
            txn_from: records.open(scratch.directory(), &self.interrupt)?,
            keyring,
            counts_only: self.counts_only,
            scratch: scratch.clone(),
            interrupt: self.interrupt.clone(),
            progress: self.progress.clone(),
            stdin_head: self.stdin_head.get().cloned().unwrap_or_default(),
            ..SnapshotOptions::default()
        };
        Ok(found.open(scratch.directory(), &options, tell)?)
    }
}
