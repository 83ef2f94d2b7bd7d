//! Layers in blocks as the world sees them: their arrays, how they are read, and what such networks do not know.

use crate::error::{LoadError, SpecDifference, StructureError, TrainError};
use crate::network::mlp::Mlp;
use crate::sparse::blocks::{Blocks, BlocksRef, LayerBlocks};
use crate::sparse::csr::CsrRef;
use crate::sparse::index::{Format, InBlock};
use crate::topology::evolve::Evolution;
use crate::topology::grow::rule::Growth;

/// The arrays of a layer in blocks, to be filled: see [`BlocksRef`].
#[derive(Debug)]
pub struct BlockArrays<'a> {
    /// Weights as bfloat16.
    pub weights: &'a mut [u16],
    /// Row pointers.
    pub pointers: &'a mut [u16],
    /// Columns.
    pub columns: &'a mut [u16],
    /// Biases, one a neuron.
    pub bias: &'a mut [f32],
}

impl<F: Format, const LANES: usize, const LAYERS: usize> Mlp<'_, F, LANES, LAYERS> {
    /// The arrays of a layer that is stored in blocks; none of another, or where there is no such layer.
    ///
    /// In [`Mlp::layers`], such a layer has its biases only.
    pub fn blocks(&self, index: usize) -> Option<BlocksRef<'_>> {
        self.layers.get(index)?.blocks.get()
    }

    /// Has `read` fill the arrays of a layer in blocks where they lie, and checks them.
    ///
    /// # Errors
    ///
    /// What `read` returns; a layer that is not stored in blocks; structure whose invariants do not hold. The layer then has
    /// no connections.
    pub fn read_blocks<E: From<LoadError>>(
        &mut self,
        index: usize,
        read: impl FnOnce(BlockArrays<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let layers = self.layers.len();
        let layer = self.layers.get_mut(index).ok_or(LoadError::NoLayer { layers })?;
        let Some(blocks) = layer.blocks.get_mut() else {
            return Err(LoadError::Differs(SpecDifference::Storage).into());
        };
        let Blocks { weights, pointers, columns, .. } = blocks;
        let done = read(BlockArrays { weights, pointers, columns, bias: layer.bias })
            .and_then(|()| blocks.as_ref().check().map_err(|error| LoadError::from(error).into()));
        if done.is_err() {
            blocks.pointers.fill(0);
        }
        done
    }

    /// Whether a layer is stored in blocks.
    pub(crate) fn has_blocks(&self) -> bool {
        F::BLOCKS && self.layers.iter().any(|layer| layer.spec.is_blocked())
    }

    /// Checks that no layer is stored in blocks, which do not know `what`.
    pub(crate) fn check_no_blocks(&self, what: &'static str) -> Result<(), TrainError> {
        if self.has_blocks() { Err(TrainError::Blocked { what }) } else { Ok(()) }
    }

    /// Checks that the network's layers know how to grow connections as the evolution wants.
    pub(crate) fn check_growth(&self, evolution: &Evolution) -> Result<(), TrainError> {
        if !F::BLOCKS || (!evolution.has_options() && evolution.growth() == Growth::Random) {
            return Ok(());
        }
        self.check_no_blocks("another growth than random, another pruning than by magnitude, or percolation")
    }
}

impl BlocksRef<'_> {
    /// Checks that the arrays have their lengths, and that each block's structure is sound.
    ///
    /// # Errors
    ///
    /// The first invariant that does not hold.
    pub fn check(&self) -> Result<(), StructureError> {
        let geometry = self.geometry;
        let lengths = [geometry.connections(), geometry.connections(), geometry.all_pointers()];
        for (expected, found) in lengths.into_iter().zip([self.weights, self.columns, self.pointers]) {
            if found.len() != expected {
                return Err(StructureError::Length { expected, found: found.len() });
            }
        }
        for index in 0..geometry.blocks() {
            let block = self.block(index);
            let (rows, inputs) = geometry.cells(index);
            CsrRef::<InBlock>::check(inputs.len(), block.pointers, block.columns)
                .map_err(|error| error.below(rows.start, inputs.start))?;
        }
        Ok(())
    }
}
