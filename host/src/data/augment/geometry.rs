//! Rotation, shift and flip.
//!
//! What Keras' `ImageDataGenerator` does: a rotation about the centre and a shift, drawn uniformly, one bilinear
//! interpolation for both, pixels outside taken from the nearest edge, or from the mirror image; then a horizontal flip with
//! probability one half.
//!
//! Positions are fixed-point with 16 fractional bits and weights have 8, so that one 64-bit multiplication blends all
//! channels of a pixel at once. The result is the interpolated byte times 256.

use crate::data::ImageShape;
use crate::data::augment::{Augmentation, Draw};

impl Augmentation {
    /// Words of scratch that [`Augmentation::apply`] works in.
    pub fn scratch(&self) -> usize {
        let ImageShape { height, width, .. } = self.shape;
        (height + 1) * (width + 1) + width
    }

    /// Writes the moved image, in the order of `image`, as bytes times 256.
    pub(super) fn transform(&self, image: &[u8], sample: u32, epoch: u32, scratch: &mut [u64], out: &mut [u16]) {
        let ImageShape { height, width, .. } = self.shape;
        let plane = height * width;
        // A pixel's channels in one word, and one row and column more than the image has: what lies there has weight 0.
        let stride = width + 1;
        let (pixels, blended) = scratch.split_at_mut((height + 1) * stride);
        let mut generator = self.generator(Draw::Geometry, sample, epoch);
        let angle = generator.symmetric(self.rotation).to_radians();
        let (shift_y, shift_x) =
            (generator.symmetric(self.shift) * height as f32, generator.symmetric(self.shift) * width as f32);
        let flip = generator.next_u32() & 1 == 1 && self.flip;

        pixels.fill(0);
        for (channel, bytes) in image.chunks_exact(plane).enumerate() {
            for (pixels, bytes) in pixels.chunks_exact_mut(stride).zip(bytes.chunks_exact(width)) {
                for (pixel, &byte) in pixels.iter_mut().zip(bytes) {
                    *pixel |= u64::from(byte) << (16 * channel);
                }
            }
        }

        // Source of output (row, col): centre + R (row - centre_y + shift_y, col - centre_x + shift_x).
        let (sin, cos) = (libm::sinf(angle), libm::cosf(angle));
        let (centre_y, centre_x) = (height as f32 / 2.0 - 0.5, width as f32 / 2.0 - 0.5);
        let fixed = |value: f32| (value * 65_536.0) as i32;
        let (y0, x0) = (shift_y - centre_y, shift_x - centre_x);
        let (step_y, step_x) = (fixed(-sin), fixed(cos));
        let (last_y, last_x) = (fixed(height as f32 - 1.0), fixed(width as f32 - 1.0));
        for row in 0..height {
            let y = y0 + row as f32;
            let mut source_y = fixed(centre_y + cos * y - sin * x0);
            let mut source_x = fixed(centre_x + sin * y + cos * x0);
            for blended in blended.iter_mut() {
                let (sy, sx) = if self.reflect {
                    (reflected(source_y, last_y), reflected(source_x, last_x))
                } else {
                    (source_y.clamp(0, last_y), source_x.clamp(0, last_x))
                };
                let (top, left) = ((sy >> 16) as usize, (sx >> 16) as usize);
                let (wy, wx) = (((sy >> 8) & 0xFF) as u64, ((sx >> 8) & 0xFF) as u64);
                let corners = &pixels[top * stride + left..][..stride + 2];
                // Weights of the four corners, which sum to 256: no channel reaches into the next.
                let both = (wy * wx) >> 8;
                *blended = corners[0] * (256 + both - wy - wx)
                    + corners[1] * (wx - both)
                    + corners[stride] * (wy - both)
                    + corners[stride + 1] * both;
                source_y += step_y;
                source_x += step_x;
            }
            if flip {
                blended.reverse();
            }
            for (channel, out) in out.chunks_exact_mut(plane).enumerate() {
                for (out, &blended) in out[row * width..].iter_mut().zip(&*blended) {
                    *out = (blended >> (16 * channel)) as u16;
                }
            }
        }
    }
}

/// A position mirrored at the first and the last pixel.
fn reflected(at: i32, last: i32) -> i32 {
    let at = if at < 0 { -at } else { at };
    // A second reflection only follows a move of more than the whole image.
    (if at > last { 2 * last - at } else { at }).clamp(0, last)
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
        assert_eq!([-3, 0, 5, 9, 12].map(|at| reflected(at, 9)), [3, 0, 5, 9, 6]);
    }
}
