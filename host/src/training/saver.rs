//! When checkpoints are written.
//!
//! A checkpoint is flushed to the disk, which can last longer than an epoch of a small network. So epochs that end soon
//! after one another share one: whatever ends the program, or the power, costs half a second of training and the epoch that
//! went on. The last epoch of a run always has one, also where Ctrl-C ended it.

use std::time::{Duration, Instant};

use anyhow::Result;

use crate::training::checkpoint::Checkpoint;
use crate::training::directory::RunDirectory;

/// Time between two checkpoints.
const INTERVAL: Duration = Duration::from_millis(500);

/// Saves the checkpoints of a run.
#[derive(Debug, Default)]
pub(super) struct Saver {
    /// When one was written.
    saved: Option<Instant>,
    /// The newest, if it was not.
    waiting: Option<Checkpoint>,
}

impl Saver {
    /// Takes the checkpoint of an epoch that has ended, and writes it if it is time to.
    pub(super) fn save(&mut self, checkpoint: Checkpoint, directory: &RunDirectory) -> Result<()> {
        self.waiting = Some(checkpoint);
        if self.saved.is_some_and(|at| at.elapsed() < INTERVAL) { Ok(()) } else { self.write(directory) }
    }

    /// Writes what waits.
    pub(super) fn write(&mut self, directory: &RunDirectory) -> Result<()> {
        let Some(checkpoint) = self.waiting.take() else { return Ok(()) };
        // The rows that it counts on come first.
        directory.flush()?;
        checkpoint.save(directory.path())?;
        self.saved = Some(Instant::now());
        Ok(())
    }
}
