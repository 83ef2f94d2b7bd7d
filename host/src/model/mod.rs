//! Trained networks: a layer as a program reads it, `model.safetensors`, predictions, and images for a chip.

mod alike;
pub mod average;
pub(crate) mod blocks;
pub mod chip;
pub mod described;
mod folding;
mod header;
mod in_file;
pub mod join;
pub mod layers;
pub mod predict;
pub mod safetensors;
pub(crate) mod tensor_file;
pub(crate) mod tensors;

pub use in_file::InFile;
pub use rewire_engine::layer;
