//! Model images: what a chip reads in place from flash, and hands back.
//!
//! The format is that of [`rewire_core::storage::image`], with columns and inputs in one byte and row pointers in two
//! ([`Bytes`]): an image is for networks whose inputs are pixels divided by 255.

use std::path::Path;

use anyhow::{Context, Result, anyhow, bail, ensure};
use rewire_core::error::BuildError;
use rewire_core::network::Description;
use rewire_core::network::{LayerRef, Mlp};
use rewire_core::network::{LayerSpec, Storage};
use rewire_core::sparse::Bytes;
use rewire_core::storage::image::{self, Image};

use crate::data::normaliser::Normaliser;
use crate::data::{DatasetName, Names};
use crate::engine::dynamic::{load_layers, with_block};
use crate::files::write_atomically;
use crate::model::layer::LayerData;
use crate::model::safetensors::Model;
use crate::settings::TaskKind;

/// The first bytes of every image.
const MAGIC: &[u8] = b"RWIM";

/// Whether a file is an image, as far as its beginning tells.
pub fn is_image(path: &Path) -> bool {
    let mut start = [0; 4];
    std::fs::File::open(path).is_ok_and(|mut file| std::io::Read::read_exact(&mut file, &mut start).is_ok())
        && start == MAGIC
}

/// The bytes of an image, aligned as it wants them.
struct File {
    words: Vec<u32>,
    len: usize,
}

impl File {
    fn read(path: &Path) -> Result<Self> {
        let bytes = std::fs::read(path).with_context(|| format!("cannot read the image {}", path.display()))?;
        let mut words = vec![0u32; bytes.len().div_ceil(4)];
        bytemuck::cast_slice_mut(&mut words)[..bytes.len()].copy_from_slice(&bytes);
        Ok(Self { words, len: bytes.len() })
    }

    /// The image, all of it checked.
    fn image(&self) -> Result<Image<'_, Bytes>> {
        let bytes: &[u8] = bytemuck::cast_slice(&self.words);
        Image::new(&bytes[..self.len]).map_err(|error| anyhow!("{error}"))
    }
}

/// Reads an image as a model of `dataset`, which no image names.
///
/// # Errors
///
/// When it cannot be read, or is damaged, cut, foreign, or of another version or format.
pub fn load(path: &Path, dataset: Option<DatasetName>) -> Result<Model> {
    let file = File::read(path)?;
    let image = file.image().with_context(|| unusable(path))?;
    let layers =
        (0..image.layers()).map(|layer| Ok(LayerData::new(image.layer(layer).map_err(|error| anyhow!("{error}"))?)));
    let layers = layers.collect::<Result<Vec<LayerData>>>()?;
    let features = layers.first().map_or(0, |layer| layer.spec.n_in);
    // A chip divides pixels by 255.
    Ok(Model {
        dataset,
        task: TaskKind::Classify,
        shape: None,
        names: Names::default(),
        normaliser: Normaliser::unit(features),
        targets: Normaliser::default(),
        layers,
    })
}

fn unusable(path: &Path) -> String {
    format!("{} is no image that this version can use; write one with `rewire export --chip`", path.display())
}

/// Writes a model as an image; returns its bytes. Normalised sums become part of weights and biases: an image has no others.
///
/// # Errors
///
/// When its inputs are not pixels divided by 255, a layer is too large for the chip's integers, an activation has
/// parameters, or the file cannot be written.
pub fn export(model: &Model, path: &Path) -> Result<usize> {
    let model = model.folded();
    let specs = model.specs();
    let features = specs.first().map_or(0, |layer| layer.n_in);
    ensure!(
        model.normaliser == Normaliser::unit(features),
        "a chip divides pixels by 255, but this model takes them scaled otherwise; train it with --scaling unit"
    );
    let description = Description::inference(&specs, 1);
    if let Err(error) = description.validate::<Bytes, 1>() {
        if let BuildError::LearnedActivation { layer } = error {
            bail!("layer {layer} has an SReLU, whose parameters no image holds; train with another --activation");
        }
        bail!(
            "a chip's columns have one byte and its row pointers two: {error}; make the layer smaller, or --storage input-major"
        );
    }
    with_block(&description.footprint::<Bytes, 1>(), |block| -> Result<usize> {
        let mut network = Mlp::<Bytes, 1>::new(&description, block).map_err(|error| anyhow!("{error}"))?;
        load_layers(&mut network, &model.layers)?;
        let mut bytes = vec![0; image::len::<Bytes>(specs.iter().copied())];
        let len = image::write(&network, &mut bytes).map_err(|error| anyhow!("{error}"))?;
        write_atomically(path, &bytes)?;
        Ok(len)
    })?
}

/// What there is to say about an image.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Summary {
    /// Bytes of the file.
    pub bytes: usize,
    /// Bytes before the first layer's weights: the header and the layers' descriptions.
    pub header: usize,
    /// CRC-32 of all that follows the header.
    pub crc: String,
    /// Hash of the model, as firmware prints it.
    pub hash: String,
    /// First to last.
    pub layers: Vec<LayerSummary>,
}

/// A layer of an image.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct LayerSummary {
    /// Input width.
    pub n_in: usize,
    /// Output width.
    pub n_out: usize,
    /// Weights.
    pub connections: usize,
    /// `dense`, `output-major` or `input-major`.
    pub storage: &'static str,
    /// Bytes of weights, biases, row pointers and columns, each padded to a multiple of 4.
    pub bytes: usize,
}

/// Describes an image.
///
/// # Errors
///
/// As [`load`].
pub fn describe(path: &Path) -> Result<Summary> {
    let file = File::read(path)?;
    let image = file.image().with_context(|| unusable(path))?;
    let layers = (0..image.layers()).map(|layer| image.layer(layer).map_err(|error| anyhow!("{error}")));
    let layers = layers.collect::<Result<Vec<LayerRef<'_, Bytes>>>>()?;
    let bytes = image::len::<Bytes>(layers.iter().map(|layer| layer.spec));
    let layer_bytes: usize = layers.iter().map(|layer| image::layer_len::<Bytes>(&layer.spec)).sum();
    Ok(Summary {
        bytes,
        header: bytes - layer_bytes,
        crc: format!("{:08x}", file.words[3]),
        hash: format!("{:016x}", image::hash_layers(layers.iter().copied())),
        layers: layers.iter().map(|layer| LayerSummary::new(&layer.spec)).collect(),
    })
}

impl LayerSummary {
    fn new(spec: &LayerSpec) -> Self {
        let storage = match spec.storage {
            Storage::Dense => "dense",
            Storage::OutputMajor => "output-major",
            Storage::InputMajor => "input-major",
        };
        let LayerSpec { n_in, n_out, connections, .. } = *spec;
        Self { n_in, n_out, connections, storage, bytes: image::layer_len::<Bytes>(spec) }
    }
}
