//! The windows that are learned from: samples in flash.

use crate::feature::Feature;
use crate::network::{INPUTS, OUTPUTS};
use crate::samples::{self, Window};

/// Bytes of RAM that they take.
pub const BYTES: usize = 0;

/// The samples of `samples.bin`, one after the other.
pub struct Windows {
    next: usize,
}

impl Windows {
    /// Begins with the first sample.
    pub fn new() -> Self {
        Self { next: 0 }
    }

    /// Reads the next sample, as it was before scaling.
    pub fn read(&mut self, window: &mut [Feature; INPUTS]) -> Window {
        if self.next == samples::LEARNED {
            return Window::End;
        }
        let known = samples::get(self.next, window);
        self.next += 1;
        Window::Known(known)
    }

    /// Hears what the network gave for the window that was read last, and whether it has learned the window.
    pub fn answer(&mut self, _outputs: &[f32; OUTPUTS], _learned: bool) {}
}
