//! SReLU: three linear pieces whose two thresholds and outer slopes each neuron learns.
//!
//! ```text
//! y = left + left_slope * (z - left)      where z <= left
//! y = z                                   between
//! y = right + right_slope * (z - right)   where z >= right = left + |width|
//! ```
//!
//! Source: Jin et al. 2016, arXiv 1512.07030; the right threshold as a distance from the left one, which keeps their
//! order, as in the code of Mocanu et al. 2018. An activation of exactly zero passes no gradient, as everywhere here:
//! it is dropout's mask. So a left slope had better not be zero, where it starts once in 2^24 draws.

use crate::activation::kind::Parameters;
use crate::kernel::row::{PARTS, fold};
use crate::random::Generator;

/// Initial parameters: `left` 0, `left_slope` uniform in [0, 1), `width` uniform in [0, 5), `right_slope` 1.
pub(crate) fn initial(generator: &mut Generator) -> Parameters {
    let mut uniform = |limit: f32| limit * (0.5 + 0.5 * generator.symmetric(1.0));
    [0.0, uniform(1.0), uniform(5.0), 1.0]
}

/// The activation of one sum.
#[inline(always)]
fn apply(z: f32, &[left, left_slope, width, right_slope]: &Parameters) -> f32 {
    let right = left + width.abs();
    if z <= left {
        left + left_slope * (z - left)
    } else if z >= right {
        right + right_slope * (z - right)
    } else {
        z
    }
}

/// Applies the activation to a row of sums.
#[inline(always)]
pub(crate) fn apply_row<const LANES: usize>(row: &mut [f32; LANES], parameters: &Parameters) {
    for z in row {
        *z = apply(*z, parameters);
    }
}

/// Turns the gradient by a row of activations into that by the sums `z`; returns the gradient by the parameters, summed
/// over the row.
///
/// `y` is the activation after dropout, whose scale is `keep`, 1 without.
#[inline(always)]
pub(crate) fn backward_row<const LANES: usize>(
    gradient: &mut [f32; LANES],
    y: &[f32; LANES],
    z: &[f32; LANES],
    keep: f32,
    &[left, left_slope, width, right_slope]: &Parameters,
) -> Parameters {
    let right = left + width.abs();
    let mut sums = [[0.0f32; PARTS]; 4];
    for ((gradient, y), z) in gradient.chunks_mut(PARTS).zip(y.chunks(PARTS)).zip(z.chunks(PARTS)) {
        let [by_left, by_left_slope, by_width, by_right_slope] = &mut sums;
        let sums = by_left.iter_mut().zip(by_left_slope).zip(by_width).zip(by_right_slope);
        for (((gradient, &y), &z), (((by_left, by_left_slope), by_width), by_right_slope)) in
            gradient.iter_mut().zip(y).zip(z).zip(sums)
        {
            let g = if y == 0.0 { 0.0 } else { *gradient * keep };
            let below = z <= left;
            let above = !below && z >= right;
            let slope = if below {
                left_slope
            } else if above {
                right_slope
            } else {
                1.0
            };
            *gradient = g * slope;
            // Between the thresholds the slope is 1 and this is 0.
            let joint = g * (1.0 - slope);
            *by_left += joint;
            *by_left_slope += if below { g * (z - left) } else { 0.0 };
            *by_width += if above { joint } else { 0.0 };
            *by_right_slope += if above { g * (z - right) } else { 0.0 };
        }
    }
    let [by_left, by_left_slope, by_width, by_right_slope] = sums.map(fold);
    [by_left, by_left_slope, if width < 0.0 { -by_width } else { by_width }, by_right_slope]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_at_hand() {
        let parameters = [-1.0, 0.5, -3.0, 2.0];
        let values = [-3.0, -1.0, 0.5, 2.0, 4.0].map(|z| apply(z, &parameters));
        assert_eq!(values, [-2.0, -1.0, 0.5, 2.0, 6.0]);
        assert!(apply(f32::NAN, &parameters).is_nan());
    }

    #[test]
    fn gradients_are_finite_differences() {
        let parameters: Parameters = [-0.7, 0.3, -1.9, 0.4];
        let z: [f32; 40] = core::array::from_fn(|i| 0.17 * i as f32 - 3.3);
        let weight: [f32; 40] = core::array::from_fn(|i| 1.0 - 0.07 * i as f32);
        let loss = |z: &[f32; 40], parameters: &Parameters| -> f64 {
            z.iter().zip(&weight).map(|(&z, &w)| f64::from(w) * f64::from(apply(z, parameters))).sum()
        };
        let y = z.map(|z| apply(z, &parameters));
        let mut gradient = weight;
        let found = backward_row(&mut gradient, &y, &z, 1.0, &parameters);
        let step = 1.0 / 1024.0;
        for i in 0..4 {
            let moved = |by: f32| {
                let mut parameters = parameters;
                parameters[i] += by;
                parameters
            };
            let expected = (loss(&z, &moved(step)) - loss(&z, &moved(-step))) / f64::from(2.0 * step);
            assert!(
                (f64::from(found[i]) - expected).abs() < 2e-3 * expected.abs().max(1.0),
                "{i}: {found:?} {expected}"
            );
        }
        for i in 0..40 {
            let moved = |by: f32| {
                let mut z = z;
                z[i] += by;
                z
            };
            let expected = (loss(&moved(step), &parameters) - loss(&moved(-step), &parameters)) / f64::from(2.0 * step);
            assert!((f64::from(gradient[i]) - expected).abs() < 1e-3, "{i}");
        }
    }

    #[test]
    fn what_is_dropped_teaches_nothing() {
        let mut gradient = [1.0f32; 2];
        let found = backward_row(&mut gradient, &[0.0; 2], &[-3.0, 9.0], 2.0, &[0.0, 0.5, 1.0, 0.5]);
        assert_eq!((gradient, found), ([0.0; 2], [0.0; 4]));
    }
}
