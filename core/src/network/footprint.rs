//! How many bytes a network needs, computed before it is built.
//!
//! A [`Description`] is a constant on a microcontroller; its [`Footprint`] sizes the block, so a network that does not
//! fit fails the build. The same numbers are what the arena cuts, byte for byte.
//!
//! ```
//! use rewire_core::{activation::Activation, network::Block, network::Description, sparse::Narrow, network::LayerSpec};
//!
//! const LAYERS: [LayerSpec; 2] = [
//!     LayerSpec::sparse(784, 64, 2000, Activation::Relu),
//!     LayerSpec::dense(64, 10, Activation::Identity),
//! ];
//! const DESCRIPTION: Description = Description::training(&LAYERS, 1);
//! const BYTES: usize = DESCRIPTION.footprint::<rewire_core::sparse::Compact, 1>().bytes();
//! static BLOCK: Block<BYTES> = Block::new();
//! assert_eq!(BYTES, 18_718);
//! # let _ = &BLOCK;
//! ```

use crate::activation::kind::Parameters;
use crate::backend::Shares;
use crate::network::description::Description;
use crate::network::plan::{Buffer, Cut, Plan, tile_align};
use crate::sparse::index::Format;

impl Description<'_> {
    /// Bytes of every buffer, and of the padding between them.
    ///
    /// A network larger than the address space has `usize::MAX` bytes, which no block does.
    pub const fn footprint<F: Format, const LANES: usize>(&self) -> Footprint {
        let mut footprint = Footprint::EMPTY;
        let align = tile_align::<f32, LANES>();
        footprint.align = if align > 4 { align } else { 4 };
        let mut plan = Plan::<F, LANES>::new(self);
        while let Some(cut) = plan.next() {
            footprint.add(&cut);
        }
        footprint
    }

    /// How so many ranks share a step of a whole minibatch: what each works in beyond the network, and what it sends and
    /// receives.
    pub const fn exchanged<F: Format, const LANES: usize>(&self, ranks: usize) -> Shares {
        let (mut parameters, mut layer) = (0usize, 0);
        while let Some(spec) = self.layer(layer) {
            let learned = Buffer::ActivationParameters.of_model::<F>(spec).0;
            let activation = learned.saturating_mul(size_of::<Parameters>() / size_of::<f32>());
            parameters = sum(&[parameters, spec.connections, spec.n_out, activation]);
            layer += 1;
        }
        Shares::new(ranks, self.tiles(LANES), parameters)
    }
}

/// Bytes of a network's buffers by kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct Footprint {
    /// Weights of connections.
    pub weights: usize,
    /// Biases of neurons.
    pub biases: usize,
    /// CSR row pointers.
    pub row_pointers: usize,
    /// CSR columns.
    pub columns: usize,
    /// Parameters of learned activations.
    pub activation_parameters: usize,
    /// Velocities of weights, biases and parameters of activations.
    pub velocity: usize,
    /// Input tiles.
    pub inputs: usize,
    /// Activations of every layer.
    pub activations: usize,
    /// Deltas of every layer.
    pub deltas: usize,
    /// Gradients by the parameters of learned activations.
    pub activation_gradients: usize,
    /// Gradients that go through residual connections.
    pub residual_gradients: usize,
    /// The transposed structure that the backward pass gathers through.
    pub transposed_index: usize,
    /// Labels of the samples in the tiles.
    pub labels: usize,
    /// Bytes between buffers, for alignment.
    pub padding: usize,
    /// Alignment of the block, in bytes.
    pub align: usize,
}

impl Footprint {
    const EMPTY: Self = Self {
        weights: 0,
        biases: 0,
        row_pointers: 0,
        columns: 0,
        activation_parameters: 0,
        velocity: 0,
        inputs: 0,
        activations: 0,
        deltas: 0,
        activation_gradients: 0,
        residual_gradients: 0,
        transposed_index: 0,
        labels: 0,
        padding: 0,
        align: 1,
    };

    /// Bytes of the whole block.
    pub const fn bytes(&self) -> usize {
        sum(&[self.model(), self.velocity, self.workspace(), self.padding])
    }

    /// Bytes of the model: weights, biases, structure and parameters of activations.
    pub const fn model(&self) -> usize {
        sum(&[self.weights, self.biases, self.row_pointers, self.columns, self.activation_parameters])
    }

    /// Bytes of the workspace: inputs, activations, deltas, gradients of activations and through residual
    /// connections, transposed index, labels.
    pub const fn workspace(&self) -> usize {
        let deltas = sum(&[self.deltas, self.activation_gradients, self.residual_gradients]);
        sum(&[self.inputs, self.activations, deltas, self.transposed_index, self.labels])
    }

    /// Adds a buffer, and the padding before it.
    const fn add(&mut self, cut: &Cut) {
        let at = self.bytes();
        if let Some(start) = at.checked_next_multiple_of(cut.align) {
            self.padding += start - at;
        }
        let kind = match cut.buffer {
            Buffer::Weights => &mut self.weights,
            Buffer::Biases => &mut self.biases,
            Buffer::RowPointers => &mut self.row_pointers,
            Buffer::Columns => &mut self.columns,
            Buffer::ActivationParameters => &mut self.activation_parameters,
            Buffer::Velocity | Buffer::BiasVelocity | Buffer::ActivationVelocity => &mut self.velocity,
            Buffer::Inputs => &mut self.inputs,
            Buffer::Activations => &mut self.activations,
            Buffer::Deltas => &mut self.deltas,
            Buffer::ActivationGradients => &mut self.activation_gradients,
            Buffer::TransposedPointers | Buffer::TransposedPositions | Buffer::TransposedRows => {
                &mut self.transposed_index
            }
            Buffer::ResidualGradients => &mut self.residual_gradients,
            Buffer::Labels => &mut self.labels,
        };
        *kind = kind.saturating_add(cut.bytes());
    }
}

/// The sum of these bytes, or as many as there can be.
const fn sum(bytes: &[usize]) -> usize {
    let (mut sum, mut i) = (0usize, 0);
    while i < bytes.len() {
        sum = sum.saturating_add(bytes[i]);
        i += 1;
    }
    sum
}
