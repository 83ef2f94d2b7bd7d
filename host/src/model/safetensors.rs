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

use anyhow::{Context, Result, anyhow, ensure};
use rewire_core::activation::{Activation, Parameters};
use rewire_core::network::Description;
use rewire_core::network::LayerSpec;
use rewire_core::sparse::CsrRef;
use rewire_core::sparse::Wide;
use rewire_engine::layer::{LayerData, LayerView, MAX_LAYERS};
use safetensors::tensor::{Dtype, SafeTensors, TensorView};

use crate::data::normaliser::Normaliser;
use crate::data::{DatasetName, ImageShape, Names, manifest};
use crate::files::stream_atomically;
use crate::model::blocks::{self, arrays};
use crate::model::header::{Header, LayerHeader};
use crate::model::tensors::{Data, Tensor, Tensors};
use crate::settings::TaskKind;

const VERSION: u32 = 1;
const KEY: &str = "rewire";

/// A trained network and how its inputs are made.
#[derive(Clone, Debug, PartialEq)]
pub struct Model {
    /// The dataset that it was trained on; `None` after a training on a caller's samples.
    pub dataset: Option<DatasetName>,
    /// What it learned.
    pub task: TaskKind,
    /// Where its inputs lie, unless the dataset says so.
    pub shape: Option<ImageShape>,
    /// What inputs and outputs are called.
    pub names: Names,
    /// From pixels to inputs.
    pub normaliser: Normaliser,
    /// From numbers to learn to outputs; empty but in a regression.
    pub targets: Normaliser,
    /// First to last.
    pub layers: Vec<LayerData>,
}

/// The integers of a tensor; fails with the first that is below zero or beyond 32 bits.
fn decode(tensor: &TensorView<'_>) -> Result<Vec<u32>, i64> {
    let narrow = |value: i64| u32::try_from(value).map_err(|_| value);
    if tensor.dtype() == Dtype::I32 {
        return tensor.data().as_chunks().0.iter().map(|&word| narrow(i32::from_le_bytes(word).into())).collect();
    }
    tensor.data().as_chunks().0.iter().map(|&word| narrow(i64::from_le_bytes(word))).collect()
}

/// Checks that no running variance is below 0.
fn check_variances(spec: &LayerSpec, name: &str, parameters: &[Parameters]) -> Result<()> {
    if spec.activation == Activation::BatchNormRelu {
        let neuron = parameters.iter().position(|&[.., variance]| variance < 0.0);
        ensure!(neuron.is_none(), "{name}: the variance of neuron {} is below 0", neuron.unwrap_or_default());
    }
    Ok(())
}

/// What the tensor with the parameters of an activation is called.
fn parameters_name(activation: Activation) -> &'static str {
    if activation == Activation::BatchNormRelu { "batch_norm" } else { "srelu" }
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
        let Self { dataset, task, shape, names, normaliser, targets, .. } = self;
        let (names, normaliser, targets) = (names.clone(), normaliser.clone(), targets.clone());
        Model { dataset, task, shape, names, normaliser, targets, layers }
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

    /// Reads a file and checks all of it.
    ///
    /// # Errors
    ///
    /// When it cannot be read, is not such a file, comes from another version, or breaks an invariant: by name.
    pub fn load(path: &Path) -> Result<Self> {
        let file = std::fs::read(path).with_context(|| {
            format!("cannot read the model {}; give a run directory or its model.safetensors", path.display())
        })?;
        Self::from_bytes(&file).with_context(|| {
            format!(
                "{} is no model that this version can use; give a model.safetensors that `rewire train` wrote",
                path.display()
            )
        })
    }

    /// Reads the bytes of a file and checks all of it.
    ///
    /// # Errors
    ///
    /// As [`Model::load`].
    pub fn from_bytes(file: &[u8]) -> Result<Self> {
        let (_, metadata) =
            SafeTensors::read_metadata(file).map_err(|error| anyhow!("not a safetensors file: {error}"))?;
        let header = metadata.metadata().as_ref().and_then(|entries| entries.get(KEY));
        let header = header.ok_or_else(|| anyhow!("its metadata has no entry '{KEY}', so another program wrote it"))?;
        let header: Header = serde_json::from_str(header).context("its metadata cannot be read")?;
        ensure!(header.version == VERSION, "it has version {}, this program reads version {VERSION}", header.version);
        ensure!(
            (1..=MAX_LAYERS).contains(&header.layers.len()),
            "it has {} layers, expected 1 to {MAX_LAYERS}",
            header.layers.len()
        );
        let tensors = SafeTensors::deserialize(file).map_err(|error| anyhow!("not a safetensors file: {error}"))?;
        let tensor = |name: &str, dtypes: &[Dtype]| {
            let view = tensors.tensor(name).map_err(|_| anyhow!("the tensor '{name}' is missing"))?;
            let (found, expected) = (view.dtype(), dtypes[0]);
            ensure!(dtypes.contains(&found), "the tensor '{name}' holds {found:?}, expected {expected:?}");
            Ok(view)
        };
        let floats = |name: &str, len: Option<usize>| -> Result<Vec<f32>> {
            let words = tensor(name, &[Dtype::F32])?.data().as_chunks::<4>().0;
            let values: Vec<f32> = words.iter().copied().map(f32::from_le_bytes).collect();
            ensure!(
                len.is_none_or(|len| len == values.len()),
                "the tensor '{name}' has {} elements, expected {}",
                values.len(),
                len.unwrap_or(0)
            );
            let bad = values.iter().position(|value| !value.is_finite());
            ensure!(bad.is_none(), "element {} of the tensor '{name}' is not finite", bad.unwrap_or(0));
            Ok(values)
        };
        let integers = |name: &str| {
            let view = tensor(name, &[Dtype::I32, Dtype::I64])?;
            decode(&view).map_err(|value| anyhow!("the tensor '{name}' holds {value}"))
        };
        let n_in = header.layers[0].n_in;
        let normaliser =
            Normaliser { mean: floats("input.mean", Some(n_in))?, scale: floats("input.scale", Some(n_in))? };
        let mut layers = Vec::new();
        for (i, layer) in header.layers.iter().enumerate() {
            let name = |part: &str| format!("layers.{i}.{part}");
            let dense = layer.storage == "dense";
            let blocks = match layer.storage.as_str() {
                "blocks" => Some(blocks::read(&tensors, i, (layer.n_in, layer.n_out))?),
                _ => None,
            };
            let (indptr, indices, weights) = if blocks.is_some() {
                Default::default()
            } else if dense {
                let cells = layer.n_in.checked_mul(layer.n_out).context("its widths overflow")?;
                (Vec::new(), Vec::new(), floats(&name("weight"), Some(cells))?)
            } else {
                let indices = integers(&name("indices"))?;
                let len = indices.len();
                (integers(&name("indptr"))?, indices, floats(&name("values"), Some(len))?)
            };
            let bias = floats(&name("bias"), Some(layer.n_out))?;
            let connections = blocks.as_ref().map_or(weights.len(), |blocks| blocks.weights.len());
            let spec = layer.spec(connections).with_context(|| format!("layer {i}"))?;
            let activation_parameters = if spec.activation.is_learned() {
                let name = name(parameters_name(spec.activation));
                let parameters: Vec<Parameters> = floats(&name, Some(4 * layer.n_out))?.as_chunks().0.to_vec();
                check_variances(&spec, &name, &parameters)?;
                parameters
            } else {
                Vec::new()
            };
            layers.push(LayerData {
                spec,
                indptr,
                indices,
                weights,
                bias,
                velocity: Vec::new(),
                bias_velocity: Vec::new(),
                activation_parameters,
                activation_velocity: Vec::new(),
                blocks,
            });
        }
        let task = header.task.unwrap_or(TaskKind::Classify);
        let n_out = header.layers.last().map_or(0, |layer| layer.n_out);
        let targets = match task {
            TaskKind::Regress => {
                Normaliser { mean: floats("output.mean", Some(n_out))?, scale: floats("output.scale", Some(n_out))? }
            }
            TaskKind::Classify | TaskKind::Reconstruct => Normaliser::default(),
        };
        for (what, names, count) in [("features", &header.features, n_in), ("outputs", &header.outputs, n_out)] {
            let found = names.len();
            ensure!(found == 0 || found == count, "it names {found} {what}, but has {count}");
        }
        ensure!(
            header.shape.is_none_or(|shape| shape.features() == n_in),
            "its inputs lie in a shape of another number of features than {n_in}"
        );
        let names = Names { features: header.features, outputs: header.outputs };
        let model = Self { dataset: header.dataset, task, shape: header.shape, names, normaliser, targets, layers };
        model.check()?;
        Ok(model)
    }

    /// Checks that each layer's structure is sound and that the layers fit each other.
    fn check(&self) -> Result<()> {
        for (i, layer) in self.layers.iter().enumerate().filter(|(_, layer)| !layer.spec.is_dense()) {
            if let Some(blocks) = &layer.blocks {
                blocks.check().map_err(|error| anyhow!("layer {i}: {error}"))?;
                continue;
            }
            let LayerData { spec, indptr, indices, weights, .. } = layer;
            CsrRef::<Wide>::new(spec.ncols(), indptr, indices, weights)
                .map_err(|error| anyhow!("layer {i}: {error}"))?;
            ensure!(
                indptr.len().checked_sub(1) == Some(spec.nrows()),
                "layer {i} has {} row pointers, but {} rows",
                indptr.len(),
                spec.nrows()
            );
        }
        Description::inference(&self.specs(), 1).validate::<Wide, 1>().map_err(|error| anyhow!("{error}"))
    }

    /// The plane that features lie in: a row, where they are no image.
    pub fn plane(&self) -> ImageShape {
        let row = ImageShape { channels: 1, height: 1, width: self.widths().0 };
        self.image_shape().unwrap_or(row)
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
        self.layers.iter().map(|layer| layer.spec).collect()
    }
}
