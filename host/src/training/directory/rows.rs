//! The rows of `metrics.csv` and `phases.csv`, and how files of rows are read.

use std::path::Path;

use anyhow::{Context, Result};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// A row of `metrics.csv`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Epoch {
    /// Counted from 1.
    pub epoch: u32,
    /// Of this epoch.
    pub learning_rate: f32,
    /// Mean over the epoch's steps, before each update and with dropout, in nats.
    pub train_loss: f32,
    /// On the test samples after the epoch (or on the validation samples, where some are held out), in nats.
    pub test_loss: f32,
    /// Over the epoch's steps, as the loss; a fraction.
    pub train_accuracy: f32,
    /// As the test loss; a fraction.
    pub test_accuracy: f32,
    /// Wall time of the epoch's steps, and of the evolutions between them.
    pub train_seconds: f64,
    /// Wall time of the evaluation.
    pub evaluate_seconds: f64,
    /// Wall time of the evolution after the epoch.
    pub evolve_seconds: f64,
    /// Connections after the epoch.
    pub connections: usize,
}

/// A row of `average.csv`: what the average of the weights does.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct AverageRow {
    /// Counted from 1.
    pub epoch: u32,
    /// As in [`Epoch`].
    pub test_loss: f32,
    /// As in [`Epoch`].
    pub test_accuracy: f32,
}

/// A row of `phases.csv`: where an epoch's time went, and the memory at its end. Row 0 is before there is a network.
///
/// Tiles are in phases of their own, each on its thread: the wall time of all tiles is shared out as their threads' time is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Phases {
    /// Counted from 1.
    pub epoch: u32,
    /// Fetching and changing samples.
    pub batch_seconds: f64,
    /// Forward passes of training.
    pub forward_seconds: f64,
    /// Backward passes.
    pub backward_seconds: f64,
    /// Gradients, velocities and weights.
    pub update_seconds: f64,
    /// The evaluation.
    pub evaluate_seconds: f64,
    /// Evolutions: between steps, and after the epoch.
    pub evolve_seconds: f64,
    /// What is written after the epoch, the checkpoint included.
    pub record_seconds: f64,
    /// Sending to other ranks and waiting for them, between the steps' other phases.
    #[serde(default)]
    pub exchange_seconds: f64,
    /// Bytes that this rank sent to others, evaluation included.
    #[serde(default)]
    pub sent_bytes: u64,
    /// Bytes that it received from them.
    #[serde(default)]
    pub received_bytes: u64,
    /// Training state that is in RAM: the network's block, by the pages that the system has given it; absent where the
    /// system does not tell.
    pub network_resident_bytes: Option<u64>,
    /// Resident memory of the process; absent where the system does not tell.
    pub resident_bytes: Option<u64>,
    /// The most it has had.
    pub peak_resident_bytes: Option<u64>,
}

/// The rows of a file up to the first that cannot be read, and what is wrong with that one.
///
/// # Errors
///
/// When the file cannot be read at all.
pub fn rows<T: DeserializeOwned>(path: &Path) -> Result<(Vec<T>, Option<String>)> {
    let shown = path.display();
    let mut rows = Vec::new();
    let mut reader = csv::Reader::from_path(path).with_context(|| format!("cannot read {shown}"))?;
    for row in reader.deserialize() {
        match row {
            Ok(row) => rows.push(row),
            Err(error) => return Ok((rows, Some(format!("{shown}: {error}")))),
        }
    }
    Ok((rows, None))
}
