//! Brightness, contrast and saturation, each by a random factor.

use rewire_core::random::Generator;

use crate::data::ImageShape;
use crate::data::augment::geometry::FRACTION_BITS;

/// The share of red, green and blue in what the eye takes for brightness (ITU-R BT.601).
const LUMA: [f32; 3] = [0.299, 0.587, 0.114];

/// Multiplies saturation, contrast and brightness of an image by factors uniform in `1 ± most`. An image of other than
/// three channels has no saturation.
pub(super) fn jitter(most: f32, generator: &mut Generator, shape: ImageShape, image: &mut [u16]) {
    let [saturation, contrast, brightness] = [(); 3].map(|()| 1.0 + generator.symmetric(most));
    let plane = shape.height * shape.width;
    let largest = (255u32 << FRACTION_BITS) as f32;
    if shape.channels == 3 {
        let (red, rest) = image.split_at_mut(plane);
        let (green, blue) = rest.split_at_mut(plane);
        for ((red, green), blue) in red.iter_mut().zip(green).zip(blue) {
            let colours = [&*red, &*green, &*blue].map(|&value| f32::from(value));
            let grey: f32 = colours.iter().zip(LUMA).map(|(colour, share)| colour * share).sum();
            let changed = colours.map(|colour| (grey + (colour - grey) * saturation).clamp(0.0, largest) as u16);
            [*red, *green, *blue] = changed;
        }
    }
    // Whole numbers, so that the order of the sum does not matter.
    let sum: u64 = image.iter().map(|&value| u64::from(value)).sum();
    let mean = sum as f32 / image.len().max(1) as f32;
    for value in image {
        let contrasted = mean + (f32::from(*value) - mean) * contrast;
        *value = (contrasted * brightness).clamp(0.0, largest) as u16;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rewire_core::random::Purpose;

    const SHAPE: ImageShape = ImageShape { channels: 3, height: 4, width: 4 };

    fn generator(sample: u32) -> Generator {
        Generator::new(1, Purpose::Augmentation, 1, 1, sample)
    }

    #[test]
    fn a_grey_image_stays_grey_and_its_mean_changes_with_the_brightness() {
        let mut means = Vec::new();
        for sample in 0..400 {
            let mut image: Vec<u16> = (0..48u16).map(|i| (60 + i % 16) << 8).collect();
            jitter(0.4, &mut generator(sample), SHAPE, &mut image);
            for pixel in 0..16 {
                // Grey is rounded in the product with its share.
                let [red, green, blue] = [0, 16, 32].map(|at| image[at + pixel]);
                assert!(red.abs_diff(green) <= 2 && green.abs_diff(blue) <= 2, "{red} {green} {blue}");
            }
            let sum: u64 = image.iter().map(|&value| u64::from(value)).sum();
            means.push(sum as f64 / 48.0 / 256.0 / 67.5);
        }
        let (low, high) = means.iter().fold((f64::MAX, 0.0f64), |(low, high), &mean| (low.min(mean), high.max(mean)));
        assert!((0.59..0.65).contains(&low) && (1.35..1.41).contains(&high), "{low} {high}");
    }

    #[test]
    fn no_change_is_no_change_and_nothing_leaves_its_range() {
        let image: Vec<u16> = (0..48u16).map(|i| (i * 5) << 8).collect();
        let mut same = image.clone();
        jitter(0.0, &mut generator(1), SHAPE, &mut same);
        assert!(image.iter().zip(&same).all(|(a, b)| a.abs_diff(*b) <= 2), "{same:?}");
        for sample in 0..100 {
            let mut image = vec![255 << 8; 48];
            image[..20].fill(0);
            jitter(0.9, &mut generator(sample), SHAPE, &mut image);
            assert!(image.iter().all(|&value| value <= 255 << 8));
        }
    }
}
