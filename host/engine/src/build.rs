//! Networks of the format and tile width that are asked for: their bytes, and how they are built.

use rewire_core::backend::Shares;
use rewire_core::error::BuildError;
use rewire_core::network::{Description, Footprint, LayerSpec, Mlp, Storage};
use rewire_core::sparse::{Standard, Wide};

use crate::dynamic::Network;
use crate::error::NetworkError;
use crate::layer::MAX_LAYERS;
use crate::memory::with_block;

/// Whether the widest layer needs four bytes a column.
fn is_wide(layers: &[LayerSpec]) -> bool {
    // A layer in blocks has narrow ones, and a dense one has none.
    let has_columns = |layer: &&LayerSpec| matches!(layer.storage, Storage::OutputMajor | Storage::InputMajor);
    layers.iter().filter(has_columns).any(|layer| layer.n_in.max(layer.n_out) > 1 << 16)
}

macro_rules! by_type {
    ($layers:expr, $lanes:expr, $F:ident, $L:ident => $body:expr) => {{
        macro_rules! with {
            ($format:ty, $width:literal) => {{
                type $F = $format;
                const $L: usize = $width;
                $body
            }};
        }
        match ($lanes, is_wide($layers)) {
            (16, false) => with!(Standard, 16),
            (64, false) => with!(Standard, 64),
            (32, false) => with!(Standard, 32),
            (128, false) => with!(Standard, 128),
            (64, true) => with!(Wide, 64),
            (_, false) => with!(Standard, 1),
            (_, true) => with!(Wide, 1),
        }
    }};
}

/// Checks that there is code for a network of these layers with tiles of this width.
///
/// # Errors
///
/// [`NetworkError::Lanes`] where there is none.
pub fn check_lanes(layers: &[LayerSpec], lanes: usize) -> Result<(), NetworkError> {
    // Wide networks have 1 and 64 lanes only: each pair of format and width is compiled for every instruction set.
    if is_wide(layers) && lanes != 1 && lanes != 64 { Err(NetworkError::Lanes { lanes }) } else { Ok(()) }
}

/// Bytes that a network will need, if [`check_lanes`] passes.
pub fn footprint(layers: &[LayerSpec], lanes: usize, description: &Description<'_>) -> Footprint {
    by_type!(layers, lanes, F, L => description.footprint::<F, L>())
}

/// What so many ranks that share the network's steps work in, send and receive.
pub fn exchanged(layers: &[LayerSpec], lanes: usize, description: &Description<'_>, ranks: usize) -> Shares {
    by_type!(layers, lanes, F, L => description.exchanged::<F, L>(ranks))
}

/// Builds a network in a block of its own and hands it to `work`.
///
/// # Errors
///
/// A description that is wrong, a tile width that there is no code for, or memory that is not there.
pub fn with_network<R>(
    layers: &[LayerSpec],
    lanes: usize,
    description: &Description<'_>,
    work: impl FnOnce(&mut dyn Network) -> R,
) -> Result<R, NetworkError> {
    check_lanes(layers, lanes)?;
    with_block(&footprint(layers, lanes, description), |block| {
        Ok(work(&mut *network_in(layers, lanes, description, block)?))
    })?
}

/// Builds a network in `block`, which is as large and aligned as [`footprint`] says.
///
/// # Errors
///
/// A description that is wrong, or another block.
// Not generic: whoever trains a network would compile every format and tile width once more.
pub fn network_in<'a>(
    layers: &[LayerSpec],
    lanes: usize,
    description: &Description<'_>,
    block: &'a mut [u8],
) -> Result<Box<dyn Network + 'a>, BuildError> {
    by_type!(layers, lanes, F, L => Ok(Box::new(Mlp::<F, L, MAX_LAYERS>::new(description, block)?)))
}
