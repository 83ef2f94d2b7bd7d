//! A hash of a model: models with the same hash compute the same function.

use crate::network::mlp::Mlp;
use crate::network::model::LayerRef;
use crate::network::spec::Storage;
use crate::sparse::index::{Format, Index};

/// A hash of a model that does not depend on its format: FNV-1a, 64 bits, over each layer's row pointers and columns as
/// 32-bit integers, its weights and its biases, all little-endian. Of a layer in blocks, weights are integers too: their
/// bits.
///
/// Two networks with the same hash compute the same function. A NaN counts as the one quiet NaN, whose sign differs
/// between machines.
pub fn hash<F: Format, const LANES: usize, const LAYERS: usize>(network: &Mlp<'_, F, LANES, LAYERS>) -> u64 {
    network.layers().enumerate().fold(START, |hash, (index, layer)| {
        let blocks = network.blocks(index).map(|blocks| [blocks.pointers, blocks.columns, blocks.weights]);
        let words = blocks.into_iter().flatten().flatten();
        hash_layer(words.fold(hash, |hash, &word| add(hash, word.into())), &layer)
    })
}

/// The hash of nothing.
const START: u64 = 0xcbf2_9ce4_8422_2325;

/// As [`hash`], of layers wherever they lie.
pub fn hash_layers<'a, F: Format>(layers: impl Iterator<Item = LayerRef<'a, F>>) -> u64 {
    layers.fold(START, |hash, layer| hash_layer(hash, &layer))
}

fn hash_layer<F: Format>(mut hash: u64, layer: &LayerRef<'_, F>) -> u64 {
    if let (Some(csr), Storage::InputMajor | Storage::OutputMajor) = (&layer.csr, layer.spec.storage) {
        for pointer in csr.indptr() {
            hash = add(hash, pointer.to_usize() as u32);
        }
        for index in csr.indices() {
            hash = add(hash, index.to_usize() as u32);
        }
    }
    for value in layer.weights.iter().chain(layer.bias).chain(layer.activation_parameters.as_flattened()) {
        hash = add(hash, if value.is_nan() { f32::NAN.to_bits() } else { value.to_bits() });
    }
    hash
}

fn add(hash: u64, word: u32) -> u64 {
    word.to_le_bytes().iter().fold(hash, |hash, &byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}
