//! Which samples are drawn: to be trained on, held out, or measured.

use rewire_core::random::{Permutation, Purpose};

use crate::data::samples::Split;
use crate::settings::Config;

/// Streams of the draws of training samples; 1 is that of test samples.
const TRAIN_STREAM: u32 = 0;
const VALIDATION_STREAM: u32 = 2;

/// `n` distinct indices below `len`, drawn by the seed, in ascending order; all of them when `n` is 0.
pub fn draw(seed: u64, stream: u32, len: usize, n: usize) -> Vec<u32> {
    if n == 0 || n >= len {
        return (0..len as u32).collect();
    }
    let order = Permutation::with_purpose(seed, Purpose::Subset, stream, len as u32);
    let mut indices: Vec<u32> = (0..n as u32).map(|position| order.at(position)).collect();
    indices.sort_unstable();
    indices
}

/// Of training samples those that a run trains on, and those it holds out for validation, in ascending order. A sample without
/// weight is one that is not there.
pub fn split_samples(config: &Config, samples: &Split<'_>) -> (Vec<u32>, Vec<u32>) {
    let (present, held_out) = (samples.present(), config.validation_samples);
    // What is held out does not depend on the seed, so that runs with different seeds never train on it.
    let held = if held_out > 0 { draw(0, VALIDATION_STREAM, present.len(), held_out) } else { Vec::new() };
    let rest: Vec<u32> = (0..present.len() as u32).filter(|i| held.binary_search(i).is_err()).collect();
    let train = draw(config.seed, TRAIN_STREAM, rest.len(), config.train_samples);
    let validation = held.into_iter().map(|i| present[i as usize]).collect();
    (train.into_iter().map(|i| present[rest[i as usize] as usize]).collect(), validation)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_are_distinct_and_repeatable() {
        let drawn = draw(3, 0, 1000, 100);
        assert_eq!(drawn.len(), 100);
        assert!(drawn.windows(2).all(|pair| pair[0] < pair[1]));
        assert_eq!(drawn, draw(3, 0, 1000, 100));
        assert_ne!(drawn, draw(4, 0, 1000, 100));
        assert_eq!(draw(3, 0, 5, 0), [0, 1, 2, 3, 4]);
    }
}
