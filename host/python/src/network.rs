//! A trained network: what it predicts, and what it hands out.

use std::path::{Path, PathBuf};

use numpy::{PyArray1, PyArray2, PyArrayMethods};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyTuple};
use rewire::Model;
use rewire::analysis::{evaluation, footprint, saved::SavedRun};
use rewire::data::manifest;
use rewire::data::samples::Split;
use rewire::engine::native::Native;
use rewire::firmware::fitted::Fitted;
use rewire::firmware::project::{self, RunOn};
use rewire::model::chip;
use rewire::model::described::described;
use rewire::model::layer::{LayerData, Storage};
use rewire::model::predict::{largest, softmax};
use rewire::settings::{Config, ModelKind, TaskKind, Value};
use rewire::training::fitting::needs_images;
use rewire::training::trained::{Trained, Velocities};

use crate::error::{Failure, detached};
use crate::history::row;
use crate::samples::{Features, Samples};
use crate::settings::{arrays, differing, task};

/// The version of a pickled network.
const VERSION: u32 = 1;

/// A trained network that can be trained further.
#[pyclass(module = "rewire._rewire", frozen)]
pub(crate) struct Network {
    pub(crate) trained: Trained,
}

/// A layer: row pointers, columns, weights, rows and columns of the matrix, its storage, and the biases.
type Layer<'py> = (
    Bound<'py, PyArray1<u32>>,
    Bound<'py, PyArray1<u32>>,
    Bound<'py, PyArray1<f32>>,
    (usize, usize),
    &'static str,
    Bound<'py, PyArray1<f32>>,
);

/// Connections of each input, and of each neuron.
type Degrees<'py> = (Bound<'py, PyArray1<u64>>, Bound<'py, PyArray1<u64>>);

/// The function that reads a pickled network, the version, and the network.
type Pickle<'py> = (Bound<'py, PyAny>, (u32, Bound<'py, PyTuple>));

impl Network {
    fn model(&self) -> &Model {
        &self.trained.model
    }

    /// Hands the outputs for each sample to `each`.
    fn each(
        &self,
        py: Python<'_>,
        features: &Features<'_>,
        threads: usize,
        each: impl FnMut(&[f32]) + Send,
    ) -> PyResult<()> {
        let (samples, width) = features.shape();
        let (expected, _) = self.model().widths();
        if width != expected {
            let text = format!("X has {width} features, but the network was trained on {expected}");
            return Err(PyValueError::new_err(text));
        }
        let split = Split::labelled(features.values()?, vec![0; samples]);
        detached(py, || {
            let indices: Vec<u32> = (0..samples as u32).collect();
            Ok(self.model().each_output(&split, &indices, &Native::new(threads)?, each)?)
        })
    }
}

/// Numbers as an array of so many columns.
fn table(py: Python<'_>, values: Vec<f32>, columns: usize) -> PyResult<Bound<'_, PyArray2<f32>>> {
    let rows = values.len().checked_div(columns).unwrap_or(0);
    PyArray1::from_vec(py, values).reshape([rows, columns])
}

#[pymethods]
impl Network {
    /// The class of each sample.
    fn classes<'py>(&self, py: Python<'py>, x: Features<'py>, threads: usize) -> PyResult<Bound<'py, PyArray1<u16>>> {
        let mut classes = Vec::with_capacity(x.shape().0);
        self.each(py, &x, threads, |outputs| classes.push(largest(outputs)))?;
        Ok(PyArray1::from_vec(py, classes))
    }

    /// The probability of each class, `[samples, classes]`.
    fn probabilities<'py>(
        &self,
        py: Python<'py>,
        x: Features<'py>,
        threads: usize,
    ) -> PyResult<Bound<'py, PyArray2<f32>>> {
        let (_, outputs) = self.model().widths();
        let mut probabilities = Vec::with_capacity(x.shape().0 * outputs);
        self.each(py, &x, threads, |logits| softmax(logits, &mut probabilities))?;
        table(py, probabilities, outputs)
    }

    /// The numbers that were learned, or the inputs as an autoencoder gives them, `[samples, outputs]`.
    fn values<'py>(&self, py: Python<'py>, x: Features<'py>, threads: usize) -> PyResult<Bound<'py, PyArray2<f32>>> {
        let (model, (_, outputs)) = (self.model(), self.model().widths());
        let scaling = if model.task == TaskKind::Reconstruct { &model.normaliser } else { &model.targets };
        let mut values = Vec::with_capacity(x.shape().0 * outputs);
        self.each(py, &x, threads, |row| {
            values.extend(row.iter().enumerate().map(|(at, &output)| scaling.invert(at, output)));
        })?;
        table(py, values, outputs)
    }

    /// The mean squared error of each sample's inputs, as an autoencoder gives them.
    fn errors<'py>(&self, py: Python<'py>, x: Features<'py>, threads: usize) -> PyResult<Bound<'py, PyArray1<f64>>> {
        let (samples, width) = x.shape();
        let (expected, _) = self.model().widths();
        if width != expected {
            let text = format!("X has {width} features, but the network was trained on {expected}");
            return Err(PyValueError::new_err(text));
        }
        let split = Split::labelled(x.values()?, vec![0; samples]);
        let scores = detached(py, || {
            let indices: Vec<u32> = (0..samples as u32).collect();
            Ok(evaluation::scores(self.model(), &split, &indices, &Native::new(threads)?)?)
        })?;
        Ok(PyArray1::from_vec(py, scores))
    }

    /// Every layer, first to last.
    fn layers<'py>(&self, py: Python<'py>) -> Vec<Layer<'py>> {
        let layer = |layer: &LayerData| {
            let spec = &layer.spec;
            let storage = match spec.storage {
                Storage::Dense => "dense",
                Storage::OutputMajor => "output-major",
                Storage::InputMajor => "input-major",
                Storage::Blocked => "blocked",
            };
            (
                PyArray1::from_slice(py, &layer.indptr),
                PyArray1::from_slice(py, &layer.indices),
                PyArray1::from_slice(py, &layer.weights),
                (spec.n_in, spec.n_out),
                storage,
                PyArray1::from_slice(py, &layer.bias),
            )
        };
        self.model().layers.iter().map(layer).collect()
    }

    /// Connections of each input and of each neuron, by layer.
    fn degrees<'py>(&self, py: Python<'py>) -> Vec<Degrees<'py>> {
        let degrees = |layer: &LayerData| {
            (PyArray1::from_vec(py, layer.input_degrees()), PyArray1::from_vec(py, layer.neuron_degrees()))
        };
        self.model().layers.iter().map(degrees).collect()
    }

    /// Bytes by buffer while the network is trained.
    fn footprint<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let config = &self.trained.config;
        let dict = PyDict::new(py);
        for row in footprint::account(config, self.model().widths()).buffers {
            let bytes = if config.model == ModelKind::Dense { row.dense } else { row.sparse };
            dict.set_item(row.what, bytes.unwrap_or(0))?;
        }
        Ok(dict)
    }

    /// Epochs that are done.
    #[getter]
    fn epochs(&self) -> u32 {
        self.trained.epochs
    }

    /// Features, outputs, and the neurons of each hidden layer.
    #[getter]
    fn widths(&self) -> (usize, usize, Vec<usize>) {
        let ((n_in, n_out), layers) = (self.model().widths(), &self.model().layers);
        (n_in, n_out, layers.iter().rev().skip(1).rev().map(|layer| layer.spec.n_out).collect())
    }

    /// Names of features and of outputs; empty where they have none.
    #[getter]
    fn names(&self) -> (Vec<String>, Vec<String>) {
        let names = &self.model().names;
        (names.features.clone(), names.outputs.clone())
    }

    /// What it learned.
    #[getter]
    fn task(&self) -> String {
        self.model().task.to_string()
    }

    /// The summed magnitude of the first layer's weights, by input.
    fn strengths<'py>(&self, py: Python<'py>) -> Bound<'py, PyArray1<f64>> {
        let mut strengths = vec![0.0; self.model().widths().0];
        for connection in self.model().layers.first().into_iter().flat_map(LayerData::connections) {
            strengths[connection.input] += f64::from(connection.weight.abs());
        }
        PyArray1::from_vec(py, strengths)
    }

    /// Writes `model.safetensors`.
    fn save(&self, py: Python<'_>, path: PathBuf) -> PyResult<()> {
        detached(py, || Ok(self.model().save(&path)?))
    }

    /// Writes an image for a microcontroller; returns its bytes.
    fn to_chip(&self, py: Python<'_>, path: PathBuf) -> PyResult<usize> {
        detached(py, || Ok(chip::export(&self.model().clone().in_rows(), &path)?.bytes))
    }

    /// Writes a Cargo project that runs the network on a board and goes on training it there.
    fn to_firmware<'py>(
        &self,
        py: Python<'py>,
        folder: PathBuf,
        board: &str,
        samples: Samples<'py>,
        trained_on: usize,
        run_on: &str,
    ) -> PyResult<()> {
        let Some(run_on) = RunOn::named(run_on) else {
            let must_be = RunOn::KIND.expected(&RunOn::RANGE, run_on);
            return Err(PyValueError::new_err(format!("run_on is '{run_on}', but must be {must_be}")));
        };
        let split = samples.split()?;
        let (model, config) = (self.model().clone().in_rows(), &self.trained.config);
        detached(py, || {
            let board = project::board(board).map_err(anyhow::Error::from)?;
            project::check_folder(&folder)?;
            let core = project::Core::find(None)?;
            let fitted = Fitted::new(Path::new("a training in Python"), &model, board, run_on)?;
            let samples: Vec<u32> = (0..split.len() as u32).collect();
            fitted.project(core, config, trained_on, &split, &samples)?.write(&folder)?;
            Ok(())
        })
    }

    fn __reduce__<'py>(&self, py: Python<'py>) -> PyResult<Pickle<'py>> {
        let settings = serde_json::to_string(&self.trained.config).map_err(|error| Failure::Other(error.into()))?;
        let model = self.model().to_bytes().map_err(Failure::Other)?;
        let velocities = |Velocities { weights, bias, activation }: &Velocities| {
            [weights.as_slice(), bias, activation.as_flattened()].map(|values| PyArray1::from_slice(py, values))
        };
        let velocities: Vec<_> = self.trained.velocities.iter().map(velocities).collect();
        let state = (settings, self.trained.epochs, PyBytes::new(py, &model), velocities).into_pyobject(py)?;
        let read = py.import("rewire._rewire")?.getattr("network_from_state")?;
        Ok((read, (VERSION, state)))
    }
}

/// A pickled network.
#[pyfunction]
pub(crate) fn network_from_state(version: u32, state: &Bound<'_, PyTuple>) -> PyResult<Network> {
    if version != VERSION {
        return Err(PyValueError::new_err(format!(
            "this pickle has version {version}, but rewire {} reads version {VERSION}; install a newer rewire",
            env!("CARGO_PKG_VERSION")
        )));
    }
    let (settings, epochs, model, velocities): (String, u32, Vec<u8>, Vec<[Vec<f32>; 3]>) = state.extract()?;
    let config: Config = serde_json::from_str(&settings).map_err(|error| Failure::Other(error.into()))?;
    let model = Model::from_bytes(&model).map_err(Failure::Other)?;
    let velocities = velocities.into_iter().map(|[weights, bias, activation]| {
        let activation = activation.as_chunks().0.to_vec();
        Velocities { weights, bias, activation }
    });
    Ok(Network { trained: Trained { config, epochs, model, velocities: velocities.collect() } })
}

/// Reads a `model.safetensors` that has learned a task.
#[pyfunction]
pub(crate) fn load<'py>(py: Python<'py>, task: &str, path: PathBuf) -> PyResult<(Network, Bound<'py, PyDict>)> {
    let task = self::task(task)?;
    let model = detached(py, || Ok(Model::load(&path)?))?;
    of_task(&model, task)?;
    let config = described(&model, Config::defaults_for(arrays(), task));
    let settings = differing(py, &config)?;
    Ok((Network { trained: Trained { config, epochs: 0, model, velocities: Vec::new() } }, settings))
}

/// Refuses a network of another task, with the estimator that takes it.
fn of_task(model: &Model, task: TaskKind) -> PyResult<()> {
    if model.task == task {
        return Ok(());
    }
    let estimator = match model.task {
        TaskKind::Classify => "Classifier",
        TaskKind::Regress => "Regressor",
        TaskKind::Reconstruct => "Autoencoder",
    };
    Err(PyValueError::new_err(format!(
        "this network has learned to {}, so it is one for SparseEvolutionary{estimator}",
        model.task
    )))
}

/// What a run hands out: its network, keywords, rows of epochs, and connections of each input by epoch.
type Run<'py> = (Network, Bound<'py, PyDict>, Vec<Bound<'py, PyDict>>, Option<Bound<'py, PyArray2<u16>>>);

/// Reads the directory of a run that `rewire train` wrote.
#[pyfunction]
pub(crate) fn from_run<'py>(py: Python<'py>, task: &str, path: PathBuf) -> PyResult<Run<'py>> {
    let task = self::task(task)?;
    let (run, model) = detached(py, || {
        let run = SavedRun::read(&path)?;
        let model = Model::load(&path.join(rewire::training::directory::MODEL))?;
        Ok((run, model))
    })?;
    of_task(&model, task)?;
    // Of a known dataset the settings need not tell where features lie; those of arrays must, where one needs it.
    let known = run.config.dataset.known().filter(|_| needs_images(&run.config).is_some());
    let shape = run.config.shape.or(known.map(|name| manifest::entry(name).shape));
    let settings = differing(py, &Config { shape, ..run.config.clone() })?;
    let rows = run.epochs.iter().map(|epoch| row(py, epoch)).collect::<PyResult<_>>()?;
    let inputs = run
        .inputs
        .as_ref()
        .map(|inputs| PyArray1::from_slice(py, &inputs.values).reshape([inputs.rows().len(), inputs.columns]));
    let trained = Trained { epochs: run.done(), config: run.config, model, velocities: Vec::new() };
    Ok((Network { trained }, settings, rows, inputs.transpose()?))
}
