//! What a network's inputs are made of.

use core::fmt;

use crate::sparse::index::Format;

/// What a network reads of a sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Inputs {
    /// Floats.
    Floats,
    /// Bytes, each divided by 255.
    Bytes,
}

impl Inputs {
    /// What a format reads.
    pub fn of<F: Format>() -> Self {
        if size_of::<F::Input>() == 1 { Self::Bytes } else { Self::Floats }
    }

    /// What it is not.
    pub(crate) fn other(self) -> Self {
        match self {
            Self::Floats => Self::Bytes,
            Self::Bytes => Self::Floats,
        }
    }
}

impl fmt::Display for Inputs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Floats => "32-bit floats",
            Self::Bytes => "bytes",
        })
    }
}
