//! Why a network was not built: its description, or the block of memory.

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
