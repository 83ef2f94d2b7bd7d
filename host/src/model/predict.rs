//! What a trained network says of samples: classes, probabilities, and how often it is right.

use rewire_core::network::{Description, LayerSpec};
use rewire_core::step::Metrics;
use rewire_engine::build::with_network;
use rewire_engine::dynamic::Network;
use rewire_engine::native::Native;

use crate::data::arrays::{ArrayError, Arrays, check_features};
use crate::data::samples::{Features, Split};
use crate::data::source::Source;
use crate::data::{Dataset, DatasetName, manifest};
use crate::error::{FitError, Usage};
use crate::model::layers::Layers;
use crate::model::safetensors::Model;
use crate::settings::TaskKind;

/// Samples in a tile.
const LANES: usize = 64;

impl<L: Layers> Model<L> {
    /// Features that it takes, and classes that it names.
    pub fn widths(&self) -> (usize, usize) {
        let specs = self.specs();
        let n_in = specs.first().map_or(0, |spec| spec.n_in);
        (n_in, specs.last().map_or(0, |spec| spec.n_out))
    }

    /// The class of each sample.
    ///
    /// Shapes: `features` `[samples, n_features]`, scaled as those that it was trained on were given; the result
    /// `[samples]`.
    ///
    /// # Errors
    ///
    /// Features that are no samples of the network's width or not finite, a machine without memory or threads.
    pub fn predict(&self, features: &[f32]) -> Result<Vec<u16>, FitError> {
        let mut classes = Vec::new();
        self.each_prediction(features, |logits| classes.push(largest(logits)))?;
        Ok(classes)
    }

    /// The probability of each class for each sample: the softmax of the network's outputs.
    ///
    /// Shapes: `features` `[samples, n_features]`; the result `[samples, classes]`.
    ///
    /// # Errors
    ///
    /// As [`Model::predict`].
    pub fn probabilities(&self, features: &[f32]) -> Result<Vec<f32>, FitError> {
        let mut probabilities = Vec::new();
        self.each_prediction(features, |logits| {
            softmax(logits, &mut probabilities);
        })?;
        Ok(probabilities)
    }

    /// Accuracy and loss on labelled samples.
    ///
    /// # Errors
    ///
    /// Samples of other widths than the network's, or as [`fit`](crate::fit()) refuses them.
    pub fn evaluate(&self, samples: &Arrays<'_>) -> Result<Metrics, FitError> {
        samples.validate(self.task)?;
        let (trained_features, trained_classes) = self.widths();
        let (n_features, classes) = (samples.n_features, samples.classes);
        if (n_features, classes) != (trained_features, trained_classes) {
            return Err(ArrayError::Differs { n_features, classes, trained_features, trained_classes }.into());
        }
        let indices = (0..samples.samples() as u32).collect();
        self.run(&samples.split(), indices, &Native::new(threads(samples.samples()))?, |_| {})
    }

    /// Accuracy and loss on some test samples of a dataset.
    ///
    /// # Errors
    ///
    /// A dataset of other widths than the network's, a machine without memory.
    pub fn evaluate_on(&self, dataset: &Dataset<'_>, samples: Vec<u32>, native: &Native) -> Result<Metrics, FitError> {
        self.evaluate_each(dataset, samples, native, |_| {})
    }

    /// The same, and hands the outputs for each of the samples to `each`, in order.
    ///
    /// # Errors
    ///
    /// As [`Model::evaluate_on`].
    pub fn evaluate_each(
        &self,
        dataset: &Dataset<'_>,
        samples: Vec<u32>,
        native: &Native,
        each: impl FnMut(&[f32]) + Send,
    ) -> Result<Metrics, FitError> {
        let (trained_features, trained_classes) = self.widths();
        let (n_features, classes) = (dataset.test.width(), dataset.outputs);
        if (n_features, classes) != (trained_features, trained_classes) {
            return Err(ArrayError::Differs { n_features, classes, trained_features, trained_classes }.into());
        }
        self.run(&dataset.test, samples, native, each)
    }

    /// Hands the outputs for each of some samples of a split to `each`, in order; the split has the network's width.
    ///
    /// # Errors
    ///
    /// A machine without memory.
    pub fn each_output(
        &self,
        split: &Split<'_>,
        indices: &[u32],
        native: &Native,
        each: impl FnMut(&[f32]) + Send,
    ) -> Result<(), FitError> {
        self.run(split, indices.to_vec(), native, each).map(|_| ())
    }

    /// Runs some samples of a split, which has the network's width: hands the outputs for each to `each`, in order, and
    /// compares them with the split's labels.
    fn run(
        &self,
        split: &Split<'_>,
        indices: Vec<u32>,
        native: &Native,
        mut each: impl FnMut(&[f32]) + Send,
    ) -> Result<Metrics, FitError> {
        let pixels = self.filter.apply(self.plane(), &split.features).map_err(ArrayError::from)?;
        let filtered = pixels.map(|pixels| Split { features: Features::Bytes(pixels.into()), ..split.view() });
        let source = Source::new(filtered.as_ref().unwrap_or(split), indices, &self.normaliser);
        self.with_inference(|network| network.predict(native, &source, &mut each))
    }

    /// Hands the outputs for each sample to `each`.
    fn each_prediction(&self, features: &[f32], each: impl FnMut(&[f32]) + Send) -> Result<(), FitError> {
        let samples = check_features(features, self.widths().0)?;
        // Predictions need no labels.
        let split = Split::labelled(Features::Floats(features.into()), vec![0; samples]);
        let indices: Vec<u32> = (0..samples as u32).collect();
        self.each_output(&split, &indices, &Native::new(threads(samples))?, each)
    }

    /// Builds the network for predictions and hands it to `work`.
    fn with_inference<R>(&self, work: impl FnOnce(&mut dyn Network) -> R) -> Result<R, FitError> {
        let specs = self.specs();
        // A tile of a network in blocks holds a whole minibatch, and its activations are most of what it needs.
        let blocked = specs.iter().any(LayerSpec::is_blocked);
        let (lanes, batch_size) = if blocked { (1, 1) } else { (LANES, 2 * LANES) };
        let description = Description::inference(&specs, batch_size);
        with_network(&specs, lanes, &description, |network| {
            self.layers.put_into(network)?;
            Ok(work(network))
        })?
    }
}

/// Refuses a dataset that a model cannot be measured on, which is known before the dataset is loaded.
///
/// # Errors
///
/// When its images are not what the model takes, or its labels not what it names.
pub fn check_fits<L: Layers>(model: &Model<L>, name: DatasetName) -> Result<(), Usage> {
    let entry = manifest::entry(name);
    let (features, classes) = (entry.shape.features(), usize::from(entry.classes));
    let (n_in, n_out) = model.widths();
    let reconstructs = model.task == TaskKind::Reconstruct;
    if n_in == features && (reconstructs || (n_out == classes && model.task == TaskKind::Classify)) {
        return Ok(());
    }
    let text =
        format!("the model takes {n_in} inputs and names {n_out} classes, but {name} has {features} and {classes}");
    Err(Usage(match model.dataset {
        // What the user says that a model was trained on.
        None => format!("{text}; it was trained on something else"),
        Some(dataset) if dataset == name => format!("{text}; it was trained on something else"),
        Some(dataset) => format!("{text}; evaluate it on {dataset}"),
    }))
}

/// Adds the probability of each class to `probabilities`.
pub fn softmax(logits: &[f32], probabilities: &mut Vec<f32>) {
    let most = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let start = probabilities.len();
    probabilities.extend(logits.iter().map(|logit| libm::expf(logit - most)));
    let total: f32 = probabilities[start..].iter().sum();
    for value in &mut probabilities[start..] {
        *value /= total;
    }
}

/// The class of the largest output; of equal ones the first.
pub fn largest(logits: &[f32]) -> u16 {
    let best = (0..logits.len()).fold(0, |best, class| if logits[class] > logits[best] { class } else { best });
    best as u16
}

/// Threads that so many samples are work for; 0 is one a processor.
fn threads(samples: usize) -> usize {
    usize::from(samples <= LANES)
}
