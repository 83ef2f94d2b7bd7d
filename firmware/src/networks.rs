//! The three networks: each uses as many connections as its memory budget allows. And the recipes they are trained with.
//!
//! The budget covers model and training state. Stack, log and files use the rest of the chip's memory.

use rewire_core::error::SettingError;
use rewire_core::prelude::*;
use rewire_core::storage::image::{About, Image};

/// Layers of a network: a sparse one stored input-major, then a dense one.
pub type Layers = [LayerSpec; 2];

/// Number of inputs: the pixels of an image.
const INPUTS: usize = crate::samples::PIXELS;
const CLASSES: usize = 10;

/// The network with `hidden` neurons that fits `budget` bytes, with as many connections as possible.
pub const fn fit(budget: usize, hidden: usize) -> Layers {
    // A connection takes 5 bytes: weight and column index. Padding can take a few bytes more.
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

/// The dense network that fits `budget` bytes, with as many hidden neurons as possible.
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

/// Budget 12 KB, for a chip with 16 KB of RAM.
pub const LAYERS_16: Layers = fit(12 * 1024, 56);
/// Budget 52 KB, for a chip with 64 KB of RAM.
pub const LAYERS_64: Layers = fit(52 * 1024, 128);
/// Budget 110 KB, for a chip with 128 KB of RAM.
pub const LAYERS_128: Layers = fit(110 * 1024, 256);

/// The network this program was built for.
pub const LAYERS: &Layers = if cfg!(network = "16") {
    &LAYERS_16
} else if cfg!(network = "64") {
    &LAYERS_64
} else {
    &LAYERS_128
};
/// That network, described for training.
pub const NETWORK: Description<'static> = Description::training(LAYERS, 1);
/// The memory that training it takes.
pub const FOOTPRINT: Footprint = NETWORK.footprint::<Bytes, 1>();

/// The model image that the program was built with, which `rewire export --chip` wrote; it is read in place from flash.
pub const MODEL: Option<&[u8]> = {
    #[repr(align(4))]
    struct Aligned<T: ?Sized>(T);
    static IMAGE: &Aligned<[u8]> = &Aligned(*include_bytes!(concat!(env!("OUT_DIR"), "/model.image")));
    if cfg!(model) { Some(&IMAGE.0) } else { None }
};

/// What its use needs: what the model image says, or what the programs know of their samples.
pub fn about() -> About<'static> {
    let own = About { plane: Some(IMAGE), ..About::new(Target::Class) };
    MODEL.and_then(|image| Image::<Bytes>::new(image).ok()?.about()).unwrap_or(own)
}

/// A network on the chip: inputs and columns in bytes, one sample at a time.
pub type Network<'a> = Mlp<'a, Bytes, 1, 2>;

/// How a network is trained. `rewire train` with the same settings gives the same model, bit for bit.
#[derive(Clone, Copy, Debug)]
pub struct Recipe {
    /// Learning rate of the first epoch; it decays linearly towards 0.
    pub learning_rate: f32,
    /// Fraction of the connections that each evolution replaces.
    pub zeta: f32,
    /// Samples between evolutions; 0 for one after every epoch.
    pub evolve_every: u32,
    /// Standard deviation of the local initial topology, in pixels.
    pub sigma: f32,
    /// Neighbourhood radius of near growth, in pixels.
    pub reach: u32,
    /// Periodic weight decay: it lets evolution prune connections to pixels that are always zero.
    pub weight_decay: f32,
    /// Label smoothing: the fraction of the target that is spread over all classes.
    pub label_smoothing: f32,
    /// Data augmentation: the largest random translation, in pixels.
    pub pixel_shift: u16,
}

/// The recipe of [`LAYERS_16`]. All three recipes were chosen on held-out training samples.
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
/// The recipe of [`LAYERS_64`].
pub const RECIPE_64: Recipe =
    Recipe { evolve_every: 0, sigma: 2.5, label_smoothing: 0.05, pixel_shift: 1, ..RECIPE_16 };
/// The recipe of [`LAYERS_128`].
pub const RECIPE_128: Recipe = Recipe { sigma: 3.0, weight_decay: 0.0, ..RECIPE_64 };

/// The recipe of this program's network.
pub const RECIPE: Recipe = if cfg!(network = "16") {
    RECIPE_16
} else if cfg!(network = "64") {
    RECIPE_64
} else {
    RECIPE_128
};

/// Channels and size of the images.
pub const IMAGE: ImagePlane = ImagePlane { channels: 1, height: 28, width: 28 };

impl Recipe {
    /// The optimiser settings of the first epoch.
    ///
    /// # Errors
    ///
    /// A number outside its range.
    pub fn sgd(&self) -> Result<Sgd, SettingError> {
        Sgd::new(self.learning_rate)?
            .with_weight_decay(self.weight_decay, WeightDecay::Periodic)?
            .with_label_smoothing(self.label_smoothing)
    }

    /// The settings of a run of `epochs` epochs. Evolution takes place in the first four fifths of it.
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

    /// How evolution replaces connections.
    ///
    /// # Errors
    ///
    /// A number outside its range.
    pub fn evolution(&self) -> Result<Evolution, SettingError> {
        let near = Growth::Near { image: IMAGE, reach: self.reach };
        Ok(Evolution::new(self.zeta, GrownWeight::Zero, FanIn::Connections)?.with_growth(near))
    }

    /// The initial topology.
    ///
    /// # Errors
    ///
    /// A sigma outside its range.
    pub fn placement(&self) -> Result<Placement, SettingError> {
        Ok(Placement::Local(Locality::new(IMAGE, &[self.sigma])?))
    }

    /// The random translation of training images.
    pub fn shift(&self) -> PixelShift {
        PixelShift { image: IMAGE, reach: self.pixel_shift, seed: SEED }
    }
}

/// The seed: every random number of a run is a function of it.
pub const SEED: u64 = 1;
