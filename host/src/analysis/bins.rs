//! Histograms.

use serde::{Deserialize, Serialize};

/// Steps of a histogram.
const STEPS: usize = 30;

/// Counts of numbers between the least and the most in equal steps.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Bins {
    /// The smallest number.
    pub least: f64,
    /// The largest number.
    pub most: f64,
    /// Of each step, the first from the smallest number on.
    pub counts: Vec<u32>,
}

impl Bins {
    /// Steps from the smallest to the largest of these numbers.
    pub fn of(numbers: &[f64]) -> Self {
        let least = numbers.iter().copied().fold(f64::INFINITY, f64::min);
        let most = numbers.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let mut bins = Self { least, most, counts: Vec::new() };
        bins.counts = bins.count(numbers);
        bins
    }

    /// How many of these numbers lie in each step.
    pub fn count(&self, numbers: &[f64]) -> Vec<u32> {
        let mut counts = vec![0; STEPS];
        for number in numbers {
            let step = (number - self.least) / (self.most - self.least) * STEPS as f64;
            counts[(step as usize).min(STEPS - 1)] += 1;
        }
        counts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_is_counted_once_the_largest_in_the_last_step() {
        let numbers: Vec<f64> = (0..=60).map(f64::from).collect();
        let bins = Bins::of(&numbers);
        assert_eq!((bins.least, bins.most), (0.0, 60.0));
        assert_eq!(bins.counts, [vec![2; STEPS - 1], vec![3]].concat());
        // Numbers that are all the same make one step.
        assert_eq!(Bins::of(&[5.0; 4]).counts.iter().sum::<u32>(), 4);
    }
}
