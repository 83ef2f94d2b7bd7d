//! When checkpoints are written.
//!
//! A checkpoint is flushed to the disk, which can last longer than an epoch of a small network. So epochs that end soon
//! after one another share one: whatever ends the program, or the power, costs half a second of training and the epoch that
//! went on. The last epoch of a run always has one, also where Ctrl-C ended it.

use std::time::{Duration, Instant};

use anyhow::Result;

use crate::training::checkpoint::{OwnedState, State};
use crate::training::directory::RunDirectory;

/// Bytes of a network that is copied, so that its checkpoint can wait. A larger one is written at once.
const LARGEST_COPY: u64 = 1 << 26;

/// Time between two checkpoints.
const INTERVAL: Duration = Duration::from_millis(500);

/// Saves the checkpoints of a run.
#[derive(Debug, Default)]
pub(super) struct Saver {
    /// When one was written.
    saved: Option<Instant>,
    /// The newest, if it was not.
    waiting: Option<OwnedState>,
}

impl Saver {
    /// Takes the checkpoint of an epoch that has ended, and writes it if it is time to.
    pub(super) fn save(&mut self, state: &State<'_>, directory: &RunDirectory) -> Result<()> {
        if self.saved.is_some_and(|at| at.elapsed() < INTERVAL) && state.bytes() <= LARGEST_COPY {
            self.waiting = Some(state.to_owned());
            return Ok(());
        }
        self.waiting = None;
        self.write_now(state, directory)
    }

    /// Writes what waits.
    pub(super) fn write(&mut self, directory: &RunDirectory) -> Result<()> {
        self.waiting.take().map_or(Ok(()), |waiting| self.write_now(&waiting.state(), directory))
    }

    fn write_now(&mut self, state: &State<'_>, directory: &RunDirectory) -> Result<()> {
        // The rows that it counts on come first.
        directory.flush()?;
        state.save(directory.path())?;
        self.saved = Some(Instant::now());
        Ok(())
    }
}
