//! `model.safetensors` as it is read: what it says of its network first, then layer by layer.

use std::fs::File;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, ensure};
use rewire_core::activation::Parameters;
use rewire_core::network::{Description, LayerSpec};
use rewire_core::sparse::{CsrRef, Wide};
use rewire_engine::dynamic::Network;
use rewire_engine::layer::{LayerData, MAX_LAYERS};

use crate::data::Names;
use crate::data::normaliser::Normaliser;
use crate::error::FitError;
use crate::model::blocks;
use crate::model::header::{Header, LayerHeader};
use crate::model::layers::Layers;
use crate::model::safetensors::{KEY, Model, VERSION, parameters_name};
use crate::model::tensor_file::TensorFile;
use crate::settings::{FilterKind, TaskKind};

impl Model {
    /// Reads a file and checks all of it.
    ///
    /// # Errors
    ///
    /// When it cannot be read, is not such a file, comes from another version, or breaks an invariant: by name.
    pub fn load(path: &Path) -> Result<Self> {
        Model::open(path)?.read().with_context(|| unusable(path))
    }

    /// Reads the bytes of a file and checks all of it.
    ///
    /// # Errors
    ///
    /// As [`Model::load`].
    pub fn from_bytes(file: &[u8]) -> Result<Self> {
        Model::in_file(TensorFile::in_memory(file), Path::new(""))?.read()
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
        Ok(())
    }
}

/// The layers of a `model.safetensors`, which stay in the file until a network is filled with them.
#[derive(Debug)]
pub struct InFile<'a> {
    specs: Vec<LayerSpec>,
    file: TensorFile<'a>,
    /// Where the file is, for messages; empty for one in memory.
    path: PathBuf,
}

/// What is said of a file that cannot be used.
fn unusable(path: &Path) -> String {
    let path = path.display();
    format!("{path} is no model that this version can use; give a model.safetensors that `rewire train` wrote")
}

impl Model<InFile<'static>> {
    /// Reads what a file says of its network. The arrays of its layers are read when they are needed: into the network's
    /// own memory, so that a model that just fits can be used.
    ///
    /// # Errors
    ///
    /// As [`Model::load`], but for what only the arrays of the layers show.
    pub fn open(path: &Path) -> Result<Self> {
        let file = File::open(path).with_context(|| {
            format!("cannot read the model {}; give a run directory or its model.safetensors", path.display())
        })?;
        Model::in_file(TensorFile::new(file, 0), path).with_context(|| unusable(path))
    }
}

impl<'a> Model<InFile<'a>> {
    /// The model of a file whose header is read.
    fn in_file(file: Result<TensorFile<'a>>, path: &Path) -> Result<Self> {
        let file = file.map_err(|error| anyhow!("not a safetensors file: {error:#}"))?;
        let header = file.entry(KEY);
        let header = header.ok_or_else(|| anyhow!("its metadata has no entry '{KEY}', so another program wrote it"))?;
        let header: Header = serde_json::from_str(header).context("its metadata cannot be read")?;
        ensure!(header.version == VERSION, "it has version {}, this program reads version {VERSION}", header.version);
        ensure!(
            (1..=MAX_LAYERS).contains(&header.layers.len()),
            "it has {} layers, expected 1 to {MAX_LAYERS}",
            header.layers.len()
        );
        let spec = |(i, layer): (usize, &LayerHeader)| {
            let part = match layer.storage.as_str() {
                "blocks" => blocks::WEIGHTS,
                "dense" => "weight",
                _ => "values",
            };
            layer.spec(file.len(&format!("layers.{i}.{part}"))).with_context(|| format!("layer {i}"))
        };
        let specs = header.layers.iter().enumerate().map(spec).collect::<Result<Vec<_>>>()?;
        let n_in = header.layers[0].n_in;
        let n_out = header.layers.last().map_or(0, |layer| layer.n_out);
        let scaling = |of: &str, width| -> Result<_> {
            let [mean, scale] = ["mean", "scale"].map(|part| finite(&file, &format!("{of}.{part}"), width));
            Ok(Normaliser { mean: mean?, scale: scale? })
        };
        let normaliser = scaling("input", n_in)?;
        let task = header.task.unwrap_or(TaskKind::Classify);
        let targets = match task {
            TaskKind::Regress => scaling("output", n_out)?,
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
        let Header { dataset, shape, features, outputs, normal, filter, .. } = header;
        let filter = filter.unwrap_or(FilterKind::None);
        let names = Names { features, outputs, normal };
        let layers = InFile { specs, file, path: path.to_owned() };
        Description::inference(&layers.specs, 1).validate::<Wide, 1>().map_err(|error| anyhow!("{error}"))?;
        Ok(Self { dataset, task, shape, names, filter, normaliser, targets, layers })
    }

    /// The same with its layers in memory, all of them checked.
    fn read(self) -> Result<Model> {
        let Self { dataset, task, shape, names, filter, normaliser, targets, layers } = self;
        let layers = (0..layers.specs.len()).map(|index| layers.layer(index)).collect::<Result<_>>()?;
        let model = Model { dataset, task, shape, names, filter, normaliser, targets, layers };
        model.check()?;
        Ok(model)
    }
}

impl InFile<'_> {
    /// A layer. Its structure is not checked.
    fn layer(&self, index: usize) -> Result<LayerData> {
        let spec = self.specs[index];
        let name = |part: &str| format!("layers.{index}.{part}");
        let (indptr, indices, weights) = if spec.is_blocked() {
            Default::default()
        } else if spec.is_dense() {
            let cells = spec.n_in.checked_mul(spec.n_out).context("its widths overflow")?;
            (Vec::new(), Vec::new(), finite(&self.file, &name("weight"), cells)?)
        } else {
            let indices = self.file.signed(&name("indices"))?;
            let len = indices.len();
            (self.file.signed(&name("indptr"))?, indices, finite(&self.file, &name("values"), len)?)
        };
        let blocked = spec.is_blocked().then(|| blocks::read(&self.file, index, (spec.n_in, spec.n_out)));
        let bias = finite(&self.file, &name("bias"), spec.n_out)?;
        let activation_parameters = if spec.activation.is_learned() {
            let name = name(parameters_name(spec.activation));
            let parameters: Vec<Parameters> = finite(&self.file, &name, 4 * spec.n_out)?.as_chunks().0.to_vec();
            check_variances(&spec, &name, &parameters)?;
            parameters
        } else {
            Vec::new()
        };
        Ok(LayerData {
            spec,
            indptr,
            indices,
            weights,
            bias,
            velocity: Vec::new(),
            bias_velocity: Vec::new(),
            activation_parameters,
            activation_velocity: Vec::new(),
            blocks: blocked.transpose()?,
        })
    }
}

impl Layers for InFile<'_> {
    fn specs(&self) -> Vec<LayerSpec> {
        self.specs.clone()
    }

    fn put_into(&self, network: &mut dyn Network) -> Result<(), FitError> {
        for (index, spec) in self.specs.iter().enumerate() {
            let done = if spec.is_blocked() {
                blocks::read_into(&self.file, index, network).and_then(|()| {
                    let bias = network.views()[index].bias.iter().position(|value| !value.is_finite());
                    let neuron = bias.unwrap_or_default();
                    ensure!(bias.is_none(), "element {neuron} of the tensor 'layers.{index}.bias' is not finite");
                    Ok(())
                })
            } else {
                self.layer(index).and_then(|layer| Ok(network.import_layer(index, &layer)?))
            };
            done.map_err(|error| FitError::File(format!("{}: {error:#}", unusable(&self.path))))?;
        }
        Ok(())
    }
}

/// A tensor of finite floats, as many as there should be.
fn finite(file: &TensorFile<'_>, name: &str, len: usize) -> Result<Vec<f32>> {
    let values = file.floats(name)?;
    ensure!(values.len() == len, "the tensor '{name}' has {} elements, expected {len}", values.len());
    let bad = values.iter().position(|value| !value.is_finite());
    ensure!(bad.is_none(), "element {} of the tensor '{name}' is not finite", bad.unwrap_or(0));
    Ok(values)
}

/// Checks that no running variance is below 0.
fn check_variances(spec: &LayerSpec, name: &str, parameters: &[Parameters]) -> Result<()> {
    if spec.activation.is_normalised() {
        let neuron = parameters.iter().position(|&[.., variance]| variance < 0.0);
        ensure!(neuron.is_none(), "{name}: the variance of neuron {} is below 0", neuron.unwrap_or_default());
    }
    Ok(())
}
