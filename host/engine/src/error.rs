//! Why a network cannot be built or loaded, in sentences for people.

use rewire_core::error::BuildError;

/// Why a network cannot be built or loaded.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum NetworkError {
    /// The machine has no memory for it.
    #[error("out of memory: the network needs {needed} bytes{}", room(*available, fits.as_deref()))]
    OutOfMemory {
        /// Bytes of the network.
        needed: usize,
        /// Bytes that there are, where the system tells.
        available: Option<u64>,
        /// Flags of the largest network of its shape that fits, if one does.
        fits: Option<String>,
    },
    /// There is no code for a network so wide at this tile width.
    #[error(
        "--lanes is {lanes}, but a network with a layer wider than 65536 neurons has 1 or 64 lanes; set --lanes 64"
    )]
    Lanes {
        /// Samples in a tile.
        lanes: usize,
    },
    /// Its description is wrong.
    #[error("{0}")]
    Description(#[from] BuildError),
    /// Saved weights do not fit it.
    #[error("layer {layer}: {reason}")]
    Layer {
        /// Counted from 0.
        layer: usize,
        /// What does not fit.
        reason: String,
    },
}

/// What is said of the memory that there is.
fn room(available: Option<u64>, fits: Option<&str>) -> String {
    match (available, fits) {
        (Some(available), Some(flags)) => {
            format!(", and {available} are available; the largest of this shape that fits has {flags}")
        }
        (Some(available), None) => {
            format!(", and {available} are available; no network of this shape fits; make it smaller in other settings")
        }
        (None, _) => ", which this machine does not grant; make it smaller".into(),
    }
}
