//! The three networks, each as large as its budget lets it be, and the recipe they are trained with.
//!
//! A budget is for model and training state; what else a program needs (stack, log, files) takes the rest of the chip.

use rewire_core::error::SettingError;
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
pub const LAYERS_16: Layers = fit(12 * 1024, 56);
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

/// The model that the program was built with: an image that `rewire export --chip` wrote, read in place from flash.
pub const MODEL: Option<&[u8]> = {
    #[repr(align(4))]
    struct Aligned<T: ?Sized>(T);
    static IMAGE: &Aligned<[u8]> = &Aligned(*include_bytes!(concat!(env!("OUT_DIR"), "/model.image")));
    if cfg!(model) { Some(&IMAGE.0) } else { None }
};

/// A network on the chip: inputs and columns in bytes, one sample at a time.
pub type Network<'a> = Mlp<'a, Bytes, 1, 2>;

/// How a network is trained. The host's twin is `rewire train` with the same numbers.
#[derive(Clone, Copy, Debug)]
pub struct Recipe {
    /// Learning rate of the first epoch; it falls linearly towards 0.
    pub learning_rate: f32,
    /// Share of the connections that each evolution replaces.
    pub zeta: f32,
    /// Samples between evolutions; 0 for one after every epoch.
    pub evolve_every: u32,
    /// Standard deviation of a local start, in pixels.
    pub sigma: f32,
    /// Pixels by which near growth moves an input at most.
    pub reach: u32,
    /// Periodic decay of the weights: it frees connections to pixels that are always zero.
    pub weight_decay: f32,
    /// Share of the target that is spread over all classes.
    pub label_smoothing: f32,
    /// Pixels by which images move at most.
    pub pixel_shift: u16,
}

/// How [`LAYERS_16`] is trained. All three recipes were chosen on held-out training samples.
pub const RECIPE_16: Recipe = Recipe {
    learning_rate: 0.05,
    zeta: 0.25,
    evolve_every: 5000,
    sigma: 3.0,
    reach: 2,
    weight_decay: 1e-4,
    label_smoothing: 0.0,
    pixel_shift: 0,
};
/// How [`LAYERS_64`] is trained.
pub const RECIPE_64: Recipe =
    Recipe { evolve_every: 0, sigma: 2.5, label_smoothing: 0.05, pixel_shift: 1, ..RECIPE_16 };
/// How [`LAYERS_128`] is trained.
pub const RECIPE_128: Recipe = Recipe { sigma: 3.0, weight_decay: 0.0, ..RECIPE_64 };

/// The recipe of this program's network.
pub const RECIPE: Recipe = if cfg!(network = "16") {
    RECIPE_16
} else if cfg!(network = "64") {
    RECIPE_64
} else {
    RECIPE_128
};

/// What the pixels are.
pub const IMAGE: ImagePlane = ImagePlane { channels: 1, height: 28, width: 28 };

impl Recipe {
    /// Gradient descent in the first epoch.
    ///
    /// # Errors
    ///
    /// A number outside its range.
    pub fn sgd(&self) -> Result<Sgd, SettingError> {
        Sgd::new(self.learning_rate)?
            .with_weight_decay(self.weight_decay, WeightDecay::Periodic)?
            .with_label_smoothing(self.label_smoothing)
    }

    /// A run of so many epochs. Connections are replaced in the first four fifths of it.
    ///
    /// # Errors
    ///
    /// A number outside its range.
    pub fn training(&self, epochs: u32) -> Result<TrainSettings, SettingError> {
        Ok(TrainSettings {
            seed: SEED,
            schedule: Schedule::Linear,
            evolution: Some(self.evolution()?),
            evolve_every: self.evolve_every,
            evolve_until: epochs - epochs.div_ceil(5),
            ..TrainSettings::new(epochs, self.sgd()?)
        })
    }

    /// How connections are replaced.
    ///
    /// # Errors
    ///
    /// A number outside its range.
    pub fn evolution(&self) -> Result<Evolution, SettingError> {
        let near = Growth::Near { image: IMAGE, reach: self.reach };
        Ok(Evolution::new(self.zeta, GrownWeight::Zero, FanIn::Connections)?.with_growth(near))
    }

    /// Where the first connections are.
    ///
    /// # Errors
    ///
    /// A sigma outside its range.
    pub fn placement(&self) -> Result<Placement, SettingError> {
        Ok(Placement::Local(Locality::new(IMAGE, &[self.sigma])?))
    }

    /// How training images move.
    pub fn shift(&self) -> PixelShift {
        PixelShift { image: IMAGE, reach: self.pixel_shift, seed: SEED }
    }
}

/// Everything random follows from it.
pub const SEED: u64 = 1;
