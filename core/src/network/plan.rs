//! How many bytes a network needs, known before there is one.
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

use crate::activation::kind::Activation;
use crate::error::BuildError;
use crate::network::spec::{LayerSpec, Storage};
use crate::sparse::index::{Format, Index};

/// What a network is built to do: its layers, and which state it keeps beside the model.
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

    /// A network that only evaluates, and whose model stays where it is, such as in flash: see
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
                if self.training
                    && (LANES < 2 || self.batch_size < 2)
                    && matches!(spec.activation, Activation::BatchNormRelu)
                {
                    return Err(BuildError::NothingToNormalise { layer });
                }
            }
            let (connections, cells) = (spec.connections, spec.cells());
            if connections == 0 || connections > cells || (spec.is_dense() && connections != cells) {
                return Err(BuildError::Connections { layer, connections, cells });
            }
            if !spec.is_dense() {
                // Columns of the matrix, and of its transpose where there is one.
                let widest =
                    if self.is_transposed(layer) && spec.nrows() > spec.ncols() { spec.nrows() } else { spec.ncols() };
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
        if !matches!(last.activation, crate::activation::kind::Activation::Identity) || last.n_out > 65_536 {
            return Err(BuildError::OutputLayer { layer: self.layers.len() - 1 });
        }
        Ok(())
    }

    /// Bytes of every buffer, in the order in which the arena cuts them.
    ///
    /// A network larger than the address space has `usize::MAX` bytes, which no block does.
    pub const fn footprint<F: Format, const LANES: usize>(&self) -> Footprint {
        let (pointer, index, float) = (size_of::<F::Pointer>(), size_of::<F::Index>(), size_of::<f32>());
        let learned = size_of::<crate::activation::kind::Parameters>();
        let (tile, align) = (size_of::<[f32; LANES]>(), tile_align::<f32, LANES>());
        let (input, input_align) = (size_of::<[F::Input; LANES]>(), tile_align::<F::Input, LANES>());
        let tiles = self.tiles(LANES);
        let mut f = Footprint::EMPTY;
        f.align = if align > 4 { align } else { 4 };
        let mut i = 0;
        while i < self.layers.len() && self.model {
            let l = &self.layers[i];
            let sparse = if l.is_dense() { 0 } else { l.connections };
            let pointers = if l.is_dense() { 0 } else { l.nrows().saturating_add(1) };
            f.weights = f.cut(f.weights, l.connections, float, float);
            f.biases = f.cut(f.biases, l.n_out, float, float);
            f.row_pointers = f.cut(f.row_pointers, pointers, pointer, pointer);
            f.columns = f.cut(f.columns, sparse, index, index);
            f.activation_parameters = f.cut(f.activation_parameters, l.learned(), learned, float);
            i += 1;
        }
        i = 0;
        while i < self.layers.len() && self.velocity {
            let l = &self.layers[i];
            f.velocity = f.cut(f.velocity, l.connections, float, float);
            f.velocity = f.cut(f.velocity, l.n_out, float, float);
            f.velocity = f.cut(f.velocity, l.learned(), learned, float);
            i += 1;
        }
        let n_in = if self.layers.is_empty() { 0 } else { self.layers[0].n_in };
        f.inputs = f.cut(f.inputs, n_in.saturating_mul(tiles), input, input_align);
        i = 0;
        while i < self.layers.len() {
            let l = &self.layers[i];
            let rows = l.n_out.saturating_mul(tiles);
            f.activations = f.cut(f.activations, rows, tile, align);
            f.deltas = f.cut(f.deltas, if self.training { rows } else { 0 }, tile, align);
            let gradients = if self.training { l.learned().saturating_mul(tiles) } else { 0 };
            f.activation_gradients = f.cut(f.activation_gradients, gradients, learned, float);
            let (n_in, transposed) =
                if self.is_transposed(i) { (l.n_in.saturating_add(1), l.connections) } else { (0, 0) };
            f.transposed_index = f.cut(f.transposed_index, n_in, pointer, pointer);
            f.transposed_index = f.cut(f.transposed_index, transposed, pointer, pointer);
            f.transposed_index = f.cut(f.transposed_index, transposed, index, index);
            i += 1;
        }
        f.labels = f.cut(f.labels, tiles, size_of::<[u16; LANES]>(), align_of::<u16>());
        f
    }
}

/// Neurons of a layer whose activation has parameters, as far as the format knows such activations.
pub(crate) fn learned<F: Format>(spec: &LayerSpec) -> usize {
    if F::LEARNED_ACTIVATIONS { spec.learned() } else { 0 }
}

/// Alignment of a tile's rows: whole vectors, up to a cache line.
pub(crate) const fn tile_align<X, const LANES: usize>() -> usize {
    let bytes = size_of::<[X; LANES]>();
    if bytes >= 64 && bytes.is_multiple_of(64) { 64 } else { align_of::<X>() }
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

    /// Bytes of the workspace: inputs, activations, deltas, gradients of activations, transposed index, labels.
    pub const fn workspace(&self) -> usize {
        let deltas = sum(&[self.deltas, self.activation_gradients]);
        sum(&[self.inputs, self.activations, deltas, self.transposed_index, self.labels])
    }

    /// Adds a buffer to the kind that holds `so_far` bytes, and its padding; returns the kind's new size.
    const fn cut(&mut self, so_far: usize, len: usize, size: usize, align: usize) -> usize {
        let at = self.bytes();
        if let Some(start) = at.checked_next_multiple_of(align) {
            self.padding += start - at;
        }
        so_far.saturating_add(len.saturating_mul(size))
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
