//! One small error for each kind of failure.
//!
//! | what was not done | file |
//! |---|---|
//! | a network built from its description in a block of memory | `build` |
//! | a matrix or a layer taken from arrays | `load` |
//! | a network trained | `train` |
//!
//! `text` puts a sentence together in a constant.

mod build;
mod load;
pub(crate) mod text;
mod train;

pub use build::{ArenaError, BuildError};
pub use load::{LoadError, SpecDifference, StructureError};
pub use train::{SampleSet, SettingError, TableError, TrainError};
