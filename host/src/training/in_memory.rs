//! A training in memory: who hears of its steps and epochs, and which network it keeps.

use std::ops::ControlFlow;

use rewire_core::error::TrainError;
pub use rewire_core::train::Step;
use rewire_core::train::{Epoch as Done, TrainSettings};
use rewire_engine::dynamic::{Network, RunObserver};
use rewire_engine::layer::LayerData;

use crate::error::FitError;
use crate::settings::{Invalid, Keep};
use crate::training::directory::Epoch;
use crate::training::early_stopping::{is_tired, keeps_measured};
use crate::training::recorder::Recorder;
use crate::training::session::Session;

/// An epoch that has ended.
#[derive(Clone, Copy, Debug)]
pub struct EpochDone<'a> {
    /// What the core measured.
    pub epoch: &'a Done,
    /// The same as `metrics.csv` has it.
    pub row: &'a Epoch,
    /// The first layer's connections that pruning left, by input; only if the observer asked for them.
    pub input_connections: Option<&'a [u16]>,
}

/// Who hears of steps and epochs, and may end the training.
pub trait TrainObserver: Send {
    /// After each step, with the epoch's score so far: the accuracy of a classifier, else R².
    fn step(&mut self, _step: &Step<'_>, _score: f32) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }
    /// Whether [`TrainObserver::epoch`] may end the training. The network of that epoch is then kept as it was measured, for which it
    /// is copied after each epoch.
    fn may_end(&self) -> bool {
        false
    }
    /// Whether the connections of inputs are to be counted, which takes time after each epoch.
    fn counts_inputs(&self) -> bool {
        false
    }
    /// The connections of inputs before the first epoch, where they are counted.
    fn begin(&mut self, _input_connections: &[u16]) {}
    /// After each epoch.
    fn epoch(&mut self, epoch: &EpochDone<'_>) -> ControlFlow<()>;
}

/// Trains the epochs from `next`. Returns how many epochs are done, and the layers of the network that is kept.
///
/// # Errors
///
/// Settings that a training in memory does not know, or a loss that is NaN or infinite.
pub(super) fn train(
    session: &Session<'_>,
    network: &mut dyn Network,
    next: u32,
    observer: &mut dyn TrainObserver,
) -> Result<(u32, Vec<LayerData>), FitError> {
    let Session { config, task, .. } = session;
    if config.average_weights > 0.0 {
        return Err(Invalid::because("average_weights", "is kept in a run directory: use rewire train").into());
    }
    let settings = config.training(task.plane()).map_err(TrainError::Setting)?;
    let mut recorder = None;
    if observer.counts_inputs() && config.records_topology() {
        let recorder: &mut Recorder = recorder.insert(Recorder::of_survivors(&session.layers()));
        session.would_prune(recorder, network, &settings, next);
        observer.begin(recorder.input_connections());
    }
    let mut epochs =
        Epochs { session, settings: &settings, observer, recorder, epochs: Vec::new(), kept: None, measured: None };
    epochs.begin(next);
    session.train(network, next, &mut epochs)?;
    let Epochs { epochs, kept, .. } = epochs;
    let done = epochs.last().map_or(next - 1, |row| row.epoch);
    Ok((done, kept.unwrap_or_else(|| network.export())))
}

/// The epochs of a training in memory.
struct Epochs<'a> {
    session: &'a Session<'a>,
    settings: &'a TrainSettings,
    observer: &'a mut dyn TrainObserver,
    recorder: Option<Recorder>,
    epochs: Vec<Epoch>,
    /// The network that was measured in the epoch that is kept, where an evolution may have followed.
    kept: Option<Vec<LayerData>>,
    /// That of the last epoch, where the observer may end the training with it.
    measured: Option<Vec<LayerData>>,
}

impl Epochs<'_> {
    fn begin(&mut self, epoch: u32) {
        self.session.native.clock().begin(epoch);
        if let Some(recorder) = &self.recorder {
            recorder.begin();
        }
    }
}

impl RunObserver for Epochs<'_> {
    fn step(&mut self, step: &Step<'_>, _network: &dyn Network) -> ControlFlow<()> {
        self.observer.step(step, self.session.task.score(step.trained, true))
    }

    fn pruned(&mut self, layer: usize, survivors: usize, cells: &mut dyn Iterator<Item = (usize, usize)>) {
        if let Some(recorder) = &self.recorder {
            recorder.pruned(layer, survivors, cells);
        }
    }

    fn measured(&mut self, done: &Done, network: &dyn Network) {
        let config = self.session.config;
        self.epochs.push(self.session.row(done));
        if keeps_measured(config, &self.epochs) {
            self.kept = Some(network.export());
        } else if config.keep == Keep::Last && self.observer.may_end() {
            self.measured = Some(network.export());
        }
    }

    fn epoch(&mut self, done: &Done, network: &dyn Network) -> ControlFlow<()> {
        let config = self.session.config;
        let row = self.session.row(done);
        if let Some(last) = self.epochs.last_mut() {
            // Now with the time of the evolution.
            *last = row;
        }
        if let Some(recorder) = self.recorder.as_ref().filter(|_| !self.settings.evolves(row.epoch)) {
            self.session.would_prune(recorder, network, self.settings, row.epoch);
        }
        let input_connections = self.recorder.as_mut().map(Recorder::input_connections);
        let flow = self.observer.epoch(&EpochDone { epoch: done, row: &row, input_connections });
        self.begin(row.epoch + 1);
        if is_tired(config, &self.epochs) {
            return ControlFlow::Break(());
        }
        let measured = self.measured.take();
        if flow.is_break() && measured.is_some() {
            self.kept = measured;
        }
        flow
    }
}
