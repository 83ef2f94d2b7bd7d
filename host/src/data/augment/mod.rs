//! Random changes of training images, drawn anew for each epoch.
//!
//! An image is first moved, then its colours change, then a rectangle is erased; each has a file of its own.
//! Each draw is a function of (seed, epoch, sample), so it is the same for any number of threads, and each kind has draws
//! of its own: one does not change with another.

mod colour;
mod erase;
mod geometry;

use rewire_core::random::{Generator, Purpose};

use crate::data::ImageShape;
use geometry::Motion;
pub use geometry::{FRACTION_BITS, MAX_SIDE};

/// How much images change.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Augmentation {
    /// Largest rotation either way, in degrees.
    pub rotation: f32,
    /// Largest shift either way, as a share of height and of width.
    pub shift: f32,
    /// Whether what comes in from outside is the image's mirror image, and not its nearest pixel.
    pub reflect: bool,
    /// Whether half of the images are mirrored.
    pub flip: bool,
    /// Largest change either way of brightness, contrast and saturation, as a share.
    pub jitter: f32,
    /// Largest side of the rectangle that is erased from half of the images, as a share of height and of width.
    pub erase: f32,
    /// Extent of the images.
    pub shape: ImageShape,
    /// Seed of the run.
    pub seed: u64,
}

/// What is drawn for a sample; the number tells the draws apart.
#[derive(Clone, Copy)]
pub(super) enum Draw {
    Geometry = 0,
    Colour = 1,
    Erase = 2,
    /// The share of the second sample in a blend, and which sample that is.
    Share = 3,
    Second = 4,
}

impl Draw {
    pub(super) fn generator(self, seed: u64, sample: u32, epoch: u32) -> Generator {
        Generator::new(seed, Purpose::Augmentation, epoch, self as u32, sample)
    }
}

impl Augmentation {
    /// No change of images of this extent.
    pub const fn none(shape: ImageShape, seed: u64) -> Self {
        Self { rotation: 0.0, shift: 0.0, reflect: false, flip: false, jitter: 0.0, erase: 0.0, shape, seed }
    }

    fn motion(&self) -> Motion {
        let Self { rotation, shift, reflect, flip, shape, .. } = *self;
        Motion { rotation, shift, reflect, flip, shape }
    }

    /// Words of scratch that [`Augmentation::apply`] works in.
    pub fn scratch(&self) -> usize {
        self.motion().scratch()
    }

    fn generator(&self, draw: Draw, sample: u32, epoch: u32) -> Generator {
        draw.generator(self.seed, sample, epoch)
    }

    /// Writes the changed image, in the order of `image`, as bytes times 256. `scratch` has [`Augmentation::scratch`]
    /// words; `mean` is what an erased pixel becomes, one number a feature, in bytes.
    pub fn apply(&self, image: &[u8], mean: &[f32], sample: u32, epoch: u32, scratch: &mut [u64], out: &mut [u16]) {
        self.motion().apply(&mut self.generator(Draw::Geometry, sample, epoch), image, scratch, out);
        if self.jitter > 0.0 {
            colour::jitter(self.jitter, &mut self.generator(Draw::Colour, sample, epoch), self.shape, out);
        }
        if self.erase > 0.0 {
            erase::erase(self.erase, &mut self.generator(Draw::Erase, sample, epoch), self.shape, mean, out);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rewire_core::random::{Generator, Purpose};

    const SHAPE: ImageShape = ImageShape { channels: 3, height: 32, width: 32 };

    fn apply(augmentation: Augmentation, image: &[u8], sample: u32, epoch: u32) -> Vec<u16> {
        let mut out = vec![0; image.len()];
        let mut scratch = vec![0; augmentation.scratch()];
        augmentation.apply(image, &[], sample, epoch, &mut scratch, &mut out);
        out
    }

    fn image() -> Vec<u8> {
        (0..3072u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect()
    }

    #[test]
    fn nothing_changes_without_rotation_shift_and_flip() {
        let still = Augmentation::none(SHAPE, 1);
        let expected: Vec<u16> = image().iter().map(|&byte| u16::from(byte) << 8).collect();
        assert_eq!(apply(still, &image(), 5, 1), expected);
    }

    #[test]
    fn half_of_the_images_are_mirrored() {
        let mirror = Augmentation { flip: true, ..Augmentation::none(SHAPE, 1) };
        let image = image();
        let still: Vec<u16> = image.iter().map(|&byte| u16::from(byte) << 8).collect();
        let mirrored: Vec<u16> = still.chunks(32).flat_map(|row| row.iter().rev().copied()).collect();
        let mut count = 0;
        for sample in 0..1000 {
            let out = apply(mirror, &image, sample, 1);
            assert!(out == still || out == mirrored);
            count += usize::from(out == mirrored);
        }
        assert!((420..580).contains(&count), "{count}");
    }

    #[test]
    fn the_channels_of_an_image_move_together_however_many_there_are() {
        let plane: Vec<u8> = image()[..1024].to_vec();
        for channels in [1, 4, 5, 9] {
            let shape = ImageShape { channels, ..SHAPE };
            let all = Augmentation { rotation: 10.0, shift: 0.1, flip: true, ..Augmentation::none(shape, 1) };
            let out = apply(all, &plane.repeat(channels), 5, 1);
            assert!(out.chunks(1024).all(|channel| channel == &out[..1024]), "{channels} channels");
        }
    }

    #[test]
    fn a_draw_depends_on_sample_and_epoch_alone() {
        let all = Augmentation { rotation: 10.0, shift: 0.1, flip: true, ..Augmentation::none(SHAPE, 1) };
        assert_eq!(apply(all, &image(), 5, 1), apply(all, &image(), 5, 1));
        assert_ne!(apply(all, &image(), 5, 1), apply(all, &image(), 6, 1));
        assert_ne!(apply(all, &image(), 5, 1), apply(all, &image(), 5, 2));
    }

    #[test]
    fn a_smooth_image_is_moved_as_the_geometry_says() {
        // A plane 2 x + y: interpolation is exact, so away from edges every value tells where it came from.
        let shape = ImageShape { channels: 1, height: 32, width: 32 };
        let plane: Vec<u8> = (0..1024).map(|i| ((i % 32) * 2 + i / 32) as u8).collect();
        let all = Augmentation { rotation: 10.0, shift: 0.1, ..Augmentation::none(shape, 3) };
        for sample in 0..50 {
            let out = apply(all, &plane, sample, 1);
            let mut generator = Generator::new(3, Purpose::Augmentation, 1, 0, sample);
            let angle = f64::from(generator.symmetric(10.0)).to_radians();
            let (shift_y, shift_x) =
                (f64::from(generator.symmetric(0.1)) * 32.0, f64::from(generator.symmetric(0.1)) * 32.0);
            for row in 10..22 {
                for col in 10..22 {
                    let (y, x) = (f64::from(row) - 15.5 + shift_y, f64::from(col) - 15.5 + shift_x);
                    let (sin, cos) = angle.sin_cos();
                    let (sy, sx) = (15.5 + cos * y - sin * x, 15.5 + sin * y + cos * x);
                    let found = f64::from(out[(row * 32 + col) as usize]) / 256.0;
                    // Weights have 8 bits, and each step of the position at most 2^-16.
                    assert!((found - (2.0 * sx + sy)).abs() < 0.1, "{found} {}", 2.0 * sx + sy);
                }
            }
        }
    }

    #[test]
    fn what_comes_in_from_outside_is_the_mirror_image() {
        let shape = ImageShape { channels: 1, height: 1, width: 16 };
        let image: Vec<u8> = (0..16).map(|i| i * 10).collect();
        for sample in 0..100 {
            let moved = Augmentation { shift: 0.5, reflect: true, ..Augmentation::none(shape, 1) };
            let out = apply(moved, &image, sample, 1);
            let mut generator = Generator::new(1, Purpose::Augmentation, 1, 0, sample);
            generator.symmetric(0.0);
            generator.symmetric(0.5);
            let shift = f64::from(generator.symmetric(0.5)) * 16.0;
            for (col, &found) in (0..16).zip(&out) {
                let at = (f64::from(col) + shift).abs();
                let expected = 10.0 * if at > 15.0 { 30.0 - at } else { at };
                assert!((f64::from(found) / 256.0 - expected).abs() < 0.1, "{shift} {col}: {found} {expected}");
            }
        }
    }
}
