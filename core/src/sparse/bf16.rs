//! Weights in 16 bits: bfloat16, the upper half of an `f32`.
//!
//! A weight that is stored is rounded up or down at random, with probabilities that make the mean exact. Small steps of
//! gradient descent would otherwise all be rounded away. The random bits are a function of the place, so they depend on
//! no thread and no order. A number that 16 bits hold exactly stays as it is.

use crate::random::{Purpose, key, mix32};

/// Multiples of this odd number are spread evenly over 32 bits.
const STRIDE: u32 = 0x9E37_79B9;

/// The random bits by which the weights of a layer are rounded at one time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rounding {
    key: u32,
}

impl Rounding {
    pub(crate) fn new(seed: u64, purpose: Purpose, epoch: u32, step: u32, layer: u32) -> Self {
        Self { key: key(seed, purpose, epoch, step, layer) as u32 }
    }

    /// Stores weights, of which the first has this place in its layer.
    #[inline(always)]
    pub(crate) fn encode(self, first: usize, values: &[f32], to: &mut [u16]) {
        for ((value, to), place) in values.iter().zip(to).zip(first as u32..) {
            let bits = value.to_bits();
            let random = mix32(self.key.wrapping_add(place.wrapping_mul(STRIDE))) & 0xFFFF;
            // What is infinite or NaN stays so.
            let random = if bits & 0x7F80_0000 == 0x7F80_0000 { 0 } else { random };
            *to = (bits.wrapping_add(random) >> 16) as u16;
        }
    }
}

/// The weight that is stored.
#[inline(always)]
pub(crate) fn decode(stored: u16) -> f32 {
    f32::from_bits(u32::from(stored) << 16)
}

/// Reads weights.
#[inline(always)]
pub(crate) fn decode_into(stored: &[u16], to: &mut [f32]) {
    for (to, &stored) in to.iter_mut().zip(stored) {
        *to = decode(stored);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rounded(value: f32, places: u32) -> std::vec::Vec<f32> {
        let rounding = Rounding::new(1, Purpose::Rounding, 1, 2, 3);
        let (values, mut stored) = (std::vec![value; places as usize], std::vec![0; places as usize]);
        rounding.encode(7, &values, &mut stored);
        stored.into_iter().map(decode).collect()
    }

    #[test]
    fn what_sixteen_bits_hold_stays_and_the_mean_of_all_else_is_kept() {
        for value in [0.0, -0.0, 1.0, -0.328_125, f32::from_bits(0x7F7F_0000), f32::INFINITY, f32::NEG_INFINITY] {
            assert!(rounded(value, 100).iter().all(|found| found.to_bits() == value.to_bits()), "{value}");
        }
        assert!(rounded(f32::NAN, 10).iter().all(|value| !value.is_finite()));
        for value in [0.1f32, -0.1, 1.003_906_3, 1e-20] {
            let found = rounded(value, 20_000);
            let spacing = f32::from_bits((value.to_bits() & 0xFFFF_0000) + 0x1_0000)
                - f32::from_bits(value.to_bits() & 0xFFFF_0000);
            assert!(found.iter().all(|found| (found - value).abs() < spacing.abs()));
            let mean = found.iter().map(|&value| f64::from(value)).sum::<f64>() / 20_000.0;
            // Five standard errors of a step that is taken or not.
            assert!(
                (mean - f64::from(value)).abs() < f64::from(spacing.abs()) * 2.5 / 20_000f64.sqrt(),
                "{value} {mean}"
            );
        }
    }
}
