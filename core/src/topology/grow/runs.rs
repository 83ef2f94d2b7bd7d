//! Random growth of rows so long that a new connection cannot be put in its place at once: each would move half the row.
//!
//! New connections are drawn as those of short rows are, one after the other, each by its rank among the columns that are
//! still free. They are gathered in short sorted runs. A run counts its columns among those that everything before it
//! leaves free, so neighbouring runs are merged by a walk over both, and the last merge is with what the row had.
//!
//! ```text
//! free columns 0 1 2 3 4 5; the run [1 3], then the run [0 3] among the columns 0 2 4 5 that it leaves: 0 and 5
//! merged: [0 1 3 5]
//! ```

use crate::random::Generator;
use crate::sparse::blocks::RUN;
use crate::sparse::csr::copy_within;
use crate::sparse::index::{Format, Index};
use crate::topology::grow::row::{free_column, shift_in};

/// A row that grows: what it had, and room for what it gains.
pub(crate) struct LongRow<'a, F: Format> {
    pub(crate) indices: &'a mut [F::Index],
    pub(crate) values: &'a mut [f32],
    /// One a value, or none.
    pub(crate) velocity: &'a mut [f32],
}

impl<F: Format> LongRow<'_, F> {
    /// Fills the row, of whose `ncols` columns the first `filled` places hold some, with free columns.
    ///
    /// `spare` has room for a column and a value of a run's connections at least; with more, fewer parts are merged.
    pub(crate) fn fill(
        &mut self,
        ncols: usize,
        mut filled: usize,
        spare: &mut [u32],
        generator: &mut Generator,
        mut weight: impl FnMut(&mut Generator) -> f32,
    ) {
        let (cols, weights) = spare.split_at_mut(spare.len() / 2);
        let len = self.indices.len();
        while filled < len {
            let end = len.min(filled + cols.len().max(1));
            for place in filled..end {
                // Where its run begins.
                let run = place - (place - filled) % RUN;
                let rank = generator.below((ncols - place) as u32) as usize;
                let (col, at) = free_column::<F>(self.indices.get(run..place).unwrap_or_default(), rank);
                let value = weight(generator);
                let moved = run + at..=place;
                shift_in::<F, _>(self.indices.get_mut(moved.clone()).unwrap_or_default(), F::Index::wrapping_from(col));
                shift_in::<F, _>(self.values.get_mut(moved).unwrap_or_default(), value);
            }
            let mut width = RUN;
            while width < end - filled {
                for first in (filled..end).step_by(2 * width) {
                    self.merge(first, first + width, end.min(first + 2 * width), cols, weights);
                }
                width *= 2;
            }
            self.merge(0, filled, end, cols, weights);
            filled = end;
        }
    }

    /// Merges the sorted columns of `first..middle` with those of `middle..end`, which are counted among the columns that
    /// the former leave free. The velocity of the latter is zero.
    fn merge(&mut self, first: usize, middle: usize, end: usize, cols: &mut [u32], weights: &mut [u32]) {
        let (Some(from), Some(values)) = (self.indices.get(middle..end), self.values.get(middle..end)) else { return };
        for ((col, weight), (from, value)) in cols.iter_mut().zip(&mut *weights).zip(from.iter().zip(values)) {
            (*col, *weight) = (from.to_usize() as u32, value.to_bits());
        }
        // From the end, so that what is moved up overwrites nothing that is still to be moved.
        let (mut kept, mut write) = (middle, end);
        let count = end - middle;
        let latter = cols.get(..count).unwrap_or_default().iter().zip(weights.get(..count).unwrap_or_default());
        for (&col, &weight) in latter.rev() {
            // Of the former, those before it push it up by one each; the others come after it.
            while kept > first
                && let Some(last) = self.indices.get(kept - 1)
                && last.to_usize() > col as usize + (kept - 1 - first)
            {
                kept -= 1;
                write -= 1;
                copy_within(self.indices, kept, write);
                copy_within(self.values, kept, write);
                copy_within(self.velocity, kept, write);
            }
            write -= 1;
            if let (Some(index), Some(value)) = (self.indices.get_mut(write), self.values.get_mut(write)) {
                *index = F::Index::wrapping_from(col as usize + (kept - first));
                *value = f32::from_bits(weight);
            }
            if let Some(velocity) = self.velocity.get_mut(write) {
                *velocity = 0.0;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Purpose;
    use crate::sparse::index::{Standard, Wide};
    use std::vec::Vec;

    /// Fills a row connection by connection: column, value and velocity of each.
    fn slowly(row: &[usize], ncols: usize, len: usize, generator: &mut Generator) -> Vec<(usize, f32, f32)> {
        let mut free: Vec<usize> = (0..ncols).filter(|col| row.binary_search(col).is_err()).collect();
        let mut row: Vec<_> = row.iter().map(|&col| (col, -1.0, 2.0)).collect();
        while row.len() < len {
            let col = free.remove(generator.below(free.len() as u32) as usize);
            row.push((col, generator.unit(), 0.0));
        }
        row.sort_by_key(|&(col, ..)| col);
        row
    }

    fn check<F: Format>(ncols: usize, had: usize, len: usize, spare: usize) {
        let mut generator = Generator::new(1, Purpose::Growth, 0, 0, (ncols + had) as u32);
        let mut columns: Vec<usize> = (0..ncols).collect();
        while columns.len() > had {
            columns.remove(generator.below(columns.len() as u32) as usize);
        }
        let expected = slowly(&columns, ncols, len, &mut generator.clone());
        columns.resize(len, 0);
        let mut indices: Vec<F::Index> = columns.iter().map(|&col| F::Index::wrapping_from(col)).collect();
        let (mut values, mut velocity) = (std::vec![-1.0; len], std::vec![2.0; len]);
        let mut row = LongRow::<F> { indices: &mut indices, values: &mut values, velocity: &mut velocity };
        row.fill(ncols, had, &mut std::vec![0; spare], &mut generator, Generator::unit);
        let found = indices.iter().zip(values).zip(velocity).map(|((col, value), v)| (col.to_usize(), value, v));
        assert!(found.eq(expected), "{ncols} {had} {len} {spare}");
    }

    #[test]
    fn runs_give_the_row_that_single_connections_give() {
        for (ncols, had, len) in [(2000, 0, 700), (700, 300, 700), (900, 899, 900), (1500, 10, 1000), (400, 0, 129)] {
            for spare in [2 * RUN, 2 * RUN + 50, 4000] {
                check::<Standard>(ncols, had, len, spare);
                check::<Wide>(ncols, had, len, spare);
            }
        }
    }
}
