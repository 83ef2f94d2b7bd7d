//! Samples in a caller's arrays, and what can be wrong with them.

use crate::data::name::ImageShape;
use crate::data::samples::{Features, Split};

/// The most classes that labels of 16 bits can name.
pub const MOST_CLASSES: usize = 1 << 16;

/// Labelled samples in the caller's memory, which are read where they are.
///
/// Shapes: `features` `[samples, n_features]`, one sample after the other; `labels` `[samples]`.
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
    /// The shape has another number of pixels.
    #[error("an image of shape {shape} has {} features, but n_features is {n_features}", shape.features())]
    Shape {
        /// The shape.
        shape: ImageShape,
        /// Features of a sample.
        n_features: usize,
    },
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
        self.labels.len()
    }

    /// Checks all that can be checked of samples alone.
    ///
    /// # Errors
    ///
    /// The first thing that is wrong.
    pub fn validate(&self) -> Result<(), ArrayError> {
        let &Self { features, n_features, labels, classes, shape } = self;
        let samples = check_features(features, n_features)?;
        if labels.len() != samples {
            return Err(ArrayError::Labels { labels: labels.len(), samples });
        }
        if let Some(shape) = shape.filter(|shape| shape.features() != n_features) {
            return Err(ArrayError::Shape { shape, n_features });
        }
        if !(2..=MOST_CLASSES).contains(&classes) {
            return Err(ArrayError::Classes { classes });
        }
        match labels.iter().position(|&label| usize::from(label) >= classes) {
            Some(sample) => Err(ArrayError::Label { sample, label: labels[sample], classes }),
            None => Ok(()),
        }
    }

    /// As samples of a dataset.
    pub(crate) fn split(&self) -> Split<'a> {
        Split::labelled(Features::Floats(self.features.into()), self.labels)
    }
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
        let good = Arrays { features: &[0.0, 1.0, 2.0, 3.0], n_features: 2, labels: &[0, 1], classes: 2, shape: None };
        assert_eq!(good.validate(), Ok(()));
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
        ];
        for (arrays, words) in wrong {
            let text = arrays.validate().unwrap_err().to_string();
            assert!(text.starts_with(words), "{words}: {text}");
        }
        assert_eq!(Arrays { labels: &[0, 65_535], classes: 65_536, ..good }.validate(), Ok(()));
    }
}
