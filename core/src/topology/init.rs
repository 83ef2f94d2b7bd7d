//! The initial topology and the initial weights.

use crate::activation::kind::Activation;
use crate::activation::{batch_norm, srelu};
use crate::backend::Backend;
use crate::network::mlp::Mlp;
use crate::network::model::Layer;
use crate::network::spec::Storage;
use crate::random::{Generator, Purpose};
use crate::sparse::blocks::LayerBlocks;
use crate::sparse::budget::Unlimited;
use crate::sparse::csr::{row_lengths, take_mut};
use crate::sparse::index::{Format, Index};
use crate::step::tiles::counters;
use crate::topology::blocks::Initial;
use crate::topology::grow::local::Locality;
use crate::topology::grow::place::GrowthState;
use crate::topology::grow::rule::Growth;
use crate::topology::scratch::{Scratch, each_layer};

/// Which fan-in scales the initial weights, which are uniform in ±sqrt(6 / fan-in) (He et al. 2015, arXiv 1502.01852).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum FanIn {
    /// The number of connections that the neuron has. For regrown connections: the layer's mean.
    #[default]
    Connections,
    /// The layer's input width, as if it were dense: the SET reference.
    Dense,
}

/// How the initial topology is drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Placement {
    /// Uniform over all cells: Erdős–Rényi.
    #[default]
    Random,
    /// By distance in the image plane: near neurons are more likely to be connected.
    Local(Locality),
}

impl<F: Format, const LANES: usize, const LAYERS: usize> Mlp<'_, F, LANES, LAYERS> {
    /// Draws positions of every sparse layer (Erdős–Rényi: exactly its connections, uniform, no cell twice) and every
    /// weight; sets biases and velocities to zero.
    ///
    /// Scratch comes from the tiles, whose contents nobody reads between steps.
    pub fn initialise<B: Backend>(&mut self, backend: &B, seed: u64, fan_in: FanIn) {
        self.initialise_placed(backend, seed, fan_in, Placement::Random);
    }

    /// As [`Mlp::initialise`], with connections placed another way.
    pub fn initialise_placed<B: Backend>(&mut self, backend: &B, seed: u64, fan_in: FanIn, placement: Placement) {
        let work = |layer: &mut Layer<'_, F>, index, scratch: &mut Scratch<'_>| {
            initialise_layer(layer, seed, index, fan_in, placement, scratch);
            layer.spec.connections
        };
        each_layer(backend, &mut self.layers, &mut self.workspace, self.training, &work);
    }
}

/// He's bound for a fan-in.
pub(crate) fn he_limit(fan_in: usize) -> f32 {
    libm::sqrtf(6.0 / fan_in.max(1) as f32)
}

fn initialise_layer<F: Format>(
    layer: &mut Layer<'_, F>,
    seed: u64,
    index: u32,
    fan_in: FanIn,
    placement: Placement,
    scratch: &mut Scratch<'_>,
) {
    let spec = layer.spec;
    layer.bias.fill(0.0);
    layer.velocity.fill(0.0);
    layer.bias_velocity.fill(0.0);
    layer.activation_velocity.fill([0.0; 4]);
    if F::LEARNED_ACTIVATIONS {
        let mut generator = Generator::new(seed, Purpose::Activation, 0, 0, index);
        layer.activation_parameters.fill_with(|| match spec.activation {
            Activation::BatchNormRelu | Activation::BatchNormResidual => batch_norm::INITIAL,
            _ => srelu::initial(&mut generator),
        });
    }
    if let Some(blocks) = layer.blocks.get_mut() {
        // Neurons that read every window have connections in many blocks: they have the mean of their layer.
        let mean = spec.connections.checked_div(spec.n_out).unwrap_or(1);
        let initial = match fan_in {
            FanIn::Dense => Initial::Within(he_limit(spec.n_in)),
            FanIn::Connections if blocks.geometry.reads_all() => Initial::Within(he_limit(mean)),
            FanIn::Connections => Initial::ByRow(he_limit),
        };
        blocks.initialise(seed, index, initial);
        return;
    }
    layer.indptr.fill(F::Pointer::default());
    if !spec.is_dense() {
        let room = scratch.room(spec.storage);
        let rule = match placement {
            Placement::Random => Growth::Random,
            Placement::Local(locality) => Growth::Local(locality),
        };
        let mut growth = GrowthState::new(spec.connections, Generator::new(seed, Purpose::Topology, 0, 0, index));
        rule.grow(layer, index, &mut growth, room, |_| 0.0, &mut Unlimited);
    }
    let mut weights = Generator::new(seed, Purpose::Weights, 0, 0, index);
    let by_width = matches!(fan_in, FanIn::Dense) || spec.is_dense();
    let width_limit = he_limit(spec.n_in);
    match spec.storage {
        _ if by_width => {
            for weight in layer.weights.iter_mut() {
                *weight = weights.symmetric(width_limit);
            }
        }
        Storage::Dense | Storage::OutputMajor | Storage::Blocked => {
            let mut values = &mut *layer.weights;
            for len in row_lengths(layer.indptr) {
                let limit = he_limit(len);
                for weight in take_mut(&mut values, len) {
                    *weight = weights.symmetric(limit);
                }
            }
        }
        Storage::InputMajor => {
            let fan_ins: &mut [F::Pointer] = counters(scratch.outputs);
            fan_ins.fill(F::Pointer::default());
            for col in layer.indices.iter() {
                if let Some(count) = fan_ins.get_mut(col.to_usize()) {
                    *count = F::Pointer::wrapping_from(count.to_usize() + 1);
                }
            }
            for (weight, col) in layer.weights.iter_mut().zip(layer.indices.iter()) {
                let fan_in = fan_ins.get(col.to_usize()).map_or(1, |count| count.to_usize());
                *weight = weights.symmetric(he_limit(fan_in));
            }
        }
    }
    layer.rebuild_transposed();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prelude::*;
    use crate::storage::image::hash;

    #[test]
    fn a_network_for_inference_starts_as_one_that_trains() {
        const LAYERS: [LayerSpec; 3] = [
            LayerSpec::sparse(9, 7, 21, Activation::Relu).input_major(),
            LayerSpec::sparse(7, 6, 20, Activation::Relu),
            LayerSpec::dense(6, 3, Activation::Identity),
        ];
        let (mut a, mut b) = (Block::<2048>::new(), Block::<2048>::new());
        let mut training = Mlp::<Narrow, 1, 3>::new(&Description::training(&LAYERS, 1), &mut a.0).unwrap();
        let mut inference = Mlp::<Narrow, 1, 3>::new(&Description::inference(&LAYERS, 1), &mut b.0).unwrap();
        for seed in 0..20 {
            training.initialise(&Portable, seed, FanIn::Connections);
            inference.initialise(&Portable, seed, FanIn::Connections);
            for layer in inference.layers() {
                assert!(layer.csr.is_none_or(|csr| csr.indptr().last() == Some(&(layer.spec.connections as u16))));
            }
            assert_eq!(hash(&inference), hash(&training));
        }
    }
}
