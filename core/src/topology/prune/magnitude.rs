//! Pruning by magnitude: of the positive and of the negative weights, those nearest zero.
//!
//! Source: Mocanu et al. 2018, algorithm 1, doi 10.1038/s41467-018-04316-3.

use crate::sparse::csr::CsrMut;
use crate::sparse::index::Format;
use crate::topology::prune::select::{Score, fraction, remove, select_for};

/// A connection's score is its weight.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Magnitude;

impl<F: Format> Score<F> for Magnitude {
    type Row = ();

    #[inline(always)]
    fn row(&self, _values: &[f32]) {}

    #[inline(always)]
    fn of(&self, (): (), _place: usize, _col: F::Index, value: f32) -> f32 {
        value
    }
}

/// Prunes the fraction `zeta` of the positive weights and of the negative weights; returns how many that were.
pub(crate) fn prune_magnitude<F: Format>(matrix: &mut CsrMut<'_, F>, zeta: f32) -> usize {
    prune_smallest(matrix, fraction(zeta))
}

/// Prunes the weights of smallest magnitude, of each sign as many as `take` makes of their counts; returns how many that were.
#[inline(always)]
pub(crate) fn prune_smallest<F: Format>(matrix: &mut CsrMut<'_, F>, take: impl Fn([u32; 2]) -> [u32; 2]) -> usize {
    // Weights lie one after the other: no need to ask which row they are of.
    let values = matrix.values.get(..matrix.nnz()).unwrap_or_default();
    let cuts = select_for::<F, F::Pointer, _>(|| values.iter().copied(), take);
    remove(matrix, cuts, Magnitude)
}
