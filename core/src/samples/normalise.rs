//! Features with mean 0 and deviation 1, from what a sensor delivered so far.
//!
//! [`Moments`] follow the mean and the deviation as samples arrive; a [`Scale`] is what they come to at one moment, or
//! constants that a host computed. *Live*, each sample is scaled by the moments so far; *frozen*, by a scale that stays.
//!
//! ```
//! use rewire_core::samples::Moments;
//!
//! // Three axes, in windows of two readings.
//! let mut moments = Moments::<3>::new();
//! for window in [[1.0, 10.0, 5.0, 3.0, 30.0, 5.0], [5.0, 50.0, 5.0, 7.0, 70.0, 5.0]] {
//!     assert!(moments.observe(&window));
//! }
//! assert_eq!((moments.count(), moments.mean()), (4, [4.0, 40.0, 5.0]));
//! let mut window = [4.0, 40.0, 5.0, 4.0, 40.0, 6.0];
//! moments.scale().apply(&mut window);
//! // The last axis never moved: it has a mean and keeps its unit.
//! assert_eq!(window, [0.0, 0.0, 0.0, 0.0, 0.0, 1.0]);
//! ```

use crate::backend::Exchange;
use crate::samples::needed::Needed;
use crate::samples::source::{SampleSource, Samples, Target};

/// Running mean and deviation of `N` features, by Welford's update: one pass, no sum of squares that cancels.
///
/// A sample with more features than `N` is a sequence of readings of `N` each: `N` is the number of inputs for numbers
/// of each feature, the number of a sensor's axes for numbers of each axis, 1 for numbers of all.
///
/// Source: Welford 1962, <https://doi.org/10.1080/00401706.1962.10490022>.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Moments<const N: usize> {
    count: u32,
    mean: [f32; N],
    /// Sums of squared distances to the mean.
    squares: [f32; N],
}

impl<const N: usize> Moments<N> {
    /// Nothing observed.
    pub const fn new() -> Self {
        Self { count: 0, mean: [0.0; N], squares: [0.0; N] }
    }

    /// Takes a sample into account: every whole reading of `N` features.
    ///
    /// Returns false, and changes nothing, where a feature is infinite or NaN.
    pub fn observe(&mut self, features: &[f32]) -> bool {
        if !features.iter().all(|feature| feature.is_finite()) {
            return false;
        }
        for reading in features.as_chunks::<N>().0 {
            // After 4 billion readings the mean follows the newest ones.
            self.count = self.count.saturating_add(1);
            let share = 1.0 / self.count as f32;
            for ((mean, squares), &x) in self.mean.iter_mut().zip(&mut self.squares).zip(reading) {
                let distance = x - *mean;
                *mean += share * distance;
                *squares += distance * (x - *mean);
            }
        }
        true
    }

    /// Readings observed.
    pub fn count(&self) -> u32 {
        self.count
    }

    /// The means; 0 before anything was observed.
    pub fn mean(&self) -> [f32; N] {
        self.mean
    }

    /// The standard deviations of what was observed; 0 before.
    pub fn deviation(&self) -> [f32; N] {
        let share = 1.0 / self.count.max(1) as f32;
        self.squares.map(|squares| libm::sqrtf(share * squares))
    }

    /// The scale by mean and deviation so far.
    pub fn scale(&self) -> Scale<N> {
        Scale::new(self.mean, self.deviation())
    }
}

impl<const N: usize> Default for Moments<N> {
    fn default() -> Self {
        Self::new()
    }
}

/// What features are shifted and multiplied by.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Scale<const N: usize> {
    mean: [f32; N],
    factor: [f32; N],
}

impl<const N: usize> Scale<N> {
    /// The scale of these means and standard deviations. A feature whose deviation is 0 keeps its unit.
    pub const fn new(mean: [f32; N], deviation: [f32; N]) -> Self {
        let mut factor = deviation;
        let mut i = 0;
        while i < N {
            factor[i] = if deviation[i] > 0.0 { 1.0 / deviation[i] } else { 1.0 };
            i += 1;
        }
        Self { mean, factor }
    }

    /// The scale that subtracts `mean` and multiplies by `factor`.
    pub const fn of_factors(mean: [f32; N], factor: [f32; N]) -> Self {
        Self { mean, factor }
    }

    /// What is subtracted.
    pub const fn mean(&self) -> &[f32; N] {
        &self.mean
    }

    /// What is multiplied by then.
    pub const fn factor(&self) -> &[f32; N] {
        &self.factor
    }

    /// Scales a sample in place.
    pub fn apply(&self, features: &mut [f32]) {
        apply(&self.mean, &self.factor, features.as_chunks_mut::<1>().0, 1);
    }
}

/// Scales the first `used` lanes of a tile, by as many means and factors at a time as there are.
pub(crate) fn apply<const LANES: usize>(mean: &[f32], factor: &[f32], x: &mut [[f32; LANES]], used: usize) {
    for reading in x.chunks_mut(mean.len().max(1)) {
        for ((row, mean), factor) in reading.iter_mut().zip(mean).zip(factor) {
            for value in row.iter_mut().take(used) {
                *value = (*value - mean) * factor;
            }
        }
    }
}

/// Samples by a scale that stays.
///
/// ```
/// use rewire_core::prelude::*;
///
/// let samples = Table::new(&[10.0, 12.0, 14.0, 16.0], &[0, 1, 1, 0]).unwrap();
/// let mut moments = Moments::<1>::new();
/// moments.observe(&[10.0, 12.0, 14.0, 16.0]);
/// let samples = Normalised { samples, scale: moments.scale() };
/// let (mut x, mut labels) = ([[0.0f32; 4]; 1], [0; 4]);
/// samples.fill(&[0, 3], 1, &mut x, &mut labels);
/// assert_eq!(x, [[-3.0 / 5.0f32.sqrt(), 3.0 / 5.0f32.sqrt(), 0.0, 0.0]]);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Normalised<S, const N: usize> {
    /// Where they come from.
    pub samples: S,
    /// The scale.
    pub scale: Scale<N>,
}

impl<S: SampleSource, const N: usize> SampleSource for Normalised<S, N> {
    fn len(&self) -> usize {
        self.samples.len()
    }

    fn largest_label(&self) -> Option<u16> {
        self.samples.largest_label()
    }

    #[inline(always)]
    fn target(&self) -> Target {
        self.samples.target()
    }

    #[inline(always)]
    fn value(&self, index: u32, output: usize) -> f32 {
        self.samples.value(index, output)
    }

    #[inline(always)]
    fn bring(&self, exchange: &dyn Exchange, needed: &Needed<'_>) {
        self.samples.bring(exchange, needed);
    }

    #[inline(always)]
    fn is_weighted(&self) -> bool {
        self.samples.is_weighted()
    }

    #[inline(always)]
    fn weight(&self, index: u32, label: u16) -> f32 {
        self.samples.weight(index, label)
    }
}

impl<const LANES: usize, S: Samples<LANES>, const N: usize> Samples<LANES> for Normalised<S, N> {
    fn fill(&self, indices: &[u32], epoch: u32, x: &mut [[f32; LANES]], labels: &mut [u16; LANES]) {
        self.samples.fill(indices, epoch, x, labels);
        apply(&self.scale.mean, &self.scale.factor, x, indices.len());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::Table;
    use std::vec::Vec;

    #[test]
    fn a_large_mean_takes_no_digits_from_the_deviation() {
        let values: Vec<f32> = (0..1000u16).map(|i| 10_000.0 + f32::from(i % 3)).collect();
        let mut moments = Moments::<1>::new();
        for value in &values {
            assert!(moments.observe(&[*value]));
        }
        // Of 0, 1 and 2, about equally often: the variance is 2 / 3.
        assert!((moments.deviation()[0] - 0.8165).abs() < 2e-3, "{moments:?}");
        assert!((moments.mean()[0] - 10_001.0).abs() < 0.01, "{moments:?}");
    }

    #[test]
    fn what_is_not_finite_is_not_observed() {
        let mut moments = Moments::<2>::new();
        moments.observe(&[1.0, 2.0]);
        let before = moments;
        for bad in [f32::NAN, f32::INFINITY] {
            assert!(!moments.observe(&[3.0, 4.0, 5.0, bad]));
            assert_eq!(moments, before);
        }
    }

    #[test]
    fn a_source_is_scaled_as_a_sample_is_and_padding_stays_zero() {
        let features = [1.0, 20.0, 2.0, 40.0, 6.0, 10.0];
        let samples = Table::with_values(&features, &[1.0, 2.0, 3.0], 1).unwrap();
        let scale = Scale::new([2.0, 20.0], [0.5, 10.0]);
        let normalised = Normalised { samples, scale };
        let (mut x, mut labels) = ([[0.0f32; 4]; 2], [0; 4]);
        normalised.fill(&[2, 1], 0, &mut x, &mut labels);
        assert_eq!(x, [[8.0, 0.0, 0.0, 0.0], [-1.0, 2.0, 0.0, 0.0]]);
        let mut sample = [6.0, 10.0];
        scale.apply(&mut sample);
        assert_eq!(sample, [8.0, -1.0]);
        assert_eq!((normalised.target(), normalised.value(2, 0), normalised.len()), (Target::Values, 3.0, 3));
    }
}
