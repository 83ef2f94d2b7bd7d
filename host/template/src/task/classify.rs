//! Classes: what is known of a window, what the network says of it, and how often that is right.

use defmt::info;
use rewire_core::prelude::Answer;
use rewire_core::storage::image::About;

use crate::feature::Feature;
use crate::network::{INPUTS, OUTPUTS};

/// What is known of a window: its class, counted from 0 in the order of the names.
pub type Known = u16;

/// Bytes of it in `samples.bin`.
pub const BYTES: usize = 2;

/// The task, as a serial line has it.
#[allow(dead_code, reason = "other sources of windows do not say it")]
pub const CODE: u8 = 0;

/// Reads it.
pub fn known(bytes: &[u8]) -> Known {
    u16::from_le_bytes([bytes[0], bytes[1]])
}

/// What the outputs should be.
pub fn answer<'a>(_about: &About<'_>, known: &Known, _values: &'a mut [f32; OUTPUTS]) -> Answer<'a> {
    Answer::Class(*known)
}

/// Writes what the network predicts for a window to the log.
pub fn say(about: &About<'_>, number: u32, _inputs: &[Feature; INPUTS], outputs: &[f32; OUTPUTS]) {
    let class = largest(outputs);
    let probability = probability(outputs, class);
    match about.outputs.get(class) {
        Some(name) => info!("window {=u32}: {=str}, probability {=f32}", number, name, probability),
        None => info!("window {=u32}: class {=usize}, probability {=f32}", number, class, probability),
    }
}

/// The class with the largest output.
fn largest(outputs: &[f32; OUTPUTS]) -> usize {
    (1..OUTPUTS).fold(0, |best, class| if outputs[class] > outputs[best] { class } else { best })
}

/// The softmax of the outputs, for one class.
fn probability(outputs: &[f32; OUTPUTS], class: usize) -> f32 {
    let most = outputs[largest(outputs)];
    libm::expf(outputs[class] - most) / outputs.iter().map(|output| libm::expf(output - most)).sum::<f32>()
}

/// How often the network is right.
#[derive(Default)]
pub struct Score {
    right: u32,
    windows: u32,
}

impl Score {
    /// Takes a window into account.
    pub fn add(&mut self, _about: &About<'_>, known: &Known, _inputs: &[Feature; INPUTS], outputs: &[f32; OUTPUTS]) {
        self.windows += 1;
        self.right += u32::from(largest(outputs) == usize::from(*known));
    }

    /// Says it.
    pub fn say(&self, what: &str) {
        let accuracy = 100.0 * self.right as f32 / self.windows.max(1) as f32;
        info!("{=str}: {=u32} of {=u32} right, {=f32} %", what, self.right, self.windows, accuracy);
    }
}
