//! The windows of your sensor. This is the file to edit.

use crate::feature::Feature;
use crate::network::{INPUTS, OUTPUTS};
use crate::samples::{self, Window};

/// Bytes of RAM that it takes.
pub const BYTES: usize = 0;

/// The sensor, and what its driver needs.
pub struct Windows {
    next: usize,
}

impl Windows {
    /// Sets the sensor up.
    pub fn new() -> Self {
        Self { next: 0 }
    }

    /// Waits for the next window and writes its features, in the order and the unit of the samples that the network was
    /// trained on. `main.rs` scales them.
    pub fn read(&mut self, window: &mut [Feature; INPUTS]) -> Window {
        // ==== YOUR SENSOR ===============================================================================================
        // Replace what follows: fill `window`, and return `Window::Known(…)` where somebody says what it is, such as by
        // a button, or else `Window::Unknown`. As it stands, the samples of `samples.bin` take the sensor's place.
        if self.next == samples::LEARNED {
            return Window::End;
        }
        let known = samples::get(self.next, window);
        self.next += 1;
        Window::Known(known)
        // ================================================================================================================
    }

    /// Hears what the network gave for the window that was read last, and whether it has learned the window.
    pub fn answer(&mut self, _outputs: &[f32; OUTPUTS], _learned: bool) {
        // ==== YOUR DEVICE ===============================================================================================
        // Do here what your device does with a prediction, such as to switch a lamp on.
        // ================================================================================================================
    }
}
