//! Training of one network in memory: initialisation, epochs, evaluation. An observer decides what is recorded.
//!
//! A run with a directory and a call from Rust are both a session; they differ in their observers.

use rewire_core::backend::{Exchange, Shares};
use rewire_core::error::TrainError;
use rewire_core::network::{Description, LayerSpec};
use rewire_core::step::{Metrics, Progress, StepId};
use rewire_core::train::{Ended, Epoch as Done, TrainSettings, Trainer};
use rewire_engine::build::with_network;
use rewire_engine::clock::EpochTimes;
use rewire_engine::dynamic::{Network, NetworkError, RunObserver};
use rewire_engine::layer::LayerData;
use rewire_engine::native::Native;

use crate::model::safetensors::ModelView;
use crate::settings::{Config, ModelKind};
use crate::training::directory::Epoch;
use crate::training::memory::{check, description, exchanged};
use crate::training::recorder::Recorder;
use crate::training::task::Task;

/// Settings, samples and a machine: all that a training needs.
#[derive(Debug)]
pub struct Session<'a> {
    /// The settings.
    pub config: &'a Config,
    /// The samples.
    pub task: &'a Task<'a>,
    /// Threads and vectors.
    pub native: Native,
}

impl<'a> Session<'a> {
    /// A session on the threads of `native`.
    pub fn new(config: &'a Config, task: &'a Task<'a>, native: Native) -> Self {
        Self { config, task, native: native.with_products(config.model == ModelKind::Dense) }
    }

    /// The layers of its network.
    pub fn layers(&self) -> Vec<LayerSpec> {
        let (features, classes) = self.task.widths();
        self.config.layers(features, classes)
    }

    /// Steps of an epoch.
    pub fn steps(&self) -> u64 {
        self.task.train(self.config).count().div_ceil(self.config.batch_size) as u64
    }

    /// Builds the network, all zero, and hands it to `work`.
    ///
    /// # Errors
    ///
    /// A network that there is no code for, or no memory: known before anything is drawn.
    pub fn with_network<R>(&self, work: impl FnOnce(&mut dyn Network) -> R) -> Result<R, NetworkError> {
        let layers = self.layers();
        check(self.config, self.task.widths(), self.ranks())?;
        with_network(&layers, self.config.lanes(), &description(self.config, &layers), work)
    }

    /// How many ranks share its steps.
    fn ranks(&self) -> usize {
        self.native.ranks().map_or(1, Exchange::ranks)
    }

    /// How those share a step of a whole minibatch, if there are several.
    pub fn shares(&self) -> Option<Shares> {
        (self.ranks() > 1).then(|| exchanged(self.config, &self.layers(), self.ranks()))
    }

    /// Whether a rank has found that nothing is left to train: then all have.
    pub fn is_over(&self, over: bool) -> bool {
        let Some(ranks) = self.native.ranks() else { return over };
        let over = ranks.any(over);
        if over {
            ranks.end();
        }
        over
    }

    /// Draws the network's initial topology and weights.
    ///
    /// # Errors
    ///
    /// A setting outside its range.
    pub fn initialise(&self, network: &mut dyn Network) -> Result<(), TrainError> {
        let placement = self.config.placement(self.task.plane()).map_err(TrainError::Setting)?;
        network.initialise(&self.native, self.config.seed, self.config.fan_in(), placement);
        Ok(())
    }

    /// Evolves as after the epoch `done`, which was taken for the last one, so that none followed it. Where connections are
    /// removed for good before that, `recorder` then counts what pruning leaves.
    ///
    /// # Errors
    ///
    /// A setting outside its range, or as the core's.
    pub fn catch_up(
        &self,
        network: &mut dyn Network,
        done: u32,
        recorder: Option<&Recorder>,
    ) -> Result<(), TrainError> {
        let Self { config, task, native } = self;
        if !config.evolves(done) {
            return Ok(());
        }
        let config = Config { zeta: config.zeta_of(done), ..(*config).clone() };
        if let Some(thinning) = config.thinning().map_err(TrainError::Setting)? {
            network.thin(native, &thinning, done, config.last_evolution())?;
            if let Some(recorder) = recorder {
                let settings = config.training(task.plane()).map_err(TrainError::Setting)?;
                recorder.begin();
                self.would_prune(recorder, network, &settings, done);
            }
        }
        let evolution = config.evolution(task.plane()).map_err(TrainError::Setting)?;
        let (train, sgd) = (task.train(&config), config.sgd(config.learning_rate).map_err(TrainError::Setting)?);
        native.on_each(|| train.prepare());
        network.evolve(native, &evolution, (config.seed, done), (&train, &sgd))
    }

    /// Records what an evolution after an epoch that has none would leave of a network.
    pub fn would_prune(&self, recorder: &Recorder, network: &dyn Network, settings: &TrainSettings, epoch: u32) {
        if let Some(evolution) = &settings.evolution {
            let id = StepId { seed: self.config.seed, epoch, step: 0 };
            let mut survives = |layer, row, col| recorder.survives(layer, row, col);
            network.would_prune(evolution, settings.zeta(epoch), id, &mut survives);
        }
    }

    /// Trains from the epoch `next` to the last.
    ///
    /// # Errors
    ///
    /// A setting outside its range, or a loss that is NaN or infinite.
    pub fn train(
        &self,
        network: &mut dyn Network,
        next: u32,
        observer: &mut (dyn RunObserver + Send),
    ) -> Result<Ended, TrainError> {
        let Self { config, task, native } = self;
        let (train, test) = (task.train(config), task.test());
        native.on_each(|| train.prepare());
        let settings = config.training(task.plane()).map_err(TrainError::Setting)?;
        let thinning = config.thinning().map_err(TrainError::Setting)?;
        let trainer = Trainer::new(&settings).map_err(TrainError::Setting)?.with_thinning(thinning.as_ref());
        let mut trainer = trainer.starting_at(Progress { epoch: next, step: 0 });
        // On one of the threads, so that no pass has to wake them from outside, which would allocate now and then.
        native.install(|| network.train(native, &mut trainer, &train, &test, observer))
    }

    /// Measures a network of these layers, which trains no further.
    ///
    /// # Errors
    ///
    /// No memory.
    pub fn measure(&self, layers: &[LayerData]) -> Result<Metrics, NetworkError> {
        let specs: Vec<LayerSpec> = layers.iter().map(|layer| layer.spec).collect();
        let config = self.config;
        let description = Description::inference(&specs, config.batch_size);
        with_network(&specs, config.lanes(), &description, |network| {
            network.import(layers)?;
            Ok(network.evaluate(&self.native, &self.task.test()))
        })?
    }

    /// What there is to say of an epoch that has just ended.
    pub fn row(&self, done: &Done) -> Epoch {
        let EpochTimes { train, evaluate, evolve, .. } = self.native.clock().times();
        Epoch {
            epoch: done.epoch,
            learning_rate: done.learning_rate,
            train_loss: done.trained.loss(),
            test_loss: done.measured.loss(),
            train_accuracy: self.task.score(&done.trained, true),
            test_accuracy: self.task.score(&done.measured, false),
            train_seconds: train,
            evaluate_seconds: evaluate,
            evolve_seconds: evolve,
            connections: done.connections,
        }
    }

    /// The network with what makes its inputs, as it is written.
    pub fn model<'n>(&'n self, network: &'n dyn Network) -> ModelView<'n> {
        self.task.model(network.views())
    }
}
