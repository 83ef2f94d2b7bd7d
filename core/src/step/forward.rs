//! A layer's forward pass over one tile.

use core::ops::Range;

use crate::activation::batch_norm::{self, TileBatch};
use crate::activation::kind::{Activation, Parameters};
use crate::activation::srelu;
use crate::backend::vector::{Kernel, Vector, floats, load, store, units, units_mut};
use crate::backend::{Backend, MatrixMultiply, Strided};
use crate::kernel::{dense, gather};
use crate::network::model::{BatchOf, Model};
use crate::network::spec::Storage;
use crate::random::DropoutMask;
use crate::samples::element::Element;
use crate::sparse::csr::{CsrRef, take, take_mut};
use crate::sparse::index::{Format, InBlock};
use crate::step::block::{Block, Workers};
use crate::step::spread::Scatter;
use crate::step::tiles::LayerTiles;

/// What a pass knows of the samples in a tile.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TileSamples<T> {
    /// Place of lane 0 in the minibatch.
    pub(crate) first: usize,
    /// Whether a backward pass follows.
    pub(crate) training: bool,
    /// What activations that normalise over the samples need, in training.
    pub(crate) batch: T,
}

/// A layer whose sums are ready. `residual` has the activations that are added to them, or none.
#[inline(always)]
fn activations<'a, M: Model, X: Element, const LANES: usize>(
    layer: &'a M,
    mask: DropoutMask,
    samples: TileSamples<BatchOf<M>>,
    x: &'a [[X; LANES]],
    residual: &'a [[f32; LANES]],
    tile: &'a mut LayerTiles<'_, LANES>,
) -> Forward<'a, M::Format, X, LANES> {
    let activation = layer.spec().activation;
    let keep_sums = samples.training && activation.hides_sign();
    Forward {
        sums: Sums::Ready,
        x,
        bias: layer.bias(),
        learned: layer.activation_parameters(),
        residual,
        y: &mut *tile.y,
        z: if keep_sums { &mut *tile.delta } else { &mut [] },
        first_neuron: 0,
        activation,
        mask,
        first_sample: samples.first,
        batch: samples.batch,
    }
}

/// Spreads the inputs `x` of some rows of an input-major layer to the sums of its neurons.
pub(crate) fn spread_rows<B: Backend, M: Model, X: Element, const LANES: usize>(
    backend: &B,
    layer: &M,
    rows: Range<usize>,
    x: &[[X; LANES]],
    tile: &mut LayerTiles<'_, LANES>,
) {
    Scatter { w: layer.csr(), x, out: &mut *tile.y }.run_rows(backend, rows);
}

/// [`forward`] for some neurons. Those of an input-major layer wait for [`spread_rows`] of all its rows.
pub(crate) fn forward_rows<B: Backend, M: Model, X: Element, const LANES: usize>(
    backend: &B,
    layer: &M,
    rows: Range<usize>,
    mask: DropoutMask,
    samples: TileSamples<BatchOf<M>>,
    x: &[[X; LANES]],
    tile: &mut LayerTiles<'_, LANES>,
) {
    let mut work = activations(layer, mask, samples, x, &[], tile);
    work.sums = match layer.spec().storage {
        Storage::Dense => Sums::Dense(layer.weights()),
        // Where a layer is in blocks, this matrix is empty.
        Storage::OutputMajor | Storage::Blocked => Sums::Sparse(layer.csr()),
        Storage::InputMajor => Sums::Ready,
    };
    backend.dispatch::<LANES, _>(work.part(rows));
}

/// Computes the activations of a layer's neurons from its inputs `x`, and from those of the layer two before where it has
/// residual connections.
pub(crate) fn forward<B: Backend, M: Model, X: Element, const LANES: usize>(
    workers: Workers<'_, B>,
    layer: &M,
    mask: DropoutMask,
    samples: TileSamples<BatchOf<M>>,
    x: &[[X; LANES]],
    residual: &[[f32; LANES]],
    tile: &mut LayerTiles<'_, LANES>,
) {
    let spec = layer.spec();
    let mut work = activations(layer, mask, samples, x, residual, tile);
    match spec.storage {
        Storage::Dense => {
            let mut product = |x| {
                workers.backend.matrix_multiply(MatrixMultiply {
                    m: spec.n_out,
                    n: LANES,
                    k: spec.n_in,
                    alpha: 1.0,
                    a: Strided { values: layer.weights(), row_stride: spec.n_in, col_stride: 1 },
                    b: Strided { values: x, row_stride: LANES, col_stride: 1 },
                    beta: 0.0,
                    c: work.y.as_flattened_mut(),
                })
            };
            if !X::floats(x).is_some_and(&mut product) {
                work.sums = Sums::Dense(layer.weights());
            }
        }
        Storage::OutputMajor | Storage::Blocked => work.sums = Sums::Sparse(layer.csr()),
        Storage::InputMajor => {
            workers.backend.dispatch::<LANES, _>(Scatter::<_, _, LANES, true> { w: layer.csr(), x, out: &mut *work.y });
        }
    }
    workers.run::<LANES, _>(spec, work);
}

/// Turns the sums of some neurons, of which the first is `first_neuron`, into activations without parameters.
pub(crate) fn activate<B: Backend, const LANES: usize>(
    backend: &B,
    activation: Activation,
    bias: &[f32],
    mask: DropoutMask,
    first_neuron: usize,
    y: &mut [[f32; LANES]],
) {
    let (sums, x, learned, z): (_, &[[f32; LANES]], _, _) = (Sums::Ready, &[], &[][..], &mut [][..]);
    let residual = &[];
    let block = Forward::<InBlock, _, LANES> {
        sums,
        x,
        bias,
        learned,
        residual,
        y,
        z,
        first_neuron,
        activation,
        mask,
        first_sample: 0,
        batch: (),
    };
    backend.dispatch::<LANES, _>(block);
}

/// Where a layer's weighted sums come from.
enum Sums<'a, F: Format> {
    Sparse(CsrRef<'a, F>),
    Dense(&'a [f32]),
    /// Already in the place of the activations.
    Ready,
}

/// A block of a layer's neurons, forward.
struct Forward<'a, F: Format, X: Element, const LANES: usize> {
    sums: Sums<'a, F>,
    x: &'a [[X; LANES]],
    bias: &'a [f32],
    /// Parameters of the activation, where it has some.
    learned: &'a [Parameters],
    /// Activations that are added to the sums, or empty.
    residual: &'a [[f32; LANES]],
    y: &'a mut [[f32; LANES]],
    /// Where the sums are kept, or empty.
    z: &'a mut [[f32; LANES]],
    first_neuron: usize,
    activation: Activation,
    mask: DropoutMask,
    first_sample: usize,
    /// The tile, in training.
    batch: F::Batch,
}

impl<F: Format, X: Element, const LANES: usize> Block for Forward<'_, F, X, LANES> {
    fn rows(&self) -> usize {
        self.y.len()
    }

    fn split_at(self, row: usize) -> (Self, Self) {
        let Self { sums, x, mut bias, mut learned, mut residual, mut y, mut z, .. } = self;
        let Self { first_neuron, activation, mask, first_sample, batch, .. } = self;
        let (top, rest) = match sums {
            Sums::Sparse(csr) => {
                let (top, rest) = csr.split_rows(row);
                (Sums::Sparse(top), Sums::Sparse(rest))
            }
            Sums::Dense(mut weights) => {
                let top = take(&mut weights, row * x.len());
                (Sums::Dense(top), Sums::Dense(weights))
            }
            Sums::Ready => (Sums::Ready, Sums::Ready),
        };
        let top = Self {
            sums: top,
            x,
            bias: take(&mut bias, row),
            learned: take(&mut learned, row),
            residual: take(&mut residual, row),
            y: take_mut(&mut y, row),
            z: take_mut(&mut z, row),
            first_neuron,
            activation,
            mask,
            first_sample,
            batch,
        };
        let first_neuron = first_neuron + row;
        let rest =
            Self { sums: rest, x, bias, learned, residual, y, z, first_neuron, activation, mask, first_sample, batch };
        (top, rest)
    }
}

impl<F: Format, X: Element, const LANES: usize> Kernel for Forward<'_, F, X, LANES> {
    type Output = ();
    const NAME: &'static str = "forward";

    #[inline(always)]
    fn run<V: Vector, const K: usize>(self, vector: V) {
        let Self { sums, x, bias, learned, residual, y, z, first_neuron, activation, mask, first_sample, batch } = self;
        // Known to be empty when compiling where the format has no such activations.
        let learned = if F::LEARNED_ACTIVATIONS { learned } else { &[] }.iter();
        let residual = if F::LEARNED_ACTIVATIONS { residual } else { &[] };
        let ready = matches!(sums, Sums::Ready);
        let (y, z) = (units_mut::<V, K, LANES>(y), units_mut::<V, K, LANES>(z).iter_mut());
        let mut finish = Activate::<V, _, K, LANES> {
            vector,
            learned,
            residual: units::<V, K, LANES>(residual).iter(),
            z,
            neuron: first_neuron,
            activation,
            mask,
            first_sample,
            batch,
        };
        match sums {
            Sums::Sparse(csr) => gather::rows::<F, X, V, K, LANES, _>(
                vector,
                csr,
                x,
                y.iter_mut().zip(bias),
                #[inline(always)]
                |out, sum| finish.sum(out, sum),
            ),
            Sums::Dense(weights) => dense::rows::<X, V, K, LANES, _>(
                vector,
                weights,
                x,
                y.iter_mut().zip(bias),
                #[inline(always)]
                |out, sum| finish.sum(out, sum),
            ),
            Sums::Ready => {}
        }
        if V::SINGLE {
            finish.single_rows::<F>(y, bias);
        } else if ready {
            finish.rows(y, bias);
        }
    }
}

/// Turns a block's sums into activations, row by row.
struct Activate<'a, V: Vector, T, const K: usize, const LANES: usize> {
    vector: V,
    learned: core::slice::Iter<'a, Parameters>,
    residual: core::slice::Iter<'a, [V::Unit; K]>,
    /// Where sums are kept.
    z: core::slice::IterMut<'a, [V::Unit; K]>,
    neuron: usize,
    activation: Activation,
    mask: DropoutMask,
    first_sample: usize,
    batch: T,
}

impl<V: Vector, T: TileBatch, const K: usize, const LANES: usize> Activate<'_, V, T, K, LANES> {
    /// Whether sums become activations by a bias and the activation alone.
    #[inline(always)]
    fn is_plain(&self) -> bool {
        self.z.len() == 0 && self.learned.len() == 0 && self.mask.is_off()
    }

    #[inline(always)]
    fn row(&mut self, (y, &bias): (&mut [V::Unit; K], &f32), sum: [V::Register; K]) {
        let vector = self.vector;
        let mut sum = self.biased(sum, bias);
        if let Some(z) = self.z.next() {
            *z = store(vector, sum);
        }
        if let Some(parameters) = self.learned.next() {
            let mut row = floats::<V, K, LANES>(store(vector, sum));
            if self.activation.is_normalised() {
                let residual = self.residual.next().map(
                    #[inline(always)]
                    |row| floats::<V, K, LANES>(*row),
                );
                batch_norm::apply_row(&mut row, parameters, self.batch.get(), residual.as_ref());
            } else {
                srelu::apply_row(&mut row, parameters);
            }
            if let [row] = units::<V, K, LANES>(core::slice::from_ref(&row)) {
                sum = load(vector, row);
            }
        } else {
            self.activation.apply_row(vector, &mut sum);
        }
        if !self.mask.is_off() {
            self.mask.apply::<V, K, LANES>(vector, self.neuron, self.first_sample, &mut sum);
        }
        self.neuron += 1;
        *y = store(vector, sum);
    }

    #[inline(always)]
    fn biased(&self, mut sum: [V::Register; K], bias: f32) -> [V::Register; K] {
        let bias = self.vector.splat(bias);
        for sum in &mut sum {
            *sum = self.vector.add(*sum, bias);
        }
        sum
    }

    /// A row's sum, as it comes: those of single samples wait in the place of the activations for
    /// [`Activate::single_rows`].
    #[inline(always)]
    fn sum(&mut self, out: (&mut [V::Unit; K], &f32), sum: [V::Register; K]) {
        if V::SINGLE {
            *out.0 = store(self.vector, sum);
        } else {
            self.row(out, sum);
        }
    }

    /// Sums that are in the place of the activations.
    #[inline(always)]
    fn rows(&mut self, y: &mut [[V::Unit; K]], bias: &[f32]) {
        let out = y.iter_mut().zip(bias);
        match self.activation {
            // What a chip does most, with nothing to decide inside the loop.
            Activation::Relu if self.is_plain() => self.plain_rows(out, Activation::Relu),
            Activation::Identity if self.is_plain() => self.plain_rows(out, Activation::Identity),
            _ => {
                for (y, bias) in out {
                    let sum = load(self.vector, y);
                    self.row((y, bias), sum);
                }
            }
        }
    }

    /// The same where sums become activations by a bias and this activation alone, which the compiler knows.
    #[inline(always)]
    fn plain_rows<'r>(&self, out: impl Iterator<Item = (&'r mut [V::Unit; K], &'r f32)>, activation: Activation)
    where
        V: 'r,
    {
        for (y, &bias) in out {
            let mut sum = self.biased(load(self.vector, y), bias);
            activation.apply_row(self.vector, &mut sum);
            *y = store(self.vector, sum);
        }
    }

    /// The same for single samples. A function of its own: its loop then has the registers to itself, and there is one.
    #[inline(never)]
    fn single_rows<F: Format>(&mut self, y: &mut [[V::Unit; K]], bias: &[f32]) {
        if !F::LEARNED_ACTIVATIONS {
            self.learned = [].iter();
            self.residual = [].iter();
        }
        self.rows(y, bias);
    }
}
