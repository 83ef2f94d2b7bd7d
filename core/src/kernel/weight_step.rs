//! The update: a connection's gradient is the dot product of its two neurons' rows, taken straight into the velocity.
//!
//! There is no gradient buffer. A minibatch's first tile scales the velocity, every tile subtracts its share of the
//! gradient, the last one moves the weight.

use crate::backend::vector::{Vector, WIDTH, partial_dot, store};
use crate::kernel::nonzero::{self, Table};
use crate::samples::element::Element;
use crate::sparse::csr::{row_lengths, take, take_mut};
use crate::sparse::index::{Format, Index};
use crate::step::sgd::Update;

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

    /// Updates parameters with gradients computed from one source each, sixteen at a time where that pays.
    ///
    /// `velocity` may be empty, which is a velocity of zero that is forgotten. `partial` gives the sum that is left to
    /// fold for a source.
    #[inline(always)]
    pub(crate) fn apply_all<V: Vector, T>(
        &self,
        vector: V,
        mut weights: &mut [f32],
        mut velocity: &mut [f32],
        mut sources: &[T],
        partial: impl Fn(&T) -> V::Register,
    ) {
        if V::GROUPED {
            while let Some((group, rest)) = sources.split_first_chunk::<WIDTH>() {
                let weights = take_mut(&mut weights, WIDTH);
                let velocity = take_mut(&mut velocity, WIDTH);
                let sums = vector.fold_16_of(
                    #[inline(always)]
                    |i| match group.get(i) {
                        Some(source) => partial(source),
                        None => vector.splat(0.0),
                    },
                );
                self.apply_group(weights, velocity, &sums);
                sources = rest;
            }
            if !sources.is_empty() {
                let mut registers = [vector.splat(0.0); WIDTH];
                for (register, source) in registers.iter_mut().zip(sources) {
                    *register = partial(source);
                }
                self.apply_group(weights, velocity, &vector.fold_16(registers));
            }
        } else {
            let mut velocity = velocity.iter_mut();
            for (weight, source) in weights.iter_mut().zip(sources) {
                let mut none = 0.0;
                self.apply(weight, velocity.next().unwrap_or(&mut none), vector.fold(partial(source)));
            }
        }
    }

    /// Updates up to sixteen parameters.
    #[inline(always)]
    fn apply_group(&self, weights: &mut [f32], velocity: &mut [f32], gradients: &[f32; WIDTH]) {
        if let (Some(weights), Some(velocity)) =
            (weights.first_chunk_mut::<WIDTH>(), velocity.first_chunk_mut::<WIDTH>())
        {
            for ((weight, velocity), &gradient) in weights.iter_mut().zip(velocity).zip(gradients) {
                self.apply(weight, velocity, gradient);
            }
            return;
        }
        let mut none = [0.0; WIDTH];
        let velocity = if velocity.is_empty() { &mut none } else { velocity };
        for ((weight, velocity), &gradient) in weights.iter_mut().zip(velocity).zip(gradients) {
            self.apply(weight, velocity, gradient);
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

impl<F: Format> SparseRows<'_, F> {
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
pub(crate) fn sparse<F: Format, R: Element, C: Element, V: Vector, const K: usize, const LANES: usize>(
    vector: V,
    step: TileUpdate,
    block: SparseRows<'_, F>,
    rows: &[[R; LANES]],
    cols: &[[C; LANES]],
) {
    let cols = C::rows::<V, K, LANES>(cols);
    let plain = V::SINGLE && block.velocity.is_empty() && step.update.is_plain();
    if plain && R::TABLES {
        let SparseRows { indptr, indices, values, .. } = block;
        let base = indptr.first().map_or(0, |pointer| pointer.to_usize());
        return nonzero::in_groups::<F::Pointer, R, LANES>(indptr, rows, |indptr, rows| {
            let block = SparseRows::<F> { indptr, indices, values: &mut *values, velocity: &mut [] };
            let rows = R::rows::<V, K, LANES>(rows);
            if let Ok(cols) = <&[_; 256]>::try_from(cols) {
                single::<F, R, C, V, _, K, LANES>(vector, block, base, rows, cols);
            } else if let Ok(cols) = <&[_; 128]>::try_from(cols) {
                single::<F, R, C, V, _, K, LANES>(vector, block, base, rows, cols);
            } else {
                single::<F, R, C, V, _, K, LANES>(vector, block, base, rows, cols);
            }
        });
    }
    let rows = R::rows::<V, K, LANES>(rows);
    if V::GROUPED {
        return grouped::<F, R, C, V, K, LANES>(vector, step, block, rows, cols);
    }
    let SparseRows { indptr, mut indices, mut values, mut velocity } = block;
    for (len, row) in row_lengths(indptr).zip(rows) {
        let (values, velocity) = (take_mut(&mut values, len), take_mut(&mut velocity, len));
        let cols_of_row = take(&mut indices, len);
        if plain && R::are_zero::<V, K, LANES>(core::slice::from_ref(row)) {
            continue;
        }
        let row = R::load::<V, K, LANES>(vector, row);
        step.apply_all(
            vector,
            values,
            velocity,
            cols_of_row,
            #[inline(always)]
            |col| {
                if let Some(col) = cols.get(col.to_usize()) {
                    C::partial_dot::<V, K, LANES>(vector, &row, col)
                } else {
                    vector.splat(0.0)
                }
            },
        );
    }
}

/// Sums that wait to be folded together.
#[repr(align(64))]
struct Waiting<T>([T; WIDTH]);

/// The same with connections folded sixteen at a time, whichever rows they belong to.
#[inline(always)]
fn grouped<F: Format, R: Element, C: Element, V: Vector, const K: usize, const LANES: usize>(
    vector: V,
    step: TileUpdate,
    block: SparseRows<'_, F>,
    rows: &[R::Row<V, K, LANES>],
    cols: &[C::Row<V, K, LANES>],
) {
    let SparseRows { indptr, mut indices, mut values, mut velocity } = block;
    // Short rows seldom have a whole group from where one begins, and which do cannot be predicted. Eight units of a row leave no
    // registers for sums.
    let in_registers = K <= 4 && indices.len() >= 2 * WIDTH * indptr.len();
    let (mut sums, mut waiting) = (Waiting([vector.splat(0.0); WIDTH]), 0);
    for (len, row) in row_lengths(indptr).zip(rows) {
        let row = R::load::<V, K, LANES>(vector, row);
        let mut cols_of_row = take(&mut indices, len);
        while !cols_of_row.is_empty() {
            if in_registers
                && waiting == 0
                && let Some((group, rest)) = cols_of_row.split_first_chunk::<WIDTH>()
            {
                // All of one row: sums need not wait in memory.
                let sums = vector.fold_16_of(
                    #[inline(always)]
                    |i| match group.get(i).and_then(|col| cols.get(col.to_usize())) {
                        Some(col) => C::partial_dot::<V, K, LANES>(vector, &row, col),
                        None => vector.splat(0.0),
                    },
                );
                let (values, velocity) = (take_mut(&mut values, WIDTH), take_mut(&mut velocity, WIDTH));
                step.apply_group(values, velocity, &sums);
                cols_of_row = rest;
                continue;
            }
            let part = take(&mut cols_of_row, WIDTH - waiting);
            for (sum, col) in sums.0.iter_mut().skip(waiting).zip(part) {
                if let Some(col) = cols.get(col.to_usize()) {
                    *sum = C::partial_dot::<V, K, LANES>(vector, &row, col);
                }
            }
            waiting += part.len();
            if waiting == WIDTH {
                let (values, velocity) = (take_mut(&mut values, WIDTH), take_mut(&mut velocity, WIDTH));
                step.apply_group(values, velocity, &vector.fold_16(sums.0));
                waiting = 0;
            }
        }
    }
    step.apply_group(values, velocity, &vector.fold_16(sums.0));
}

/// The same for single samples where nothing but the gradient moves a weight: rows that are zero move none. For a first
/// layer, which is the widest; others are not worth the flash.
#[inline(never)]
fn single<F: Format, R: Element, C: Element, V: Vector, T, const K: usize, const LANES: usize>(
    vector: V,
    block: SparseRows<'_, F>,
    base: usize,
    rows: &[R::Row<V, K, LANES>],
    cols: &T,
) where
    T: Table<C::Row<V, K, LANES>> + ?Sized,
{
    let SparseRows { indptr, indices, values, .. } = block;
    let len = indices.len().min(values.len());
    let (indices, values) = (indices.get(..len).unwrap_or_default(), values.get_mut(..len).unwrap_or_default());
    nonzero::each_of::<F::Pointer, R, V, K, LANES>(
        indptr,
        base,
        rows.as_chunks().0,
        len,
        #[inline(always)]
        |range, x| {
            let x = R::load::<V, K, LANES>(vector, x);
            if let (Some(indices), Some(values)) = (indices.get(range.clone()), values.get_mut(range)) {
                nonzero::columns_mut(
                    indices,
                    values,
                    #[inline(always)]
                    |col, w| {
                        // Many are +0: those of silent neurons.
                        let Some(col) = cols.at(col) else { return };
                        let col = [store(vector, C::load::<V, K, LANES>(vector, col))];
                        if !f32::are_zero::<V, K, LANES>(&col) {
                            *w -= vector.fold(partial_dot(vector, &x, &col[0]));
                        }
                    },
                );
            }
        },
    );
}

/// Updates biases with one tile: the gradient is the delta summed over samples.
#[inline(always)]
pub(crate) fn bias<V: Vector, const K: usize>(
    vector: V,
    step: TileUpdate,
    bias: &mut [f32],
    velocity: &mut [f32],
    deltas: &[[V::Unit; K]],
) {
    if V::SINGLE && velocity.is_empty() && step.update.is_plain() {
        nonzero::pairs_mut(
            deltas,
            bias,
            #[inline(always)]
            |delta, bias| bias - vector.fold(partial_dot(vector, &[vector.splat(1.0); K], delta)),
        );
        return;
    }
    let ones = [vector.splat(1.0); K];
    step.apply_all(
        vector,
        bias,
        velocity,
        deltas,
        #[inline(always)]
        |delta| partial_dot(vector, &ones, delta),
    );
}
