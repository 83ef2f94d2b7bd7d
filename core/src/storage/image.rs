//! Models as bytes: a hash of one, and an image that is read in place.
//!
//! An image is little-endian and aligned to 4 bytes, so that flash which holds one is a model without a copy:
//!
//! | bytes | what |
//! |---|---|
//! | 0..4 | `RWIM` |
//! | 4..6, 6..8 | version, layers |
//! | 8..12 | length of the image in bytes |
//! | 12..16 | CRC-32 (IEEE 802.3) of everything from byte 16 on |
//! | 24 a layer | inputs, neurons, connections (4 each); storage, activation, bytes of a column, of a row pointer; slope; 0 |
//! | then, a layer | weights, biases, row pointers, columns, each padded to 4 bytes |

use core::fmt;

use bytemuck::Pod;

use crate::activation::Activation;
use crate::error::StructureError;
use crate::network::mlp::{LayerRef, Mlp};
use crate::network::spec::{LayerSpec, Storage};
use crate::sparse::csr::CsrRef;
use crate::sparse::index::{Format, Index};

const MAGIC: [u8; 4] = *b"RWIM";
const VERSION: u16 = 1;
const HEADER: usize = 16;
const LAYER: usize = 24;

/// Why bytes are no image that this program can use.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum ImageError {
    /// It does not begin as an image does.
    Foreign,
    /// Another version wrote it.
    Version {
        /// Its version.
        found: u16,
    },
    /// It is shorter than it says, or than what it is written to must be.
    Cut {
        /// Bytes that it takes.
        needed: usize,
        /// Bytes that there are.
        available: usize,
    },
    /// Its bytes are not those that were written.
    Checksum,
    /// Its integers have other widths than the format.
    Format,
    /// It does not start at a multiple of 4 bytes.
    Misaligned,
    /// A layer's description makes no sense, or is not the one wanted.
    Layer {
        /// Layer, counted from 0.
        layer: usize,
    },
    /// A layer's activation has parameters, which images do not hold.
    Activation {
        /// Layer, counted from 0.
        layer: usize,
    },
    /// A layer's structure breaks an invariant.
    Structure(StructureError),
}

impl fmt::Display for ImageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Foreign => write!(f, "no model image"),
            Self::Version { found } => write!(f, "a model image of version {found}, expected {VERSION}"),
            Self::Cut { needed, available } => {
                write!(f, "a model image of {needed} bytes, of which {available} are there")
            }
            Self::Checksum => write!(f, "a damaged model image"),
            Self::Format => write!(f, "a model image whose integers have other widths"),
            Self::Misaligned => write!(f, "a model image that is not aligned to 4 bytes"),
            Self::Layer { layer } => write!(f, "a model image whose layer {layer} is not as expected"),
            Self::Activation { layer } => {
                write!(f, "layer {layer} has an activation with parameters, which a model image does not hold")
            }
            Self::Structure(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for ImageError {}

impl From<StructureError> for ImageError {
    fn from(error: StructureError) -> Self {
        Self::Structure(error)
    }
}

/// CRC-32 as of IEEE 802.3, bit by bit: no table in flash.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Crc(u32);

impl Crc {
    pub(crate) fn new() -> Self {
        Self(u32::MAX)
    }

    pub(crate) fn add(&mut self, bytes: &[u8]) {
        self.0 = bytes.iter().fold(self.0, |crc, &byte| {
            (0..8).fold(crc ^ u32::from(byte), |crc, _| (crc >> 1) ^ (0xEDB8_8320 & (crc & 1).wrapping_neg()))
        });
    }

    pub(crate) fn get(self) -> u32 {
        !self.0
    }
}

/// CRC-32 of bytes that are all there.
pub(crate) fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = Crc::new();
    crc.add(bytes);
    crc.get()
}

/// Bytes of a layer's four arrays, padded.
fn sections<F: Format>(spec: &LayerSpec) -> [usize; 4] {
    let sparse = !spec.is_dense();
    let pointers = if sparse { spec.nrows().saturating_add(1) } else { 0 };
    let columns = if sparse { spec.connections } else { 0 };
    [
        spec.connections.saturating_mul(size_of::<f32>()),
        spec.n_out.saturating_mul(size_of::<f32>()),
        pointers.saturating_mul(size_of::<F::Pointer>()),
        columns.saturating_mul(size_of::<F::Index>()),
    ]
    .map(|bytes| bytes.saturating_add(3) / 4 * 4)
}

/// Bytes of the image of a network with these layers.
pub fn len<F: Format>(layers: impl Iterator<Item = LayerSpec>) -> usize {
    layers.fold(HEADER, |len, spec| {
        sections::<F>(&spec).iter().fold(len.saturating_add(LAYER), |a, &b| a.saturating_add(b))
    })
}

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

/// Hands a network's image to `put`, a few bytes at a time, for where there is no room for all of it; returns its length.
///
/// # Errors
///
/// What `put` returns, or that an activation has parameters, before the first byte.
pub fn write_with<F: Format, E: From<ImageError>, const LANES: usize, const LAYERS: usize>(
    network: &Mlp<'_, F, LANES, LAYERS>,
    mut put: impl FnMut(&[u8]) -> Result<(), E>,
) -> Result<usize, E> {
    if let Some(layer) = network.layers().position(|layer| layer.spec.activation.is_learned()) {
        return Err(ImageError::Activation { layer }.into());
    }
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
fn body<F: Format, E, const LANES: usize, const LAYERS: usize>(
    network: &Mlp<'_, F, LANES, LAYERS>,
    put: &mut impl FnMut(&[u8]) -> Result<(), E>,
) -> Result<(), E> {
    for layer in network.layers() {
        let LayerSpec { n_in, n_out, connections, storage, activation } = layer.spec;
        for value in [n_in, n_out, connections] {
            put(&(value as u32).to_le_bytes())?;
        }
        let (code, slope) = encode(activation);
        let storage = match storage {
            Storage::Dense => 0,
            Storage::OutputMajor => 1,
            Storage::InputMajor => 2,
        };
        put(&[storage, code, size_of::<F::Index>() as u8, size_of::<F::Pointer>() as u8])?;
        put(&slope.to_le_bytes())?;
        put(&[0; 4])?;
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

/// An activation's code and slope.
fn encode(activation: Activation) -> (u8, f32) {
    match activation {
        // One with parameters was refused.
        Activation::Identity | Activation::SRelu | Activation::BatchNormRelu => (0, 0.0),
        Activation::Relu => (1, 0.0),
        Activation::LeakyRelu { slope } => (2, slope),
    }
}

/// A checked image, read in place.
#[derive(Clone, Copy, Debug)]
pub struct Image<'a, F: Format> {
    headers: &'a [[u8; LAYER]],
    arrays: &'a [u8],
    format: core::marker::PhantomData<F>,
}

impl<'a, F: Format> Image<'a, F> {
    /// Checks all of an image: beginning, version, length, checksum, widths, layers and the structure of each.
    ///
    /// # Errors
    ///
    /// The first that is wrong.
    pub fn new(bytes: &'a [u8]) -> Result<Self, ImageError> {
        let available = bytes.len();
        let (header, rest) = bytes.split_first_chunk::<HEADER>().ok_or(ImageError::Foreign)?;
        let [m0, m1, m2, m3, v0, v1, n0, n1, l0, l1, l2, l3, c0, c1, c2, c3] = *header;
        if [m0, m1, m2, m3] != MAGIC {
            return Err(ImageError::Foreign);
        }
        let found = u16::from_le_bytes([v0, v1]);
        if found != VERSION {
            return Err(ImageError::Version { found });
        }
        let needed = u32::from_le_bytes([l0, l1, l2, l3]) as usize;
        let cut = ImageError::Cut { needed, available };
        let body = needed.checked_sub(HEADER).and_then(|len| rest.get(..len)).ok_or(cut)?;
        if crc32(body) != u32::from_le_bytes([c0, c1, c2, c3]) {
            return Err(ImageError::Checksum);
        }
        let layers = usize::from(u16::from_le_bytes([n0, n1]));
        let (headers, arrays) = body.split_at_checked(LAYER * layers).ok_or(cut)?;
        let image = Self { headers: headers.as_chunks().0, arrays, format: core::marker::PhantomData };
        if image.len() != needed || cfg!(target_endian = "big") {
            return Err(ImageError::Format);
        }
        (0..layers).try_for_each(|layer| image.layer(layer).map(|_| ()))?;
        Ok(image)
    }

    /// Bytes that its layers make.
    fn len(&self) -> usize {
        len::<F>(self.headers.iter().filter_map(spec::<F>))
    }

    /// Layers.
    pub fn layers(&self) -> usize {
        self.headers.len()
    }

    /// A layer, where it lies.
    ///
    /// # Errors
    ///
    /// None for a layer of a checked image; otherwise that there is no such layer.
    pub fn layer(&self, layer: usize) -> Result<LayerRef<'a, F>, ImageError> {
        let wrong = ImageError::Layer { layer };
        let spec_of = |header| spec::<F>(header).ok_or(wrong);
        let before = self.headers.get(..layer).ok_or(wrong)?;
        let start = before.iter().filter_map(spec::<F>).flat_map(|spec| sections::<F>(&spec)).sum::<usize>();
        let spec = spec_of(self.headers.get(layer).ok_or(wrong)?)?;
        let mut rest = self.arrays.get(start..).ok_or(wrong)?;
        let [weights, biases, pointers, columns] = sections::<F>(&spec);
        let mut cut = |bytes: usize| {
            let (front, after) = rest.split_at_checked(bytes).ok_or(wrong)?;
            rest = after;
            Ok::<_, ImageError>(front)
        };
        let weights = view::<f32>(cut(weights)?, spec.connections)?;
        let bias = view::<f32>(cut(biases)?, spec.n_out)?;
        let (pointers, columns) = (cut(pointers)?, cut(columns)?);
        let csr = if spec.is_dense() {
            None
        } else {
            let indptr = view(pointers, spec.nrows() + 1)?;
            Some(CsrRef::<F>::new(spec.ncols(), indptr, view(columns, spec.connections)?, weights)?)
        };
        Ok(LayerRef {
            spec,
            bias,
            weights,
            csr,
            velocity: &[],
            bias_velocity: &[],
            activation_parameters: &[],
            activation_velocity: &[],
        })
    }

    /// Copies the image into a network of the same layers, which can then go on training.
    ///
    /// # Errors
    ///
    /// The first layer that the network has otherwise; layers before it are copied then.
    pub fn load<const LANES: usize, const LAYERS: usize>(
        &self,
        network: &mut Mlp<'_, F, LANES, LAYERS>,
    ) -> Result<(), ImageError> {
        let layers = network.layers().len();
        if layers != self.layers() {
            return Err(ImageError::Layer { layer: layers.min(self.layers()) });
        }
        for index in 0..layers {
            let layer = self.layer(index)?;
            if network.layers().nth(index).is_none_or(|own| own.spec != layer.spec) {
                return Err(ImageError::Layer { layer: index });
            }
            network.load_layer(index, &layer)?;
        }
        Ok(())
    }
}

/// Reads an image in small pieces straight into a network of the same layers; its checksum is the caller's to check.
#[cfg(feature = "checkpoint")]
pub(crate) fn read_into<F: Format, E: From<ImageError>, const LANES: usize, const LAYERS: usize>(
    network: &mut Mlp<'_, F, LANES, LAYERS>,
    mut get: impl FnMut(&mut [u8]) -> Result<(), E>,
) -> Result<(), E> {
    let mut header = [0; HEADER];
    get(&mut header)?;
    let [m0, m1, m2, m3, v0, v1, n0, n1, ..] = header;
    if [m0, m1, m2, m3] != MAGIC || cfg!(target_endian = "big") {
        return Err(ImageError::Foreign.into());
    }
    let (found, layers) = (u16::from_le_bytes([v0, v1]), usize::from(u16::from_le_bytes([n0, n1])));
    if found != VERSION {
        return Err(ImageError::Version { found }.into());
    }
    if layers != network.layers.len() {
        return Err(ImageError::Layer { layer: layers.min(network.layers.len()) }.into());
    }
    for (layer, own) in network.layers.iter().enumerate() {
        let mut header = [0; LAYER];
        get(&mut header)?;
        if spec::<F>(&header) != Some(own.spec) {
            return Err(ImageError::Layer { layer }.into());
        }
    }
    for layer in &mut network.layers {
        get(bytemuck::cast_slice_mut(layer.weights))?;
        get(bytemuck::cast_slice_mut(layer.bias))?;
        padded(bytemuck::cast_slice_mut(layer.indptr), &mut get)?;
        padded(bytemuck::cast_slice_mut(layer.indices), &mut get)?;
        if !layer.spec.is_dense() {
            CsrRef::<F>::new(layer.spec.ncols(), layer.indptr, layer.indices, layer.weights)
                .map_err(ImageError::from)?;
        }
        layer.rebuild_transposed();
    }
    Ok(())
}

/// Reads integers, and what pads them to a multiple of 4 bytes.
#[cfg(feature = "checkpoint")]
fn padded<E>(bytes: &mut [u8], get: &mut impl FnMut(&mut [u8]) -> Result<(), E>) -> Result<(), E> {
    let padding = bytes.len().wrapping_neg() % 4;
    get(bytes)?;
    get([0; 4].get_mut(..padding).unwrap_or_default())
}

/// What a layer's header says, if it makes sense in this format.
fn spec<F: Format>(header: &[u8; LAYER]) -> Option<LayerSpec> {
    let word = |at: usize| Some(u32::from_le_bytes(*header.get(at..)?.first_chunk()?));
    let [storage, activation, index, pointer] = word(12)?.to_le_bytes();
    if usize::from(index) != size_of::<F::Index>() || usize::from(pointer) != size_of::<F::Pointer>() {
        return None;
    }
    let slope = f32::from_bits(word(16)?);
    let (n_in, n_out, connections) = (word(0)? as usize, word(4)? as usize, word(8)? as usize);
    let activation = match activation {
        0 => Activation::Identity,
        1 => Activation::Relu,
        2 => Activation::LeakyRelu { slope },
        _ => return None,
    };
    let storage = match storage {
        0 => Storage::Dense,
        1 => Storage::OutputMajor,
        2 => Storage::InputMajor,
        _ => return None,
    };
    let spec = LayerSpec { n_in, n_out, connections, storage, activation };
    (connections <= spec.cells() && (!spec.is_dense() || connections == spec.cells())).then_some(spec)
}

/// The first `len` elements of bytes, in place.
fn view<T: Pod>(bytes: &[u8], len: usize) -> Result<&[T], ImageError> {
    let available = bytes.len();
    let needed = len.saturating_mul(size_of::<T>());
    let bytes = bytes.get(..needed).ok_or(ImageError::Cut { needed, available })?;
    bytemuck::try_cast_slice(bytes).map_err(|_| ImageError::Misaligned)
}

/// A hash of a model that does not depend on its format: FNV-1a, 64 bits, over each layer's row pointers and columns as
/// 32-bit integers, its weights and its biases, all little-endian.
///
/// Two networks with the same hash compute the same function. A NaN counts as the one quiet NaN, whose sign differs
/// between machines.
pub fn hash<F: Format, const LANES: usize, const LAYERS: usize>(network: &Mlp<'_, F, LANES, LAYERS>) -> u64 {
    hash_layers(network.layers())
}

/// As [`hash`], of layers wherever they lie.
pub fn hash_layers<'a, F: Format>(layers: impl Iterator<Item = LayerRef<'a, F>>) -> u64 {
    layers.fold(0xcbf2_9ce4_8422_2325, |hash, layer| hash_layer(hash, &layer))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prelude::*;

    const LAYERS: [LayerSpec; 2] =
        [LayerSpec::sparse(9, 7, 21, Activation::Relu).input_major(), LayerSpec::dense(7, 3, Activation::Identity)];
    const NETWORK: Description = Description::training(&LAYERS, 1);
    const BYTES: usize = NETWORK.footprint::<Narrow, 1>().bytes();

    #[repr(align(4))]
    struct Flash([u8; 512]);

    fn network(block: &mut Block<BYTES>) -> Mlp<'_, Narrow, 1, 2> {
        let mut network = Mlp::new(&NETWORK, &mut block.0).unwrap();
        network.initialise(&Portable, 1, FanIn::Connections);
        network
    }

    #[test]
    fn the_checksum_is_the_known_one() {
        assert_eq!(crc32(b"123456789"), 0xCBF4_3926);
    }

    #[test]
    fn a_network_comes_back_from_its_image() {
        let (mut a, mut b) = (Block::new(), Block::<BYTES>::new());
        let from = network(&mut a);
        let mut flash = Flash([0xFF; 512]);
        let len = write(&from, &mut flash.0).unwrap();
        let mut to = Mlp::<Narrow, 1, 2>::new(&NETWORK, &mut b.0).unwrap();
        Image::new(&flash.0).unwrap().load(&mut to).unwrap();
        assert_eq!(hash(&from), hash(&to));
        assert_eq!(write(&from, &mut flash.0[..len - 1]), Err(ImageError::Cut { needed: len, available: len - 1 }));
    }

    #[test]
    fn wrong_cut_and_foreign_images_are_refused() {
        let mut block = Block::new();
        let mut flash = Flash([0xFF; 512]);
        let len = write(&network(&mut block), &mut flash.0).unwrap();
        let refused = |bytes: &[u8]| Image::<Narrow>::new(bytes).map(|_| ()).unwrap_err();
        for cut in 0..len {
            refused(&flash.0[..cut]);
        }
        for bit in 0..8 * len {
            flash.0[bit / 8] ^= 1 << (bit % 8);
            refused(&flash.0);
            flash.0[bit / 8] ^= 1 << (bit % 8);
        }
        assert_eq!(refused(&[0xFF; 64]), ImageError::Foreign);
        assert!(Image::<Compact>::new(&flash.0).is_err());
        assert!(Image::<Narrow>::new(&flash.0).is_ok());
    }
}
