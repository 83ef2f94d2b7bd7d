//! Trained networks: a layer as a program reads it, `model.safetensors`, predictions, and images for a chip.

pub mod average;
pub(crate) mod blocks;
pub mod chip;
mod folding;
mod header;
pub mod predict;
pub mod safetensors;
pub(crate) mod tensors;

pub use rewire_engine::layer;
