//! Times of whole training steps and of evolution on this machine.
//!
//! The network is CIFAR-10's of the tutorial, 3072-4000-1000-4000-10, epsilon 20, batch 128, momentum, dropout 0.3, or what
//! the settings make of it. Its inputs are noise that is made once and stays in the tiles, so what is timed is forward, backward and update. Batches of
//! images are timed apart: fetched, normalised and written into tiles, with and without the random changes of training.

pub mod graph_challenge;
pub mod machine;
pub mod profile;
pub mod schedule;
mod times;

use std::sync::Arc;

use anyhow::Result;
use rewire_core::backend::Backend;
use rewire_core::network::LayerSpec;
use rewire_core::random::Permutation;
use rewire_core::samples::{SampleSource, Samples};
use rewire_core::step::StepId;
use rewire_core::topology::Placement;
use rewire_engine::build::with_network;
use rewire_engine::dynamic::{self, Minibatch};
use rewire_engine::native::{Native, SimdLevel};
use serde::Serialize;

use self::machine::Level;
use self::profile::{Profiler, Share};
use self::schedule::{Recorder, Schedule, simulate};
use self::times::{Times, time};
use crate::data::normaliser::Normaliser;
use crate::data::samples::Split;
use crate::data::source::Source;
use crate::data::{DatasetName, ImageShape};
use crate::settings::{Config, ModelKind};
use crate::text::dashed;

/// Noise that is written once and left alone after.
struct Noise {
    samples: usize,
    classes: usize,
}

impl SampleSource for Noise {
    fn len(&self) -> usize {
        self.samples
    }
}

impl<const LANES: usize> Samples<LANES> for Noise {
    fn fill(&self, indices: &[u32], _epoch: u32, x: &mut [[f32; LANES]], labels: &mut [u16; LANES]) {
        for (label, index) in labels.iter_mut().zip(indices) {
            *label = (*index as usize % self.classes) as u16;
        }
        if x.first().is_some_and(|row| row[0] == 0.0) {
            let mut state = indices.first().map_or(1, |index| index.wrapping_mul(0x9E37_79B9) | 1);
            for value in x.as_flattened_mut() {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                *value = (state >> 8) as f32 / 8_388_608.0 - 1.0;
            }
        }
    }
}

/// A network with its threads, which is timed.
struct Timed<'a> {
    network: &'a mut dyn dynamic::Network,
    native: &'a Native,
    timed: &'a Network,
    steps: u32,
}

impl Timed<'_> {
    /// Trains one minibatch.
    fn step(&mut self) {
        let config = &self.timed.config;
        let Ok(sgd) = config.sgd(config.learning_rate) else { return };
        let noise = Noise { samples: config.batch_size, classes: self.timed.outputs };
        let order = Permutation::new(1, 1, config.batch_size as u32);
        let id = StepId { seed: 1, epoch: 1, step: self.steps };
        let minibatch = Minibatch { order: &order, start: 0, sgd: &sgd, id };
        self.network.step(self.native, &noise, &minibatch).expect("a network that is built to train");
        self.steps += 1;
    }

    /// Evolves every layer and rebuilds the transposed index.
    fn evolve(&mut self) {
        // Growth at random needs no plane.
        let shape = ImageShape { channels: 1, height: 1, width: self.timed.inputs };
        let Ok(evolution) = self.timed.config.evolution(shape) else { return };
        self.steps += 1;
        let Ok(sgd) = self.timed.config.sgd(self.timed.config.learning_rate) else { return };
        let noise = Noise { samples: self.timed.config.batch_size, classes: self.timed.outputs };
        let evolved = self.network.evolve(self.native, &evolution, (1, self.steps), (&noise, &sgd));
        evolved.expect("a network that is built to train");
    }
}

/// The network that is timed.
#[derive(Clone, Debug, PartialEq)]
pub struct Network {
    /// Its settings, and those of its step.
    pub config: Config,
    /// Features of a sample.
    pub inputs: usize,
    /// Classes.
    pub outputs: usize,
}

impl Default for Network {
    fn default() -> Self {
        Self { config: Config::defaults(DatasetName::Cifar10), inputs: 3072, outputs: 10 }
    }
}

impl Network {
    /// The same network with every connection. A sparse one's activation would not do for it.
    fn dense(&self) -> Self {
        let config =
            Config { model: ModelKind::Dense, activation: self.config.dense_activation(), ..self.config.clone() };
        Self { config, ..self.clone() }
    }

    /// Widths of its layers.
    fn widths(&self) -> String {
        dashed([&[self.inputs], &self.config.hidden[..], &[self.outputs]].concat())
    }

    /// Connections of all its layers.
    fn connections(&self) -> usize {
        self.layers().iter().map(|layer| layer.connections).sum()
    }

    /// Builds the network and hands it to `work` on the backend's threads.
    ///
    /// # Errors
    ///
    /// When there is no memory for it, or a layer is too wide.
    fn with_subject<R: Send>(&self, native: Native, work: impl FnOnce(&mut Timed<'_>) -> R + Send) -> Result<R> {
        let layers = self.layers();
        let description = crate::training::memory::description(&self.config, &layers);
        let native = native.with_products(self.config.model == ModelKind::Dense);
        Ok(with_network(&layers, self.config.lanes(), &description, |network| {
            network.initialise(&native, 1, self.config.fan_in(), Placement::Random);
            let mut subject = Timed { network, native: &native, timed: self, steps: 0 };
            native.install(|| work(&mut subject))
        })?)
    }

    /// Times each kernel of `runs` steps, on one thread; `levels` give the floors.
    fn profile(&self, native: Native, levels: &[Level], runs: usize) -> Result<Vec<Share>> {
        let profiler = Arc::new(Profiler::default());
        let (lanes, batch) = (self.config.lanes(), self.config.batch_size);
        self.with_subject(native.with_probe(profiler.clone()), |subject| {
            profile::profile(&profiler, &self.layers(), lanes, levels, batch, runs, || subject.step())
        })
    }

    /// The layers of the network.
    fn layers(&self) -> Vec<LayerSpec> {
        self.config.layers(self.inputs, self.outputs)
    }
}

/// A row of the table.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// Network and what is timed.
    pub what: String,
    /// Threads.
    pub threads: usize,
    /// Vector instructions.
    pub simd: String,
    /// Median over the runs, in milliseconds.
    pub median_ms: f64,
    /// Fastest run, in milliseconds.
    pub min_ms: f64,
    /// Slowest run, in milliseconds.
    pub max_ms: f64,
    /// Runs timed.
    pub runs: usize,
}

/// What was timed.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Widths of the layers of the network.
    pub network: String,
    /// Connections of all layers.
    pub connections: usize,
    /// Samples in a minibatch.
    pub batch_size: usize,
    /// Whole steps and evolutions.
    pub rows: Vec<Row>,
    /// The processor's caches, and what one thread computes from each.
    pub caches: Vec<Level>,
    /// The kernels of a step, on one thread.
    pub kernels: Vec<Share>,
    /// Simulated steps on more threads.
    pub schedules: Vec<Schedule>,
}

/// What the row of a sparse step is called.
pub const STEP: &str = "sparse step";
/// What the row of a dense network's step is called.
pub const DENSE_STEP: &str = "dense step, GEMM";
/// What the rows of augmented batches are called.
pub const AUGMENTED: &str = "batch of images, augmented";

/// Threads of the simulated steps.
const SIMULATED: [usize; 4] = [2, 4, 8, 16];

/// Images among which batches are drawn: far more than the caches hold.
const IMAGES: usize = 20_000;

/// Times the building of minibatches of CIFAR-10's shape.
fn batches(native: &Native, split: &Split<'_>, augment: bool, runs: usize) -> Times {
    const LANES: usize = 64;
    const BATCH: usize = 128;
    let config = Config { augment, ..Config::defaults(DatasetName::Cifar10) };
    let shape = ImageShape { channels: 3, height: 32, width: 32 };
    let normaliser = Normaliser::unit(shape.features());
    let images =
        Source::new(split, (0..IMAGES as u32).collect(), &normaliser).with_augmentation(config.augmentation(shape));
    let order = Permutation::new(1, 1, IMAGES as u32);
    let mut tiles = [0, 1].map(|_| vec![[0.0; LANES]; shape.features()]);
    let mut start = 0;
    native.install(|| {
        time(runs, || {
            let fill = |first: u32, tile: &mut [[f32; LANES]]| {
                let indices: [u32; LANES] = std::array::from_fn(|i| order.at(first + i as u32));
                images.fill(&indices, 1, tile, &mut [0; LANES]);
            };
            let [a, b] = &mut tiles;
            native.join(|| fill(start, a), || fill(start + LANES as u32, b));
            start = (start + BATCH as u32) % (IMAGES - BATCH) as u32;
        })
    })
}

/// What is to be timed.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The network.
    pub network: Network,
    /// Steps for each row.
    pub steps: usize,
    /// Numbers of threads; 0 is all.
    pub threads: Vec<usize>,
    /// Only the network's step.
    pub step_only: bool,
    /// The dense network too.
    pub dense: bool,
}

impl Plan {
    /// Times everything.
    ///
    /// # Errors
    ///
    /// When the system grants no threads or memory.
    pub fn run(&self) -> Result<Report> {
        let (network, steps) = (&self.network, self.steps);
        let all = std::thread::available_parallelism().map_or(1, usize::from);
        let best = SimdLevel::detect();
        let mut rows = Vec::new();
        let mut row = |what: &str, threads: usize, simd: SimdLevel, runs: usize, times: Times| {
            let Times { median_ms, min_ms, max_ms } = times;
            rows.push(Row { what: what.into(), threads, simd: simd.to_string(), median_ms, min_ms, max_ms, runs });
        };
        let images = if self.step_only { 0 } else { IMAGES };
        let noise = |i: usize| (i as u32).wrapping_mul(0x9E37_79B9).to_le_bytes()[3];
        let split = Split::of_images((0..images * 3072).map(noise).collect(), vec![0; images]);
        let step = if network.config.model == ModelKind::Dense { DENSE_STEP } else { STEP };
        for threads in self.threads.iter().map(|&threads| if threads == 0 { all } else { threads }) {
            let native = || -> Result<Native> { Ok(Native::new(threads)?.with_simd(best)) };
            row(step, threads, best, steps, network.with_subject(native()?, |subject| time(steps, || subject.step()))?);
            if self.step_only {
                continue;
            }
            let evolutions = steps.div_ceil(5);
            let evolve = network.with_subject(native()?, |subject| time(evolutions, || subject.evolve()))?;
            row("evolution, all layers", threads, best, evolutions, evolve);
            row("batch of images", threads, best, steps, batches(&native()?, &split, false, steps));
            row(AUGMENTED, threads, best, steps, batches(&native()?, &split, true, steps));
        }
        let mut report = Report {
            network: network.widths(),
            connections: network.connections(),
            batch_size: network.config.batch_size,
            rows: Vec::new(),
            caches: Vec::new(),
            kernels: Vec::new(),
            schedules: Vec::new(),
        };
        if self.step_only {
            return Ok(Report { rows, ..report });
        }
        for level in SimdLevel::ALL.into_iter().filter(|level| level.is_available() && *level < best) {
            let native = Native::new(all)?.with_simd(level);
            row(step, all, level, steps, network.with_subject(native, |subject| time(steps, || subject.step()))?);
        }
        if self.dense {
            let (runs, native) = (steps.div_ceil(10), Native::new(all)?);
            let times = network.dense().with_subject(native, |subject| time(runs, || subject.step()))?;
            row(DENSE_STEP, all, best, runs, times);
        }
        let native = || -> Result<Native> { Ok(Native::new(1)?.with_simd(best)) };
        report.caches = machine::measure(&native()?);
        report.kernels = network.profile(native()?, &report.caches, steps)?;
        for threads in SIMULATED {
            let recorder = Arc::new(Recorder::new(threads));
            let native = native()?.with_probe(recorder.clone());
            let schedule = network.with_subject(native, |subject| simulate(&recorder, steps, || subject.step()))?;
            report.schedules.push(schedule);
        }
        Ok(Report { rows, ..report })
    }
}
