//! ReLU of sums that are normalised over the samples of a tile.
//!
//! ```text
//! n = (z - mean) / sqrt(variance + EPSILON)
//! y = max(scale * n + shift + residual, 0)
//! ```
//!
//! The residual is the activation of the neuron in the same place two layers before, where the layer has residual
//! connections, and 0 elsewhere.
//!
//! In training, mean and variance are those of the neuron's sums over the tile's samples, and the gradient goes through
//! them; in evaluation they are averages that training keeps. A tile is its own batch, so that threads share nothing
//! and the bits do not depend on them. A sample that is alone in its tile, as the last of an epoch may be, has no
//! variance: it is normalised by the averages, as constants, and leaves them as they are.
//!
//! Source: Ioffe and Szegedy 2015, arXiv 1502.03167; parts of a minibatch that are normalised apart: Hoffer et al.
//! 2017, arXiv 1705.08741; residual connections: He et al. 2016, arXiv 1512.03385.

use crate::activation::kind::Parameters;
use crate::kernel::row::{PARTS, fold};

/// Added to the variance.
pub const EPSILON: f32 = 1e-5;

/// Momentum of the running statistics: the weight of a minibatch, after the first hundred steps of the first epoch.
const TRACKING: f32 = 0.01;

/// Initial parameters: scale 1, shift 0, running mean 0 and variance 1.
pub(crate) const INITIAL: Parameters = [1.0, 0.0, 0.0, 1.0];

/// What a tile needs to know to normalise its sums.
#[derive(Clone, Copy, Debug)]
pub struct Batch {
    /// Samples in the tile; lanes from there on hold none.
    used: usize,
    /// Weight of the tile in the running statistics.
    tracking: f32,
}

/// What a pass knows of the samples that a tile normalises over.
pub trait TileBatch: Copy + Send {
    /// Asks for it, if it is kept; there is none in evaluation.
    fn new(batch: impl FnOnce() -> Option<Batch>) -> Self;

    /// What was kept.
    fn get(self) -> Option<Batch>;
}

impl TileBatch for Option<Batch> {
    #[inline(always)]
    fn new(batch: impl FnOnce() -> Option<Batch>) -> Self {
        batch()
    }

    #[inline(always)]
    fn get(self) -> Option<Batch> {
        self
    }
}

/// Keeps nothing: for formats without activations that ask.
impl TileBatch for () {
    #[inline(always)]
    fn new(_batch: impl FnOnce() -> Option<Batch>) -> Self {}

    #[inline(always)]
    fn get(self) -> Option<Batch> {
        None
    }
}

impl Batch {
    /// A tile with `used` of the minibatch's `batch` samples, in a step counted from 0 in its epoch, counted from 1.
    ///
    /// In the first epoch's first hundred steps the averages are those of all steps so far, so that they soon forget
    /// where they started.
    pub(crate) fn new(used: usize, batch: usize, epoch: u32, step: u32) -> Self {
        let mean = 1.0 / (step as f32 + 1.0);
        let tracking = if epoch <= 1 && mean > TRACKING { mean } else { TRACKING };
        Self { used, tracking: tracking * used as f32 / batch.max(1) as f32 }
    }

    /// Mean and variance to normalise a row by: its own, or the averages for a sample that is alone.
    #[inline(always)]
    fn moments<const LANES: usize>(self, row: &[f32; LANES], averages: (f32, f32)) -> (f32, f32) {
        if self.is_alone() { averages } else { moments(row, self.used) }
    }

    #[inline(always)]
    fn is_alone(self) -> bool {
        self.used < 2
    }
}

/// Mean and variance of a row's first `used` sums.
#[inline(always)]
fn moments<const LANES: usize>(row: &[f32; LANES], used: usize) -> (f32, f32) {
    let each = 1.0 / used.max(1) as f32;
    let mean = each * sum(row, used, |z| z);
    (mean, each * sum(row, used, |z| (z - mean) * (z - mean)))
}

/// Sum of `f` over a row's first `used` lanes.
#[inline(always)]
fn sum<const LANES: usize>(row: &[f32; LANES], used: usize, f: impl Fn(f32) -> f32) -> f32 {
    let mut parts = [0.0f32; PARTS];
    for (chunk, z) in row.chunks(PARTS).enumerate() {
        for (lane, (part, &z)) in parts.iter_mut().zip(z).enumerate() {
            *part += if chunk * PARTS + lane < used { f(z) } else { 0.0 };
        }
    }
    fold(parts)
}

/// Applies the activation to a row of sums: normalised by themselves in training, by the averages otherwise. Where there is
/// one, the row of the layer two before is added.
#[inline(always)]
pub(crate) fn apply_row<const LANES: usize>(
    row: &mut [f32; LANES],
    &[scale, shift, mean, variance]: &Parameters,
    batch: Option<Batch>,
    residual: Option<&[f32; LANES]>,
) {
    let (mean, variance) = match batch {
        Some(batch) => batch.moments(row, (mean, variance)),
        None => (mean, variance),
    };
    let scale = scale / libm::sqrtf(variance + EPSILON);
    for (z, residual) in row.iter_mut().zip(residual.unwrap_or(&[0.0; LANES])) {
        let y = scale * (*z - mean) + shift + residual;
        // Not `max`: a NaN must stay visible in the loss.
        *z = if y <= 0.0 { 0.0 } else { y };
    }
}

/// Turns the gradient by a row of activations into that by the sums `z`; returns the gradient by scale and shift,
/// summed over the row, and what the averages move by.
///
/// `y` is the activation after dropout, whose scale is `keep`, 1 without. `residual` takes the gradient by what was added
/// from the layer two before.
#[inline(always)]
pub(crate) fn backward_row<const LANES: usize>(
    gradient: &mut [f32; LANES],
    y: &[f32; LANES],
    z: &[f32; LANES],
    keep: f32,
    &[scale, _, old_mean, old_variance]: &Parameters,
    batch: Batch,
    residual: Option<&mut [f32; LANES]>,
) -> Parameters {
    let Batch { used, tracking } = batch;
    let (mean, variance) = batch.moments(z, (old_mean, old_variance));
    let inverse = 1.0 / libm::sqrtf(variance + EPSILON);
    let (mut by_scale, mut by_shift) = ([0.0f32; PARTS], [0.0f32; PARTS]);
    for ((gradient, y), z) in gradient.chunks_mut(PARTS).zip(y.chunks(PARTS)).zip(z.chunks(PARTS)) {
        let sums = by_scale.iter_mut().zip(&mut by_shift);
        for (((gradient, &y), &z), (by_scale, by_shift)) in gradient.iter_mut().zip(y).zip(z).zip(sums) {
            // Lanes without a sample have no gradient to begin with.
            let g = if y > 0.0 { *gradient * keep } else { 0.0 };
            *gradient = g;
            *by_scale += g * (inverse * (z - mean));
            *by_shift += g;
        }
    }
    if let Some(residual) = residual {
        *residual = *gradient;
    }
    let (by_scale, by_shift) = (fold(by_scale), fold(by_shift));
    let count = used as f32;
    // What the row's own mean and variance take from the gradient.
    let (mean_scale, mean_shift) = if batch.is_alone() { (0.0, 0.0) } else { (by_scale / count, by_shift / count) };
    for (lane, (gradient, &z)) in gradient.iter_mut().zip(z).enumerate() {
        let g = scale * inverse * (*gradient - mean_shift - inverse * (z - mean) * mean_scale);
        *gradient = if lane < used { g } else { 0.0 };
    }
    if batch.is_alone() {
        return [by_scale, by_shift, 0.0, 0.0];
    }
    // That of the population.
    let variance = variance * (count / (count - 1.0));
    [by_scale, by_shift, tracking * (mean - old_mean), tracking * (variance - old_variance)]
}

/// Moves a neuron's averages by what a tile has left for them.
#[inline(always)]
pub(crate) fn track([.., mean, variance]: &mut Parameters, [.., by_mean, by_variance]: &Parameters) {
    *mean += by_mean;
    *variance += by_variance;
    // The tiles' shares add up to one as far as rounding allows. A NaN stays.
    if *variance < 0.0 {
        *variance = 0.0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LANES: usize = 40;
    const USED: usize = 37;

    fn training() -> Batch {
        Batch::new(USED, USED, 1, 3)
    }

    /// In 64 bits, by the formula.
    fn activations(z: &[f32; LANES], &[scale, shift, ..]: &Parameters) -> [f64; USED] {
        let z: [f64; USED] = core::array::from_fn(|i| f64::from(z[i]));
        let mean = z.iter().sum::<f64>() / USED as f64;
        let variance = z.iter().map(|z| (z - mean).powi(2)).sum::<f64>() / USED as f64;
        let normalised = z.map(|z| (z - mean) / (variance + f64::from(EPSILON)).sqrt());
        normalised.map(|n| (f64::from(scale) * n + f64::from(shift)).max(0.0))
    }

    fn sums() -> [f32; LANES] {
        core::array::from_fn(|i| ((i * 29) % 41) as f32 * 0.17 - 2.3)
    }

    const PARAMETERS: Parameters = [-1.3, 0.4, 0.7, 2.5];

    #[test]
    fn training_normalises_by_the_tile_and_evaluation_by_the_averages() {
        let mut row = sums();
        apply_row(&mut row, &PARAMETERS, Some(training()), None);
        for (found, expected) in row.iter().zip(activations(&sums(), &PARAMETERS)) {
            assert!((f64::from(*found) - expected).abs() < 1e-5);
        }
        let mut row = [0.7f32, 2.0, -2.0];
        apply_row(&mut row, &PARAMETERS, None, None);
        let expected = [0.4, 0.0, 0.4 + 1.3 * 2.7 / 2.5f32.sqrt()];
        assert!(row.iter().zip(expected).all(|(found, expected)| (found - expected).abs() < 1e-4), "{row:?}");
    }

    #[test]
    fn gradients_are_finite_differences() {
        let weight: [f32; LANES] = core::array::from_fn(|i| if i < USED { 1.0 - 0.07 * i as f32 } else { 0.0 });
        let loss = |z: &[f32; LANES], parameters: &Parameters| -> f64 {
            activations(z, parameters).iter().zip(&weight).map(|(y, &w)| f64::from(w) * y).sum()
        };
        let mut y = sums();
        apply_row(&mut y, &PARAMETERS, Some(training()), None);
        let mut gradient = weight;
        let found = backward_row(&mut gradient, &y, &sums(), 1.0, &PARAMETERS, training(), None);
        let step = 1.0 / 1024.0;
        for i in 0..2 {
            let moved = |by: f32| {
                let mut parameters = PARAMETERS;
                parameters[i] += by;
                loss(&sums(), &parameters)
            };
            let expected = (moved(step) - moved(-step)) / f64::from(2.0 * step);
            assert!((f64::from(found[i]) - expected).abs() < 1e-3, "{i}: {found:?} {expected}");
        }
        for i in 0..LANES {
            let moved = |by: f32| {
                let mut z = sums();
                z[i] += by;
                loss(&z, &PARAMETERS)
            };
            let expected = (moved(step) - moved(-step)) / f64::from(2.0 * step);
            assert!((f64::from(gradient[i]) - expected).abs() < 1e-3, "{i}: {} {expected}", gradient[i]);
        }
    }

    #[test]
    fn averages_are_means_of_the_first_epoch_and_then_forget() {
        let mut parameters = INITIAL;
        for (step, level) in [3.0f32, 5.0, 7.0].into_iter().enumerate() {
            // A minibatch of two tiles, the second of which is half as full; both start from the same averages.
            let before = parameters;
            for used in [16, 8] {
                let z = core::array::from_fn::<f32, 16, _>(|lane| level + if lane % 2 == 0 { 1.0 } else { -1.0 });
                let batch = Batch::new(used, 24, 1, step as u32);
                let [.., mean, variance] = backward_row(&mut [0.0; 16], &[0.0; 16], &z, 1.0, &before, batch, None);
                (parameters[2], parameters[3]) = (parameters[2] + mean, parameters[3] + variance);
            }
        }
        let variance = (2.0 * 16.0 / 15.0 + 8.0 / 7.0) / 3.0;
        assert!((parameters[2] - 5.0).abs() < 1e-5 && (parameters[3] - variance).abs() < 1e-5, "{parameters:?}");
        assert_eq!(Batch::new(64, 64, 1, 5000).tracking, TRACKING);
        assert_eq!(Batch::new(32, 128, 2, 0).tracking, 0.25 * TRACKING);
    }

    #[test]
    fn a_sample_alone_is_normalised_by_the_averages() {
        let alone = Batch::new(1, 33, 1, 0);
        let (mut trained, mut evaluated) = ([3.0f32, 9.0], [3.0f32, 9.0]);
        let parameters = [2.0, 0.5, 1.0, 4.0];
        apply_row(&mut trained, &parameters, Some(alone), None);
        apply_row(&mut evaluated, &parameters, None, None);
        assert_eq!(trained, evaluated);
        let mut gradient = [6.0f32, 0.0];
        let found = backward_row(&mut gradient, &trained, &[3.0, 9.0], 1.0, &parameters, alone, None);
        let found = [trained[0], gradient[0], gradient[1], found[0], found[1], found[2], found[3]];
        let expected = [2.5, 6.0, 0.0, 6.0, 6.0, 0.0, 0.0];
        assert!(found.iter().zip(expected).all(|(found, expected)| (found - expected).abs() < 1e-3), "{found:?}");
    }

    #[test]
    fn what_is_constant_has_a_finite_gradient() {
        let mut gradient = [1.0f32, 2.0, 0.0];
        let found =
            backward_row(&mut gradient, &[0.5; 3], &[3.0, 3.0, 9.0], 1.0, &INITIAL, Batch::new(2, 2, 1, 0), None);
        let small = 1.0 / libm::sqrtf(EPSILON);
        assert_eq!((gradient, found), ([-0.5 * small, 0.5 * small, 0.0], [0.0, 3.0, 3.0, -1.0]));
    }

    #[test]
    fn a_variance_does_not_round_below_zero() {
        // 96 samples in tiles of 64 and 32: two thirds and one third, rounded, are more than one.
        let mut parameters = INITIAL;
        let before = parameters;
        for used in [64, 32] {
            let batch = Batch::new(used, 96, 1, 0);
            track(&mut parameters, &backward_row(&mut [0.0; 64], &[0.0; 64], &[5.0; 64], 1.0, &before, batch, None));
        }
        assert_eq!(parameters[3], 0.0);
    }
}
