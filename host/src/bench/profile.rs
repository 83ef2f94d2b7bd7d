//! Where a step's time goes, kernel by kernel, beside what reading the same memory takes.
//!
//! A connection costs the row of activations at its other end, which lies in the second-level cache: nothing that computes
//! with those rows is faster than reading them. The floor reads them: the same rows, in the same order, from buffers as
//! large and as many, adding each to a register so that the reading happens. A dense layer's floor reads each row once.

use std::hint::black_box;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use rewire_core::backend::Backend;
use rewire_core::backend::vector::{Kernel, Vector};
use rewire_core::network::{LayerRef, Mlp};
use rewire_core::sparse::transpose_into;
use rewire_core::sparse::{Format, Standard};
use serde::Serialize;

use crate::engine::native::Native;

type Index = <Standard as Format>::Index;
type Pointer = <Standard as Format>::Pointer;

/// Runs kernels one after the other and notes how long each took.
#[derive(Debug)]
pub struct Profiler<'a> {
    native: &'a Native,
    spans: Mutex<Vec<(&'static str, f64)>>,
}

impl<'a> Profiler<'a> {
    /// Kernels as `native` compiles them, on the calling thread.
    pub fn new(native: &'a Native) -> Self {
        Self { native, spans: Mutex::new(Vec::new()) }
    }

    /// Names and milliseconds of the kernels that ran since the last call.
    pub fn take(&self) -> Vec<(&'static str, f64)> {
        std::mem::take(&mut *self.spans.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Backend for Profiler<'_> {
    #[inline(always)]
    fn dispatch<const LANES: usize, T: Kernel>(&self, kernel: T) -> T::Output {
        let started = Instant::now();
        let output = self.native.dispatch::<LANES, T>(kernel);
        let elapsed = started.elapsed().as_secs_f64() * 1e3;
        self.spans.lock().unwrap_or_else(PoisonError::into_inner).push((T::NAME, elapsed));
        output
    }
}

/// Rows of a matrix that lists, for each, which rows of another it reads.
#[derive(Debug)]
struct Structure {
    indptr: Vec<Pointer>,
    indices: Vec<Index>,
    /// Rows there are to read.
    ncols: usize,
}

impl Structure {
    /// A layer's connections by output neuron, and by input.
    fn of(layer: &LayerRef<'_, Standard>) -> [Self; 2] {
        let spec = layer.spec;
        let Some(csr) = layer.csr else {
            // One row reads all.
            let all = |n: usize| Self { indptr: vec![0, n as Pointer], indices: (0..n as Index).collect(), ncols: n };
            return [all(spec.n_in), all(spec.n_out)];
        };
        let mut inputs = Self { indptr: vec![0; spec.n_in + 1], indices: vec![0; spec.connections], ncols: spec.n_out };
        transpose_into(csr, &mut inputs.indptr, &mut inputs.indices, &mut vec![0; spec.connections]);
        let outputs = Self { indptr: csr.indptr().to_vec(), indices: csr.indices().to_vec(), ncols: spec.n_in };
        [outputs, inputs]
    }
}

/// Reads rows.
struct Read<'a, const LANES: usize> {
    indptr: &'a [Pointer],
    indices: &'a [Index],
    x: &'a [[f32; LANES]],
    /// One row for each row of the structure, written or, by the update, read.
    out: Out<'a, LANES>,
}

enum Out<'a, const LANES: usize> {
    Written(&'a mut [[f32; LANES]]),
    Read(&'a [[f32; LANES]]),
}

impl<const LANES: usize> Kernel for Read<'_, LANES> {
    type Output = ();
    const NAME: &'static str = "floor";

    #[inline(always)]
    fn run<V: Vector, const K: usize>(self, vector: V) {
        let x: &[[V::Unit; K]] = bytemuck::try_cast_slice(self.x).unwrap_or_default();
        let indices = |row: usize| &self.indices[self.indptr[row] as usize..self.indptr[row + 1] as usize];
        match self.out {
            Out::Written(out) => {
                let out: &mut [[V::Unit; K]] = bytemuck::try_cast_slice_mut(out).unwrap_or_default();
                for (row, out) in out.iter_mut().enumerate() {
                    *out = read_rows(vector, &[bytemuck::Zeroable::zeroed(); K], x, indices(row));
                }
            }
            Out::Read(out) => {
                let out: &[[V::Unit; K]] = bytemuck::try_cast_slice(out).unwrap_or_default();
                for (row, start) in out.iter().enumerate() {
                    black_box(&read_rows(vector, start, x, indices(row)));
                }
            }
        }
    }
}

/// The sum of the rows of `x` at `indices`, and of `start`. Two sums in turn, so that additions do not wait for each other: a
/// floor need not keep an order.
#[inline(always)]
fn read_rows<V: Vector, const K: usize>(
    vector: V,
    start: &[V::Unit; K],
    x: &[[V::Unit; K]],
    indices: &[Index],
) -> [V::Unit; K] {
    let mut sums = start.each_ref().map(
        #[inline(always)]
        |unit| vector.load(unit),
    );
    let mut others = [vector.splat(0.0); K];
    let (pairs, last) = indices.as_chunks::<2>();
    for &[a, b] in pairs {
        add_row(vector, &mut sums, x, a);
        add_row(vector, &mut others, x, b);
    }
    for &index in last {
        add_row(vector, &mut sums, x, index);
    }
    for (sum, other) in sums.iter_mut().zip(others) {
        *sum = vector.add(*sum, other);
    }
    sums.map(
        #[inline(always)]
        |sum| vector.store(sum),
    )
}

#[inline(always)]
fn add_row<V: Vector, const K: usize>(vector: V, sums: &mut [V::Register; K], x: &[[V::Unit; K]], index: Index) {
    if let Some(x) = x.get(usize::from(index)) {
        for (sum, x) in sums.iter_mut().zip(x) {
            *sum = vector.add(*sum, vector.load(x));
        }
    }
}

/// The memory of one tile.
struct Tile<const LANES: usize> {
    /// Inputs, then each layer's activations.
    activations: Vec<Vec<[f32; LANES]>>,
    /// Of each layer.
    deltas: Vec<Vec<[f32; LANES]>>,
}

/// Reads what a step reads.
pub struct Floor<const LANES: usize> {
    layers: Vec<[Structure; 2]>,
    tiles: Vec<Tile<LANES>>,
}

impl<const LANES: usize> Floor<LANES> {
    /// Of a network's structure.
    pub fn new(network: &Mlp<'_, Standard, LANES>, batch: usize) -> Self {
        let layers: Vec<_> = network.layers().map(|layer| Structure::of(&layer)).collect();
        let widths: Vec<_> = network.layers().map(|layer| layer.spec.n_out).collect();
        let rows = |n: usize| vec![[0.0; LANES]; n];
        let tile = || Tile {
            activations: std::iter::once(network.n_in()).chain(widths.iter().copied()).map(rows).collect(),
            deltas: widths.iter().copied().map(rows).collect(),
        };
        Self { layers, tiles: (0..batch.div_ceil(LANES)).map(|_| tile()).collect() }
    }

    /// Reads once, in a step's order.
    pub fn step<B: Backend>(&mut self, backend: &B) {
        let layers = &self.layers;
        for tile in &mut self.tiles {
            for (i, [outputs, _]) in layers.iter().enumerate() {
                let (below, above) = tile.activations.split_at_mut(i + 1);
                read(backend, outputs, &below[i], Out::Written(&mut above[0]));
            }
            for (i, [_, inputs]) in layers.iter().enumerate().skip(1).rev() {
                let (below, above) = tile.deltas.split_at_mut(i);
                read(backend, inputs, &above[0], Out::Written(&mut below[i - 1]));
            }
        }
        for (i, [outputs, _]) in layers.iter().enumerate() {
            for tile in &self.tiles {
                read(backend, outputs, &tile.activations[i], Out::Read(&tile.deltas[i]));
            }
        }
    }
}

fn read<B: Backend, const LANES: usize>(backend: &B, from: &Structure, x: &[[f32; LANES]], out: Out<'_, LANES>) {
    // A dense layer's one row stands for all of them.
    let rows = from.indptr.len() - 1;
    let out = match out {
        Out::Written(out) => Out::Written(&mut out[..rows]),
        Out::Read(out) => Out::Read(&out[..rows]),
    };
    debug_assert_eq!(from.ncols, x.len());
    backend.dispatch::<LANES, _>(Read { indptr: &from.indptr, indices: &from.indices, x, out });
}

/// A kernel of one layer.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Share {
    /// What it computes.
    pub kernel: &'static str,
    /// Of which layer, counted from 1.
    pub layer: usize,
    /// Median time a step, in milliseconds.
    pub median_ms: f64,
    /// The same of reading what it reads.
    pub floor_ms: f64,
}

const KERNELS: [&str; 3] = ["forward", "input gradient", "update"];

/// Times `runs` steps and floors in turn, on the calling thread.
pub fn profile<const LANES: usize>(
    native: &Native,
    network: &mut Mlp<'_, Standard, LANES>,
    batch: usize,
    runs: usize,
    mut step: impl FnMut(&Profiler<'_>, &mut Mlp<'_, Standard, LANES>),
) -> Vec<Share> {
    let profiler = Profiler::new(native);
    let mut floor = Floor::new(network, batch);
    let layers = floor.layers.len();
    // For each kernel and layer, the times of all runs.
    let mut times = vec![[Vec::new(), Vec::new()]; KERNELS.len() * layers];
    // The first runs touch memory.
    for run in 0..runs + 3 {
        step(&profiler, network);
        let step = by_kernel(&profiler.take(), layers, floor.tiles.len());
        floor.step(&profiler);
        let floor = by_position(&profiler.take(), layers, floor.tiles.len());
        for (times, (step, floor)) in times.iter_mut().zip(step.into_iter().zip(floor)).filter(|_| run >= 3) {
            times[0].push(step);
            times[1].push(floor);
        }
    }
    let share = |(i, times): (usize, [Vec<f64>; 2])| {
        let [median_ms, floor_ms] = times.map(super::median);
        Share { kernel: KERNELS[i / layers], layer: i % layers + 1, median_ms, floor_ms }
    };
    // The first layer has no input gradient.
    times.into_iter().enumerate().map(share).filter(|share| share.floor_ms > 0.0).collect()
}

/// Adds up a step's spans by kernel and layer; each kernel visits the layers in the same order for every tile.
fn by_kernel(spans: &[(&str, f64)], layers: usize, tiles: usize) -> Vec<f64> {
    let mut sums = vec![0.0; KERNELS.len() * layers];
    let mut add = |kernel: usize, layer: usize, ms: f64| sums[kernel * layers + layer] += ms;
    for (kernel, name) in KERNELS.into_iter().enumerate() {
        let of_kernel = spans.iter().filter(|(span, _)| *span == name);
        for (n, &(_, ms)) in of_kernel.enumerate().take(layers * tiles) {
            match kernel {
                1 => add(kernel, layers - 1 - n % (layers - 1), ms),
                _ => add(kernel, n % layers, ms),
            }
        }
    }
    sums
}

/// Adds up a floor's spans, in the order of [`Floor::step`].
fn by_position(spans: &[(&str, f64)], layers: usize, tiles: usize) -> Vec<f64> {
    let of_tile = (0..layers).map(|i| (0, i)).chain((1..layers).rev().map(|i| (1, i)));
    let places =
        (0..tiles).flat_map(|_| of_tile.clone()).chain((0..layers).flat_map(|i| (0..tiles).map(move |_| (2, i))));
    let mut sums = vec![0.0; KERNELS.len() * layers];
    for ((kernel, layer), &(_, ms)) in places.zip(spans) {
        sums[kernel * layers + layer] += ms;
    }
    sums
}
