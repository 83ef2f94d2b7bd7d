//! How close is close.

/// What values may differ by, and when they are too small to have digits of their own.
#[derive(Clone, Copy, Debug)]
pub struct Tolerance {
    /// Error relative to the expected value.
    pub relative: f64,
    /// Values below this share of the largest one are held against that share: what is left of sums that cancel has
    /// no digits to compare.
    pub floor: f64,
}

/// For gradients against finite differences.
pub const GRADIENT: Tolerance = Tolerance { relative: 1e-3, floor: 1e-3 };

/// For 32-bit sums over a few dozen connections and samples against 64-bit ones.
pub const KERNEL: Tolerance = Tolerance { relative: 1e-4, floor: 1e-2 };

/// The largest error relative to the expected values; infinite when lengths differ or a value is not a number.
pub fn worst_error(found: &[f64], expected: &[f64], floor: f64) -> f64 {
    if found.len() != expected.len() {
        return f64::INFINITY;
    }
    let largest = expected.iter().fold(0.0, |largest: f64, value| largest.max(value.abs()));
    let mut worst = 0.0;
    for (found, expected) in found.iter().zip(expected) {
        let error = (found - expected).abs();
        let scale = expected.abs().max(floor * largest);
        // Nothing but zeros is expected: then the error speaks for itself.
        let relative = if scale > 0.0 { error / scale } else { error };
        if relative.is_nan() {
            return f64::INFINITY;
        }
        worst = f64::max(worst, relative);
    }
    worst
}

/// Asserts that values agree, naming what they are.
///
/// # Panics
///
/// When they do not.
#[track_caller]
pub fn assert_close(found: &[f64], expected: &[f64], tolerance: Tolerance, what: &str) {
    let worst = worst_error(found, expected, tolerance.floor);
    assert!(
        worst <= tolerance.relative,
        "{what}: off by {worst:.2e}, allowed {:.0e}\n{found:?}\n{expected:?}",
        tolerance.relative
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_relative_to_what_is_expected() {
        assert!((worst_error(&[1.01, 2.0], &[1.0, 2.0], 1e-3) - 0.01).abs() < 1e-12);
        assert!(worst_error(&[0.0], &[0.0], 1e-3) <= 0.0);
        assert!(worst_error(&[0.5], &[0.0], 1e-3) > 0.4);
        assert!(worst_error(&[f64::NAN], &[1.0], 1e-3).is_infinite());
        assert!(worst_error(&[1.0], &[1.0, 1.0], 1e-3).is_infinite());
    }

    #[test]
    fn what_cancelled_is_held_against_the_largest() {
        assert!((worst_error(&[1.0, 1e-6], &[1.0, 0.0], 1e-3) - 1e-3).abs() < 1e-12);
    }
}
