//! A run from settings to run directory: data, network, epochs and their results.

pub mod checkpoint;
pub mod directory;
pub mod lock;
pub mod monitor;
pub mod recorder;
pub mod session;
pub mod summary;
pub mod task;
pub mod warn;
pub mod watch;

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use rewire_core::error::{SampleSet, TrainError};
use rewire_core::network::Footprint;
use rewire_core::step::Metrics;
use rewire_core::train::{self as trained, Step, TrainSettings};

use crate::data::{Dataset, DatasetName, manifest};
use crate::engine::clock::{EpochTimes, Stage};
use crate::engine::dynamic::{Network, RunObserver, footprint};
use crate::engine::native::Native;
use crate::error::{Interrupted, Usage};
use crate::model::layer::LayerData;
use crate::model::safetensors::Model;
use crate::settings::{Config, ModelKind};
use crate::training::checkpoint::Checkpoint;
use crate::training::directory::{Epoch, MODEL, Phases, Record, RunDirectory, START};
use crate::training::monitor::{Monitor, peak_resident_bytes, resident_between, resident_bytes};
use crate::training::recorder::Recorder;
use crate::training::session::{Session, description};
use crate::training::summary::Summary;
use crate::training::task::Task;
use crate::training::warn::Warn;
use crate::training::watch::{Extent, Watcher};

/// Where a run finds and leaves things, what it may use, and who hears of it.
pub struct Surroundings<'a> {
    /// Run directory; chosen when absent.
    pub out: Option<PathBuf>,
    /// Where the run in that directory continues, see [`resumable`].
    pub checkpoint: Option<Checkpoint>,
    /// Threads and vectors.
    pub native: Native,
    /// Time between samples of the monitor; zero for none.
    pub monitor_interval: Duration,
    /// Set when the user wants the run to end.
    pub interrupted: &'a AtomicBool,
    /// Who watches steps and epochs.
    pub watcher: &'a mut dyn Watcher,
    /// Who hears what the run goes on without.
    pub warn: Warn,
}

/// Bytes of the network, and of the same network with every connection.
pub fn footprints(config: &Config, features: usize, classes: usize) -> (Footprint, Footprint) {
    let bytes = |config: &Config| {
        let layers = config.layers(features, classes);
        footprint(&layers, config.lanes(), &description(config, &layers))
    };
    // The same tiles: only the connections differ.
    let dense = Config { model: ModelKind::Dense, lanes: config.lanes(), ..config.clone() };
    (bytes(config), bytes(&dense))
}

/// Trains a network and writes its run directory.
///
/// # Errors
///
/// Settings that do not fit the dataset, a directory that cannot be written, a loss that is NaN or infinite, an
/// interruption: whatever was recorded until then is kept.
pub fn train(config: &Config, dataset: Dataset<'_>, surroundings: Surroundings<'_>) -> Result<Summary> {
    let Surroundings { out, checkpoint, native, monitor_interval, interrupted, watcher, warn } = surroundings;
    config.validate()?;
    let task = Task::new(config, dataset)?;
    let session = Session::new(config, &task, native);
    let before = resident_bytes();
    session.with_network(|network| {
        let run = Run { session: &session, interrupted, warn: &warn };
        let (mut directory, recorder, epochs) = match &checkpoint {
            Some(checkpoint) => run.resume(network, &out.unwrap_or_default(), checkpoint)?,
            None => run.start(network, out.as_deref(), before)?,
        };
        let monitor = Monitor::start(directory.path(), monitor_interval, session.native.clock(), &warn);
        let ended = run.epochs(network, &mut directory, recorder, epochs, watcher)?;
        drop(monitor);
        if ended.interrupted && ended.epochs.is_empty() {
            let text = format!(
                "interrupted in epoch 1 of {}: none is finished, so nothing is kept in {}",
                config.epochs,
                directory.path().display()
            );
            directory.abandon()?;
            return Err(Interrupted(text).into());
        }
        session.model(network.export()).save(&directory.path().join(MODEL))?;
        let (features, classes) = task.widths();
        let bytes = footprints(config, features, classes);
        let summary = Summary::new(config, &session.layers(), bytes, directory.path(), &ended.epochs);
        if ended.interrupted {
            let epochs = ended.epochs.len();
            return Err(Interrupted(format!(
                "interrupted in epoch {} of {}; {epochs} finished and the model as it is are kept in {}; \
                 --resume continues after epoch {epochs}",
                epochs + 1,
                config.epochs,
                directory.path().display()
            ))
            .into());
        }
        summary.ok_or_else(|| anyhow!("the run has no epoch"))
    })?
}

/// The checkpoint of a run directory, if a run with these settings can continue from it; `warn` hears of a damaged one.
///
/// # Errors
///
/// When there is none that is whole, it is of another run, or the number of epochs is another that its schedules cannot
/// take: with the settings that differ.
pub fn resumable(out: &Path, config: &Config, warn: &Warn) -> Result<Checkpoint> {
    let checkpoint = Checkpoint::load(out, |text| warn.warn(text))?;
    let epochs = config.epochs;
    let differences = Config { epochs, ..checkpoint.config.clone() }.differences(config);
    if !differences.is_empty() {
        let (out, differences) = (out.display(), differences.join("; "));
        return Err(Usage(format!(
            "the checkpoint in {out} is of another run: {differences}; leave such flags out, or put the run's own \
                 checkpoint back"
        ))
        .into());
    }
    checkpoint.config.continues_as(config, checkpoint.epoch)?;
    Ok(checkpoint)
}

/// A run's directory, what records its connections, and the epochs that are done.
type Begun = (RunDirectory, Option<Recorder>, Vec<Epoch>);

/// The epochs of a run that ended, and why it ended.
struct Ended {
    epochs: Vec<Epoch>,
    interrupted: bool,
}

struct Run<'a> {
    session: &'a Session<'a>,
    interrupted: &'a AtomicBool,
    warn: &'a Warn,
}

impl Run<'_> {
    /// Draws the network and makes its directory. `resident` is the memory before there was a network.
    fn start(&self, network: &mut dyn Network, out: Option<&Path>, resident: Option<u64>) -> Result<Begun> {
        let Session { config, task, native } = self.session;
        self.session.initialise(network).map_err(|error| Usage(error.to_string()))?;
        let (inputs, _) = task.widths();
        let mut directory = RunDirectory::create(out, config, inputs, &Record::now(config, native))?;
        directory.append_phases(&Phases { resident_bytes: resident, ..Phases::default() })?;
        let mut recorder = None;
        if config.model != ModelKind::Dense {
            let model = self.session.model(network.export());
            model.save(&directory.path().join(START))?;
            if directory.records_topology() {
                let recorder = recorder.insert(Recorder::new(&model.layers));
                recorder.would_prune(&model.layers, config.zeta_of(1))?;
                record_topology(recorder, &mut directory, 0, &model.layers)?;
            }
        }
        Ok((directory, recorder, Vec::new()))
    }

    /// Takes the network and its directory up where they were left.
    fn resume(&self, network: &mut dyn Network, out: &Path, checkpoint: &Checkpoint) -> Result<Begun> {
        network.import(&checkpoint.layers).with_context(|| {
            format!("the checkpoint in {} is of another network; start again in another folder", out.display())
        })?;
        let Session { config, task, native } = self.session;
        let (inputs, _) = task.widths();
        let (directory, epochs) =
            RunDirectory::reopen(out, checkpoint.epoch, config, inputs, |text| self.warn.warn(text))?;
        let mut recorder = if directory.records_topology() {
            Some(Recorder::resume(&checkpoint.layers, &checkpoint.tried)?)
        } else {
            None
        };
        if checkpoint.config.owes_evolution(config, checkpoint.epoch) {
            let usage = |error: rewire_core::error::SettingError| Usage(error.to_string());
            let epoch = checkpoint.epoch;
            let config = Config { zeta: config.zeta_of(epoch), ..(*config).clone() };
            let evolution = config.evolution(task.plane()).map_err(usage)?;
            network
                .evolve(native, &evolution, config.seed, epoch)
                .map_err(|error| anyhow!("the evolution after epoch {epoch} cannot be caught up on: {error}"))?;
            if let Some(recorder) = &mut recorder {
                recorder.try_all(&network.export());
            }
        }
        Ok((directory, recorder, epochs))
    }

    /// Trains the epochs after those in `epochs`.
    fn epochs(
        &self,
        network: &mut dyn Network,
        directory: &mut RunDirectory,
        recorder: Option<Recorder>,
        epochs: Vec<Epoch>,
        watcher: &mut dyn Watcher,
    ) -> Result<Ended> {
        let Session { config, task, .. } = self.session;
        let settings = config.training(task.plane()).map_err(|error| Usage(error.to_string()))?;
        let connections = self.session.layers().iter().map(|layer| layer.connections).sum();
        let steps = task.train(config).count().div_ceil(config.batch_size) as u64;
        let next = epochs.len() as u32 + 1;
        let mut log =
            Log { run: self, settings: &settings, connections, directory, recorder, epochs, watcher, failed: None };
        log.watcher.begin(Extent { epochs: config.epochs, steps, validation: task.is_validated() });
        log.begin(next);
        let ended = self.session.train(network, next, &mut log);
        log.watcher.end();
        let Log { directory, epochs, failed, .. } = log;
        if let Some(error) = failed {
            return Err(error);
        }
        match ended {
            Ok(ended) => Ok(Ended { epochs, interrupted: ended == trained::Ended::Stopped }),
            Err(TrainError::Diverged { samples, epoch, step }) => {
                let (loss, step) = match samples {
                    SampleSet::Training => ("training", step + 1),
                    SampleSet::Test if task.is_validated() => ("validation", step),
                    SampleSet::Test => ("test", step),
                };
                Err(diverged(config, directory, loss, epoch, step.into()))
            }
            Err(error) => Err(anyhow!("{error}")),
        }
    }
}

/// Writes what happens in a run to its directory, and tells its watcher.
struct Log<'a> {
    run: &'a Run<'a>,
    settings: &'a TrainSettings,
    connections: usize,
    directory: &'a mut RunDirectory,
    recorder: Option<Recorder>,
    epochs: Vec<Epoch>,
    watcher: &'a mut dyn Watcher,
    /// What could not be written, which ends the run.
    failed: Option<anyhow::Error>,
}

impl Log<'_> {
    /// An epoch begins.
    fn begin(&mut self, epoch: u32) {
        self.run.session.native.clock().begin(epoch);
        if let Some(recorder) = &self.recorder {
            recorder.begin();
        }
    }

    /// Writes what is kept of an epoch.
    fn record(&mut self, done: &trained::Epoch, network: &dyn Network) -> Result<()> {
        let Session { config, native, .. } = self.run.session;
        let (clock, epoch) = (native.clock(), done.epoch);
        let EpochTimes { train, shares, evaluate, evolve } = clock.times();
        let resident_bytes = resident_bytes();
        let network_resident_bytes = resident_between(network.address(), network.address() + network.bytes());
        let row = Epoch {
            epoch,
            learning_rate: done.learning_rate,
            train_loss: done.trained.loss(),
            test_loss: done.measured.loss(),
            train_accuracy: done.trained.accuracy(),
            test_accuracy: done.measured.accuracy(),
            train_seconds: train,
            evaluate_seconds: evaluate,
            evolve_seconds: evolve,
            connections: self.connections,
        };
        self.directory.append(&row)?;
        self.watcher.epoch(&row);
        self.epochs.push(row);
        let (recorded, record_time) = clock.during(Stage::Record, || -> Result<()> {
            let layers = network.export();
            if let Some(recorder) = &mut self.recorder {
                if !self.settings.evolves(epoch) {
                    recorder.would_prune(&layers, config.zeta_of(epoch))?;
                }
                record_topology(recorder, self.directory, epoch, &layers)?;
            }
            let bits = self.recorder.as_ref().map_or(Vec::new(), Recorder::bits);
            let tried = bits.into_iter().map(<[u64]>::to_vec).collect();
            Checkpoint { config: (*config).clone(), epoch, layers, tried }.save(self.directory.path())
        });
        recorded?;
        self.directory.append_phases(&Phases {
            epoch,
            batch_seconds: shares.batch,
            forward_seconds: shares.forward,
            backward_seconds: shares.backward,
            update_seconds: shares.update,
            evaluate_seconds: evaluate,
            evolve_seconds: shares.evolve + evolve,
            record_seconds: record_time.as_secs_f64(),
            network_resident_bytes,
            resident_bytes,
            peak_resident_bytes: peak_resident_bytes(),
        })
    }
}

impl RunObserver for Log<'_> {
    fn step(&mut self, step: &Step<'_>) -> ControlFlow<()> {
        self.watcher.step(step);
        if self.run.interrupted.load(Ordering::Relaxed) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    fn recorder(&self) -> Option<&Recorder> {
        self.recorder.as_ref()
    }

    fn epoch(&mut self, epoch: &trained::Epoch, network: &dyn Network) -> ControlFlow<()> {
        match self.record(epoch, network) {
            Ok(()) => {
                self.begin(epoch.epoch + 1);
                ControlFlow::Continue(())
            }
            Err(error) => {
                self.failed = Some(error);
                ControlFlow::Break(())
            }
        }
    }
}

/// The error for training that diverged: its loss is NaN or infinite.
fn diverged(config: &Config, directory: &RunDirectory, loss: &str, epoch: u32, step: u64) -> anyhow::Error {
    anyhow!(
        "training diverged: the {loss} loss is NaN or infinite at epoch {epoch}, step {step}: try a smaller --learning-rate than {}; \
         metrics.csv in {} keeps the {} epochs before",
        config.learning_rate,
        directory.path().display(),
        epoch - 1
    )
}

/// Adds the connections after an epoch to the record.
fn record_topology(
    recorder: &mut Recorder,
    directory: &mut RunDirectory,
    epoch: u32,
    layers: &[LayerData],
) -> Result<()> {
    recorder.try_all(layers);
    let rows: Vec<_> = recorder.rows(epoch, layers).collect();
    directory.append_topology(rows.into_iter(), recorder.input_connections())
}

/// Refuses a dataset that a model cannot be measured on, which is known before the dataset is loaded.
///
/// # Errors
///
/// When its images are not what the model takes, or its labels not what it names.
pub fn check_fits(model: &Model, name: DatasetName) -> Result<(), Usage> {
    let entry = manifest::entry(name);
    let (features, classes) = (entry.shape.features(), usize::from(entry.classes));
    let (n_in, n_out) = model.widths();
    if (n_in, n_out) == (features, classes) {
        return Ok(());
    }
    let text =
        format!("the model takes {n_in} inputs and names {n_out} classes, but {name} has {features} and {classes}");
    Err(Usage(match model.dataset {
        // What the user says that a model was trained on.
        None => format!("{text}; it was trained on something else"),
        Some(dataset) if dataset == name => format!("{text}; it was trained on something else"),
        Some(dataset) => format!("{text}; evaluate it on {dataset}"),
    }))
}

/// Measures a saved model on some test samples of a dataset.
///
/// # Errors
///
/// When the dataset's images are not what the model takes, or its labels not what it names.
pub fn evaluate(model: &Model, dataset: &Dataset<'_>, samples: Vec<u32>, native: &Native) -> Result<Metrics> {
    if let Some(name) = dataset.name {
        check_fits(model, name)?;
    }
    Ok(model.measure(&dataset.test, samples, native)?)
}
