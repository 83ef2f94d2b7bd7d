//! The activations, and their derivatives.

use crate::backend::vector::{Test, Vector};

/// Parameters that some activations keep for each neuron.
///
/// SReLU: left threshold, left slope, distance to the right threshold, right slope. Normalised ReLU: scale, shift, and
/// the averages of mean and variance.
pub type Parameters = [f32; 4];

/// What a neuron does with its weighted sum `z`.
///
/// Not `non_exhaustive`: whoever stores a network must have a name for each activation, so a new one must fail to
/// compile there.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Activation {
    /// `z`: the logits of an output layer.
    #[default]
    Identity,
    /// `max(z, 0)`.
    Relu,
    /// `z` above zero, `slope * z` below. A negative slope is allowed: All-ReLU alternates its sign.
    LeakyRelu {
        /// Slope below zero, finite.
        slope: f32,
    },
    /// Three linear pieces whose two thresholds and outer slopes each neuron learns: see `srelu.rs`. For formats
    /// with [`Format::LEARNED_ACTIVATIONS`](crate::sparse::index::Format::LEARNED_ACTIVATIONS).
    SRelu,
    /// ReLU of the sum normalised over a tile's samples, then scaled and shifted as the neuron learns: see
    /// `batch_norm.rs`. For the same formats, tiles of at least two lanes and minibatches of at least two
    /// samples.
    BatchNormRelu,
    /// The same, with the activation of the neuron in the same place two layers before added to the normalised sum, before
    /// ReLU: a residual connection. The layer two before is as wide and normalised too; the layer between has no
    /// residual connections.
    ///
    /// Source: He et al. 2016, arXiv 1512.03385.
    BatchNormResidual,
}

impl Activation {
    /// All-ReLU of a hidden layer counted from 0: slope `-slope`, `+slope`, `-slope`…
    ///
    /// Source: Curci et al. 2021, equation 2, arXiv 2102.01732.
    pub const fn all_relu(slope: f32, hidden_layer: usize) -> Self {
        Self::LeakyRelu { slope: if hidden_layer.is_multiple_of(2) { -slope } else { slope } }
    }

    /// The activation of one sum; that of one with parameters is the identity, since they are the neuron's.
    #[inline(always)]
    pub fn apply(self, z: f32) -> f32 {
        match self {
            Self::Identity | Self::SRelu | Self::BatchNormRelu | Self::BatchNormResidual => z,
            Self::Relu => {
                // Not `max`: a NaN must stay visible in the loss.
                if z <= 0.0 { 0.0 } else { z }
            }
            Self::LeakyRelu { slope } => {
                if z <= 0.0 {
                    slope * z
                } else {
                    z
                }
            }
        }
    }

    /// Whether the derivative needs `z`: the activation hides its sign, or has parameters.
    #[inline(always)]
    pub(crate) const fn hides_sign(self) -> bool {
        match self {
            Self::Identity | Self::Relu => false,
            Self::LeakyRelu { slope } => slope < 0.0,
            Self::SRelu | Self::BatchNormRelu | Self::BatchNormResidual => true,
        }
    }

    /// Whether its neurons have parameters of their own.
    #[inline(always)]
    pub const fn is_learned(self) -> bool {
        matches!(self, Self::SRelu) || self.is_normalised()
    }

    /// Whether sums are normalised over a tile's samples.
    #[inline(always)]
    pub const fn is_normalised(self) -> bool {
        matches!(self, Self::BatchNormRelu | Self::BatchNormResidual)
    }

    /// Whether the activations of the layer two before are added.
    #[inline(always)]
    pub(crate) const fn is_residual(self) -> bool {
        matches!(self, Self::BatchNormResidual)
    }

    /// How many of a neuron's parameters follow their gradient; the others are averages.
    pub(crate) const fn trained_parameters(self) -> usize {
        if self.is_normalised() { 2 } else { 4 }
    }

    /// Whether an activation of zero passes no gradient.
    #[inline(always)]
    pub(crate) const fn closes_at_zero(self) -> bool {
        match self {
            Self::Identity | Self::Relu | Self::LeakyRelu { .. } => true,
            // Its rows also leave a gradient by their parameters.
            Self::SRelu | Self::BatchNormRelu | Self::BatchNormResidual => false,
        }
    }

    /// Applies the activation to a row of sums.
    #[inline(always)]
    pub(crate) fn apply_row<V: Vector, const K: usize>(self, vector: V, row: &mut [V::Register; K]) {
        // Not the maximum: a NaN must stay visible in the loss.
        for z in row {
            *z = match self {
                Self::Identity | Self::SRelu | Self::BatchNormRelu | Self::BatchNormResidual => *z,
                Self::Relu => vector.select(Test::NotPositive, *z, vector.splat(0.0), *z),
                Self::LeakyRelu { slope } => {
                    vector.select(Test::NotPositive, *z, vector.mul(vector.splat(slope), *z), *z)
                }
            };
        }
    }

    /// Multiplies the gradient by an activation's row with the derivative with respect to `z`.
    ///
    /// `y` is the activation after dropout; `z` the sum if the activation hides its sign, otherwise anything with the
    /// sign of `z` (that is, `y`). `scale` is dropout's, 1 without.
    #[inline(always)]
    pub(crate) fn backward_row<V: Vector, const K: usize>(
        self,
        vector: V,
        gradient: &mut [V::Register; K],
        y: &[V::Register; K],
        z: &[V::Register; K],
        scale: f32,
    ) {
        let (zero, open) = (vector.splat(0.0), vector.splat(scale));
        for ((g, &y), &z) in gradient.iter_mut().zip(y).zip(z) {
            *g = match self {
                Self::Relu => vector.select(Test::Positive, y, vector.mul(*g, open), zero),
                // The identity is for outputs; as a hidden activation it is linear and only dropout zeroes it.
                Self::Identity | Self::SRelu | Self::BatchNormRelu | Self::BatchNormResidual => {
                    vector.select(Test::Zero, y, zero, vector.mul(*g, open))
                }
                Self::LeakyRelu { slope } => {
                    let slope = vector.select(Test::Positive, z, open, vector.splat(slope * scale));
                    vector.select(Test::Zero, y, zero, vector.mul(*g, slope))
                }
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::vector::One;

    /// 0 at exactly zero.
    fn derivative(activation: Activation, z: f32) -> f32 {
        match activation {
            Activation::LeakyRelu { slope } if z < 0.0 => slope,
            _ if z > 0.0 => 1.0,
            _ => 0.0,
        }
    }

    #[test]
    fn values_at_hand() {
        assert_eq!(Activation::Relu.apply(-2.0), 0.0);
        assert_eq!(Activation::Relu.apply(3.0), 3.0);
        assert!(Activation::Relu.apply(f32::NAN).is_nan());
        assert_eq!(Activation::all_relu(0.5, 0).apply(-2.0), 1.0);
        assert_eq!(Activation::all_relu(0.5, 1).apply(-2.0), -1.0);
    }

    #[test]
    fn all_relu_alternates() {
        assert_eq!(Activation::all_relu(0.6, 0), Activation::LeakyRelu { slope: -0.6 });
        assert_eq!(Activation::all_relu(0.6, 1), Activation::LeakyRelu { slope: 0.6 });
        assert!(Activation::all_relu(0.6, 2).hides_sign());
    }

    #[test]
    fn backward_row_is_the_derivative() {
        for activation in [Activation::Relu, Activation::LeakyRelu { slope: 0.1 }, Activation::all_relu(0.6, 0)] {
            let z = [-1.5f32, 2.0];
            let y = z.map(|z| activation.apply(z));
            let mut gradient = [3.0f32, 5.0];
            activation.backward_row(One, &mut gradient, &y, if activation.hides_sign() { &z } else { &y }, 1.0);
            let expected = [3.0 * derivative(activation, -1.5), 5.0 * derivative(activation, 2.0)];
            assert_eq!(gradient, expected);
        }
    }
}
