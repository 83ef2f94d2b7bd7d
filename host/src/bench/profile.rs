//! Where a step's time goes, kernel by kernel, beside the least time that the processor allows.
//!
//! A connection costs one multiply-add over the row of activations at its other end. The floor of a kernel is the time of as
//! many multiply-adds at the rate of the cache that holds those rows, see [`machine`](crate::bench::machine). A dense layer
//! needs each row from there once, and can take it from the nearest cache after.

use std::sync::{Mutex, PoisonError};

use rewire_core::network::LayerSpec;
use rewire_engine::probe::{Event, Probe};
use serde::Serialize;

use crate::bench::machine::{Level, level_of};
use crate::bench::times::median;

/// Notes how long each kernel took, one after the other.
#[derive(Debug, Default)]
pub struct Profiler {
    spans: Mutex<Vec<(&'static str, f64)>>,
}

impl Profiler {
    /// Names and milliseconds of the kernels that ran since the last call.
    pub fn take(&self) -> Vec<(&'static str, f64)> {
        std::mem::take(&mut *self.spans.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Probe for Profiler {
    fn told(&self, event: Event) {
        if let Event::Kernel(name, took) = event {
            self.spans.lock().unwrap_or_else(PoisonError::into_inner).push((name, took.as_secs_f64() * 1e3));
        }
    }
}

/// A kernel of one layer.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Share {
    /// What it computes.
    pub kernel: &'static str,
    /// Of which layer, counted from 1.
    pub layer: usize,
    /// The cache that holds the rows of activations that it reads.
    pub cache: String,
    /// Median time a step, in milliseconds.
    pub median_ms: f64,
    /// The least that the processor allows, in milliseconds.
    pub floor_ms: f64,
}

const KERNELS: [&str; 3] = ["forward", "input gradient", "update"];

/// Rows that a kernel, by its place in [`KERNELS`], reads for the connections of a layer.
fn rows_read(kernel: usize, spec: &LayerSpec) -> usize {
    if kernel == 1 { spec.n_out } else { spec.n_in }
}

/// The floor of a kernel for one tile, in milliseconds, and the cache of its rows.
fn floor<'l>(levels: &'l [Level], kernel: usize, spec: &LayerSpec, lanes: usize) -> Option<(f64, &'l Level)> {
    let rows = rows_read(kernel, spec);
    let (nearest, level) = (levels.first()?, level_of(levels, rows * lanes * size_of::<f32>())?);
    let milliseconds = |rows: usize, level: &Level| (rows * lanes / 16) as f64 / level.rate * 1e-6;
    let read = if spec.is_dense() { rows } else { spec.connections };
    Some((milliseconds(spec.connections, nearest).max(milliseconds(read, level)), level))
}

/// Times `runs` steps, which tell the profiler of their kernels, of a network with these layers and so many lanes.
pub fn profile(
    profiler: &Profiler,
    specs: &[LayerSpec],
    lanes: usize,
    levels: &[Level],
    batch: usize,
    runs: usize,
    mut step: impl FnMut(),
) -> Vec<Share> {
    let (layers, tiles) = (specs.len(), batch.div_ceil(lanes));
    // For each kernel and layer, the times of all runs.
    let mut times = vec![Vec::new(); KERNELS.len() * layers];
    // The first runs touch memory.
    for run in 0..runs + 3 {
        step();
        let step = by_kernel(&profiler.take(), layers, tiles);
        for (times, step) in times.iter_mut().zip(step).filter(|_| run >= 3) {
            times.push(step);
        }
    }
    let share = |(i, times): (usize, Vec<f64>)| {
        let (kernel, layer) = (i / layers, i % layers);
        let (floor_ms, level) = floor(levels, kernel, specs.get(layer)?, lanes)?;
        // The first layer has no input gradient.
        let exists = kernel != 1 || layer > 0;
        exists.then(|| Share {
            kernel: KERNELS[kernel],
            layer: layer + 1,
            cache: level.name.clone(),
            median_ms: median(times),
            floor_ms: floor_ms * tiles as f64,
        })
    };
    times.into_iter().enumerate().filter_map(share).collect()
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

#[cfg(test)]
mod tests {
    use super::*;
    use rewire_core::activation::Activation;

    #[test]
    fn a_sparse_layer_reads_a_row_a_connection_and_a_dense_one_each_row_once() {
        let level = |name: &str, bytes, rate| Level { name: name.into(), bytes, rate };
        // Rows of 64 lanes have 256 bytes: 100 of them lie in L2.
        let levels = [level("L1", 1000, 4.0), level("L2", 100_000, 1.0)];
        let sparse = LayerSpec::sparse(100, 50, 1000, Activation::Relu);
        // 1000 connections of four times sixteen lanes at one a nanosecond.
        assert_eq!(floor(&levels, 0, &sparse, 64), Some((4e-3, &levels[1])));
        let dense = LayerSpec::dense(100, 50, Activation::Identity);
        // 5000 multiply-adds of four units from L1, which take longer than 100 rows from L2.
        assert_eq!(floor(&levels, 0, &dense, 64), Some((5e-3, &levels[1])));
        assert_eq!(floor(&[], 0, &dense, 64), None);
    }
}
