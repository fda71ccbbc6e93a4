//! A batch that is sorted and written as a run, by another thread where there is one, while the next one is filled.

use std::io;

use super::batch::Batch;
use super::run::Runs;
use crate::worker::Stage;

/// Least memory of a sorter that has a thread, bytes.
const WORTH_A_THREAD: usize = 1 << 20;

/// The thread, and a batch that it has emptied.
#[derive(Debug)]
pub(super) struct Spill {
    /// What comes back is an empty batch and the file.
    pub(super) stage: Stage<(Batch, Runs), (Batch, Runs, io::Result<()>)>,
    pub(super) spare: Batch,
}

/// Starts the thread; `None` where there is no other, or it is not worth it.
pub(super) fn start(memory: usize) -> Option<Box<Spill>> {
    let run = move |(mut batch, mut runs): (Batch, Runs)| {
        let written = write(&mut batch, &mut runs);
        batch.clear(memory);
        (batch, runs, written)
    };
    if memory < WORTH_A_THREAD {
        return None;
    }
    Some(Box::new(Spill { stage: Stage::start(1, run)?, spare: Batch::default() }))
}

/// Sorts a batch and appends it as a run.
pub(super) fn write(batch: &mut Batch, runs: &mut Runs) -> io::Result<()> {
    batch.sort();
    let mut writer = runs.writer();
    let mut place = 0;
    while let Some((key, value)) = batch.record(place) {
        writer.write(key, value)?;
        place += 1;
    }
    writer.finish()
}
