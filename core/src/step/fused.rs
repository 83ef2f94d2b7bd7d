//! A step of a network with layers in blocks: each layer is updated as soon as the deltas below it are known.
//!
//! So two layers' deltas are all that there is at once, and they take turns in two buffers: those of the last two layers.
//! The learning rate is taken into the deltas of the outputs, and is thereby in all.

use core::mem::{swap, take};

use crate::activation::batch_norm::TileBatch;
use crate::backend::{Backend, Phase};
use crate::kernel::weight_step::TileUpdate;
use crate::network::model::{BatchOf, Layer};
use crate::random::Purpose;
use crate::samples::element::Element;
use crate::samples::needed::Minibatch;
use crate::samples::source::Samples;
use crate::sparse::bf16::Rounding;
use crate::sparse::blocks::LayerBlocks;
use crate::sparse::index::Format;
use crate::step::backward::{Residual, backward};
use crate::step::block::Workers;
use crate::step::blocks::{Below, WeightStep, step_back, update_bias};
use crate::step::forward::TileSamples;
use crate::step::id::StepId;
use crate::step::loss::clip::clip_norm;
use crate::step::loss::metrics::Metrics;
use crate::step::pass::{Measure, dropout_scale, forward_layers};
use crate::step::sgd::{Sgd, Update};
use crate::step::tiles::{LayerTiles, Workspace};
use crate::step::update::update_layer;

/// Trains a minibatch of one tile; returns the metrics before the update.
pub(crate) fn train_fused<B, S, F, const LANES: usize, const LAYERS: usize>(
    backend: &B,
    samples: &S,
    layers: &mut [Layer<'_, F>],
    workspace: &mut Workspace<'_, F::Input, LANES, LAYERS>,
    minibatch: Minibatch<'_>,
    (sgd, id): (&Sgd, StepId),
) -> Metrics
where
    B: Backend,
    S: Samples<LANES, F::Input>,
    F: Format,
{
    let workers = Workers::new(backend, 1);
    let Workspace { input, layers: tiles, labels, .. } = workspace;
    let (input, Some(labels)) = (&mut **input, labels.first_mut()) else { return Metrics::default() };
    let measure = Measure { samples, minibatch, training: Some((sgd, id)) };
    let used = backend.timed(Phase::Batch, || measure.fill(0, input, labels));
    // Nothing is normalised over a tile: see `Description::validate`.
    let batch = BatchOf::<Layer<'_, F>>::new(|| None);
    let tile_samples = TileSamples { first: 0, training: true, batch };
    backend.timed(Phase::Forward, || {
        forward_layers(workers, layers, Some((sgd, id)), tile_samples, input, tiles);
    });
    let Some((output, hidden)) = tiles.split_last_mut() else { return Metrics::default() };
    let mut above = take(&mut output.delta);
    let mut other = hidden.last_mut().map(|tile| take(&mut tile.delta)).unwrap_or_default();
    let metrics = {
        let deltas = above.get_mut(..output.y.len()).unwrap_or_default();
        let metrics = measure.loss(0, used, input, labels, output.y, deltas);
        if let Some(limit) = sgd.clip_norm().filter(|_| F::OPTIONS) {
            clip_norm(deltas, limit);
        }
        let rate = sgd.update(minibatch.len).rate;
        deltas.as_flattened_mut().iter_mut().for_each(|delta| *delta *= rate);
        metrics
    };
    let update = Update { rate: 1.0, ..sgd.update(minibatch.len) };
    let keep = dropout_scale(sgd);
    backend.timed(Phase::Backward, || {
        for index in (0..layers.len()).rev() {
            let Some((below, [layer, ..])) = layers.split_at_mut_checked(index) else { break };
            let deltas = above.get(..layer.spec.n_out).unwrap_or_default();
            let weights = WeightStep {
                step: TileUpdate { update, first: true, last: true },
                decay: sgd.periodic_decay(id.step),
                rounding: Rounding::new(id.seed, Purpose::Rounding, id.epoch, id.step, index as u32),
            };
            let Some((inner, tile)) = below.last().zip(index.checked_sub(1).and_then(|below| tiles.get_mut(below)))
            else {
                train_layer(backend, layer, update, weights, deltas, input, None);
                break;
            };
            let delta = other.get_mut(..layer.spec.n_in).unwrap_or_default();
            if !layer.spec.is_blocked() {
                let y = &mut *tile.y;
                let mut tile = LayerTiles { y, delta: &mut *delta, activation_gradients: &mut [] };
                // Nor are there residual connections.
                backward(workers, (&*layer, inner), keep, batch, deltas, Residual::none(), &mut tile);
            }
            let y = &*tile.y;
            let below = Below { activation: inner.spec.activation, keep, y, delta };
            train_layer(backend, layer, update, weights, deltas, y, Some(below));
            swap(&mut above, &mut other);
        }
    });
    // Each buffer back to where it is found.
    if layers.len().is_multiple_of(2) {
        swap(&mut above, &mut other);
    }
    let mut last = tiles.iter_mut().rev();
    for delta in [above, other] {
        if let Some(tile) = last.next() {
            tile.delta = delta;
        }
    }
    metrics
}

/// Updates a layer with its deltas. One in blocks computes those of the layer below before.
fn train_layer<B: Backend, F: Format, X: Element, const LANES: usize>(
    backend: &B,
    layer: &mut Layer<'_, F>,
    update: Update,
    weights: WeightStep,
    deltas: &[[f32; LANES]],
    x: &[[X; LANES]],
    below: Option<Below<'_, LANES>>,
) {
    if let Some(blocks) = layer.blocks.get_mut() {
        step_back(backend, blocks, weights, deltas, x, below);
        update_bias(backend, update, layer.bias, deltas);
    } else {
        update_layer(backend, update, 1, layer, x, deltas);
    }
    if let Some(factor) = weights.decay {
        layer.decay(factor);
    }
}
