//! What the file of an image holds, whatever its format.

use std::path::Path;

use anyhow::{Context, Result, anyhow};
use rewire_core::network::LayerRef;
use rewire_core::samples::Target;
use rewire_core::sparse::{Bytes, Compact, Format, Narrow, Standard, Wide};
use rewire_core::storage::image::{self, About, Image, ImageError, Inputs, Names as ImageNames, Scaling};
use rewire_engine::layer::{LayerData, LayerView};

use crate::data::normaliser::Normaliser;
use crate::data::{ImageShape, Names};
use crate::model::safetensors::Model;
use crate::settings::{FilterKind, TaskKind};

/// An image, taken apart.
pub(super) struct Contents {
    /// Bytes of the file.
    pub(super) bytes: usize,
    /// Version of the image's form.
    pub(super) version: u16,
    /// CRC-32 of all that follows its first 16 bytes.
    pub(super) crc: u32,
    /// Name of the format.
    pub(super) format: &'static str,
    /// What its inputs are.
    pub(super) inputs: Inputs,
    /// Hash of the network, as firmware prints it.
    pub(super) hash: u64,
    /// Bytes of each layer's arrays.
    pub(super) layer_bytes: Vec<usize>,
    /// The network and what is known of its use.
    pub(super) model: Model,
}

/// Reads an image and checks all of it.
///
/// # Errors
///
/// When it cannot be read, or is damaged, cut, foreign, or of another version.
pub(super) fn read(path: &Path) -> Result<Contents> {
    let bytes = std::fs::read(path).with_context(|| format!("cannot read the image {}", path.display()))?;
    // Aligned, as it is to be in flash.
    let mut words = vec![0u32; bytes.len().div_ceil(4)];
    bytemuck::cast_slice_mut(&mut words)[..bytes.len()].copy_from_slice(&bytes);
    let aligned: &[u8] = &bytemuck::cast_slice(&words)[..bytes.len()];
    in_its_format(aligned).map_err(|error| anyhow!("{error}")).with_context(|| {
        format!("{} is no image that this version can use; write one with `rewire export --chip`", path.display())
    })
}

/// Reads images of one format.
type Reader = fn(&[u8]) -> Result<Contents, ImageError>;

/// In the first format whose widths and inputs are the image's.
fn in_its_format(bytes: &[u8]) -> Result<Contents, ImageError> {
    let others: [Reader; 4] = [contents::<Narrow>, contents::<Compact>, contents::<Standard>, contents::<Wide>];
    let mut found = contents::<Bytes>(bytes);
    for other in others {
        // A version 1 does not say what its inputs are: only pixels, in bytes, are known to be scaled.
        if !matches!(found, Err(ImageError::Format { inputs: Some(_), .. } | ImageError::Inputs { .. })) {
            break;
        }
        found = other(bytes);
    }
    found
}

fn contents<F: Format>(bytes: &[u8]) -> Result<Contents, ImageError> {
    let image = Image::<F>::new(bytes)?;
    let layers = (0..image.layers()).map(|layer| image.layer(layer)).collect::<Result<Vec<LayerRef<'_, F>>, _>>()?;
    let word = |at: usize| bytes[at..].first_chunk().map_or(0, |&word| u32::from_le_bytes(word));
    let about = image.about();
    Ok(Contents {
        bytes: word(8) as usize,
        version: word(4) as u16,
        crc: word(12),
        format: F::NAME,
        // A version 1 is of pixels.
        inputs: if about.is_some() { Inputs::of::<F>() } else { Inputs::Bytes },
        hash: image::hash_layers(layers.iter().copied()),
        layer_bytes: layers.iter().map(|layer| image::layer_len::<F>(&layer.spec)).collect(),
        model: model(
            layers.iter().copied().map(|layer| LayerView::new(layer).to_data()).collect(),
            Inputs::of::<F>(),
            about,
        ),
    })
}

fn model(layers: Vec<LayerData>, inputs: Inputs, about: Option<About<'_>>) -> Model {
    let n_in = layers.first().map_or(0, |layer| layer.spec.n_in);
    let n_out = layers.last().map_or(0, |layer| layer.spec.n_out);
    let mut model = Model {
        dataset: None,
        task: TaskKind::Classify,
        shape: None,
        names: Names::default(),
        filter: FilterKind::None,
        normaliser: Normaliser::unit(n_in),
        targets: Normaliser::default(),
        layers,
    };
    let Some(About { target, plane, scaling, targets, features, outputs }) = about else { return model };
    model.task = match target {
        Target::Class => TaskKind::Classify,
        Target::Values => TaskKind::Regress,
        Target::Input => TaskKind::Reconstruct,
    };
    if model.task == TaskKind::Regress {
        model.targets = normaliser(targets, n_out);
    }
    model.shape = plane.map(|plane| ImageShape {
        channels: plane.channels as usize,
        height: plane.height as usize,
        width: plane.width as usize,
    });
    let owned = |names: ImageNames<'_>| names.iter().map(str::to_owned).collect();
    model.names = Names { features: owned(features), outputs: owned(outputs), normal: String::new() };
    if inputs != Inputs::Bytes {
        model.normaliser = normaliser(scaling, n_in);
    }
    model
}

/// A mean and a factor for each of `len` numbers.
fn normaliser(scaling: Scaling<'_>, len: usize) -> Normaliser {
    let each = |values: &[f32], without: f32| {
        if values.is_empty() { vec![without; len] } else { values.iter().copied().cycle().take(len).collect() }
    };
    Normaliser { mean: each(scaling.mean, 0.0), scale: each(scaling.factor, 1.0) }
}
