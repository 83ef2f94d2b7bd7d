//! Random growth: uniform over the free cells, as SET has it.

use crate::random::Generator;
use crate::sparse::budget::Pace;
use crate::sparse::csr::CsrMut;
use crate::sparse::index::Format;
use crate::topology::grow::place::{Growing, GrowthState};

/// Adds connections as far as the budget reaches; returns whether all are in place.
///
/// Every set of free cells of that size is equally likely. A row is chosen with a probability in proportion to its free
/// cells, by rejection; within a row, the free cell by its rank among the row's free cells. `weight` gives each new
/// connection its value from its column; its velocity is zero. `counters` is scratch with one element a row.
///
/// Worked example: a row `[0 5 0 0]` has the free columns 0, 2, 3; rank 1 is column 2.
#[inline(never)]
pub(crate) fn grow_random<F: Format>(
    matrix: &mut CsrMut<'_, F>,
    growth: &mut GrowthState,
    counters: &mut [F::Counter],
    weight: impl FnMut(&mut Generator, usize) -> f32,
    budget: &mut impl Pace,
) -> bool {
    let aim = None::<fn(&mut Generator, Growing<'_, F>) -> Option<usize>>;
    growth.go_on(matrix, counters, weight, aim, budget)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Purpose;
    use crate::sparse::budget::Budget;
    use crate::sparse::index::Narrow;

    /// Grows `additions` connections, a few at a time; returns how many there was room for.
    fn grow(
        matrix: &mut CsrMut<'_, Narrow>,
        additions: usize,
        counters: &mut [u16],
        epoch: u32,
        mut weight: impl FnMut(&mut Generator, usize) -> f32,
    ) -> usize {
        let mut growth = GrowthState::new(additions, Generator::new(1, Purpose::Growth, epoch, 0, 0));
        while !grow_random(matrix, &mut growth, counters, &mut weight, &mut Budget::new(epoch as usize % 20)) {}
        growth.additions
    }

    #[test]
    fn every_cell_is_equally_likely_beside_those_taken() {
        // 3 x 4 with two cells taken in row 0: growing 5 of the 10 free cells takes each half of the time.
        let rounds = 4000;
        let mut hits = [[0u32; 4]; 3];
        for round in 0..rounds {
            let (mut indptr, mut indices, mut values) = ([0u16, 2, 2, 2], [1u8, 3, 0, 0, 0, 0, 0], [1.0f32; 7]);
            let mut matrix = CsrMut::<Narrow> {
                ncols: 4,
                indptr: &mut indptr,
                indices: &mut indices,
                values: &mut values,
                velocity: &mut [],
            };
            assert_eq!(grow(&mut matrix, 5, &mut [0; 3], round, |_, _| 0.5), 5);
            for (row, (cols, values)) in matrix.as_ref().rows().enumerate() {
                assert!(cols.windows(2).all(|pair| pair[0] < pair[1]));
                for (&col, &value) in cols.iter().zip(values) {
                    if value == 0.5 {
                        hits[row][usize::from(col)] += 1;
                    } else {
                        assert!(row == 0 && (col == 1 || col == 3));
                    }
                }
            }
        }
        let expected = f64::from(rounds) / 2.0;
        let free = (0..3).flat_map(|r| (0..4).map(move |c| (r, c))).filter(|&(r, c)| r > 0 || c % 2 == 0);
        let chi_squared: f64 = free.map(|(r, c)| (f64::from(hits[r][c]) - expected).powi(2) / (expected / 2.0)).sum();
        // 9 degrees of freedom: 27.9 is the 99.9th percentile.
        assert!(chi_squared < 27.9, "{hits:?}");
    }

    #[test]
    fn a_matrix_can_be_filled_to_the_last_cell() {
        let (mut indptr, mut indices, mut values) = ([0u16; 3], [0u8; 6], [0.0f32; 6]);
        let mut matrix = CsrMut::<Narrow>::empty(2, 3, &mut indptr, &mut indices, &mut values, &mut []).unwrap();
        assert_eq!(grow(&mut matrix, 99, &mut [0; 2], 0, |_, col| col as f32), 6);
        assert_eq!((indptr, indices, values), ([0, 3, 6], [0, 1, 2, 0, 1, 2], [0.0, 1.0, 2.0, 0.0, 1.0, 2.0]));
    }
}
