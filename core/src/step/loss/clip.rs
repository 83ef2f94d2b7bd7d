//! Clipping: a sample whose gradient with respect to the outputs is long has a shorter one of the same direction.

use crate::step::sgd::flush;

/// Shortens each sample's gradient, a lane of `deltas`, to a norm of at most `limit`.
pub(crate) fn clip_norm<const LANES: usize>(deltas: &mut [[f32; LANES]], limit: f32) {
    let mut factors = [0.0; LANES];
    for row in &*deltas {
        for (square, delta) in factors.iter_mut().zip(row) {
            *square += delta * delta;
        }
    }
    for factor in &mut factors {
        let norm = libm::sqrtf(*factor);
        *factor = if norm > limit { limit / norm } else { 1.0 };
    }
    for row in deltas {
        for (delta, factor) in row.iter_mut().zip(factors) {
            *delta = flush(*delta * factor);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_gradients_keep_their_direction_and_short_ones_all() {
        let mut deltas = [[3.0, 0.3, 0.0], [-4.0, 0.4, 0.0]];
        clip_norm(&mut deltas, 1.0);
        let [a, b] = deltas;
        assert!((a[0] - 0.6).abs() < 1e-6 && (b[0] + 0.8).abs() < 1e-6);
        assert_eq!([a[1], b[1], a[2], b[2]], [0.3, 0.4, 0.0, 0.0]);
    }
}
