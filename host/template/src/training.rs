//! The layers and how they learn one window at a time, as `rewire` found both in the settings of a run.

use rewire_core::error::SettingError;
use rewire_core::prelude::*;

/// Inputs, neurons and connections of each layer.
pub const LAYERS: [LayerSpec; {{count}}] = [
{{layers}}
];

/// The seed of the run.
pub const SEED: u64 = {{seed}};

/// {{rate_reason}}
///
/// # Errors
///
/// A number outside its range.
pub fn sgd() -> Result<Sgd, SettingError> {
    {{sgd}}
}

/// How evolution replaces connections, if it does.
///
/// # Errors
///
/// A number outside its range.
pub fn evolution() -> Result<Option<Evolution>, SettingError> {
    {{evolution}}
}
