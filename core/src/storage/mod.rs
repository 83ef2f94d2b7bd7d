//! Stored models: images that firmware reads in place, and checkpoints in NOR flash.

pub(crate) mod crc;
#[cfg(feature = "checkpoint")]
pub mod flash;
pub(crate) mod hash;
pub mod image;
