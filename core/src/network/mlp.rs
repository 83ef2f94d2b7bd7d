//! A network: the model, its optimizer state and its workspace, all cut from one block.

use heapless::Vec;

use crate::activation::Parameters;
use crate::error::{ArenaError, BuildError, LoadError, StructureError};
use crate::kernel::gather::TransposedRef;
use crate::network::arena::Arena;
use crate::network::plan::{Description, tile_align};
use crate::network::spec::{LayerSpec, Storage};
use crate::samples::element::Element;
use crate::sparse::csr::{CsrMut, CsrRef, transpose_into};
use crate::sparse::index::{Format, Index};

/// Layers that an [`Mlp`] holds unless its last parameter says otherwise.
pub const MAX_LAYERS: usize = 8;

/// A layer's model and optimizer state.
#[derive(Debug)]
pub(crate) struct Layer<'a, F: Format> {
    pub(crate) spec: LayerSpec,
    /// All `n_in * n_out` weights of a dense layer, or those of the connections.
    pub(crate) weights: &'a mut [f32],
    pub(crate) bias: &'a mut [f32],
    /// Empty for a dense layer, as are the columns.
    pub(crate) indptr: &'a mut [F::Pointer],
    pub(crate) indices: &'a mut [F::Index],
    /// One per weight, or none.
    pub(crate) velocity: &'a mut [f32],
    pub(crate) bias_velocity: &'a mut [f32],
    /// One a neuron whose activation has parameters, or none.
    pub(crate) activation_parameters: &'a mut [Parameters],
    pub(crate) activation_velocity: &'a mut [Parameters],
    pub(crate) transposed: Option<Transposed<'a, F>>,
}

/// The structure of a layer read from its inputs.
#[derive(Debug)]
pub(crate) struct Transposed<'a, F: Format> {
    indptr: &'a mut [F::Pointer],
    positions: &'a mut [F::Pointer],
    rows: &'a mut [F::Index],
}

impl<F: Format> Transposed<'_, F> {
    pub(crate) fn as_ref(&self) -> TransposedRef<'_, F> {
        TransposedRef { indptr: self.indptr, rows: self.rows, positions: self.positions }
    }
}

/// A layer as a pass reads it: of a network that trains, or of one whose weights stay where they are.
pub(crate) trait Model: Sync {
    /// Widths of the integers.
    type Format: Format;

    fn spec(&self) -> &LayerSpec;
    fn weights(&self) -> &[f32];
    fn bias(&self) -> &[f32];
    fn activation_parameters(&self) -> &[Parameters];
    /// The stored matrix, with no rows for a dense layer.
    fn csr(&self) -> CsrRef<'_, Self::Format>;
    fn transposed(&self) -> Option<TransposedRef<'_, Self::Format>>;
}

impl<F: Format> Model for Layer<'_, F> {
    type Format = F;

    #[inline(always)]
    fn spec(&self) -> &LayerSpec {
        &self.spec
    }

    #[inline(always)]
    fn weights(&self) -> &[f32] {
        self.weights
    }

    #[inline(always)]
    fn bias(&self) -> &[f32] {
        self.bias
    }

    #[inline(always)]
    fn activation_parameters(&self) -> &[Parameters] {
        self.activation_parameters
    }

    #[inline(always)]
    fn csr(&self) -> CsrRef<'_, F> {
        self.csr()
    }

    #[inline(always)]
    fn transposed(&self) -> Option<TransposedRef<'_, F>> {
        self.transposed.as_ref().map(Transposed::as_ref)
    }
}

impl<F: Format> Model for LayerRef<'_, F> {
    type Format = F;

    #[inline(always)]
    fn spec(&self) -> &LayerSpec {
        &self.spec
    }

    #[inline(always)]
    fn weights(&self) -> &[f32] {
        self.weights
    }

    #[inline(always)]
    fn bias(&self) -> &[f32] {
        self.bias
    }

    #[inline(always)]
    fn activation_parameters(&self) -> &[Parameters] {
        self.activation_parameters
    }

    #[inline(always)]
    fn csr(&self) -> CsrRef<'_, F> {
        self.csr.unwrap_or(CsrRef::trusted(0, &[], &[], &[]))
    }

    #[inline(always)]
    fn transposed(&self) -> Option<TransposedRef<'_, F>> {
        None
    }
}

impl<F: Format> Layer<'_, F> {
    /// The stored matrix, with no rows for a dense layer.
    #[inline(always)]
    pub(crate) fn csr(&self) -> CsrRef<'_, F> {
        CsrRef::trusted(self.spec.ncols(), self.indptr, self.indices, self.weights)
    }

    /// The stored matrix as evolution changes it.
    pub(crate) fn csr_mut(&mut self) -> CsrMut<'_, F> {
        CsrMut {
            ncols: self.spec.ncols(),
            indptr: self.indptr,
            indices: self.indices,
            values: self.weights,
            velocity: self.velocity,
        }
    }

    /// Puts the layer back to how it was built: weights zero, no connections.
    #[cfg(feature = "checkpoint")]
    pub(crate) fn clear(&mut self) {
        for floats in [&mut *self.weights, &mut *self.bias, &mut *self.velocity, &mut *self.bias_velocity] {
            floats.fill(0.0);
        }
        self.indptr.fill(F::Pointer::default());
        if let Some(transposed) = &mut self.transposed {
            transposed.indptr.fill(F::Pointer::default());
        }
    }

    /// Rebuilds the transposed structure, if the layer keeps one.
    pub(crate) fn rebuild_transposed(&mut self) {
        let csr = CsrRef::<F>::trusted(self.spec.ncols(), self.indptr, self.indices, self.weights);
        if let Some(Transposed { indptr, positions, rows }) = &mut self.transposed {
            transpose_into(csr, indptr, rows, positions);
        }
    }
}

/// Activations and deltas of a layer, for all tiles of a minibatch one after the other.
#[derive(Debug)]
pub(crate) struct LayerTiles<'a, const LANES: usize> {
    pub(crate) y: &'a mut [[f32; LANES]],
    /// Holds the sums of an activation that hides their sign until the backward pass overwrites them; empty in
    /// inference.
    pub(crate) delta: &'a mut [[f32; LANES]],
    /// Gradients by the parameters of the activation, summed over the tile; empty without such parameters.
    pub(crate) activation_gradients: &'a mut [Parameters],
}

impl<'a, const LANES: usize> LayerTiles<'a, LANES> {
    pub(crate) fn cut<F: Format>(
        arena: &mut Arena<'a>,
        spec: &LayerSpec,
        description: &Description<'_>,
    ) -> Result<Self, ArenaError> {
        let (tiles, align) = (description.tiles(LANES), tile_align::<f32, LANES>());
        let rows = spec.n_out * tiles;
        let (deltas, gradients) = if description.training { (rows, learned::<F>(spec) * tiles) } else { (0, 0) };
        Ok(Self {
            y: arena.take(rows, align)?,
            delta: arena.take(deltas, align)?,
            activation_gradients: arena.take(gradients, size_of::<f32>())?,
        })
    }
}

/// Everything that a pass over a minibatch writes besides the model.
#[derive(Debug)]
pub(crate) struct Workspace<'a, X: Element, const LANES: usize, const LAYERS: usize> {
    pub(crate) input: &'a mut [[X; LANES]],
    pub(crate) layers: Vec<LayerTiles<'a, LANES>, LAYERS>,
    pub(crate) labels: &'a mut [[u16; LANES]],
}

/// A multilayer perceptron whose layers are sparse or dense, in memory that the caller owns.
///
/// `F` names the integers of its structure, `LANES` the samples in a tile: 1 on a microcontroller, 16 to 128 where there
/// are vectors. A constructed network has valid structure, and none of its steps fails or panics.
#[derive(Debug)]
pub struct Mlp<'a, F: Format, const LANES: usize, const LAYERS: usize = MAX_LAYERS> {
    pub(crate) layers: Vec<Layer<'a, F>, LAYERS>,
    pub(crate) workspace: Workspace<'a, F::Input, LANES, LAYERS>,
    pub(crate) batch_size: usize,
    pub(crate) training: bool,
    pub(crate) bytes: usize,
}

/// One layer of a model, read only.
#[derive(Clone, Copy, Debug)]
pub struct LayerRef<'a, F: Format> {
    /// Widths, connections, storage, activation.
    pub spec: LayerSpec,
    /// Biases, one a neuron.
    pub bias: &'a [f32],
    /// Weights in storage order: connections of a sparse layer, `[n_out, n_in]` of a dense one.
    pub weights: &'a [f32],
    /// The stored matrix of a sparse layer.
    pub csr: Option<CsrRef<'a, F>>,
    /// Velocities of the weights, in the same order; empty without.
    pub velocity: &'a [f32],
    /// Velocities of the biases; empty without.
    pub bias_velocity: &'a [f32],
    /// Parameters of the activation, one row a neuron; empty where it has none.
    pub activation_parameters: &'a [Parameters],
    /// Their velocities; empty without.
    pub activation_velocity: &'a [Parameters],
}

impl<'a, F: Format, const LANES: usize, const LAYERS: usize> Mlp<'a, F, LANES, LAYERS> {
    /// Cuts a network from the start of `block`: all weights zero and every sparse layer empty until
    /// [`Mlp::initialise`] or [`Mlp::load_layer`].
    ///
    /// # Errors
    ///
    /// A description that is wrong (see [`Description::validate`]), or a block that is too small or misaligned; the
    /// block's contents are then unspecified.
    // Not inlined: what it builds the parts in would stay on the caller's stack.
    #[inline(never)]
    pub fn new(description: &Description<'_>, block: &'a mut [u8]) -> Result<Self, BuildError> {
        const { assert!(LANES > 0, "a tile holds at least one sample") };
        description.validate::<F, LANES>()?;
        let too_many = BuildError::TooManyLayers { found: description.layers.len(), limit: LAYERS };
        let needed = description.footprint::<F, LANES>().bytes();
        if block.len() < needed {
            return Err(ArenaError::TooSmall { needed, available: block.len() }.into());
        }
        let (float, pointer, index) = (size_of::<f32>(), size_of::<F::Pointer>(), size_of::<F::Index>());
        let mut arena = Arena::new(block);
        let mut layers = Vec::new();
        for &spec in description.layers {
            let (rows, connections) = if spec.is_dense() { (0, 0) } else { (spec.nrows() + 1, spec.connections) };
            let layer = Layer {
                spec,
                weights: arena.take(spec.connections, float)?,
                bias: arena.take(spec.n_out, float)?,
                indptr: arena.take(rows, pointer)?,
                indices: arena.take(connections, index)?,
                activation_parameters: arena.take(learned::<F>(&spec), float)?,
                activation_velocity: &mut [],
                velocity: &mut [],
                bias_velocity: &mut [],
                transposed: None,
            };
            layers.push(layer).map_err(|_| too_many)?;
        }
        if description.velocity {
            for layer in &mut layers {
                layer.velocity = arena.take(layer.spec.connections, float)?;
                layer.bias_velocity = arena.take(layer.spec.n_out, float)?;
                layer.activation_velocity = arena.take(learned::<F>(&layer.spec), float)?;
            }
        }
        let tiles = description.tiles(LANES);
        let n_in = description.layers.first().map_or(0, |layer| layer.n_in);
        let input = arena.take::<[F::Input; LANES]>(n_in * tiles, tile_align::<F::Input, LANES>())?;
        let mut tile_layers = Vec::new();
        for (i, layer) in layers.iter_mut().enumerate() {
            let tile = LayerTiles::cut::<F>(&mut arena, &layer.spec, description)?;
            tile_layers.push(tile).map_err(|_| too_many)?;
            if description.is_transposed(i) {
                layer.transposed = Some(Transposed {
                    indptr: arena.take(layer.spec.n_in + 1, pointer)?,
                    positions: arena.take(layer.spec.connections, pointer)?,
                    rows: arena.take(layer.spec.connections, index)?,
                });
            }
        }
        let labels = arena.take::<[u16; LANES]>(tiles, align_of::<u16>())?;
        Ok(Self {
            layers,
            workspace: Workspace { input, layers: tile_layers, labels },
            batch_size: description.batch_size,
            training: description.training,
            bytes: arena.used(),
        })
    }

    /// Bytes cut from the block, padding included.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Input width.
    pub fn n_in(&self) -> usize {
        self.layers.first().map_or(0, |layer| layer.spec.n_in)
    }

    /// Output width.
    pub fn n_out(&self) -> usize {
        self.layers.last().map_or(0, |layer| layer.spec.n_out)
    }

    /// The most samples a step takes.
    pub fn batch_size(&self) -> usize {
        self.batch_size
    }

    /// Connections of all layers.
    pub fn connections(&self) -> usize {
        self.layers.iter().map(|layer| layer.spec.connections).sum()
    }

    /// The layers, first to last.
    pub fn layers(&self) -> impl ExactSizeIterator<Item = LayerRef<'_, F>> {
        self.layers.iter().map(|layer| LayerRef {
            spec: layer.spec,
            bias: layer.bias,
            weights: layer.weights,
            csr: (!layer.spec.is_dense()).then(|| layer.csr()),
            velocity: layer.velocity,
            bias_velocity: layer.bias_velocity,
            activation_parameters: layer.activation_parameters,
            activation_velocity: layer.activation_velocity,
        })
    }

    /// Replaces a layer's weights, biases, parameters of its activation and, unless it is dense, structure.
    ///
    /// The velocities may be empty, which sets them to zero.
    ///
    /// # Errors
    ///
    /// Another specification than the layer's own, an array of the wrong length, or structure whose invariants do not
    /// hold; the layer is then unchanged.
    pub fn load_layer(&mut self, index: usize, from: &LayerRef<'_, F>) -> Result<(), LoadError> {
        let layers = self.layers.len();
        let layer = self.layers.get_mut(index).ok_or(LoadError::NoLayer { layers })?;
        if let Some(difference) = layer.spec.difference(&from.spec) {
            return Err(LoadError::Differs(difference));
        }
        let length =
            |expected, found| if expected == found { Ok(()) } else { Err(StructureError::Length { expected, found }) };
        length(layer.weights.len(), from.weights.len())?;
        length(layer.bias.len(), from.bias.len())?;
        length(layer.activation_parameters.len(), from.activation_parameters.len())?;
        if !from.activation_velocity.is_empty() {
            length(layer.activation_velocity.len(), from.activation_velocity.len())?;
        }
        for (to, from) in [(&layer.velocity, from.velocity), (&layer.bias_velocity, from.bias_velocity)] {
            if !from.is_empty() {
                length(to.len(), from.len())?;
            }
        }
        if let Storage::OutputMajor | Storage::InputMajor = layer.spec.storage {
            let csr = from.csr.ok_or(StructureError::Length { expected: layer.indptr.len(), found: 0 })?;
            length(layer.indptr.len(), csr.indptr().len())?;
            length(layer.indices.len(), csr.indices().len())?;
            CsrRef::<F>::new(layer.spec.ncols(), csr.indptr(), csr.indices(), from.weights)?;
            copy(layer.indptr, csr.indptr());
            copy(layer.indices, csr.indices());
        }
        copy(layer.weights, from.weights);
        copy(layer.bias, from.bias);
        for (to, from) in [(&mut *layer.velocity, from.velocity), (&mut *layer.bias_velocity, from.bias_velocity)] {
            to.fill(0.0);
            copy(to, from);
        }
        copy(layer.activation_parameters, from.activation_parameters);
        layer.activation_velocity.fill([0.0; 4]);
        copy(layer.activation_velocity, from.activation_velocity);
        layer.rebuild_transposed();
        Ok(())
    }
}

/// Neurons of a layer whose activation has parameters, as far as the format knows such activations.
fn learned<F: Format>(spec: &LayerSpec) -> usize {
    if F::LEARNED_ACTIVATIONS { spec.learned() } else { 0 }
}

/// Copies element by element as far as both reach: lengths are the caller's to check, and this cannot panic.
fn copy<T: Copy>(to: &mut [T], from: &[T]) {
    for (to, &from) in to.iter_mut().zip(from) {
        *to = from;
    }
}

/// A tile as bytes.
pub(crate) fn bytes<X: Element, const LANES: usize>(rows: &mut [[X; LANES]]) -> &mut [u8] {
    bytemuck::try_cast_slice_mut(rows.as_flattened_mut()).unwrap_or_default()
}

/// Counters for one layer's rows, borrowed from a tile that is free while no pass runs.
pub(crate) fn counters<C: Index>(tile: &mut [u8]) -> &mut [C] {
    let whole = tile.len() / size_of::<C>() * size_of::<C>();
    bytemuck::try_cast_slice_mut(tile.get_mut(..whole).unwrap_or_default()).unwrap_or_default()
}
