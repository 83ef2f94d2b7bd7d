//! The arrays of a layer in blocks, as files hold them.

use anyhow::{Context, Result};
use rewire_core::sparse::{BlocksRef, Geometry};
use rewire_engine::dynamic::{Network, NetworkError};
use rewire_engine::layer::BlockData;
use safetensors::tensor::Dtype;

use crate::model::tensor_file::TensorFile;
use crate::model::tensors::Data;

// What the arrays are called in files, after the name of the layer.
pub(super) const WEIGHTS: &str = "block_weights";
const POINTERS: &str = "block_pointers";
const COLUMNS: &str = "block_columns";

/// The arrays of a layer in blocks, with their names.
pub(crate) fn arrays(blocks: BlocksRef<'_>) -> [(&'static str, Data<'_>); 3] {
    let BlocksRef { weights, pointers, columns, .. } = blocks;
    [(WEIGHTS, Data::Brain(weights)), (POINTERS, Data::Halves(pointers)), (COLUMNS, Data::Halves(columns))]
}

/// Reads those of the layer `index`, of so many inputs and neurons. Their structure is not checked.
///
/// # Errors
///
/// A tensor that is missing or holds something else, or more connections than blocks have.
pub(crate) fn read(file: &TensorFile<'_>, index: usize, (n_in, n_out): (usize, usize)) -> Result<BlockData> {
    let name = |part| format!("layers.{index}.{part}");
    let weights = file.halves(&name(WEIGHTS), Dtype::BF16)?;
    let geometry = Geometry::of(n_in, n_out, weights.len(), index)
        .with_context(|| format!("layer {index} cannot be stored in blocks"))?;
    let pointers = file.halves(&name(POINTERS), Dtype::U16)?;
    let columns = file.halves(&name(COLUMNS), Dtype::U16)?;
    Ok(BlockData { geometry, weights, pointers, columns })
}

/// Reads the layer `index` into its place in a network, which checks it. Nothing is copied.
///
/// # Errors
///
/// As [`read`], and what the network refuses.
pub(crate) fn read_into(file: &TensorFile<'_>, index: usize, network: &mut dyn Network) -> Result<()> {
    let name = |part| format!("layers.{index}.{part}");
    let mut failed = None;
    let read = network.read_blocks(index, &mut |to| {
        let all = file
            .halves_into(&name(WEIGHTS), Dtype::BF16, to.weights)
            .and_then(|()| file.halves_into(&name(POINTERS), Dtype::U16, to.pointers))
            .and_then(|()| file.halves_into(&name(COLUMNS), Dtype::U16, to.columns))
            .and_then(|()| file.floats_into(&name("bias"), to.bias));
        all.map_err(|error| {
            let reason = format!("{error:#}");
            failed = Some(error);
            NetworkError::Layer { layer: index, reason }
        })
    });
    failed.map_or(Ok(()), Err)?;
    Ok(read?)
}
