//! The settings of a network that was read from a file without those of its training.

use rewire_core::activation::Activation;
use rewire_core::network::Storage;

use crate::data::manifest;
use crate::model::safetensors::Model;
use crate::settings::{ActivationKind, Config, ModelKind, StorageKind};

/// The settings that a network itself tells, over `defaults`.
pub fn described(model: &Model, defaults: Config) -> Config {
    let layers = &model.layers;
    let hidden: Vec<_> = layers.iter().rev().skip(1).rev().map(|layer| layer.spec).collect();
    let residual = hidden.iter().find(|spec| spec.activation == Activation::BatchNormResidual);
    let (activation, slope) = match residual.or(hidden.first()).map(|spec| spec.activation) {
        Some(Activation::LeakyRelu { slope }) => {
            // All-ReLU turns the slope of every second layer.
            let turns = hidden.get(1).is_some_and(|spec| spec.activation == Activation::LeakyRelu { slope: -slope });
            (if turns || slope < 0.0 { ActivationKind::AllRelu } else { ActivationKind::LeakyRelu }, slope.abs())
        }
        Some(Activation::SRelu) => (ActivationKind::Srelu, defaults.slope),
        Some(Activation::BatchNormRelu) => (ActivationKind::BatchNormRelu, defaults.slope),
        Some(Activation::BatchNormResidual) => (ActivationKind::BatchNormResidual, defaults.slope),
        Some(Activation::Relu | Activation::Identity) | None => (ActivationKind::Relu, defaults.slope),
    };
    let is_stored = |storage| layers.iter().any(|layer| layer.spec.storage == storage);
    let storage = if is_stored(Storage::Blocked) {
        StorageKind::Blocked
    } else if is_stored(Storage::InputMajor) {
        StorageKind::InputMajor
    } else {
        StorageKind::OutputMajor
    };
    let is_dense = layers.iter().all(|layer| layer.spec.is_dense());
    Config {
        hidden: hidden.iter().map(|spec| spec.n_out).collect(),
        connections: if is_dense { Vec::new() } else { layers.iter().map(|layer| layer.spec.connections).collect() },
        model: if is_dense { ModelKind::Dense } else { ModelKind::Set },
        shape: model.shape.or(model.dataset.map(|name| manifest::entry(name).shape)),
        filter: model.filter,
        activation,
        slope,
        storage,
        ..defaults
    }
}
