//! Times of whole training steps and of evolution on this machine.
//!
//! The network is CIFAR-10's of the tutorial: 3072-4000-1000-4000-10, epsilon 20, batch 128, momentum, dropout 0.3. Its
//! inputs are noise that is made once and stays in the tiles, so what is timed is forward, backward and update. Batches of
//! images are timed apart: fetched, normalised and written into tiles, with and without the random changes of training.

pub mod graph_challenge;
pub mod machine;
pub mod profile;
mod times;

use anyhow::{Result, anyhow};
use rewire_core::backend::Backend;
use rewire_core::network::Description;
use rewire_core::network::Mlp;
use rewire_core::random::Permutation;
use rewire_core::samples::{SampleSource, Samples};
use rewire_core::sparse::Standard;
use rewire_core::step::StepId;
use serde::Serialize;

use self::machine::Level;
use self::profile::Share;
use self::times::time;
use crate::data::normaliser::Normaliser;
use crate::data::samples::Split;
use crate::data::source::Source;
use crate::data::{DatasetName, ImageShape};
use crate::engine::dynamic::with_block;
use crate::engine::native::{Native, SimdLevel};
use crate::settings::{Config, ModelKind};

/// Samples in a minibatch.
pub const BATCH: usize = 128;

/// Noise that is written once and left alone after.
struct Noise;

impl SampleSource for Noise {
    fn len(&self) -> usize {
        BATCH
    }
}

impl<const LANES: usize> Samples<LANES> for Noise {
    fn fill(&self, indices: &[u32], _epoch: u32, x: &mut [[f32; LANES]], labels: &mut [u16; LANES]) {
        for (label, index) in labels.iter_mut().zip(indices) {
            *label = (index % 10) as u16;
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

/// What a timed network can do.
pub trait Timed {
    /// Trains one minibatch.
    fn step(&mut self);
    /// Evolves every layer and rebuilds the transposed index.
    fn evolve(&mut self);
    /// Times each kernel of `runs` steps, on one thread; `levels` give the floors.
    fn profile(&mut self, levels: &[Level], runs: usize) -> Vec<Share>;
}

struct Subject<'a, const LANES: usize> {
    network: Mlp<'a, Standard, LANES>,
    native: &'a Native,
    config: &'a Config,
    steps: u32,
}

/// Trains one minibatch of noise.
fn train<B: Backend, const LANES: usize>(
    network: &mut Mlp<'_, Standard, LANES>,
    backend: &B,
    config: &Config,
    step: u32,
) {
    let Ok(sgd) = config.sgd(config.learning_rate) else { return };
    let order = Permutation::new(1, 1, BATCH as u32);
    let id = StepId { seed: 1, epoch: 1, step };
    network.step(backend, &Noise, &order, 0, &sgd, id).expect("a network that is built to train");
}

impl<const LANES: usize> Timed for Subject<'_, LANES> {
    fn step(&mut self) {
        train(&mut self.network, self.native, self.config, self.steps);
        self.steps += 1;
    }

    fn evolve(&mut self) {
        let shape = ImageShape { channels: 3, height: 32, width: 32 };
        let Ok(evolution) = self.config.evolution(shape) else { return };
        self.steps += 1;
        let evolved = self.network.evolve(self.native, &evolution, 1, self.steps, |_, _| {});
        evolved.expect("a network that is built to train");
    }

    fn profile(&mut self, levels: &[Level], runs: usize) -> Vec<Share> {
        profile::profile(self.native, &mut self.network, levels, BATCH, runs, |profiler, network| {
            train(network, profiler, self.config, 0);
        })
    }
}

/// Builds the network and hands it to `work` on the backend's threads.
///
/// # Errors
///
/// When there is no memory for it.
pub fn with_subject<R: Send>(
    model: ModelKind,
    native: Native,
    work: impl FnOnce(&mut dyn Timed) -> R + Send,
) -> Result<R> {
    let config = Config { model, batch_size: BATCH, ..Config::defaults(DatasetName::Cifar10) };
    let layers = config.layers(3072, 10);
    let description = crate::training::session::description(&config, &layers);
    let native = native.with_products(model == ModelKind::Dense);
    if model == ModelKind::Dense {
        subject::<128, R>(&config, &description, &native, work)
    } else {
        subject::<64, R>(&config, &description, &native, work)
    }
}

fn subject<const LANES: usize, R: Send>(
    config: &Config,
    description: &Description<'_>,
    native: &Native,
    work: impl FnOnce(&mut dyn Timed) -> R + Send,
) -> Result<R> {
    with_block(&description.footprint::<Standard, LANES>(), |block| -> Result<R> {
        let network = Mlp::<Standard, LANES>::new(description, block).map_err(|error| anyhow!("{error}"))?;
        let mut subject = Subject { network, native, config, steps: 0 };
        subject.network.initialise(native, 1, config.fan_in());
        Ok(native.install(|| work(&mut subject)))
    })?
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
    /// Runs timed.
    pub runs: usize,
}

/// What was timed.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Whole steps and evolutions.
    pub rows: Vec<Row>,
    /// The processor's caches, and what one thread computes from each.
    pub caches: Vec<Level>,
    /// The kernels of a step, on one thread.
    pub kernels: Vec<Share>,
}

/// What the row of a sparse step is called.
pub const STEP: &str = "sparse step";
/// What the rows of augmented batches are called.
pub const AUGMENTED: &str = "batch of images, augmented";

/// Images among which batches are drawn: far more than the caches hold.
const IMAGES: usize = 20_000;

/// Times the building of minibatches of CIFAR-10's shape.
fn batches(native: &Native, split: &Split<'_>, augment: bool, runs: usize) -> (f64, f64) {
    const LANES: usize = 64;
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

/// Times everything.
///
/// # Errors
///
/// When the system grants no threads or memory.
pub fn run(steps: usize, dense: bool) -> Result<Report> {
    let all = std::thread::available_parallelism().map_or(1, usize::from);
    let best = SimdLevel::detect();
    let noise = |i: usize| (i as u32).wrapping_mul(0x9E37_79B9).to_le_bytes()[3];
    let split = Split::of_images((0..IMAGES * 3072).map(noise).collect(), vec![0; IMAGES]);
    let mut rows = Vec::new();
    let mut row = |what: &str, threads: usize, simd: SimdLevel, runs: usize, (median_ms, min_ms): (f64, f64)| {
        rows.push(Row { what: what.into(), threads, simd: simd.to_string(), median_ms, min_ms, runs });
    };
    for threads in if all > 1 { vec![1, all] } else { vec![1] } {
        let native = || -> Result<Native> { Ok(Native::new(threads)?.with_simd(best)) };
        let step = with_subject(ModelKind::Set, native()?, |subject| time(steps, || subject.step()))?;
        row(STEP, threads, best, steps, step);
        let evolutions = steps.div_ceil(5);
        let evolve = with_subject(ModelKind::Set, native()?, |subject| time(evolutions, || subject.evolve()))?;
        row("evolution, all layers", threads, best, evolutions, evolve);
        row("batch of images", threads, best, steps, batches(&native()?, &split, false, steps));
        row(AUGMENTED, threads, best, steps, batches(&native()?, &split, true, steps));
    }
    for level in SimdLevel::ALL.into_iter().filter(|level| level.is_available() && *level < best) {
        let native = Native::new(all)?.with_simd(level);
        let step = with_subject(ModelKind::Set, native, |subject| time(steps, || subject.step()))?;
        row(STEP, all, level, steps, step);
    }
    if dense {
        let runs = steps.div_ceil(10);
        let step = with_subject(ModelKind::Dense, Native::new(all)?, |subject| time(runs, || subject.step()))?;
        row("dense step, GEMM", all, best, runs, step);
    }
    let native = Native::new(1)?.with_simd(best);
    let caches = machine::measure(&native);
    let kernels = with_subject(ModelKind::Set, native, |subject| subject.profile(&caches, steps))?;
    Ok(Report { rows, caches, kernels })
}
