//! Random growth: uniform over the free cells, as SET has it.

use crate::random::Generator;
use crate::sparse::budget::Pace;
use crate::sparse::csr::CsrMut;
use crate::sparse::index::Format;
use crate::topology::grow::place::{Growing, GrowthState};
use crate::topology::scratch::Room;

/// Adds connections as far as the budget reaches; returns whether all are in place.
///
/// Every set of free cells of that size is equally likely. A row is chosen with a probability in proportion to its free
/// cells, by rejection; within a row, the free cell by its rank among the row's free cells. `weight` gives each new
/// connection its value; its velocity is zero.
///
/// Worked example: a row `[0 5 0 0]` has the free columns 0, 2, 3; rank 1 is column 2.
#[inline(never)]
pub(crate) fn grow_random<F: Format>(
    matrix: &mut CsrMut<'_, F>,
    growth: &mut GrowthState,
    room: Room<'_, F::Counter>,
    weight: impl FnMut(&mut Generator) -> f32,
    budget: &mut impl Pace,
) -> bool {
    let aim = None::<fn(&mut Generator, Growing<'_, F>) -> Option<usize>>;
    growth.go_on(matrix, room, weight, aim, budget)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Purpose;
    use crate::sparse::budget::{Budget, Unlimited};
    use crate::sparse::index::{Index, Narrow, Standard, Wide};
    use std::vec;

    /// Grows `additions` connections with the values of `weight`, at once or a few at a time; returns how many there was
    /// room for.
    fn grow<F: Format>(
        matrix: &mut CsrMut<'_, F>,
        additions: usize,
        epoch: u32,
        part: Option<usize>,
        mut weight: impl FnMut(&mut Generator) -> f32,
    ) -> usize {
        let mut growth = GrowthState::new(additions, Generator::new(1, Purpose::Growth, epoch, 0, 0));
        let (mut counters, mut spare) = (vec![F::Counter::default(); matrix.nrows()], vec![0; matrix.ncols]);
        loop {
            let room = Room { counters: &mut counters, spare: &mut spare };
            let done = match part {
                Some(part) => grow_random(matrix, &mut growth, room, &mut weight, &mut Budget::new(part)),
                None => grow_random(matrix, &mut growth, room, &mut weight, &mut Unlimited),
            };
            if done {
                return growth.additions;
            }
        }
    }

    /// Grows 5 of the 10 free cells of a 3 x 4 matrix with two cells taken in row 0, many times.
    fn assert_uniform<F: Format>(in_parts: bool) {
        let rounds = 4000;
        let mut hits = [[0u32; 4]; 3];
        for round in 0..rounds {
            let mut indptr = [0, 2, 2, 2].map(F::Pointer::wrapping_from);
            let mut indices = [1, 3, 0, 0, 0, 0, 0].map(F::Index::wrapping_from);
            let mut values = [1.0f32; 7];
            let mut matrix = CsrMut::<F> {
                ncols: 4,
                indptr: &mut indptr,
                indices: &mut indices,
                values: &mut values,
                velocity: &mut [],
            };
            let part = in_parts.then_some(round as usize % 20);
            assert_eq!(grow(&mut matrix, 5, round, part, |_| 0.5), 5);
            for (row, (cols, values)) in matrix.as_ref().rows().enumerate() {
                assert!(cols.windows(2).all(|pair| pair[0] < pair[1]));
                for (&col, &value) in cols.iter().zip(values) {
                    if value == 0.5 {
                        hits[row][col.to_usize()] += 1;
                    } else {
                        assert!(row == 0 && (col.to_usize() == 1 || col.to_usize() == 3));
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
    fn every_cell_is_equally_likely_beside_those_taken() {
        assert_uniform::<Narrow>(true);
        assert_uniform::<Wide>(true);
        assert_uniform::<Wide>(false);
    }

    #[test]
    fn growth_at_once_is_growth_in_parts() {
        fn grown<F: Format>(ncols: usize, part: Option<usize>) -> (vec::Vec<usize>, vec::Vec<usize>, vec::Vec<f32>) {
            let mut indptr = [F::Pointer::default(); 8];
            let (mut indices, mut values) = (vec![F::Index::default(); 2500], vec![0.0; 2500]);
            let mut matrix = CsrMut::<F>::empty(7, ncols, &mut indptr, &mut indices, &mut values, &mut []).unwrap();
            assert_eq!(grow(&mut matrix, 900, 1, part, Generator::unit), 900);
            assert_eq!(grow(&mut matrix, 1600, 2, part, Generator::unit), 1600);
            (indptr.map(Index::to_usize).into(), indices.iter().map(|col| Index::to_usize(*col)).collect(), values)
        }
        for ncols in [360, 700, 9000] {
            assert_eq!(grown::<Wide>(ncols, None), grown::<Wide>(ncols, Some(500)));
            assert_eq!(grown::<Standard>(ncols, None), grown::<Wide>(ncols, None));
        }
    }

    #[test]
    fn a_matrix_can_be_filled_to_the_last_cell() {
        let (mut indptr, mut indices, mut values) = ([0u16; 3], [0u8; 6], [0.0f32; 6]);
        let mut matrix = CsrMut::<Narrow>::empty(2, 3, &mut indptr, &mut indices, &mut values, &mut []).unwrap();
        assert_eq!(grow(&mut matrix, 99, 0, Some(1), |_| 0.5), 6);
        assert_eq!((indptr, indices, values), ([0, 3, 6], [0, 1, 2, 0, 1, 2], [0.5; 6]));
    }
}
