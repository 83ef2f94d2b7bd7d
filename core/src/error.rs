//! One small error for each kind of failure.

use core::fmt;

/// Why a network could not be built from a description and a block of memory.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum BuildError {
    /// The description has no layer.
    NoLayers,
    /// The description has more layers than the network type has room for.
    TooManyLayers {
        /// Layers described.
        found: usize,
        /// Layers the type holds.
        limit: usize,
    },
    /// A layer has no inputs or no outputs.
    ZeroWidth {
        /// Layer, counted from 0.
        layer: usize,
    },
    /// A layer's inputs are not the outputs of the layer before.
    WidthMismatch {
        /// Layer, counted from 0.
        layer: usize,
        /// Its inputs.
        n_in: usize,
        /// The outputs of the layer before.
        previous_n_out: usize,
    },
    /// A layer has no connection, or more than it has cells.
    Connections {
        /// Layer, counted from 0.
        layer: usize,
        /// Connections asked for.
        connections: usize,
        /// Cells: `n_in * n_out`.
        cells: usize,
    },
    /// A layer is too wide, or has too many connections, for the format's integers.
    FormatTooNarrow {
        /// Layer, counted from 0.
        layer: usize,
        /// The value that must be stored.
        needed: usize,
        /// The largest value the format stores.
        limit: usize,
    },
    /// The last layer must not change its logits, or its outputs are more than labels can name.
    OutputLayer {
        /// Layer, counted from 0.
        layer: usize,
    },
    /// The slope of a layer's activation is infinite or not a number.
    Slope {
        /// Layer, counted from 0.
        layer: usize,
    },
    /// A layer's activation has parameters, for which the format has no code.
    LearnedActivation {
        /// Layer, counted from 0.
        layer: usize,
    },
    /// A layer normalises over the samples of a tile, which never holds more than one.
    NothingToNormalise {
        /// Layer, counted from 0.
        layer: usize,
    },
    /// A minibatch that spans several tiles accumulates its gradient in the velocity, so it must have one.
    NeedsVelocity {
        /// Samples in a minibatch.
        batch_size: usize,
        /// Samples in a tile.
        lanes: usize,
    },
    /// A minibatch has no sample.
    ZeroBatch,
    /// The block of memory does not fit.
    Arena(ArenaError),
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::NoLayers => write!(f, "a network needs at least one layer"),
            Self::TooManyLayers { found, limit } => {
                write!(f, "{found} layers, but this network type holds {limit}")
            }
            Self::ZeroWidth { layer } => write!(f, "layer {layer} has no inputs or no outputs"),
            Self::WidthMismatch { layer, n_in, previous_n_out } => {
                write!(f, "layer {layer} takes {n_in} inputs, but the layer before has {previous_n_out} outputs")
            }
            Self::Connections { layer, connections, cells } => {
                write!(f, "layer {layer} asks for {connections} connections, which must be 1 to {cells}")
            }
            Self::FormatTooNarrow { layer, needed, limit } => {
                write!(f, "layer {layer} needs the integer {needed}, but the format stores up to {limit}")
            }
            Self::OutputLayer { layer } => {
                write!(f, "the last layer ({layer}) must have the identity activation and at most 65,536 outputs")
            }
            Self::Slope { layer } => write!(f, "the slope of layer {layer}'s activation must be finite"),
            Self::LearnedActivation { layer } => {
                write!(
                    f,
                    "layer {layer} has an activation with parameters, which only the formats Standard and Wide know"
                )
            }
            Self::NothingToNormalise { layer } => {
                write!(
                    f,
                    "layer {layer} is normalised over the samples of a tile: give it at least two lanes, and two samples a minibatch"
                )
            }
            Self::NeedsVelocity { batch_size, lanes } => {
                write!(
                    f,
                    "a minibatch of {batch_size} in tiles of {lanes} accumulates in the velocity: build it with velocity, or with a batch of at most {lanes}"
                )
            }
            Self::ZeroBatch => write!(f, "a minibatch needs at least one sample"),
            Self::Arena(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for BuildError {}

impl From<ArenaError> for BuildError {
    fn from(error: ArenaError) -> Self {
        Self::Arena(error)
    }
}

/// Why a block of memory could not be cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum ArenaError {
    /// The block is too small.
    TooSmall {
        /// Bytes needed up to and including the buffer that did not fit.
        needed: usize,
        /// Bytes in the block.
        available: usize,
    },
    /// The block does not start at a multiple of the alignment its buffers need.
    Misaligned {
        /// Bytes of alignment needed.
        align: usize,
    },
}

impl fmt::Display for ArenaError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::TooSmall { needed, available } => {
                write!(f, "the memory block has {available} bytes, but {needed} are needed")
            }
            Self::Misaligned { align } => write!(f, "the memory block must start at a multiple of {align} bytes"),
        }
    }
}

impl core::error::Error for ArenaError {}

/// Which invariant of a CSR or COO matrix does not hold, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum StructureError {
    /// A slice has the wrong length.
    Length {
        /// Elements expected.
        expected: usize,
        /// Elements found.
        found: usize,
    },
    /// Row pointers do not start at 0, decrease, or do not end at the number of connections.
    RowPointer {
        /// The row whose pointer is wrong.
        row: usize,
    },
    /// A column is out of range, repeated, or smaller than the one before it.
    Column {
        /// Row of the connection.
        row: usize,
        /// Its column.
        col: usize,
    },
    /// A row is out of range.
    Row {
        /// The row.
        row: usize,
    },
    /// The same cell occurs twice.
    Duplicate {
        /// Row of the cell.
        row: usize,
        /// Column of the cell.
        col: usize,
    },
    /// There is no room for another connection.
    Full {
        /// Connections it holds.
        capacity: usize,
    },
}

impl fmt::Display for StructureError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Length { expected, found } => write!(f, "{expected} elements expected, {found} found"),
            Self::RowPointer { row } => write!(f, "the row pointer of row {row} is out of order"),
            Self::Column { row, col } => {
                write!(f, "column {col} of row {row} is out of range, repeated or out of order")
            }
            Self::Row { row } => write!(f, "row {row} is out of range"),
            Self::Duplicate { row, col } => write!(f, "the cell at row {row}, column {col} occurs twice"),
            Self::Full { capacity } => write!(f, "all {capacity} connections are in use"),
        }
    }
}

impl core::error::Error for StructureError {}

/// The first property in which two layers' specifications differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum SpecDifference {
    /// Input width.
    Inputs,
    /// Output width.
    Outputs,
    /// Number of connections.
    Connections,
    /// Storage: the same weights in another order.
    Storage,
    /// Activation, or its slope.
    Activation,
}

impl fmt::Display for SpecDifference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Inputs => "input width",
            Self::Outputs => "output width",
            Self::Connections => "number of connections",
            Self::Storage => "storage",
            Self::Activation => "activation",
        })
    }
}

/// Why a layer was not loaded into a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum LoadError {
    /// The network has no layer of this index.
    NoLayer {
        /// Layers of the network.
        layers: usize,
    },
    /// The specification of the network's layer is another.
    Differs(SpecDifference),
    /// An array has the wrong length, or the structure breaks an invariant.
    Structure(StructureError),
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoLayer { layers } => write!(f, "the network has only {layers} layers"),
            Self::Differs(what) => write!(f, "the network's layer has another {what}"),
            Self::Structure(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for LoadError {}

impl From<StructureError> for LoadError {
    fn from(error: StructureError) -> Self {
        Self::Structure(error)
    }
}

/// Why samples make no table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum TableError {
    /// There are no labels, or no features.
    Empty,
    /// The features are no multiple of the labels.
    Uneven {
        /// Features.
        features: usize,
        /// Labels: one a sample.
        labels: usize,
    },
}

impl fmt::Display for TableError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Empty => write!(f, "a table needs at least one label and one feature for each"),
            Self::Uneven { features, labels } => {
                write!(f, "{features} features are no multiple of {labels} labels: each sample has as many features")
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
    /// The loss is infinite or NaN.
    Diverged {
        /// The samples on which it was.
        samples: SampleSet,
        /// Epoch, counted from 1.
        epoch: u32,
        /// Steps of the epoch that were trained before the one that diverged; all of them on the test samples.
        step: u32,
    },
    /// A setting is outside its range.
    Setting(SettingError),
    /// The network could not be built.
    Build(BuildError),
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
