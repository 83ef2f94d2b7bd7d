//! Checks images and reads them in place.

use bytemuck::Pod;

use crate::network::mlp::Mlp;
use crate::network::model::LayerRef;
use crate::sparse::csr::CsrRef;
use crate::sparse::index::Format;
use crate::storage::crc::crc32;
use crate::storage::image::about::{About, Fixed};
use crate::storage::image::format::{
    HEADER, ImageError, LAYER, MAGIC, VERSION, VERSION_ABOUT, decode, layer_len, refused, same, sections,
};

/// A checked image, read in place: by a [`Frozen`](crate::network::Frozen) network that only evaluates, or copied into
/// a network that goes on training.
///
/// ```
/// use rewire_core::{prelude::*, storage::image::{self, Image}};
///
/// const LAYERS: [LayerSpec; 2] =
///     [LayerSpec::sparse(2, 8, 12, Activation::Relu), LayerSpec::dense(8, 2, Activation::Identity)];
/// const NETWORK: Description = Description::training(&LAYERS, 1);
/// # #[repr(align(4))] struct Flash([u8; 512]);
/// # let mut flash = Flash([0; 512]);
/// # let mut block = Block::<{ NETWORK.bytes::<Narrow, 1>() }>::new();
/// # let mut network = Mlp::<Narrow, 1, 2>::new(&NETWORK, &mut block.0)?;
/// # network.initialise(&Portable, 1, FanIn::Connections);
/// # let written = image::hash(&network);
/// # image::write(&network, &mut flash.0)?;
/// # let model = &flash.0;
/// // `model` is a slice of the flash; see `image_bytes!`.
/// let image = Image::<Narrow>::new(model)?;
/// let mut block = Block::<{ NETWORK.bytes::<Narrow, 1>() }>::new();
/// let mut network = Mlp::<Narrow, 1, 2>::new(&NETWORK, &mut block.0)?;
/// image.load(&mut network)?;
/// # assert_eq!(image::hash(&network), written);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Image<'a, F: Format> {
    headers: &'a [[u8; LAYER]],
    arrays: &'a [u8],
    about: Option<About<'a>>,
    format: core::marker::PhantomData<F>,
}

impl<'a, F: Format> Image<'a, F> {
    /// Checks all of an image: beginning, version, length, checksum, widths, inputs, layers and the structure of each,
    /// and what it says of its use.
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
        if found != VERSION && found != VERSION_ABOUT {
            return Err(ImageError::Version { found });
        }
        let needed = u32::from_le_bytes([l0, l1, l2, l3]) as usize;
        let cut = ImageError::Cut { needed, available };
        let body = needed.checked_sub(HEADER).and_then(|len| rest.get(..len)).ok_or(cut)?;
        if crc32(body) != u32::from_le_bytes([c0, c1, c2, c3]) {
            return Err(ImageError::Checksum);
        }
        if cfg!(target_endian = "big") {
            return Err(ImageError::Endian);
        }
        let (fixed, body) = if found == VERSION {
            (None, body)
        } else {
            let (fixed, body) = body.split_first_chunk().ok_or(cut)?;
            (Some(Fixed::decode(*fixed)?), body)
        };
        let layers = usize::from(u16::from_le_bytes([n0, n1]));
        let (headers, arrays) = body.split_at_checked(LAYER * layers).ok_or(cut)?;
        let headers = headers.as_chunks().0;
        let mut end = 0usize;
        for (layer, header) in headers.iter().enumerate() {
            let spec = decode::<F>(header, layer, fixed.map(|fixed| fixed.inputs))?;
            end = end.saturating_add(layer_len::<F>(&spec));
        }
        let found = end.saturating_add(fixed.map_or(0, |fixed| fixed.rest()));
        if found != arrays.len() {
            return Err(ImageError::Length { layers: (needed - arrays.len()).saturating_add(found), header: needed });
        }
        let (arrays, rest) = arrays.split_at_checked(end).ok_or(cut)?;
        let mut image = Self { headers, arrays, about: None, format: core::marker::PhantomData };
        (0..image.layers()).try_for_each(|layer| image.layer(layer).map(|_| ()))?;
        if let Some(fixed) = fixed {
            let spec = |layer: usize| image.layer(layer).ok().map(|layer| layer.spec);
            image.about = Some(fixed.about(rest, [spec(0), spec(image.layers().saturating_sub(1))])?);
        }
        Ok(image)
    }

    /// What it says of the use of its network; nothing, where it has version 1.
    pub fn about(&self) -> Option<About<'a>> {
        self.about
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
        let mut start = 0;
        for (layer, before) in self.headers.iter().enumerate().take(layer) {
            start += sections::<F>(&decode::<F>(before, layer, None)?).iter().sum::<usize>();
        }
        let spec = decode::<F>(self.headers.get(layer).ok_or(wrong)?, layer, None)?;
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
    /// The first difference between the image's layers and the network's. The network is then as it was.
    pub fn load<const LANES: usize, const LAYERS: usize>(
        &self,
        network: &mut Mlp<'_, F, LANES, LAYERS>,
    ) -> Result<(), ImageError> {
        let layers = network.layers().len();
        if layers != self.layers() {
            return Err(ImageError::Layers { image: self.layers(), network: layers });
        }
        for (index, own) in network.layers().enumerate() {
            same(index, &own.spec, &self.layer(index)?.spec)?;
        }
        for index in 0..layers {
            // All that it checks was checked: lengths follow from the specification, and the structure is the image's.
            network.load_layer(index, &self.layer(index)?).map_err(|error| refused(index, error))?;
        }
        Ok(())
    }
}

/// The first `len` elements of bytes, in place.
fn view<T: Pod>(bytes: &[u8], len: usize) -> Result<&[T], ImageError> {
    let available = bytes.len();
    let needed = len.saturating_mul(size_of::<T>());
    let bytes = bytes.get(..needed).ok_or(ImageError::Cut { needed, available })?;
    bytemuck::try_cast_slice(bytes).map_err(|_| ImageError::Misaligned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prelude::*;
    use crate::storage::hash::hash;
    use crate::storage::image::write;

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

    /// Writes the checksum that the bytes have now, so that the checks behind it are reached.
    fn repair(bytes: &mut [u8]) {
        let crc = crc32(&bytes[HEADER..]);
        bytes[12..16].copy_from_slice(&crc.to_le_bytes());
    }

    fn assert_valid(network: &Mlp<'_, Narrow, 1, 2>) {
        for layer in network.layers() {
            if let Some(csr) = layer.csr {
                assert_eq!(csr.nnz(), layer.spec.connections);
                CsrRef::<Narrow>::new(csr.ncols(), csr.indptr(), csr.indices(), csr.values()).unwrap();
            }
        }
    }

    #[test]
    fn a_flipped_bit_behind_a_repaired_checksum_is_refused_or_leaves_a_valid_network() {
        let (mut a, mut b) = (Block::new(), Block::<BYTES>::new());
        let mut flash = Flash([0xFF; 512]);
        let len = write(&network(&mut a), &mut flash.0).unwrap();
        let mut to = Mlp::<Narrow, 1, 2>::new(&NETWORK, &mut b.0).unwrap();
        to.initialise(&Portable, 2, FanIn::Connections);
        let evolution = Evolution::new(0.3, GrownWeight::Zero, FanIn::Connections).unwrap();
        let (mut loaded, mut before) = (0, hash(&to));
        for bit in 0..8 * len {
            flash.0[bit / 8] ^= 1 << (bit % 8);
            repair(&mut flash.0[..len]);
            match Image::new(&flash.0).and_then(|image| image.load(&mut to)) {
                Ok(()) => loaded += 1,
                Err(_) => assert_eq!(hash(&to), before, "bit {bit}: a refused image changed the network"),
            }
            assert_valid(&to);
            to.evolve(&Portable, &evolution, 1, bit as u32, |_, _| {}).unwrap();
            assert_valid(&to);
            before = hash(&to);
            flash.0[bit / 8] ^= 1 << (bit % 8);
        }
        // Any weight or bias is one that a network can have: 4 bytes for each of 21 + 21 weights and 7 + 3 biases.
        assert!(loaded >= 32 * 52 && loaded < 8 * len, "{loaded} of {}", 8 * len);
    }

    #[test]
    fn an_image_whose_last_layer_differs_leaves_the_network_as_it_was() {
        let (mut a, mut b) = (Block::new(), Block::<BYTES>::new());
        let mut flash = Flash([0xFF; 512]);
        let len = write(&network(&mut a), &mut flash.0).unwrap();
        let mut to = Mlp::<Narrow, 1, 2>::new(&NETWORK, &mut b.0).unwrap();
        to.initialise(&Portable, 2, FanIn::Connections);
        let before = hash(&to);
        // The second layer's activation: from identity to ReLU.
        flash.0[HEADER + LAYER + 13] = 1;
        repair(&mut flash.0[..len]);
        let found = Image::new(&flash.0).and_then(|image| image.load(&mut to));
        assert_eq!(found, Err(ImageError::Differs { layer: 1, what: crate::error::SpecDifference::Activation }));
        assert_eq!(hash(&to), before);
    }

    #[test]
    fn headers_that_make_no_sense_are_told_from_other_widths() {
        let mut block = Block::new();
        let mut flash = Flash([0xFF; 512]);
        let len = write(&network(&mut block), &mut flash.0).unwrap();
        let refused = |flash: &[u8]| Image::<Narrow>::new(flash).map(|_| ()).unwrap_err();
        for (at, value, expected) in [
            (HEADER + 12, 9, ImageError::Layer { layer: 0 }),
            (HEADER + LAYER + 13, 9, ImageError::Layer { layer: 1 }),
            (HEADER + 14, 2, ImageError::Format { image: [2, 2], inputs: None, own: [1, 2], format: "Narrow" }),
            // No format has such columns.
            (HEADER + 14, 254, ImageError::Layer { layer: 0 }),
            (HEADER + 4, 8, ImageError::Length { layers: len + 4, header: len }),
        ] {
            let old = core::mem::replace(&mut flash.0[at], value);
            repair(&mut flash.0[..len]);
            assert_eq!(refused(&flash.0), expected);
            flash.0[at] = old;
        }
    }
}
