//! The arrays of a layer in blocks, as files hold them.

use anyhow::{Context, Result, anyhow, ensure};
use rewire_core::sparse::{BlocksRef, Geometry};
use rewire_engine::layer::BlockData;
use safetensors::tensor::{Dtype, SafeTensors};

use crate::model::tensors::Data;

/// The arrays of a layer in blocks, with their names.
pub(crate) fn arrays(blocks: BlocksRef<'_>) -> [(&'static str, Data<'_>); 3] {
    let BlocksRef { weights, pointers, columns, .. } = blocks;
    [
        ("block_weights", Data::Brain(weights)),
        ("block_pointers", Data::Halves(pointers)),
        ("block_columns", Data::Halves(columns)),
    ]
}

/// Reads those of the layer `index`, of so many inputs and neurons. Their structure is not checked.
///
/// # Errors
///
/// A tensor that is missing or holds something else, or more connections than blocks have.
pub(super) fn read(file: &SafeTensors<'_>, index: usize, (n_in, n_out): (usize, usize)) -> Result<BlockData> {
    let halves = |part: &str, dtype| -> Result<Vec<u16>> {
        let name = format!("layers.{index}.{part}");
        let tensor = file.tensor(&name).map_err(|_| anyhow!("the tensor '{name}' is missing"))?;
        ensure!(tensor.dtype() == dtype, "the tensor '{name}' holds {:?}, expected {dtype:?}", tensor.dtype());
        Ok(tensor.data().as_chunks().0.iter().copied().map(u16::from_le_bytes).collect())
    };
    let weights = halves("block_weights", Dtype::BF16)?;
    let geometry = Geometry::of(n_in, n_out, weights.len(), index)
        .with_context(|| format!("layer {index} cannot be stored in blocks"))?;
    let (pointers, columns) = (halves("block_pointers", Dtype::U16)?, halves("block_columns", Dtype::U16)?);
    Ok(BlockData { geometry, weights, pointers, columns })
}
