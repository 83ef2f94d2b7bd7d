//! Images as a network's inputs: scaling, and tiles of samples.

use std::cell::RefCell;

use rewire_core::random::{Permutation, Purpose};
use rewire_core::samples::PixelShift;
use rewire_core::samples::{SampleSource, Samples};

use crate::data::Split;
use crate::data::augment::{Augmentation, FRACTION_BITS};
use crate::settings::Scaling;

/// `x = (pixel - mean) * scale`, per feature.
#[derive(Clone, Debug, PartialEq)]
pub struct Normaliser {
    /// Subtracted from a pixel's byte.
    pub mean: Vec<f32>,
    /// Then multiplied by.
    pub scale: Vec<f32>,
}

impl Normaliser {
    /// Measures the samples of `split` at `indices`, as far as `scaling` asks.
    pub fn fit(scaling: Scaling, split: &Split, indices: &[u32], features: usize) -> Self {
        if scaling == Scaling::Unit {
            return Self { mean: vec![0.0; features], scale: vec![1.0 / 255.0; features] };
        }
        let (mut sums, mut squares) = (vec![0u64; features], vec![0u64; features]);
        for &index in indices {
            for ((sum, square), &pixel) in sums.iter_mut().zip(&mut squares).zip(split.image(index as usize)) {
                *sum += u64::from(pixel);
                *square += u64::from(pixel) * u64::from(pixel);
            }
        }
        if scaling == Scaling::Global {
            let (sum, square) = (sums.iter().sum(), squares.iter().sum());
            let (mean, scale) = standard(sum, square, indices.len() * features);
            return Self { mean: vec![mean; features], scale: vec![scale; features] };
        }
        let pairs = sums.iter().zip(&squares).map(|(&sum, &square)| standard(sum, square, indices.len()));
        let (mean, scale) = pairs.unzip();
        Self { mean, scale }
    }
}

/// Mean and reciprocal standard deviation from exact sums; a constant feature has scale 0.
fn standard(sum: u64, square: u64, n: usize) -> (f32, f32) {
    let n = n.max(1) as f64;
    let mean = sum as f64 / n;
    let variance = square as f64 / n - mean * mean;
    // The sums are exact, so what is left of a constant feature is rounding far below this.
    let scale = if variance > 1e-6 { 1.0 / variance.sqrt() } else { 0.0 };
    (mean as f32, scale as f32)
}

/// `n` distinct indices below `len`, drawn by the seed, in ascending order; all of them when `n` is 0.
pub fn draw(seed: u64, stream: u32, len: usize, n: usize) -> Vec<u32> {
    if n == 0 || n >= len {
        return (0..len as u32).collect();
    }
    let order = Permutation::with_purpose(seed, Purpose::Subset, stream, len as u32);
    let mut indices: Vec<u32> = (0..n as u32).map(|position| order.at(position)).collect();
    indices.sort_unstable();
    indices
}

/// Some samples of a split, normalised, and changed in training where that is asked for.
#[derive(Clone, Debug)]
pub struct Images<'a> {
    split: &'a Split,
    indices: Vec<u32>,
    normaliser: &'a Normaliser,
    augmentation: Option<Augmentation>,
    pixel_shift: Option<PixelShift>,
}

impl<'a> Images<'a> {
    /// The samples of `split` at `indices`.
    pub fn new(split: &'a Split, indices: Vec<u32>, normaliser: &'a Normaliser) -> Self {
        Self { split, indices, normaliser, augmentation: None, pixel_shift: None }
    }

    /// The same samples, each changed anew in every epoch of training.
    #[must_use]
    pub fn with_augmentation(mut self, augmentation: Option<Augmentation>) -> Self {
        self.augmentation = augmentation;
        self
    }

    /// The same samples, each moved anew in every epoch of training.
    #[must_use]
    pub fn with_pixel_shift(mut self, shift: PixelShift) -> Self {
        self.pixel_shift = (shift.reach > 0).then_some(shift);
        self
    }

    /// Number of samples.
    pub fn count(&self) -> usize {
        self.indices.len()
    }
}

/// Features whose rows of a tile, and whose pixels of an image, are written and read together: both stay in the cache.
const BLOCK: usize = 64;

/// Images that are changed before they are written into a tile, so that the changed ones stay in the cache.
const STAGE: usize = 16;

thread_local! {
    /// What changing an image works in, and the changed images.
    static SCRATCH: RefCell<(Vec<u64>, Vec<u16>)> = const { RefCell::new((Vec::new(), Vec::new())) };
    /// A moved image.
    static MOVED: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Makes room for the images of a stage.
fn fit_scratch(augmentation: &Augmentation, words: &mut Vec<u64>, changed: &mut Vec<u16>) {
    words.resize(augmentation.scratch(), 0);
    changed.resize(STAGE * augmentation.shape.features(), 0);
}

impl Images<'_> {
    /// Allocates what this thread will need to change images, so that no step does.
    pub fn prepare(&self) {
        if let Some(augmentation) = &self.augmentation {
            SCRATCH.with_borrow_mut(|(words, changed)| fit_scratch(augmentation, words, changed));
        }
        if self.pixel_shift.is_some() {
            MOVED.with_borrow_mut(|moved| moved.reserve(self.normaliser.mean.len()));
        }
    }

    /// Writes images into lanes `first..` of a tile. `unit` is the value of a byte's one in an image's numbers.
    #[inline(always)]
    fn write<const LANES: usize, T: Copy + Into<f32>>(
        &self,
        images: &[&[T]],
        unit: f32,
        first: usize,
        x: &mut [[f32; LANES]],
    ) {
        let Normaliser { mean, scale } = self.normaliser;
        let parameters = mean.chunks(BLOCK).zip(scale.chunks(BLOCK));
        for (block, (rows, (mean, scale))) in x.chunks_mut(BLOCK).zip(parameters).enumerate() {
            for (lane, image) in (first..LANES).zip(images) {
                let pixels = &image[block * BLOCK..];
                for (((row, &pixel), mean), scale) in rows.iter_mut().zip(pixels).zip(mean).zip(scale) {
                    row[lane] = (pixel.into() * unit - mean) * scale;
                }
            }
        }
    }

    /// Writes changed images into a tile.
    fn write_changed<const LANES: usize>(
        &self,
        augmentation: &Augmentation,
        samples: &[u32],
        epoch: u32,
        x: &mut [[f32; LANES]],
    ) {
        let features = x.len();
        SCRATCH.with_borrow_mut(|(words, changed)| {
            fit_scratch(augmentation, words, changed);
            for (stage, samples) in samples.chunks(STAGE).enumerate() {
                for (&sample, changed) in samples.iter().zip(changed.chunks_exact_mut(features)) {
                    augmentation.apply(self.split.image(sample as usize), sample, epoch, words, changed);
                }
                let mut images: [&[u16]; STAGE] = [&[]; STAGE];
                for (image, changed) in images.iter_mut().zip(changed.chunks_exact(features)) {
                    *image = changed;
                }
                let unit = 1.0 / (1u32 << FRACTION_BITS) as f32;
                self.write(&images[..samples.len()], unit, stage * STAGE, x);
            }
        });
    }

    /// Writes moved images into a tile.
    fn write_moved<const LANES: usize>(&self, shift: &PixelShift, samples: &[u32], epoch: u32, x: &mut [[f32; LANES]]) {
        MOVED.with_borrow_mut(|moved| {
            for (lane, &sample) in samples.iter().enumerate() {
                moved.clear();
                moved.extend_from_slice(self.split.image(sample as usize));
                shift.apply(epoch, sample, 0, moved.as_chunks_mut::<1>().0);
                self.write(&[moved], 1.0, lane, x);
            }
        });
    }
}

impl SampleSource for Images<'_> {
    fn len(&self) -> usize {
        self.indices.len()
    }
}

impl<const LANES: usize> Samples<LANES> for Images<'_> {
    fn fill(&self, indices: &[u32], epoch: u32, x: &mut [[f32; LANES]], labels: &mut [u16; LANES]) {
        let mut samples = [0u32; LANES];
        let mut images: [&[u8]; LANES] = [&[]; LANES];
        for (((&index, sample), image), label) in indices.iter().zip(&mut samples).zip(&mut images).zip(labels) {
            *sample = self.indices[index as usize];
            *image = self.split.image(*sample as usize);
            *label = u16::from(self.split.labels[*sample as usize]);
        }
        match (&self.augmentation, &self.pixel_shift) {
            // Evaluation is epoch 0.
            (Some(augmentation), _) if epoch > 0 => {
                self.write_changed(augmentation, &samples[..indices.len()], epoch, x);
            }
            (None, Some(shift)) if epoch > 0 => self.write_moved(shift, &samples[..indices.len()], epoch, x),
            _ => self.write(&images[..indices.len()], 1.0, 0, x),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split() -> Split {
        Split { images: vec![0, 10, 200, 7, 10, 100], labels: vec![1, 2] }
    }

    #[test]
    fn features_are_standardised_and_constants_become_zero() {
        let normaliser = Normaliser::fit(Scaling::Feature, &split(), &[0, 1], 3);
        assert_eq!(normaliser.mean, [3.5, 10.0, 150.0]);
        assert_eq!(normaliser.scale, [1.0 / 3.5, 0.0, 0.02]);
        let data = split();
        let images = Images::new(&data, vec![0, 1], &normaliser);
        let (mut x, mut labels) = ([[0.0f32; 2]; 3], [0u16; 2]);
        images.fill(&[0, 1], 0, &mut x, &mut labels);
        assert_eq!((x, labels), ([[-1.0, 1.0], [0.0, 0.0], [1.0, -1.0]], [1, 2]));
    }

    #[test]
    fn draws_are_distinct_and_repeatable() {
        let drawn = draw(3, 0, 1000, 100);
        assert_eq!(drawn.len(), 100);
        assert!(drawn.windows(2).all(|pair| pair[0] < pair[1]));
        assert_eq!(drawn, draw(3, 0, 1000, 100));
        assert_ne!(drawn, draw(4, 0, 1000, 100));
        assert_eq!(draw(3, 0, 5, 0), [0, 1, 2, 3, 4]);
    }
}
