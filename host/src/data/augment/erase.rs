//! Random erasing: a rectangle of an image becomes the mean of the training images (after Zhong et al. 2017, arXiv
//! 1708.04896, and DeVries and Taylor 2017, arXiv 1708.04552).

use rewire_core::random::Generator;

use crate::data::ImageShape;
use crate::data::augment::geometry::FRACTION_BITS;

/// Erases a rectangle from half of the images. Its sides are uniform between one pixel and the share `most` of height and
/// of width, and its place is uniform inside the image.
pub(super) fn erase(most: f32, generator: &mut Generator, shape: ImageShape, mean: &[f32], image: &mut [u16]) {
    if generator.next_u32() & 1 == 1 {
        return;
    }
    let ImageShape { height, width, .. } = shape;
    let mut side = |extent: usize| {
        let longest = ((extent as f32 * most) as u32).clamp(1, extent as u32);
        let length = 1 + generator.below(longest);
        let first = generator.below(extent as u32 - length + 1);
        first as usize..(first + length) as usize
    };
    let (rows, cols) = (side(height), side(width));
    let unit = (1u32 << FRACTION_BITS) as f32;
    let planes = image.chunks_exact_mut(height * width).zip(mean.chunks_exact(height * width));
    for (image, mean) in planes {
        for row in rows.clone() {
            let places = row * width + cols.start..row * width + cols.end;
            for (pixel, mean) in image[places.clone()].iter_mut().zip(&mean[places]) {
                *pixel = (mean * unit) as u16;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rewire_core::random::Purpose;

    #[test]
    fn half_of_the_images_lose_a_rectangle_of_all_channels() {
        let shape = ImageShape { channels: 2, height: 8, width: 10 };
        let mean: Vec<f32> = (0..160u8).map(|i| f32::from(i) / 2.0).collect();
        let (mut erased, mut area) = (0, 0);
        for sample in 0..2000 {
            let mut image = vec![u16::MAX; 160];
            let mut generator = Generator::new(1, Purpose::Augmentation, 1, 2, sample);
            erase(0.5, &mut generator, shape, &mean, &mut image);
            let gone: Vec<usize> = (0..160).filter(|&at| image[at] != u16::MAX).collect();
            let Some(&first) = gone.first() else { continue };
            assert!(gone.iter().all(|&at| image[at] == (mean[at] * 256.0) as u16));
            // A rectangle at the same place in both channels.
            let of_plane: Vec<usize> = gone.iter().copied().filter(|&at| at < 80).collect();
            let width = of_plane.iter().filter(|&&at| at / 10 == first / 10).count();
            let height = of_plane.len() / width;
            let inside =
                |at: usize| at % 10 >= first % 10 && at % 10 < first % 10 + width && at / 10 < first / 10 + height;
            assert!(width <= 5 && height <= 4 && of_plane.iter().all(|&at| inside(at)), "{gone:?}");
            assert!(gone.len() == 2 * of_plane.len() && of_plane.iter().all(|at| gone.contains(&(at + 80))));
            (erased, area) = (erased + 1, area + of_plane.len());
        }
        assert!((900..1100).contains(&erased), "{erased}");
        // Sides are 3 and 2.5 pixels long on average.
        let mean_area = area as f64 / f64::from(erased);
        assert!((7.0..8.0).contains(&mean_area), "{mean_area}");
    }
}
