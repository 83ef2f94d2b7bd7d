//! A run on several ranks: what all but the first do.

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Result, anyhow};
use rewire_core::error::TrainError;
use rewire_core::train::{Epoch as Done, Step};
use rewire_engine::dynamic::{Network, RunObserver};
use rewire_engine::native::Native;
use rewire_engine::ranks::Ranks;

use crate::error::Usage;
use crate::training::checkpoint::Checkpoint;
use crate::training::ranks::receive;
use crate::training::run::{catch_up, restore};
use crate::training::session::Session;

/// Trains beside rank 0, which reads the samples and writes the run directory: to the end, or until a rank ends the run.
///
/// # Errors
///
/// As [`train`](crate::training::train), but for a loss that is NaN or infinite, which rank 0 tells of.
pub fn follow(
    ranks: &Ranks,
    continued: Option<(&Path, &Checkpoint)>,
    native: Native,
    interrupted: &AtomicBool,
) -> Result<()> {
    let (config, task) = receive(ranks)?;
    let session = Session::new(&config, &task, native);
    session.with_network(|network| {
        if let Some((out, checkpoint)) = continued {
            restore(network, out, checkpoint)?;
            catch_up(&session, network, checkpoint, None)?;
        } else {
            session.initialise(network).map_err(|error| Usage(error.to_string()))?;
        }
        if session.is_over(false) {
            return Ok(());
        }
        let next = continued.map_or(0, |(_, checkpoint)| checkpoint.epoch) + 1;
        match session.train(network, next, &mut Follower { interrupted }) {
            Ok(_) | Err(TrainError::Diverged { .. }) => Ok(()),
            Err(error) => Err(anyhow!("{error}")),
        }
    })?
}

/// The observer of a rank that records nothing.
struct Follower<'a> {
    interrupted: &'a AtomicBool,
}

impl RunObserver for Follower<'_> {
    fn step(&mut self, _step: &Step<'_>, _network: &dyn Network) -> ControlFlow<()> {
        if self.interrupted.load(Ordering::Relaxed) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    fn epoch(&mut self, _epoch: &Done, _network: &dyn Network) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }
}
