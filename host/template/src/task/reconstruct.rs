//! Anomalies: the network learns to give its inputs, and how far it is off says how unusual a window is.

use defmt::info;
use rewire_core::prelude::Answer;
use rewire_core::storage::image::About;

use crate::feature::Feature;
use crate::network::{INPUTS, OUTPUTS};

/// What is known of a window: that it is a usual one.
pub type Known = ();

/// Bytes of it in `samples.bin`.
pub const BYTES: usize = 0;

/// The task, as a serial line has it.
#[allow(dead_code, reason = "other sources of windows do not say it")]
pub const CODE: u8 = 2;

/// Reads it.
pub fn known(_bytes: &[u8]) -> Known {}

/// What the outputs should be.
pub fn answer<'a>(_about: &About<'_>, _known: &Known, _values: &'a mut [f32; OUTPUTS]) -> Answer<'a> {
    Answer::Input
}

/// How far the outputs are from the inputs: the mean squared distance.
fn score(inputs: &[Feature; INPUTS], outputs: &[f32; OUTPUTS]) -> f32 {
    let squares = inputs.iter().zip(outputs).map(|(&input, &output)| {
        let distance = output - crate::feature::input(input);
        distance * distance
    });
    squares.sum::<f32>() / INPUTS as f32
}

/// Writes what the network predicts for a window to the log.
pub fn say(_about: &About<'_>, number: u32, inputs: &[Feature; INPUTS], outputs: &[f32; OUTPUTS]) {
    info!("window {=u32}: score {=f32}", number, score(inputs, outputs));
}

/// How unusual windows are.
#[derive(Default)]
pub struct Score {
    scores: f32,
    windows: u32,
}

impl Score {
    /// Takes a window into account.
    pub fn add(&mut self, _about: &About<'_>, _known: &Known, inputs: &[Feature; INPUTS], outputs: &[f32; OUTPUTS]) {
        self.windows += 1;
        self.scores += score(inputs, outputs);
    }

    /// Says it.
    pub fn say(&self, what: &str) {
        let mean = self.scores / self.windows.max(1) as f32;
        info!("{=str}: mean score {=f32}, {=u32} windows", what, mean, self.windows);
    }
}
