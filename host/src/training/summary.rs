//! The results of a run.

use std::path::{Path, PathBuf};

use rewire_core::backend::Shares;
use rewire_core::network::LayerSpec;
use serde::Serialize;

use crate::data::DataSource;
use crate::settings::{Config, ModelKind, TaskKind};
use crate::training::directory::{AVERAGES, AverageRow, Epoch, rows};
use crate::training::early_stopping::kept;
use crate::training::memory::{footprints, of_layers};

/// The closing figures of a run.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Summary {
    /// What was learned.
    pub dataset: DataSource,
    /// Which task.
    pub task: TaskKind,
    /// By which model.
    pub model: ModelKind,
    /// From which seed.
    pub seed: u64,
    /// The epoch that is kept: the last, unless the best is.
    pub epochs: u32,
    /// Whether the test columns are of samples held out from training instead.
    pub validation: bool,
    /// How many samples the test columns are of, where it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub test_samples: Option<usize>,
    /// Of the last epoch, as are all figures below; in nats.
    pub train_loss: f32,
    /// A fraction.
    pub train_accuracy: f32,
    /// In nats.
    pub test_loss: f32,
    /// A fraction.
    pub test_accuracy: f32,
    /// Of the average of the weights, where it is kept; in nats.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub average_loss: Option<f32>,
    /// A fraction.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub average_accuracy: Option<f32>,
    /// Weights of all layers, without biases.
    pub connections: usize,
    /// Weights of the same network with every connection.
    pub dense_connections: usize,
    /// Their ratio.
    pub density: f64,
    /// Bytes of weights, biases and structure.
    pub model_bytes: usize,
    /// The same of the dense network.
    pub dense_model_bytes: usize,
    /// Bytes of everything that training needs: model, velocity, activations, deltas, indices.
    pub training_bytes: usize,
    /// The same of the dense network.
    pub dense_training_bytes: usize,
    /// Wall time of all steps.
    pub train_seconds: f64,
    /// Wall time of all evaluations.
    pub evaluate_seconds: f64,
    /// Wall time of all evolutions.
    pub evolve_seconds: f64,
    /// Processes that shared the steps, if there were several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ranks: Option<usize>,
    /// Bytes that rank 0 sends to the others in a step.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub step_sent_bytes: Option<usize>,
    /// Bytes that it receives from them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub step_received_bytes: Option<usize>,
    /// The run directory.
    #[serde(serialize_with = "crate::text::lossy")]
    pub out: PathBuf,
}

impl Summary {
    /// The figures of a run with so many inputs and outputs; none before an epoch is finished.
    ///
    /// `layers` are those of the network as it is now: connections may have been removed for good.
    pub fn new(
        config: &Config,
        (inputs, outputs): (usize, usize),
        layers: &[LayerSpec],
        out: &Path,
        epochs: &[Epoch],
    ) -> Option<Self> {
        let last = kept(config, epochs)?;
        let averages = rows::<AverageRow>(&out.join(AVERAGES)).map_or_else(|_| Vec::new(), |(rows, _)| rows);
        let average = averages.last();
        let (sparse, dense) = footprints(config, inputs, outputs);
        let dense_connections = layers.iter().map(LayerSpec::cells).fold(0, usize::saturating_add);
        let total = |part: fn(&Epoch) -> f64| epochs.iter().map(part).sum();
        Some(Self {
            dataset: config.dataset.clone(),
            task: config.task,
            model: config.model,
            seed: config.seed,
            epochs: last.epoch,
            validation: config.validation_samples > 0,
            test_samples: None,
            train_loss: last.train_loss,
            train_accuracy: last.train_accuracy,
            test_loss: last.test_loss,
            test_accuracy: last.test_accuracy,
            average_loss: average.map(|row| row.test_loss),
            average_accuracy: average.map(|row| row.test_accuracy),
            connections: last.connections,
            dense_connections,
            density: last.connections as f64 / dense_connections as f64,
            model_bytes: of_layers(config, layers).model(),
            dense_model_bytes: dense.model(),
            training_bytes: sparse.bytes(),
            dense_training_bytes: dense.bytes(),
            train_seconds: total(|epoch| epoch.train_seconds),
            evaluate_seconds: total(|epoch| epoch.evaluate_seconds),
            evolve_seconds: total(|epoch| epoch.evolve_seconds),
            ranks: None,
            step_sent_bytes: None,
            step_received_bytes: None,
            out: out.to_owned(),
        })
    }

    /// The same of a run whose epochs were measured on so many samples.
    #[must_use]
    pub fn measured_on(self, samples: usize) -> Self {
        Self { test_samples: Some(samples), ..self }
    }

    /// The same of a run on several ranks.
    #[must_use]
    pub fn on_ranks(mut self, shares: Option<Shares>, config: &Config) -> Self {
        if let Some(shares) = shares {
            let tiles = config.batch_size.div_ceil(config.lanes());
            self.ranks = Some(shares.ranks);
            self.step_sent_bytes = Some(shares.sent(0, tiles));
            self.step_received_bytes = Some(shares.received(0, tiles));
        }
        self
    }
}
