//! How features become inputs of a network: shifted and scaled, each by its own two numbers.

use serde::{Deserialize, Serialize};

use crate::data::samples::{Features, Split};
use crate::settings::Scaling;

/// `x = (feature - mean) * scale`, per feature.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Normaliser {
    /// Subtracted from a feature.
    pub mean: Vec<f32>,
    /// Then multiplied by.
    pub scale: Vec<f32>,
}

impl Normaliser {
    /// The same shift and scale for every feature.
    fn uniform(features: usize, mean: f32, scale: f32) -> Self {
        Self { mean: vec![mean; features], scale: vec![scale; features] }
    }

    /// Divides pixels by 255.
    pub fn unit(features: usize) -> Self {
        Self::uniform(features, 0.0, 1.0 / 255.0)
    }

    /// Measures the samples of `split` at `indices`, as far as `scaling` asks. Floats that are all whole numbers from 0 to
    /// 255 are scaled exactly as the same bytes are.
    pub fn fit(scaling: Scaling, split: &Split<'_>, indices: &[u32]) -> Self {
        let width = split.width();
        let global = match scaling {
            Scaling::None => return Self::uniform(width, 0.0, 1.0),
            Scaling::Unit if !matches!(split.features, Features::Synthetic(_)) => return Self::unit(width),
            Scaling::Unit | Scaling::Feature => false,
            Scaling::Global => true,
        };
        match &split.features {
            // Standardised as they are.
            Features::Synthetic(_) => Self::uniform(width, 0.0, 1.0),
            Features::Bytes(values) => of_bytes(rows(values, width, indices), width, global, |&byte| byte),
            Features::Floats(values) => {
                let rows = rows(values, width, indices);
                // The rounding of a fraction or of a large number is never taken for a byte.
                if rows.clone().flatten().all(|&value| f32::from(value as u8) == value) {
                    of_bytes(rows, width, global, |&value| value as u8)
                } else {
                    of_floats(rows, width, global)
                }
            }
        }
    }

    /// Mean 0 and standard deviation 1 of each number to learn over the samples at `indices`.
    pub fn of_values(split: &Split<'_>, indices: &[u32]) -> Self {
        let width = split.values.len().checked_div(split.len()).unwrap_or(0);
        if width == 0 { Self::default() } else { of_floats(rows(&split.values, width, indices), width, false) }
    }

    /// What the number `value` of place `at` becomes.
    pub fn apply(&self, at: usize, value: f32) -> f32 {
        self.mean.get(at).zip(self.scale.get(at)).map_or(f32::NAN, |(mean, scale)| (value - mean) * scale)
    }

    /// The number that an output stands for.
    pub fn invert(&self, at: usize, output: f32) -> f32 {
        self.mean.get(at).zip(self.scale.get(at)).map_or(f32::NAN, |(mean, scale)| {
            // A number that never varied is its mean.
            if *scale == 0.0 { *mean } else { output / scale + mean }
        })
    }
}

/// The features of the samples at `indices`.
fn rows<'v, T>(values: &'v [T], width: usize, indices: &'v [u32]) -> impl Iterator<Item = &'v [T]> + Clone {
    indices.iter().map(move |&index| &values[index as usize * width..][..width])
}

/// From exact sums.
fn of_bytes<'v, T: 'v>(
    rows: impl Iterator<Item = &'v [T]>,
    width: usize,
    global: bool,
    byte: impl Fn(&T) -> u8,
) -> Normaliser {
    let (mut sums, mut squares, mut samples) = (vec![0u64; width], vec![0u64; width], 0);
    for row in rows {
        samples += 1;
        for ((sum, square), value) in sums.iter_mut().zip(&mut squares).zip(row) {
            let value = u64::from(byte(value));
            *sum += value;
            *square += value * value;
        }
    }
    if global {
        let (mean, scale) = standard(sums.iter().sum(), squares.iter().sum(), samples * width);
        return Normaliser::uniform(width, mean, scale);
    }
    let (mean, scale) = sums.iter().zip(&squares).map(|(&sum, &square)| standard(sum, square, samples)).unzip();
    Normaliser { mean, scale }
}

/// Mean and reciprocal standard deviation from exact sums; a constant feature has scale 0.
fn standard(sum: u64, square: u64, n: usize) -> (f32, f32) {
    let exact = [sum, square, n.max(1) as u64].map(u128::from);
    let [sum, square, n] = exact;
    // In whole numbers: the variance of a feature that is rarely anything but 0 would drown in rounding.
    let spread = n * square - sum * sum;
    let [sum, n, spread] = [sum, n, spread].map(|number| number as f64);
    let scale = if spread > 0.0 { n / spread.sqrt() } else { 0.0 };
    ((sum / n) as f32, scale as f32)
}

/// What is measured of a feature, or of all features.
#[derive(Clone, Copy)]
struct Moments {
    /// Of the values, then of the squared distances from their mean: a difference of large sums would lose all digits.
    sum: f64,
    least: f32,
    most: f32,
}

/// From two passes: the mean, then the squared distances from it.
fn of_floats<'v>(rows: impl Iterator<Item = &'v [f32]> + Clone, width: usize, global: bool) -> Normaliser {
    let mut moments = vec![Moments { sum: 0.0, least: f32::INFINITY, most: f32::NEG_INFINITY }; width];
    let mut samples = 0;
    for row in rows.clone() {
        samples += 1;
        for (Moments { sum, least, most }, &value) in moments.iter_mut().zip(row) {
            *sum += f64::from(value);
            (*least, *most) = (least.min(value), most.max(value));
        }
    }
    let shared = |moments: &mut [Moments]| {
        let sum = moments.iter().map(|m| m.sum).sum::<f64>() / width as f64;
        let least = moments.iter().map(|m| m.least).fold(f32::INFINITY, f32::min);
        let most = moments.iter().map(|m| m.most).fold(f32::NEG_INFINITY, f32::max);
        moments.fill(Moments { sum, least, most });
    };
    if global {
        shared(&mut moments);
    }
    let means: Vec<f64> = moments.iter().map(|m| m.sum / f64::from(samples.max(1))).collect();
    for moment in &mut moments {
        moment.sum = 0.0;
    }
    for row in rows {
        for ((Moments { sum, .. }, mean), &value) in moments.iter_mut().zip(&means).zip(row) {
            *sum += (f64::from(value) - mean).powi(2);
        }
    }
    if global {
        shared(&mut moments);
    }
    let scale = |m: &Moments| {
        let scale = 1.0 / (m.sum / f64::from(samples.max(1))).sqrt();
        // A constant feature becomes 0, and so does one whose deviation is too small for a float.
        if m.least < m.most && scale <= f64::from(f32::MAX) { scale as f32 } else { 0.0 }
    };
    Normaliser { mean: means.iter().map(|&mean| mean as f32).collect(), scale: moments.iter().map(scale).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::synthetic::Synthetic;

    fn floats(values: &[f32], samples: usize) -> Split<'_> {
        Split::labelled(Features::Floats(values.into()), vec![0; samples])
    }

    #[test]
    fn bytes_have_the_same_scaling_as_floats() {
        let bytes: Vec<u8> = (0..60u32).map(|i| (i * i * 37 % 256) as u8).collect();
        let values: Vec<f32> = bytes.iter().map(|&byte| f32::from(byte)).collect();
        let images = Split::of_images(bytes, vec![0; 12]);
        for scaling in [Scaling::None, Scaling::Unit, Scaling::Global, Scaling::Feature] {
            let of = |split: &Split<'_>| Normaliser::fit(scaling, split, &[0, 3, 4, 11]);
            assert_eq!(of(&images), of(&floats(&values, 12)), "{scaling:?}");
        }
    }

    #[test]
    fn floats_are_standardised_however_far_from_zero_they_are() {
        let far = [1e7f32, 0.25, 1e7 + 2.0, 0.25, 1e7 + 4.0, 0.25];
        let normaliser = Normaliser::fit(Scaling::Feature, &floats(&far, 3), &[0, 1, 2]);
        // Their variance is 8 / 3.
        assert_eq!(normaliser.mean, [1e7 + 2.0, 0.25]);
        assert_eq!(normaliser.scale, [(3.0f64 / 8.0).sqrt() as f32, 0.0]);
        let near = [-0.5f32, 1e-5, 0.5, -1e-5];
        let normaliser = Normaliser::fit(Scaling::Feature, &floats(&near, 2), &[0, 1]);
        assert_eq!((normaliser.mean, normaliser.scale), (vec![0.0; 2], vec![2.0, 1e5]));
    }

    #[test]
    fn a_feature_that_is_rarely_there_is_no_constant() {
        let mut rare = vec![0u8; 2_000_000];
        rare[7] = 1;
        let indices: Vec<u32> = (0..2_000_000).collect();
        let normaliser = Normaliser::fit(Scaling::Feature, &Split::of_images(rare, vec![0; 2_000_000]), &indices);
        // Its variance is (1 - 1 / n) / n.
        assert_eq!(normaliser.mean, [5e-7]);
        assert!((normaliser.scale[0] / 2e6f32.sqrt() - 1.0).abs() < 1e-6, "{:?}", normaliser.scale);
    }

    #[test]
    fn synthetic_samples_are_standardised_as_they_are() {
        let data = Synthetic { features: 20, classes: 2, informative: 4, samples: 2, seed: 1, first: 0 };
        let split = Split::labelled(Features::Synthetic(data), vec![0; data.samples]);
        for scaling in [Scaling::None, Scaling::Unit, Scaling::Global, Scaling::Feature] {
            let Normaliser { mean, scale } = Normaliser::fit(scaling, &split, &[0, 1]);
            assert_eq!((mean, scale), (vec![0.0; 20], vec![1.0; 20]), "{scaling:?}");
        }
    }

    #[test]
    fn one_scaling_for_all_features_measures_all_of_them() {
        let normaliser = Normaliser::fit(Scaling::Global, &floats(&[-1.5, 0.5, -0.5, 1.5], 2), &[0, 1]);
        // Their variance is 1.25.
        let scale = 0.8f64.sqrt() as f32;
        assert_eq!((normaliser.mean, normaliser.scale), (vec![0.0; 2], vec![scale; 2]));
        let constant = Normaliser::fit(Scaling::Global, &floats(&[0.5; 4], 2), &[0, 1]);
        assert_eq!(constant.scale, [0.0; 2]);
    }
}
