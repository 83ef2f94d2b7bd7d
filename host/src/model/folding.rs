//! Normalised sums as part of weights and biases, for readers that have no others.

use rewire_core::activation::{Activation, BATCH_NORM_EPSILON, Parameters};
use rewire_engine::layer::LayerData;

use crate::model::safetensors::Model;

impl Model {
    /// The same network without normalised sums: scales, shifts and averages become part of weights and biases, and the
    /// activation a plain ReLU. Logits differ by rounding.
    #[must_use]
    pub fn folded(&self) -> Self {
        let mut model = self.clone();
        for layer in model.layers.iter_mut().filter(|layer| layer.spec.activation == Activation::BatchNormRelu) {
            fold(layer);
        }
        model
    }
}

/// Makes a layer of normalised ReLU one of ReLU.
fn fold(layer: &mut LayerData) {
    let parameters = std::mem::take(&mut layer.activation_parameters);
    let factor = |[scale, .., variance]: Parameters| scale / (variance + BATCH_NORM_EPSILON).sqrt();
    for (bias, &parameters) in layer.bias.iter_mut().zip(&parameters) {
        let [_, shift, mean, _] = parameters;
        *bias = factor(parameters) * (*bias - mean) + shift;
    }
    let neurons: Vec<usize> = layer.connections().map(|connection| connection.neuron).collect();
    for (weight, neuron) in layer.weights.iter_mut().zip(neurons) {
        *weight *= factor(parameters[neuron]);
    }
    layer.spec.activation = Activation::Relu;
}
