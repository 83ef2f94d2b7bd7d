//! A run with a directory: how it begins or continues, and how it ends.

use std::borrow::Cow;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use rewire_core::error::{SampleSet, TrainError};
use rewire_core::network::LayerSpec;
use rewire_core::train::Ended as Reason;
use rewire_engine::dynamic::Network;
use rewire_engine::native::Native;

use crate::data::Dataset;
use crate::error::{Diverged, Interrupted, Usage};
use crate::files::stream_atomically;
use crate::model::layers::Layers;
use crate::model::safetensors::Model;
use crate::settings::{Config, Invalid, Keep, ModelKind};
use crate::training::average::Average;
use crate::training::checkpoint::Checkpoint;
use crate::training::directory::{AVERAGE, BEST, Epoch, MODEL, Phases, Record, RunDirectory, START};
use crate::training::early_stopping::is_tired;
use crate::training::epoch_writer::{EpochWriter, record_topology, save_average};
use crate::training::fitting::fitting_to;
use crate::training::monitor::{Monitor, resident_bytes};
use crate::training::ranks::hand_out;
use crate::training::recorder::Recorder;
use crate::training::saver::Saver;
use crate::training::session::Session;
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

/// Trains a network and writes its run directory.
///
/// # Errors
///
/// Settings that do not fit the dataset, a directory that cannot be written, a loss that is NaN or infinite, an
/// interruption: whatever was recorded until then is kept.
pub fn train(config: &Config, dataset: Dataset<'_>, surroundings: Surroundings<'_>) -> Result<Summary> {
    let Surroundings { out, checkpoint, native, monitor_interval, interrupted, watcher, warn } = surroundings;
    let fitted = prepare(config, &dataset, &warn)?;
    let config = &*fitted;
    let mut task = Task::new(config, dataset)?;
    if let Some(ranks) = native.ranks() {
        hand_out(ranks, config, &mut task)?;
    }
    let session = Session::new(config, &task, native);
    let before = resident_bytes().map(|(now, _)| now);
    warn_of_decay(&session, &warn);
    session.with_network(|network| {
        let run = Run { session: &session, interrupted, warn: &warn };
        let (mut directory, recorder, average, epochs) = match &checkpoint {
            Some(checkpoint) => run.resume(network, &out.unwrap_or_default(), checkpoint)?,
            None => run.start(network, out.as_deref(), before)?,
        };
        let monitor = Monitor::start(directory.path(), monitor_interval, session.native.clock(), &warn);
        let ended = run.epochs(network, &mut directory, (recorder, average), epochs, watcher)?;
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
        let (model, best) = (directory.path().join(MODEL), directory.path().join(BEST));
        // Where its patience ended the run, what was measured last is there already.
        let is_there = |file: &Path| ended.tired && file.exists();
        if config.keep == Keep::Best && best.exists() {
            stream_atomically(&model, |draft| std::io::copy(&mut File::open(&best)?, draft).map(|_| ()))?;
        } else if !is_there(&model) {
            session.model(network).save(&model)?;
        }
        if let Some(average) = ended.average.as_ref().filter(|_| !is_there(&directory.path().join(AVERAGE))) {
            save_average(average, &session, &directory)?;
        }
        // Connections may have been removed for good since the model that is kept.
        let kept = if ended.tired || config.keep == Keep::Best {
            Model::open(&model)?.layers.specs()
        } else {
            network.specs()
        };
        let summary = Summary::new(config, task.widths(), &kept, directory.path(), &ended.epochs)
            .map(|summary| summary.measured_on(task.test().count()).on_ranks(session.shares(), config));
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

/// The settings as they fit the samples, checked.
fn prepare<'c>(config: &'c Config, dataset: &Dataset<'_>, warn: &Warn) -> Result<Cow<'c, Config>> {
    config.validate()?;
    if dataset.test.is_empty() && config.validation_samples == 0 {
        let reason =
            "leaves no test samples to measure on; give --test, a larger --test-share, or --validation-samples";
        return Err(Invalid::because("test_share", reason).into());
    }
    let fitted = fitting_to(config, dataset);
    if fitted.batch_size != config.batch_size {
        warn.warn(&format!(
            "--batch-size is {} instead of {}, because there are fewer training samples than that",
            fitted.batch_size, config.batch_size
        ));
    }
    Ok(fitted)
}

/// Warns of weight decay that goes on where the learning rate no longer makes up for it.
fn warn_of_decay(session: &Session<'_>, warn: &Warn) {
    let (epochs, lost) = session.config.decay_at_the_end(session.steps());
    if lost > 0.1 {
        warn.warn(&format!(
            "weight decay alone takes {:.0} % off every weight in the last {epochs} of {} epochs, where the learning rate is \
             below a twentieth of its start; with --decay coupled, weight decay falls with the learning rate",
            100.0 * lost,
            session.config.epochs
        ));
    }
}

/// Warns of a sparse model whose hidden layers have all connections.
fn warn_of_density(session: &Session<'_>, warn: &Warn) {
    let layers = session.layers();
    let evolving = layers.split_last().map_or(&[][..], |(_, hidden)| hidden);
    if session.config.model != ModelKind::Dense && evolving.iter().all(LayerSpec::is_dense) {
        warn.warn(
            "every hidden layer has all its connections, so no connection evolves and the settings of topology have no effect; \
             lower --epsilon or --connections, or widen --hidden",
        );
    }
}

/// Puts a checkpoint's layers into the network.
pub(super) fn restore(network: &mut dyn Network, out: &Path, checkpoint: &Checkpoint) -> Result<()> {
    for index in 0..checkpoint.specs().len() {
        // One layer at a time: two networks may be more than the memory holds.
        checkpoint.restore(index, network).with_context(|| {
            format!("the checkpoint in {} is of another network; start again in another folder", out.display())
        })?;
    }
    Ok(())
}

/// Makes up for the evolution after a checkpoint's epoch, if that was taken for the last; returns whether it was.
pub(super) fn catch_up(
    session: &Session<'_>,
    network: &mut dyn Network,
    checkpoint: &Checkpoint,
    recorder: Option<&Recorder>,
) -> Result<bool> {
    let epoch = checkpoint.epoch;
    let owes = checkpoint.config.owes_evolution(session.config, epoch);
    if owes {
        session
            .catch_up(network, epoch, recorder)
            .map_err(|error| anyhow!("the evolution after epoch {epoch} cannot be caught up on: {error}"))?;
    }
    Ok(owes)
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

/// A run's directory, what records its connections and averages its weights, and the epochs that are done.
type Begun = (RunDirectory, Option<Recorder>, Option<Average>, Vec<Epoch>);

/// The epochs of a run that ended, and why it ended.
struct Ended {
    epochs: Vec<Epoch>,
    average: Option<Average>,
    /// By its patience.
    tired: bool,
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
        warn_of_density(self.session, self.warn);
        directory.append_phases(&Phases { resident_bytes: resident, ..Phases::default() })?;
        let mut recorder = None;
        if config.model != ModelKind::Dense {
            self.session.model(network).save(&directory.path().join(START))?;
            if directory.records_topology() {
                let recorder = recorder.insert(Recorder::new(&self.session.layers()));
                let settings = config.training(task.plane()).map_err(|error| Usage(error.to_string()))?;
                self.session.would_prune(recorder, network, &settings, 1);
                record_topology(recorder, &mut directory, 0, &network.views())?;
            }
        }
        let decay = config.average_weights;
        let average = (decay > 0.0).then(|| Average::new(decay, &network.views()));
        Ok((directory, recorder, average, Vec::new()))
    }

    /// Takes the network and its directory up where they were left.
    fn resume(&self, network: &mut dyn Network, out: &Path, checkpoint: &Checkpoint) -> Result<Begun> {
        restore(network, out, checkpoint)?;
        let Session { config, task, .. } = self.session;
        let (inputs, _) = task.widths();
        let (mut directory, epochs) =
            RunDirectory::reopen(out, checkpoint.epoch, config, inputs, |text| self.warn.warn(text))?;
        let mut recorder = if directory.records_topology() {
            Some(Recorder::resume(checkpoint.specs(), &checkpoint.tried()?)?)
        } else {
            None
        };
        let mut average = None;
        if config.average_weights > 0.0 {
            let steps = u64::from(checkpoint.epoch) * self.session.steps();
            let resumed = Average::resume(config.average_weights, &network.views(), steps, &checkpoint.average()?);
            average = Some(resumed.with_context(|| {
                format!(
                    "the checkpoint in {} has no average of the weights; start again in another folder",
                    out.display()
                )
            })?);
        }
        if catch_up(self.session, network, checkpoint, recorder.as_ref())? {
            if let Some(recorder) = &mut recorder {
                let layers = network.views();
                recorder.try_all(&layers);
                let rows: Vec<_> = recorder.rows(checkpoint.epoch, &layers).collect();
                let thinned = config.thinning().map_err(|error| Usage(error.to_string()))?.is_some();
                directory.correct_topology(&rows, thinned.then(|| recorder.input_connections()))?;
            }
            if let Some(average) = &mut average {
                average.follow(&network.views());
            }
        }
        Ok((directory, recorder, average, epochs))
    }

    /// Trains the epochs after those in `epochs`.
    fn epochs(
        &self,
        network: &mut dyn Network,
        directory: &mut RunDirectory,
        (recorder, average): (Option<Recorder>, Option<Average>),
        epochs: Vec<Epoch>,
        watcher: &mut dyn Watcher,
    ) -> Result<Ended> {
        let Session { config, task, .. } = self.session;
        let settings = config.training(task.plane()).map_err(|error| Usage(error.to_string()))?;
        let steps = self.session.steps();
        let next = epochs.len() as u32 + 1;
        let mut writer = EpochWriter {
            session: self.session,
            interrupted: self.interrupted,
            settings: &settings,
            directory,
            recorder,
            average,
            evolved: false,
            saver: Saver::default(),
            epochs,
            watcher,
            tired: false,
            failed: None,
        };
        let (epochs, validation) = (config.epochs, task.is_validated());
        writer.watcher.begin(Extent { epochs, steps, validation, task: config.task });
        writer.begin(next);
        // A run that had ended early has nothing left to do.
        let ended = if self.session.is_over(is_tired(config, &writer.epochs)) {
            writer.tired = true;
            Ok(Reason::Stopped)
        } else {
            self.session.train(network, next, &mut writer)
        };
        writer.watcher.end();
        let EpochWriter { directory, mut saver, epochs, average, tired, failed, .. } = writer;
        // Also where something else could not be written.
        let saved = saver.write(directory);
        failed.map_or(saved, Err)?;
        match ended {
            Ok(ended) => Ok(Ended { epochs, average, tired, interrupted: ended == Reason::Stopped && !tired }),
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

/// The error for training that diverged: its loss is NaN or infinite.
fn diverged(config: &Config, directory: &RunDirectory, loss: &str, epoch: u32, step: u64) -> anyhow::Error {
    Diverged(format!(
        "training diverged: the {loss} loss is NaN or infinite at epoch {epoch}, step {step}: try a smaller --learning-rate than {}; \
         metrics.csv in {} keeps the epochs before",
        config.learning_rate,
        directory.path().display()
    ))
    .into()
}
