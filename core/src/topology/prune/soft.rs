//! Soft pruning: which weights stay is drawn, the larger ones with the greater probability.
//!
//! Those that stay are drawn one after the other, without putting any back, each with a probability in proportion to
//! |w|^(1 / T), where T is the temperature. That is the same as giving each connection an exponential random number E and
//! keeping those with the largest |w| / E^T (Efraimidis and Spirakis 2006, doi 10.1016/j.ipl.2005.11.003). The
//! temperature 0 is pruning by magnitude. As there, either sign loses the fraction `zeta`.
//!
//! Source: Zhang et al. 2025, arXiv 2501.19107, where the power is 1 / (1 - delta): a temperature of 1 - delta.

use crate::random::{Hash, Purpose};
use crate::sparse::csr::CsrMut;
use crate::sparse::index::Format;
use crate::step::id::StepId;
use crate::topology::prune::select::{Score, prune_by};

/// A draw for each connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Soft {
    temperature: f32,
    hash: Hash,
}

impl Soft {
    /// For a layer, by index, in the evolution of `id`.
    pub(crate) fn new(temperature: f32, id: StepId, index: u32) -> Self {
        Self { temperature, hash: Hash::new(id.seed, Purpose::Pruning, id.epoch, id.step, index) }
    }

    /// An exponential random number, by place.
    fn exponential(&self, place: usize) -> f32 {
        // In the middle of one of 2^23 parts: neither 0 nor 1.
        let unit = ((self.hash.at(place as u32) >> 9) as f32 + 0.5) * (1.0 / 8_388_608.0);
        -libm::logf(unit)
    }
}

impl<F: Format> Score<F> for Soft {
    type Row = ();

    #[inline(always)]
    fn row(&self, _values: &[f32]) {}

    #[inline(always)]
    fn of(&self, (): (), place: usize, _col: F::Index, value: f32) -> f32 {
        value / libm::powf(self.exponential(place), self.temperature)
    }
}

/// Prunes the fraction `zeta` of the positive weights and of the negative weights; returns how many that were.
#[inline(never)]
pub(crate) fn prune_soft<F: Format>(matrix: &mut CsrMut<'_, F>, zeta: f32, soft: Soft) -> usize {
    prune_by(matrix, zeta, soft)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Generator;
    use crate::sparse::index::Narrow;

    const WEIGHTS: [f32; 6] = [0.1, -0.2, 0.4, -0.8, 0.5, -0.3];

    /// The places that stay of `values`.
    fn soft(values: &[f32], zeta: f32, temperature: f32, epoch: u32) -> std::vec::Vec<u8> {
        let (mut values, mut indptr) = (values.to_vec(), [0, values.len() as u16]);
        let mut indices: std::vec::Vec<u8> = (0..values.len() as u8).collect();
        let (ncols, indptr, values) = (values.len(), &mut indptr, &mut values);
        let mut matrix = CsrMut::<Narrow> { ncols, indptr, indices: &mut indices, values, velocity: &mut [] };
        let removed = prune_soft(&mut matrix, zeta, Soft::new(temperature, StepId { seed: 1, epoch, step: 0 }, 0));
        let left = matrix.nnz();
        assert_eq!(left + removed, matrix.capacity());
        indices.truncate(left);
        indices
    }

    /// The same, drawn one after the other in proportion to a power of the magnitude.
    fn drawn(values: &[f32], zeta: f32, temperature: f32, generator: &mut Generator) -> std::vec::Vec<u8> {
        let mut stays = std::vec::Vec::new();
        for negative in [false, true] {
            let of_sign = (0u8..).zip(values).filter(|(_, value)| value.is_sign_negative() == negative);
            let mut left: std::vec::Vec<(u8, f32)> =
                of_sign.map(|(place, value)| (place, value.abs().powf(1.0 / temperature))).collect();
            for _ in 0..left.len() - (left.len() as f32 * zeta) as usize {
                let mut draw = generator.unit() * left.iter().map(|(_, weight)| weight).sum::<f32>();
                let at = left.iter().position(|(_, weight)| {
                    draw -= weight;
                    draw < 0.0
                });
                stays.push(left.remove(at.unwrap_or(left.len() - 1)).0);
            }
        }
        stays
    }

    #[test]
    fn connections_stay_as_often_as_with_draws_one_after_the_other() {
        let mut generator = Generator::new(2, Purpose::Weights, 0, 0, 0);
        let rounds = 20_000u16;
        for temperature in [0.3, 0.5, 1.0] {
            let mut hits = [[0i32; 6]; 2];
            for round in 0..u32::from(rounds) {
                for place in soft(&WEIGHTS, 0.4, temperature, round) {
                    hits[0][usize::from(place)] += 1;
                }
                for place in drawn(&WEIGHTS, 0.4, temperature, &mut generator) {
                    hits[1][usize::from(place)] += 1;
                }
            }
            // Of the three of either sign, one goes.
            assert_eq!(hits[0].iter().sum::<i32>(), 4 * i32::from(rounds));
            let [found, expected] = hits;
            // Five standard deviations of the difference of two counts.
            let bound = 5.0 * (f64::from(rounds) * 0.5).sqrt();
            for (found, expected) in found.into_iter().zip(expected) {
                assert!(f64::from(found - expected).abs() < bound, "{temperature}: {hits:?}");
            }
            assert!(found[0] < found[4] && found[1] < found[3], "{hits:?}");
        }
    }

    #[test]
    fn a_cold_draw_is_pruning_by_magnitude_and_a_place_has_its_own() {
        assert_eq!(soft(&WEIGHTS, 0.4, 1e-6, 1), [2, 3, 4, 5]);
        let epochs: std::vec::Vec<_> = (0..20).map(|epoch| soft(&WEIGHTS, 0.4, 1.0, epoch)).collect();
        assert!(epochs.windows(2).any(|pair| pair[0] != pair[1]));
        assert_eq!(soft(&WEIGHTS, 0.4, 1.0, 7), soft(&WEIGHTS, 0.4, 1.0, 7));
    }
}
