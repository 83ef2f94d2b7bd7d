//! The three networks, each as large as its budget lets it be, and the recipe they are trained with.
//!
//! A budget is for model and training state; what else a program needs (stack, log, files) takes the rest of the chip.

use rewire_core::prelude::*;

/// Layers of a network: sparse and input-major, then dense.
pub type Layers = [LayerSpec; 2];

/// Inputs: the pixels of an image.
const INPUTS: usize = crate::samples::PIXELS;
const CLASSES: usize = 10;

/// The network that fits `budget` bytes with `hidden` neurons: as many connections as there is room for.
pub const fn fit(budget: usize, hidden: usize) -> Layers {
    // A connection is a weight and a column; rounding costs a few bytes more.
    let mut connections = (budget - bytes(&sparse(hidden, 1))) / 5 + 1;
    while bytes(&sparse(hidden, connections)) > budget {
        connections -= 1;
    }
    sparse(hidden, connections)
}

const fn sparse(hidden: usize, connections: usize) -> Layers {
    [
        LayerSpec::sparse(INPUTS, hidden, connections, Activation::Relu).input_major(),
        LayerSpec::dense(hidden, CLASSES, Activation::Identity),
    ]
}

const fn bytes(layers: &Layers) -> usize {
    Description::training(layers, 1).footprint::<Bytes, 1>().bytes()
}

/// The dense network that fits `budget` bytes: as many hidden neurons as there is room for.
pub const fn fit_dense(budget: usize) -> Layers {
    let mut hidden = budget / (4 * INPUTS);
    loop {
        let layers = [
            LayerSpec::dense(INPUTS, hidden, Activation::Relu),
            LayerSpec::dense(hidden, CLASSES, Activation::Identity),
        ];
        if bytes(&layers) <= budget {
            return layers;
        }
        hidden -= 1;
    }
}

/// Budget 12 KB, for a chip with 16.
pub const LAYERS_16: Layers = fit(12 * 1024, 48);
/// Budget 52 KB, for a chip with 64.
pub const LAYERS_64: Layers = fit(52 * 1024, 128);
/// Budget 110 KB, for a chip with 128.
pub const LAYERS_128: Layers = fit(110 * 1024, 256);

/// The network this program was built for.
pub const LAYERS: &Layers = if cfg!(network = "16") {
    &LAYERS_16
} else if cfg!(network = "64") {
    &LAYERS_64
} else {
    &LAYERS_128
};
/// What it is built to do.
pub const NETWORK: Description<'static> = Description::training(LAYERS, 1);
/// Bytes that it takes.
pub const FOOTPRINT: Footprint = NETWORK.footprint::<Bytes, 1>();

/// A network on the chip: inputs and columns in bytes, one sample at a time.
pub type Network<'a> = Mlp<'a, Bytes, 1, 2>;

/// Learning rate of the first epoch; it falls linearly towards 0.
pub const LEARNING_RATE: f32 = 0.05;
/// Share of the connections that each evolution replaces.
pub const ZETA: f32 = 0.3;
/// Everything random follows from it.
pub const SEED: u64 = 1;

/// A hash of a model: FNV-1a over structure, weights and biases, layer by layer, little-endian.
pub fn hash<F: Format, const LANES: usize, const LAYERS: usize>(network: &Mlp<'_, F, LANES, LAYERS>) -> u64 {
    rewire_core::image::hash(network)
}
