//! Rotation, shift and flip.
//!
//! What Keras' `ImageDataGenerator` does: a rotation about the centre and a shift, drawn uniformly, one bilinear
//! interpolation for both, pixels outside taken from the nearest edge, or from the mirror image; then a horizontal flip with
//! probability one half.
//!
//! Positions are fixed-point with 16 fractional bits and weights have 8, so that one 64-bit multiplication blends up to four
//! channels of a pixel at once. The result is the interpolated byte times 256.

use rewire_core::random::Generator;

use crate::data::ImageShape;

/// Fractional bits of the numbers of a changed image: a byte is written times 256.
pub const FRACTION_BITS: u32 = 8;

/// The most channels whose bytes share a 64-bit word, 16 bits each.
const CHANNELS_OF_WORD: usize = 4;

/// The longest side of an image that moves, in pixels: rotated and translated by all of it, positions still fit 32 bits.
pub const MAX_SIDE: usize = 1 << 13;

/// How far images move.
#[derive(Clone, Copy, Debug)]
pub(super) struct Motion {
    pub(super) rotation: f32,
    pub(super) shift: f32,
    pub(super) reflect: bool,
    pub(super) flip: bool,
    pub(super) shape: ImageShape,
}

impl Motion {
    /// Words of scratch that [`Motion::apply`] works in.
    pub(super) fn scratch(&self) -> usize {
        let ImageShape { height, width, .. } = self.shape;
        (height + 1) * (width + 1) + width
    }

    /// Writes the moved image, in the order of `image`, as bytes times 256.
    pub(super) fn apply(&self, generator: &mut Generator, image: &[u8], scratch: &mut [u64], out: &mut [u16]) {
        let ImageShape { height, width, .. } = self.shape;
        let angle = generator.symmetric(self.rotation).to_radians();
        let (shift_y, shift_x) =
            (generator.symmetric(self.shift) * height as f32, generator.symmetric(self.shift) * width as f32);
        let flip = generator.next_u32() & 1 == 1 && self.flip;

        // Source of output (row, col): centre + R (row - centre_y + shift_y, col - centre_x + shift_x).
        let (sin, cos) = (libm::sinf(angle), libm::cosf(angle));
        let (centre_y, centre_x) = (height as f32 / 2.0 - 0.5, width as f32 / 2.0 - 0.5);
        let fixed = |value: f32| (value * 65_536.0) as i32;
        let (y0, x0) = (shift_y - centre_y, shift_x - centre_x);
        let (step_y, step_x) = (fixed(-sin), fixed(cos));
        let (last_y, last_x) = (fixed(height as f32 - 1.0), fixed(width as f32 - 1.0));

        let plane = height * width;
        // One row and column more than the image has: what lies there has weight 0.
        let stride = width + 1;
        let (pixels, blended) = scratch.split_at_mut((height + 1) * stride);
        let channels = CHANNELS_OF_WORD * plane;
        for (image, out) in image.chunks(channels).zip(out.chunks_mut(channels)) {
            gather(image, (height, width), pixels);
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
}

/// Writes each pixel's channels into one word, with a column and a row of zeros at the end.
fn gather(image: &[u8], (height, width): (usize, usize), pixels: &mut [u64]) {
    pixels.fill(0);
    for (channel, bytes) in image.chunks_exact(height * width).enumerate() {
        for (pixels, bytes) in pixels.chunks_exact_mut(width + 1).zip(bytes.chunks_exact(width)) {
            for (pixel, &byte) in pixels.iter_mut().zip(bytes) {
                *pixel |= u64::from(byte) << (16 * channel);
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

    #[test]
    fn positions_are_mirrored_at_the_first_and_the_last_pixel() {
        assert_eq!([-3, 0, 5, 9, 12].map(|at| reflected(at, 9)), [3, 0, 5, 9, 6]);
    }
}
