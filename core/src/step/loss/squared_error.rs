//! Mean squared error.

use crate::step::loss::metrics::Metrics;
use crate::step::sgd::flush;

/// Measures one tile and, when `deltas` has rows, writes the loss's gradient with respect to the outputs.
///
/// Shapes: `outputs` and `deltas` `[n_out][LANES]`. `target(output, lane)` is asked for once an output of each lane
/// below `used`; the others are padding: they are not measured and their deltas are 0. The loss of a sample is the mean
/// over its outputs of `(y - t)^2`, the gradient `2 (y - t) / n_out`, of the sum over samples.
#[inline(always)]
pub(crate) fn mean_squared_error<const LANES: usize>(
    outputs: &[[f32; LANES]],
    used: usize,
    target: impl Fn(usize, usize) -> f32,
    deltas: &mut [[f32; LANES]],
) -> Metrics {
    let share = 1.0 / outputs.len().max(1) as f32;
    let mut sums = [0.0; LANES];
    let mut deltas = deltas.iter_mut();
    for (output, row) in outputs.iter().enumerate() {
        let mut errors = [0.0; LANES];
        for (lane, ((error, sum), &y)) in errors.iter_mut().zip(&mut sums).zip(row).enumerate().take(used) {
            *error = y - target(output, lane);
            *sum += *error * *error;
        }
        if let Some(deltas) = deltas.next() {
            *deltas = errors.map(|error| flush(2.0 * share * error));
        }
    }
    let mut metrics = Metrics::default();
    for sum in sums.iter().take(used) {
        metrics.add(share * sum, false);
    }
    metrics
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loss_is_the_mean_over_outputs_and_the_sum_over_samples() {
        let mut deltas = [[9.0f32; 2]; 2];
        let targets = [[1.0, 0.0], [4.0, 1.0]];
        let outputs = [[3.0, 0.0], [1.0, 5.0]];
        let metrics = mean_squared_error(&outputs, 2, |output, lane| targets[output][lane], &mut deltas);
        // (4 + 9) / 2 and (0 + 16) / 2.
        assert_eq!((metrics.loss(), metrics.samples(), metrics.correct()), (7.25, 2, 0));
        assert_eq!(deltas, [[2.0, 0.0], [-3.0, 4.0]]);
    }

    #[test]
    fn padding_is_neither_measured_nor_asked_for() {
        let mut deltas = [[9.0f32; 3]; 1];
        let target = |_, lane| if lane == 0 { 1.0 } else { panic!("lane {lane} is padding") };
        let metrics = mean_squared_error(&[[3.0, f32::NAN, 1.0]], 1, target, &mut deltas);
        assert_eq!((metrics.loss(), metrics.samples(), deltas), (4.0, 1, [[4.0, 0.0, 0.0]]));
    }

    #[test]
    fn a_target_that_is_not_finite_is_seen_in_the_loss() {
        for target in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let metrics = mean_squared_error(&[[0.5], [0.5]], 1, |output, _| [0.5, target][output], &mut []);
            assert!(!metrics.is_finite(), "{target}");
        }
    }
}
