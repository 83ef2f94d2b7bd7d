//! Filters that images go through before they are scaled.
//!
//! Neighbouring pixels of a photograph are nearly alike, so the connections of a neuron repeat each other. What differs from the
//! surroundings says more; eyes send little else to the brain (Olshausen and Field 1996, doi 10.1038/381607a0).

use std::borrow::Cow;

use crate::data::ImageShape;
use crate::data::samples::Features;
use crate::settings::{FilterKind, Invalid};

/// Weights of the mean around a pixel, in rows and in columns: binomial coefficients, whose sum is 2^8 and whose standard deviation
/// is √2 pixels.
const WEIGHTS: [i32; 9] = [1, 8, 28, 56, 70, 56, 28, 8, 1];

/// What of the mean is subtracted, in sixteenths. The rest tells large bright areas from large dark ones.
const SUBTRACTED: i32 = 15;

/// A feature that is no pixel.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[error("needs pixels, whole numbers from 0 to 255, but a feature is {0}")]
pub struct NoPixel(pub f32);

impl From<NoPixel> for Invalid {
    fn from(error: NoPixel) -> Self {
        Self::because("filter", error.to_string())
    }
}

impl FilterKind {
    /// The filtered images, in bytes; `None` where there is no filter.
    ///
    /// Shapes: `features` `[images, channels, height, width]`, and so the result.
    ///
    /// # Errors
    ///
    /// A feature that is no pixel.
    pub fn apply(self, shape: ImageShape, features: &Features<'_>) -> Result<Option<Vec<u8>>, NoPixel> {
        if self == Self::None {
            return Ok(None);
        }
        let pixels = pixels(features)?;
        let mut filtered = vec![0; pixels.len()];
        let plane = (shape.height * shape.width).max(1);
        let mut means = Vec::new();
        for (channel, filtered) in pixels.chunks_exact(plane).zip(filtered.chunks_exact_mut(plane)) {
            contrast(shape, channel, &mut means, filtered);
        }
        Ok(Some(filtered))
    }

    /// Checks that features can go through it.
    ///
    /// # Errors
    ///
    /// A feature that is no pixel, where there is a filter.
    pub fn check(self, features: &Features<'_>) -> Result<(), NoPixel> {
        if self == Self::None { Ok(()) } else { pixels(features).map(|_| ()) }
    }
}

/// Bytes, or floats that are whole numbers from 0 to 255.
fn pixels<'f>(features: &'f Features<'_>) -> Result<Cow<'f, [u8]>, NoPixel> {
    if let Features::Bytes(pixels) = features {
        return Ok(Cow::Borrowed(pixels));
    }
    let pixel = |&value: &f32| if f32::from(value as u8) == value { Ok(value as u8) } else { Err(NoPixel(value)) };
    features.to_floats().iter().map(pixel).collect()
}

/// Writes by how much each pixel of a channel differs from the mean around it; 128 stands for no difference. All in whole numbers.
fn contrast(shape: ImageShape, channel: &[u8], means: &mut Vec<i32>, filtered: &mut [u8]) {
    let ImageShape { height, width, .. } = shape;
    // What lies outside is as the nearest pixel inside.
    let around = |at: usize, extent: usize| {
        (0..WEIGHTS.len()).map(move |i| (at + i).saturating_sub(WEIGHTS.len() / 2).min(extent - 1)).zip(WEIGHTS)
    };
    means.clear();
    for row in channel.chunks_exact(width) {
        means.extend((0..width).map(|x| around(x, width).map(|(x, weight)| weight * i32::from(row[x])).sum::<i32>()));
    }
    for (y, (filtered, channel)) in filtered.chunks_exact_mut(width).zip(channel.chunks_exact(width)).enumerate() {
        for (x, (filtered, &pixel)) in filtered.iter_mut().zip(channel).enumerate() {
            let mean: i32 = around(y, height).map(|(y, weight)| weight * means[y * width + x]).sum();
            // The weights have added 2^16.
            let difference = (i32::from(pixel) << 20) - SUBTRACTED * mean;
            *filtered = (128 + ((difference + (1 << 19)) >> 20)).clamp(0, 255) as u8;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The same in floating point, from the definition.
    fn naive(shape: ImageShape, image: &[f64], channel: usize) -> Vec<f64> {
        let value = |at: usize| image[channel * shape.height * shape.width + at];
        let factorial = |n: usize| (1..=n).product::<usize>() as f64;
        let binomial = |k: usize| factorial(8) / (factorial(k) * factorial(8 - k));
        let mut filtered = Vec::new();
        for (y, x) in (0..shape.height).flat_map(|y| (0..shape.width).map(move |x| (y, x))) {
            let mut mean = 0.0;
            for (j, i) in (0..9).flat_map(|j| (0..9).map(move |i| (j, i))) {
                let row = (y + j).saturating_sub(4).min(shape.height - 1);
                let col = (x + i).saturating_sub(4).min(shape.width - 1);
                mean += binomial(j) * binomial(i) / 65536.0 * value(row * shape.width + col);
            }
            filtered.push((128.0 + value(y * shape.width + x) - 15.0 / 16.0 * mean).clamp(0.0, 255.0));
        }
        filtered
    }

    #[test]
    fn each_pixel_becomes_its_difference_from_the_mean_around_it() {
        for (channels, height, width) in [(1, 5, 12), (3, 9, 7), (2, 1, 3), (3, 1, 1)] {
            let shape = ImageShape { channels, height, width };
            let pixels: Vec<u8> = (0..2 * shape.features()).map(|i| (i * i * 37 % 251) as u8).collect();
            let found = FilterKind::Contrast.apply(shape, &Features::Bytes((&pixels[..]).into())).unwrap().unwrap();
            let floats: Vec<f32> = pixels.iter().map(|&pixel| f32::from(pixel)).collect();
            assert_eq!(FilterKind::Contrast.apply(shape, &Features::Floats(floats.into())).unwrap().unwrap(), found);
            let image: Vec<f64> = pixels.iter().skip(shape.features()).map(|&pixel| f64::from(pixel)).collect();
            let expected = (0..channels).flat_map(|channel| naive(shape, &image, channel));
            for (at, (found, expected)) in found.iter().skip(shape.features()).zip(expected).enumerate() {
                assert!((f64::from(*found) - expected).abs() <= 0.5 + 1e-9, "{shape} {at}: {found}, {expected}");
            }
        }
    }

    #[test]
    fn an_even_area_has_no_contrast_but_keeps_some_of_its_brightness() {
        let shape = ImageShape { channels: 1, height: 4, width: 6 };
        let of =
            |pixel: u8| FilterKind::Contrast.apply(shape, &Features::Bytes(vec![pixel; 24].into())).unwrap().unwrap();
        assert_eq!((of(0), of(160)), (vec![128; 24], vec![138; 24]));
        assert_eq!(FilterKind::None.apply(shape, &Features::Bytes(vec![7; 24].into())), Ok(None));
    }

    #[test]
    fn a_feature_that_is_no_pixel_is_named() {
        let shape = ImageShape { channels: 1, height: 1, width: 3 };
        for value in [0.5, 256.0, -1.0] {
            let features = Features::Floats(vec![1.0, value, 2.0].into());
            assert_eq!(FilterKind::Contrast.apply(shape, &features), Err(NoPixel(value)));
        }
    }
}
