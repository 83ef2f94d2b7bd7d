//! What training a network of one size takes: memory, and the time to draw, train, evolve and save it.

use std::ops::ControlFlow;
use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result, anyhow};
use rewire_core::error::TrainError;
use rewire_core::network::LayerSpec;
use rewire_core::train::{Epoch as Done, Step};
use rewire_engine::dynamic::{Network, RunObserver};
use rewire_engine::native::Native;
use serde::{Deserialize, Serialize};

use crate::data::Dataset;
use crate::error::{Diverged, Usage};
use crate::settings::Config;
use crate::training::checkpoint::State;
use crate::training::directory::{Epoch, Record};
use crate::training::memory::of_layers;
use crate::training::monitor::{resident_between, resident_bytes};
use crate::training::session::Session;
use crate::training::task::Task;
use crate::training::watch::{Extent, Watcher};

/// What training a network of one size took. Times are wall times.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Measurement {
    /// Neurons of all hidden layers.
    pub neurons: usize,
    /// Features of a sample.
    pub inputs: usize,
    /// Connections of all layers.
    pub connections: usize,
    /// Bytes of everything that training needs, predicted.
    pub predicted_bytes: usize,
    /// Bytes of it that were in RAM at the end; absent where the system does not tell.
    pub network_bytes: Option<u64>,
    /// The most memory that the process had, program, threads and what was saved included; absent as above.
    pub process_bytes: Option<u64>,
    /// Seconds to draw initial topology and weights.
    pub draw_seconds: f64,
    /// Seconds to train a sample, its features included.
    pub sample_seconds: f64,
    /// Nanoseconds to train a sample, by the number of connections.
    pub connection_nanoseconds: f64,
    /// Seconds of an evolution of all layers; absent where none evolved.
    pub evolve_seconds: Option<f64>,
    /// Seconds to write a checkpoint to the disk.
    pub save_seconds: f64,
    /// Bytes of the checkpoint's arrays.
    pub saved_bytes: u64,
    /// On the test samples before training, in nats.
    pub loss_before: f32,
    /// On the test samples after the last epoch, in nats.
    pub loss_after: f32,
    /// On the test samples after the last epoch, a fraction.
    pub test_accuracy: f32,
    /// Samples that it was measured on.
    pub test_samples: usize,
    /// Where and when.
    pub record: Record,
}

impl Measurement {
    /// Its number of neurons as people say it: 1e6.
    pub fn size(&self) -> String {
        format!("{:e}", self.neurons)
    }

    /// How far the bytes in RAM are from those predicted, as a fraction.
    pub fn difference(&self) -> Option<f64> {
        self.network_bytes.map(|measured| measured as f64 / self.predicted_bytes as f64 - 1.0)
    }
}

/// Trains the network of the settings on samples that are computed, and measures it. Its checkpoint is written into
/// `folder`, which must have room for it, and stays there.
///
/// # Errors
///
/// Settings that do not go with each other, a network that does not fit the memory, a folder that cannot be written, or a
/// loss that is NaN or infinite.
pub fn measure(config: &Config, native: Native, folder: &Path, watcher: &mut dyn Watcher) -> Result<Measurement> {
    config.validate()?;
    let task = Task::new(config, Dataset::synthetic(config.synthetic()))?;
    let session = Session::new(config, &task, native);
    session.with_network(|network| measure_network(&session, network, folder, watcher))?
}

fn measure_network(
    session: &Session<'_>,
    network: &mut dyn Network,
    folder: &Path,
    watcher: &mut dyn Watcher,
) -> Result<Measurement> {
    let Session { config, task, native } = session;
    let record = Record::now(config, native);
    let specs = network.specs();
    let connections: usize = specs.iter().map(|layer: &LayerSpec| layer.connections).sum();
    let (drawn, draw_seconds) = seconds(|| session.initialise(network));
    drawn.map_err(|error| Usage(error.to_string()))?;
    let before = network.evaluate(native, &task.test());
    let samples = task.train(config).count();
    watcher.begin(Extent {
        epochs: config.epochs,
        steps: samples.div_ceil(config.batch_size) as u64,
        validation: task.is_validated(),
        task: config.task,
    });
    let mut observer = Observer { session, watcher, epochs: Vec::new() };
    let ended = session.train(network, 1, &mut observer);
    let Observer { epochs, watcher, .. } = observer;
    watcher.end();
    ended.map_err(|error| match error {
        TrainError::Diverged { .. } => {
            Diverged(format!("{error}: try a smaller --learning-rate than {}", config.learning_rate)).into()
        }
        error => anyhow!("{error}"),
    })?;
    let state = State { config, epoch: config.epochs, layers: network.views(), tried: Vec::new(), average: Vec::new() };
    let (saved, save_seconds) = seconds(|| state.save(folder));
    saved?;
    let process_bytes = resident_bytes().map(|(_, peak)| peak);
    let last = epochs.last().context("the training has no epoch")?;
    let train_seconds: f64 = epochs.iter().map(|epoch| epoch.train_seconds).sum();
    let sample_seconds = train_seconds / (epochs.len() * samples) as f64;
    let evolutions: Vec<f64> = epochs.iter().map(|epoch| epoch.evolve_seconds).filter(|&time| time > 0.0).collect();
    Ok(Measurement {
        neurons: config.hidden.iter().sum(),
        inputs: task.widths().0,
        connections,
        predicted_bytes: of_layers(config, &specs).bytes(),
        // Last, because asking for it takes memory.
        network_bytes: resident_between(network.address(), network.address() + network.bytes()),
        process_bytes,
        draw_seconds,
        sample_seconds,
        connection_nanoseconds: 1e9 * sample_seconds / connections as f64,
        evolve_seconds: (!evolutions.is_empty()).then(|| evolutions.iter().sum::<f64>() / evolutions.len() as f64),
        save_seconds,
        saved_bytes: state.bytes(),
        loss_before: before.loss(),
        loss_after: last.test_loss,
        test_accuracy: last.test_accuracy,
        test_samples: task.test().count(),
        record,
    })
}

/// Does some work; returns its wall time with its result.
fn seconds<R>(work: impl FnOnce() -> R) -> (R, f64) {
    let started = Instant::now();
    let result = work();
    (result, started.elapsed().as_secs_f64())
}

/// Gathers the epochs, and tells the watcher.
struct Observer<'a> {
    session: &'a Session<'a>,
    watcher: &'a mut dyn Watcher,
    epochs: Vec<Epoch>,
}

impl RunObserver for Observer<'_> {
    fn step(&mut self, step: &Step<'_>, _network: &dyn Network) -> ControlFlow<()> {
        self.watcher.step(step, self.session.task.score(step.trained, true));
        ControlFlow::Continue(())
    }

    fn epoch(&mut self, done: &Done, _network: &dyn Network) -> ControlFlow<()> {
        let row = self.session.row(done);
        self.watcher.epoch(&row);
        self.epochs.push(row);
        ControlFlow::Continue(())
    }
}
