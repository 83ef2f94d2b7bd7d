//! A model outside of memory: images that firmware reads in place, and checkpoints in NOR flash.

#[cfg(feature = "checkpoint")]
pub mod flash;
pub mod image;
