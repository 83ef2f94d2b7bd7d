//! Sums over connections, one output row at a time: the forward pass, and the gradient of a layer's inputs.

use crate::backend::vector::{Vector, multiply_add};
use crate::samples::element::Element;
use crate::sparse::csr::{CsrRef, row_lengths, take};
use crate::sparse::index::{Format, Index};

/// Computes each row of `W x` and hands it to `emit` with its output row.
///
/// Shapes: `W` CSR `[rows, n]`; `x` `[n][LANES]`; `out` one row an output neuron.
/// Cost: `nnz * LANES` multiply-adds, no scratch.
#[inline(always)]
pub(crate) fn rows<F: Format, X: Element, V: Vector, const K: usize, const LANES: usize, T>(
    vector: V,
    w: CsrRef<'_, F>,
    x: &[[X; LANES]],
    out: impl Iterator<Item = T>,
    mut emit: impl FnMut(T, [V::Register; K]),
) {
    let x = X::rows::<V, K, LANES>(x);
    for ((cols, values), out) in w.rows().zip(out) {
        let mut sum = [vector.splat(0.0); K];
        for (col, &w) in cols.iter().zip(values) {
            if let Some(x) = x.get(col.to_usize()) {
                X::multiply_add::<V, K, LANES>(vector, &mut sum, w, x);
            }
        }
        emit(out, sum);
    }
}

/// The transposed structure of an output-major matrix: for each input, the output neurons it reaches and where the
/// weights are.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TransposedRef<'a, F: Format> {
    pub(crate) indptr: &'a [F::Pointer],
    pub(crate) rows: &'a [F::Index],
    pub(crate) positions: &'a [F::Pointer],
}

impl<F: Format> TransposedRef<'_, F> {
    /// The inputs before `input`, and the rest.
    pub(crate) fn split(self, input: usize) -> (Self, Self) {
        let base = self.indptr.first().map_or(0, |p| p.to_usize());
        let input = input.min(self.indptr.len().saturating_sub(1));
        let at = self.indptr.get(input).map_or(0, |p| p.to_usize().saturating_sub(base));
        let (mut rows, mut positions) = (self.rows, self.positions);
        let top = Self {
            indptr: self.indptr.get(..=input).unwrap_or_default(),
            rows: take(&mut rows, at),
            positions: take(&mut positions, at),
        };
        (top, Self { indptr: self.indptr.get(input..).unwrap_or_default(), rows, positions })
    }
}

/// Computes each row of `W' d` through the transposed structure and hands it to `emit` with its output row.
///
/// Shapes: `d` `[n_out][LANES]`; `out` one row an input of the block. A connection's order is that of ascending output
/// neurons, as [`scatter`](crate::kernel::scatter) visits them.
#[inline(always)]
pub(crate) fn transposed_rows<F: Format, V: Vector, const K: usize, T>(
    vector: V,
    transposed: TransposedRef<'_, F>,
    values: &[f32],
    d: &[[V::Unit; K]],
    out: impl Iterator<Item = T>,
    mut emit: impl FnMut(T, [V::Register; K]),
) {
    let (mut rows, mut positions) = (transposed.rows, transposed.positions);
    for (len, out) in row_lengths(transposed.indptr).zip(out) {
        let mut sum = [vector.splat(0.0); K];
        for (row, position) in take(&mut rows, len).iter().zip(take(&mut positions, len)) {
            if let Some((d, &w)) = d.get(row.to_usize()).zip(values.get(position.to_usize())) {
                multiply_add(vector, &mut sum, w, d);
            }
        }
        emit(out, sum);
    }
}
