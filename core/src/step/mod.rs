//! Forward, loss and backward over tiles.

pub(crate) mod loss;
pub(crate) mod sgd;
pub(crate) mod update;

pub use loss::Metrics;
pub use sgd::{FLUSH, Sgd, WeightDecay, share};

use heapless::Vec;

use crate::activation::batch_norm::{self, Batch, TileBatch};
use crate::activation::srelu;
use crate::activation::{Activation, Parameters};
use crate::backend::vector::{Kernel, Vector, floats, units, units_mut};
use crate::backend::{Backend, MatrixMultiply, Phase, Strided};
use crate::kernel::gather::{self, TransposedRef};
use crate::kernel::{dense, scatter};
use crate::network::mlp::{LayerTiles, Model, Workspace};
use crate::network::spec::Storage;
use crate::random::{DropoutMask, Permutation};
use crate::samples::Samples;
use crate::samples::element::Element;
use crate::sparse::csr::{CsrRef, take_mut};
use crate::sparse::index::Format;
use crate::step::loss::softmax_cross_entropy;
use crate::train::Place;

/// Multiply-adds below which a block is not cut: it should outlast handing it over.
const MIN_BLOCK: usize = 1 << 18;

/// What a model's passes know of a tile's samples.
type BatchOf<M> = <<M as Model>::Format as Format>::Batch;

/// Work that can be cut into two parts that write disjoint memory.
pub(crate) trait Block: Kernel<Output = ()> + Send + Sized {
    /// Cuts it about in half.
    fn split(self) -> (Self, Self);
}

/// Runs a block in `parts` parts.
pub(crate) fn run_block<const LANES: usize, B: Backend, T: Block>(backend: &B, parts: usize, block: T) {
    // One thread is known when compiling, where there is no other: what cuts blocks is then left out.
    if parts > 1 && backend.threads() > 1 {
        let (a, b) = block.split();
        let half = parts / 2;
        backend
            .join(|| run_block::<LANES, _, _>(backend, parts - half, a), || run_block::<LANES, _, _>(backend, half, b));
    } else {
        backend.dispatch::<LANES, _>(block);
    }
}

/// Tiles that one call works on, with the buffers of all layers.
pub(crate) struct Tiles<'a, X: Element, const LANES: usize, const LAYERS: usize> {
    /// Index of the first of these tiles within the minibatch.
    first: usize,
    count: usize,
    input: &'a mut [[X; LANES]],
    layers: Vec<LayerTiles<'a, LANES>, LAYERS>,
    labels: &'a mut [[u16; LANES]],
}

impl<'a, X: Element, const LANES: usize, const LAYERS: usize> Tiles<'a, X, LANES, LAYERS> {
    /// The first `count` tiles of a workspace.
    pub(crate) fn new(workspace: &'a mut Workspace<'_, X, LANES, LAYERS>, count: usize) -> Self {
        let tiles = workspace.labels.len();
        let count = count.min(tiles);
        let mut layers = Vec::new();
        for tile in &mut workspace.layers {
            // Both have the capacity of the vector they are taken from, here and in `split`.
            let _ = layers.push(LayerTiles {
                y: cut(&mut &mut *tile.y, tiles, count).0,
                delta: cut(&mut &mut *tile.delta, tiles, count).0,
                activation_gradients: cut(&mut &mut *tile.activation_gradients, tiles, count).0,
            });
        }
        let input = cut(&mut &mut *workspace.input, tiles, count).0;
        let labels = cut(&mut &mut *workspace.labels, tiles, count).0;
        Self { first: 0, count, input, layers, labels }
    }

    /// The first `count` tiles, and the rest.
    pub(crate) fn split(mut self, count: usize) -> (Self, Self) {
        let (tiles, count) = (self.count.max(1), count.min(self.count));
        let input_rows = self.input.len() / tiles * count;
        let (mut input, mut labels) = (self.input, self.labels);
        let mut top = Tiles {
            first: self.first,
            count,
            input: take_mut(&mut input, input_rows),
            layers: Vec::new(),
            labels: take_mut(&mut labels, count),
        };
        let mut rest =
            Tiles { first: self.first + count, count: self.count - count, input, layers: Vec::new(), labels };
        // Not by value: the iterator's end would have a place to panic in.
        for LayerTiles { y, delta, activation_gradients } in &mut self.layers {
            let (y, y_rest) = cut(y, tiles, count);
            let (delta, delta_rest) = cut(delta, tiles, count);
            let (activation_gradients, gradients_rest) = cut(activation_gradients, tiles, count);
            let _ = top.layers.push(LayerTiles { y, delta, activation_gradients });
            let _ = rest.layers.push(LayerTiles { y: y_rest, delta: delta_rest, activation_gradients: gradients_rest });
        }
        (top, rest)
    }
}

/// The rows of the first `count` of `tiles` tiles, and the rest.
fn cut<'a, T>(rows: &mut &'a mut [T], tiles: usize, count: usize) -> (&'a mut [T], &'a mut [T]) {
    let mut rows = core::mem::take(rows);
    let at = rows.len() / tiles.max(1) * count;
    (take_mut(&mut rows, at), rows)
}

/// What every tile of a minibatch needs to know.
pub(crate) struct Pass<'p, B, S, M> {
    pub(crate) backend: &'p B,
    pub(crate) samples: &'p S,
    pub(crate) layers: &'p [M],
    /// Maps positions to samples; evaluation takes them in order.
    pub(crate) order: Option<&'p Permutation>,
    /// Position of the minibatch's first sample.
    pub(crate) start: u32,
    /// Samples in the minibatch.
    pub(crate) batch: usize,
    pub(crate) place: Place,
    /// Absent in evaluation, which has no backward pass.
    pub(crate) dropout: Option<f32>,
    pub(crate) label_smoothing: f32,
    /// Parts that each of a tile's passes is cut into.
    pub(crate) blocks: usize,
}

impl<B: Backend, S, M: Model> Pass<'_, B, S, M> {
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
        let Tiles { first, input, mut layers, labels, .. } = tiles;
        let Some(labels) = labels.first_mut() else { return Metrics::default() };
        let used = self.backend.timed(Phase::Batch, || self.fill(first, input, labels));
        let Place { epoch, step, .. } = self.place;
        let batch = BatchOf::<M>::new(|| self.dropout.map(|_| Batch::new(used, self.batch, epoch, step)));

        let rate = self.dropout.unwrap_or(0.0);
        self.backend.timed(Phase::Forward, || {
            let mut x: Option<&[[f32; LANES]]> = None;
            let last = self.layers.len().saturating_sub(1);
            for (i, (layer, tile)) in self.layers.iter().zip(layers.iter_mut()).enumerate() {
                let rate = if i < last { rate } else { 0.0 };
                let place = self.place;
                let mask = DropoutMask::new(rate, place.seed, place.epoch, place.step, i as u32);
                let first = first * LANES;
                match x {
                    None => {
                        self.forward::<<M::Format as Format>::Input, LANES>(layer, mask, first, batch, input, tile);
                    }
                    Some(x) => self.forward(layer, mask, first, batch, x, tile),
                }
                x = Some(tile.y);
            }
        });

        let Some((output, mut hidden)) = layers.split_last_mut() else { return Metrics::default() };
        // Evaluation needs no gradient.
        let deltas = if self.dropout.is_some() { &mut *output.delta } else { &mut [] };
        let metrics = softmax_cross_entropy(output.y, labels, used, self.label_smoothing, deltas);
        if self.dropout.is_some() {
            self.backend.timed(Phase::Backward, || {
                let scale = 1.0 / (1.0 - rate);
                let mut above: &[[f32; LANES]] = output.delta;
                let mut layers = self.layers;
                while let Some((layer, below)) = layers.split_last() {
                    let (Some(inner), Some((tile, rest))) =
                        (below.last(), core::mem::take(&mut hidden).split_last_mut())
                    else {
                        break;
                    };
                    self.backward(layer, inner, scale, batch, above, tile);
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
        let half = tiles.count.div_ceil(2);
        let (a, b) = tiles.split(half);
        let (a, b) = self.backend.join(|| self.run(a), || self.run(b));
        a.merge(b)
    }

    /// Fetches a tile's samples; returns how many there are.
    fn fill<const LANES: usize>(
        &self,
        tile: usize,
        x: &mut [[<M::Format as Format>::Input; LANES]],
        labels: &mut [u16; LANES],
    ) -> usize
    where
        S: Samples<LANES, <M::Format as Format>::Input>,
    {
        let first = tile * LANES;
        let used = self.batch.saturating_sub(first).min(LANES);
        let mut indices = [0; LANES];
        for (position, index) in (self.start + first as u32..).zip(indices.iter_mut()) {
            *index = self.order.map_or(position, |order| order.at(position));
        }
        if used < LANES {
            for row in x.iter_mut() {
                *row = [<M::Format as Format>::Input::default(); LANES];
            }
        }
        let epoch = if self.dropout.is_some() { self.place.epoch } else { 0 };
        self.samples.fill(indices.get(..used).unwrap_or_default(), epoch, x, labels);
        used
    }

    /// Parts worth cutting a pass over this layer into.
    fn parts<const LANES: usize>(&self, layer: &M) -> usize {
        self.blocks.min(layer.spec().connections * LANES / MIN_BLOCK).max(1)
    }

    fn forward<X: Element, const LANES: usize>(
        &self,
        layer: &M,
        mask: DropoutMask,
        first_sample: usize,
        batch: BatchOf<M>,
        x: &[[X; LANES]],
        tile: &mut LayerTiles<'_, LANES>,
    ) {
        let activation = layer.spec().activation;
        let keep_sums = self.dropout.is_some() && activation.hides_sign();
        let mut work = Forward {
            sums: Sums::<M::Format>::Ready,
            x,
            bias: layer.bias(),
            learned: layer.activation_parameters(),
            y: &mut *tile.y,
            z: if keep_sums { &mut *tile.delta } else { &mut [] },
            first_neuron: 0,
            activation,
            mask,
            first_sample,
            batch,
        };
        match layer.spec().storage {
            Storage::Dense => {
                let mut product = |x| {
                    self.backend.matrix_multiply(MatrixMultiply {
                        m: layer.spec().n_out,
                        n: LANES,
                        k: layer.spec().n_in,
                        alpha: 1.0,
                        a: Strided { values: layer.weights(), row_stride: layer.spec().n_in, col_stride: 1 },
                        b: Strided { values: x, row_stride: LANES, col_stride: 1 },
                        beta: 0.0,
                        c: work.y.as_flattened_mut(),
                    })
                };
                if !X::floats(x).is_some_and(&mut product) {
                    work.sums = Sums::Dense(layer.weights());
                }
            }
            Storage::OutputMajor => work.sums = Sums::Sparse(layer.csr()),
            Storage::InputMajor => {
                self.backend.dispatch::<LANES, _>(Scatter { w: layer.csr(), x, out: &mut *work.y });
            }
        }
        run_block::<LANES, _, _>(self.backend, self.parts::<LANES>(layer), work);
    }

    /// Takes the deltas above `layer` through it and through the activation of `inner`, the layer below.
    fn backward<const LANES: usize>(
        &self,
        layer: &M,
        inner: &M,
        scale: f32,
        batch: BatchOf<M>,
        above: &[[f32; LANES]],
        tile: &mut LayerTiles<'_, LANES>,
    ) {
        let activation = inner.spec().activation;
        let mut work = Backward {
            sums: InputSums::Ready,
            values: layer.weights(),
            above,
            y: &*tile.y,
            delta: &mut *tile.delta,
            learned: inner.activation_parameters(),
            learned_gradients: &mut *tile.activation_gradients,
            activation,
            scale,
            batch,
        };
        match (layer.spec().storage, layer.transposed()) {
            (Storage::Dense, _) => {
                let product = MatrixMultiply {
                    m: layer.spec().n_in,
                    n: LANES,
                    k: layer.spec().n_out,
                    alpha: 1.0,
                    a: Strided { values: layer.weights(), row_stride: 1, col_stride: layer.spec().n_in },
                    b: Strided { values: above.as_flattened(), row_stride: LANES, col_stride: 1 },
                    beta: 0.0,
                    c: work.delta.as_flattened_mut(),
                };
                // A product would overwrite the sums that wait in the delta's place.
                if activation.hides_sign() || !self.backend.matrix_multiply(product) {
                    work.sums = InputSums::Dense { n_in: layer.spec().n_in, first: 0 };
                }
            }
            (Storage::OutputMajor, Some(transposed)) => work.sums = InputSums::Transposed(transposed),
            (Storage::InputMajor, _) => work.sums = InputSums::InputMajor(layer.csr()),
            (Storage::OutputMajor, None) => {
                self.backend.dispatch::<LANES, _>(Scatter { w: layer.csr(), x: above, out: &mut *work.delta });
            }
        }
        run_block::<LANES, _, _>(self.backend, self.parts::<LANES>(layer), work);
    }
}

/// Sums spread from the side that is stored in rows, which cannot be cut.
struct Scatter<'a, F: Format, X: Element, const LANES: usize> {
    w: CsrRef<'a, F>,
    x: &'a [[X; LANES]],
    out: &'a mut [[f32; LANES]],
}

impl<F: Format, X: Element, const LANES: usize> Kernel for Scatter<'_, F, X, LANES> {
    type Output = ();
    const NAME: &'static str = "scatter";

    #[inline(always)]
    fn run<V: Vector, const K: usize>(self, vector: V) {
        scatter::rows::<F, X, V, K, LANES>(vector, self.w, self.x, units_mut::<V, K, LANES>(self.out));
    }
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
    fn split(self) -> (Self, Self) {
        let Self { sums, x, mut bias, mut learned, mut y, mut z, first_neuron, activation, mask, first_sample, batch } =
            self;
        let half = y.len() / 2;
        let (top, rest) = match sums {
            Sums::Sparse(csr) => {
                let (top, rest) = csr.split_rows(half);
                (Sums::Sparse(top), Sums::Sparse(rest))
            }
            Sums::Dense(mut weights) => {
                let top = crate::sparse::csr::take(&mut weights, half * x.len());
                (Sums::Dense(top), Sums::Dense(weights))
            }
            Sums::Ready => (Sums::Ready, Sums::Ready),
        };
        let top = Self {
            sums: top,
            x,
            bias: crate::sparse::csr::take(&mut bias, half),
            learned: crate::sparse::csr::take(&mut learned, half),
            y: take_mut(&mut y, half),
            z: take_mut(&mut z, half),
            first_neuron,
            activation,
            mask,
            first_sample,
            batch,
        };
        let first_neuron = first_neuron + half;
        (top, Self { sums: rest, x, bias, learned, y, z, first_neuron, activation, mask, first_sample, batch })
    }
}

impl<F: Format, X: Element, const LANES: usize> Kernel for Forward<'_, F, X, LANES> {
    type Output = ();
    const NAME: &'static str = "forward";

    #[inline(always)]
    fn run<V: Vector, const K: usize>(self, vector: V) {
        let Self { sums, x, bias, learned, y, z, first_neuron, activation, mask, first_sample, batch } = self;
        // Known to be empty when compiling where the format has no such activations.
        let learned = if F::LEARNED_ACTIVATIONS { learned } else { &[] }.iter();
        let ready = matches!(sums, Sums::Ready);
        let mut finish =
            Activate { learned, z: z.iter_mut(), neuron: first_neuron, activation, mask, first_sample, batch };
        match sums {
            Sums::Sparse(csr) => gather::rows::<F, X, V, K, LANES, _>(
                vector,
                csr,
                x,
                y.iter_mut().zip(bias),
                #[inline(always)]
                |out, sum| finish.sum::<V>(out, floats::<V, K, LANES>(sum)),
            ),
            Sums::Dense(weights) => dense::rows::<X, V, K, LANES, _>(
                vector,
                weights,
                x,
                y.iter_mut().zip(bias),
                #[inline(always)]
                |out, sum| finish.sum::<V>(out, floats::<V, K, LANES>(sum)),
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
struct Activate<'a, T, const LANES: usize> {
    learned: core::slice::Iter<'a, Parameters>,
    /// Where sums are kept.
    z: core::slice::IterMut<'a, [f32; LANES]>,
    neuron: usize,
    activation: Activation,
    mask: DropoutMask,
    first_sample: usize,
    batch: T,
}

impl<T: TileBatch, const LANES: usize> Activate<'_, T, LANES> {
    /// Whether sums become activations by a bias and the activation alone.
    #[inline(always)]
    fn is_plain(&self) -> bool {
        self.z.len() == 0 && self.learned.len() == 0 && self.mask.is_off()
    }

    #[inline(always)]
    fn row(&mut self, (y, &bias): (&mut [f32; LANES], &f32), mut sum: [f32; LANES]) {
        for sum in &mut sum {
            *sum += bias;
        }
        if let Some(z) = self.z.next() {
            *z = sum;
        }
        match self.learned.next() {
            Some(parameters) if self.activation == Activation::BatchNormRelu => {
                batch_norm::apply_row(&mut sum, parameters, self.batch.get());
            }
            Some(parameters) => srelu::apply_row(&mut sum, parameters),
            None => self.activation.apply_row(&mut sum),
        }
        if !self.mask.is_off() {
            self.mask.apply(self.neuron, self.first_sample, &mut sum);
        }
        self.neuron += 1;
        *y = sum;
    }

    /// A row's sum, as it comes: those of single samples wait in the place of the activations for
    /// [`Activate::single_rows`].
    #[inline(always)]
    fn sum<V: Vector>(&mut self, out: (&mut [f32; LANES], &f32), sum: [f32; LANES]) {
        if V::SINGLE {
            *out.0 = sum;
        } else {
            self.row(out, sum);
        }
    }

    /// Sums that are in the place of the activations.
    #[inline(always)]
    fn rows(&mut self, y: &mut [[f32; LANES]], bias: &[f32]) {
        let out = y.iter_mut().zip(bias);
        if self.is_plain() && self.activation == Activation::Relu {
            // What a chip does most, with nothing to decide inside the loop.
            for (y, &bias) in out {
                for y in y {
                    *y = Activation::Relu.apply(*y + bias);
                }
            }
        } else {
            for (y, bias) in out {
                let sum = *y;
                self.row((y, bias), sum);
            }
        }
    }

    /// The same for single samples. A function of its own: its loop then has the registers to itself, and there is one.
    #[inline(never)]
    fn single_rows<F: Format>(&mut self, y: &mut [[f32; LANES]], bias: &[f32]) {
        if !F::LEARNED_ACTIVATIONS {
            self.learned = [].iter();
        }
        self.rows(y, bias);
    }
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
    activation: Activation,
    scale: f32,
    batch: F::Batch,
}

impl<F: Format, const LANES: usize> Block for Backward<'_, F, LANES> {
    fn split(self) -> (Self, Self) {
        let Self {
            sums,
            values,
            above,
            mut y,
            mut delta,
            mut learned,
            learned_gradients: mut gradients,
            activation,
            scale,
            batch,
        } = self;
        let half = delta.len() / 2;
        let (top, rest) = match sums {
            InputSums::Transposed(transposed) => {
                let (top, rest) = transposed.split(half);
                (InputSums::Transposed(top), InputSums::Transposed(rest))
            }
            InputSums::InputMajor(csr) => {
                let (top, rest) = csr.split_rows(half);
                (InputSums::InputMajor(top), InputSums::InputMajor(rest))
            }
            InputSums::Dense { n_in, first } => {
                (InputSums::Dense { n_in, first }, InputSums::Dense { n_in, first: first + half })
            }
            InputSums::Ready => (InputSums::Ready, InputSums::Ready),
        };
        let top = Self {
            sums: top,
            values,
            above,
            y: crate::sparse::csr::take(&mut y, half),
            delta: take_mut(&mut delta, half),
            learned: crate::sparse::csr::take(&mut learned, half),
            learned_gradients: take_mut(&mut gradients, half),
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
        let Self { sums, values, above, y, delta, learned, learned_gradients, activation, scale, batch } = self;
        let out = delta.iter_mut().zip(y);
        // Known to be empty when compiling where the format has no such activations.
        let learned = if F::LEARNED_ACTIVATIONS { learned } else { &[] }.iter().zip(learned_gradients);
        let mut finish = Differentiate { learned, activation, hides_sign: activation.hides_sign(), scale, batch };
        match sums {
            InputSums::Transposed(transposed) => gather::transposed_rows(
                vector,
                transposed,
                values,
                units::<V, K, LANES>(above),
                out,
                #[inline(always)]
                |out, sum| finish.row(out, floats::<V, K, LANES>(sum)),
            ),
            InputSums::InputMajor(csr) => gather::rows::<F, f32, V, K, LANES, _>(
                vector,
                csr,
                above,
                out,
                #[inline(always)]
                |out, sum| finish.row(out, floats::<V, K, LANES>(sum)),
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
                    let closed = activation.closes_at_zero() && is_zero(y);
                    if closed {
                        **delta = [0.0; LANES];
                    }
                    closed
                },
                #[inline(always)]
                |out, sum| finish.row(out, floats::<V, K, LANES>(sum)),
            ),
            InputSums::Ready => {
                for (delta, y) in out {
                    let sum = *delta;
                    finish.row((delta, y), sum);
                }
            }
        }
    }
}

/// Whether every lane is zero, of whichever sign.
#[inline(always)]
fn is_zero<const LANES: usize>(row: &[f32; LANES]) -> bool {
    match row.as_slice() {
        // A loop over one lane is not always seen to be none.
        [lane] => *lane == 0.0,
        lanes => lanes.iter().all(|&lane| lane == 0.0),
    }
}

/// Turns gradients of activations into deltas, row by row.
struct Differentiate<'a, T> {
    learned: core::iter::Zip<core::slice::Iter<'a, Parameters>, core::slice::IterMut<'a, Parameters>>,
    activation: Activation,
    hides_sign: bool,
    scale: f32,
    batch: T,
}

impl<T: TileBatch> Differentiate<'_, T> {
    #[inline(always)]
    fn row<const LANES: usize>(&mut self, (delta, y): (&mut [f32; LANES], &[f32; LANES]), mut sum: [f32; LANES]) {
        let z = if self.hides_sign { &*delta } else { y };
        match self.learned.next() {
            Some((parameters, gradient)) if self.activation == Activation::BatchNormRelu => {
                if let Some(batch) = self.batch.get() {
                    *gradient = batch_norm::backward_row(&mut sum, y, z, self.scale, parameters, batch);
                }
            }
            Some((parameters, gradient)) => {
                *gradient = srelu::backward_row(&mut sum, y, z, self.scale, parameters);
            }
            None => self.activation.backward_row(&mut sum, y, z, self.scale),
        }
        *delta = sum;
    }
}
