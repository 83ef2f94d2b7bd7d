//! The update over blocks of rows of all layers.

use core::marker::PhantomData;
use core::ops::Range;

use crate::activation::batch_norm;
use crate::activation::kind::Parameters;
use crate::backend::vector::{Kernel, Vector};
use crate::backend::{Backend, MatrixMultiply, Strided};
use crate::kernel::dense;
use crate::kernel::weight_step::{self, SparseRows, TileUpdate};
use crate::network::model::Layer;
use crate::network::spec::Storage;
use crate::samples::element::Element;
use crate::sparse::csr::take_mut;
use crate::sparse::index::Format;
use crate::step::biases::update_biases;
use crate::step::block::{Block, Parts, Run, run_block};
use crate::step::sgd::Update;
use crate::step::tiles::LayerTiles;

/// Multiply-adds in a block, at least: enough to outlast handing it over.
const BLOCK: usize = 1 << 19;

/// Blocks of a layer for each thread, at most: enough to share out evenly. With more, the rows of all tiles would have to come
/// into the nearer caches once for each block.
const BLOCKS_PER_THREAD: usize = 4;

/// Blocks worth cutting so many multiply-adds into.
fn blocks<B: Backend>(backend: &B, multiply_adds: usize) -> usize {
    multiply_adds.div_ceil(BLOCK).min(BLOCKS_PER_THREAD * backend.threads())
}

/// Multiplies the deltas of some of a layer's neurons by the learning rate.
// Inlined: there is one caller, and one for each sort of step.
#[inline(always)]
pub(crate) fn take_rate<F: Format, const LANES: usize>(
    tile: &mut LayerTiles<'_, LANES>,
    neurons: Range<usize>,
    rate: f32,
) {
    let learned = if F::LEARNED_ACTIVATIONS { &mut *tile.activation_gradients } else { &mut [] };
    let learned = learned.get_mut(neurons.clone()).unwrap_or_default();
    let deltas = tile.delta.get_mut(neurons).unwrap_or_default();
    for delta in deltas.as_flattened_mut().iter_mut().chain(learned.as_flattened_mut()) {
        *delta *= rate;
    }
}

/// Updates every layer with the deltas of `tiles` tiles; `x` is the input of the first of `layers`.
pub(crate) fn update_layers<B: Backend, F: Format, X: Element, const LANES: usize>(
    backend: &B,
    update: Update,
    tiles: usize,
    layers: &mut [Layer<'_, F>],
    x: &[[X; LANES]],
    outputs: &[LayerTiles<'_, LANES>],
) {
    let half = layers.len() / 2;
    let middle = half.checked_sub(1).and_then(|last| outputs.get(last));
    if let (Some(middle), Some((top, rest))) = (middle, layers.split_at_mut_checked(half)) {
        let (top_outputs, rest_outputs) = outputs.split_at(half.min(outputs.len()));
        backend.join(
            || update_layers(backend, update, tiles, top, x, top_outputs),
            || update_layers::<_, _, f32, LANES>(backend, update, tiles, rest, middle.y, rest_outputs),
        );
    } else if let (Some(layer), Some(output)) = (layers.first_mut(), outputs.first()) {
        update_layer(backend, update, tiles, layer, x, output.delta);
        if F::LEARNED_ACTIVATIONS {
            update_activation(update, tiles, layer, output.activation_gradients);
        }
    }
}

pub(crate) fn update_layer<B: Backend, F: Format, X: Element, const LANES: usize>(
    backend: &B,
    update: Update,
    tiles: usize,
    layer: &mut Layer<'_, F>,
    x: &[[X; LANES]],
    deltas: &[[f32; LANES]],
) {
    update_biases(backend, update, tiles, layer, deltas);
    if let Some(x) = X::floats(x).filter(|_| layer.spec.is_dense())
        && product_update::<_, _, LANES>(backend, update, tiles, layer, x, deltas)
    {
        return;
    }
    let parts = blocks(backend, layer.spec.connections * LANES * tiles);
    update_weights(backend, update, tiles, layer, x, deltas, Parts(parts));
}

/// Adds a tile's gradients by weights and biases to the layer's velocities, which are zero; its weights stay.
pub(crate) fn take_gradients<B: Backend, F: Format, X: Element, const LANES: usize>(
    backend: &B,
    layer: &mut Layer<'_, F>,
    x: &[[X; LANES]],
    deltas: &[[f32; LANES]],
) {
    // The first of two, so that no weight moves: there is no second.
    let tiles = 2;
    update_biases(backend, Update::GRADIENT, tiles, layer, deltas);
    let parts = blocks(backend, layer.spec.connections * LANES);
    update_weights(backend, Update::GRADIENT, tiles, layer, x, deltas, Parts(parts));
}

/// Updates the weights of a layer's matrix, or of some of its rows.
pub(crate) fn update_weights<B: Backend, F: Format, X: Element, R: Run, const LANES: usize>(
    backend: &B,
    update: Update,
    tiles: usize,
    layer: &mut Layer<'_, F>,
    x: &[[X; LANES]],
    deltas: &[[f32; LANES]],
    run: R,
) {
    let spec = layer.spec;
    let (n_in, n_out) = (spec.n_in, spec.n_out);
    let (values, velocity) = (&mut *layer.weights, &mut *layer.velocity);
    let matrix = if spec.is_dense() {
        Matrix::Dense { weights: values, velocity }
    } else {
        Matrix::Sparse(SparseRows::<F> { indptr: layer.indptr, indices: layer.indices, values, velocity })
    };
    let step = Step { update, tiles, run };
    let by_input = spec.storage == Storage::InputMajor;
    let (inputs, outputs) = ((x, n_in), (deltas, n_out));
    if let Some(x) = X::floats(x) {
        // Both sides are floats: one copy of the code for either storage.
        let inputs = (x.as_chunks().0, n_in);
        let (rows, cols) = if by_input { (inputs, outputs) } else { (outputs, inputs) };
        update_rows(backend, step, matrix, rows, cols);
    } else if by_input {
        update_rows(backend, step, matrix, inputs, outputs);
    } else {
        update_rows(backend, step, matrix, outputs, inputs);
    }
}

/// What the rows of a layer share in an update.
struct Step<R> {
    update: Update,
    tiles: usize,
    run: R,
}

/// Updates a matrix from the tiles of its rows and of its columns, each with their number in a tile.
fn update_rows<B: Backend, F: Format, R: Element, C: Element, S: Run, const LANES: usize>(
    backend: &B,
    Step { update, tiles, run }: Step<S>,
    matrix: Matrix<'_, F>,
    (rows, nrows): (&[[R; LANES]], usize),
    (cols, ncols): (&[[C; LANES]], usize),
) {
    let block = Rows::<_, _, _, S, LANES> {
        update,
        tiles,
        matrix,
        rows,
        nrows,
        first: 0,
        len: nrows,
        cols,
        ncols,
        run: PhantomData,
    };
    run.run::<LANES, _, _>(backend, block);
}

/// Updates the parameters of a layer's activation. No decay: nothing says that they belong near zero.
pub(crate) fn update_activation<F: Format>(
    update: Update,
    tiles: usize,
    layer: &mut Layer<'_, F>,
    gradients: &[Parameters],
) {
    let update = update.without_decay();
    let trained = layer.spec.activation.trained_parameters();
    let mut velocity = layer.activation_velocity.iter_mut();
    for (neuron, parameters) in layer.activation_parameters.iter_mut().enumerate() {
        let mut none = [0.0; 4];
        let velocity = velocity.next().unwrap_or(&mut none);
        let rows = gradients.iter().skip(neuron).step_by(layer.spec.n_out.max(1)).take(tiles);
        for (tile, gradient) in rows.enumerate() {
            let step = TileUpdate { update, first: tile == 0, last: tile + 1 == tiles };
            update_neuron(step, trained, parameters, velocity, gradient);
        }
    }
}

/// Updates the parameters of a neuron's activation, of which the first `trained` follow gradients.
#[inline(always)]
pub(crate) fn update_neuron(
    step: TileUpdate,
    trained: usize,
    parameters: &mut Parameters,
    velocity: &mut Parameters,
    gradient: &Parameters,
) {
    let each = parameters.iter_mut().zip(velocity).zip(gradient);
    for ((parameter, velocity), &gradient) in each.take(trained) {
        step.apply(parameter, velocity, gradient);
    }
    if trained < parameters.len() {
        batch_norm::track(parameters, gradient);
    }
}

/// Moves weights by velocities that hold the gradients of a whole minibatch, and its momentum and coupled decay.
pub(crate) fn end_update<B: Backend, const LANES: usize>(
    backend: &B,
    update: Update,
    weights: &mut [f32],
    velocity: &mut [f32],
) {
    let (update, parts) = (Update { coupled: 0.0, ..update }, blocks(backend, weights.len()));
    run_block::<LANES, _, _>(backend, parts, End { update, weights, velocity });
}

/// Updates a dense layer by matrix products, if the backend has them.
fn product_update<B: Backend, F: Format, const LANES: usize>(
    backend: &B,
    update: Update,
    tiles: usize,
    layer: &mut Layer<'_, F>,
    x: &[f32],
    deltas: &[[f32; LANES]],
) -> bool {
    let (m, n) = (layer.spec.n_out, layer.spec.n_in);
    let has_velocity = !layer.velocity.is_empty();
    // Without velocity there is one tile, and the decay is part of the product.
    let first = if has_velocity { update.momentum } else { 1.0 - update.coupled - update.decoupled };
    let each = x.chunks_exact(n.max(1) * LANES).zip(deltas.chunks_exact(m.max(1))).take(tiles);
    for (tile, (x, deltas)) in each.enumerate() {
        let product = MatrixMultiply {
            m,
            n,
            k: LANES,
            alpha: -update.rate,
            a: Strided { values: deltas.as_flattened(), row_stride: LANES, col_stride: 1 },
            b: Strided { values: x, row_stride: 1, col_stride: LANES },
            beta: if tile == 0 { first } else { 1.0 },
            c: if has_velocity { &mut *layer.velocity } else { &mut *layer.weights },
        };
        if !backend.matrix_multiply(product) {
            return false;
        }
    }
    if has_velocity {
        let parts = blocks(backend, layer.weights.len());
        run_block::<LANES, _, _>(backend, parts, End { update, weights: layer.weights, velocity: layer.velocity });
    }
    true
}

enum Matrix<'a, F: Format> {
    Sparse(SparseRows<'a, F>),
    Dense { weights: &'a mut [f32], velocity: &'a mut [f32] },
}

/// A block of a matrix' rows with all tiles of the minibatch.
struct Rows<'a, F: Format, R: Element, C: Element, S: Run, const LANES: usize> {
    update: Update,
    tiles: usize,
    matrix: Matrix<'a, F>,
    /// Tiles of `nrows` rows each, of which the block has `len` from `first` on.
    rows: &'a [[R; LANES]],
    nrows: usize,
    first: usize,
    len: usize,
    /// Tiles of `ncols` rows each.
    cols: &'a [[C; LANES]],
    ncols: usize,
    run: PhantomData<S>,
}

impl<F: Format, R: Element, C: Element, S: Run, const LANES: usize> Block for Rows<'_, F, R, C, S, LANES> {
    fn rows(&self) -> usize {
        self.len
    }

    fn split_at(self, row: usize) -> (Self, Self) {
        let (top, rest) = match self.matrix {
            Matrix::Sparse(rows) => {
                let (top, rest) = rows.split(row);
                (Matrix::Sparse(top), Matrix::Sparse(rest))
            }
            Matrix::Dense { mut weights, mut velocity } => {
                let at = row * self.ncols;
                let top = Matrix::Dense { weights: take_mut(&mut weights, at), velocity: take_mut(&mut velocity, at) };
                (top, Matrix::Dense { weights, velocity })
            }
        };
        (
            Self { matrix: top, len: row, ..self },
            Self { matrix: rest, first: self.first + row, len: self.len - row, ..self },
        )
    }
}

impl<F: Format, R: Element, C: Element, S: Run, const LANES: usize> Kernel for Rows<'_, F, R, C, S, LANES> {
    type Output = ();
    const NAME: &'static str = "update";

    #[inline(always)]
    fn run<V: Vector, const K: usize>(mut self, vector: V) {
        let each = self.rows.chunks_exact(self.nrows.max(1)).zip(self.cols.chunks_exact(self.ncols.max(1)));
        for (tile, (rows, cols)) in each.take(self.tiles).enumerate() {
            let step = TileUpdate { update: self.update, first: tile == 0, last: tile + 1 == self.tiles };
            let rows = rows.get(self.first..).unwrap_or_default();
            let rows = rows.get(..self.len).unwrap_or_default();
            match &mut self.matrix {
                Matrix::Sparse(SparseRows { indptr, indices, values, velocity }) => {
                    weight_step::sparse::<F, R, C, V, K, LANES>(
                        vector,
                        step,
                        SparseRows { indptr, indices, values, velocity },
                        rows,
                        cols,
                    );
                }
                Matrix::Dense { weights, velocity } => {
                    dense::weight_step::<R, C, V, K, LANES>(vector, step, weights, velocity, (rows, S::WHOLE), cols);
                }
            }
        }
    }
}

/// The end of a minibatch for weights whose velocity already holds momentum and gradient.
struct End<'a> {
    update: Update,
    weights: &'a mut [f32],
    velocity: &'a mut [f32],
}

impl Block for End<'_> {
    fn rows(&self) -> usize {
        self.weights.len()
    }

    fn split_at(self, row: usize) -> (Self, Self) {
        let (mut weights, mut velocity) = (self.weights, self.velocity);
        let top =
            Self { update: self.update, weights: take_mut(&mut weights, row), velocity: take_mut(&mut velocity, row) };
        (top, Self { update: self.update, weights, velocity })
    }
}

impl Kernel for End<'_> {
    type Output = ();
    const NAME: &'static str = "update";

    #[inline(always)]
    fn run<V: Vector, const K: usize>(self, _vector: V) {
        for (weight, velocity) in self.weights.iter_mut().zip(self.velocity) {
            (*velocity, *weight) = self.update.end(*velocity - self.update.coupled * *weight, *weight);
        }
    }
}
