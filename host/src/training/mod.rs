//! A run from settings to run directory: data, network, epochs and their results.

pub mod checkpoint;
pub mod directory;
pub mod monitor;
pub mod progress;
pub mod recorder;
pub mod summary;

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use rewire_core::error::{SampleSet, TrainError};
use rewire_core::network::LayerSpec;
use rewire_core::network::{Description, Footprint};
use rewire_core::step::Progress as TrainProgress;
use rewire_core::step::{Metrics, WeightDecay};
use rewire_core::train::{self as trained, Step, TrainSettings, Trainer};

use crate::data::images::{Images, Normaliser, draw};
use crate::data::{self, Dataset, DatasetName, manifest};
use crate::engine::clock::{EpochTimes, Stage};
use crate::engine::dynamic::{Network, RunObserver, footprint, supports, with_network};
use crate::engine::native::Native;
use crate::error::{Interrupted, Usage};
use crate::model::layer::LayerData;
use crate::model::safetensors::Model;
use crate::settings::{Config, DecayKind, ModelKind};
use crate::training::checkpoint::Checkpoint;
use crate::training::directory::{Epoch, MODEL, Phases, Record, RunDirectory, START};
use crate::training::monitor::{Monitor, peak_resident_bytes, resident_between, resident_bytes};
use crate::training::progress::{Progress, say};
use crate::training::recorder::Recorder;
use crate::training::summary::Summary;

/// Streams of the draws of samples.
const TRAIN_STREAM: u32 = 0;
const TEST_STREAM: u32 = 1;
const VALIDATION_STREAM: u32 = 2;

/// The samples that a run trains on and is measured on.
#[derive(Debug)]
pub struct Task {
    dataset: Dataset,
    normaliser: Normaliser,
    train: Vec<u32>,
    test: Vec<u32>,
    /// Whether what is measured was held out from the training samples.
    validation: bool,
}

impl Task {
    /// Draws the samples that the settings ask for.
    ///
    /// # Errors
    ///
    /// When there are not as many as asked for.
    pub fn new(config: &Config, dataset: Dataset) -> Result<Self, Usage> {
        let (available, held_out) = (dataset.train.len(), config.validation_samples);
        let too_many = |flag: &str, asked: usize, most: usize, of: &str| {
            Usage(format!("{flag} is {asked}, but must be at most {most}: {} has {of}", config.dataset))
        };
        let train = match held_out {
            0 => format!("{available} training samples"),
            _ => format!("{available} training samples, and {held_out} are held out"),
        };
        if held_out >= available {
            let of = format!("{available} training samples, and some must be left to train on");
            return Err(too_many("--validation-samples", held_out, available - 1, &of));
        }
        if config.train_samples > available - held_out {
            return Err(too_many("--train-samples", config.train_samples, available - held_out, &train));
        }
        let tests = dataset.test.len();
        if config.test_samples > tests {
            return Err(too_many("--test-samples", config.test_samples, tests, &format!("{tests} test samples")));
        }
        let (train, validation) = split_samples(config, available);
        if config.batch_size > train.len() {
            return Err(Usage(format!(
                "--batch-size is {}, but there are only {} training samples; make it smaller",
                config.batch_size,
                train.len()
            )));
        }
        let (steps, period) = (train.len().div_ceil(config.batch_size), WeightDecay::PERIOD as usize);
        if config.decay == DecayKind::Periodic && config.weight_decay > 0.0 && steps < period {
            return Err(Usage(format!(
                "--decay periodic acts on every {period}th step of an epoch, which here has {steps}; \
                 give a smaller --batch-size or another --decay"
            )));
        }
        let test = if held_out > 0 {
            validation
        } else {
            draw(config.seed, TEST_STREAM, dataset.test.len(), config.test_samples)
        };
        let normaliser = Normaliser::fit(config.scaling, &dataset.train, &train, dataset.shape.features());
        Ok(Self { dataset, normaliser, train, test, validation: held_out > 0 })
    }

    fn train(&self) -> Images<'_> {
        Images::new(&self.dataset.train, self.train.clone(), &self.normaliser)
    }

    fn test(&self) -> Images<'_> {
        let split = if self.validation { &self.dataset.train } else { &self.dataset.test };
        Images::new(split, self.test.clone(), &self.normaliser)
    }
}

/// Of `available` training samples those that a run trains on, and those it holds out for validation, in ascending order.
pub fn split_samples(config: &Config, available: usize) -> (Vec<u32>, Vec<u32>) {
    let held_out = config.validation_samples;
    // What is held out does not depend on the seed, so that runs with different seeds never train on it.
    let validation = if held_out > 0 { draw(0, VALIDATION_STREAM, available, held_out) } else { Vec::new() };
    let rest: Vec<u32> = (0..available as u32).filter(|i| validation.binary_search(i).is_err()).collect();
    let train = draw(config.seed, TRAIN_STREAM, rest.len(), config.train_samples);
    (train.into_iter().map(|i| rest[i as usize]).collect(), validation)
}

/// Where a run finds and leaves things, and what it may use.
#[derive(Debug)]
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
}

/// Loads a dataset, fetching it first where it is not there yet.
///
/// # Errors
///
/// When it can neither be found nor fetched.
pub fn load(name: DatasetName, cache: &Path, interrupted: &std::sync::Arc<AtomicBool>) -> Result<Dataset> {
    data::ensure(name, cache, &mut data::Bar::with_cancel(interrupted.clone()))?;
    Ok(data::load(name, cache)?)
}

/// What the settings make of a network for this dataset.
pub fn description<'a>(config: &Config, layers: &'a [LayerSpec]) -> Description<'a> {
    let description = Description::training(layers, config.batch_size).with_transposed_index();
    if config.needs_velocity() { description.with_velocity() } else { description }
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
pub fn train(config: &Config, dataset: Dataset, surroundings: Surroundings<'_>) -> Result<Summary> {
    let Surroundings { out, checkpoint, native, monitor_interval, interrupted } = surroundings;
    config.validate()?;
    let (features, classes) = (dataset.shape.features(), usize::from(dataset.classes));
    let task = Task::new(config, dataset)?;
    let layers = config.layers(features, classes);
    if !supports(&layers, config.lanes()) {
        let (asked, wide) = (config.lanes(), 1 << 16);
        return Err(Usage(format!(
            "--lanes is {asked}, but a network with a layer wider than {wide} neurons has 1 or 64 lanes; set --lanes 64"
        ))
        .into());
    }
    let description = description(config, &layers);
    let native = native.with_products(config.model == ModelKind::Dense);
    let before = resident_bytes();
    with_network(&layers, config.lanes(), &description, |network| {
        let run = Run { config, task: &task, native: &native, interrupted };
        let (mut directory, recorder, epochs) = match &checkpoint {
            Some(checkpoint) => run.resume(network, &out.unwrap_or_default(), checkpoint)?,
            None => run.start(network, out.as_deref(), before)?,
        };
        let monitor = Monitor::start(directory.path(), monitor_interval, native.clock(), say);
        // On one of the threads, so that no pass has to wake them from outside, which would allocate now and then.
        let ended = native.install(|| run.epochs(network, &mut directory, recorder, epochs))?;
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
        run.model(network.export()).save(&directory.path().join(MODEL))?;
        let summary =
            Summary::new(config, &layers, footprints(config, features, classes), directory.path(), &ended.epochs);
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
    })
}

/// The checkpoint of a run directory, if a run with these settings can continue from it.
///
/// # Errors
///
/// When there is none that is whole, it is of another run, or the number of epochs is another that its schedules cannot
/// take: with the settings that differ.
pub fn resumable(out: &Path, config: &Config) -> Result<Checkpoint> {
    let checkpoint = Checkpoint::load(out, say)?;
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
    config: &'a Config,
    task: &'a Task,
    native: &'a Native,
    interrupted: &'a AtomicBool,
}

impl Run<'_> {
    /// The network of these layers, with what makes its inputs.
    fn model(&self, layers: Vec<LayerData>) -> Model {
        Model { dataset: self.config.dataset, normaliser: self.task.normaliser.clone(), layers }
    }

    /// Draws the network and makes its directory. `resident` is the memory before there was a network.
    fn start(&self, network: &mut dyn Network, out: Option<&Path>, resident: Option<u64>) -> Result<Begun> {
        let Self { config, task, native, .. } = *self;
        let placement = config.placement(task.dataset.shape).map_err(|error| Usage(error.to_string()))?;
        network.initialise(native, config.seed, config.fan_in(), placement);
        let inputs = task.normaliser.mean.len();
        let mut directory = RunDirectory::create(out, config, inputs, &Record::now(config, native))?;
        directory.append_phases(&Phases { resident_bytes: resident, ..Phases::default() })?;
        let mut recorder = None;
        if config.model != ModelKind::Dense {
            let model = self.model(network.export());
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
        let inputs = self.task.normaliser.mean.len();
        let (directory, epochs) = RunDirectory::reopen(out, checkpoint.epoch, self.config, inputs, say)?;
        let mut recorder = if directory.records_topology() {
            Some(Recorder::resume(&checkpoint.layers, &checkpoint.tried)?)
        } else {
            None
        };
        if checkpoint.config.owes_evolution(self.config, checkpoint.epoch) {
            let usage = |error: rewire_core::error::SettingError| Usage(error.to_string());
            let epoch = checkpoint.epoch;
            let config = Config { zeta: self.config.zeta_of(epoch), ..self.config.clone() };
            let evolution = config.evolution(self.task.dataset.shape).map_err(usage)?;
            network
                .evolve(self.native, &evolution, config.seed, epoch)
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
    ) -> Result<Ended> {
        let Self { config, task, native, .. } = *self;
        let shape = task.dataset.shape;
        let train = task.train().with_augmentation(config.augmentation(shape));
        let (train, test) = (train.with_pixel_shift(config.pixel_shift(shape)), task.test());
        native.on_each(|| train.prepare());
        let usage = |error: rewire_core::error::SettingError| Usage(error.to_string());
        let settings = config.training(shape).map_err(usage)?;
        let connections = config.layers(task.normaliser.mean.len(), task.dataset.classes.into());
        let steps = train.count().div_ceil(config.batch_size) as u64;
        let next = epochs.len() as u32 + 1;
        let mut trainer = Trainer::new(&settings).map_err(usage)?.starting_at(TrainProgress { epoch: next, step: 0 });
        let mut log = Log {
            run: self,
            settings: &settings,
            connections: connections.iter().map(|layer| layer.connections).sum(),
            directory,
            recorder,
            epochs,
            progress: Progress::new(config.epochs, steps, task.validation),
            failed: None,
        };
        log.begin(next);
        let ended = network.train(native, &mut trainer, &train, &test, &mut log);
        log.progress.finish();
        let Log { directory, epochs, failed, .. } = log;
        if let Some(error) = failed {
            return Err(error);
        }
        match ended {
            Ok(ended) => Ok(Ended { epochs, interrupted: ended == trained::Ended::Stopped }),
            Err(TrainError::Diverged { samples, epoch, step }) => {
                let (loss, step) = match samples {
                    SampleSet::Training => ("training", step + 1),
                    SampleSet::Test if task.validation => ("validation", step),
                    SampleSet::Test => ("test", step),
                };
                Err(diverged(config, directory, loss, epoch, step.into()))
            }
            Err(error) => Err(anyhow!("{error}")),
        }
    }
}

/// Writes what happens in a run to its directory, and shows it.
struct Log<'a> {
    run: &'a Run<'a>,
    settings: &'a TrainSettings,
    connections: usize,
    directory: &'a mut RunDirectory,
    recorder: Option<Recorder>,
    epochs: Vec<Epoch>,
    progress: Progress,
    /// What could not be written, which ends the run.
    failed: Option<anyhow::Error>,
}

impl Log<'_> {
    /// An epoch begins.
    fn begin(&mut self, epoch: u32) {
        self.run.native.clock().begin(epoch);
        if let Some(recorder) = &self.recorder {
            recorder.begin();
        }
    }

    /// Writes what is kept of an epoch.
    fn record(&mut self, done: &trained::Epoch, network: &dyn Network) -> Result<()> {
        let Run { config, native, .. } = *self.run;
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
        self.progress.epoch(&row);
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
            Checkpoint { config: config.clone(), epoch, layers, tried }.save(self.directory.path())
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
        self.progress.step(step.epoch, step.step, step.trained);
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
    let n_in = model.layers.first().map_or(0, |layer| layer.spec.n_in);
    let n_out = model.layers.last().map_or(0, |layer| layer.spec.n_out);
    if (n_in, n_out) == (features, classes) {
        return Ok(());
    }
    let text =
        format!("the model takes {n_in} inputs and names {n_out} classes, but {name} has {features} and {classes}");
    Err(Usage(match model.dataset {
        // What the user says that an image was trained on.
        dataset if dataset == name => format!("{text}; it was trained on something else"),
        dataset => format!("{text}; evaluate it on {dataset}"),
    }))
}

/// The test samples that a run measures: drawn by its settings, or all.
pub fn test_samples(run: Option<&Config>, dataset: &Dataset) -> Vec<u32> {
    // A run that holds samples out has not measured test samples at all.
    let drawn = run.filter(|run| run.validation_samples == 0).map(|run| (run.seed, run.test_samples));
    let (seed, count) = drawn.unwrap_or((0, 0));
    draw(seed, TEST_STREAM, dataset.test.len(), count.min(dataset.test.len()))
}

/// Measures a saved model on some test samples of a dataset.
///
/// # Errors
///
/// When the dataset's images are not what the model takes, or its labels not what it names.
pub fn evaluate(model: &Model, dataset: &Dataset, samples: Vec<u32>, native: &Native) -> Result<Metrics> {
    const LANES: usize = 64;
    check_fits(model, dataset.name)?;
    let specs = model.specs();
    let description = Description::inference(&specs, 2 * LANES);
    let images = Images::new(&dataset.test, samples, &model.normaliser);
    with_network(&specs, LANES, &description, |network| {
        network.import(&model.layers)?;
        Ok(network.evaluate(native, &images))
    })
}
