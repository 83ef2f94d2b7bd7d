//! What there is to say about an image.

use std::path::Path;

use anyhow::Result;
use rewire_core::network::{LayerSpec, Storage};
use rewire_core::storage::image::Inputs;
use rewire_engine::layer::LayerData;

use crate::data::ImageShape;
use crate::data::normaliser::Normaliser;
use crate::model::chip::read::read;
use crate::settings::TaskKind;

/// What there is to say about an image.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Summary {
    /// Bytes of the image.
    pub bytes: usize,
    /// Bytes before the first layer's weights: the header and the layers' descriptions.
    pub header: usize,
    /// Bytes after the last layer: scaling and names.
    pub use_bytes: usize,
    /// CRC-32 of all that follows the first 16 bytes.
    pub crc: String,
    /// Hash of the model, as firmware prints it.
    pub hash: String,
    /// Version of the image's form.
    pub version: u16,
    /// The format that firmware reads it in.
    pub format: &'static str,
    /// `bytes`, each divided by 255, or `floats`.
    pub inputs: &'static str,
    /// What it learned; nothing in a version 1, which does not say it, as all that follows.
    pub task: Option<TaskKind>,
    /// Where inputs lie.
    pub shape: Option<ImageShape>,
    /// From a sample's floats to inputs.
    pub scaling: Option<ScalingSummary>,
    /// From numbers to learn to outputs.
    pub output_scaling: Option<ScalingSummary>,
    /// Names of inputs.
    pub features: Vec<String>,
    /// Names of classes, or of the numbers to learn.
    pub outputs: Vec<String>,
    /// First to last.
    pub layers: Vec<LayerSummary>,
}

/// `x = (number - mean) * factor`, for each number.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct ScalingSummary {
    /// Subtracted.
    pub mean: Vec<f32>,
    /// Then multiplied by.
    pub factor: Vec<f32>,
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
/// As [`load`](super::load()).
pub fn describe(path: &Path) -> Result<Summary> {
    let contents = read(path)?;
    let about = contents.version > 1;
    let model = contents.model;
    let fixed = if about { 48 } else { 16 };
    let header = fixed + 24 * model.layers.len();
    let layer_bytes: usize = contents.layer_bytes.iter().sum();
    let floats = contents.inputs == Inputs::Floats;
    let scaling = |Normaliser { mean, scale }| ScalingSummary { mean, factor: scale };
    Ok(Summary {
        bytes: contents.bytes,
        header,
        use_bytes: contents.bytes - header - layer_bytes,
        crc: format!("{:08x}", contents.crc),
        hash: format!("{:016x}", contents.hash),
        version: contents.version,
        format: contents.format,
        inputs: if floats { "floats" } else { "bytes" },
        task: about.then_some(model.task),
        shape: model.shape,
        scaling: floats.then(|| scaling(model.normaliser)),
        output_scaling: (model.task == TaskKind::Regress).then(|| scaling(model.targets)),
        features: model.names.features,
        outputs: model.names.outputs,
        layers: model.layers.iter().zip(contents.layer_bytes).map(|(layer, bytes)| summary(layer, bytes)).collect(),
    })
}

fn summary(layer: &LayerData, bytes: usize) -> LayerSummary {
    let LayerSpec { n_in, n_out, connections, storage, .. } = layer.spec;
    let storage = match storage {
        Storage::Dense => "dense",
        Storage::OutputMajor => "output-major",
        Storage::InputMajor => "input-major",
        Storage::Blocked => "blocked",
    };
    LayerSummary { n_in, n_out, connections, storage, bytes }
}
