//! The one list of a network's buffers: their order in memory, lengths and alignment.
//!
//! The [`Footprint`](crate::network::footprint::Footprint), the slices of an [`Mlp`](crate::network::mlp::Mlp) and of a
//! [`Frozen`](crate::network::frozen::Frozen) network and the sections of an image all come from it.

use core::marker::PhantomData;

use crate::activation::kind::Parameters;
use crate::network::description::Description;
use crate::network::spec::LayerSpec;
use crate::sparse::blocks::Lengths;
use crate::sparse::index::Format;

/// What a buffer holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Buffer {
    Weights,
    Biases,
    RowPointers,
    Columns,
    ActivationParameters,
    Velocity,
    BiasVelocity,
    ActivationVelocity,
    Inputs,
    Activations,
    Deltas,
    ActivationGradients,
    TransposedPointers,
    TransposedPositions,
    TransposedRows,
    ResidualGradients,
    Labels,
}

impl Buffer {
    /// Elements of a layer's buffer of the model, and bytes of one; of any other buffer none.
    pub(crate) const fn of_model<F: Format>(self, layer: &LayerSpec) -> (usize, usize) {
        if F::BLOCKS && layer.is_blocked() {
            let lengths = Lengths::new(layer.n_in, layer.n_out, layer.connections);
            let half = size_of::<u16>();
            match self {
                // What blocks are drawn and evolved in comes before the weights.
                Self::Weights => return (lengths.scratch.saturating_mul(2).saturating_add(layer.connections), half),
                Self::RowPointers => return (lengths.pointers, half),
                Self::Columns => return (layer.connections, half),
                _ => {}
            }
        }
        let float = size_of::<f32>();
        let (pointers, columns) =
            if layer.is_dense() { (0, 0) } else { (layer.nrows().saturating_add(1), layer.connections) };
        match self {
            Self::Weights => (layer.connections, float),
            Self::Biases => (layer.n_out, float),
            Self::RowPointers => (pointers, size_of::<F::Pointer>()),
            Self::Columns => (columns, size_of::<F::Index>()),
            Self::ActivationParameters => (learned::<F>(layer), size_of::<Parameters>()),
            _ => (0, 1),
        }
    }
}

/// A buffer's place in the plan.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cut {
    pub(crate) buffer: Buffer,
    /// The layer that it is of; 0 where it is of none.
    pub(crate) layer: usize,
    /// Elements.
    pub(crate) len: usize,
    /// Bytes of an element.
    pub(crate) size: usize,
    /// Bytes whose multiple it starts at.
    pub(crate) align: usize,
}

impl Cut {
    pub(crate) const fn bytes(&self) -> usize {
        self.len.saturating_mul(self.size)
    }
}

/// The buffers of a network, first to last; an iterator that a constant can run.
#[derive(Debug)]
pub(crate) struct Plan<'d, F, const LANES: usize> {
    description: &'d Description<'d>,
    /// The next buffer, and the layer that it is of.
    next: Option<(Buffer, usize)>,
    format: PhantomData<F>,
}

impl<'d, F: Format, const LANES: usize> Plan<'d, F, LANES> {
    pub(crate) const fn new(description: &'d Description<'d>) -> Self {
        let first = if description.layers.is_empty() {
            Buffer::Labels
        } else if description.model {
            Buffer::Weights
        } else {
            Buffer::Inputs
        };
        Self { description, next: Some((first, 0)), format: PhantomData }
    }

    /// Bytes of all buffers from here on, and of the padding between them; as many as there can be where that is more.
    pub(crate) const fn bytes(mut self) -> usize {
        let mut at = 0usize;
        while let Some(cut) = self.next() {
            // A power of two, so that nothing is divided. Past the address space there is nothing to align.
            let padding = at.wrapping_neg() & (cut.align - 1);
            at = at.saturating_add(padding).saturating_add(cut.bytes());
        }
        at
    }

    /// The next buffer; some are empty.
    pub(crate) const fn next(&mut self) -> Option<Cut> {
        let Some((buffer, layer)) = self.next else { return None };
        self.next = self.after(buffer, layer);
        Some(self.cut(buffer, layer))
    }

    /// The order in memory: the model layer by layer, its velocities layer by layer, then what passes work with.
    const fn after(&self, buffer: Buffer, layer: usize) -> Option<(Buffer, usize)> {
        let more = layer + 1 < self.description.layers.len();
        let next = match buffer {
            Buffer::Weights => Buffer::Biases,
            Buffer::Biases => Buffer::RowPointers,
            Buffer::RowPointers => Buffer::Columns,
            Buffer::Columns => Buffer::ActivationParameters,
            Buffer::ActivationParameters if more => return Some((Buffer::Weights, layer + 1)),
            Buffer::ActivationParameters if self.description.velocity => return Some((Buffer::Velocity, 0)),
            Buffer::Velocity => Buffer::BiasVelocity,
            Buffer::BiasVelocity => Buffer::ActivationVelocity,
            Buffer::ActivationVelocity if more => return Some((Buffer::Velocity, layer + 1)),
            Buffer::ActivationParameters | Buffer::ActivationVelocity => return Some((Buffer::Inputs, 0)),
            Buffer::Inputs => Buffer::Activations,
            Buffer::Activations => Buffer::Deltas,
            Buffer::Deltas => Buffer::ActivationGradients,
            Buffer::ActivationGradients => Buffer::TransposedPointers,
            Buffer::TransposedPointers => Buffer::TransposedPositions,
            Buffer::TransposedPositions => Buffer::TransposedRows,
            Buffer::TransposedRows if more => return Some((Buffer::Activations, layer + 1)),
            Buffer::TransposedRows if F::LEARNED_ACTIVATIONS => return Some((Buffer::ResidualGradients, 0)),
            Buffer::TransposedRows | Buffer::ResidualGradients => return Some((Buffer::Labels, 0)),
            Buffer::Labels => return None,
        };
        Some((next, layer))
    }

    const fn cut(&self, buffer: Buffer, layer: usize) -> Cut {
        let description = self.description;
        let tiles = description.tiles(LANES);
        let float = size_of::<f32>();
        let Some(spec) = description.layer(layer) else {
            return Cut { buffer, layer, len: tiles, size: size_of::<[u16; LANES]>(), align: align_of::<u16>() };
        };
        let transposed = description.is_transposed(layer);
        let (len, size, align) = match buffer {
            Buffer::Weights | Buffer::RowPointers | Buffer::Columns if F::BLOCKS && spec.is_blocked() => {
                let (len, size) = buffer.of_model::<F>(spec);
                (len, size, float)
            }
            Buffer::Deltas if F::BLOCKS && description.has_blocks() => {
                let rows = if description.training { description.shared_deltas(layer) } else { 0 };
                (rows.saturating_mul(tiles), size_of::<[f32; LANES]>(), tile_align::<f32, LANES>())
            }
            Buffer::Weights | Buffer::Velocity => (spec.connections, float, float),
            Buffer::Biases | Buffer::BiasVelocity => (spec.n_out, float, float),
            Buffer::ActivationParameters | Buffer::ActivationVelocity => {
                (learned::<F>(spec), size_of::<Parameters>(), float)
            }
            Buffer::RowPointers | Buffer::Columns => {
                let (len, size) = buffer.of_model::<F>(spec);
                (len, size, size)
            }
            Buffer::Inputs => {
                let align = tile_align::<F::Input, LANES>();
                (spec.n_in.saturating_mul(tiles), size_of::<[F::Input; LANES]>(), align)
            }
            Buffer::Activations | Buffer::Deltas => {
                let wanted = description.training || matches!(buffer, Buffer::Activations);
                let rows = if wanted { spec.n_out.saturating_mul(tiles) } else { 0 };
                (rows, size_of::<[f32; LANES]>(), tile_align::<f32, LANES>())
            }
            Buffer::ResidualGradients => {
                let wanted = F::LEARNED_ACTIVATIONS && description.training;
                let rows = if wanted { description.residual_rows().saturating_mul(tiles) } else { 0 };
                (rows, size_of::<[f32; LANES]>(), tile_align::<f32, LANES>())
            }
            Buffer::ActivationGradients => {
                let rows = if description.training { learned::<F>(spec).saturating_mul(tiles) } else { 0 };
                (rows, size_of::<Parameters>(), float)
            }
            Buffer::TransposedPointers | Buffer::TransposedPositions => {
                let positions = matches!(buffer, Buffer::TransposedPositions);
                let len = if positions { spec.connections } else { spec.n_in.saturating_add(1) };
                (if transposed { len } else { 0 }, size_of::<F::Pointer>(), size_of::<F::Pointer>())
            }
            Buffer::TransposedRows => {
                (if transposed { spec.connections } else { 0 }, size_of::<F::Index>(), size_of::<F::Index>())
            }
            Buffer::Labels => (tiles, size_of::<[u16; LANES]>(), align_of::<u16>()),
        };
        Cut { buffer, layer, len, size, align }
    }
}

/// Neurons of a layer whose activation has parameters, as far as the format knows such activations.
const fn learned<F: Format>(spec: &LayerSpec) -> usize {
    if F::LEARNED_ACTIVATIONS { spec.learned() } else { 0 }
}

/// Alignment of a tile's rows: whole vectors, up to a cache line.
pub(crate) const fn tile_align<X, const LANES: usize>() -> usize {
    let bytes = size_of::<[X; LANES]>();
    if bytes >= 64 && bytes.is_multiple_of(64) { 64 } else { align_of::<X>() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::activation::kind::Activation;
    use crate::sparse::index::{Narrow, Standard};

    const LAYERS: [LayerSpec; 3] = [
        LayerSpec::sparse(9, 7, 21, Activation::Relu).input_major(),
        LayerSpec::sparse(7, 6, 20, Activation::SRelu),
        LayerSpec::dense(6, 3, Activation::Identity),
    ];

    fn lengths<F: Format, const LANES: usize>(description: &Description<'_>, wanted: Buffer) -> std::vec::Vec<usize> {
        let mut plan = Plan::<F, LANES>::new(description);
        let cuts = core::iter::from_fn(|| plan.next());
        cuts.filter(|cut| cut.buffer == wanted).map(|cut| cut.len).collect()
    }

    #[test]
    fn every_buffer_has_the_length_by_hand() {
        let description = Description::training(&LAYERS, 40).with_velocity().with_transposed_index();
        let of = |buffer| lengths::<Standard, 16>(&description, buffer);
        assert_eq!(of(Buffer::Weights), [21, 20, 18]);
        assert_eq!(of(Buffer::Biases), [7, 6, 3]);
        assert_eq!(of(Buffer::RowPointers), [10, 7, 0]);
        assert_eq!(of(Buffer::Columns), [21, 20, 0]);
        assert_eq!(of(Buffer::ActivationParameters), [0, 6, 0]);
        assert_eq!(of(Buffer::Velocity), [21, 20, 18]);
        assert_eq!(of(Buffer::BiasVelocity), [7, 6, 3]);
        assert_eq!(of(Buffer::ActivationVelocity), [0, 6, 0]);
        // Three tiles of sixteen samples.
        assert_eq!(of(Buffer::Inputs), [27]);
        assert_eq!(of(Buffer::Activations), [21, 18, 9]);
        assert_eq!(of(Buffer::Deltas), [21, 18, 9]);
        assert_eq!(of(Buffer::ActivationGradients), [0, 18, 0]);
        assert_eq!(of(Buffer::TransposedPointers), [0, 8, 0]);
        assert_eq!(of(Buffer::TransposedPositions), [0, 20, 0]);
        assert_eq!(of(Buffer::TransposedRows), [0, 20, 0]);
        assert_eq!(of(Buffer::Labels), [3]);
        let bytes = description.footprint::<Standard, 16>().bytes();
        assert_eq!(Plan::<Standard, 16>::new(&description).bytes(), bytes);
    }

    #[test]
    fn a_network_has_the_buffers_of_its_purpose_only() {
        let inference = Description::inference(&LAYERS, 1);
        assert_eq!(lengths::<Narrow, 1>(&inference, Buffer::Velocity), [0; 0]);
        assert_eq!(lengths::<Narrow, 1>(&inference, Buffer::Deltas), [0, 0, 0]);
        assert_eq!(Plan::<Narrow, 1>::new(&inference).bytes(), inference.footprint::<Narrow, 1>().bytes());
        let frozen = Description::frozen(&LAYERS, 1);
        assert_eq!(lengths::<Narrow, 1>(&frozen, Buffer::Weights), [0; 0]);
        assert_eq!(lengths::<Narrow, 1>(&frozen, Buffer::Activations), [7, 6, 3]);
    }
}
