//! The layers and how they learn one window at a time, as `rewire` found both in the settings of a run.

use rewire_core::error::SettingError;
use rewire_core::prelude::*;

/// Inputs, neurons and connections of each layer.
pub const LAYERS: [LayerSpec; 2] = [
    LayerSpec::sparse(784, 56, 1379, Activation::Relu).input_major(),
    LayerSpec::dense(56, 10, Activation::Identity),
];

/// The seed of the run.
pub const SEED: u64 = 1;

/// The run's learning rate is 0.05 for minibatches of 1 with momentum 0. A single window
/// moves a weight as much with the rate 0.05 / ((1 - 0) * 1).
///
/// # Errors
///
/// A number outside its range.
pub fn sgd() -> Result<Sgd, SettingError> {
    Sgd::new(0.05)?.with_weight_decay(0.0001, WeightDecay::Periodic)
}

/// How evolution replaces connections, if it does.
///
/// # Errors
///
/// A number outside its range.
pub fn evolution() -> Result<Option<Evolution>, SettingError> {
    Ok(Some(Evolution::new(0.25, GrownWeight::Zero, FanIn::Connections)?.with_growth(Growth::Near { image: ImagePlane { channels: 1, height: 28, width: 28 }, reach: 2 })))
}

/// Where the inputs lie.
pub const IMAGE: ImagePlane = ImagePlane { channels: 1, height: 28, width: 28 };

/// Fan-in for the initial weights.
pub const FAN_IN: FanIn = FanIn::Connections;

/// The initial topology.
///
/// # Errors
///
/// A number outside its range.
pub fn placement() -> Result<Placement, SettingError> {
    Ok(Placement::Local(Locality::new(IMAGE, &[3.0])?))
}

/// The random translation of training images.
pub const SHIFT: PixelShift = PixelShift { image: IMAGE, reach: 0, seed: SEED };

/// A run of so many epochs.
///
/// # Errors
///
/// A number outside its range.
pub fn training(epochs: u32) -> Result<TrainSettings, SettingError> {
    Ok(TrainSettings {
        seed: SEED,
        schedule: Schedule::Linear,
        warmup: 0,
        evolution: evolution()?,
        zeta_schedule: Schedule::Constant,
        evolve_every: 5000,
        evolve_until: epochs / 5 * 4 + epochs % 5 * 4 / 5,
        ..TrainSettings::new(epochs, sgd()?)
    })
}
