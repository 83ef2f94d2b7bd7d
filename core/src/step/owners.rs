//! An update whose parameters are shared out among ranks: the owner of a parameter adds the gradients of all tiles.
//!
//! In the order of owners, the parameters of all activations come first, four a neuron, then each layer's weights and biases.

use core::ops::Range;

use crate::activation::kind::Parameters;
use crate::backend::{Backend, Exchange, Phase, Shares};
use crate::kernel::weight_step::TileUpdate;
use crate::network::model::Layer;
use crate::samples::element::Element;
use crate::sparse::csr::take_mut;
use crate::sparse::index::Format;
use crate::step::sgd::Update;
use crate::step::tiles::LayerTiles;
use crate::step::update::{end_update, take_gradients, update_neuron};

/// Updates every layer with the deltas of all ranks' tiles, `tiles` together. This rank's lie one after the other, one a
/// round. `x` is their input of the first of `layers`.
///
/// The bits are those of [`update_layers`](crate::step::update::update_layers): of the same numbers, the same sums.
pub(crate) fn update_on_ranks<B: Backend, F: Format, X: Element, const LANES: usize>(
    backend: &B,
    exchange: &dyn Exchange,
    update: Update,
    tiles: usize,
    layers: &mut [Layer<'_, F>],
    x: &[[X; LANES]],
    outputs: &[LayerTiles<'_, LANES>],
) {
    let parameters = layers.iter().map(Layer::parameters).sum();
    let (rank, shares) = (exchange.rank(), Shares::new(exchange.ranks(), tiles, parameters));
    let Shares { ranks, rounds, parameters: share } = shares;
    let own = rank * share..(rank + 1) * share;
    exchange.lend(shares.floats(), &mut |mut memory| {
        let all = take_mut(&mut memory, ranks * share);
        let received = take_mut(&mut memory, ranks * share);
        for round in 0..rounds {
            let first = round * ranks;
            let senders = (tiles - first).min(ranks);
            if rank < senders {
                backend.timed(Phase::Update, || gradients(backend, layers, x, outputs, round, all));
            }
            backend.timed(Phase::Exchange, || exchange.all_to_all(all, senders, received));
            backend.timed(Phase::Update, || {
                for (sender, gradients) in received.chunks_exact(share.max(1)).take(senders).enumerate() {
                    let step = TileUpdate { update, first: first + sender == 0, last: false };
                    each_part(layers, own.clone(), &mut |part, at| {
                        part.add(step, gradients.get(at).unwrap_or_default());
                    });
                }
            });
        }
        let new = take_mut(&mut &mut *received, share);
        each_part(layers, own.clone(), &mut |part, at| part.read(new.get_mut(at).unwrap_or_default()));
        backend.timed(Phase::Exchange, || exchange.all_gather(new, all));
        backend.timed(Phase::Update, || {
            each_part(layers, 0..ranks * share, &mut |part, at| {
                part.end::<_, LANES>(backend, update, all.get(at).unwrap_or_default());
            });
        });
    });
}

/// Writes the gradients of the tile of a round, in the order of owners.
fn gradients<B: Backend, F: Format, X: Element, const LANES: usize>(
    backend: &B,
    layers: &mut [Layer<'_, F>],
    input: &[[X; LANES]],
    outputs: &[LayerTiles<'_, LANES>],
    round: usize,
    mut to: &mut [f32],
) {
    to.fill(0.0);
    for (layer, output) in layers.iter().zip(outputs) {
        let of_tile = rows(output.activation_gradients, layer.activation_parameters.len(), round).as_flattened();
        for (to, from) in take_mut(&mut to, of_tile.len()).iter_mut().zip(of_tile) {
            *to = *from;
        }
    }
    let mut below: Option<&[[f32; LANES]]> = None;
    for (layer, output) in layers.iter_mut().zip(outputs) {
        let (n_in, n_out) = (layer.spec.n_in, layer.spec.n_out);
        let weights = take_mut(&mut to, layer.weights.len());
        let biases = take_mut(&mut to, layer.bias.len());
        let mut layer = layer.with_velocities(weights, biases);
        let deltas = rows(output.delta, n_out, round);
        match below {
            None => take_gradients(backend, &mut layer, rows(input, n_in, round), deltas),
            Some(x) => take_gradients(backend, &mut layer, x, deltas),
        }
        below = Some(rows(output.y, n_out, round));
    }
}

/// The rows of the tile of a round.
fn rows<T>(tiles: &[T], rows: usize, round: usize) -> &[T] {
    tiles.get(round * rows..(round + 1) * rows).unwrap_or_default()
}

/// Parameters that lie one after the other.
enum Part<'p> {
    /// Of neurons' activations: the first `trained` of a neuron follow gradients, the others are averages.
    Activation { trained: usize, parameters: &'p mut [Parameters], velocity: &'p mut [Parameters] },
    /// Weights or biases.
    Plain { values: &'p mut [f32], velocity: &'p mut [f32] },
}

impl Part<'_> {
    /// Adds a tile's gradients.
    fn add(self, step: TileUpdate, gradients: &[f32]) {
        match self {
            Self::Activation { trained, parameters, velocity } => {
                let step = TileUpdate { update: step.update.without_decay(), ..step };
                for ((parameters, velocity), gradient) in
                    parameters.iter_mut().zip(velocity).zip(gradients.as_chunks().0)
                {
                    update_neuron(step, trained, parameters, velocity, gradient);
                }
            }
            Self::Plain { values, velocity } => {
                for ((value, velocity), &gradient) in values.iter_mut().zip(velocity).zip(gradients) {
                    step.apply(value, velocity, gradient);
                }
            }
        }
    }

    /// Writes what the others need to know: velocities, and averages.
    fn read(self, to: &mut [f32]) {
        match self {
            Self::Activation { trained, parameters, velocity } => {
                for ((parameters, velocity), to) in parameters.iter().zip(velocity).zip(to.as_chunks_mut::<4>().0) {
                    *to = *parameters;
                    for (to, from) in to.iter_mut().zip(velocity).take(trained) {
                        *to = *from;
                    }
                }
            }
            Self::Plain { velocity, .. } => {
                for (to, from) in to.iter_mut().zip(velocity) {
                    *to = *from;
                }
            }
        }
    }

    /// Takes what an owner wrote, and moves the parameters.
    fn end<B: Backend, const LANES: usize>(self, backend: &B, update: Update, from: &[f32]) {
        match self {
            Self::Activation { trained, parameters, velocity } => {
                let update = update.without_decay();
                for ((parameters, velocity), from) in parameters.iter_mut().zip(velocity).zip(from.as_chunks::<4>().0) {
                    let each = parameters.iter_mut().zip(velocity).zip(from);
                    for (index, ((parameter, velocity), &from)) in each.enumerate() {
                        if index < trained {
                            (*velocity, *parameter) = update.end(from, *parameter);
                        } else {
                            *parameter = from;
                        }
                    }
                }
            }
            Self::Plain { values, velocity } => {
                for (velocity, from) in velocity.iter_mut().zip(from) {
                    *velocity = *from;
                }
                end_update::<_, LANES>(backend, update, values, velocity);
            }
        }
    }
}

/// Hands over the parameters whose numbers in the order of owners are in `range`, each part with its place in the range.
fn each_part<F: Format>(
    layers: &mut [Layer<'_, F>],
    range: Range<usize>,
    work: &mut dyn FnMut(Part<'_>, Range<usize>),
) {
    let mut before = 0;
    // Those of the next `len` parameters that are in the range: where in themselves, and where in the range.
    let mut next = |len: usize| {
        let (start, end) = (before, before + len);
        before = end;
        let (from, to) = (range.start.max(start).min(end), range.end.max(start).min(end));
        (from - start..to - start, from.saturating_sub(range.start)..to.saturating_sub(range.start))
    };
    for layer in &mut *layers {
        let (Range { start, end }, at) = next(layer.activation_parameters.len() * 4);
        let neurons = start / 4..end / 4;
        if !neurons.is_empty() {
            let parameters = layer.activation_parameters.get_mut(neurons.clone()).unwrap_or_default();
            let velocity = layer.activation_velocity.get_mut(neurons).unwrap_or_default();
            let trained = layer.spec.activation.trained_parameters();
            work(Part::Activation { trained, parameters, velocity }, at);
        }
    }
    for layer in layers {
        let parts = [(&mut *layer.weights, &mut *layer.velocity), (&mut *layer.bias, &mut *layer.bias_velocity)];
        for (values, velocity) in parts {
            let (inside, at) = next(values.len());
            if !inside.is_empty() {
                let values = values.get_mut(inside.clone()).unwrap_or_default();
                let velocity = velocity.get_mut(inside).unwrap_or_default();
                work(Part::Plain { values, velocity }, at);
            }
        }
    }
}
