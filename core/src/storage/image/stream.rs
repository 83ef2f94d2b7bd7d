//! Reads an image piece by piece from where it cannot be read in place, such as flash behind a driver.
//!
//! All of it is checked before the first byte of the network changes, so it is read twice.

use core::ops::Range;

use crate::error::StructureError;
use crate::network::mlp::Mlp;
use crate::network::spec::LayerSpec;
use crate::sparse::index::Format;
use crate::storage::image::format::{HEADER, ImageError, LAYER, MAGIC, VERSION, decode, len, same, sections};

/// Bytes that are read at once.
pub(crate) const PAGE: usize = 256;

/// A place in the image, with the page that it lies in.
struct Cursor {
    at: usize,
    page: [u8; PAGE],
    /// Number of the page that is held.
    held: Option<usize>,
}

impl Cursor {
    fn new(at: usize) -> Self {
        Self { at, page: [0; PAGE], held: None }
    }

    /// Fills `bytes` with what follows; `read` reads the page that starts at an offset of the image.
    fn get<E>(
        &mut self,
        read: &mut impl FnMut(usize, &mut [u8; PAGE]) -> Result<(), E>,
        bytes: &mut [u8],
    ) -> Result<(), E> {
        for byte in bytes {
            let page = self.at / PAGE;
            if self.held != Some(page) {
                read(page * PAGE, &mut self.page)?;
                self.held = Some(page);
            }
            *byte = self.page.get(self.at % PAGE).copied().unwrap_or_default();
            self.at += 1;
        }
        Ok(())
    }

    /// The next little-endian integer of `size` bytes.
    fn integer<E>(
        &mut self,
        read: &mut impl FnMut(usize, &mut [u8; PAGE]) -> Result<(), E>,
        size: usize,
    ) -> Result<usize, E> {
        let mut word = [0; 4];
        self.get(read, word.get_mut(..size).unwrap_or_default())?;
        Ok(u32::from_le_bytes(word) as usize)
    }
}

/// Copies an image of `length` bytes into a network of the same layers. Its checksum is the caller's to check.
///
/// # Errors
///
/// An image that is not of this network: the network is then as it was. What `read` returns: if that was on the second
/// reading, the network is then as it was built, with weights zero and no connections.
// Not inlined: its pages would stay on the caller's stack, below the whole training.
#[inline(never)]
pub(crate) fn read_into<F: Format, E: From<ImageError>, const LANES: usize, const LAYERS: usize>(
    network: &mut Mlp<'_, F, LANES, LAYERS>,
    length: usize,
    mut read: impl FnMut(usize, &mut [u8; PAGE]) -> Result<(), E>,
) -> Result<(), E> {
    check(network, length, &mut read)?;
    let mut cursor = Cursor::new(HEADER + LAYER * network.layers.len());
    let copied = copy(network, |bytes| cursor.get(&mut read, bytes));
    if copied.is_err() {
        // Half of a structure must not be left.
        for layer in &mut network.layers {
            layer.clear();
        }
    }
    copied
}

/// Reads the arrays of all layers.
fn copy<F: Format, E, const LANES: usize, const LAYERS: usize>(
    network: &mut Mlp<'_, F, LANES, LAYERS>,
    mut get: impl FnMut(&mut [u8]) -> Result<(), E>,
) -> Result<(), E> {
    for layer in &mut network.layers {
        get(bytemuck::cast_slice_mut(layer.weights))?;
        get(bytemuck::cast_slice_mut(layer.bias))?;
        for bytes in [bytemuck::cast_slice_mut(layer.indptr), bytemuck::cast_slice_mut(layer.indices)] {
            get(bytes)?;
            let padding = bytes.len().wrapping_neg() % 4;
            get([0; 4].get_mut(..padding).unwrap_or_default())?;
        }
        layer.velocity.fill(0.0);
        layer.bias_velocity.fill(0.0);
        layer.rebuild_transposed();
    }
    Ok(())
}

/// Checks header, layers and structure against a network.
fn check<F: Format, E: From<ImageError>, const LANES: usize, const LAYERS: usize>(
    network: &Mlp<'_, F, LANES, LAYERS>,
    length: usize,
    read: &mut impl FnMut(usize, &mut [u8; PAGE]) -> Result<(), E>,
) -> Result<(), E> {
    let mut cursor = Cursor::new(0);
    let mut header = [0; HEADER];
    cursor.get(read, &mut header)?;
    let [m0, m1, m2, m3, v0, v1, n0, n1, ..] = header;
    if [m0, m1, m2, m3] != MAGIC {
        return Err(ImageError::Foreign.into());
    }
    let found = u16::from_le_bytes([v0, v1]);
    if found != VERSION {
        return Err(ImageError::Version { found }.into());
    }
    if cfg!(target_endian = "big") {
        return Err(ImageError::Endian.into());
    }
    let layers = usize::from(u16::from_le_bytes([n0, n1]));
    if layers != network.layers.len() {
        return Err(ImageError::Layers { image: layers, network: network.layers.len() }.into());
    }
    for (layer, own) in network.layers.iter().enumerate() {
        let mut header = [0; LAYER];
        cursor.get(read, &mut header)?;
        same(layer, &own.spec, &decode::<F>(&header, layer, None)?)?;
    }
    let layers = len::<F>(network.layers.iter().map(|layer| layer.spec));
    if layers != length {
        return Err(ImageError::Length { layers, header: length }.into());
    }
    let mut start = cursor.at;
    for layer in &network.layers {
        let [weights, biases, pointers, columns] = sections::<F>(&layer.spec);
        let pointers_at = start + weights + biases;
        if !layer.spec.is_dense() {
            check_structure::<F, E>(&layer.spec, pointers_at..pointers_at + pointers, &mut cursor, read)?;
        }
        start = pointers_at + pointers + columns;
    }
    Ok(())
}

/// Checks a layer's row pointers, which lie in `pointers`, together with its columns, which follow them.
fn check_structure<F: Format, E: From<ImageError>>(
    spec: &LayerSpec,
    pointers: Range<usize>,
    cols: &mut Cursor,
    read: &mut impl FnMut(usize, &mut [u8; PAGE]) -> Result<(), E>,
) -> Result<(), E> {
    let broken = |error: StructureError| E::from(ImageError::Structure(error));
    let mut ends = Cursor::new(pointers.start);
    (cols.at, cols.held) = (pointers.end, None);
    let (pointer, index) = (size_of::<F::Pointer>(), size_of::<F::Index>());
    let mut start = ends.integer(read, pointer)?;
    if start != 0 {
        return Err(broken(StructureError::RowPointer { row: 0 }));
    }
    for row in 0..spec.nrows() {
        let end = ends.integer(read, pointer)?;
        if end < start || end > spec.connections {
            return Err(broken(StructureError::RowPointer { row }));
        }
        let mut least = 0;
        for _ in start..end {
            let col = cols.integer(read, index)?;
            if col < least || col >= spec.ncols() {
                return Err(broken(StructureError::Column { row, col }));
            }
            least = col + 1;
        }
        start = end;
    }
    if start != spec.connections {
        return Err(broken(StructureError::Length { expected: spec.connections, found: start }));
    }
    Ok(())
}
