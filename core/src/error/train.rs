//! Why a network was not trained: its settings, its samples, or a loss that diverged.

use core::fmt;

use super::build::BuildError;
use crate::step::id::StepId;
use crate::step::loss::Metrics;

/// Why samples make no table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum TableError {
    /// There are no samples, or they have no features.
    Empty,
    /// The features are no multiple of the labels.
    Uneven {
        /// Features.
        features: usize,
        /// Labels: one a sample.
        labels: usize,
    },
    /// Features and values are not those of the same whole number of samples.
    UnevenValues {
        /// Features.
        features: usize,
        /// Values.
        values: usize,
        /// Values a sample.
        n_out: usize,
    },
    /// The features are no multiple of those of a sample.
    UnevenSamples {
        /// Features.
        features: usize,
        /// Features a sample.
        n_in: usize,
    },
}

impl fmt::Display for TableError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Empty => write!(f, "a table needs at least one sample, with at least one feature and one value"),
            Self::Uneven { features, labels } => {
                write!(f, "{features} features are no multiple of {labels} labels: each sample has as many features")
            }
            Self::UnevenValues { features, values, n_out } => {
                write!(
                    f,
                    "{features} features and {values} values, {n_out} a sample, are not those of a whole number of samples"
                )
            }
            Self::UnevenSamples { features, n_in } => {
                write!(f, "{features} features are no multiple of {n_in}, the features of a sample")
            }
        }
    }
}

impl core::error::Error for TableError {}

/// One of a run's two sets of samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum SampleSet {
    /// Those that are trained on.
    Training,
    /// Those that are measured after each epoch.
    Test,
}

/// Why a network was not trained, or not any further.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum TrainError {
    /// The network was built for inference.
    Inference,
    /// The settings have a momentum, but the network was built without velocity.
    Momentum,
    /// A sample's label is no output of the network.
    Label {
        /// The label.
        label: u16,
        /// Outputs: labels are below it.
        n_out: usize,
    },
    /// The network should give its inputs, of which it has another number.
    Reconstruction {
        /// Inputs.
        n_in: usize,
        /// Outputs.
        n_out: usize,
    },
    /// A feature of the sample is infinite or NaN.
    Feature {
        /// Input, counted from 0.
        input: usize,
    },
    /// The sample has no number for an output, or one that is infinite or NaN.
    Value {
        /// Output, counted from 0.
        output: usize,
    },
    /// The loss is infinite or NaN.
    Diverged {
        /// The samples on which it was.
        samples: SampleSet,
        /// Epoch, counted from 1.
        epoch: u32,
        /// Steps of the epoch that were trained before the one that diverged; all of them on the test samples.
        step: u32,
    },
    /// The settings have an option that the network's format leaves out.
    Option {
        /// What it is.
        option: &'static str,
        /// Name of the format.
        format: &'static str,
    },
    /// The settings have an option that steps or evolutions in parts leave out: another pruning rule than magnitude,
    /// percolation, Hebbian growth, Nesterov momentum, a clipped norm.
    NotInParts,
    /// Gradient growth needs samples.
    Samples,
    /// Hebbian growth needs more memory than a layer's tiles have.
    Scratch {
        /// The layer, counted from 0.
        layer: usize,
    },
    /// The network has layers in blocks, which do not support something.
    Blocked {
        /// What.
        what: &'static str,
    },
    /// A setting is outside its range.
    Setting(SettingError),
    /// The network could not be built.
    Build(BuildError),
}

impl TrainError {
    /// What a step of training has measured, unless its loss is infinite or NaN.
    pub(crate) fn check(metrics: Metrics, StepId { epoch, step, .. }: StepId) -> Result<Metrics, Self> {
        if metrics.is_finite() {
            Ok(metrics)
        } else {
            Err(Self::Diverged { samples: SampleSet::Training, epoch, step })
        }
    }
}

impl fmt::Display for TrainError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Inference => write!(f, "the network was built for inference: describe it with Description::training"),
            Self::Momentum => {
                write!(f, "momentum needs a velocity: describe the network with_velocity, or set the momentum to 0")
            }
            Self::Label { label, n_out } => {
                write!(f, "a sample has the label {label}, but the network has {n_out} outputs: labels count from 0")
            }
            Self::Reconstruction { n_in, n_out } => {
                write!(f, "an autoencoder gives its inputs: the network has {n_in} inputs, but {n_out} outputs")
            }
            Self::Feature { input } => {
                write!(f, "feature {input} of the sample, counted from 0, is infinite or NaN: leave such samples out")
            }
            Self::Value { output } => {
                write!(f, "the sample has no finite number for output {output}, counted from 0")
            }
            Self::Diverged { samples, epoch, step } => {
                let samples = match samples {
                    SampleSet::Training => "training",
                    SampleSet::Test => "test",
                };
                write!(
                    f,
                    "the {samples} loss is infinite or NaN in epoch {epoch} after {step} steps: lower the learning rate"
                )
            }
            Self::Option { option, format } => {
                write!(f, "the format {format} leaves {option} out: take Standard or Wide")
            }
            Self::NotInParts => write!(f, "the settings have an option that steps and evolutions in parts leave out"),
            Self::Samples => write!(f, "gradient growth needs samples to take gradients of: evolve on some"),
            Self::Scratch { layer } => write!(
                f,
                "hebbian growth works in the memory of a minibatch, which is too small for the connections of layer {}: \
                 take larger minibatches, or fewer connections",
                layer + 1
            ),
            Self::Blocked { what } => {
                write!(f, "layers in blocks do not support {what}: store the layers another way")
            }
            Self::Setting(error) => error.fmt(f),
            Self::Build(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for TrainError {}

impl From<BuildError> for TrainError {
    fn from(error: BuildError) -> Self {
        Self::Build(error)
    }
}

impl From<SettingError> for TrainError {
    fn from(error: SettingError) -> Self {
        Self::Setting(error)
    }
}

/// A setting outside its range.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct SettingError {
    /// Name of the setting.
    pub name: &'static str,
    /// Value given.
    pub value: f32,
    /// Values allowed.
    pub expected: &'static str,
}

impl SettingError {
    /// A share in `[0, 1)`.
    pub(crate) const fn share(name: &'static str, value: f32) -> Result<f32, Self> {
        // A NaN is neither.
        if value >= 0.0 && value < 1.0 {
            Ok(value)
        } else {
            Err(Self { name, value, expected: "at least 0 and below 1" })
        }
    }
}

impl fmt::Display for SettingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is {}, but must be {}", self.name, self.value, self.expected)
    }
}

impl core::error::Error for SettingError {}
