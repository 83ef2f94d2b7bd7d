//! The three models side by side: trained where they are not yet, and a table of what they came to.
//!
//! Each run is a process of its own, so that its peak memory is its own too.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result};
use comfy_table::{CellAlignment, Table, presets};
use serde::Serialize;

use crate::analysis::saved::{Group, SavedRun, group};
use crate::data::manifest;
use crate::error::{Interrupted, Usage};
use crate::figures::curves::mean_and_deviation;
use crate::files::write_atomically;
use crate::settings::{ActivationKind, Config, ModelKind};
use crate::text::thousands;
use crate::training::checkpoint::Checkpoint;

/// What the seeds of a model came to; accuracies and losses are of the last epoch.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Row {
    /// What tells it from the other rows.
    pub label: String,
    /// Its model.
    pub model: ModelKind,
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
    /// Multiply-adds to predict a sample: one a weight.
    pub forward_multiply_adds: usize,
    /// Multiply-adds to train on a sample: three a weight, two in the first layer, whose inputs need no gradient.
    pub training_multiply_adds: usize,
    /// Mean wall time of an epoch's steps.
    pub seconds_per_epoch: f64,
    /// The most memory that a run's process had, if it was measured.
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
        runs.iter().filter_map(|run| run.epochs.last()).map(|row| f64::from(value(row))).collect()
    };
    let (test_accuracy, test_accuracy_deviation) = mean_and_deviation(&last(|row| row.test_accuracy));
    let times: Vec<f64> = runs.iter().flat_map(|run| &run.epochs).map(|row| row.train_seconds).collect();
    let entry = manifest::entry(config.dataset);
    let (inputs, classes) = (entry.shape.features(), usize::from(entry.classes));
    let layers = config.layers(inputs, classes);
    let weights: usize = layers.iter().map(|layer| layer.connections).sum();
    let footprint = crate::training::footprints(config, inputs, classes).0;
    Some(Row {
        label: group.label.clone(),
        model: config.model,
        seeds: runs.iter().map(|run| run.config.seed).collect(),
        epochs: runs.iter().map(|run| run.done()).min()?,
        test_accuracy,
        test_accuracy_deviation,
        test_loss: mean_and_deviation(&last(|row| row.test_loss)).0,
        train_accuracy: mean_and_deviation(&last(|row| row.train_accuracy)).0,
        weights,
        forward_multiply_adds: weights,
        training_multiply_adds: 3 * weights - layers.first().map_or(0, |layer| layer.connections),
        seconds_per_epoch: mean_and_deviation(&times).0,
        peak_resident_bytes: runs.iter().flat_map(|run| &run.phases).filter_map(|row| row.peak_resident_bytes).max(),
        training_bytes: footprint.bytes(),
        model_bytes: footprint.model(),
    })
}

/// Names of the table's columns.
pub const COLUMNS: [&str; 11] = [
    "model",
    "seeds",
    "epochs",
    "test accuracy (%)",
    "test loss (nats)",
    "weights",
    "multiply-adds a sample, forward / training",
    "s an epoch",
    "peak memory (MB)",
    "to train (MB)",
    "model (MB)",
];

/// A row's cells, for any table.
pub fn cells(row: &Row) -> [String; 11] {
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
        format!("{} / {}", thousands(row.forward_multiply_adds as u64), thousands(row.training_multiply_adds as u64)),
        format!("{:.2}", row.seconds_per_epoch),
        row.peak_resident_bytes.map_or("not measured".into(), |bytes| format!("{:.1}", bytes as f64 / 1e6)),
        mega(row.training_bytes),
        mega(row.model_bytes),
    ]
}

/// The table for a terminal.
pub fn table(rows: &[Row]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::UTF8_HORIZONTAL_ONLY).set_header(COLUMNS);
    for row in rows {
        table.add_row(cells(row));
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

/// The table as Markdown.
pub fn markdown(rows: &[Row]) -> String {
    let mut text = format!("| {} |\n|---|{}\n", COLUMNS.join(" | "), "---:|".repeat(COLUMNS.len() - 1));
    for row in rows {
        let _ = writeln!(text, "| {} |", cells(row).join(" | "));
    }
    text
}

/// What to train.
#[derive(Debug)]
pub struct Plan<'a> {
    /// Settings of all runs.
    pub config: &'a Config,
    /// Models.
    pub models: &'a [ModelKind],
    /// Learning rate of the dense model, where it is another.
    pub dense_learning_rate: Option<f32>,
    /// Activation of the dense model, where it is not [`Config::dense_activation`].
    pub dense_activation: Option<ActivationKind>,
    /// Seeds of each model.
    pub seeds: &'a [u64],
    /// Arguments for each `rewire train`, such as threads.
    pub train: &'a [String],
    /// Set when the user wants to end.
    pub interrupted: &'a AtomicBool,
}

/// The runs of a comparison.
#[derive(Debug, Default)]
pub struct Trained {
    /// Directories of runs that finished.
    pub done: Vec<PathBuf>,
    /// Those that did not, for a reason that they said.
    pub failed: Vec<PathBuf>,
}

/// Trains what is not there yet, as far as it goes.
///
/// # Errors
///
/// When a folder holds another run, nothing can be started, or the user interrupts.
pub fn train(plan: &Plan<'_>, out: &Path) -> Result<Trained> {
    let Plan { config, models, seeds, .. } = *plan;
    let mut runs: Vec<(PathBuf, Config)> = Vec::new();
    for &model in models {
        for &seed in seeds {
            let path = out.join(format!("{model}-seed{seed}"));
            if runs.iter().any(|(other, _)| *other == path) {
                return Err(Usage(format!("{model} with seed {seed} is asked for twice")).into());
            }
            let (learning_rate, activation) = if model == ModelKind::Dense {
                let activation = plan.dense_activation.unwrap_or_else(|| config.dense_activation());
                (plan.dense_learning_rate.unwrap_or(config.learning_rate), activation)
            } else {
                (config.learning_rate, config.activation)
            };
            let config = Config { model, activation, learning_rate, seed, ..config.clone() };
            config.validate()?;
            runs.push((path, config));
        }
    }
    std::fs::create_dir_all(out)
        .with_context(|| format!("cannot make the folder --out {}; choose another", out.display()))?;
    // Everything that can be refused is refused before the first run.
    let states: Vec<State> = runs.iter().map(|(path, config)| state(path, config)).collect::<Result<_>>()?;
    let recipe = out.join("recipe.toml");
    write_atomically(&recipe, toml::to_string(config)?.as_bytes())?;
    let program = std::env::current_exe().context("the program cannot find itself")?;
    let mut trained = Trained::default();
    for ((path, config), state) in runs.into_iter().zip(states) {
        let mut command = Command::new(&program);
        command.arg("train").arg("--out").arg(&path).args(plan.train).stdout(std::process::Stdio::null());
        match state {
            State::Done => {
                trained.done.push(path);
                continue;
            }
            State::Begun => {
                command.arg("--resume");
            }
            State::New => {
                command.arg("--config").arg(&recipe);
                command.args(["--model", &config.model.to_string(), "--seed", &config.seed.to_string()]);
                command.args(["--learning-rate", &config.learning_rate.to_string()]);
                command.args(["--activation", &config.activation.to_string()]);
            }
        }
        crate::training::progress::say(&format!("{}: {} of seed {}", path.display(), config.model, config.seed));
        let status = command.status().context("a run cannot be started")?;
        if plan.interrupted.load(Ordering::Relaxed) {
            return Err(Interrupted(format!("interrupted; the same command continues in {}", out.display())).into());
        }
        if status.success() { trained.done.push(path) } else { trained.failed.push(path) }
    }
    Ok(trained)
}

/// How far a run is.
enum State {
    New,
    Begun,
    Done,
}

fn state(path: &Path, config: &Config) -> Result<State> {
    if !path.join("config.toml").exists() {
        return Ok(State::New);
    }
    let saved = SavedRun::read(path)?;
    if !Checkpoint::exists(path) && saved.epochs.is_empty() {
        // It ended within its first epoch: nothing of it is worth keeping.
        crate::training::directory::RunDirectory::discard(path)?;
        return Ok(State::New);
    }
    let differences = saved.config.differences(config);
    if !differences.is_empty() {
        let (shown, differences) = (path.display(), differences.join("; "));
        return Err(Usage(format!("{shown} holds another run: {differences}; name another --out")).into());
    }
    if saved.done() == config.epochs && path.join(crate::training::directory::MODEL).exists() {
        return Ok(State::Done);
    }
    Ok(State::Begun)
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
