//! Samples in a caller's arrays, and what can be wrong with them.

use crate::data::dataset::Dataset;
use crate::data::filter::NoPixel;
use crate::data::name::ImageShape;
use crate::data::samples::{Features, Split};
use crate::settings::TaskKind;

/// The most classes that labels of 16 bits can name.
pub const MOST_CLASSES: usize = 1 << 16;

/// Samples in the caller's memory, which are read where they are.
///
/// Shapes: `features` `[samples, n_features]`, one sample after the other; `labels` `[samples]` for a classifier; `values`
/// `[samples, outputs]` for a regression; an autoencoder has neither.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Arrays<'a> {
    /// Finite numbers. [`Config::scaling`](crate::settings::Config::scaling) says how they become inputs.
    pub features: &'a [f32],
    /// Features of a sample.
    pub n_features: usize,
    /// The class of each sample, below `classes`.
    pub labels: &'a [u16],
    /// Number of classes, 2 to 65,536.
    pub classes: usize,
    /// The numbers that a regression learns.
    pub values: &'a [f32],
    /// How much each sample weighs in training, `[samples]`, at least 0; empty where all weigh the same. A sample of weight
    /// 0 is left out; a weight of 2 doubles the sample's gradient.
    pub weights: &'a [f32],
    /// Where features are pixels: what local topologies, near growth and translations need.
    pub shape: Option<ImageShape>,
}

/// Why arrays cannot be trained on or measured.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ArrayError {
    /// There are no samples.
    #[error("there are no samples")]
    NoSamples,
    /// A sample has no features.
    #[error("n_features is 0, but a sample needs at least one feature")]
    NoFeatures,
    /// The features are no whole number of samples.
    #[error("{features} features are no whole number of samples of {n_features} features")]
    Uneven {
        /// Numbers that were given.
        features: usize,
        /// Features of a sample.
        n_features: usize,
    },
    /// Test samples are of another width than training samples.
    #[error("the test samples have {test} features, but the training samples have {n_features}")]
    TestFeatures {
        /// Features of a test sample.
        test: usize,
        /// Features of a training sample.
        n_features: usize,
    },
    /// Test samples have another count of numbers to learn than training samples.
    #[error("the test samples have {test} numbers to learn each, but the training samples have {train}")]
    TestValues {
        /// Numbers of a test sample.
        test: usize,
        /// Numbers of a training sample.
        train: usize,
    },
    /// There are not as many labels as samples.
    #[error("{labels} labels were given, but the features are those of {samples} samples")]
    Labels {
        /// Labels that were given.
        labels: usize,
        /// Samples that were given.
        samples: usize,
    },
    /// More samples than an index of 32 bits can name.
    #[error("{samples} samples were given; at most 4,294,967,295 are possible")]
    TooManySamples {
        /// Samples that were given.
        samples: usize,
    },
    /// Too few classes, or more than a label can name.
    #[error("classes is {classes}, but must be 2 to 65,536")]
    Classes {
        /// Number of classes.
        classes: usize,
    },
    /// All training samples are of one class.
    #[error("all training samples have the label {label}, but a classifier needs samples of at least two classes")]
    OneClass {
        /// The label.
        label: u16,
    },
    /// A label is no class.
    #[error("sample {sample} has the label {label}, but there are {classes} classes: labels count from 0")]
    Label {
        /// The first such sample, counted from 0.
        sample: usize,
        /// Its label.
        label: u16,
        /// Number of classes.
        classes: usize,
    },
    /// A feature is NaN or infinite.
    #[error("feature {feature} of sample {sample} is {value}, but features must be finite numbers")]
    NotFinite {
        /// The first such sample, counted from 0.
        sample: usize,
        /// The feature, counted from 0.
        feature: usize,
        /// Its value.
        value: f32,
    },
    /// The numbers to learn are not as many for each sample.
    #[error("{values} numbers to learn were given, but the features are those of {samples} samples")]
    Values {
        /// Numbers that were given.
        values: usize,
        /// Samples that were given.
        samples: usize,
    },
    /// A number to learn is NaN or infinite.
    #[error("number {output} to learn of sample {sample} is {value}, but must be finite")]
    ValueNotFinite {
        /// The first such sample, counted from 0.
        sample: usize,
        /// The number, counted from 0.
        output: usize,
        /// Its value.
        value: f32,
    },
    /// There are not as many weights as samples.
    #[error("{weights} weights were given, but the features are those of {samples} samples")]
    Weights {
        /// Weights that were given.
        weights: usize,
        /// Samples that were given.
        samples: usize,
    },
    /// A weight is negative, NaN or infinite.
    #[error("the weight of sample {sample} is {weight}, but weights must be finite and at least 0")]
    Weight {
        /// The first such sample, counted from 0.
        sample: usize,
        /// Its weight.
        weight: f32,
    },
    /// No sample has a weight.
    #[error("the weights of all samples are 0, so there is no sample to train on")]
    NoWeight,
    /// The shape has another number of pixels.
    #[error("an image of shape {shape} has {} features, but n_features is {n_features}", shape.features())]
    Shape {
        /// The shape.
        shape: ImageShape,
        /// Features of a sample.
        n_features: usize,
    },
    /// A feature cannot go through the filter that the network was trained with.
    #[error("the network was trained with a filter, which {0}")]
    NoPixel(#[from] NoPixel),
    /// What is measured does not fit what was trained on.
    #[error(
        "these samples have {n_features} features and {classes} classes, but the network was trained on {trained_features} \
         and {trained_classes}"
    )]
    Differs {
        /// Features of these samples.
        n_features: usize,
        /// Their classes.
        classes: usize,
        /// Features that were trained on.
        trained_features: usize,
        /// Classes that were trained on.
        trained_classes: usize,
    },
}

impl<'a> Arrays<'a> {
    /// Number of samples.
    pub fn samples(&self) -> usize {
        self.features.len().checked_div(self.n_features).unwrap_or(0)
    }

    /// Outputs of a network that learns them.
    pub(crate) fn outputs(&self, task: TaskKind) -> usize {
        match task {
            TaskKind::Classify => self.classes,
            TaskKind::Regress => self.values.len().checked_div(self.samples()).unwrap_or(0),
            TaskKind::Reconstruct => self.n_features,
        }
    }

    /// Checks all that can be checked of samples alone.
    ///
    /// # Errors
    ///
    /// The first thing that is wrong.
    pub fn validate(&self, task: TaskKind) -> Result<(), ArrayError> {
        let &Self { features, n_features, labels, classes, values, weights, shape } = self;
        let samples = check_features(features, n_features)?;
        if let Some(shape) = shape.filter(|shape| shape.features() != n_features) {
            return Err(ArrayError::Shape { shape, n_features });
        }
        check_targets(samples, task, (labels, classes), values, weights)
    }

    /// As samples of a dataset.
    pub(crate) fn split(&self) -> Split<'a> {
        let features = Features::Floats(self.features.into());
        let split = if self.labels.is_empty() {
            Split::labelled(features, vec![0; self.samples()])
        } else {
            Split::labelled(features, self.labels)
        };
        Split { values: self.values.into(), weights: self.weights.into(), ..split }
    }
}

/// Checks the samples that a network is to learn.
pub(crate) fn check(dataset: &Dataset<'_>, task: TaskKind) -> Result<(), ArrayError> {
    check_split(&dataset.train, dataset.outputs, task)?;
    let n_features = dataset.features();
    if let Some(shape) = dataset.shape.filter(|shape| shape.features() != n_features) {
        return Err(ArrayError::Shape { shape, n_features });
    }
    if !dataset.test.is_empty() {
        check_split(&dataset.test, dataset.outputs, task)?;
        let test = dataset.test.width();
        if test != n_features {
            return Err(ArrayError::TestFeatures { test, n_features });
        }
        let [train, test] = [&dataset.train, &dataset.test].map(|split| split.values.len() / split.len().max(1));
        if task == TaskKind::Regress && train != test {
            return Err(ArrayError::TestValues { test, train });
        }
    }
    Ok(())
}

/// Checks that the samples which a classifier is to learn are of more than one class.
pub(crate) fn check_classes(split: &Split<'_>) -> Result<(), ArrayError> {
    let weighs = |at: usize| split.weights.get(at).is_none_or(|&weight| weight > 0.0);
    let mut labels = split.labels.iter().enumerate().filter(|(at, _)| weighs(*at)).map(|(_, &label)| label);
    let first = labels.next().unwrap_or_default();
    if labels.all(|label| label == first) { Err(ArrayError::OneClass { label: first }) } else { Ok(()) }
}

/// Checks the samples of a dataset for a network with so many outputs.
fn check_split(split: &Split<'_>, outputs: usize, task: TaskKind) -> Result<(), ArrayError> {
    let samples = match &split.features {
        Features::Floats(features) => check_features(features, split.width())?,
        Features::Bytes(_) | Features::Synthetic(_) if split.is_empty() => return Err(ArrayError::NoSamples),
        Features::Bytes(_) | Features::Synthetic(_) => split.len(),
    };
    check_targets(samples, task, (&split.labels, outputs), &split.values, &split.weights)
}

/// Checks what samples are to give, and how much they weigh.
fn check_targets(
    samples: usize,
    task: TaskKind,
    (labels, classes): (&[u16], usize),
    values: &[f32],
    weights: &[f32],
) -> Result<(), ArrayError> {
    match task {
        TaskKind::Classify => {
            if labels.len() != samples {
                return Err(ArrayError::Labels { labels: labels.len(), samples });
            }
            if !(2..=MOST_CLASSES).contains(&classes) {
                return Err(ArrayError::Classes { classes });
            }
            if let Some(sample) = labels.iter().position(|&label| usize::from(label) >= classes) {
                return Err(ArrayError::Label { sample, label: labels[sample], classes });
            }
        }
        TaskKind::Regress => {
            if values.is_empty() || !values.len().is_multiple_of(samples) {
                return Err(ArrayError::Values { values: values.len(), samples });
            }
            if let Some(at) = values.iter().position(|value| !value.is_finite()) {
                let outputs = values.len() / samples;
                let (sample, output, value) = (at / outputs, at % outputs, values[at]);
                return Err(ArrayError::ValueNotFinite { sample, output, value });
            }
        }
        TaskKind::Reconstruct => {}
    }
    if weights.is_empty() {
        return Ok(());
    }
    if weights.len() != samples {
        return Err(ArrayError::Weights { weights: weights.len(), samples });
    }
    if let Some(sample) = weights.iter().position(|weight| !(weight.is_finite() && *weight >= 0.0)) {
        return Err(ArrayError::Weight { sample, weight: weights[sample] });
    }
    if weights.iter().all(|&weight| weight == 0.0) { Err(ArrayError::NoWeight) } else { Ok(()) }
}

/// The number of samples of some features, all of them finite.
pub(crate) fn check_features(features: &[f32], n_features: usize) -> Result<usize, ArrayError> {
    if n_features == 0 {
        return Err(ArrayError::NoFeatures);
    }
    if !features.len().is_multiple_of(n_features) {
        return Err(ArrayError::Uneven { features: features.len(), n_features });
    }
    let samples = features.len() / n_features;
    if samples == 0 {
        return Err(ArrayError::NoSamples);
    }
    if u32::try_from(samples).is_err() {
        return Err(ArrayError::TooManySamples { samples });
    }
    match features.iter().position(|value| !value.is_finite()) {
        Some(at) => {
            let (sample, feature, value) = (at / n_features, at % n_features, features[at]);
            Err(ArrayError::NotFinite { sample, feature, value })
        }
        None => Ok(samples),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_mistake_is_told_with_its_place() {
        let good =
            Arrays { features: &[0.0, 1.0, 2.0, 3.0], n_features: 2, labels: &[0, 1], classes: 2, ..Arrays::default() };
        assert_eq!(good.validate(TaskKind::Classify), Ok(()));
        let image = ImageShape { channels: 1, height: 1, width: 3 };
        let wrong = [
            (Arrays { features: &[], labels: &[], ..good }, "there are no samples"),
            (Arrays { n_features: 0, ..good }, "n_features is 0"),
            (Arrays { n_features: 3, ..good }, "4 features are no whole number of samples of 3 features"),
            (Arrays { labels: &[0], ..good }, "1 labels were given, but the features are those of 2 samples"),
            (Arrays { classes: 1, ..good }, "classes is 1, but must be 2 to 65,536"),
            (Arrays { classes: 65_537, ..good }, "classes is 65537"),
            (Arrays { labels: &[0, 2], ..good }, "sample 1 has the label 2, but there are 2 classes"),
            (Arrays { features: &[0.0, 1.0, 2.0, f32::NAN], ..good }, "feature 1 of sample 1 is NaN"),
            (Arrays { features: &[0.0, f32::INFINITY, 2.0, 3.0], ..good }, "feature 1 of sample 0 is inf"),
            (Arrays { shape: Some(image), ..good }, "an image of shape 1x1x3 has 3 features, but n_features is 2"),
            (Arrays { weights: &[1.0], ..good }, "1 weights were given, but the features are those of 2 samples"),
            (Arrays { weights: &[1.0, -1.0], ..good }, "the weight of sample 1 is -1"),
            (Arrays { weights: &[f32::NAN, 1.0], ..good }, "the weight of sample 0 is NaN"),
            (Arrays { weights: &[0.0, 0.0], ..good }, "the weights of all samples are 0"),
        ];
        let refused = |arrays: Arrays<'_>, task, words: &str| {
            let text = arrays.validate(task).unwrap_err().to_string();
            assert!(text.starts_with(words), "{words}: {text}");
        };
        for (arrays, words) in wrong {
            refused(arrays, TaskKind::Classify, words);
        }
        refused(good, TaskKind::Regress, "0 numbers to learn were given");
        refused(
            Arrays { values: &[1.0; 3], ..good },
            TaskKind::Regress,
            "3 numbers to learn were given, but the features",
        );
        let infinite = Arrays { values: &[1.0, 2.0, 3.0, f32::INFINITY], ..good };
        refused(infinite, TaskKind::Regress, "number 1 to learn of sample 1 is inf");
        let most = Arrays { labels: &[0, 65_535], classes: 65_536, ..good };
        assert_eq!(most.validate(TaskKind::Classify), Ok(()));
    }
}
