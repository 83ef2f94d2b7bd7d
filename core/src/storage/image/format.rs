//! The layout of an image: its header, its layers' headers, the lengths of their arrays, and what can be wrong with
//! them.

use core::fmt;

use crate::activation::kind::Activation;
use crate::error::{LoadError, SpecDifference, StructureError};
use crate::network::plan::Buffer;
use crate::network::spec::{LayerSpec, Storage};
use crate::sparse::index::Format;
use crate::storage::image::inputs::Inputs;

/// The first bytes of every image.
pub(crate) const MAGIC: [u8; 4] = *b"RWIM";
/// The version of a network alone.
pub(crate) const VERSION: u16 = 1;
/// The version of a network with what its use needs.
pub(crate) const VERSION_ABOUT: u16 = 2;
/// Bytes before the layers' headers.
pub(crate) const HEADER: usize = 16;
/// Bytes of a layer's header.
pub(crate) const LAYER: usize = 24;

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
    /// Its columns and row pointers have other widths than the format's.
    Format {
        /// Bytes of its columns and of its row pointers.
        image: [u8; 2],
        /// What its inputs are, where it says so.
        inputs: Option<Inputs>,
        /// Bytes of the format's columns and of its row pointers.
        own: [u8; 2],
        /// The format's name.
        format: &'static str,
    },
    /// Its inputs are not what the format reads.
    Inputs {
        /// Bytes of its columns and of its row pointers.
        image: [u8; 2],
        /// What its inputs are.
        inputs: Inputs,
        /// The format's name.
        format: &'static str,
    },
    /// This machine is big-endian.
    Endian,
    /// What it says of the use of the network does not fit the network.
    About {
        /// What is wrong.
        what: &'static str,
    },
    /// Its layers do not make the length that it says.
    Length {
        /// Bytes that its layers make.
        layers: usize,
        /// Bytes that it says.
        header: usize,
    },
    /// It does not start at a multiple of 4 bytes.
    Misaligned,
    /// A layer's header describes no layer that there can be.
    Layer {
        /// Layer, counted from 0.
        layer: usize,
    },
    /// It has more or fewer layers than the network.
    Layers {
        /// Its layers.
        image: usize,
        /// The network's.
        network: usize,
    },
    /// A layer's specification is not that of the network's layer.
    Differs {
        /// Layer, counted from 0.
        layer: usize,
        /// What differs.
        what: SpecDifference,
    },
    /// A layer's activation has parameters, which images do not hold.
    Activation {
        /// Layer, counted from 0.
        layer: usize,
    },
    /// A layer is stored in blocks, which images do not hold.
    Blocked {
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
            Self::Version { found } => {
                write!(f, "a model image of version {found}, expected {VERSION} or {VERSION_ABOUT}")
            }
            Self::Cut { needed, available } => {
                write!(f, "a model image of {needed} bytes, of which {available} are there")
            }
            Self::Checksum => write!(f, "a damaged model image"),
            Self::Format { image: [columns, pointers], inputs, own: [own_columns, own_pointers], format } => write!(
                f,
                "a model image with columns of {columns} and row pointers of {pointers} bytes, but the format {format} \
                 has {own_columns} and {own_pointers}: use {}",
                fitting([columns, pointers], inputs)
            ),
            Self::Inputs { image, inputs, format } => write!(
                f,
                "a model image written for inputs of {inputs}, but the format {format} reads {}: use {}",
                inputs.other(),
                fitting(image, Some(inputs))
            ),
            Self::Endian => write!(f, "a model image is little-endian, which this machine is not"),
            Self::About { what } => write!(f, "a model image whose {what}"),
            Self::Length { layers, header } => {
                write!(f, "a model image whose layers take {layers} bytes, but whose header says {header}")
            }
            Self::Misaligned => write!(f, "a model image that is not aligned to 4 bytes"),
            Self::Layer { layer } => write!(f, "a model image whose layer {layer} has an invalid header"),
            Self::Layers { image, network } => {
                write!(f, "a model image of {image} layers, but the network has {network}")
            }
            Self::Differs { layer, what } => {
                write!(f, "a model image whose layer {layer} has another {what} than the network's")
            }
            Self::Activation { layer } => {
                write!(f, "layer {layer} has an activation with parameters, which a model image does not hold")
            }
            Self::Blocked { layer } => {
                write!(f, "layer {layer} is stored in blocks, which a model image does not hold")
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

/// What an image holds of a layer, in this order.
const SECTIONS: [Buffer; 4] = [Buffer::Weights, Buffer::Biases, Buffer::RowPointers, Buffer::Columns];

/// Bytes of a layer's four arrays, padded.
pub(crate) fn sections<F: Format>(spec: &LayerSpec) -> [usize; 4] {
    SECTIONS.map(|buffer| {
        let (len, size) = buffer.of_model::<F>(spec);
        len.saturating_mul(size).saturating_add(3) / 4 * 4
    })
}

/// Bytes that a layer's arrays take in an image, padding included.
pub fn layer_len<F: Format>(spec: &LayerSpec) -> usize {
    sections::<F>(spec).iter().fold(0, |sum: usize, &bytes| sum.saturating_add(bytes))
}

/// Bytes of columns and of row pointers in the formats that there are.
const WIDTHS: [[u8; 2]; 4] = [[1, 2], [2, 2], [2, 4], [4, 4]];

/// The format of these widths, which are among [`WIDTHS`], and of these inputs.
fn fitting(widths: [u8; 2], inputs: Option<Inputs>) -> &'static str {
    match (widths, inputs) {
        ([1, 2], Some(Inputs::Bytes)) => "Bytes",
        ([1, 2], Some(Inputs::Floats)) => "Narrow",
        ([1, 2], None) => "Bytes or Narrow",
        ([2, 2], _) => "Compact",
        ([2, 4], _) => "Standard",
        _ => "Wide",
    }
}

/// Bytes of the image of a network alone, with these layers.
pub fn len<F: Format>(layers: impl Iterator<Item = LayerSpec>) -> usize {
    layers.fold(HEADER, |len, spec| len.saturating_add(LAYER).saturating_add(layer_len::<F>(&spec)))
}

/// The header of a layer in this format. An activation with parameters has none.
pub(crate) fn encode<F: Format>(spec: &LayerSpec, layer: usize) -> Result<[u8; LAYER], ImageError> {
    let LayerSpec { n_in, n_out, connections, storage, activation } = *spec;
    let (activation, slope) = match activation {
        Activation::Identity => (0, 0.0),
        Activation::Relu => (1, 0.0),
        Activation::LeakyRelu { slope } => (2, slope),
        Activation::SRelu | Activation::BatchNormRelu | Activation::BatchNormResidual => {
            return Err(ImageError::Activation { layer });
        }
    };
    let storage = match storage {
        Storage::Dense => 0,
        Storage::OutputMajor => 1,
        Storage::Blocked if F::BLOCKS => return Err(ImageError::Blocked { layer }),
        Storage::InputMajor | Storage::Blocked => 2,
    };
    let codes = [storage, activation, size_of::<F::Index>() as u8, size_of::<F::Pointer>() as u8];
    let words = [n_in as u32, n_out as u32, connections as u32, u32::from_le_bytes(codes), slope.to_bits(), 0];
    Ok(bytemuck::must_cast(words.map(u32::to_le_bytes)))
}

/// What a layer's header says, if there can be such a layer in this format; `inputs` is what the image says of them.
pub(crate) fn decode<F: Format>(
    header: &[u8; LAYER],
    layer: usize,
    inputs: Option<Inputs>,
) -> Result<LayerSpec, ImageError> {
    let words: [[u8; 4]; LAYER / 4] = bytemuck::must_cast(*header);
    let [n_in, n_out, connections, codes, slope, _] = words.map(u32::from_le_bytes);
    let [storage, activation, index, pointer] = codes.to_le_bytes();
    let activation = match activation {
        0 => Activation::Identity,
        1 => Activation::Relu,
        2 => Activation::LeakyRelu { slope: f32::from_bits(slope) },
        _ => return Err(ImageError::Layer { layer }),
    };
    let storage = match storage {
        0 => Storage::Dense,
        1 => Storage::OutputMajor,
        2 => Storage::InputMajor,
        _ => return Err(ImageError::Layer { layer }),
    };
    let spec = LayerSpec {
        n_in: n_in as usize,
        n_out: n_out as usize,
        connections: connections as usize,
        storage,
        activation,
    };
    if spec.connections > spec.cells() || (spec.is_dense() && spec.connections != spec.cells()) {
        return Err(ImageError::Layer { layer });
    }
    let (image, own) = ([index, pointer], [size_of::<F::Index>() as u8, size_of::<F::Pointer>() as u8]);
    if image != own {
        let known = WIDTHS.contains(&image);
        return Err(if known {
            ImageError::Format { image, inputs, own, format: F::NAME }
        } else {
            ImageError::Layer { layer }
        });
    }
    if let Some(inputs) = inputs.filter(|&inputs| inputs != Inputs::of::<F>()) {
        return Err(ImageError::Inputs { image, inputs, format: F::NAME });
    }
    Ok(spec)
}

/// Why the network refused a layer of an image.
pub(crate) fn refused(layer: usize, error: LoadError) -> ImageError {
    match error {
        LoadError::NoLayer { .. } => ImageError::Layer { layer },
        LoadError::Differs(what) => ImageError::Differs { layer, what },
        LoadError::Structure(error) => ImageError::Structure(error),
    }
}

/// Checks that a layer of an image is the network's.
pub(crate) fn same(layer: usize, own: &LayerSpec, found: &LayerSpec) -> Result<(), ImageError> {
    own.difference(found).map_or(Ok(()), |what| Err(ImageError::Differs { layer, what }))
}
