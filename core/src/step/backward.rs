//! A layer's backward pass over one tile: the gradient of its inputs, through the activation of the layer below.

use core::ops::Range;

use bytemuck::Zeroable;

use crate::activation::batch_norm::{self, TileBatch};
use crate::activation::kind::{Activation, Parameters};
use crate::activation::srelu;
use crate::backend::vector::{Kernel, Vector, floats, load, store, units, units_mut};
use crate::backend::{Backend, MatrixMultiply, Strided};
use crate::kernel::dense;
use crate::kernel::gather::{self, TransposedRef};
use crate::network::model::{BatchOf, Model};
use crate::network::spec::Storage;
use crate::sparse::csr::{CsrRef, take, take_mut};
use crate::sparse::index::{Format, InBlock};
use crate::step::block::{Block, Workers};
use crate::step::spread::Scatter;
use crate::step::tiles::LayerTiles;

/// Gradients on their way through residual connections, as the layer below sees them.
pub(crate) struct Residual<'a, const LANES: usize> {
    /// A row for each of its neurons, or none. A layer with residual connections leaves its own there.
    pub(crate) gradients: &'a mut [[f32; LANES]],
    /// Whether they come from a layer above, and are added to its own.
    pub(crate) arrive: bool,
}

impl<const LANES: usize> Residual<'_, LANES> {
    pub(crate) const fn none() -> Self {
        Self { gradients: &mut [], arrive: false }
    }
}

/// A layer whose input gradients are ready.
///
/// `keep` is what dropout multiplied the kept activations by, 1 without.
#[inline(always)]
fn deltas<'a, M: Model, const LANES: usize>(
    layer: &'a M,
    inner: &'a M,
    keep: f32,
    batch: BatchOf<M>,
    above: &'a [[f32; LANES]],
    residual: Residual<'a, LANES>,
    tile: &'a mut LayerTiles<'_, LANES>,
) -> Backward<'a, M::Format, LANES> {
    Backward {
        sums: InputSums::Ready,
        values: layer.weights(),
        above,
        y: &*tile.y,
        delta: &mut *tile.delta,
        learned: inner.activation_parameters(),
        learned_gradients: &mut *tile.activation_gradients,
        residual,
        activation: inner.spec().activation,
        scale: keep,
        batch,
    }
}

/// Whether a layer's input gradients are spread from its outputs, by [`spread_rows`].
pub(crate) fn spreads<M: Model>(layer: &M) -> bool {
    layer.spec().storage == Storage::OutputMajor && layer.transposed().is_none()
}

/// Spreads the deltas `above` some rows of an output-major layer to the gradients of its inputs.
pub(crate) fn spread_rows<B: Backend, M: Model, const LANES: usize>(
    backend: &B,
    layer: &M,
    rows: Range<usize>,
    above: &[[f32; LANES]],
    tile: &mut LayerTiles<'_, LANES>,
) {
    Scatter { w: layer.csr(), x: above, out: &mut *tile.delta }.run_rows(backend, rows);
}

/// [`backward`] for some inputs. Those of a layer that [`spreads`] wait for [`spread_rows`] of all its rows.
pub(crate) fn backward_rows<B: Backend, M: Model, const LANES: usize>(
    backend: &B,
    (layer, inner): (&M, &M),
    rows: Range<usize>,
    keep: f32,
    batch: BatchOf<M>,
    above: &[[f32; LANES]],
    tile: &mut LayerTiles<'_, LANES>,
) {
    let mut work = deltas(layer, inner, keep, batch, above, Residual::none(), tile);
    work.sums = match (layer.spec().storage, layer.transposed()) {
        (Storage::Dense, _) => InputSums::Dense { n_in: layer.spec().n_in, first: 0 },
        (Storage::OutputMajor, Some(transposed)) => InputSums::Transposed(transposed),
        (Storage::OutputMajor | Storage::Blocked, _) => InputSums::Ready,
        (Storage::InputMajor, _) => InputSums::InputMajor(layer.csr()),
    };
    backend.dispatch::<LANES, _>(work.part(rows));
}

/// Takes the deltas above `layer` through it and through the activation of `inner`, the layer below.
///
/// `keep` is what dropout multiplied the kept activations by, 1 without.
pub(crate) fn backward<B: Backend, M: Model, const LANES: usize>(
    workers: Workers<'_, B>,
    (layer, inner): (&M, &M),
    keep: f32,
    batch: BatchOf<M>,
    above: &[[f32; LANES]],
    residual: Residual<'_, LANES>,
    tile: &mut LayerTiles<'_, LANES>,
) {
    let spec = layer.spec();
    let activation = inner.spec().activation;
    let mut work = deltas(layer, inner, keep, batch, above, residual, tile);
    match (spec.storage, layer.transposed()) {
        (Storage::Dense, _) => {
            let product = MatrixMultiply {
                m: spec.n_in,
                n: LANES,
                k: spec.n_out,
                alpha: 1.0,
                a: Strided { values: layer.weights(), row_stride: 1, col_stride: spec.n_in },
                b: Strided { values: above.as_flattened(), row_stride: LANES, col_stride: 1 },
                beta: 0.0,
                c: work.delta.as_flattened_mut(),
            };
            // A product would overwrite the sums that wait in the delta's place.
            if activation.hides_sign() || !workers.backend.matrix_multiply(product) {
                work.sums = InputSums::Dense { n_in: spec.n_in, first: 0 };
            }
        }
        (Storage::OutputMajor, Some(transposed)) => work.sums = InputSums::Transposed(transposed),
        (Storage::InputMajor, _) => work.sums = InputSums::InputMajor(layer.csr()),
        // Where a layer is in blocks, this matrix is empty.
        (Storage::OutputMajor | Storage::Blocked, _) => {
            workers.backend.dispatch::<LANES, _>(Scatter::<_, _, LANES, true> {
                w: layer.csr(),
                x: above,
                out: &mut *work.delta,
            });
        }
    }
    workers.run::<LANES, _>(spec, work);
}

/// Takes the gradients of some activations `y` without parameters through the activation.
pub(crate) fn differentiate<B: Backend, const LANES: usize>(
    backend: &B,
    activation: Activation,
    keep: f32,
    y: &[[f32; LANES]],
    delta: &mut [[f32; LANES]],
) {
    let block = Backward::<InBlock, LANES> {
        sums: InputSums::Ready,
        values: &[],
        above: &[],
        y,
        delta,
        learned: &[],
        learned_gradients: &mut [],
        residual: Residual::none(),
        activation,
        scale: keep,
        batch: (),
    };
    backend.dispatch::<LANES, _>(block);
}

/// Where the gradient of a layer's inputs comes from.
enum InputSums<'a, F: Format> {
    Transposed(TransposedRef<'a, F>),
    InputMajor(CsrRef<'a, F>),
    Dense {
        n_in: usize,
        first: usize,
    },
    /// Already in the place of the deltas.
    Ready,
}

/// A block of a layer's inputs, backward.
struct Backward<'a, F: Format, const LANES: usize> {
    sums: InputSums<'a, F>,
    /// All the layer's weights.
    values: &'a [f32],
    above: &'a [[f32; LANES]],
    y: &'a [[f32; LANES]],
    /// Holds the sums of an activation that hides their sign, until it is overwritten.
    delta: &'a mut [[f32; LANES]],
    learned: &'a [Parameters],
    learned_gradients: &'a mut [Parameters],
    residual: Residual<'a, LANES>,
    activation: Activation,
    scale: f32,
    batch: F::Batch,
}

impl<F: Format, const LANES: usize> Block for Backward<'_, F, LANES> {
    fn rows(&self) -> usize {
        self.delta.len()
    }

    fn split_at(self, row: usize) -> (Self, Self) {
        let Self {
            sums,
            values,
            above,
            mut y,
            mut delta,
            mut learned,
            learned_gradients: mut gradients,
            residual: Residual { gradients: mut through, arrive },
            activation,
            scale,
            batch,
        } = self;
        let (top, rest) = match sums {
            InputSums::Transposed(transposed) => {
                let (top, rest) = transposed.split(row);
                (InputSums::Transposed(top), InputSums::Transposed(rest))
            }
            InputSums::InputMajor(csr) => {
                let (top, rest) = csr.split_rows(row);
                (InputSums::InputMajor(top), InputSums::InputMajor(rest))
            }
            InputSums::Dense { n_in, first } => {
                (InputSums::Dense { n_in, first }, InputSums::Dense { n_in, first: first + row })
            }
            InputSums::Ready => (InputSums::Ready, InputSums::Ready),
        };
        let top = Self {
            sums: top,
            values,
            above,
            y: take(&mut y, row),
            delta: take_mut(&mut delta, row),
            learned: take(&mut learned, row),
            learned_gradients: take_mut(&mut gradients, row),
            residual: Residual { gradients: take_mut(&mut through, row), arrive },
            activation,
            scale,
            batch,
        };
        (
            top,
            Self {
                sums: rest,
                values,
                above,
                y,
                delta,
                learned,
                learned_gradients: gradients,
                residual: Residual { gradients: through, arrive },
                activation,
                scale,
                batch,
            },
        )
    }
}

impl<F: Format, const LANES: usize> Kernel for Backward<'_, F, LANES> {
    type Output = ();
    const NAME: &'static str = "input gradient";

    #[inline(always)]
    fn run<V: Vector, const K: usize>(self, vector: V) {
        let Self { sums, values, above, y, delta, learned, learned_gradients, residual, .. } = self;
        let Self { activation, scale, batch, .. } = self;
        let (delta, y) = (units_mut::<V, K, LANES>(delta), units::<V, K, LANES>(y));
        if let (true, Activation::Relu, InputSums::Dense { n_in, first }) = (V::SINGLE, activation, &sums) {
            // What a chip does most, with nothing to decide inside the loop.
            return dense::relu_deltas(vector, (values, *n_in, *first), units::<V, K, LANES>(above), y, delta, scale);
        }
        let out = delta.iter_mut().zip(y);
        // Known to be empty when compiling where the format has no such activations.
        let learned = if F::LEARNED_ACTIVATIONS { learned } else { &[] }.iter().zip(learned_gradients);
        let hides_sign = activation.hides_sign();
        let Residual { gradients, arrive } = if F::LEARNED_ACTIVATIONS { residual } else { Residual::none() };
        let residual = gradients.iter_mut();
        let mut finish =
            Differentiate::<V, _, K, LANES> { vector, learned, residual, arrive, activation, hides_sign, scale, batch };
        match sums {
            InputSums::Transposed(transposed) => gather::transposed_rows(
                vector,
                transposed,
                values,
                units::<V, K, LANES>(above),
                out,
                #[inline(always)]
                |out, sum| finish.row(out, sum),
            ),
            InputSums::InputMajor(csr) => gather::rows::<F, f32, V, K, LANES, _>(
                vector,
                csr,
                above,
                out,
                #[inline(always)]
                |out, sum| finish.row(out, sum),
            ),
            InputSums::Dense { n_in, first } => dense::transposed_rows(
                vector,
                values,
                n_in,
                first,
                units::<V, K, LANES>(above),
                out,
                #[inline(always)]
                |(delta, y)| {
                    let closed = activation.closes_at_zero() && dense::is_zero(bytemuck::must_cast_slice(y.as_slice()));
                    if closed {
                        **delta = Zeroable::zeroed();
                    }
                    closed
                },
                #[inline(always)]
                |out, sum| finish.row(out, sum),
            ),
            InputSums::Ready => {
                for (delta, y) in out {
                    let sum = load(vector, delta);
                    finish.row((delta, y), sum);
                }
            }
        }
    }
}

/// Turns gradients of activations into deltas, row by row.
struct Differentiate<'a, V, T, const K: usize, const LANES: usize> {
    vector: V,
    learned: core::iter::Zip<core::slice::Iter<'a, Parameters>, core::slice::IterMut<'a, Parameters>>,
    /// See [`Residual`].
    residual: core::slice::IterMut<'a, [f32; LANES]>,
    arrive: bool,
    activation: Activation,
    hides_sign: bool,
    scale: f32,
    batch: T,
}

impl<V: Vector, T: TileBatch, const K: usize, const LANES: usize> Differentiate<'_, V, T, K, LANES> {
    #[inline(always)]
    fn row(&mut self, (delta, y): (&mut [V::Unit; K], &[V::Unit; K]), mut sum: [V::Register; K]) {
        let vector = self.vector;
        let z = if self.hides_sign { &*delta } else { y };
        let Some((parameters, gradient)) = self.learned.next() else {
            self.activation.backward_row(vector, &mut sum, &load(vector, y), &load(vector, z), self.scale);
            *delta = store(vector, sum);
            return;
        };
        let mut row = floats::<V, K, LANES>(store(vector, sum));
        let (y, z) = (floats::<V, K, LANES>(*y), floats::<V, K, LANES>(*z));
        let mut residual = self.residual.next();
        if let Some(arrived) = residual.as_deref().filter(|_| self.arrive) {
            for (gradient, arrived) in row.iter_mut().zip(arrived) {
                *gradient += arrived;
            }
        }
        if !self.activation.is_normalised() {
            *gradient = srelu::backward_row(&mut row, &y, &z, self.scale, parameters);
        } else if let Some(batch) = self.batch.get() {
            *gradient = batch_norm::backward_row(
                &mut row,
                &y,
                &z,
                self.scale,
                parameters,
                batch,
                residual.take_if(|_| self.activation.is_residual()),
            );
        }
        if let [row] = units::<V, K, LANES>(core::slice::from_ref(&row)) {
            *delta = *row;
        }
    }
}
