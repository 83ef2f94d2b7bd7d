//! Layers in blocks, copied out of a network.

use rewire_core::error::StructureError;
use rewire_core::sparse::{BlocksRef, Geometry};

/// The arrays of a layer in blocks: see [`BlocksRef`].
#[derive(Clone, Debug, PartialEq)]
pub struct BlockData {
    /// Rows, inputs and connections of each block.
    pub geometry: Geometry,
    /// Weights as bfloat16.
    pub weights: Vec<u16>,
    /// Row pointers.
    pub pointers: Vec<u16>,
    /// Columns.
    pub columns: Vec<u16>,
}

impl BlockData {
    /// A copy.
    pub(crate) fn new(blocks: BlocksRef<'_>) -> Self {
        let BlocksRef { geometry, weights, pointers, columns } = blocks;
        Self { geometry, weights: weights.to_vec(), pointers: pointers.to_vec(), columns: columns.to_vec() }
    }

    /// Checks that there are as many elements as the blocks have, and that their structure is sound.
    ///
    /// # Errors
    ///
    /// The first invariant that does not hold.
    pub fn check(&self) -> Result<(), StructureError> {
        self.view().check()
    }

    pub(crate) fn view(&self) -> BlocksRef<'_> {
        BlocksRef { geometry: self.geometry, weights: &self.weights, pointers: &self.pointers, columns: &self.columns }
    }
}

/// Row, input and weight of each connection of a layer in blocks, in the order of memory.
pub(crate) fn cells_of(blocks: BlocksRef<'_>) -> impl Iterator<Item = (usize, usize, f32)> {
    let geometry = blocks.geometry;
    (0..geometry.blocks()).flat_map(move |block| {
        let ((rows, inputs), places) = (geometry.cells(block), geometry.places(block));
        let pointers = &blocks.pointers[geometry.pointers(block)];
        rows.zip(pointers.windows(2)).flat_map(move |(row, ends)| {
            let row_places = places.start + usize::from(ends[0])..places.start + usize::from(ends[1]);
            row_places.map(move |place| {
                let weight = f32::from_bits(u32::from(blocks.weights[place]) << 16);
                (row, inputs.start + usize::from(blocks.columns[place]), weight)
            })
        })
    })
}
