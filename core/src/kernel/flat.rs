//! The same passes for single samples where rows have few connections: two each, in a very wide layer.
//!
//! A processor guesses how long each row is, and guesses wrong about every second time, which takes longer than the row. So
//! these go over connections, whichever rows they are of, and over rows without a guess as long as they have no more than
//! [`FEW`]. The bits are those of [`gather`](crate::kernel::gather), [`scatter`](crate::kernel::scatter) and
//! [`weight_step`](crate::kernel::weight_step): what is added beside their sums is zero.

use crate::kernel::weight_step::TileUpdate;
use crate::sparse::chunks::CHUNK;
use crate::sparse::csr::row_lengths;
use crate::sparse::index::Index;

/// Connections of a row that are looked at whether they are there or not.
const FEW: usize = 4;

/// Which of the first connections of a row are there, by its length. To multiply by: a choice would be guessed at. What is not
/// there is a number of another row, which is finite, or the loss is not either.
const THERE: [[f32; FEW]; FEW + 1] = {
    let mut there = [[0.0; FEW]; FEW + 1];
    let mut len = 0;
    while len <= FEW {
        let mut at = 0;
        while at < len {
            there[len][at] = 1.0;
            at += 1;
        }
        len += 1;
    }
    there
};

/// A number for each connection, and room for what is looked at beyond.
pub(crate) type Buffer = [f32; CHUNK + FEW];

/// The first few numbers from a place on.
#[inline(always)]
fn first(buffer: &Buffer, at: usize) -> &[f32] {
    // Always less, and known to be.
    let at = at.min(CHUNK);
    &buffer[at..at + FEW]
}

/// Adds the sums of some rows to `y`.
///
/// Shapes: `W` CSR `[rows, n]`, at most [`CHUNK`] connections, whose pointers may begin anywhere; `x` `[n]`, `y` `[rows]`.
#[inline(always)]
pub(crate) fn gather(indptr: &[u16], columns: &[u16], values: &[f32], x: &[f32], y: &mut [f32], products: &mut Buffer) {
    for ((product, column), value) in products.iter_mut().zip(columns).zip(values) {
        *product = value * x.get(column.to_usize()).copied().unwrap_or_default();
    }
    let mut at = 0;
    for (len, y) in row_lengths(indptr).zip(y) {
        let (few, there) = (first(products, at), &THERE[len.min(FEW)]);
        let mut sum = 0.0;
        for (product, there) in few.iter().zip(there) {
            sum += product * there;
        }
        if len > FEW {
            for product in products.get(at + FEW..at + len).unwrap_or_default() {
                sum += product;
            }
        }
        *y += sum;
        at += len;
    }
}

/// Writes for each connection the number of its row.
#[inline(always)]
pub(crate) fn spread_rows(indptr: &[u16], rows: &[f32], to: &mut Buffer) {
    let mut at = 0;
    for (len, row) in row_lengths(indptr).zip(rows) {
        // Those beyond the row are overwritten by the rows after it.
        let from = at.min(CHUNK);
        to[from..from + FEW].copy_from_slice(&[*row; FEW]);
        if len > FEW {
            to.get_mut(at + FEW..at + len).unwrap_or_default().fill(*row);
        }
        at += len;
    }
}

/// Adds each weight times the number of its row to the sum of its column.
#[inline(always)]
pub(crate) fn scatter(columns: &[u16], values: &[f32], of_rows: &[f32], sums: &mut [f32]) {
    for ((column, value), row) in columns.iter().zip(values).zip(of_rows) {
        if let Some(sum) = sums.get_mut(column.to_usize()) {
            *sum += value * row;
        }
    }
}

/// Moves each weight by its gradient: the product of the numbers of its row and of its column.
#[inline(always)]
pub(crate) fn weight_step(step: TileUpdate, columns: &[u16], values: &mut [f32], of_rows: &[f32], x: &[f32]) {
    let Some(last) = x.len().checked_sub(1) else { return };
    for ((column, value), row) in columns.iter().zip(values).zip(of_rows) {
        let mut none = 0.0;
        step.apply(value, &mut none, row * x[column.to_usize().min(last)]);
    }
}
