//! The same passes for a layer that has every connection.
//!
//! These serve small dense layers, such as the output of a sparse network, and follow the determinism contract. A
//! backend may bring a general matrix product for networks that are dense throughout
//! ([`Backend::matrix_multiply`](crate::backend::Backend::matrix_multiply)).

use crate::backend::vector::{Vector, WIDTH, multiply_add};
use crate::kernel::nonzero;
use crate::kernel::weight_step::TileUpdate;
use crate::samples::element::Element;
use crate::sparse::csr::take;

/// Computes each row of `W x` and hands it to `emit` with its output row.
///
/// Shapes: `W` `[rows, n]` row by row; `x` `[n][LANES]`.
#[inline(always)]
pub(crate) fn rows<X: Element, V: Vector, const K: usize, const LANES: usize, T>(
    vector: V,
    weights: &[f32],
    x: &[[X; LANES]],
    out: impl Iterator<Item = T>,
    mut emit: impl FnMut(T, [V::Register; K]),
) {
    let x = X::rows::<V, K, LANES>(x);
    let n = x.len().max(1);
    if V::SINGLE {
        for (weights, out) in weights.chunks_exact(n).zip(out) {
            let mut sum = [vector.splat(0.0); K];
            nonzero::pairs(
                x,
                weights,
                #[inline(always)]
                |x, w| X::multiply_add::<V, K, LANES>(vector, &mut sum, w, x),
            );
            emit(out, sum);
        }
        return;
    }
    let (mut weights, mut out) = (weights, out);
    // As many rows at a time as have room for their sums in registers.
    while V::SUMS >= 4 * K && weights.len() >= 4 * n {
        let sums = sums::<X, V, K, LANES, 4>(vector, take(&mut weights, 4 * n), x);
        sums.into_iter().zip(&mut out).for_each(|(sum, out)| emit(out, sum));
    }
    while V::SUMS >= 2 * K && weights.len() >= 2 * n {
        let sums = sums::<X, V, K, LANES, 2>(vector, take(&mut weights, 2 * n), x);
        sums.into_iter().zip(&mut out).for_each(|(sum, out)| emit(out, sum));
    }
    for (weights, out) in weights.chunks_exact(n).zip(out) {
        let [sum] = sums::<X, V, K, LANES, 1>(vector, weights, x);
        emit(out, sum);
    }
}

/// The sums of `ROWS` rows, which read each row of `x` once for all of them.
#[inline(always)]
fn sums<X: Element, V: Vector, const K: usize, const LANES: usize, const ROWS: usize>(
    vector: V,
    weights: &[f32],
    x: &[X::Row<V, K, LANES>],
) -> [[V::Register; K]; ROWS] {
    let mut weights = weights.chunks_exact(x.len().max(1));
    let weights: [&[f32]; ROWS] = core::array::from_fn(|_| weights.next().unwrap_or_default());
    let mut sums = [[vector.splat(0.0); K]; ROWS];
    for (i, x) in x.iter().enumerate() {
        for (sum, weights) in sums.iter_mut().zip(weights) {
            if let Some(&w) = weights.get(i) {
                X::multiply_add::<V, K, LANES>(vector, sum, w, x);
            }
        }
    }
    sums
}

/// Computes rows `first..` of `W' d` and hands each to `emit` with its output row; one that `closed` says it has dealt
/// with is not computed.
///
/// Shapes: `W` `[n_out, n_in]` row by row; `d` `[n_out][LANES]`.
#[inline(always)]
#[expect(clippy::too_many_arguments, reason = "operands, a block of them, and what to do with a row")]
pub(crate) fn transposed_rows<V: Vector, const K: usize, T>(
    vector: V,
    weights: &[f32],
    n_in: usize,
    first: usize,
    d: &[[V::Unit; K]],
    out: impl Iterator<Item = T>,
    closed: impl Fn(&mut T) -> bool,
    mut emit: impl FnMut(T, [V::Register; K]),
) {
    for (input, mut out) in (first..n_in).zip(out) {
        if V::SINGLE && closed(&mut out) {
            continue;
        }
        let mut sum = [vector.splat(0.0); K];
        for (weights, d) in weights.chunks_exact(n_in.max(1)).zip(d) {
            if let Some(&w) = weights.get(input) {
                multiply_add(vector, &mut sum, w, d);
            }
        }
        emit(out, sum);
    }
}

/// Updates a block of rows with one tile.
///
/// Shapes: `weights` and `velocity` (or none) `[block, n_in]`; `deltas` `[block][LANES]`; `x` `[n_in][LANES]`.
#[inline(always)]
pub(crate) fn weight_step<D: Element, X: Element, V: Vector, const K: usize, const LANES: usize>(
    vector: V,
    step: TileUpdate,
    weights: &mut [f32],
    velocity: &mut [f32],
    deltas: &[[D; LANES]],
    x: &[[X; LANES]],
) {
    let (deltas, x) = (D::rows::<V, K, LANES>(deltas), X::rows::<V, K, LANES>(x));
    let n_in = x.len().max(1);
    if V::SINGLE && velocity.is_empty() && step.update.is_plain() {
        for (weights, delta) in weights.chunks_exact_mut(n_in).zip(deltas) {
            if !D::are_zero::<V, K, LANES>(core::slice::from_ref(delta)) {
                let delta = D::load::<V, K, LANES>(vector, delta);
                nonzero::pairs_mut(
                    x,
                    weights,
                    #[inline(always)]
                    |x, weight| weight - vector.fold(X::partial_dot::<V, K, LANES>(vector, &delta, x)),
                );
            }
        }
        return;
    }
    if V::GROUPED {
        // A group of inputs stays in the nearest cache for all neurons.
        let (groups, rest) = x.as_chunks::<WIDTH>();
        let groups = groups.iter().map(<[_; WIDTH]>::as_slice).chain([rest]);
        for (group, x) in groups.enumerate().filter(|(_, x)| !x.is_empty()) {
            let mut velocity = velocity.chunks_exact_mut(n_in);
            for (weights, delta) in weights.chunks_exact_mut(n_in).zip(deltas) {
                let velocity = velocity.next().unwrap_or_default();
                let velocity = velocity.get_mut(group * WIDTH..).unwrap_or_default();
                let weights = weights.get_mut(group * WIDTH..).unwrap_or_default();
                let delta = D::load::<V, K, LANES>(vector, delta);
                step.apply_all(
                    vector,
                    weights,
                    velocity,
                    x,
                    #[inline(always)]
                    |x| X::partial_dot::<V, K, LANES>(vector, &delta, x),
                );
            }
        }
        return;
    }
    let mut velocity = velocity.chunks_exact_mut(n_in);
    for (weights, delta) in weights.chunks_exact_mut(n_in).zip(deltas) {
        let velocity = velocity.next().unwrap_or_default();
        let delta = D::load::<V, K, LANES>(vector, delta);
        step.apply_all(
            vector,
            weights,
            velocity,
            x,
            #[inline(always)]
            |x| X::partial_dot::<V, K, LANES>(vector, &delta, x),
        );
    }
}
