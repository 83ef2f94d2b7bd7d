//! `model.safetensors`: a trained network that other programs can read.
//!
//! Tensors of layer `i`, counted from 0: `layers.i.indptr`, `layers.i.indices` (I32, or I64 where a layer has more
//! connections or columns than that counts), `layers.i.values` (F32) of its CSR
//! matrix `[n_out, n_in]` (CSC where the metadata's storage says so), or `layers.i.weight` (F32, `[n_out, n_in]`) where it
//! is dense, or of a layer in blocks (storage `blocks`) `layers.i.block_weights` (BF16), `layers.i.block_pointers` and
//! `layers.i.block_columns` (U16), as [`BlocksRef`](rewire_core::sparse::BlocksRef) has them; `layers.i.bias`; of SReLU, `layers.i.srelu` (F32, `[n_out, 4]`: left joint, left slope, distance of the right
//! joint, right slope); of a normalised ReLU, `layers.i.batch_norm` (F32, `[n_out, 4]`: scale, shift, mean, variance).
//! `input.mean` and `input.scale` turn a feature, such as a pixel's byte, into an input: `(feature - mean) * scale`. The metadata's one entry,
//! `rewire`, is JSON: the format's version, the dataset if it is a known one, the task if it is no classification, shape and
//! names of features and the names of outputs where there are any, and each layer's widths, storage and activation. A regression has
//! `output.mean` and `output.scale`: a number to learn is `output / scale + mean`. Nothing in the
//! file depends on threads or time.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use rewire_core::activation::Activation;
use rewire_core::network::LayerSpec;
use rewire_engine::layer::{LayerData, LayerView};

use crate::data::normaliser::Normaliser;
use crate::data::{DatasetName, ImageShape, Names, manifest};
use crate::files::stream_atomically;
use crate::model::blocks::arrays;
use crate::model::header::{Header, LayerHeader};
use crate::model::layers::Layers;
use crate::model::tensors::{Data, Tensor, Tensors};
use crate::settings::{FilterKind, TaskKind};

pub(super) const VERSION: u32 = 1;
pub(super) const KEY: &str = "rewire";

/// A trained network and how its inputs are made.
///
/// Its layers are in memory, or still in their file: see [`Model::open`].
#[derive(Clone, Debug, PartialEq)]
pub struct Model<L = Vec<LayerData>> {
    /// The dataset that it was trained on; `None` after a training on a caller's samples.
    pub dataset: Option<DatasetName>,
    /// What it learned.
    pub task: TaskKind,
    /// Where its inputs lie, unless the dataset says so.
    pub shape: Option<ImageShape>,
    /// What inputs and outputs are called.
    pub names: Names,
    /// What images go through first.
    pub filter: FilterKind,
    /// From pixels to inputs.
    pub normaliser: Normaliser,
    /// From numbers to learn to outputs; empty but in a regression.
    pub targets: Normaliser,
    /// First to last.
    pub layers: L,
}

/// What the tensor with the parameters of an activation is called.
pub(super) fn parameters_name(activation: Activation) -> &'static str {
    if activation.is_normalised() { "batch_norm" } else { "srelu" }
}

/// A [`Model`] whose layers lie in the network that is trained: what is written of it.
#[derive(Clone, Debug)]
pub struct ModelView<'a> {
    /// As of the model, and so the others.
    pub dataset: Option<DatasetName>,
    /// What it learned.
    pub task: TaskKind,
    /// Where its inputs lie, unless the dataset says so.
    pub shape: Option<ImageShape>,
    /// What inputs and outputs are called.
    pub names: &'a Names,
    /// What images go through first.
    pub filter: FilterKind,
    /// From pixels to inputs.
    pub normaliser: &'a Normaliser,
    /// From numbers to learn to outputs.
    pub targets: &'a Normaliser,
    /// First to last.
    pub layers: Vec<LayerView<'a>>,
}

impl<'a> ModelView<'a> {
    /// Writes the file, whole or not at all.
    ///
    /// # Errors
    ///
    /// When it cannot be written, or a weight is NaN or infinite, which no reader would accept.
    pub fn save(&self, path: &Path) -> Result<()> {
        let file = self.file().with_context(|| format!("{} is not written", path.display()))?;
        stream_atomically(path, |draft| file.write(draft))
    }

    /// The model with these layers in the place of its own.
    pub fn with_layers(self, layers: Vec<LayerData>) -> Model {
        let Self { dataset, task, shape, names, filter, normaliser, targets, .. } = self;
        let (names, normaliser, targets) = (names.clone(), normaliser.clone(), targets.clone());
        Model { dataset, task, shape, names, filter, normaliser, targets, layers }
    }

    /// The file's tensors and metadata.
    fn file(&self) -> Result<Tensors<'a>> {
        for (i, layer) in self.layers.iter().enumerate() {
            let parameters = layer.activation_parameters.as_flattened();
            let blocks = layer.blocks.map_or(&[][..], |blocks| blocks.weights);
            ensure!(
                blocks.iter().all(|&weight| weight & 0x7F80 != 0x7F80)
                    && layer.weights.iter().chain(layer.bias).chain(parameters).all(|value| value.is_finite()),
                "layer {i} has weights that are not finite; try a smaller --learning-rate"
            );
        }
        let header = Header {
            version: VERSION,
            dataset: self.dataset,
            task: (self.task != TaskKind::Classify).then_some(self.task),
            shape: self.shape,
            features: self.names.features.clone(),
            outputs: self.names.outputs.clone(),
            normal: self.names.normal.clone(),
            filter: (self.filter != FilterKind::None).then_some(self.filter),
            layers: self.layers.iter().map(|layer| LayerHeader::new(&layer.spec)).collect(),
        };
        let mut tensors = Vec::new();
        let mut add = |name: String, shape: Vec<usize>, data| tensors.push(Tensor { name, shape, data });
        let scalings = [("input", self.normaliser), ("output", self.targets)];
        for (of, Normaliser { mean, scale }) in &scalings[..if self.task == TaskKind::Regress { 2 } else { 1 }] {
            add(format!("{of}.mean"), vec![mean.len()], Data::Floats(mean));
            add(format!("{of}.scale"), vec![scale.len()], Data::Floats(scale));
        }
        for (i, layer) in self.layers.iter().enumerate() {
            let mut add = |name: &str, shape, data| add(format!("layers.{i}.{name}"), shape, data);
            let (spec, weights) = (layer.spec, layer.weights);
            if let Some(blocks) = layer.blocks {
                for (name, data) in arrays(blocks) {
                    add(name, vec![data.len()], data);
                }
            } else if spec.is_dense() {
                add("weight", vec![spec.n_out, spec.n_in], Data::Floats(weights));
            } else {
                add("indptr", vec![layer.indptr.len()], Data::Signed(layer.indptr, weights.len()));
                add("indices", vec![layer.indices.len()], Data::Signed(layer.indices, spec.ncols()));
                add("values", vec![weights.len()], Data::Floats(weights));
            }
            add("bias", vec![layer.bias.len()], Data::Floats(layer.bias));
            let parameters = layer.activation_parameters;
            if !parameters.is_empty() {
                let data = Data::Floats(parameters.as_flattened());
                add(parameters_name(spec.activation), vec![parameters.len(), 4], data);
            }
        }
        Tensors::new(tensors, (KEY, serde_json::to_string(&header)?))
    }
}

impl Model {
    /// The same, not copied.
    pub fn view(&self) -> ModelView<'_> {
        ModelView {
            dataset: self.dataset,
            task: self.task,
            shape: self.shape,
            names: &self.names,
            filter: self.filter,
            normaliser: &self.normaliser,
            targets: &self.targets,
            layers: self.layers.iter().map(LayerData::view).collect(),
        }
    }

    /// The same with the layers that are in blocks in rows, for whoever knows no blocks.
    #[must_use]
    pub fn in_rows(self) -> Self {
        Self { layers: self.layers.into_iter().map(LayerData::in_rows).collect(), ..self }
    }

    /// Connections of all layers that are in rows.
    pub fn connections(&self) -> usize {
        self.layers.iter().map(|layer| layer.weights.len()).sum()
    }

    /// Writes the file, whole or not at all.
    ///
    /// # Errors
    ///
    /// As [`ModelView::save`].
    pub fn save(&self, path: &Path) -> Result<()> {
        self.view().save(path)
    }

    /// The bytes of the file.
    ///
    /// # Errors
    ///
    /// When a weight is NaN or infinite, which no reader would accept.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        let mut file = Vec::new();
        self.view().file()?.write(&mut file)?;
        Ok(file)
    }
}

impl<L: Layers> Model<L> {
    /// The plane that features lie in: a row, where they are no image.
    pub fn plane(&self) -> ImageShape {
        ImageShape::plane(self.image_shape(), self.widths().0)
    }

    /// Channels, height and width, where features are an image: as the model says, or those of its dataset.
    pub fn image_shape(&self) -> Option<ImageShape> {
        self.shape.or_else(|| self.dataset.map(|name| manifest::entry(name).shape))
    }

    /// Names of its outputs: of classes or numbers, or counted from 0 where they have none.
    pub fn output_names(&self, outputs: usize) -> Vec<String> {
        if self.names.outputs.len() == outputs {
            return self.names.outputs.clone();
        }
        (0..outputs).map(|output| output.to_string()).collect()
    }

    /// The layers' descriptions.
    pub fn specs(&self) -> Vec<LayerSpec> {
        self.layers.specs()
    }
}
