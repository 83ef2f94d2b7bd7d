//! A layer's arrays: as training writes them, as a pass reads them, and as the world sees them.

use crate::activation::kind::Parameters;
use crate::kernel::gather::TransposedRef;
use crate::network::spec::LayerSpec;
use crate::sparse::blocks::{BlocksRef, LayerBlocks};
use crate::sparse::budget::{Pace, Unlimited};
use crate::sparse::csr::{CsrMut, CsrRef};
use crate::sparse::index::{Format, Index};
use crate::sparse::transpose::Transposition;

/// A layer's model and optimizer state.
#[derive(Debug)]
pub(crate) struct Layer<'a, F: Format> {
    pub(crate) spec: LayerSpec,
    /// Connections that a sparse layer was built for: those of the specification before any were removed for good.
    pub(crate) room: F::Pointer,
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
    /// What a layer in blocks has instead of weights, row pointers and columns.
    pub(crate) blocks: F::Blocks<'a>,
}

/// The structure of a layer read from its inputs.
#[derive(Debug)]
pub(crate) struct Transposed<'a, F: Format> {
    pub(crate) indptr: &'a mut [F::Pointer],
    pub(crate) positions: &'a mut [F::Pointer],
    pub(crate) rows: &'a mut [F::Index],
}

impl<F: Format> Transposed<'_, F> {
    pub(crate) fn as_ref(&self) -> TransposedRef<'_, F> {
        TransposedRef { indptr: self.indptr, rows: self.rows, positions: self.positions }
    }
}

/// What a model's passes know of a tile's samples.
pub(crate) type BatchOf<M> = <<M as Model>::Format as Format>::Batch;

/// A layer as a pass reads it: of a network that trains, or of one whose weights stay where they are.
pub(crate) trait Model: Sync {
    /// Widths of the integers.
    type Format: Format;

    fn spec(&self) -> &LayerSpec;
    /// Whether the layer adds the activations of the one two before: known to be false when compiling where the format has no
    /// such activations.
    #[inline(always)]
    fn is_residual(&self) -> bool {
        <Self::Format as Format>::LEARNED_ACTIVATIONS && self.spec().activation.is_residual()
    }
    fn weights(&self) -> &[f32];
    fn bias(&self) -> &[f32];
    fn activation_parameters(&self) -> &[Parameters];
    /// The stored matrix, with no rows for a dense layer.
    fn csr(&self) -> CsrRef<'_, Self::Format>;
    fn transposed(&self) -> Option<TransposedRef<'_, Self::Format>>;
    fn blocks(&self) -> Option<BlocksRef<'_>>;
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

    #[inline(always)]
    fn blocks(&self) -> Option<BlocksRef<'_>> {
        self.blocks.get()
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

    #[inline(always)]
    fn blocks(&self) -> Option<BlocksRef<'_>> {
        None
    }
}

impl<'a, F: Format> Layer<'a, F> {
    /// A layer without its arrays.
    pub(crate) fn empty(spec: LayerSpec) -> Self {
        Self {
            spec,
            room: F::Pointer::wrapping_from(spec.connections),
            weights: &mut [],
            bias: &mut [],
            indptr: &mut [],
            indices: &mut [],
            velocity: &mut [],
            bias_velocity: &mut [],
            activation_parameters: &mut [],
            activation_velocity: &mut [],
            transposed: None,
            blocks: F::Blocks::<'a>::default(),
        }
    }

    /// Multiplies weights and biases, but not the weights of blocks, by a factor.
    #[inline(always)]
    pub(crate) fn decay(&mut self, factor: f32) {
        self.weights.iter_mut().chain(&mut *self.bias).for_each(|weight| *weight *= factor);
    }

    /// How many numbers it learns, and averages it keeps.
    pub(crate) fn parameters(&self) -> usize {
        self.weights.len() + self.bias.len() + self.activation_parameters.as_flattened().len()
    }

    /// The same layer with other velocities of weights and biases.
    pub(crate) fn with_velocities<'b>(
        &'b mut self,
        velocity: &'b mut [f32],
        bias_velocity: &'b mut [f32],
    ) -> Layer<'b, F> {
        Layer {
            spec: self.spec,
            room: self.room,
            weights: self.weights,
            bias: self.bias,
            indptr: self.indptr,
            indices: self.indices,
            velocity,
            bias_velocity,
            activation_parameters: self.activation_parameters,
            activation_velocity: self.activation_velocity,
            transposed: None,
            // A network with blocks has one tile, and is not shared out.
            blocks: F::Blocks::default(),
        }
    }

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
        if let Some(blocks) = self.blocks.get_mut() {
            blocks.weights.fill(0);
            blocks.pointers.fill(0);
        }
        if let Some(transposed) = &mut self.transposed {
            transposed.indptr.fill(F::Pointer::default());
        }
    }

    /// Rebuilds the transposed structure, if the layer keeps one.
    pub(crate) fn rebuild_transposed(&mut self) {
        self.transpose_some(&mut Transposition::new(), &mut Unlimited);
    }

    /// Goes on with that as far as the budget reaches; returns whether all is done.
    pub(crate) fn transpose_some(&mut self, at: &mut Transposition, budget: &mut impl Pace) -> bool {
        // Between pruning and growth there is room behind the connections.
        let nnz = self.indptr.last().map_or(0, |end| end.to_usize());
        let [indices, weights] = [self.indices.len(), self.weights.len()].map(|len| len.min(nnz));
        let indices = self.indices.get(..indices).unwrap_or_default();
        let csr = CsrRef::<F>::trusted(
            self.spec.ncols(),
            self.indptr,
            indices,
            self.weights.get(..weights).unwrap_or_default(),
        );
        let Some(Transposed { indptr, positions, rows }) = &mut self.transposed else { return true };
        at.go_on(csr, indptr, rows, positions, budget)
    }
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

/// Copies element by element as far as both reach: lengths are the caller's to check, and this cannot panic.
pub(crate) fn copy<T: Copy>(to: &mut [T], from: &[T]) {
    for (to, &from) in to.iter_mut().zip(from) {
        *to = from;
    }
}
