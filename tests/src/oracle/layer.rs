//! A layer of the oracle: its parameters, and what its activation does with a sum.

use rewire_core::activation::{Activation, BATCH_NORM_EPSILON};

/// One layer.
#[derive(Clone, Debug)]
pub struct OracleLayer {
    /// What each neuron does with its sum.
    pub activation: Activation,
    /// Which cells have a connection.
    pub exists: Vec<Vec<bool>>,
    /// Weights.
    pub weights: Vec<Vec<f64>>,
    /// Biases.
    pub bias: Vec<f64>,
    /// Velocities of the weights.
    pub velocity: Vec<Vec<f64>>,
    /// Velocities of the biases.
    pub bias_velocity: Vec<f64>,
    /// Parameters of an SReLU: left joint, left slope, distance of the right joint, right slope.
    pub activation_parameters: Vec<[f64; 4]>,
}

impl OracleLayer {
    /// A neuron's activation; `residual` is that of the layer two before, 0 without residual connections.
    pub(super) fn activate(&self, neuron: usize, z: f64, residual: f64) -> f64 {
        match self.activation {
            Activation::Identity => z,
            Activation::Relu => z.max(0.0),
            Activation::LeakyRelu { slope } => {
                if z > 0.0 {
                    z
                } else {
                    f64::from(slope) * z
                }
            }
            Activation::SRelu => {
                let [left, left_slope, width, right_slope] = self.activation_parameters[neuron];
                let right = left + width.abs();
                z.clamp(left, right) + left_slope * (z - left).min(0.0) + right_slope * (z - right).max(0.0)
            }
            Activation::BatchNormRelu | Activation::BatchNormResidual => {
                let [.., mean, variance] = self.activation_parameters[neuron];
                self.normalise(neuron, z, [mean, variance], residual)
            }
        }
    }

    /// What residual connections add to a neuron of this layer, the network's layer `index`.
    pub(super) fn residual<'a>(&self, index: usize, neuron: usize, before: impl Fn(usize) -> &'a Vec<f64>) -> f64 {
        if self.activation == Activation::BatchNormResidual { before(index - 2)[neuron] } else { 0.0 }
    }

    pub(super) fn normalise(&self, neuron: usize, z: f64, [mean, variance]: [f64; 2], residual: f64) -> f64 {
        let [scale, shift, ..] = self.activation_parameters[neuron];
        (scale * (z - mean) / (variance + f64::from(BATCH_NORM_EPSILON)).sqrt() + shift + residual).max(0.0)
    }

    pub(super) fn slope(&self, neuron: usize, z: f64) -> f64 {
        match self.activation {
            Activation::Identity => 1.0,
            Activation::Relu => f64::from(u8::from(z > 0.0)),
            Activation::LeakyRelu { slope } => {
                if z > 0.0 {
                    1.0
                } else {
                    f64::from(slope)
                }
            }
            Activation::SRelu => {
                let [left, left_slope, width, right_slope] = self.activation_parameters[neuron];
                if z < left {
                    left_slope
                } else if z > left + width.abs() {
                    right_slope
                } else {
                    1.0
                }
            }
            Activation::BatchNormRelu | Activation::BatchNormResidual => {
                panic!("it depends on the other samples: ask for finite differences")
            }
        }
    }
}
