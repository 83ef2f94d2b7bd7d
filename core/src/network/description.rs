//! The description of a network, and the checks that it can be built.

use crate::activation::kind::Activation;
use crate::error::BuildError;
use crate::error::text::Text;
use crate::network::spec::{LayerSpec, Storage};
use crate::sparse::blocks::Geometry;
use crate::sparse::index::{Format, Index};

/// The description of a network: its layers, and which state it keeps beside the model.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "four independent questions")]
pub struct Description<'a> {
    pub(crate) layers: &'a [LayerSpec],
    pub(crate) batch_size: usize,
    /// Whether the block holds the model.
    pub(crate) model: bool,
    pub(crate) training: bool,
    pub(crate) velocity: bool,
    pub(crate) transposed: bool,
}

/// Why a network with blocks refuses an activation.
const NO_SUMS: &str =
    " is in a network with blocks, which keeps no sums: choose ReLU, or leaky ReLU with a positive slope";

/// Why a network with blocks refuses a sparse layer without them: where connections are drawn, it would have no memory.
const NO_DELTAS: &str =
    " is in a network with blocks, and only its last two layers may be sparse without: store it in blocks too";

impl<'a> Description<'a> {
    /// A network that trains minibatches of up to `batch_size` samples, with the least state: no velocity, no
    /// transposed index.
    pub const fn training(layers: &'a [LayerSpec], batch_size: usize) -> Self {
        Self { layers, batch_size, model: true, training: true, velocity: false, transposed: false }
    }

    /// A network that only evaluates, up to `batch_size` samples at once.
    pub const fn inference(layers: &'a [LayerSpec], batch_size: usize) -> Self {
        Self { layers, batch_size, model: true, training: false, velocity: false, transposed: false }
    }

    /// A network that only evaluates, and whose model is read in place, such as from flash: see
    /// [`Frozen`](crate::network::frozen::Frozen).
    pub const fn frozen(layers: &'a [LayerSpec], batch_size: usize) -> Self {
        Self { layers, batch_size, model: false, training: false, velocity: false, transposed: false }
    }

    /// Keeps a velocity for every parameter: for momentum, or for minibatches that span several tiles.
    #[must_use]
    pub const fn with_velocity(mut self) -> Self {
        self.velocity = self.training;
        self
    }

    /// Keeps a transposed index, which lets threads share a tile's backward pass and gathers instead of scattering.
    /// Costs an index and a pointer a connection; changes no bit.
    #[must_use]
    pub const fn with_transposed_index(mut self) -> Self {
        self.transposed = self.training;
        self
    }

    /// A layer, counted from 0.
    pub(crate) const fn layer(&self, index: usize) -> Option<&LayerSpec> {
        if index < self.layers.len() { Some(&self.layers[index]) } else { None }
    }

    /// Tiles of `lanes` samples that hold a minibatch.
    pub(crate) const fn tiles(&self, lanes: usize) -> usize {
        self.batch_size.div_ceil(lanes)
    }

    /// Whether layer `index` keeps a transposed index: never the first, which computes no input gradient. It must where
    /// the layer below keeps its sums in the place that a scattered gradient would overwrite.
    pub(crate) const fn is_transposed(&self, index: usize) -> bool {
        index > 0
            && index < self.layers.len()
            && matches!(self.layers[index].storage, Storage::OutputMajor)
            && (self.transposed || (self.training && self.layers[index - 1].activation.hides_sign()))
    }

    /// Whether a layer is stored in blocks.
    pub(crate) const fn has_blocks(&self) -> bool {
        let mut layer = 0;
        while layer < self.layers.len() {
            if self.layers[layer].is_blocked() {
                return true;
            }
            layer += 1;
        }
        false
    }

    /// Whether residual connections may lead to this layer from the one two before. One buffer then holds all gradients
    /// that go through residual connections: no two sets of them lead past the same layer.
    const fn has_residual_source(&self, layer: usize) -> bool {
        let Some(two_before) = layer.checked_sub(2) else { return false };
        let (from, between) = (&self.layers[two_before], &self.layers[layer - 1]);
        from.n_out == self.layers[layer].n_out && from.activation.is_normalised() && !between.activation.is_residual()
    }

    /// Rows for the gradients that go through residual connections.
    pub(crate) const fn residual_rows(&self) -> usize {
        let (mut widest, mut layer) = (0, 0);
        while layer < self.layers.len() {
            let spec = &self.layers[layer];
            if spec.activation.is_residual() && spec.n_out > widest {
                widest = spec.n_out;
            }
            layer += 1;
        }
        widest
    }

    /// Rows of the deltas of a layer of a network with blocks. The last two layers have those of all: a step updates each
    /// layer as soon as the deltas below it are known, so that no more than two layers need any at once.
    pub(crate) const fn shared_deltas(&self, layer: usize) -> usize {
        let (mut widest, mut other) = (0, layer);
        if layer + 2 < self.layers.len() {
            return 0;
        }
        // Every second layer from this one down.
        loop {
            if self.layers[other].n_out > widest {
                widest = self.layers[other].n_out;
            }
            if other < 2 {
                return widest;
            }
            other -= 2;
        }
    }

    /// Bytes of the block for this network, checked: a constant by which the block is sized, such as
    /// `Block<{ NETWORK.bytes::<Narrow, 1>() }>`. A network that could not be built then fails the build, or `cargo
    /// check`, with the reason:
    ///
    /// ```compile_fail,E0080
    /// use rewire_core::prelude::*;
    ///
    /// const LAYERS: [LayerSpec; 2] =
    ///     [LayerSpec::sparse(300, 20, 900, Activation::Relu), LayerSpec::dense(20, 4, Activation::Identity)];
    /// // layer 0 has 300 columns, but the format Narrow stores up to 256: store it with .input_major(), or
    /// // choose a wider format
    /// const BYTES: usize = Description::training(&LAYERS, 1).bytes::<Narrow, 1>();
    /// ```
    ///
    /// Where a description is known at run time only, see [`Description::validate`] and [`Description::footprint`].
    ///
    /// # Panics
    ///
    /// When the network cannot be built; in a constant that is a compile error.
    pub const fn bytes<F: Format, const LANES: usize>(&self) -> usize {
        if let Err(error) = self.validate::<F, LANES>() {
            panic!("{}", self.explain::<F>(&error).as_str())
        }
        self.footprint::<F, LANES>().bytes()
    }

    /// Columns of a layer's matrix, and of its transpose where there is one.
    #[inline(always)]
    const fn columns(&self, layer: usize, spec: &LayerSpec) -> usize {
        if self.is_transposed(layer) && spec.nrows() > spec.ncols() { spec.nrows() } else { spec.ncols() }
    }

    /// Checks what blocks need of the network.
    const fn check_blocks<F: Format, const LANES: usize>(&self, layer: usize) -> Result<(), &'static str> {
        let spec = &self.layers[layer];
        if !F::BLOCKS {
            return Err(" is stored in blocks, which only the formats Standard and Wide know");
        }
        if self.velocity {
            return Err(" is stored in blocks, which have no velocity: build the network without");
        }
        if self.batch_size > LANES {
            return Err(" is stored in blocks, for which a minibatch is one tile: give it as many lanes as samples");
        }
        if spec.activation.hides_sign() {
            return Err(NO_SUMS);
        }
        if !Geometry::exists(spec.n_in, spec.n_out, spec.connections) {
            return Err(" has too many connections for blocks: give it fewer, or store it another way");
        }
        Ok(())
    }

    /// An error of this description, with what is known of its layers.
    // Not in the error itself: a chip would carry it.
    const fn explain<F: Format>(&self, error: &BuildError) -> Text {
        let BuildError::FormatTooNarrow { layer, needed, limit } = *error else { return error.text() };
        let spec = &self.layers[layer];
        let (index, by_index) = (<F::Index as Index>::MAX, self.columns(layer, spec) - 1 > <F::Index as Index>::MAX);
        let text = Text::of("layer ").number(layer).then(" has ").number(if by_index { needed + 1 } else { needed });
        let text = text.then(if by_index { " columns" } else { " connections" });
        let text = text.then(", but the format ").then(F::NAME).then(" stores up to ");
        let text = text.number(if by_index { limit + 1 } else { limit }).then(": ");
        let text = match spec.storage {
            _ if !by_index => text.then("choose fewer, or "),
            // What are rows now would be the columns.
            _ if spec.nrows() - 1 > index => text,
            Storage::InputMajor => text.then("store it without .input_major(), or "),
            _ => text.then("store it with .input_major(), or "),
        };
        text.then("choose a wider format")
    }

    /// Checks widths, connections and integers, in `const` context if wanted.
    ///
    /// # Errors
    ///
    /// The first layer that is wrong, and how.
    pub const fn validate<F: Format, const LANES: usize>(&self) -> Result<(), BuildError> {
        if self.layers.is_empty() {
            return Err(BuildError::NoLayers);
        }
        if self.batch_size == 0 {
            return Err(BuildError::ZeroBatch);
        }
        if self.training && !self.velocity && self.batch_size > LANES {
            return Err(BuildError::NeedsVelocity { batch_size: self.batch_size, lanes: LANES });
        }
        let mut layer = 0;
        while layer < self.layers.len() {
            let spec = &self.layers[layer];
            if spec.n_in == 0 || spec.n_out == 0 {
                return Err(BuildError::ZeroWidth { layer });
            }
            if layer > 0 && self.layers[layer - 1].n_out != spec.n_in {
                let previous_n_out = self.layers[layer - 1].n_out;
                return Err(BuildError::WidthMismatch { layer, n_in: spec.n_in, previous_n_out });
            }
            if let Activation::LeakyRelu { slope } = spec.activation
                && !slope.is_finite()
            {
                return Err(BuildError::Slope { layer });
            }
            if spec.activation.is_learned() {
                if !F::LEARNED_ACTIVATIONS {
                    return Err(BuildError::LearnedActivation { layer });
                }
                if self.training && (LANES < 2 || self.batch_size < 2) && spec.activation.is_normalised() {
                    return Err(BuildError::NothingToNormalise { layer });
                }
                if spec.activation.is_residual() && !self.has_residual_source(layer) {
                    return Err(BuildError::Residual { layer });
                }
            }
            if spec.is_blocked() {
                if let Err(reason) = self.check_blocks::<F, LANES>(layer) {
                    return Err(BuildError::Blocked { layer, reason });
                }
            } else if F::BLOCKS && self.training && self.has_blocks() {
                if spec.activation.hides_sign() {
                    return Err(BuildError::Blocked { layer, reason: NO_SUMS });
                }
                if !spec.is_dense() && layer + 2 < self.layers.len() {
                    return Err(BuildError::Blocked { layer, reason: NO_DELTAS });
                }
            }
            let (connections, cells) = (spec.connections, spec.cells());
            if connections == 0 || connections > cells || (spec.is_dense() && connections != cells) {
                return Err(BuildError::Connections { layer, connections, cells });
            }
            if !spec.is_dense() && !spec.is_blocked() {
                let widest = self.columns(layer, spec);
                if widest - 1 > <F::Index as Index>::MAX {
                    return Err(BuildError::FormatTooNarrow {
                        layer,
                        needed: widest - 1,
                        limit: <F::Index as Index>::MAX,
                    });
                }
                if connections > <F::Pointer as Index>::MAX {
                    let limit = <F::Pointer as Index>::MAX;
                    return Err(BuildError::FormatTooNarrow { layer, needed: connections, limit });
                }
                // What the rows can gain at once, which is all they have at the start.
                let limit = spec.nrows().saturating_mul(<F::Counter as Index>::MAX);
                if connections > limit {
                    return Err(BuildError::FormatTooNarrow { layer, needed: connections, limit });
                }
            }
            layer += 1;
        }
        let last = &self.layers[self.layers.len() - 1];
        if !matches!(last.activation, Activation::Identity) || last.n_out > 65_536 {
            return Err(BuildError::OutputLayer { layer: self.layers.len() - 1 });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sparse::index::{Bytes, Compact, Narrow};

    fn said<F: Format>(layer: LayerSpec) -> std::string::String {
        let layers = [layer];
        let description = Description::training(&layers, 1);
        description.explain::<F>(&description.validate::<F, 1>().unwrap_err()).as_str().into()
    }

    #[test]
    fn a_format_that_is_too_narrow_is_named_with_what_to_do() {
        let layer = |n_in, n_out, connections| LayerSpec::sparse(n_in, n_out, connections, Activation::Identity);
        let columns = "layer 0 has 300 columns, but the format Narrow stores up to 256: ";
        for (layer, mending) in [
            (layer(300, 20, 9), "store it with .input_major(), or choose a wider format"),
            (layer(20, 300, 9).input_major(), "store it without .input_major(), or choose a wider format"),
            (layer(300, 300, 9), "choose a wider format"),
        ] {
            assert_eq!(said::<Narrow>(layer), std::format!("{columns}{mending}"));
        }
        let connections = "layer 0 has 65536 connections, but the format Compact stores up to 65535: ";
        assert_eq!(
            said::<Compact>(layer(300, 300, 65_536)),
            std::format!("{connections}choose fewer, or choose a wider format")
        );
        let connections = "layer 0 has 511 connections, but the format Bytes stores up to 510: ";
        assert_eq!(
            said::<Bytes>(layer(256, 2, 511)),
            std::format!("{connections}choose fewer, or choose a wider format")
        );
        assert_eq!(said::<Bytes>(layer(0, 2, 1)), "layer 0 has no inputs or no outputs");
    }
}
