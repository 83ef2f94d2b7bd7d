//! Samples that are computed when they are needed, and never stored: the dataset `synthetic`.
//!
//! In the manner of Madelon (Guyon 2003, "Design of experiments of the NIPS 2003 variable selection benchmark"): each class
//! has two clusters, at corners of a hypercube that has a dimension for each informative feature. A sample is a corner plus
//! uniform noise. As many features again are redundant: sums of three informative ones, with signs. All others are noise.
//! The seed draws which features are which.
//!
//! Noise has variance 1. Over all corners of the cube the others have variance 1 too; over the few corners that are
//! clusters it may be less or more, and the mean need not be 0.

use rewire_core::random::{Generator, Permutation, Purpose};
use serde::{Deserialize, Serialize};

/// Clusters of a class.
const CLUSTERS: u32 = 2;

/// Half the width of the noise around a corner, which is 1 from the middle in each dimension: clusters overlap in each
/// dimension, but not in all of them together.
const SPREAD: f32 = 1.5;

/// Informative features whose sum a redundant feature is.
const PARTS: usize = 3;

/// Dimensions in which no two clusters lie at the same corner, where there are as many.
const DISTINCT: usize = 31;

/// What a number is drawn for: the epoch of its generator.
mod of {
    pub(super) const PLACES: u32 = 0;
    pub(super) const CORNERS: u32 = 1;
    pub(super) const CORNER_BITS: u32 = 2;
    pub(super) const CLUSTER: u32 = 3;
    pub(super) const INFORMATIVE: u32 = 4;
    pub(super) const NOISE: u32 = 5;
    pub(super) const SIGNS: u32 = 6;
    /// The first of as many numbers as there are redundant features.
    pub(super) const PARTS: u32 = 7;
}

/// Samples of the dataset, from one of them on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Synthetic {
    /// Features of a sample.
    pub features: usize,
    /// Classes.
    pub classes: usize,
    /// Informative features.
    pub informative: usize,
    /// Samples.
    pub samples: usize,
    /// Seed of all of them.
    pub seed: u64,
    /// The first sample, among all that there could be.
    pub first: usize,
}

impl Synthetic {
    /// An order of so many numbers, the same for all samples.
    fn order(&self, what: u32, len: usize) -> Permutation {
        Permutation::with_purpose(self.seed, Purpose::Samples, what, len.try_into().unwrap_or(u32::MAX))
    }

    /// The generator of a number of a sample, or of all samples.
    fn generator(&self, what: u32, step: usize, block: usize) -> Generator {
        Generator::new(self.seed, Purpose::Samples, what, step as u32, block as u32)
    }

    /// The class of a sample: each has as many as the others.
    pub fn label(&self, sample: usize) -> u16 {
        ((self.first + sample) % self.classes.max(1)) as u16
    }

    /// Whether a cluster's corner is on the positive side of a dimension.
    fn is_positive(&self, cluster: u32, dimension: usize) -> bool {
        if dimension < DISTINCT {
            self.order(of::CORNERS, 1 << self.informative.min(DISTINCT)).at(cluster) >> dimension & 1 == 1
        } else {
            self.generator(of::CORNER_BITS, cluster as usize, dimension).below(2) == 1
        }
    }

    /// An informative number of a sample.
    fn informative(&self, sample: usize, cluster: u32, dimension: usize) -> f32 {
        let corner = if self.is_positive(cluster, dimension) { 1.0 } else { -1.0 };
        let noise = self.generator(of::INFORMATIVE, self.first + sample, dimension).symmetric(SPREAD);
        // The variances of both add up.
        (corner + noise) / (1.0 + SPREAD * SPREAD / 3.0).sqrt()
    }

    /// The features of a sample.
    pub fn row(&self, sample: usize) -> Vec<f32> {
        let mut row = vec![0.0; self.features];
        self.each_feature(sample, |feature, value| row[feature] = value);
        row
    }

    /// The cluster of a sample, among those of all classes.
    fn cluster(&self, sample: usize) -> u32 {
        let of_class = self.generator(of::CLUSTER, self.first + sample, 0).below(CLUSTERS);
        CLUSTERS * u32::from(self.label(sample)) + of_class
    }

    /// A redundant number of a sample: the first is `nth` 0.
    fn redundant(&self, sample: usize, cluster: u32, nth: usize) -> f32 {
        let parts = PARTS.min(self.informative);
        let dimensions = self.order(of::PARTS + nth as u32, self.informative);
        let mut signs = self.generator(of::SIGNS, nth, 0);
        let sum: f32 = (0..parts)
            .map(|part| {
                let sign = if signs.below(2) == 1 { 1.0 } else { -1.0 };
                sign * self.informative(sample, cluster, dimensions.at(part as u32) as usize)
            })
            .sum();
        sum / (parts as f32).sqrt()
    }

    /// Hands each feature of a sample to `set`, with its number; those that are not noise come a second time, last.
    pub fn each_feature(&self, sample: usize, mut set: impl FnMut(usize, f32)) {
        let mut noise = self.generator(of::NOISE, self.first + sample, 0);
        // Of variance 1.
        (0..self.features).for_each(|feature| set(feature, noise.symmetric(3.0f32.sqrt())));
        let (cluster, places) = (self.cluster(sample), self.order(of::PLACES, self.features));
        for place in 0..self.features.min(2 * self.informative) {
            let value = match place.checked_sub(self.informative) {
                None => self.informative(sample, cluster, place),
                Some(nth) => self.redundant(sample, cluster, nth),
            };
            set(places.at(place as u32) as usize, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DATA: Synthetic = Synthetic { features: 60, classes: 3, informative: 6, samples: 3000, seed: 4, first: 0 };

    #[test]
    fn a_sample_depends_on_seed_and_number_only() {
        let later = Synthetic { first: 70, samples: 5, ..DATA };
        assert_eq!((DATA.row(72), DATA.label(72)), (later.row(2), later.label(2)));
        assert_ne!(DATA.row(72), DATA.row(73));
        assert_ne!(DATA.row(72), Synthetic { seed: 5, ..DATA }.row(72));
        assert!(DATA.row(0).iter().all(|value| value.is_finite()));
    }

    /// Mean and variance of a feature within each cluster.
    fn within_clusters(rows: &[Vec<f32>], feature: usize) -> Vec<(f64, f64)> {
        let of_cluster = |cluster| {
            let own = |&(sample, _): &(usize, &Vec<f32>)| DATA.cluster(sample) == cluster;
            let values: Vec<_> = rows.iter().enumerate().filter(own).map(|(_, row)| f64::from(row[feature])).collect();
            let mean = |numbers: &[f64]| numbers.iter().sum::<f64>() / numbers.len() as f64;
            let squares: Vec<_> = values.iter().map(|value| (value - mean(&values)).powi(2)).collect();
            (mean(&values), mean(&squares))
        };
        (0..DATA.classes as u32 * CLUSTERS).map(of_cluster).collect()
    }

    #[test]
    fn informative_redundant_and_noise_features_are_distributed_as_documented() {
        let rows: Vec<_> = (0..DATA.samples).map(|sample| DATA.row(sample)).collect();
        let places = DATA.order(of::PLACES, DATA.features);
        // A corner is 1 from the middle, and its noise has variance 3 / 4: both are divided by the root of the sum.
        let (corner, variance) = ((4.0f64 / 7.0).sqrt(), 3.0 / 7.0);
        let third = corner / 3.0f64.sqrt();
        for place in 0..DATA.features {
            let (variance, means) = match place {
                0..6 => (variance, vec![-corner, corner]),
                6..12 => (variance, vec![-3.0 * third, -third, third, 3.0 * third]),
                _ => (1.0, vec![0.0]),
            };
            for (mean, measured) in within_clusters(&rows, places.at(place as u32) as usize) {
                // 500 samples a cluster: five standard errors of the mean, and of a variance whose own is 5.7 % at most.
                let tolerance = 5.0 * (variance / 500.0f64).sqrt();
                assert!(means.iter().any(|expected| (mean - expected).abs() < tolerance), "{place}: mean {mean}");
                assert!((measured / variance - 1.0).abs() < 0.28, "{place}: variance {measured}");
            }
        }
    }

    /// Found by trying all sums, without the order that draws them.
    #[test]
    fn a_redundant_feature_is_a_sum_of_three_informative_ones() {
        let places = DATA.order(of::PLACES, DATA.features);
        let rows: Vec<_> = (0..20).map(|sample| DATA.row(sample)).collect();
        let at = |row: &[f32], place: usize| row[places.at(place as u32) as usize];
        // Each coefficient is -1, 0 or 1.
        let coefficients = |number: u32| [0, 1, 2, 3, 4, 5].map(|digit| (number / 3u32.pow(digit) % 3) as f32 - 1.0);
        for redundant in 6..12 {
            let is_sum = |&number: &u32| {
                rows.iter().all(|row| {
                    let sum: f32 = coefficients(number).iter().enumerate().map(|(place, c)| c * at(row, place)).sum();
                    (sum / 3.0f32.sqrt() - at(row, redundant)).abs() < 1e-5
                })
            };
            let found = (0..3u32.pow(6)).find(is_sum).map(coefficients);
            assert_eq!(found.map(|found| found.iter().filter(|&&c| c != 0.0).count()), Some(3), "{redundant}");
        }
    }

    #[test]
    fn no_two_clusters_share_a_corner() {
        let data = Synthetic { classes: 32, ..DATA };
        let corner = |cluster| (0..6).map(|dimension| data.is_positive(cluster, dimension)).collect::<Vec<_>>();
        let corners: std::collections::HashSet<_> = (0..64).map(corner).collect();
        assert_eq!(corners.len(), 64);
    }
}
