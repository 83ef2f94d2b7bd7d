//! Puts saved layers into a network.

use rewire_core::error::{LoadError, StructureError};
use rewire_core::network::{LayerRef, Mlp, Storage};
use rewire_core::sparse::{CsrRef, Format, Index};

use crate::error::NetworkError;
use crate::layer::{BlockData, LayerData};

/// Copies what is saved of a layer in blocks.
fn load_blocks<F: Format, const LANES: usize, const LAYERS: usize>(
    network: &mut Mlp<'_, F, LANES, LAYERS>,
    index: usize,
    blocks: &BlockData,
    bias: &[f32],
) -> Result<(), LoadError> {
    let length = |expected, found| {
        let wrong = StructureError::Length { expected, found };
        if expected == found { Ok(()) } else { Err(LoadError::Structure(wrong)) }
    };
    network.read_blocks(index, |to| {
        for (to, from) in
            [(to.weights, &blocks.weights), (to.pointers, &blocks.pointers), (to.columns, &blocks.columns)]
        {
            length(to.len(), from.len())?;
            to.copy_from_slice(from);
        }
        length(to.bias.len(), bias.len())?;
        to.bias.copy_from_slice(bias);
        Ok(())
    })
}

/// Replaces a layer's weights and structure.
///
/// # Errors
///
/// Why it does not fit.
pub fn load_layer<F: Format, const LANES: usize, const LAYERS: usize>(
    network: &mut Mlp<'_, F, LANES, LAYERS>,
    index: usize,
    data: &LayerData,
) -> Result<(), NetworkError> {
    let wrong = |reason: String| NetworkError::Layer { layer: index, reason };
    if let Some(blocks) = &data.blocks {
        return load_blocks(network, index, blocks, &data.bias).map_err(|error| wrong(error.to_string()));
    }
    // A value that the format cannot hold is refused by its invariants: it is out of range before it wraps.
    let fits = |value: &u32, max: usize| *value as usize <= max;
    if !data.indptr.iter().all(|value| fits(value, <F::Pointer as Index>::MAX))
        || !data.indices.iter().all(|value| fits(value, <F::Index as Index>::MAX))
    {
        return Err(wrong("it has a row pointer or column beyond its widths".into()));
    }
    let indptr: Vec<_> = data.indptr.iter().map(|&p| F::Pointer::wrapping_from(p as usize)).collect();
    let indices: Vec<_> = data.indices.iter().map(|&p| F::Index::wrapping_from(p as usize)).collect();
    let csr = if data.spec.storage == Storage::Dense {
        None
    } else {
        let csr = CsrRef::<F>::new(data.spec.ncols(), &indptr, &indices, &data.weights);
        Some(csr.map_err(|error| wrong(error.to_string()))?)
    };
    let layer = LayerRef {
        spec: data.spec,
        bias: &data.bias,
        weights: &data.weights,
        csr,
        velocity: &data.velocity,
        bias_velocity: &data.bias_velocity,
        activation_parameters: &data.activation_parameters,
        activation_velocity: &data.activation_velocity,
    };
    network.load_layer(index, &layer).map_err(|error| wrong(error.to_string()))
}
