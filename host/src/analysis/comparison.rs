//! Saved runs side by side: a row for each model, over its seeds.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Result;
use rewire_core::network::LayerSpec;
use serde::Serialize;

use crate::analysis::saved::{Group, SavedRun, group};
use crate::analysis::statistics::mean_and_deviation;
use crate::files::write_atomically;
use crate::settings::{ModelKind, TaskKind};
use crate::text::{as_written, thousands};
use crate::training::early_stopping::kept;
use crate::training::memory::{footprints, of_layers};

/// The results of a model over its seeds; accuracies and losses are of the epoch whose network was kept, the last one without
/// `--keep best`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Row {
    /// What tells it from the other rows.
    pub label: String,
    /// Its model.
    pub model: ModelKind,
    /// Its task, which says what an accuracy is: R² where numbers are learned.
    pub task: TaskKind,
    /// Whether it was measured on validation samples, not on test samples.
    pub validated: bool,
    /// Seeds, in order.
    pub seeds: Vec<u64>,
    /// Epochs of the shortest run.
    pub epochs: u32,
    /// Mean over the seeds; a fraction.
    pub test_accuracy: f64,
    /// Standard deviation over the seeds.
    pub test_accuracy_deviation: f64,
    /// Mean, in nats.
    pub test_loss: f64,
    /// Mean; a fraction.
    pub train_accuracy: f64,
    /// Weights without biases.
    pub weights: usize,
    /// The share of all possible weights that there are; a fraction.
    pub density: f64,
    /// Multiply-adds to predict a sample: one a weight.
    pub forward_multiply_adds: usize,
    /// Multiply-adds to train on a sample: three a weight, two in the first layer, whose inputs need no gradient.
    pub training_multiply_adds: usize,
    /// Mean wall time of an epoch's steps.
    pub seconds_per_epoch: f64,
    /// The most memory that a run's process had, data loading included, if it was measured.
    pub peak_resident_bytes: Option<u64>,
    /// Bytes of training state.
    pub training_bytes: usize,
    /// Bytes of weights, biases and structure.
    pub model_bytes: usize,
}

/// A row for each group that has finished epochs.
pub fn rows(groups: &[Group<'_>]) -> Vec<Row> {
    groups.iter().filter_map(row).collect()
}

fn row(group: &Group<'_>) -> Option<Row> {
    let runs: Vec<_> = group.runs.iter().filter(|run| !run.epochs.is_empty()).collect();
    let config = &runs.first()?.config;
    let last = |value: fn(&crate::training::directory::Epoch) -> f32| -> Vec<f64> {
        runs.iter().filter_map(|run| kept(&run.config, &run.epochs)).map(|row| as_written(value(row))).collect()
    };
    let (test_accuracy, test_accuracy_deviation) = mean_and_deviation(&last(|row| row.test_accuracy));
    let times: Vec<f64> = runs.iter().flat_map(|run| &run.epochs).map(|row| row.train_seconds).collect();
    let (inputs, outputs) = runs.first()?.widths;
    let layers = runs.first()?.layers();
    let weights: usize = layers.iter().map(|layer| layer.connections).sum();
    let footprint = footprints(config, inputs, outputs).0;
    Some(Row {
        label: group.label.clone(),
        model: config.model,
        task: config.task,
        validated: config.validation_samples > 0,
        seeds: runs.iter().map(|run| run.config.seed).collect(),
        epochs: runs.iter().map(|run| run.done()).min()?,
        test_accuracy,
        test_accuracy_deviation,
        test_loss: mean_and_deviation(&last(|row| row.test_loss)).0,
        train_accuracy: mean_and_deviation(&last(|row| row.train_accuracy)).0,
        weights,
        density: weights as f64 / layers.iter().map(LayerSpec::cells).sum::<usize>().max(1) as f64,
        forward_multiply_adds: weights,
        training_multiply_adds: 3 * weights - layers.first().map_or(0, |layer| layer.connections),
        seconds_per_epoch: mean_and_deviation(&times).0,
        peak_resident_bytes: runs.iter().flat_map(|run| &run.phases).filter_map(|row| row.peak_resident_bytes).max(),
        training_bytes: footprint.bytes(),
        model_bytes: of_layers(config, &layers).model(),
    })
}

/// Names of the table's columns, broken into the lines that a terminal shows.
pub fn broken_columns(rows: &[Row]) -> [String; 12] {
    let samples = match (rows.iter().any(|row| row.validated), rows.iter().all(|row| row.validated)) {
        (true, true) => "validation",
        (true, false) => "test or\nvalidation",
        (false, _) => "test",
    };
    let classes = |row: &Row| row.task == TaskKind::Classify;
    let (score, loss) = match (rows.iter().any(classes), rows.iter().all(classes)) {
        (_, true) => ("accuracy\n(%)", "loss\n(nats)"),
        (true, false) => ("accuracy\nor R² (%)", "loss"),
        (false, _) => ("R² (%)", "loss\n(squared\nerror)"),
    };
    [
        "model",
        "seeds",
        "epochs",
        &format!("{samples}\n{score}"),
        &format!("{samples}\n{loss}"),
        "weights",
        "density\n(%)",
        "multiply-\nadds to\ntrain on\na sample\n(10⁶)",
        "seconds\nan epoch",
        "process\npeak with\ndata\nloading\n(MB)",
        "training\nstate\n(MB)",
        "model\n(MB)",
    ]
    .map(str::to_owned)
}

/// Names of the columns in one line each.
pub fn columns(rows: &[Row]) -> [String; 12] {
    broken_columns(rows).map(|name| name.replace("-\n", "-").replace('\n', " "))
}

/// A row's cells, for any table.
pub fn cells(row: &Row) -> [String; 12] {
    let mega = |bytes: usize| format!("{:.2}", bytes as f64 / 1e6);
    let accuracy = 100.0 * row.test_accuracy;
    [
        row.label.clone(),
        row.seeds.len().to_string(),
        row.epochs.to_string(),
        if row.seeds.len() > 1 {
            format!("{accuracy:.2} ± {:.2}", 100.0 * row.test_accuracy_deviation)
        } else {
            format!("{accuracy:.2}")
        },
        format!("{:.4}", row.test_loss),
        thousands(row.weights as u64),
        format!("{:.2}", 100.0 * row.density),
        format!("{:.3}", row.training_multiply_adds as f64 / 1e6),
        format!("{:.2}", row.seconds_per_epoch),
        row.peak_resident_bytes.map_or("not measured".into(), |bytes| format!("{:.1}", bytes as f64 / 1e6)),
        mega(row.training_bytes),
        mega(row.model_bytes),
    ]
}

/// The table as Markdown.
pub fn markdown(rows: &[Row]) -> String {
    let columns = columns(rows);
    let mut text = format!("| {} |\n|---|{}\n", columns.join(" | "), "---:|".repeat(columns.len() - 1));
    for row in rows {
        let _ = writeln!(text, "| {} |", cells(row).join(" | "));
    }
    text
}

/// Reads the runs and writes the table beside them.
///
/// # Errors
///
/// When a run cannot be read or the table not written.
pub fn conclude(paths: &[PathBuf], out: &Path) -> Result<Vec<Row>> {
    let runs = paths.iter().map(|path| SavedRun::read(path)).collect::<Result<Vec<_>>>()?;
    let rows = rows(&group(&runs));
    write_atomically(&out.join("comparison.md"), markdown(&rows).as_bytes())?;
    write_atomically(&out.join("comparison.json"), serde_json::to_string_pretty(&rows)?.as_bytes())?;
    Ok(rows)
}
