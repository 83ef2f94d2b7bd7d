//! Forward, loss and backward over the tiles of a minibatch, in training and in evaluation.

use crate::activation::batch_norm::{Batch, TileBatch};
use crate::backend::{Backend, Phase};
use crate::network::model::{BatchOf, Model};
use crate::random::DropoutMask;
use crate::samples::answers::Unknown;
use crate::samples::element::Element;
use crate::samples::needed::Minibatch;
use crate::samples::one::OneSample;
use crate::samples::source::{Samples, Target};
use crate::sparse::index::Format;
use crate::step::backward::{Residual, backward};
use crate::step::block::Workers;
use crate::step::blocks::{Neurons, forward_blocks};
use crate::step::forward::{TileSamples, forward};
use crate::step::id::StepId;
use crate::step::loss::clip::clip_norm;
use crate::step::loss::cross_entropy::{share_target, softmax_cross_entropy};
use crate::step::loss::metrics::Metrics;
use crate::step::loss::squared_error::mean_squared_error;
use crate::step::sgd::{Sgd, flush};
use crate::step::tiles::{LayerTiles, Tiles, Workspace, half};

/// Runs forward, loss and, in training, backward over the tiles of a minibatch.
pub(crate) fn pass<B, S, M, const LANES: usize, const LAYERS: usize>(
    backend: &B,
    samples: &S,
    layers: &[M],
    workspace: &mut Workspace<'_, <M::Format as Format>::Input, LANES, LAYERS>,
    minibatch: Minibatch<'_>,
    training: Option<(&Sgd, StepId)>,
) -> Metrics
where
    B: Backend,
    S: Samples<LANES, <M::Format as Format>::Input>,
    M: Model,
{
    let count = minibatch.len.div_ceil(LANES);
    if count == 0 {
        return Metrics::default();
    }
    Pass::new(backend, samples, layers, minibatch, training, count).run(Tiles::new(workspace, count))
}

/// Computes the logits of up to `batch_size` samples from `start` on and hands them over, tile by tile:
/// `[n_out][LANES]` with the number of lanes in use. Returns how well they match what the samples say.
pub(crate) fn predict<B, S, M, const LANES: usize, const LAYERS: usize>(
    backend: &B,
    samples: &S,
    layers: &[M],
    workspace: &mut Workspace<'_, <M::Format as Format>::Input, LANES, LAYERS>,
    (start, batch_size): (usize, usize),
    mut each: impl FnMut(&[[f32; LANES]], usize),
) -> Metrics
where
    B: Backend,
    S: Samples<LANES, <M::Format as Format>::Input>,
    M: Model,
{
    let len = samples.len().saturating_sub(start).min(batch_size);
    let metrics = pass(backend, samples, layers, workspace, Minibatch { order: None, start: start as u32, len }, None);
    let n_out = layers.last().map_or(0, |layer| layer.spec().n_out).max(1);
    if let Some(output) = workspace.layers.last() {
        for (tile, logits) in output.y.chunks_exact(n_out).take(len.div_ceil(LANES)).enumerate() {
            each(logits, (len - tile * LANES).min(LANES));
        }
    }
    metrics
}

/// Predicts one sample: writes its logits, as far as `logits` reaches, and returns the class of the largest.
pub(crate) fn predict_one<B, M, const LANES: usize, const LAYERS: usize>(
    backend: &B,
    features: &[<M::Format as Format>::Input],
    layers: &[M],
    workspace: &mut Workspace<'_, <M::Format as Format>::Input, LANES, LAYERS>,
    logits: &mut [f32],
) -> usize
where
    B: Backend,
    M: Model,
{
    let (mut largest, mut class) = (f32::NEG_INFINITY, 0);
    predict(backend, &OneSample { features, answer: Unknown }, layers, workspace, (0, 1), |rows, _| {
        for (index, row) in rows.iter().enumerate() {
            let logit = row.first().copied().unwrap_or_default();
            if logit > largest {
                (largest, class) = (logit, index);
            }
            if let Some(slot) = logits.get_mut(index) {
                *slot = logit;
            }
        }
    });
    class
}

/// What every tile of a minibatch needs to know.
pub(crate) struct Pass<'p, B, S, M> {
    workers: Workers<'p, B>,
    layers: &'p [M],
    measure: Measure<'p, S>,
}

/// Fetches the samples of a minibatch and compares outputs with them.
pub(crate) struct Measure<'p, S> {
    pub(crate) samples: &'p S,
    pub(crate) minibatch: Minibatch<'p>,
    /// Absent in evaluation, which has no backward pass.
    pub(crate) training: Option<(&'p Sgd, StepId)>,
}

/// What dropout removes of a layer's neurons: nothing of the last.
pub(crate) fn dropout_mask((sgd, id): (&Sgd, StepId), layer: usize, layers: usize) -> DropoutMask {
    if layer + 1 < layers {
        DropoutMask::new(sgd.dropout(), id.seed, id.epoch, id.step, layer as u32)
    } else {
        DropoutMask::OFF
    }
}

/// What dropout multiplies the kept activations by.
pub(crate) fn dropout_scale(sgd: &Sgd) -> f32 {
    1.0 / (1.0 - sgd.dropout())
}

impl<'p, B: Backend, S, M: Model> Pass<'p, B, S, M> {
    /// A pass of `count` tiles.
    #[inline(always)]
    pub(crate) fn new(
        backend: &'p B,
        samples: &'p S,
        layers: &'p [M],
        minibatch: Minibatch<'p>,
        training: Option<(&'p Sgd, StepId)>,
        count: usize,
    ) -> Self {
        Self { workers: Workers::new(backend, count), layers, measure: Measure { samples, minibatch, training } }
    }

    /// Runs tiles, halving until one is left. The tree depends on their count alone, and so does the order of the sum.
    pub(crate) fn run<const LANES: usize, const LAYERS: usize>(
        &self,
        tiles: Tiles<'_, <M::Format as Format>::Input, LANES, LAYERS>,
    ) -> Metrics
    where
        S: Samples<LANES, <M::Format as Format>::Input>,
    {
        if tiles.count > 1 {
            return self.run_halves(tiles);
        }
        let Tiles { first, input, mut layers, residual_gradients, labels, .. } = tiles;
        let Some(labels) = labels.first_mut() else { return Metrics::default() };
        let Self { workers, measure: Measure { training, minibatch, .. }, .. } = *self;
        let used = workers.backend.timed(Phase::Batch, || self.measure.fill(first, input, labels));
        let batch = BatchOf::<M>::new(|| training.map(|(_, id)| Batch::new(used, minibatch.len, id.epoch, id.step)));
        let samples = TileSamples { first: first * LANES, training: training.is_some(), batch };

        workers.backend.timed(Phase::Forward, || {
            forward_layers(workers, self.layers, training, samples, input, &mut layers);
        });

        let Some((output, mut hidden)) = layers.split_last_mut() else { return Metrics::default() };
        // Evaluation needs no gradient.
        let deltas = if training.is_some() { &mut *output.delta } else { &mut [] };
        let metrics = self.measure.loss(first, used, input, labels, output.y, deltas);
        if let Some((sgd, _)) = training {
            if let Some(limit) = sgd.clip_norm().filter(|_| <M::Format as Format>::OPTIONS) {
                clip_norm(output.delta, limit);
            }
            workers.backend.timed(Phase::Backward, || {
                let keep = dropout_scale(sgd);
                let mut above: &[[f32; LANES]] = output.delta;
                // Of the layer two above the one whose deltas come next.
                let mut arrive = false;
                let mut layers = self.layers;
                while let Some((layer, below)) = layers.split_last() {
                    let (Some(inner), Some((tile, rest))) =
                        (below.last(), core::mem::take(&mut hidden).split_last_mut())
                    else {
                        break;
                    };
                    let rows = if arrive || inner.is_residual() { inner.spec().n_out } else { 0 };
                    let gradients = residual_gradients.get_mut(..rows).unwrap_or_default();
                    let residual = Residual { gradients, arrive };
                    backward(workers, (layer, inner), keep, batch, above, residual, tile);
                    arrive = layer.is_residual();
                    above = tile.delta;
                    (layers, hidden) = (below, rest);
                }
            });
        }
        metrics
    }

    /// Runs two or more tiles.
    // Not inlined: its tiles would stay on the stack of a single one, which is all that a microcontroller has.
    #[inline(never)]
    fn run_halves<const LANES: usize, const LAYERS: usize>(
        &self,
        tiles: Tiles<'_, <M::Format as Format>::Input, LANES, LAYERS>,
    ) -> Metrics
    where
        S: Samples<LANES, <M::Format as Format>::Input>,
    {
        let half = half(tiles.count);
        let (a, b) = tiles.split(half);
        let (a, b) = self.workers.backend.join(|| self.run(a), || self.run(b));
        a.merge(b)
    }
}

/// Runs a tile through all layers.
#[inline(always)]
pub(crate) fn forward_layers<B: Backend, M: Model, const LANES: usize>(
    workers: Workers<'_, B>,
    layers: &[M],
    training: Option<(&Sgd, StepId)>,
    samples: TileSamples<BatchOf<M>>,
    input: &[[<M::Format as Format>::Input; LANES]],
    tiles: &mut [LayerTiles<'_, LANES>],
) {
    let mut x: Option<&[[f32; LANES]]> = None;
    // Activations of the layer two before.
    let mut before = None;
    for (i, (layer, tile)) in layers.iter().zip(tiles).enumerate() {
        let mask = training.map_or(DropoutMask::OFF, |step| dropout_mask(step, i, layers.len()));
        match (layer.blocks(), x) {
            (None, None) => {
                forward::<_, _, <M::Format as Format>::Input, LANES>(workers, layer, mask, samples, input, &[], tile);
            }
            (None, Some(x)) => {
                let residual = before.filter(|_| layer.is_residual()).unwrap_or_default();
                forward(workers, layer, mask, samples, x, residual, tile);
            }
            (Some(blocks), x) => {
                let neurons = Neurons { bias: layer.bias(), activation: layer.spec().activation, mask, first: 0 };
                match x {
                    None => forward_blocks(workers, blocks, input, neurons, tile.y),
                    Some(x) => forward_blocks(workers, blocks, x, neurons, tile.y),
                }
            }
        }
        before = x;
        x = Some(tile.y);
    }
}

impl<S> Measure<'_, S> {
    /// Fetches a tile's samples; returns how many there are.
    pub(crate) fn fill<X: Element, const LANES: usize>(
        &self,
        tile: usize,
        x: &mut [[X; LANES]],
        labels: &mut [u16; LANES],
    ) -> usize
    where
        S: Samples<LANES, X>,
    {
        let used = self.minibatch.len.saturating_sub(tile * LANES).min(LANES);
        let indices = self.indices::<LANES>(tile);
        if used < LANES {
            for row in x.iter_mut() {
                *row = [X::default(); LANES];
            }
        }
        let epoch = self.training.map_or(0, |(_, id)| id.epoch);
        self.samples.fill(indices.get(..used).unwrap_or_default(), epoch, x, labels);
        used
    }

    /// The samples of a tile's lanes.
    #[inline(always)]
    fn indices<const LANES: usize>(&self, tile: usize) -> [u32; LANES] {
        let mut indices = [0; LANES];
        for (place, index) in (tile * LANES..).zip(indices.iter_mut()) {
            *index = self.minibatch.sample(place);
        }
        indices
    }

    /// Measures a tile and, when `deltas` has rows, writes the loss's gradient with respect to the outputs.
    // Inlined: of the losses, that which the source asks for is left.
    #[inline(always)]
    pub(crate) fn loss<X: Element, const LANES: usize>(
        &self,
        tile: usize,
        used: usize,
        x: &[[X; LANES]],
        labels: &[u16; LANES],
        outputs: &[[f32; LANES]],
        deltas: &mut [[f32; LANES]],
    ) -> Metrics
    where
        S: Samples<LANES, X>,
    {
        let metrics = match self.samples.target() {
            Target::Class => {
                let smoothing = self.training.map_or(0.0, |(sgd, _)| sgd.label_smoothing());
                let metrics = softmax_cross_entropy(outputs, labels, used, smoothing, deltas);
                if let Some((sgd, id)) = self.training
                    && self.samples.is_blended()
                {
                    let indices = self.indices::<LANES>(tile);
                    let indices = indices.get(..used).unwrap_or_default();
                    for (lane, &label) in labels.iter().enumerate().take(used) {
                        let (second, share) = self.samples.blended(indices, lane, id.epoch);
                        let share = share * (1.0 - sgd.label_smoothing());
                        share_target(deltas, lane, [label, second], share);
                    }
                }
                metrics
            }
            Target::Values => {
                let indices = self.indices::<LANES>(tile);
                let value =
                    |output, lane| indices.get(lane).map_or(f32::NAN, |&index| self.samples.value(index, output));
                mean_squared_error(outputs, used, value, deltas)
            }
            // Without as many inputs as outputs there is nothing to compare with, and the loss is NaN.
            Target::Input => {
                let x = if x.len() == outputs.len() { x } else { &[] };
                let value = |output, lane| x.get(output).and_then(|row: &[_; LANES]| row.get(lane));
                mean_squared_error(
                    outputs,
                    used,
                    |output, lane| value(output, lane).map_or(f32::NAN, |x| x.value()),
                    deltas,
                )
            }
        };
        if self.samples.is_weighted() && !deltas.is_empty() {
            let mut weights = [0.0; LANES];
            let samples = self.indices::<LANES>(tile).into_iter().zip(labels);
            for (weight, (index, &label)) in weights.iter_mut().zip(samples).take(used) {
                *weight = self.samples.weight(index, label);
            }
            for row in deltas {
                for (delta, weight) in row.iter_mut().zip(weights) {
                    *delta = flush(*delta * weight);
                }
            }
        }
        metrics
    }
}
