//! A feature of a window is a byte, such as a pixel, which the network reads as a 255th of its value.

use rewire_core::storage::image::About;

/// A feature as it arrives.
pub type Feature = u8;

/// Nothing is to be done: bytes are scaled where they are read.
pub fn scale(_about: &About<'_>, _window: &mut [Feature]) {}

/// The input of the network that a feature is.
#[allow(dead_code, reason = "an autoencoder compares with it")]
pub fn input(feature: Feature) -> f32 {
    f32::from(feature) * (1.0 / 255.0)
}
