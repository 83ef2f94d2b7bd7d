//! The same passes for a layer that has every connection.
//!
//! These serve small dense layers, such as the output of a sparse network, and follow the determinism contract. A
//! backend may bring a general matrix product for networks that are dense throughout
//! ([`Backend::matrix_multiply`](crate::backend::Backend::matrix_multiply)).

use crate::activation::kind::Activation;
use crate::backend::vector::{Vector, WIDTH, add_product, load, multiply_add, store};
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
    if V::SINGLE && X::TABLES {
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
    // Five rows that look at each input once.
    while V::SINGLE && weights.len() >= 5 * n {
        let sums = five::<X, V, K, LANES>(vector, take(&mut weights, 5 * n), x);
        sums.into_iter().zip(&mut out).for_each(|(sum, out)| emit(out, sum));
    }
    // As many rows at a time as have room for their sums in registers.
    while V::SUMS >= 4 * K && weights.len() >= 4 * n {
        let sums = sums::<X, V, K, LANES, 4>(vector, take(&mut weights, 4 * n), x);
        for (sum, out) in sums.into_iter().zip(&mut out) {
            emit(out, sum);
        }
    }
    while V::SUMS >= 2 * K && weights.len() >= 2 * n {
        let sums = sums::<X, V, K, LANES, 2>(vector, take(&mut weights, 2 * n), x);
        for (sum, out) in sums.into_iter().zip(&mut out) {
            emit(out, sum);
        }
    }
    for (weights, out) in weights.chunks_exact(n).zip(out) {
        let [sum] = sums::<X, V, K, LANES, 1>(vector, weights, x);
        emit(out, sum);
    }
}

/// The sums of five rows for a single sample. Inputs of zero, such as silent neurons, are skipped: no sum that starts at +0 can be
/// -0. A function of its own: its loop then has the registers to itself.
#[inline(never)]
fn five<X: Element, V: Vector, const K: usize, const LANES: usize>(
    vector: V,
    weights: &[f32],
    x: &[X::Row<V, K, LANES>],
) -> [[V::Register; K]; 5] {
    let [mut sa, mut sb, mut sc, mut sd, mut se] = [[vector.splat(0.0); K]; 5];
    let n = x.len();
    // Rows as long as `x`, and places below that length: no place is checked in the loop.
    if let Some((a, rest)) = weights.split_at_checked(n)
        && let Some((b, rest)) = rest.split_at_checked(n)
        && let Some((c, rest)) = rest.split_at_checked(n)
        && let Some((d, rest)) = rest.split_at_checked(n)
        && let Some((e, _)) = rest.split_at_checked(n)
    {
        for i in 0..n {
            if !X::are_zero::<V, K, LANES>(core::slice::from_ref(&x[i])) {
                let x = X::load::<V, K, LANES>(vector, &x[i]);
                add_product(vector, &mut sa, a[i], &x);
                add_product(vector, &mut sb, b[i], &x);
                add_product(vector, &mut sc, c[i], &x);
                add_product(vector, &mut sd, d[i], &x);
                add_product(vector, &mut se, e[i], &x);
            }
        }
    }
    [sa, sb, sc, sd, se]
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

/// The same for single samples and `ReLU`, whose activations are `y`: writes the deltas, which are zero for silent neurons. A loop
/// of its own, in a function of its own, which has the registers to itself: that halves its instructions on a chip.
#[inline(never)]
pub(crate) fn relu_deltas<V: Vector, const K: usize>(
    vector: V,
    (weights, n_in, first): (&[f32], usize, usize),
    d: &[[V::Unit; K]],
    y: &[[V::Unit; K]],
    delta: &mut [[V::Unit; K]],
    scale: f32,
) {
    // The compiler then knows that it is not 0, and the inner loop counts down.
    let n_in = n_in.max(1);
    for (input, (y, delta)) in (first..n_in).zip(y.iter().zip(delta)) {
        let (mut sum, at) = ([vector.splat(0.0); K], load(vector, y));
        // The second is always true, and spares a check of each weight.
        if !is_zero(bytemuck::must_cast_slice(y.as_slice())) && input < n_in {
            for (weights, d) in weights.chunks_exact(n_in).zip(d) {
                if let Some(&w) = weights.get(input) {
                    multiply_add(vector, &mut sum, w, d);
                }
            }
            Activation::Relu.backward_row(vector, &mut sum, &at, &at, scale);
        }
        *delta = store(vector, sum);
    }
}

/// Updates the weights of inputs that are not zero, for a single sample. A function of its own, likewise. Where a weight is -0 it may
/// become +0 or stay, other than by rows.
#[inline(never)]
fn columns_step<D: Element, X: Element, V: Vector, const K: usize, const LANES: usize>(
    vector: V,
    weights: &mut [f32],
    deltas: &[D::Row<V, K, LANES>],
    x: &[X::Row<V, K, LANES>],
) {
    let n_in = x.len();
    for (input, x) in (0..n_in).zip(x) {
        if X::are_zero::<V, K, LANES>(core::slice::from_ref(x)) {
            continue;
        }
        let x = X::load::<V, K, LANES>(vector, x);
        for (weights, delta) in weights.chunks_exact_mut(n_in).zip(deltas) {
            if let Some(weight) = weights.get_mut(input) {
                *weight -= vector.fold(D::partial_dot::<V, K, LANES>(vector, &x, delta));
            }
        }
    }
}

/// Updates a block of rows with one tile; `whole` unless they are the few rows of a part of a step.
///
/// Shapes: `weights` and `velocity` (or none) `[block, n_in]`; `deltas` `[block][LANES]`; `x` `[n_in][LANES]`.
#[inline(always)]
pub(crate) fn weight_step<D: Element, X: Element, V: Vector, const K: usize, const LANES: usize>(
    vector: V,
    step: TileUpdate,
    weights: &mut [f32],
    velocity: &mut [f32],
    (deltas, whole): (&[[D; LANES]], bool),
    x: &[[X; LANES]],
) {
    let (deltas, x) = (D::rows::<V, K, LANES>(deltas), X::rows::<V, K, LANES>(x));
    let n_in = x.len().max(1);
    if V::SINGLE && velocity.is_empty() && step.update.is_plain() {
        if whole && !X::TABLES {
            return columns_step::<D, X, V, K, LANES>(vector, weights, deltas, x);
        }
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

/// Whether every lane is zero, of whichever sign.
#[inline(always)]
pub(crate) fn is_zero(row: &[f32]) -> bool {
    match row {
        // A loop over one lane is not always seen to be none.
        [lane] => *lane == 0.0,
        lanes => lanes.iter().all(|&lane| lane == 0.0),
    }
}
