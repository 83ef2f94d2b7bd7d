//! The network on the board: its memory and its model.

use rewire_core::prelude::*;

use crate::training::LAYERS;

/// The board, and its RAM.
pub const BOARD: &str = "{{board}}";
const RAM: usize = {{ram}};

/// Widths of the integers that store the structure.
pub type Integers = {{format}};
/// Features of a window.
pub const INPUTS: usize = {{inputs}};
/// Outputs of the network.
pub const OUTPUTS: usize = {{outputs}};

/// Trained one window at a time.
pub const NETWORK: Description = Description::training(&LAYERS, 1);
/// The network in RAM.
pub type Network<'a> = Mlp<'a, Integers, 1, {{count}}>;

/// Bytes for stack and log.
const BESIDES: usize = {{besides}};
const _: () = assert!(
    NETWORK.bytes::<Integers, 1>() + INPUTS * size_of::<crate::feature::Feature>() + crate::windows::BYTES + BESIDES <= RAM,
    "the network does not fit the board's RAM beside stack and log: train a smaller one or choose another board"
);

/// The trained model, with the scaling of its features and the names of its outputs.
pub static IMAGE: &[u8] = rewire_core::image_bytes!("../model.image");

/// Windows learned between two evolutions: {{every_reason}}.
pub const EVOLVE_EVERY: u32 = {{every}};
