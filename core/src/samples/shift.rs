//! Data augmentation by random translation of images, in whole pixels: the same on a chip and on a host.
//!
//! ```text
//! 1 2 3      2 3 3
//! 4 5 6  ->  5 6 6      moved left by one; the nearest pixel stands for what is outside
//! 7 8 9      8 9 9
//! ```
//! The draw is a function of (seed, epoch, sample), so it depends neither on threads nor on the tile width.

use crate::backend::Exchange;
use crate::random::{Generator, Purpose};
use crate::samples::element::Element;
use crate::samples::needed::Needed;
use crate::samples::source::{SampleSource, Samples, Target};
use crate::topology::plane::ImagePlane;

/// Random translation by up to `reach` pixels in each direction, uniform.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct PixelShift {
    /// Extent of the images.
    pub image: ImagePlane,
    /// Largest translation in pixels; 0 changes nothing.
    pub reach: u16,
    /// Seed of the run.
    pub seed: u64,
}

impl PixelShift {
    /// Translates the sample in one lane of a tile, by the amount drawn for `epoch`.
    ///
    /// Shapes: `x` `[n_in][LANES]`, channel by channel, row by row. In place, without scratch.
    pub fn apply<X: Copy, const LANES: usize>(&self, epoch: u32, sample: u32, lane: usize, x: &mut [[X; LANES]]) {
        if self.reach == 0 {
            return;
        }
        let mut generator = Generator::new(self.seed, Purpose::Augmentation, epoch, 0, sample);
        let reach = i32::from(self.reach);
        let mut draw = || generator.below(2 * u32::from(self.reach) + 1).cast_signed() - reach;
        let (down, right) = (draw(), draw());
        let (height, width) = (self.image.height.max(1) as usize, self.image.width.max(1) as usize);
        for plane in x.chunks_exact_mut(height.saturating_mul(width).max(1)) {
            // A place is written after it was read: from the side that the image moves to.
            for row in Towards::new(height, down) {
                let from = source(row, down, height) * width;
                for col in Towards::new(width, right) {
                    let value = plane.get(from + source(col, right, width)).and_then(|pixel| pixel.get(lane)).copied();
                    let to = plane.get_mut(row * width + col).and_then(|pixel| pixel.get_mut(lane));
                    if let (Some(to), Some(value)) = (to, value) {
                        *to = value;
                    }
                }
            }
        }
    }
}

/// Where a row or column comes from: the nearest inside.
fn source(at: usize, shift: i32, len: usize) -> usize {
    at.saturating_add_signed(-shift as isize).min(len - 1)
}

/// `0..len`, from the end where the shift is positive.
struct Towards {
    next: usize,
    left: usize,
    backwards: bool,
}

impl Towards {
    fn new(len: usize, shift: i32) -> Self {
        let backwards = shift > 0;
        Self { next: if backwards { len - 1 } else { 0 }, left: len, backwards }
    }
}

impl Iterator for Towards {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        self.left = self.left.checked_sub(1)?;
        let at = self.next;
        self.next = if self.backwards { at.wrapping_sub(1) } else { at + 1 };
        Some(at)
    }
}

/// Samples that are translated in training and left as they are in evaluation.
#[derive(Clone, Copy, Debug)]
pub struct Shifted<S> {
    /// Where they come from.
    pub samples: S,
    /// The translation.
    pub shift: PixelShift,
}

impl<S: SampleSource> SampleSource for Shifted<S> {
    fn len(&self) -> usize {
        self.samples.len()
    }

    fn largest_label(&self) -> Option<u16> {
        self.samples.largest_label()
    }

    #[inline(always)]
    fn target(&self) -> Target {
        self.samples.target()
    }

    #[inline(always)]
    fn value(&self, index: u32, output: usize) -> f32 {
        self.samples.value(index, output)
    }

    #[inline(always)]
    fn bring(&self, exchange: &dyn Exchange, needed: &Needed<'_>) {
        self.samples.bring(exchange, needed);
    }

    #[inline(always)]
    fn is_weighted(&self) -> bool {
        self.samples.is_weighted()
    }

    #[inline(always)]
    fn weight(&self, index: u32, label: u16) -> f32 {
        self.samples.weight(index, label)
    }
}

impl<X: Element, const LANES: usize, S: Samples<LANES, X>> Samples<LANES, X> for Shifted<S> {
    fn fill(&self, indices: &[u32], epoch: u32, x: &mut [[X; LANES]], labels: &mut [u16; LANES]) {
        self.samples.fill(indices, epoch, x, labels);
        // Evaluation is epoch 0.
        if epoch > 0 {
            for (lane, &sample) in indices.iter().enumerate() {
                self.shift.apply(epoch, sample, lane, x);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::Table;
    use std::vec::Vec;

    const IMAGE: ImagePlane = ImagePlane { channels: 2, height: 4, width: 3 };

    /// The image moved the obvious way.
    fn moved(image: &[u8], down: i32, right: i32) -> Vec<u8> {
        let at = |plane: i32, row: i32, col: i32| image[(plane * 12 + row.clamp(0, 3) * 3 + col.clamp(0, 2)) as usize];
        let cells = (0..2).flat_map(|plane| (0..4).flat_map(move |row| (0..3).map(move |col| (plane, row, col))));
        cells.map(|(plane, row, col)| at(plane, row - down, col - right)).collect()
    }

    #[test]
    fn every_shift_occurs_about_equally_often_and_moves_as_the_obvious_way_does() {
        let image: Vec<u8> = (0..24).map(|i| i * 7).collect();
        for reach in 0..=5i32 {
            let shift = PixelShift { image: IMAGE, reach: reach as u16, seed: 3 };
            let width = 2 * reach + 1;
            let all: Vec<Vec<u8>> =
                (0..width * width).map(|i| moved(&image, i / width - reach, i % width - reach)).collect();
            let mut counts = std::vec![0; all.len()];
            for sample in 0..200 * all.len() as u32 {
                let mut x: Vec<[u8; 1]> = image.iter().map(|&pixel| [pixel]).collect();
                shift.apply(1, sample, 0, &mut x);
                // Large shifts look alike, so each counts for the first that looks so.
                let same = all.iter().position(|other| other == x.as_flattened());
                counts[same.expect("no other image is made")] += 1;
            }
            if reach == 1 {
                assert!(counts.iter().all(|count| (140..260).contains(count)), "{counts:?}");
            }
        }
    }

    #[test]
    fn a_lane_moves_alone_and_evaluation_moves_nothing() {
        let features: Vec<f32> = (0..72u8).map(f32::from).collect();
        let shift = PixelShift { image: IMAGE, reach: 1, seed: 1 };
        let samples = Shifted { samples: Table::new(&features, &[0, 1, 2]).unwrap(), shift };
        for epoch in 0..5 {
            let (mut wide, mut labels) = ([[0.0f32; 4]; 24], [0; 4]);
            samples.fill(&[2, 0, 1], epoch, &mut wide, &mut labels);
            for (lane, sample) in [2, 0, 1].into_iter().enumerate() {
                let (mut one, mut label) = ([[0.0f32; 1]; 24], [0; 1]);
                samples.fill(&[sample], epoch, &mut one, &mut label);
                assert!(wide.iter().map(|row| row[lane]).eq(one.iter().map(|row| row[0])));
                let still = one.as_flattened() == &features[24 * sample as usize..][..24];
                assert!(still || epoch > 0);
            }
        }
    }
}
