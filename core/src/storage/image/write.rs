//! Writes images.

use crate::network::mlp::Mlp;
use crate::sparse::index::{Format, Index};
use crate::storage::crc::Crc;
use crate::storage::image::about::About;
use crate::storage::image::format::{ImageError, MAGIC, VERSION, VERSION_ABOUT, encode, len};
use crate::storage::image::inputs::Inputs;

/// Writes a network's image to the start of `to`, in version 1: the network alone. Returns its length.
///
/// # Errors
///
/// When `to` is too short, or an activation has parameters; `to` is then unchanged.
pub fn write<F: Format, const LANES: usize, const LAYERS: usize>(
    network: &Mlp<'_, F, LANES, LAYERS>,
    to: &mut [u8],
) -> Result<usize, ImageError> {
    write_to(network_len(network), to, |put| write_with(network, put))
}

/// Writes a network's image with what its use needs to the start of `to`, in version 2. Returns its length.
///
/// # Errors
///
/// When `to` is too short, an activation has parameters, or what is said does not fit the network; `to` is then
/// unchanged.
pub fn write_about<F: Format, const LANES: usize, const LAYERS: usize>(
    network: &Mlp<'_, F, LANES, LAYERS>,
    about: &About<'_>,
    to: &mut [u8],
) -> Result<usize, ImageError> {
    write_to(network_len(network).saturating_add(about.bytes()), to, |put| write_about_with(network, about, put))
}

/// Has `write` write `needed` bytes to the start of `to`.
fn write_to(
    needed: usize,
    to: &mut [u8],
    write: impl FnOnce(&mut dyn FnMut(&[u8]) -> Result<(), ImageError>) -> Result<usize, ImageError>,
) -> Result<usize, ImageError> {
    let mut rest = if to.len() < needed { return Err(ImageError::Cut { needed, available: to.len() }) } else { to };
    write(&mut |bytes| {
        let (front, after) = core::mem::take(&mut rest).split_at_mut_checked(bytes.len()).unwrap_or_default();
        for (to, &byte) in front.iter_mut().zip(bytes) {
            *to = byte;
        }
        rest = after;
        Ok(())
    })
}

/// Hands a network's image of version 1 to `put`, a few bytes at a time, for where there is no room for all of it;
/// returns its length.
///
/// # Errors
///
/// What `put` returns, or that an activation has parameters, before the first byte.
pub fn write_with<F: Format, E: From<ImageError>, const LANES: usize, const LAYERS: usize>(
    network: &Mlp<'_, F, LANES, LAYERS>,
    mut put: impl FnMut(&[u8]) -> Result<(), E>,
) -> Result<usize, E> {
    let len = network_len(network);
    let crc = checksum(|put| body(network, put))?;
    header(VERSION, network.layers().len(), len, crc, &mut put)?;
    body(network, &mut put)?;
    Ok(len)
}

/// As [`write_with`], with what the use of the network needs, in version 2.
///
/// # Errors
///
/// As [`write_with`], and where what is said does not fit the network, before the first byte.
pub fn write_about_with<F: Format, E: From<ImageError>, const LANES: usize, const LAYERS: usize>(
    network: &Mlp<'_, F, LANES, LAYERS>,
    about: &About<'_>,
    mut put: impl FnMut(&[u8]) -> Result<(), E>,
) -> Result<usize, E> {
    let ends = [network.layers().next(), network.layers().last()].map(|layer| layer.map(|layer| layer.spec));
    about.check(Inputs::of::<F>(), ends)?;
    let len = network_len(network).saturating_add(about.bytes());
    let fixed = about.fixed::<F>();
    let crc = checksum(|put| {
        put(&fixed)?;
        body(network, put)?;
        about.write(put)
    })?;
    header(VERSION_ABOUT, network.layers().len(), len, crc, &mut put)?;
    put(&fixed)?;
    body(network, &mut put)?;
    about.write(&mut put)?;
    Ok(len)
}

/// Bytes of an image of version 1.
fn network_len<F: Format, const LANES: usize, const LAYERS: usize>(network: &Mlp<'_, F, LANES, LAYERS>) -> usize {
    len::<F>(network.layers().map(|layer| layer.spec))
}

/// The checksum of what `write` hands out.
fn checksum<E>(write: impl FnOnce(&mut dyn FnMut(&[u8]) -> Result<(), E>) -> Result<(), E>) -> Result<u32, E> {
    let mut crc = Crc::new();
    write(&mut |bytes| {
        crc.add(bytes);
        Ok(())
    })?;
    Ok(crc.get())
}

fn header<E>(
    version: u16,
    layers: usize,
    len: usize,
    crc: u32,
    put: &mut impl FnMut(&[u8]) -> Result<(), E>,
) -> Result<(), E> {
    put(&MAGIC)?;
    put(&version.to_le_bytes())?;
    put(&(layers as u16).to_le_bytes())?;
    put(&(len as u32).to_le_bytes())?;
    put(&crc.to_le_bytes())
}

/// Headers and arrays of the layers.
fn body<F: Format, E: From<ImageError>, const LANES: usize, const LAYERS: usize>(
    network: &Mlp<'_, F, LANES, LAYERS>,
    put: &mut (impl FnMut(&[u8]) -> Result<(), E> + ?Sized),
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
fn integers<I: Index, E>(values: &[I], put: &mut (impl FnMut(&[u8]) -> Result<(), E> + ?Sized)) -> Result<(), E> {
    for value in values {
        let bytes = (value.to_usize() as u32).to_le_bytes();
        put(bytes.get(..size_of::<I>()).unwrap_or_default())?;
    }
    let padding = size_of_val(values).wrapping_neg() % 4;
    put([0; 4].get(..padding).unwrap_or_default())
}
