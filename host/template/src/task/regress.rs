//! Numbers: what is known of a window, what the network says of it, and how near that is.

use defmt::info;
use rewire_core::prelude::Answer;
use rewire_core::storage::image::About;

use crate::feature::Feature;
use crate::network::{INPUTS, OUTPUTS};

/// What is known of a window: the numbers, in the unit in which they were learned.
pub type Known = [f32; OUTPUTS];

/// Bytes of it in `samples.bin`.
pub const BYTES: usize = OUTPUTS * size_of::<f32>();

/// The task, as a serial line has it.
#[allow(dead_code, reason = "other sources of windows do not say it")]
pub const CODE: u8 = 1;

/// Reads it.
pub fn known(bytes: &[u8]) -> Known {
    let mut known = [0.0; OUTPUTS];
    for (to, bytes) in known.iter_mut().zip(bytes.as_chunks().0) {
        *to = f32::from_le_bytes(*bytes);
    }
    known
}

/// What the outputs should be.
pub fn answer<'a>(about: &About<'_>, known: &Known, values: &'a mut [f32; OUTPUTS]) -> Answer<'a> {
    values.copy_from_slice(known);
    about.targets.apply(values);
    Answer::Values(values)
}

/// Writes what the network predicts for a window to the log.
pub fn say(about: &About<'_>, number: u32, _inputs: &[Feature; INPUTS], outputs: &[f32; OUTPUTS]) {
    for (output, &value) in outputs.iter().enumerate() {
        let (name, value) = (about.outputs.get(output).unwrap_or("value"), about.targets.invert(output, value));
        info!("window {=u32}: {=str} {=f32}", number, name, value);
    }
}

/// How near the numbers are.
#[derive(Default)]
pub struct Score {
    squares: f32,
    windows: u32,
}

impl Score {
    /// Takes a window into account.
    pub fn add(&mut self, about: &About<'_>, known: &Known, _inputs: &[Feature; INPUTS], outputs: &[f32; OUTPUTS]) {
        self.windows += 1;
        let mut values = *known;
        about.targets.apply(&mut values);
        for (found, value) in outputs.iter().zip(&values) {
            let distance = found - value;
            self.squares += distance * distance / OUTPUTS as f32;
        }
    }

    /// Says it.
    pub fn say(&self, what: &str) {
        let mean = self.squares / self.windows.max(1) as f32;
        info!("{=str}: mean squared error {=f32} of the scaled numbers, {=u32} windows", what, mean, self.windows);
    }
}
