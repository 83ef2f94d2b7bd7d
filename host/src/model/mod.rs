//! Saved models: `model.safetensors`, and images for a chip.

pub mod chip;
pub mod safetensors;
