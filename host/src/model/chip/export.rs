//! A model as an image, in the narrowest format that holds it.

use std::path::Path;

use anyhow::{Result, anyhow, bail, ensure};
use rewire_core::activation::Activation;
use rewire_core::error::BuildError;
use rewire_core::network::{Description, LayerSpec, Mlp};
use rewire_core::samples::Target;
use rewire_core::sparse::{Bytes, Compact, Format, Narrow, Standard, Wide};
use rewire_core::storage::image::{self, About, Inputs, Names, Scaling};
use rewire_core::topology::ImagePlane;
use rewire_engine::dynamic::load_layer;
use rewire_engine::layer::{LayerData, MAX_LAYERS};
use rewire_engine::memory::with_block;

use crate::data::normaliser::Normaliser;
use crate::files::write_atomically;
use crate::model::safetensors::Model;
use crate::settings::{FilterKind, TaskKind};

/// An image that was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exported {
    /// Bytes of the file.
    pub bytes: usize,
    /// Name of its format.
    pub format: &'static str,
    /// Layers whose storage was changed from output-major to input-major or back, counted from 0.
    pub converted: Vec<usize>,
}

/// An image in memory.
#[derive(Clone, Debug, PartialEq)]
pub struct Encoded {
    /// Its bytes.
    pub image: Vec<u8>,
    /// Name of its format.
    pub format: &'static str,
    /// Its layers.
    pub layers: Vec<LayerSpec>,
    /// As in [`Exported`].
    pub converted: Vec<usize>,
}

/// A format that an image can have.
struct Candidate {
    name: &'static str,
    inputs: Inputs,
    validate: fn(&[LayerSpec]) -> Result<(), BuildError>,
    bytes: fn(&[LayerData], &About<'_>) -> Result<Vec<u8>>,
}

impl Candidate {
    fn of<F: Format>() -> Self {
        Self { name: F::NAME, inputs: Inputs::of::<F>(), validate: validate::<F>, bytes: bytes::<F> }
    }
}

fn validate<F: Format>(specs: &[LayerSpec]) -> Result<(), BuildError> {
    Description::inference(specs, 1).validate::<F, 1>()
}

fn bytes<F: Format>(layers: &[LayerData], about: &About<'_>) -> Result<Vec<u8>> {
    let specs: Vec<LayerSpec> = layers.iter().map(|layer| layer.spec).collect();
    let description = Description::inference(&specs, 1);
    with_block(&description.footprint::<F, 1>(), |block| -> Result<Vec<u8>> {
        let mut network = Mlp::<F, 1, MAX_LAYERS>::new(&description, block).map_err(|error| anyhow!("{error}"))?;
        for (index, layer) in layers.iter().enumerate() {
            load_layer(&mut network, index, layer)?;
        }
        let mut bytes = Vec::new();
        let put = |part: &[u8]| {
            bytes.extend_from_slice(part);
            Ok::<(), image::ImageError>(())
        };
        image::write_about_with(&network, about, put).map_err(|error| anyhow!("{error}"))?;
        Ok(bytes)
    })?
}

/// Writes a model as an image of version 2.
///
/// # Errors
///
/// As [`encode`], or when the file cannot be written.
pub fn export(model: &Model, path: &Path) -> Result<Exported> {
    let Encoded { image, format, converted, .. } = encode(model)?;
    write_atomically(path, &image)?;
    Ok(Exported { bytes: image.len(), format, converted })
}

/// Makes an image of a model. Normalised sums become part of weights and biases: an image has no others.
///
/// # Errors
///
/// When an activation has parameters or residual connections, inputs go through a filter, or a name is too long.
pub fn encode(model: &Model) -> Result<Encoded> {
    ensure!(
        model.filter == FilterKind::None,
        "its inputs go through a filter, which no image holds; train with --filter none"
    );
    if let Some(layer) = model.layers.iter().position(|layer| layer.spec.activation == Activation::BatchNormResidual) {
        bail!("layer {layer} has residual connections, which no image holds; train with --activation batch-norm-relu");
    }
    let mut model = model.folded();
    if let Some(layer) = model.layers.iter().position(|layer| layer.spec.activation == Activation::SRelu) {
        bail!("layer {layer} has an SReLU, whose parameters no image holds; train with another --activation");
    }
    let (n_in, _) = model.widths();
    let is_unit = model.normaliser == Normaliser::unit(n_in);
    let mut candidates = vec![
        Candidate::of::<Narrow>(),
        Candidate::of::<Compact>(),
        Candidate::of::<Standard>(),
        Candidate::of::<Wide>(),
    ];
    if is_unit {
        candidates.insert(0, Candidate::of::<Bytes>());
    }
    let specs = model.specs();
    let fitting =
        candidates.iter().find_map(|candidate| fit(&specs, candidate.validate).map(|converted| (candidate, converted)));
    let Some((Candidate { name, inputs, bytes, .. }, converted)) = fitting else {
        let error = validate::<Wide>(&specs).err().map_or(String::new(), |error| error.to_string());
        bail!("no format holds it: {error}");
    };
    for &layer in &converted {
        model.layers[layer] = model.layers[layer].stored_the_other_way();
    }
    let (scaling, targets) = (&shortest(&model.normaliser), &shortest(&model.targets));
    let [features, outputs] =
        [&model.names.features, &model.names.outputs].map(|names| names.iter().map(String::as_str).collect::<Vec<_>>());
    ensure!(
        features.iter().chain(&outputs).all(|name| u16::try_from(name.len()).is_ok()),
        "an image holds names of at most 65,535 bytes, and one of this model's is longer"
    );
    let about = About {
        target: match model.task {
            TaskKind::Classify => Target::Class,
            TaskKind::Regress => Target::Values,
            TaskKind::Reconstruct => Target::Input,
        },
        plane: plane(&model)?,
        // The kind of input says that bytes are divided by 255.
        scaling: if *inputs == Inputs::Bytes { Scaling::NONE } else { borrowed(scaling) },
        targets: borrowed(targets),
        features: Names::of(&features),
        outputs: Names::of(&outputs),
    };
    Ok(Encoded { image: bytes(&model.layers, &about)?, format: name, layers: model.specs(), converted })
}

/// The layers that must be stored the other way for a format to hold the network, if it then does.
fn fit(specs: &[LayerSpec], validate: fn(&[LayerSpec]) -> Result<(), BuildError>) -> Option<Vec<usize>> {
    let (mut specs, mut converted) = (specs.to_vec(), Vec::new());
    loop {
        match validate(&specs) {
            Ok(()) => return Some(converted),
            Err(BuildError::FormatTooNarrow { layer, .. })
                if !specs[layer].is_dense() && !converted.contains(&layer) =>
            {
                specs[layer] = specs[layer].stored_the_other_way();
                converted.push(layer);
            }
            Err(_) => return None,
        }
    }
}

/// Where inputs lie: a known dataset's images, or what the model says.
fn plane(model: &Model) -> Result<Option<ImagePlane>> {
    let Some(shape) = model.image_shape() else { return Ok(None) };
    Ok(Some(ImagePlane {
        channels: u32::try_from(shape.channels)?,
        height: u32::try_from(shape.height)?,
        width: u32::try_from(shape.width)?,
    }))
}

/// The same scaling in as few numbers as an image needs: none, one for all, or one for each.
fn shortest(normaliser: &Normaliser) -> Normaliser {
    let Normaliser { mean, scale } = normaliser;
    let all = |values: &[f32], first: f32| values.iter().all(|value| value.to_bits() == first.to_bits());
    match (mean.first(), scale.first()) {
        (Some(&m), Some(&s)) if all(mean, m) && all(scale, s) => {
            if m.to_bits() == 0 && s.to_bits() == 1f32.to_bits() {
                Normaliser::default()
            } else {
                Normaliser { mean: vec![m], scale: vec![s] }
            }
        }
        _ => normaliser.clone(),
    }
}

fn borrowed(normaliser: &Normaliser) -> Scaling<'_> {
    Scaling { mean: &normaliser.mean, factor: &normaliser.scale }
}
