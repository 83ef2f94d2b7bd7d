//! Pruning by relative importance: how much of what its two neurons have a connection is.
//!
//! The score of the weight w from i to j is |w| / (sum of magnitudes into j) + |w| / (sum of magnitudes out of i), and the
//! fraction `zeta` of the smallest goes, whatever their signs.
//!
//! ```text
//! W = [ 0 4 0 ]   of 1, in row 1: 1 / (1 + 3) + 1 / 1 = 1.25; of 3: 3 / 4 + 3 / 3 = 1.75; of 4: 4 / 4 + 4 / 4 = 2
//!     [ 1 0 3 ]
//! ```
//!
//! Source: Zhang et al. 2025, arXiv 2501.19107.

use crate::sparse::csr::{CsrMut, CsrRef};
use crate::sparse::index::{Format, Index};
use crate::topology::prune::select::{Score, prune_by};

/// The sums that weights are compared with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Relative<'a> {
    /// Magnitudes of a column, added up.
    columns: &'a [f32],
}

impl<'a> Relative<'a> {
    /// Adds up the columns of a matrix. `columns` has at least one element for each; with fewer, the columns without one
    /// count as nothing.
    pub(crate) fn new<F: Format>(matrix: CsrRef<'_, F>, columns: &'a mut [f32]) -> Self {
        columns.fill(0.0);
        for (col, value) in matrix.indices().iter().zip(matrix.values()) {
            if let Some(sum) = columns.get_mut(col.to_usize()) {
                *sum += value.abs();
            }
        }
        Self { columns }
    }
}

impl<F: Format> Score<F> for Relative<'_> {
    /// The sum of the row's magnitudes.
    type Row = f32;

    #[inline(always)]
    fn row(&self, values: &[f32]) -> f32 {
        values.iter().map(|value| value.abs()).sum()
    }

    #[inline(always)]
    fn of(&self, row: f32, _place: usize, col: F::Index, value: f32) -> f32 {
        let magnitude = value.abs();
        // Where all weights of a neuron are zero, there is nothing to divide by.
        if magnitude == 0.0 {
            return 0.0;
        }
        let column = self.columns.get(col.to_usize()).copied().unwrap_or(f32::INFINITY);
        magnitude / row + magnitude / column
    }
}

/// Prunes the fraction `zeta` of the connections; returns how many that were. `columns` is scratch with one element a column.
#[inline(never)]
pub(crate) fn prune_relative<F: Format>(matrix: &mut CsrMut<'_, F>, zeta: f32, columns: &mut [f32]) -> usize {
    let relative = Relative::new(matrix.as_ref(), columns);
    prune_by(matrix, zeta, relative)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Generator, Purpose};
    use crate::sparse::index::Narrow;
    use crate::topology::prune::select::each_survivor;

    type Cell = (usize, usize);

    /// Cells and weights of a random matrix of 12 rows and 9 columns; some rows and columns are empty, some weights equal.
    fn random(generator: &mut Generator) -> std::vec::Vec<(Cell, f32)> {
        let cells = (0..12).flat_map(|row| (0..9).map(move |col| (row, col)));
        let taken = cells.filter(|&(row, col)| row != 4 && col != 2 && generator.below(3) == 0);
        let taken: std::vec::Vec<Cell> = taken.collect();
        taken.into_iter().map(|cell| (cell, (generator.symmetric(4.0) * 2.0) as i32 as f32 / 2.0)).collect()
    }

    #[test]
    fn the_least_important_go_as_a_sort_by_the_formula_says() {
        let mut generator = Generator::new(1, Purpose::Weights, 0, 0, 0);
        for zeta in [0.0, 0.1, 0.3, 0.7, 0.95] {
            let cells = random(&mut generator);
            let sum = |of: &dyn Fn(Cell) -> bool| {
                cells.iter().filter(|(cell, _)| of(*cell)).map(|(_, value)| value.abs()).sum::<f32>()
            };
            let score = |&((row, col), value): &(Cell, f32)| {
                let (rows, columns) = (sum(&|cell| cell.0 == row), sum(&|cell| cell.1 == col));
                if value == 0.0 { 0.0 } else { value.abs() / rows + value.abs() / columns }
            };
            let mut sorted: std::vec::Vec<_> = cells.iter().map(|cell| (score(cell), cell.0)).collect();
            // Stable: of equal scores, those that come first in CSR order go.
            sorted.sort_by(|a, b| a.0.total_cmp(&b.0));
            let mut expected: std::vec::Vec<Cell> =
                sorted[(cells.len() as f32 * zeta) as usize..].iter().map(|(_, cell)| *cell).collect();
            expected.sort_unstable();

            let starts = |row: usize| cells.partition_point(|((r, _), _)| *r < row) as u16;
            let mut indptr: std::vec::Vec<u16> = (0..=12).map(starts).collect();
            let mut indices: std::vec::Vec<u8> = cells.iter().map(|((_, col), _)| *col as u8).collect();
            let mut values: std::vec::Vec<f32> = cells.iter().map(|(_, value)| *value).collect();
            let matrix = CsrRef::<Narrow>::new(9, &indptr, &indices, &values).unwrap();
            let (mut columns, mut shown) = ([f32::NAN; 9], std::vec::Vec::new());
            each_survivor(matrix, zeta, Relative::new(matrix, &mut columns), |row, col| shown.push((row, col)));
            assert_eq!(shown, expected, "{zeta}");
            let (indptr, indices, values) = (&mut indptr, &mut indices, &mut values);
            let mut matrix = CsrMut::<Narrow> { ncols: 9, indptr, indices, values, velocity: &mut [] };
            let removed = prune_relative(&mut matrix, zeta, &mut columns);
            assert_eq!(removed, cells.len() - expected.len());
            let rows = matrix.as_ref().rows().enumerate();
            let left = rows.flat_map(|(row, (cols, _))| cols.iter().map(move |&col| (row, usize::from(col))));
            assert!(left.eq(expected), "{zeta}");
        }
    }

    #[test]
    fn scores_are_those_of_the_worked_matrix() {
        let matrix = CsrRef::<Narrow>::new(3, &[0, 1, 3], &[1, 0, 2], &[4.0, 1.0, -3.0]).unwrap();
        let mut columns = [0.0; 3];
        let relative = Relative::new(matrix, &mut columns);
        let score = |row: &[f32], col: u8, value| {
            Score::<Narrow>::of(&relative, Score::<Narrow>::row(&relative, row), 0, col, value)
        };
        assert_eq!(
            [score(&[4.0], 1, 4.0), score(&[1.0, -3.0], 0, 1.0), score(&[1.0, -3.0], 2, -3.0)],
            [2.0, 1.25, 1.75]
        );
        assert_eq!(score(&[0.0], 1, 0.0).to_bits(), 0.0f32.to_bits());
    }
}
