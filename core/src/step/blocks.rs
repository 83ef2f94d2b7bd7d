//! Layers in blocks: forward, and backward with the update.
//!
//! A block is unpacked some rows at a time into floats that stay in the nearest cache. The kernels of all layers run on
//! them, and the weights that an update has moved are packed again.
//!
//! Threads share out groups of rows forward, and windows of inputs backward: whoever owns a window owns the weights that
//! reach it, and visits their blocks in one order. So nobody waits for a sum, and the bits do not depend on the threads.

use core::ops::Range;

use crate::activation::kind::Activation;
use crate::backend::Backend;
use crate::backend::vector::{Kernel, Vector, load, store, units_mut};
use crate::kernel::flat::{self, Buffer};
use crate::kernel::gather;
use crate::kernel::scatter;
use crate::kernel::weight_step::{self, SparseRows, TileUpdate};
use crate::random::DropoutMask;
use crate::samples::element::Element;
use crate::sparse::bf16::{Rounding, decode_into};
use crate::sparse::blocks::{BlockRef, Blocks, BlocksRef, Geometry};
use crate::sparse::chunks::{CHUNK, each_chunk};
use crate::sparse::csr::{CsrRef, take_mut};
use crate::sparse::index::InBlock;
use crate::step::backward::differentiate;
use crate::step::biases::Bias;
use crate::step::block::Workers;
use crate::step::forward::activate;
use crate::step::sgd::Update;

/// Parts that a layer is cut into for each thread: enough to share out evenly.
const PARTS_PER_THREAD: usize = 4;

/// Multiply-adds below which a part should not be cut: it should outlast handing it over.
const MIN_PART: usize = 1 << 15;

/// Neurons of a layer, or some of them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Neurons<'a> {
    pub(crate) bias: &'a [f32],
    pub(crate) activation: Activation,
    pub(crate) mask: DropoutMask,
    /// The first of them.
    pub(crate) first: usize,
}

/// Parts that are worth cutting a layer into.
fn parts<B: Backend, const LANES: usize>(backend: &B, geometry: &Geometry) -> usize {
    let threads = backend.threads();
    let most = if threads > 1 { PARTS_PER_THREAD * threads } else { 1 };
    most.min(geometry.connections().saturating_mul(LANES) / MIN_PART).max(1)
}

/// Computes the activations of a layer's neurons from its inputs `x`.
pub(crate) fn forward_blocks<B: Backend, X: Element, const LANES: usize>(
    workers: Workers<'_, B>,
    blocks: BlocksRef<'_>,
    x: &[[X; LANES]],
    neurons: Neurons<'_>,
    y: &mut [[f32; LANES]],
) {
    let geometry = &blocks.geometry;
    let parts = parts::<_, LANES>(workers.backend, geometry);
    forward_groups(workers.backend, blocks, 0..geometry.groups(), parts, x, neurons, y);
}

fn forward_groups<B: Backend, X: Element, const LANES: usize>(
    backend: &B,
    blocks: BlocksRef<'_>,
    groups: Range<usize>,
    parts: usize,
    x: &[[X; LANES]],
    neurons: Neurons<'_>,
    y: &mut [[f32; LANES]],
) {
    let (geometry, first) = (&blocks.geometry, groups.start);
    let middle = first + groups.len() / 2;
    let at = geometry.group(middle).start - neurons.first;
    let mut y = y;
    if parts > 1 && groups.len() > 1 {
        let (top, rest) = neurons.split_at(at);
        let top_y = take_mut(&mut y, at);
        backend.join(
            || forward_groups(backend, blocks, first..middle, parts - parts / 2, x, top, top_y),
            || forward_groups(backend, blocks, middle..groups.end, parts / 2, x, rest, y),
        );
        return;
    }
    let mut neurons = neurons;
    for group in groups {
        let rows = geometry.group(group).len();
        let (y, (of_group, rest)) = (take_mut(&mut y, rows), neurons.split_at(rows));
        y.fill([0.0; LANES]);
        for block in geometry.of_group(group) {
            let (_, window) = geometry.cells(block);
            let x = x.get(window).unwrap_or_default();
            backend.dispatch::<LANES, _>(Gather { block: blocks.block(block), x, y: &mut *y });
        }
        let Neurons { bias, activation, mask, first } = of_group;
        activate(backend, activation, bias, mask, first, y);
        neurons = rest;
    }
}

impl Neurons<'_> {
    fn split_at(self, at: usize) -> (Self, Self) {
        let (top, rest) = self.bias.split_at(at.min(self.bias.len()));
        (Self { bias: top, ..self }, Self { bias: rest, first: self.first + at, ..self })
    }
}

/// Columns and weights of some places of a block, the weights as floats.
#[inline(always)]
fn unpack<'a>(
    columns: &'a [u16],
    weights: &[u16],
    places: Range<usize>,
    floats: &'a mut [f32; CHUNK],
) -> (&'a [u16], &'a mut [f32]) {
    let columns = columns.get(places.clone()).unwrap_or_default();
    let values = floats.get_mut(..columns.len()).unwrap_or_default();
    decode_into(weights.get(places).unwrap_or_default(), values);
    (columns, values)
}

/// Adds a block's sums to those of its rows.
struct Gather<'a, X: Element, const LANES: usize> {
    block: BlockRef<'a>,
    x: &'a [[X; LANES]],
    y: &'a mut [[f32; LANES]],
}

impl<X: Element, const LANES: usize> Kernel for Gather<'_, X, LANES> {
    type Output = ();
    const NAME: &'static str = "forward";

    #[inline(always)]
    fn run<V: Vector, const K: usize>(self, vector: V) {
        let Self { block: BlockRef { weights, pointers, columns }, x, y } = self;
        let mut floats = [0.0; CHUNK];
        if LANES == 1
            && let Some(x) = X::floats(x)
        {
            let (y, mut products): (_, Buffer) = (y.as_flattened_mut(), [0.0; _]);
            each_chunk(
                pointers,
                #[inline(always)]
                |rows, places, pointers| {
                    let (columns, values) = unpack(columns, weights, places, &mut floats);
                    let y = y.get_mut(rows).unwrap_or_default();
                    flat::gather(pointers, columns, values, x, y, &mut products);
                },
            );
            return;
        }
        let y = units_mut::<V, K, LANES>(y);
        each_chunk(
            pointers,
            #[inline(always)]
            |rows, places, pointers| {
                let (columns, values) = unpack(columns, weights, places, &mut floats);
                let csr = CsrRef::<InBlock>::trusted(x.len(), pointers, columns, values);
                gather::rows::<InBlock, X, V, K, LANES, _>(
                    vector,
                    csr,
                    x,
                    y.get_mut(rows).unwrap_or_default().iter_mut(),
                    #[inline(always)]
                    |out, sum| {
                        let mut total = load(vector, out);
                        for (total, sum) in total.iter_mut().zip(sum) {
                            *total = vector.add(*total, sum);
                        }
                        *out = store(vector, total);
                    },
                );
            },
        );
    }
}

/// The layer below, whose deltas a step back computes.
#[derive(Debug)]
pub(crate) struct Below<'a, const LANES: usize> {
    pub(crate) activation: Activation,
    /// What dropout multiplied the kept activations by, 1 without.
    pub(crate) keep: f32,
    pub(crate) y: &'a [[f32; LANES]],
    pub(crate) delta: &'a mut [[f32; LANES]],
}

/// How weights move.
#[derive(Clone, Copy, Debug)]
pub(crate) struct WeightStep {
    pub(crate) step: TileUpdate,
    /// What they are multiplied by afterwards.
    pub(crate) decay: Option<f32>,
    pub(crate) rounding: Rounding,
}

/// Takes the deltas `above` of a layer through it to the layer below, if there is one, and updates the weights with them.
///
/// `x` are the layer's inputs. The gradients of the inputs are those of the weights before the update.
pub(crate) fn step_back<B: Backend, X: Element, const LANES: usize>(
    backend: &B,
    blocks: &mut Blocks<'_>,
    step: WeightStep,
    above: &[[f32; LANES]],
    x: &[[X; LANES]],
    below: Option<Below<'_, LANES>>,
) {
    let Blocks { geometry, weights, pointers, columns, .. } = blocks;
    let parts = parts::<_, LANES>(backend, geometry);
    let windows = 0..geometry.windows();
    Windows { geometry, step, windows, first: 0, weights, pointers, columns, above, x, below }.run(backend, parts);
}

/// Some of a layer's windows.
struct Windows<'a, X: Element, const LANES: usize> {
    geometry: &'a Geometry,
    step: WeightStep,
    windows: Range<usize>,
    /// Place of the first of the weights, which are those of these windows.
    first: usize,
    weights: &'a mut [u16],
    /// Those of all windows, and so the following.
    pointers: &'a [u16],
    columns: &'a [u16],
    above: &'a [[f32; LANES]],
    x: &'a [[X; LANES]],
    /// The deltas of these windows.
    below: Option<Below<'a, LANES>>,
}

impl<X: Element, const LANES: usize> Windows<'_, X, LANES> {
    fn run<B: Backend>(self, backend: &B, parts: usize) {
        if parts > 1 && self.windows.len() > 1 {
            let (top, rest) = self.halves();
            backend.join(|| top.run(backend, parts - parts / 2), || rest.run(backend, parts / 2));
            return;
        }
        let Self { geometry, step, windows, first: mut place, mut weights, pointers, columns, above, x, below } = self;
        let (mut below, all) = (below, BlocksRef { geometry: *geometry, weights: &[], pointers, columns });
        for window in windows {
            let inputs = geometry.window(window);
            let x = x.get(inputs.clone()).unwrap_or_default();
            let mut gradients = below.as_mut().map(|below| take_mut(&mut below.delta, inputs.len()));
            if let Some(gradients) = &mut gradients {
                gradients.fill([0.0; LANES]);
            }
            for block in geometry.of_window(window) {
                let BlockRef { pointers, columns, .. } = all.block(block);
                let weights = take_mut(&mut weights, columns.len());
                let above = above.get(geometry.cells(block).0).unwrap_or_default();
                let gradients = gradients.as_deref_mut();
                let work = StepBack { step, first: place, weights, pointers, columns, above, x, gradients };
                backend.dispatch::<LANES, _>(work);
                place += columns.len();
            }
            if let (Some(below), Some(gradients)) = (&mut below, gradients) {
                let (y, rest) = below.y.split_at(inputs.len().min(below.y.len()));
                below.y = rest;
                differentiate(backend, below.activation, below.keep, y, gradients);
            }
        }
    }

    /// The first half of the windows, and the rest.
    fn halves(self) -> (Self, Self) {
        let Self { geometry, step, windows, first, mut weights, pointers, columns, above, x, below } = self;
        let middle = windows.start + windows.len() / 2;
        let place = geometry.places(geometry.of_window(middle).start).start;
        let inputs = geometry.window(middle).start - geometry.window(windows.start).start;
        let top_weights = take_mut(&mut weights, place - first);
        let halves = below.map(|Below { activation, keep, y, mut delta }| {
            let (top_y, y) = y.split_at(inputs.min(y.len()));
            let top = Below { activation, keep, y: top_y, delta: take_mut(&mut delta, inputs) };
            (top, Below { activation, keep, y, delta })
        });
        let (top_below, below) = halves.unzip();
        let top = Self {
            geometry,
            step,
            windows: windows.start..middle,
            first,
            weights: top_weights,
            pointers,
            columns,
            above,
            x,
            below: top_below,
        };
        (
            top,
            Self {
                geometry,
                step,
                windows: middle..windows.end,
                first: place,
                weights,
                pointers,
                columns,
                above,
                x,
                below,
            },
        )
    }
}

/// One block, backward.
struct StepBack<'a, X: Element, const LANES: usize> {
    step: WeightStep,
    /// Place of the first weight in the layer.
    first: usize,
    weights: &'a mut [u16],
    pointers: &'a [u16],
    columns: &'a [u16],
    above: &'a [[f32; LANES]],
    x: &'a [[X; LANES]],
    /// Of the window's inputs, to which the block's are added.
    gradients: Option<&'a mut [[f32; LANES]]>,
}

impl<X: Element, const LANES: usize> Kernel for StepBack<'_, X, LANES> {
    type Output = ();
    const NAME: &'static str = "input gradient and update";

    #[inline(always)]
    fn run<V: Vector, const K: usize>(self, vector: V) {
        let Self { step, first, weights, pointers, columns, above, x, gradients } = self;
        let mut gradients = gradients;
        let (mut floats, mut of_rows): (_, Buffer) = ([0.0; CHUNK], [0.0; _]);
        each_chunk(
            pointers,
            #[inline(always)]
            |rows, places, indptr| {
                let place = first + places.start;
                let (indices, values) = unpack(columns, weights, places.clone(), &mut floats);
                let stored = weights.get_mut(places).unwrap_or_default();
                let above = above.get(rows).unwrap_or_default();
                if LANES == 1
                    && let Some(x) = X::floats(x)
                {
                    flat::spread_rows(indptr, above.as_flattened(), &mut of_rows);
                    if let Some(gradients) = &mut gradients {
                        flat::scatter(indices, values, &of_rows, gradients.as_flattened_mut());
                    }
                    flat::weight_step(step.step, indices, values, &of_rows, x);
                } else {
                    if let Some(gradients) = &mut gradients {
                        let gradients = units_mut::<V, K, LANES>(gradients);
                        let csr = CsrRef::<InBlock>::trusted(x.len(), indptr, indices, values);
                        scatter::rows::<InBlock, f32, V, K, LANES, false>(vector, csr, above, gradients);
                    }
                    let matrix = SparseRows::<InBlock> { indptr, indices, values: &mut *values, velocity: &mut [] };
                    weight_step::sparse::<InBlock, f32, X, V, K, LANES>(vector, step.step, matrix, above, x);
                }
                if let Some(factor) = step.decay {
                    for weight in values.iter_mut() {
                        *weight *= factor;
                    }
                }
                step.rounding.encode(place, values, stored);
            },
        );
    }
}

/// Neurons whose biases are updated on one thread.
const BIASES: usize = 1 << 19;

/// Updates a layer's biases.
pub(crate) fn update_bias<B: Backend, const LANES: usize>(
    backend: &B,
    update: Update,
    bias: &mut [f32],
    deltas: &[[f32; LANES]],
) {
    let half = bias.len() / 2;
    if bias.len() > BIASES
        && backend.threads() > 1
        && let (Some((top, rest)), Some((top_deltas, rest_deltas))) =
            (bias.split_at_mut_checked(half), deltas.split_at_checked(half))
    {
        backend
            .join(|| update_bias(backend, update, top, top_deltas), || update_bias(backend, update, rest, rest_deltas));
    } else {
        backend.dispatch::<LANES, _>(Bias { update, tiles: 1, bias, velocity: &mut [], deltas });
    }
}
