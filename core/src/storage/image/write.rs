//! Writes images.

use crate::network::mlp::Mlp;
use crate::sparse::index::{Format, Index};
use crate::storage::crc::Crc;
use crate::storage::image::format::{ImageError, MAGIC, VERSION, encode, len};

/// Writes a network's image to the start of `to`; returns its length.
///
/// # Errors
///
/// When `to` is too short, or an activation has parameters; `to` is then unchanged.
pub fn write<F: Format, const LANES: usize, const LAYERS: usize>(
    network: &Mlp<'_, F, LANES, LAYERS>,
    to: &mut [u8],
) -> Result<usize, ImageError> {
    let needed = len::<F>(network.layers().map(|layer| layer.spec));
    let mut rest = if to.len() < needed { return Err(ImageError::Cut { needed, available: to.len() }) } else { to };
    write_with(network, |bytes| {
        let (front, after) = core::mem::take(&mut rest).split_at_mut_checked(bytes.len()).unwrap_or_default();
        for (to, &byte) in front.iter_mut().zip(bytes) {
            *to = byte;
        }
        rest = after;
        Ok(())
    })
}

/// Hands a network's image to `put`, a few bytes at a time, for where there is no room for all of it; returns its
/// length.
///
/// # Errors
///
/// What `put` returns, or that an activation has parameters, before the first byte.
pub fn write_with<F: Format, E: From<ImageError>, const LANES: usize, const LAYERS: usize>(
    network: &Mlp<'_, F, LANES, LAYERS>,
    mut put: impl FnMut(&[u8]) -> Result<(), E>,
) -> Result<usize, E> {
    let len = len::<F>(network.layers().map(|layer| layer.spec));
    let mut crc = Crc::new();
    body(network, &mut |bytes| {
        crc.add(bytes);
        Ok::<(), E>(())
    })?;
    put(&MAGIC)?;
    put(&VERSION.to_le_bytes())?;
    put(&(network.layers().len() as u16).to_le_bytes())?;
    put(&(len as u32).to_le_bytes())?;
    put(&crc.get().to_le_bytes())?;
    body(network, &mut put)?;
    Ok(len)
}

/// All that the checksum covers.
fn body<F: Format, E: From<ImageError>, const LANES: usize, const LAYERS: usize>(
    network: &Mlp<'_, F, LANES, LAYERS>,
    put: &mut impl FnMut(&[u8]) -> Result<(), E>,
) -> Result<(), E> {
    for (index, layer) in network.layers().enumerate() {
        put(&encode::<F>(&layer.spec, index)?)?;
    }
    for layer in network.layers() {
        for value in layer.weights.iter().chain(layer.bias) {
            put(&value.to_le_bytes())?;
        }
        if let Some(csr) = layer.csr {
            integers(csr.indptr(), put)?;
            integers(csr.indices(), put)?;
        }
    }
    Ok(())
}

/// Integers of a structure, padded to a multiple of 4 bytes.
fn integers<I: Index, E>(values: &[I], put: &mut impl FnMut(&[u8]) -> Result<(), E>) -> Result<(), E> {
    for value in values {
        let bytes = (value.to_usize() as u32).to_le_bytes();
        put(bytes.get(..size_of::<I>()).unwrap_or_default())?;
    }
    let padding = size_of_val(values).wrapping_neg() % 4;
    put([0; 4].get(..padding).unwrap_or_default())
}
