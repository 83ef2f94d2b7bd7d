//! A feature of a window is a number.

use rewire_core::storage::image::About;

/// A feature as it arrives.
pub type Feature = f32;

/// Makes inputs of the features, as the run did.
pub fn scale(about: &About<'_>, window: &mut [Feature]) {
    about.scaling.apply(window);
}

/// The input of the network that a scaled feature is.
#[allow(dead_code, reason = "an autoencoder compares with it")]
pub fn input(feature: Feature) -> f32 {
    feature
}
