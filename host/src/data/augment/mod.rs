//! Random changes of training images, drawn anew for each epoch.
//!
//! An image is first moved ([`geometry`]), then its colours change ([`colour`]), then a rectangle is erased ([`erase`]).
//! Each draw is a function of (seed, epoch, sample), so it is the same for any number of threads, and each kind has draws
//! of its own: one does not change with another.

mod colour;
mod erase;
mod geometry;

use rewire_core::random::{Generator, Purpose};

use crate::data::ImageShape;

/// Fractional bits of the numbers of a changed image: a byte is written times 256.
pub const FRACTION_BITS: u32 = 8;

/// The most channels of an image that is changed.
pub const MAX_CHANNELS: usize = 4;

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

/// What is drawn; the number tells the draws apart.
#[derive(Clone, Copy)]
enum Draw {
    Geometry = 0,
    Colour = 1,
    Erase = 2,
}

impl Augmentation {
    /// No change of images of this extent.
    pub const fn none(shape: ImageShape, seed: u64) -> Self {
        Self { rotation: 0.0, shift: 0.0, reflect: false, flip: false, jitter: 0.0, erase: 0.0, shape, seed }
    }

    fn generator(&self, draw: Draw, sample: u32, epoch: u32) -> Generator {
        Generator::new(self.seed, Purpose::Augmentation, epoch, draw as u32, sample)
    }

    /// Writes the changed image, in the order of `image`, as bytes times 256. `scratch` has [`Augmentation::scratch`]
    /// words; `mean` is what an erased pixel becomes, one number a feature, in bytes.
    pub fn apply(&self, image: &[u8], mean: &[f32], sample: u32, epoch: u32, scratch: &mut [u64], out: &mut [u16]) {
        self.transform(image, sample, epoch, scratch, out);
        if self.jitter > 0.0 {
            colour::jitter(self.jitter, &mut self.generator(Draw::Colour, sample, epoch), self.shape, out);
        }
        if self.erase > 0.0 {
            erase::erase(self.erase, &mut self.generator(Draw::Erase, sample, epoch), self.shape, mean, out);
        }
    }
}
