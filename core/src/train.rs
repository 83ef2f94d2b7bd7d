//! One minibatch, one epoch, one evaluation: the only training loop there is.
//!
//! A minibatch is cut into tiles of `LANES` samples. Each tile runs forward, loss and backward on its own, so tiles run
//! on different threads without waiting for each other; then the update runs over blocks of rows
//! of all layers.

use core::ops::{ControlFlow, Range};

use crate::backend::{Backend, Phase};
use crate::network::mlp::{Mlp, Model, Workspace};
use crate::random::Permutation;
use crate::samples::Samples;
use crate::sparse::index::Format;
use crate::step::loss::Metrics;
use crate::step::sgd::Sgd;
use crate::step::update::update_layers;
use crate::step::{Pass, Tiles};
use crate::topology::evolve::Evolution;

/// The place of a step, from which its randomness is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Seed of the run.
    pub seed: u64,
    /// Epoch, counted from 1.
    pub epoch: u32,
    /// Minibatch within the epoch, counted from 0.
    pub step: u32,
}

impl<F: Format, const LANES: usize, const LAYERS: usize> Mlp<'_, F, LANES, LAYERS> {
    /// Trains one minibatch: samples `order.at(start)`, `order.at(start + 1)`… of up to [`Mlp::batch_size`].
    ///
    /// Returns the metrics before the update. A network built for inference is only evaluated.
    pub fn step<B: Backend, S: Samples<LANES, F::Input>>(
        &mut self,
        backend: &B,
        samples: &S,
        order: &Permutation,
        start: u32,
        sgd: &Sgd,
        place: Place,
    ) -> Metrics {
        let rest = samples.len().saturating_sub(start as usize);
        let batch = rest.min(self.batch_size);
        let training = self.training.then_some(sgd);
        let metrics =
            pass(backend, samples, &self.layers, &mut self.workspace, Some(order), start, batch, training, place);
        if self.training && batch > 0 {
            let tiles = batch.div_ceil(LANES);
            let workspace = &mut self.workspace;
            let mut update = sgd.update(batch);
            if LANES == 1 && self.layers.iter().all(|layer| layer.bias_velocity.is_empty()) {
                // A single sample's deltas take the learning rate once, not at every connection.
                for tile in &mut workspace.layers {
                    let learned = if F::LEARNED_ACTIVATIONS { &mut *tile.activation_gradients } else { &mut [] };
                    for delta in tile.delta.as_flattened_mut().iter_mut().chain(learned.as_flattened_mut()) {
                        *delta *= update.rate;
                    }
                }
                update.rate = 1.0;
            }
            let (layers, input) = (&mut self.layers, &*workspace.input);
            backend.timed(Phase::Update, || {
                update_layers(backend, update, tiles, layers, input, &workspace.layers);
                if let Some(factor) = sgd.periodic_decay(place.step) {
                    for layer in layers {
                        layer.weights.iter_mut().chain(&mut *layer.bias).for_each(|weight| *weight *= factor);
                    }
                }
            });
        }
        metrics
    }

    /// Trains every sample once, in a random order; a last partial minibatch is trained too.
    ///
    /// `after` sees each step, counted from 0, with the epoch's metrics so far, and may break.
    ///
    /// Returns the metrics of what was trained: `Break` when `after` ended the epoch early.
    pub fn train_epoch<B: Backend, S: Samples<LANES, F::Input>>(
        &mut self,
        backend: &B,
        samples: &S,
        sgd: &Sgd,
        seed: u64,
        epoch: u32,
        after: impl FnMut(u32, &Metrics) -> ControlFlow<()>,
    ) -> ControlFlow<Metrics, Metrics> {
        self.train_steps(backend, samples, sgd, seed, epoch, 0..u32::MAX, after)
    }

    /// As [`Mlp::train_epoch`], evolving after every `every` steps within the epoch, if that is not 0. What follows the
    /// last step is left to the caller.
    #[expect(clippy::too_many_arguments, reason = "an epoch's arguments, and how it evolves")]
    pub fn train_epoch_evolving<B: Backend, S: Samples<LANES, F::Input>>(
        &mut self,
        backend: &B,
        samples: &S,
        sgd: &Sgd,
        evolution: &Evolution,
        every: u32,
        seed: u64,
        epoch: u32,
        mut after: impl FnMut(u32, &Metrics) -> ControlFlow<()>,
    ) -> ControlFlow<Metrics, Metrics> {
        let (len, batch) = (samples.len() as u32, self.batch_size.max(1) as u32);
        let steps = len.div_ceil(batch);
        let mut metrics = Metrics::default();
        let mut start = 0;
        while start < steps {
            let end = if every == 0 { steps } else { start.saturating_add(every).min(steps) };
            let so_far = metrics;
            let part = self.train_steps(backend, samples, sgd, seed, epoch, start..end, |step, part| {
                after(step, &so_far.merge(*part))
            });
            let (ControlFlow::Continue(trained) | ControlFlow::Break(trained)) = part;
            metrics = metrics.merge(trained);
            if part.is_break() {
                return ControlFlow::Break(metrics);
            }
            start = end;
            if start < steps {
                let place = Place { seed, epoch, step: start };
                backend.timed(Phase::Evolve, || self.evolve_at(backend, evolution, place, |_, _| {}));
            }
        }
        ControlFlow::Continue(metrics)
    }

    /// As [`Mlp::train_epoch`], some of the epoch's steps only, counted from 0; those that it does not have are left out.
    ///
    /// `after` sees the metrics of these steps.
    #[expect(clippy::too_many_arguments, reason = "an epoch's arguments, and which part of it")]
    pub fn train_steps<B: Backend, S: Samples<LANES, F::Input>>(
        &mut self,
        backend: &B,
        samples: &S,
        sgd: &Sgd,
        seed: u64,
        epoch: u32,
        steps: Range<u32>,
        mut after: impl FnMut(u32, &Metrics) -> ControlFlow<()>,
    ) -> ControlFlow<Metrics, Metrics> {
        let (len, batch) = (samples.len() as u32, self.batch_size.max(1) as u32);
        let order = Permutation::new(seed, epoch, len);
        let mut metrics = Metrics::default();
        for step in steps.start..steps.end.min(len.div_ceil(batch)) {
            let place = Place { seed, epoch, step };
            metrics = metrics.merge(self.step(backend, samples, &order, step * batch, sgd, place));
            if after(step, &metrics).is_break() {
                return ControlFlow::Break(metrics);
            }
        }
        ControlFlow::Continue(metrics)
    }

    /// Measures loss and accuracy over all samples, in order and without dropout.
    pub fn evaluate<B: Backend, S: Samples<LANES, F::Input>>(&mut self, backend: &B, samples: &S) -> Metrics {
        evaluate(backend, samples, &self.layers, &mut self.workspace, self.batch_size)
    }

    /// Computes the logits of up to [`Mlp::batch_size`] samples from `start` on and hands them over, tile by tile:
    /// `[n_out][LANES]` with the number of lanes in use.
    pub fn predict<B: Backend, S: Samples<LANES, F::Input>>(
        &mut self,
        backend: &B,
        samples: &S,
        start: usize,
        each: impl FnMut(&[[f32; LANES]], usize),
    ) {
        predict(backend, samples, &self.layers, &mut self.workspace, self.batch_size, start, each);
    }
}

/// Where an evaluation is: nothing random depends on it.
const NOWHERE: Place = Place { seed: 0, epoch: 0, step: 0 };

/// [`Mlp::evaluate`], of any model.
pub(crate) fn evaluate<B, S, M, const LANES: usize, const LAYERS: usize>(
    backend: &B,
    samples: &S,
    layers: &[M],
    workspace: &mut Workspace<'_, <M::Format as Format>::Input, LANES, LAYERS>,
    batch_size: usize,
) -> Metrics
where
    B: Backend,
    S: Samples<LANES, <M::Format as Format>::Input>,
    M: Model,
{
    let mut metrics = Metrics::default();
    for start in (0..samples.len()).step_by(batch_size.max(1)) {
        let batch = (samples.len() - start).min(batch_size);
        metrics = metrics.merge(pass(backend, samples, layers, workspace, None, start as u32, batch, None, NOWHERE));
    }
    metrics
}

/// [`Mlp::predict`], of any model.
pub(crate) fn predict<B, S, M, const LANES: usize, const LAYERS: usize>(
    backend: &B,
    samples: &S,
    layers: &[M],
    workspace: &mut Workspace<'_, <M::Format as Format>::Input, LANES, LAYERS>,
    batch_size: usize,
    start: usize,
    mut each: impl FnMut(&[[f32; LANES]], usize),
) where
    B: Backend,
    S: Samples<LANES, <M::Format as Format>::Input>,
    M: Model,
{
    let batch = samples.len().saturating_sub(start).min(batch_size);
    pass(backend, samples, layers, workspace, None, start as u32, batch, None, NOWHERE);
    let n_out = layers.last().map_or(0, |layer| layer.spec().n_out).max(1);
    if let Some(output) = workspace.layers.last() {
        for (tile, logits) in output.y.chunks_exact(n_out).take(batch.div_ceil(LANES)).enumerate() {
            each(logits, (batch - tile * LANES).min(LANES));
        }
    }
}

/// Forward, loss and, in training, backward over the tiles of one minibatch.
#[expect(clippy::too_many_arguments, reason = "the one place where training and evaluation meet")]
fn pass<B, S, M, const LANES: usize, const LAYERS: usize>(
    backend: &B,
    samples: &S,
    layers: &[M],
    workspace: &mut Workspace<'_, <M::Format as Format>::Input, LANES, LAYERS>,
    order: Option<&Permutation>,
    start: u32,
    batch: usize,
    training: Option<&Sgd>,
    place: Place,
) -> Metrics
where
    B: Backend,
    S: Samples<LANES, <M::Format as Format>::Input>,
    M: Model,
{
    let count = batch.div_ceil(LANES);
    if count == 0 {
        return Metrics::default();
    }
    let tiles = Tiles::new(workspace, count);
    let blocks = backend.threads().div_ceil(count);
    let dropout = training.map(Sgd::dropout);
    let label_smoothing = training.map_or(0.0, Sgd::label_smoothing);
    Pass { backend, samples, layers, order, start, batch, place, dropout, label_smoothing, blocks }.run(tiles)
}
