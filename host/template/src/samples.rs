//! Samples of the run's test set in flash, and what a window of a sensor is.

use crate::feature::Feature;
use crate::network::INPUTS;
use crate::task::{self, Known};

/// The features of each sample as the sensor delivers them, then what is known of it.
static BYTES: &[u8] = include_bytes!("../samples.bin");
const FEATURES: usize = INPUTS * size_of::<Feature>();
const SAMPLE: usize = FEATURES + task::BYTES;

/// Samples that there are.
pub const COUNT: usize = BYTES.len() / SAMPLE;
/// The first so many are learned from, the others are measured.
pub const LEARNED: usize = COUNT - COUNT / 4;

/// What there is of a window that is read.
#[allow(dead_code, reason = "a source may need only some")]
pub enum Window {
    /// What the outputs should be is known: the network learns it.
    Known(Known),
    /// It is not: the window is only predicted.
    Unknown,
    /// There was no window, and there will be none.
    End,
}

/// Reads a sample into a window, and says what is known of it.
pub fn get(index: usize, window: &mut [Feature; INPUTS]) -> Known {
    task::known(features(&BYTES[index * SAMPLE..][..SAMPLE], window))
}

/// Reads the features at the start of some bytes, as many as there are, into a window; returns the bytes after them.
pub fn features<'b>(bytes: &'b [u8], window: &mut [Feature; INPUTS]) -> &'b [u8] {
    let (features, known) = bytes.split_at(FEATURES.min(bytes.len()));
    for (to, bytes) in window.iter_mut().zip(features.as_chunks().0) {
        *to = Feature::from_le_bytes(*bytes);
    }
    known
}
