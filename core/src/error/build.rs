//! Why a network was not built: its description, or the block of memory.

use core::fmt;

use super::text::Text;

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
    /// A layer has residual connections, but the layer two before is narrower, wider or not normalised, or the layer between
    /// has residual connections too.
    Residual {
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
    /// A layer cannot be stored in blocks, or its network has layers that are.
    Blocked {
        /// Layer, counted from 0.
        layer: usize,
        /// Why: the rest of a sentence about it.
        // In the error itself: a chip, which never makes one, has none of these texts.
        reason: &'static str,
    },
    /// A minibatch has no sample.
    ZeroBatch,
    /// The block of memory does not fit.
    Arena(ArenaError),
}

/// The beginning of a sentence about a layer.
const fn at(layer: usize) -> Text {
    Text::of("layer ").number(layer)
}

impl BuildError {
    /// The sentence, also in a constant.
    pub(crate) const fn text(&self) -> Text {
        match *self {
            Self::NoLayers => Text::of("a network needs at least one layer"),
            Self::TooManyLayers { found, limit } => {
                Text::of("").number(found).then(" layers, but this network type holds ").number(limit)
            }
            Self::ZeroWidth { layer } => at(layer).then(" has no inputs or no outputs"),
            Self::WidthMismatch { layer, n_in, previous_n_out } => at(layer)
                .then(" takes ")
                .number(n_in)
                .then(" inputs, but the layer before has ")
                .number(previous_n_out)
                .then(" outputs"),
            Self::Connections { layer, connections, cells } => {
                at(layer).then(" asks for ").number(connections).then(" connections, which must be 1 to ").number(cells)
            }
            Self::FormatTooNarrow { layer, needed, limit } => at(layer)
                .then(" needs the integer ")
                .number(needed)
                .then(", but the format stores up to ")
                .number(limit)
                .then(": choose a wider format, or store the layer the other way (.input_major() or not)"),
            Self::OutputLayer { layer } => Text::of("the last layer (")
                .number(layer)
                .then(") must have the identity activation and at most 65,536 outputs"),
            Self::Slope { layer } => Text::of("the slope of layer ").number(layer).then("'s activation must be finite"),
            Self::LearnedActivation { layer } => {
                at(layer).then(" has an activation with parameters, which only the formats Standard and Wide know")
            }
            Self::NothingToNormalise { layer } => at(layer).then(
                " is normalised over the samples of a tile: give it at least two lanes, and two samples a minibatch",
            ),
            Self::Residual { layer } => at(layer).then(
                " adds the activations of the layer two before: make that as wide and normalised too, and give the layer \
                 between no residual connections",
            ),
            Self::NeedsVelocity { batch_size, lanes } => Text::of("a minibatch of ")
                .number(batch_size)
                .then(" in tiles of ")
                .number(lanes)
                .then(" sums its gradient in the velocity: describe the network with velocity, or take a batch of at most ")
                .number(lanes),
            Self::Blocked { layer, reason } => at(layer).then(reason),
            Self::ZeroBatch => Text::of("a minibatch needs at least one sample"),
            Self::Arena(_) => Text::of("the block of memory does not fit"),
        }
    }
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Arena(error) => error.fmt(f),
            error => f.write_str(error.text().as_str()),
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
