//! How far a run is that one of several commands may have begun before.

use std::path::Path;

use anyhow::{Context, Result};

use crate::analysis::saved::SavedRun;
use crate::commands::progress::say;
use crate::error::Usage;
use crate::settings::Config;
use crate::training::checkpoint::Checkpoint;
use crate::training::directory::{MODEL, RunDirectory};
use crate::training::fitting::{WIDE_LANES, has_default_batch};
use crate::training::lock::Lock;
use crate::training::resumable;
use crate::training::warn::Warn;

/// How far a run is.
pub(super) enum State {
    /// Not begun.
    New,
    /// It can be continued.
    Begun,
    /// Every epoch is done.
    Done,
}

/// How far the run in a directory is that these settings make. What ended within its first epoch is removed.
///
/// # Errors
///
/// A directory of another run, or one that another process trains.
pub(super) fn state(path: &Path, config: &Config) -> Result<State> {
    if !path.join("config.toml").exists() {
        return Ok(State::New);
    }
    // What another process trains is neither removed nor continued.
    let lock = Lock::take(path)?;
    let saved = SavedRun::read(path)?;
    if !Checkpoint::exists(path) && saved.epochs.is_empty() {
        // It ended within its first epoch: nothing of it is worth keeping.
        RunDirectory::discard(path, lock)?;
        return Ok(State::New);
    }
    // A minibatch of the default size may have been fitted to few samples.
    let fitted = has_default_batch(config) && saved.config.batch_size < config.batch_size;
    let batch_size = if fitted { saved.config.batch_size } else { config.batch_size };
    // And tiles to wide samples.
    let lanes = if config.lanes == 0 && saved.config.lanes == WIDE_LANES { WIDE_LANES } else { config.lanes };
    let config = &Config { batch_size, lanes, ..config.clone() };
    let same_length = Config { epochs: config.epochs, ..saved.config.clone() };
    let differences = same_length.differences(config);
    let shown = path.display();
    if !differences.is_empty() {
        let differences = differences.join("; ");
        return Err(Usage(format!("{shown} holds another run: {differences}; name another --out")).into());
    }
    if saved.config.epochs != config.epochs {
        // Longer or shorter, where its schedules allow it.
        resumable(path, config, &Warn::new(say)).with_context(|| format!("{shown} cannot be continued"))?;
    }
    if saved.done() == config.epochs && path.join(MODEL).exists() {
        return Ok(State::Done);
    }
    Ok(State::Begun)
}
