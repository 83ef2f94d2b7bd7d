//! The run directory: what a run leaves behind.
//!
//! | file | what it holds |
//! |---|---|
//! | `config.toml` | every setting, and in `[record]` the version, commit, machine and date |
//! | `metrics.csv` | a row an epoch; epochs count from 1, accuracies are fractions |
//! | `checkpoint` | the state after the last finished epoch, and before it in `checkpoint.previous`, see [`checkpoint`](crate::checkpoint) |
//! | `model.safetensors` | the network after the last epoch, see [`model`](crate::model) |

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};

use crate::config::{Config, RECORD};
use crate::error::Usage;
use crate::files::write_atomically;

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
    /// Wall time of the epoch's steps.
    pub train_seconds: f64,
    /// Wall time of the evaluation.
    pub evaluate_seconds: f64,
    /// Wall time of the evolution after the epoch.
    pub evolve_seconds: f64,
    /// Connections after the epoch.
    pub connections: usize,
}

/// Where and when a run was made: results do not depend on it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Version of this program.
    pub version: String,
    /// Commit it was built from; `-dirty` when files differed from it.
    pub commit: String,
    /// Processor and SIMD level.
    pub machine: String,
    /// Threads.
    pub threads: usize,
    /// Start, in UTC.
    pub date: String,
    /// Samples in a tile, on which the bits depend.
    pub lanes: usize,
}

impl Record {
    /// The record of a run that starts now.
    pub fn now(config: &Config, native: &crate::backend::Native) -> Self {
        Self {
            version: env!("CARGO_PKG_VERSION").into(),
            commit: env!("REWIRE_COMMIT").into(),
            machine: format!("{}, {}", processor(), native.simd()),
            threads: rewire_core::backend::Backend::threads(native),
            date: humantime::format_rfc3339_seconds(std::time::SystemTime::now()).to_string(),
            lanes: config.lanes(),
        }
    }
}

/// The processor's name, where the system tells it.
pub fn processor() -> String {
    let name = std::fs::read_to_string("/proc/cpuinfo").ok().and_then(|text| {
        let line = text.lines().find(|line| line.starts_with("model name"))?;
        Some(line.split_once(':')?.1.trim().to_owned())
    });
    name.unwrap_or_else(|| std::env::consts::ARCH.to_owned())
}

/// An open run directory.
#[derive(Debug)]
pub struct RunDirectory {
    path: PathBuf,
    metrics: File,
    /// Bytes of whole rows in it.
    length: u64,
}

impl RunDirectory {
    /// The directory for a run that was given no `--out`: the first free `runs/<dataset>-<model>-seed<n>`.
    pub fn unused(config: &Config) -> PathBuf {
        let name = format!("{}-{}-seed{}", config.dataset, config.model, config.seed);
        let numbered = (2..).map(|n| format!("{name}-{n}"));
        let mut candidates = std::iter::once(name.clone()).chain(numbered).map(|name| Path::new("runs").join(name));
        candidates.find(|path| !path.exists()).unwrap_or_else(|| Path::new("runs").join(&name))
    }

    /// Refuses a directory that holds a run already, before anything is computed or written.
    ///
    /// # Errors
    ///
    /// When it does, or is no directory.
    pub fn check_free(path: &Path) -> Result<(), Usage> {
        let shown = path.display();
        if path.exists() && !path.is_dir() {
            return Err(Usage(format!("--out {shown} is a file; name a folder")));
        }
        if let Some(file) = ["config.toml", "metrics.csv", "checkpoint", "model.safetensors"]
            .iter()
            .find(|file| path.join(file).exists())
        {
            return Err(Usage(format!("--out {shown} already holds a run ({file}); name another folder or remove it")));
        }
        Ok(())
    }

    /// Makes the directory and writes the settings.
    ///
    /// # Errors
    ///
    /// When it holds a run already or cannot be written.
    pub fn create(path: &Path, config: &Config, record: &Record) -> Result<Self> {
        Self::check_free(path)?;
        let shown = path.display();
        std::fs::create_dir_all(path)
            .with_context(|| format!("cannot make the folder --out {shown}; choose another"))?;
        let mut table = toml::Table::try_from(config).context("settings are a table")?;
        table.insert(RECORD.into(), toml::Value::try_from(record).context("the record is a table")?);
        write_atomically(&path.join("config.toml"), table.to_string().as_bytes())?;
        let file = OpenOptions::new().create_new(true).append(true).open(path.join("metrics.csv"));
        let file = file.with_context(|| format!("cannot make metrics.csv in --out {shown}"))?;
        Ok(Self { path: path.to_owned(), metrics: file, length: 0 })
    }

    /// Opens the directory of a run that stopped after `epoch`: rows of later epochs are cut off.
    ///
    /// # Errors
    ///
    /// When `metrics.csv` cannot be read or written, or lacks an epoch.
    pub fn reopen(path: &Path, epoch: u32) -> Result<(Self, Vec<Epoch>)> {
        let file = path.join("metrics.csv");
        let shown = file.display();
        let mut epochs: Vec<Epoch> = Vec::new();
        let mut reader = csv::Reader::from_path(&file).with_context(|| format!("cannot read {shown}"))?;
        for row in reader.deserialize() {
            // A row that was cut off in the middle belongs to an epoch that is trained again.
            let Ok(row) = row else { break };
            epochs.push(row);
        }
        epochs.truncate(epoch as usize);
        let expected: Vec<u32> = (1..=epoch).collect();
        if epochs.iter().map(|row| row.epoch).ne(expected) {
            bail!(
                "{shown} does not hold the epochs 1 to {epoch} that the checkpoint has done; start again in another folder"
            );
        }
        let mut writer = csv::Writer::from_writer(Vec::new());
        for row in &epochs {
            writer.serialize(row)?;
        }
        let rows = writer.into_inner()?;
        write_atomically(&file, &rows)?;
        let metrics = OpenOptions::new().append(true).open(&file).with_context(|| format!("cannot write {shown}"))?;
        Ok((Self { path: path.to_owned(), metrics, length: rows.len() as u64 }, epochs))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Adds an epoch's row: it is in the file when this returns.
    ///
    /// # Errors
    ///
    /// When the disk is full, for instance.
    pub fn append(&mut self, epoch: &Epoch) -> Result<()> {
        let mut row = csv::WriterBuilder::new().has_headers(self.length == 0).from_writer(Vec::new());
        row.serialize(epoch)?;
        let row = row.into_inner()?;
        let written = self.metrics.write_all(&row);
        if written.is_err() {
            // Half a row would spoil the file for readers; the first error is the one to report.
            let _ = self.metrics.set_len(self.length);
        }
        let shown = self.path.display();
        written.with_context(|| {
            format!(
                "cannot write metrics.csv in {shown}; free some space or choose another --out (earlier rows are kept)"
            )
        })?;
        self.length += row.len() as u64;
        Ok(())
    }
}
