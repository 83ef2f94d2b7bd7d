//! The three networks: each uses as many connections as its memory budget allows, and trains as settings files say.
//!
//! `ram_16.rs`, `ram_64.rs` and `ram_128.rs` are what `rewire` writes for the settings `host/experiments/chip-*.toml`: the
//! templates of `rewire export --firmware`, filled in. A test compares. `rewire train --config` with the same file gives
//! the same model, bit for bit.
//!
//! The budget covers model and training state. Stack, log and files use the rest of the chip's memory.

use rewire_core::prelude::*;
use rewire_core::storage::image::{About, Image};

use crate::samples::PIXELS;

#[rustfmt::skip]
pub mod ram_128;
#[rustfmt::skip]
pub mod ram_16;
#[rustfmt::skip]
pub mod ram_64;

#[cfg(network = "16")]
use ram_16 as own;
#[cfg(network = "64")]
use ram_64 as own;
#[cfg(network = "128")]
use ram_128 as own;

pub use own::{FAN_IN, SEED, SHIFT, placement, training};

/// Layers of a network: a sparse one stored input-major, then a dense one.
pub type Layers = [LayerSpec; 2];

/// Fails the build unless a network fits `budget` bytes, and none with one connection more does.
const fn assert_largest(budget: usize, layers: &Layers) {
    let [first, last] = layers;
    let one_more = LayerSpec { connections: first.connections + 1, ..*first };
    assert!(bytes(layers) <= budget, "the network takes more memory than its budget");
    assert!(bytes(&[one_more, *last]) > budget, "more connections would fit the network's budget");
}
const _: () = assert_largest(12 * 1024, &ram_16::LAYERS);
const _: () = assert_largest(52 * 1024, &ram_64::LAYERS);
const _: () = assert_largest(110 * 1024, &ram_128::LAYERS);

const fn bytes(layers: &Layers) -> usize {
    Description::training(layers, 1).footprint::<Bytes, 1>().bytes()
}

/// The dense network that fits `budget` bytes, with as many hidden neurons as possible.
pub const fn fit_dense(budget: usize) -> Layers {
    let mut hidden = budget / (4 * PIXELS);
    loop {
        let layers =
            [LayerSpec::dense(PIXELS, hidden, Activation::Relu), LayerSpec::dense(hidden, 10, Activation::Identity)];
        if bytes(&layers) <= budget {
            return layers;
        }
        hidden -= 1;
    }
}

/// The network this program was built for.
pub const LAYERS: &Layers = &own::LAYERS;
/// That network, described for training.
pub const NETWORK: Description<'static> = Description::training(LAYERS, 1);
/// The memory that training it takes.
pub const FOOTPRINT: Footprint = NETWORK.footprint::<Bytes, 1>();

/// The model image that the program was built with, which `rewire export --chip` wrote; it is read in place from flash.
pub const MODEL: Option<&[u8]> =
    if cfg!(model) { Some(rewire_core::image_bytes!(concat!(env!("OUT_DIR"), "/model.image"))) } else { None };

/// What its use needs: what the model image says, or what the programs know of their samples.
pub fn about() -> About<'static> {
    let own = About { plane: Some(own::IMAGE), ..About::new(Target::Class) };
    MODEL.and_then(|image| Image::<Bytes>::new(image).ok()?.about()).unwrap_or(own)
}

/// A network on the chip: inputs and columns in bytes, one sample at a time.
pub type Network<'a> = Mlp<'a, Bytes, 1, 2>;
