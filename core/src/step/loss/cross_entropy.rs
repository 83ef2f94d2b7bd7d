//! Softmax cross-entropy.

use crate::step::loss::metrics::Metrics;
use crate::step::sgd::flush;

/// Measures one tile and, when `deltas` has rows, writes the loss's gradient with respect to the logits.
///
/// Shapes: `logits` and `deltas` `[classes][LANES]`. Lanes from `used` on are padding: they are not measured and their
/// deltas are 0. `smoothing` spreads that share of the target over all classes. The gradient is of the sum over
/// samples: the update divides by the batch.
#[inline(always)]
pub(crate) fn softmax_cross_entropy<const LANES: usize>(
    logits: &[[f32; LANES]],
    labels: &[u16; LANES],
    used: usize,
    smoothing: f32,
    deltas: &mut [[f32; LANES]],
) -> Metrics {
    let spread = smoothing / logits.len().max(1) as f32;
    let mut metrics = Metrics::default();
    for (lane, &label) in labels.iter().enumerate() {
        if lane >= used {
            for delta in deltas.iter_mut() {
                if let Some(delta) = delta.get_mut(lane) {
                    *delta = 0.0;
                }
            }
            continue;
        }
        let logit = |row: &[f32; LANES]| row.get(lane).copied().unwrap_or(0.0);
        let (mut largest, mut best) = (f32::NEG_INFINITY, 0);
        // A label that is no class makes the loss NaN, which ends a run, instead of a number that means nothing.
        let mut at_label = f32::NAN;
        for (class, row) in logits.iter().enumerate() {
            let z = logit(row);
            if z > largest {
                (largest, best) = (z, class);
            }
            if class == usize::from(label) {
                at_label = z;
            }
        }
        let mut total = 0.0;
        for row in logits {
            total += libm::expf(logit(row) - largest);
        }
        metrics.add(libm::logf(total) - (at_label - largest), best == usize::from(label));
        for (class, (row, delta)) in logits.iter().zip(deltas.iter_mut()).enumerate() {
            let target = if class == usize::from(label) { 1.0 - smoothing + spread } else { spread };
            if let Some(delta) = delta.get_mut(lane) {
                *delta = flush(libm::expf(logit(row) - largest) / total - target);
            }
        }
    }
    metrics
}

/// Moves a share of a sample's target from its own class to a second one, in the deltas of its lane.
pub(crate) fn share_target<const LANES: usize>(
    deltas: &mut [[f32; LANES]],
    lane: usize,
    [own, second]: [u16; 2],
    share: f32,
) {
    for (class, change) in [(own, share), (second, -share)] {
        if let Some(delta) = deltas.get_mut(usize::from(class)).and_then(|row| row.get_mut(lane)) {
            *delta = flush(*delta + change);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_equal_logits_cost_the_logarithm_of_two() {
        let mut deltas = [[9.0f32]; 2];
        let metrics = softmax_cross_entropy(&[[3.0], [3.0]], &[1], 1, 0.0, &mut deltas);
        assert!((metrics.loss() - core::f32::consts::LN_2).abs() < 1e-6);
        assert_eq!(deltas, [[0.5], [-0.5]]);
        assert_eq!(metrics.correct(), 0);
    }

    #[test]
    fn huge_logits_do_not_overflow() {
        let mut deltas = [[0.0f32]; 2];
        let metrics = softmax_cross_entropy(&[[3e38], [-3e38]], &[0], 1, 0.0, &mut deltas);
        assert_eq!((metrics.loss(), metrics.accuracy()), (0.0, 1.0));
    }

    #[test]
    fn padding_is_not_measured() {
        let mut deltas = [[9.0f32; 2]; 2];
        let metrics = softmax_cross_entropy(&[[1.0, 5.0], [2.0, f32::NAN]], &[1, 0], 1, 0.0, &mut deltas);
        assert_eq!((metrics.samples(), metrics.correct()), (1, 1));
        assert_eq!((deltas[0][1], deltas[1][1]), (0.0, 0.0));
    }

    #[test]
    fn a_nan_logit_is_seen_in_the_loss() {
        let metrics = softmax_cross_entropy(&[[f32::NAN], [1.0]], &[1], 1, 0.0, &mut [[0.0f32; 1]; 0]);
        assert!(metrics.loss().is_nan());
    }

    #[test]
    fn a_label_that_is_no_class_is_seen_in_the_loss() {
        for label in [2, u16::MAX] {
            let metrics = softmax_cross_entropy(&[[0.0], [1.0]], &[label], 1, 0.0, &mut [[0.0f32; 1]; 2]);
            assert!(metrics.loss().is_nan(), "{label}");
        }
    }

    #[test]
    fn a_shared_target_has_the_gradient_of_its_two_cross_entropies() {
        let logits = [[0.5f32, -1.0], [1.5, 0.25], [-0.75, 2.0]];
        let gradient = |labels: &[u16; 2]| {
            let mut deltas = [[0.0f32; 2]; 3];
            softmax_cross_entropy(&logits, labels, 2, 0.1, &mut deltas);
            deltas
        };
        let (own, second, mut shared) = (gradient(&[0, 2]), gradient(&[1, 2]), gradient(&[0, 2]));
        share_target(&mut shared, 0, [0, 1], 0.3 * 0.9);
        share_target(&mut shared, 1, [2, 2], 0.4 * 0.9);
        for ((shared, own), second) in shared.iter().zip(own).zip(second) {
            for lane in 0..2 {
                let expected = if lane == 0 { 0.7 * own[lane] + 0.3 * second[lane] } else { own[lane] };
                assert!((shared[lane] - expected).abs() < 1e-6, "{shared:?}");
            }
        }
    }
}
