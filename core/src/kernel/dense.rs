//! The same passes for a layer that has every connection.
//!
//! These serve small dense layers, such as the output of a sparse network, and follow the determinism contract. A
//! backend may bring a general matrix product for networks that are dense throughout
//! ([`Backend::matrix_multiply`](crate::backend::Backend::matrix_multiply)).

use crate::kernel::lanes::{dot, multiply_add};
use crate::kernel::weight_step::TileUpdate;

/// Computes each row of `W x` and hands it to `emit` with its output row.
///
/// Shapes: `W` `[rows, n]` row by row; `x` `[n][LANES]`.
#[inline(always)]
pub(crate) fn rows<const LANES: usize, T>(
    weights: &[f32],
    x: &[[f32; LANES]],
    out: impl Iterator<Item = T>,
    mut emit: impl FnMut(T, [f32; LANES]),
) {
    for (weights, out) in weights.chunks_exact(x.len().max(1)).zip(out) {
        let mut sum = [0.0; LANES];
        for (&w, x) in weights.iter().zip(x) {
            multiply_add(&mut sum, w, x);
        }
        emit(out, sum);
    }
}

/// Computes rows `first..` of `W' d` and hands each to `emit` with its output row.
///
/// Shapes: `W` `[n_out, n_in]` row by row; `d` `[n_out][LANES]`.
#[inline(always)]
pub(crate) fn transposed_rows<const LANES: usize, T>(
    weights: &[f32],
    n_in: usize,
    first: usize,
    d: &[[f32; LANES]],
    out: impl Iterator<Item = T>,
    mut emit: impl FnMut(T, [f32; LANES]),
) {
    for (input, out) in (first..n_in).zip(out) {
        let mut sum = [0.0; LANES];
        for (weights, d) in weights.chunks_exact(n_in.max(1)).zip(d) {
            if let Some(&w) = weights.get(input) {
                multiply_add(&mut sum, w, d);
            }
        }
        emit(out, sum);
    }
}

/// Updates a block of rows with one tile.
///
/// Shapes: `weights` and `velocity` (or none) `[block, n_in]`; `deltas` `[block][LANES]`; `x` `[n_in][LANES]`.
#[inline(always)]
pub(crate) fn weight_step<const LANES: usize>(
    step: TileUpdate,
    weights: &mut [f32],
    velocity: &mut [f32],
    deltas: &[[f32; LANES]],
    x: &[[f32; LANES]],
) {
    let n_in = x.len().max(1);
    let mut velocity = velocity.chunks_exact_mut(n_in);
    for (weights, delta) in weights.chunks_exact_mut(n_in).zip(deltas) {
        let velocity = velocity.next().unwrap_or_default();
        step.apply_all(weights, velocity, x.iter().map(|x| dot(delta, x)));
    }
}
