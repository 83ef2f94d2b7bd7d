//! The update: a connection's gradient is the dot product of its two neurons' rows, taken straight into the velocity.
//!
//! There is no gradient buffer. A minibatch's first tile scales the velocity, every tile subtracts its share of the
//! gradient, the last one moves the weight.

use crate::csr::{row_lengths, take, take_mut};
use crate::index::{Format, Index};
use crate::kernel::lanes::{dot, sum};
use crate::sgd::Update;

/// Where a tile stands in its minibatch, and the factors of the update.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TileUpdate {
    pub(crate) update: Update,
    pub(crate) first: bool,
    pub(crate) last: bool,
}

impl TileUpdate {
    /// Updates one parameter and its velocity with the gradient of one tile.
    #[inline(always)]
    pub(crate) fn apply(&self, weight: &mut f32, velocity: &mut f32, gradient: f32) {
        let v = if self.first { self.update.begin(*velocity, *weight) } else { *velocity };
        let v = self.update.accumulate(v, gradient);
        if self.last {
            (*velocity, *weight) = self.update.end(v, *weight);
        } else {
            *velocity = v;
        }
    }

    /// Updates parameters with their gradients; `velocity` may be empty, which is a velocity of zero that is forgotten.
    #[inline(always)]
    pub(crate) fn apply_all(&self, weights: &mut [f32], velocity: &mut [f32], gradients: impl Iterator<Item = f32>) {
        if velocity.is_empty() {
            for (weight, gradient) in weights.iter_mut().zip(gradients) {
                self.apply(weight, &mut 0.0, gradient);
            }
        } else {
            for ((weight, velocity), gradient) in weights.iter_mut().zip(velocity).zip(gradients) {
                self.apply(weight, velocity, gradient);
            }
        }
    }
}

/// A block of rows of a sparse matrix, as the update needs it.
#[derive(Debug)]
pub(crate) struct SparseRows<'a, F: Format> {
    pub(crate) indptr: &'a [F::Pointer],
    pub(crate) indices: &'a [F::Index],
    pub(crate) values: &'a mut [f32],
    /// One per value, or none.
    pub(crate) velocity: &'a mut [f32],
}

impl<'a, F: Format> SparseRows<'a, F> {
    /// The rows before `row`, and the rest.
    pub(crate) fn split(self, row: usize) -> (Self, Self) {
        let base = self.indptr.first().map_or(0, |p| p.to_usize());
        let at = self.indptr.get(row).map_or(0, |p| p.to_usize().saturating_sub(base));
        let (mut indices, mut values, mut velocity) = (self.indices, self.values, self.velocity);
        let top = Self {
            indptr: self.indptr.get(..=row).unwrap_or_default(),
            indices: take(&mut indices, at),
            values: take_mut(&mut values, at),
            velocity: take_mut(&mut velocity, at),
        };
        (top, Self { indptr: self.indptr.get(row..).unwrap_or_default(), indices, values, velocity })
    }
}

/// Updates a block of rows with one tile: the gradient of `(r, c)` is the dot product of `rows[r]` and `cols[c]`.
///
/// Shapes: `rows` `[block][LANES]`; `cols` `[ncols][LANES]`: deltas and inputs for an output-major matrix, inputs and
/// deltas for an input-major one.
#[inline(always)]
pub(crate) fn sparse<F: Format, const LANES: usize>(
    step: TileUpdate,
    block: SparseRows<'_, F>,
    rows: &[[f32; LANES]],
    cols: &[[f32; LANES]],
) {
    let SparseRows { indptr, mut indices, mut values, mut velocity } = block;
    for (len, row) in row_lengths(indptr).zip(rows) {
        let (indices, values, velocity) =
            (take(&mut indices, len), take_mut(&mut values, len), take_mut(&mut velocity, len));
        let gradients = indices.iter().map(|col| cols.get(col.to_usize()).map_or(0.0, |col| dot(row, col)));
        step.apply_all(values, velocity, gradients);
    }
}

/// Updates biases with one tile: the gradient is the delta summed over samples.
#[inline(always)]
pub(crate) fn bias<const LANES: usize>(
    step: TileUpdate,
    bias: &mut [f32],
    velocity: &mut [f32],
    deltas: &[[f32; LANES]],
) {
    step.apply_all(bias, velocity, deltas.iter().map(sum));
}
