//! Samples in flash, packed by `build.rs`.

use rewire_core::prelude::{SampleSource, Samples};

/// Pixels of an image.
pub const PIXELS: usize = 784;

/// Images in flash, each a sequence of runs: so many zeros, then so many bytes that are copied.
#[derive(Clone, Copy, Debug)]
pub struct Packed {
    ends: &'static [u8],
    bytes: &'static [u8],
    count: usize,
}

impl Packed {
    /// The bundled training samples.
    pub fn train() -> Self {
        Self::new(include_bytes!(concat!(env!("OUT_DIR"), "/train.packed")))
    }

    /// The bundled test samples.
    pub fn test() -> Self {
        Self::new(include_bytes!(concat!(env!("OUT_DIR"), "/test.packed")))
    }

    fn new(file: &'static [u8]) -> Self {
        let (count, rest) = file.split_first_chunk().unwrap_or((&[0; 4], &[]));
        let count = u32::from_le_bytes(*count) as usize;
        let (ends, bytes) = rest.split_at_checked(4 * count).unwrap_or_default();
        Self { ends, bytes, count }
    }

    /// The same source, limited to its first `count` samples.
    #[must_use]
    pub fn first(mut self, count: usize) -> Self {
        self.count = self.count.min(count);
        self
    }

    fn end(&self, index: usize) -> usize {
        let end = self.ends.get(4 * index..).and_then(<[u8]>::first_chunk);
        end.map_or(0, |end| u32::from_le_bytes(*end) as usize)
    }

    /// Label and runs of a sample.
    fn sample(&self, index: usize) -> (u8, &'static [u8]) {
        let start = index.checked_sub(1).map_or(0, |before| self.end(before));
        let sample = self.bytes.get(start..self.end(index)).unwrap_or_default();
        sample.split_first().map_or((0, sample), |(label, runs)| (*label, runs))
    }
}

impl SampleSource for Packed {
    fn len(&self) -> usize {
        self.count
    }
}

impl Samples<1, u8> for Packed {
    fn fill(&self, indices: &[u32], _epoch: u32, x: &mut [[u8; 1]], labels: &mut [u16; 1]) {
        let Some(&index) = indices.first() else { return };
        let (label, mut runs) = self.sample(index as usize);
        *labels = [u16::from(label)];
        let mut x = x.as_flattened_mut();
        while let Some((&[zeros, copied], rest)) = runs.split_first_chunk() {
            let (blank, after) = core::mem::take(&mut x).split_at_mut_checked(zeros.into()).unwrap_or_default();
            blank.fill(0);
            let (pixels, rest) = rest.split_at_checked(copied.into()).unwrap_or_default();
            let (to, after) = after.split_at_mut_checked(copied.into()).unwrap_or_default();
            for (to, &pixel) in to.iter_mut().zip(pixels) {
                *to = pixel;
            }
            (x, runs) = (after, rest);
        }
    }
}
