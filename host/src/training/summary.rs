//! The results of a run, as a table for people or JSON for programs.

use std::path::{Path, PathBuf};

use comfy_table::{CellAlignment, Table, presets};
use rewire_core::network::Footprint;
use rewire_core::network::LayerSpec;
use serde::Serialize;

use crate::data::DatasetName;
use crate::settings::{Config, ModelKind};
use crate::text::thousands;
use crate::training::directory::Epoch;

/// The closing figures of a run.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Summary {
    /// What was learned.
    pub dataset: DatasetName,
    /// By which model.
    pub model: ModelKind,
    /// From which seed.
    pub seed: u64,
    /// Epochs done.
    pub epochs: u32,
    /// Whether the test columns are of samples held out from training instead.
    pub validation: bool,
    /// Of the last epoch, as are all figures below; in nats.
    pub train_loss: f32,
    /// A fraction.
    pub train_accuracy: f32,
    /// In nats.
    pub test_loss: f32,
    /// A fraction.
    pub test_accuracy: f32,
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
    /// The run directory.
    #[serde(serialize_with = "crate::text::lossy")]
    pub out: PathBuf,
}

impl Summary {
    /// The figures of a run's epochs; `None` when there is none.
    pub fn new(
        config: &Config,
        layers: &[LayerSpec],
        (sparse, dense): (Footprint, Footprint),
        out: &Path,
        epochs: &[Epoch],
    ) -> Option<Self> {
        let last = epochs.last()?;
        let dense_connections: usize = layers.iter().map(LayerSpec::cells).sum();
        let total = |part: fn(&Epoch) -> f64| epochs.iter().map(part).sum();
        Some(Self {
            dataset: config.dataset,
            model: config.model,
            seed: config.seed,
            epochs: last.epoch,
            validation: config.validation_samples > 0,
            train_loss: last.train_loss,
            train_accuracy: last.train_accuracy,
            test_loss: last.test_loss,
            test_accuracy: last.test_accuracy,
            connections: last.connections,
            dense_connections,
            density: last.connections as f64 / dense_connections as f64,
            model_bytes: sparse.model(),
            dense_model_bytes: dense.model(),
            training_bytes: sparse.bytes(),
            dense_training_bytes: dense.bytes(),
            train_seconds: total(|epoch| epoch.train_seconds),
            evaluate_seconds: total(|epoch| epoch.evaluate_seconds),
            evolve_seconds: total(|epoch| epoch.evolve_seconds),
            out: out.to_owned(),
        })
    }

    /// A table with the dense network beside it.
    pub fn table(&self) -> Table {
        let mut table = Table::new();
        table.load_style(presets::UTF8_HORIZONTAL_ONLY);
        let title = format!("{} on {}, seed {}", self.model, self.dataset, self.seed);
        table.set_header([title.as_str(), "this network", "the same, dense"]);
        let measured = if self.validation { "validation" } else { "test" };
        let percent = |fraction: f32| format!("{:.2} %", 100.0 * fraction);
        let mut row = |name: String, value: String, dense: String| {
            table.add_row([name, value, dense]);
        };
        row(format!("{measured} accuracy, epoch {}", self.epochs), percent(self.test_accuracy), String::new());
        row(format!("{measured} loss"), format!("{:.4}", self.test_loss), String::new());
        row("training accuracy".into(), percent(self.train_accuracy), String::new());
        row("training loss".into(), format!("{:.4}", self.train_loss), String::new());
        row("connections".into(), thousands(self.connections as u64), thousands(self.dense_connections as u64));
        row("density".into(), format!("{:.2} %", 100.0 * self.density), "100 %".into());
        row("bytes of the model".into(), thousands(self.model_bytes as u64), thousands(self.dense_model_bytes as u64));
        row(
            "bytes to train it".into(),
            thousands(self.training_bytes as u64),
            thousands(self.dense_training_bytes as u64),
        );
        for (name, seconds) in
            [("training", self.train_seconds), ("evaluating", self.evaluate_seconds), ("evolving", self.evolve_seconds)]
        {
            row(format!("seconds {name}"), format!("{seconds:.2}"), String::new());
        }
        for column in table.column_iter_mut().skip(1) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        table
    }
}
