//! The run directory: what a run leaves behind.
//!
//! | file | what it holds |
//! |---|---|
//! | `config.toml` | every setting, and in `[record]` the version, commit, machine and date |
//! | `metrics.csv` | a row an epoch; epochs count from 1, accuracies are fractions |
//! | `phases.csv` | a row an epoch: wall time by phase, memory; row 0 is before there is a network |
//! | `average.csv` | a row an epoch: what the average of the weights does, where one is kept |
//! | `model-average.safetensors` | that average, after the last epoch or where the run was interrupted |
//! | `start.safetensors` | a sparse network before training |
//! | `monitor.csv` | a row each half second, see [`monitor`](crate::training::monitor) |
//! | `topology.csv` | SET: a row for each epoch and sparse layer, survivors and connections ever tried |
//! | `input_connections.npy` | SET: the first layer's surviving connections by input, a row an epoch, row 0 at the start |
//! | `checkpoint` | the state after the last finished epoch, and before it in `checkpoint.previous`, see [`checkpoint`] |
//! | `.lock` | nothing: it is locked while a process trains there |
//! | `model.safetensors` | the network after the last epoch, or where the run was interrupted, see [`model`](crate::model::safetensors) |

mod log;
mod record;
mod rows;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::error::Usage;
use crate::files::{write_atomically, write_new};
use crate::npy;
use crate::settings::{Config, RECORD};
use crate::training::checkpoint::{self, Checkpoint};
use crate::training::early_stopping::is_tired;
use crate::training::lock::Lock;
use crate::training::recorder::LayerRow;
use log::Log;
pub use record::{Record, processor};
pub use rows::{AverageRow, Epoch, Phases, rows};

/// An open run directory.
#[derive(Debug)]
pub struct RunDirectory {
    path: PathBuf,
    metrics: Log,
    phases: Log,
    topology: Option<(Log, npy::Table<u16>)>,
    average: Option<Log>,
    lock: Lock,
}

/// Records the number of epochs of a run that continues with another one.
fn record_epochs(path: &Path, config: &Config) -> Result<()> {
    let file = path.join("config.toml");
    let text = std::fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
    let mut table: toml::Table = text.parse().with_context(|| format!("cannot read {}", file.display()))?;
    let epochs = toml::Value::from(config.epochs);
    if table.get("epochs") == Some(&epochs) {
        return Ok(());
    }
    table.insert("epochs".into(), epochs);
    write_atomically(&file, table.to_string().as_bytes())
}

/// What a run directory holds.
const FILES: [&str; 14] = [
    "config.toml",
    "metrics.csv",
    checkpoint::NAMES[0],
    checkpoint::NAMES[1],
    MODEL,
    "phases.csv",
    START,
    "topology.csv",
    INPUT_CONNECTIONS,
    crate::training::monitor::MONITOR,
    BEST,
    EVALUATION,
    AVERAGES,
    AVERAGE,
];

/// Names of the files that hold a run's arrays.
pub const INPUT_CONNECTIONS: &str = "input_connections.npy";
/// The network of the best epoch so far, where the best is kept.
pub const BEST: &str = "best.safetensors";
/// What the average of the weights does, by epoch.
pub const AVERAGES: &str = "average.csv";
/// The network of averaged weights, where they are kept.
pub const AVERAGE: &str = "model-average.safetensors";
/// What `rewire evaluate` measured.
pub const EVALUATION: &str = "evaluation.json";
/// The network before training.
pub const START: &str = "start.safetensors";
/// The network after the last epoch, or where the run was interrupted.
pub const MODEL: &str = "model.safetensors";

impl RunDirectory {
    /// Makes the folder of a run that was given no `--out`: the first free `runs/<dataset>-<model>-seed<n>`. Whether it is
    /// free shows when it is made, so that runs that start together never share one.
    fn make_unused(config: &Config) -> Result<PathBuf> {
        let name = format!("{}-{}-seed{}", config.dataset.short(), config.model, config.seed);
        let (runs, mut number) = (Path::new("runs"), 1);
        let cannot = || "cannot make a folder in the folder runs; choose one with --out";
        std::fs::create_dir_all(runs).with_context(cannot)?;
        loop {
            let path = runs.join(if number == 1 { name.clone() } else { format!("{name}-{number}") });
            match std::fs::create_dir(&path) {
                Ok(()) => return Ok(path),
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => number += 1,
                Err(error) => return Err(error).with_context(cannot),
            }
        }
    }

    /// Refuses a directory that holds a run already, or files of someone else, before anything is computed or written.
    ///
    /// # Errors
    ///
    /// When it does, or is no directory.
    pub fn check_free(path: &Path) -> Result<(), Usage> {
        let shown = path.display();
        if path.exists() && !path.is_dir() {
            return Err(Usage(format!("--out {shown} is a file; name a folder")));
        }
        if let Some(file) = FILES.iter().find(|file| path.join(file).exists()) {
            return Err(Usage(format!("--out {shown} already holds a run ({file}); name another folder or remove it")));
        }
        // Hidden files are in nobody's way: systems leave some of their own.
        let entries = std::fs::read_dir(path).into_iter().flatten().flatten();
        let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
        if let Some(name) = names.filter(|name| !name.starts_with('.')).min() {
            return Err(Usage(format!(
                "--out {shown} is not empty and is no run: it holds {name}; name a new folder or an empty one"
            )));
        }
        Ok(())
    }

    /// Removes the files of a run that finished no epoch, and with them its lock.
    ///
    /// # Errors
    ///
    /// When one cannot be removed.
    pub fn discard(path: &Path, lock: Lock) -> Result<()> {
        for file in FILES.iter().map(|file| path.join(file)).filter(|file| file.exists()) {
            std::fs::remove_file(&file).with_context(|| format!("cannot remove {}", file.display()))?;
        }
        lock.remove(path)
    }

    /// Makes the directory, or an unused one in `runs`, and writes the settings; `inputs` is the first layer's width.
    ///
    /// # Errors
    ///
    /// When it holds a run already or cannot be written.
    pub fn create(path: Option<&Path>, config: &Config, inputs: usize, record: &Record) -> Result<Self> {
        let path = match path {
            Some(path) => {
                Self::check_free(path)?;
                let shown = path.display();
                std::fs::create_dir_all(path)
                    .with_context(|| format!("cannot make the folder --out {shown}; choose another"))?;
                path.to_owned()
            }
            None => Self::make_unused(config)?,
        };
        let mut table = toml::Table::try_from(config).context("settings are a table")?;
        table.insert(RECORD.into(), toml::Value::try_from(record).context("the record is a table")?);
        // Of two programs that come here at once, one is told.
        let lock = Lock::take(&path)?;
        if let Err(error) = write_new(&path.join("config.toml"), table.to_string().as_bytes()) {
            // On a full disk, nothing is left behind.
            lock.remove(&path)?;
            return Err(error);
        }
        let topology = if config.records_topology() {
            let table = npy::Table::create(&path.join(INPUT_CONNECTIONS), inputs)?;
            Some((Log::create(path.join("topology.csv"))?, table))
        } else {
            None
        };
        let metrics = Log::create(path.join("metrics.csv"))?;
        let phases = Log::create(path.join("phases.csv"))?;
        let average = (config.average_weights > 0.0).then(|| Log::create(path.join(AVERAGES))).transpose()?;
        Ok(Self { path, metrics, phases, topology, average, lock })
    }

    /// Opens the directory of a run that stopped after `epoch`: rows of later epochs are cut off, and a model from where
    /// it was interrupted is removed, since training overtakes it; not where its patience has ended. `warn` hears of what is no
    /// longer recorded, because the epochs before were not.
    ///
    /// # Errors
    ///
    /// When another process trains there, or `metrics.csv` cannot be read or written, or lacks an epoch: everything is
    /// then as it was.
    pub fn reopen(
        path: &Path,
        epoch: u32,
        config: &Config,
        inputs: usize,
        mut warn: impl FnMut(&str),
    ) -> Result<(Self, Vec<Epoch>)> {
        let file = path.join("metrics.csv");
        let shown = file.display();
        if !file.exists() {
            bail!("cannot read {shown}: it is not there; start again in another folder");
        }
        let lock = Lock::take(path)?;
        let (mut epochs, wrong) = rows::<Epoch>(&file)?;
        epochs.retain(|row| row.epoch <= epoch);
        if epochs.iter().map(|row| row.epoch).ne(1..=epoch) {
            let wrong = wrong.map_or(String::new(), |wrong| format!(" ({wrong})"));
            bail!(
                "{shown} does not hold the epochs 1 to {epoch} that the checkpoint has done{wrong}; start again in another folder"
            );
        }
        Checkpoint::remove_damaged(path)?;
        record_epochs(path, config)?;
        let metrics = Log::reopen(file.clone(), |row: &Epoch| row.epoch <= epoch, &mut warn)?;
        for model in [MODEL, AVERAGE].map(|name| path.join(name)) {
            if model.exists() && epoch < config.epochs && !is_tired(config, &epochs) {
                std::fs::remove_file(&model).with_context(|| format!("cannot remove {}", model.display()))?;
            }
        }
        let phases = Log::reopen(path.join("phases.csv"), |row: &Phases| row.epoch <= epoch, &mut warn)?;
        let mut average = None;
        if config.average_weights > 0.0 {
            average = Some(Log::reopen(path.join(AVERAGES), |row: &AverageRow| row.epoch <= epoch, &mut warn)?);
        }
        let topology = if config.records_topology() {
            match npy::Table::reopen(&path.join(INPUT_CONNECTIONS), inputs, epoch as usize + 1) {
                Ok(table) => {
                    let log = path.join("topology.csv");
                    Some((Log::reopen(log, |row: &LayerRow| row.epoch <= epoch, &mut warn)?, table))
                }
                Err(error) => {
                    warn(&format!("{error:#}; the run goes on without recording its connections"));
                    None
                }
            }
        } else {
            None
        };
        Ok((Self { path: path.to_owned(), metrics, phases, topology, average, lock }, epochs))
    }

    /// Puts other numbers of tried connections into rows of `topology.csv`, where there is one. Where `inputs` are given, they
    /// take the place of the last row of input connections, and survivors are corrected as well.
    ///
    /// # Errors
    ///
    /// When the file cannot be read or written.
    pub fn correct_topology(&mut self, rows: &[LayerRow], inputs: Option<&[u16]>) -> Result<()> {
        let Some((log, table)) = &mut self.topology else { return Ok(()) };
        if let Some(inputs) = inputs {
            table
                .replace_last(inputs)
                .with_context(|| format!("cannot write {INPUT_CONNECTIONS} in {}", self.path.display()))?;
        }
        log.correct(|row: &mut LayerRow| {
            if let Some(other) = rows.iter().find(|other| (other.epoch, other.layer) == (row.epoch, row.layer)) {
                row.tried = other.tried;
                if inputs.is_some() {
                    row.survived = other.survived;
                }
            }
        })
    }

    /// Gives up a run that finished no epoch.
    ///
    /// # Errors
    ///
    /// As [`RunDirectory::discard`].
    pub fn abandon(self) -> Result<()> {
        let Self { path, lock, .. } = self;
        Self::discard(&path, lock)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether connections are recorded.
    pub fn records_topology(&self) -> bool {
        self.topology.is_some()
    }

    /// Adds an epoch's row: it is in the file when this returns.
    ///
    /// # Errors
    ///
    /// When the disk is full, for instance.
    pub fn append(&mut self, epoch: &Epoch) -> Result<()> {
        self.metrics.append(epoch)
    }

    /// Flushes the epochs' rows to the disk, on which a checkpoint counts.
    ///
    /// # Errors
    ///
    /// As [`RunDirectory::append`].
    pub fn flush(&self) -> Result<()> {
        self.metrics.sync()
    }

    /// Adds an epoch's times.
    ///
    /// # Errors
    ///
    /// As [`RunDirectory::append`].
    pub fn append_phases(&mut self, phases: &Phases) -> Result<()> {
        self.phases.append(phases)
    }

    /// Adds what the average of the weights does after an epoch.
    ///
    /// # Errors
    ///
    /// As [`RunDirectory::append`].
    pub fn append_average(&mut self, row: &AverageRow) -> Result<()> {
        self.average.as_mut().map_or(Ok(()), |log| log.append(row))
    }

    /// Adds an epoch's connections.
    ///
    /// # Errors
    ///
    /// As [`RunDirectory::append`].
    pub fn append_topology(&mut self, rows: impl Iterator<Item = LayerRow>, inputs: &[u16]) -> Result<()> {
        let Some((log, table)) = &mut self.topology else { return Ok(()) };
        for row in rows {
            log.append(&row)?;
        }
        table
            .append(inputs)
            .with_context(|| format!("cannot write {INPUT_CONNECTIONS} in {}; free some space", self.path.display()))
    }
}
