//! Settings of a run: defaults, then a file, then flags; validated once, recorded in full.

use std::fmt;
use std::path::Path;

use anyhow::{Context, Result};
use clap::ValueEnum;
use rewire_core::activation::Activation;
use rewire_core::network::{LayerSpec, erdos_renyi_connections};
use rewire_core::samples::PixelShift;
use rewire_core::schedule::Schedule;
use rewire_core::step::{Sgd, WeightDecay};
use rewire_core::topology::evolve::{Evolution, FanIn, GrownWeight};
use rewire_core::topology::locality::{Growth, ImagePlane, Locality, Placement};
use serde::{Deserialize, Serialize};

use crate::data::augment::Augmentation;
use crate::data::{DatasetName, ImageShape};
use crate::error::Usage;

macro_rules! choice {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $text:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
        #[serde(rename_all = "kebab-case")]
        pub enum $name {
            $($(#[$variant_doc])* #[value(name = $text)] #[serde(rename = $text)] $variant,)*
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(match self { $(Self::$variant => $text,)* })
            }
        }
    };
}

choice! {
    /// Which of the three models.
    ModelKind {
        /// Sparse, and its connections evolve after every epoch but the last.
        Set = "set",
        /// The same sparse start, never changed.
        Fixprob = "fixprob",
        /// Every connection.
        Dense = "dense",
    }
}
choice! {
    /// Activation of the hidden layers.
    ActivationKind {
        /// max(z, 0).
        Relu = "relu",
        /// A small slope below zero.
        LeakyRelu = "leaky-relu",
        /// A slope below zero whose sign alternates by layer.
        AllRelu = "all-relu",
        /// Three pieces whose joints and outer slopes each neuron learns.
        Srelu = "srelu",
        /// ReLU of the sum normalised over a tile's samples, scaled and shifted as each neuron learns.
        BatchNormRelu = "batch-norm-relu",
    }
}
choice! {
    /// How the learning rate changes over the epochs.
    ScheduleKind {
        /// It does not.
        Constant = "constant",
        /// Falls in equal steps.
        Linear = "linear",
        /// Falls along half a cosine wave.
        Cosine = "cosine",
        /// Multiplied by --step-factor after every --step-every epochs.
        Step = "step",
    }
}

choice! {
    /// Where weight decay enters.
    DecayKind {
        /// `w -= weight_decay * w` each step, whatever the learning rate: the SET reference.
        Decoupled = "decoupled",
        /// `gradient += weight_decay * w`: PyTorch and Keras.
        Coupled = "coupled",
        /// `w *= (1 - learning_rate * weight_decay)^64` after every 64th step of an epoch: what a chip can afford.
        Periodic = "periodic",
    }
}
choice! {
    /// Fan-in that scales first weights.
    FanInKind {
        /// Connections a neuron really has.
        Connections = "connections",
        /// The layer's input width: the SET reference.
        Dense = "dense",
    }
}
choice! {
    /// First weight of a grown connection.
    GrownKind {
        /// Zero.
        Zero = "zero",
        /// Uniform, scaled by the fan-in: the SET reference.
        Uniform = "uniform",
    }
}
choice! {
    /// Positions of the first connections.
    TopologyKind {
        /// Uniform over all cells: Erdős–Rényi.
        Random = "random",
        /// Near each other in the image plane.
        Local = "local",
    }
}
choice! {
    /// Positions of grown connections.
    GrowthKind {
        /// Uniform over the free cells: SET.
        Random = "random",
        /// Where the neuron has a connection, moved by a few pixels.
        Near = "near",
        /// As a local start draws them.
        Local = "local",
    }
}
choice! {
    /// Order in which the first layer's connections are stored.
    StorageKind {
        /// One row per neuron: what threads share.
        OutputMajor = "output-major",
        /// One row per input, so that an input of zero skips its row: a microcontroller's.
        InputMajor = "input-major",
    }
}
choice! {
    /// How pixels become inputs.
    Scaling {
        /// Divided by 255.
        Unit = "unit",
        /// Mean 0 and standard deviation 1 over all pixels of the training set.
        Global = "global",
        /// Mean 0 and standard deviation 1 per feature over the training set; a constant feature becomes 0.
        Feature = "feature",
    }
}

/// Every setting of a run. Unknown keys in a file are refused.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// What to learn.
    pub dataset: DatasetName,
    /// SET, FixProb or dense.
    pub model: ModelKind,
    /// Neurons of each hidden layer.
    pub hidden: Vec<usize>,
    /// Density: a layer has `epsilon * (n_in + n_out)` connections.
    pub epsilon: f64,
    /// Connections of each layer, the output layer included, in place of epsilon's; empty for those. As many as a layer
    /// has cells, or more, make it dense.
    pub connections: Vec<usize>,
    /// Share of connections replaced by each evolution.
    #[serde(serialize_with = "shortest")]
    pub zeta: f32,
    /// How zeta changes over the epochs.
    pub zeta_schedule: ScheduleKind,
    /// Training samples between evolutions within an epoch; 0 for none. One follows every epoch in any case.
    pub evolve_every: usize,
    /// Share of the epochs after which evolution ends; never after the last.
    #[serde(serialize_with = "shortest")]
    pub evolve_until: f32,
    /// Hidden activation.
    pub activation: ActivationKind,
    /// Its slope below zero, for leaky-relu and all-relu.
    #[serde(serialize_with = "shortest")]
    pub slope: f32,
    /// Share of hidden activations dropped in training.
    #[serde(serialize_with = "shortest")]
    pub dropout: f32,
    /// Learning rate of the first epoch after warm-up.
    #[serde(serialize_with = "shortest")]
    pub learning_rate: f32,
    /// How it changes.
    pub schedule: ScheduleKind,
    /// Epochs over which it rises first.
    pub warmup: u32,
    /// Epochs between the falls of a step schedule.
    pub step_every: u32,
    /// What a fall of a step schedule leaves.
    #[serde(serialize_with = "shortest")]
    pub step_factor: f32,
    /// Momentum.
    #[serde(serialize_with = "shortest")]
    pub momentum: f32,
    /// Weight decay.
    #[serde(serialize_with = "shortest")]
    pub weight_decay: f32,
    /// Where it enters.
    pub decay: DecayKind,
    /// Share of the target spread over all classes.
    #[serde(serialize_with = "shortest")]
    pub label_smoothing: f32,
    /// Samples in a minibatch.
    pub batch_size: usize,
    /// Passes over the training samples.
    pub epochs: u32,
    /// Order in which the first layer's connections are stored. Positions are drawn in this order.
    pub storage: StorageKind,
    /// How pixels become inputs.
    pub scaling: Scaling,
    /// First weights.
    pub fan_in: FanInKind,
    /// Weights of grown connections.
    pub grown: GrownKind,
    /// Positions of the first connections.
    pub topology: TopologyKind,
    /// Positions of grown connections.
    pub growth: GrowthKind,
    /// Standard deviation of local connections by layer, in pixels; the last holds for the layers after it.
    #[serde(serialize_with = "shortest_each")]
    pub sigma: Vec<f32>,
    /// Cells by which near growth moves an input at most.
    pub reach: u32,
    /// Whether training images are changed at random.
    pub augment: bool,
    /// Largest rotation either way, in degrees.
    #[serde(serialize_with = "shortest")]
    pub rotation: f32,
    /// Largest shift either way, as a share of height and width.
    #[serde(serialize_with = "shortest")]
    pub shift: f32,
    /// Whether half of the images are mirrored.
    pub flip: bool,
    /// Pixels by which training images are moved at most, without interpolation.
    pub pixel_shift: u16,
    /// Training samples, drawn by the seed; 0 for all.
    pub train_samples: usize,
    /// Test samples, drawn by the seed; 0 for all.
    pub test_samples: usize,
    /// Training samples held out and measured in place of the test set; 0 for none.
    pub validation_samples: usize,
    /// Seed of everything random.
    pub seed: u64,
    /// Samples in a tile: 1, 16, 32, 64 or 128; 0 chooses by batch size.
    pub lanes: usize,
}

impl Config {
    /// The recipe a dataset starts from: for CIFAR-10 the tutorial's, for the others one chosen on held-out training
    /// samples.
    pub fn defaults(dataset: DatasetName) -> Self {
        let base = Self {
            dataset,
            model: ModelKind::Set,
            hidden: vec![1000, 1000, 1000],
            epsilon: 20.0,
            connections: vec![],
            zeta: 0.3,
            zeta_schedule: ScheduleKind::Cosine,
            evolve_every: 0,
            evolve_until: 1.0,
            activation: ActivationKind::AllRelu,
            slope: 0.6,
            dropout: 0.2,
            learning_rate: 0.05,
            schedule: ScheduleKind::Cosine,
            warmup: 0,
            step_every: 100,
            step_factor: 0.5,
            momentum: 0.9,
            weight_decay: 0.0,
            decay: DecayKind::Decoupled,
            label_smoothing: 0.0,
            batch_size: 128,
            epochs: 20,
            storage: StorageKind::OutputMajor,
            scaling: Scaling::Global,
            fan_in: FanInKind::Connections,
            grown: GrownKind::Zero,
            topology: TopologyKind::Random,
            growth: GrowthKind::Random,
            sigma: vec![2.0, 4.0, 8.0],
            reach: 2,
            augment: false,
            rotation: 10.0,
            shift: 0.1,
            flip: false,
            pixel_shift: 0,
            train_samples: 0,
            test_samples: 0,
            validation_samples: 0,
            seed: 1,
            lanes: 0,
        };
        match dataset {
            DatasetName::MnistMini => {
                Self { batch_size: 32, learning_rate: 0.03, weight_decay: 0.0002, epochs: 40, ..base }
            }
            DatasetName::Mnist | DatasetName::FashionMnist => base,
            DatasetName::Cifar10 => Self {
                hidden: vec![4000, 1000, 4000],
                activation: ActivationKind::Relu,
                slope: 0.75,
                dropout: 0.3,
                learning_rate: 0.01,
                schedule: ScheduleKind::Constant,
                zeta_schedule: ScheduleKind::Constant,
                epochs: 100,
                scaling: Scaling::Feature,
                fan_in: FanInKind::Dense,
                grown: GrownKind::Uniform,
                flip: true,
                ..base
            },
        }
    }

    /// The activation that a dense model takes where another was not asked for: with All-ReLU, its loss overflows at the
    /// learning rates of the sparse ones.
    pub fn dense_activation(&self) -> ActivationKind {
        if self.activation == ActivationKind::AllRelu { ActivationKind::Relu } else { self.activation }
    }

    /// The dataset that a file of settings names, whose defaults lie under the file.
    ///
    /// # Errors
    ///
    /// When the file cannot be read, is not TOML or names a dataset that does not exist.
    pub fn dataset_in(file: &Path) -> Result<Option<DatasetName>> {
        let (text, table) = read(file)?;
        // A value that is no name at all is refused with the others, by `overlay`.
        let name = table.get("dataset").and_then(toml::Value::as_str).map(str::parse);
        name.transpose().with_context(|| place(file, &text, "dataset"))
    }

    /// Names and values of the settings in which another differs.
    pub fn differences(&self, other: &Self) -> Vec<String> {
        let tables = toml::Table::try_from(self).ok().zip(toml::Table::try_from(other).ok());
        let Some((mine, others)) = tables else { return Vec::new() };
        let differs = |(key, value): (&String, &toml::Value)| {
            let other = others.get(key)?;
            (other != value).then(|| format!("{key} is {value} there, not {other}"))
        };
        mine.iter().filter_map(differs).collect()
    }

    /// Reads a file of settings over `self`; keys it does not name stay as they are.
    ///
    /// # Errors
    ///
    /// When it cannot be read, is not TOML, or has an unknown key or a value of the wrong kind: with file and line.
    pub fn overlay(&self, file: &Path) -> Result<Self> {
        let (text, given) = read(file)?;
        let mut config = self.clone();
        for (key, value) in given {
            // What a run recorded about itself is no setting.
            if key == RECORD {
                continue;
            }
            let wrong = |what: String| Usage(format!("{}: {what}", place(file, &text, &key)));
            let mut table = toml::Table::try_from(&config).context("settings are a table")?;
            if !table.contains_key(&key) {
                let known: Vec<_> = table.keys().map(String::as_str).collect();
                return Err(wrong(format!("'{key}' is no setting; there are {}", known.join(", "))).into());
            }
            let shown = format!("{key} = {value}");
            table.insert(key.clone(), value);
            // One key at a time, so that the message can name the line.
            let read: Result<_, toml::de::Error> = table.try_into();
            config = read.map_err(|error| wrong(format!("{shown}: {}", error.message())))?;
        }
        Ok(config)
    }

    /// Adds to a complaint about a setting, which begins with its flag, where in `file` the setting comes from, if it does.
    #[must_use]
    pub fn blame(&self, error: Usage, file: &Path) -> Usage {
        let flag = error.0.strip_prefix("--").and_then(|text| text.split([' ', ':']).next());
        let (Some(flag), Ok((text, given))) = (flag, read(file)) else { return error };
        let key = flag.replace('-', "_");
        let value = |config: &Self| toml::Table::try_from(config).ok()?.remove(&key);
        // A flag would have put another value over the file's.
        let from_file = given.contains_key(&key) && self.overlay(file).is_ok_and(|other| value(&other) == value(self));
        if from_file { Usage(format!("{}: {}", place(file, &text, &key), error.0)) } else { error }
    }

    /// Checks every setting against its range and the others.
    ///
    /// # Errors
    ///
    /// The first that is wrong, by the name of its flag.
    pub fn validate(&self) -> Result<(), Usage> {
        let wrong = |text: String| Err(Usage(text));
        if self.hidden.is_empty() {
            return wrong("--hidden needs at least one layer, such as --hidden 1000,1000".into());
        }
        if let Some(layer) = self.hidden.iter().position(|&width| width == 0) {
            return wrong(format!("--hidden: layer {} has no neurons; every width must be at least 1", layer + 1));
        }
        if let Some(layer) = self.hidden.iter().position(|&width| width > 1 << 24) {
            return wrong(format!("--hidden: layer {} is wider than 16,777,216 neurons", layer + 1));
        }
        if self.hidden.len() >= rewire_core::network::MAX_LAYERS {
            let limit = rewire_core::network::MAX_LAYERS - 1;
            return wrong(format!("--hidden has {} layers; at most {limit} are supported", self.hidden.len()));
        }
        if !self.epsilon.is_finite() || self.epsilon <= 0.0 {
            return wrong(format!("--epsilon is {}, but must be finite and above 0, such as 20", self.epsilon));
        }
        let layers = self.hidden.len() + 1;
        if !self.connections.is_empty() && self.connections.len() != layers {
            let given = self.connections.len();
            return wrong(format!(
                "--connections has {given} numbers, but the network has {layers} layers, output included"
            ));
        }
        if let Some(layer) = self.connections.iter().position(|connections| !(1..=1 << 48).contains(connections)) {
            let (layer, connections) = (layer + 1, self.connections[layer]);
            return wrong(format!("--connections: layer {layer} has {connections}, but needs 1 to 2^48"));
        }
        if !self.slope.is_finite() || self.slope == 0.0 {
            return wrong(format!("--slope is {}, but must be finite and not 0", self.slope));
        }
        // TOML, in which the settings are recorded, has signed integers.
        let unsigned = [("--seed", self.seed), ("--evolve-every", self.evolve_every as u64)];
        if let Some((flag, value)) = unsigned.into_iter().find(|&(_, value)| i64::try_from(value).is_err()) {
            return wrong(format!("{flag} is {value}, but must be at most {}", i64::MAX));
        }
        if self.batch_size == 0 {
            return wrong("--batch-size is 0, but must be at least 1".into());
        }
        if self.epochs == 0 {
            return wrong("--epochs is 0, but must be at least 1".into());
        }
        if !LANES.contains(&self.lanes) && self.lanes != 0 {
            return wrong(format!("--lanes is {}, but must be 1, 16, 32, 64 or 128 (0 chooses)", self.lanes));
        }
        if self.activation == ActivationKind::BatchNormRelu && self.lanes().min(self.batch_size) < 2 {
            let flag = if self.batch_size == 1 { "--batch-size" } else { "--lanes" };
            return wrong(format!(
                "--activation batch-norm-relu normalises over the samples of a tile, of which {flag} 1 leaves one; give more"
            ));
        }
        if !(0.0..=180.0).contains(&self.rotation) {
            return wrong(format!("--rotation is {}, but must be 0 to 180 degrees", self.rotation));
        }
        if !(0.0..1.0).contains(&self.shift) {
            return wrong(format!("--shift is {}, but must be at least 0 and below 1", self.shift));
        }
        if self.augment && self.pixel_shift > 0 {
            return wrong("--pixel-shift moves images as --augment does; give one of them".into());
        }
        if !(0.0..=1.0).contains(&self.evolve_until) {
            return wrong(format!("--evolve-until is {}, but must be 0 to 1", self.evolve_until));
        }
        if !self.evolve_every.is_multiple_of(self.batch_size) {
            let Self { evolve_every, batch_size, .. } = self;
            return wrong(format!(
                "--evolve-every is {evolve_every}, but must be a multiple of --batch-size {batch_size}"
            ));
        }
        if self.step_every == 0 {
            return wrong("--step-every is 0, but must be at least 1 epoch".into());
        }
        if !(self.step_factor > 0.0 && self.step_factor <= 1.0) {
            return wrong(format!("--step-factor is {}, but must be above 0 and at most 1", self.step_factor));
        }
        if self.reach == 0 || self.reach > 1 << 15 {
            return wrong(format!("--reach is {}, but must be 1 to 32768 cells", self.reach));
        }
        let setting = |error: rewire_core::error::SettingError| {
            Usage(format!("--{} is {}, but must be {}", error.name.replace(' ', "-"), error.value, error.expected))
        };
        Schedule::check_warmup(self.warmup, self.epochs)
            .map_err(|_| Usage(format!("--warmup is {}, but must be below --epochs {}", self.warmup, self.epochs)))?;
        self.sgd(self.learning_rate).map_err(setting)?;
        let shape = ImageShape { channels: 1, height: 1, width: 1 };
        if self.sigma.is_empty() {
            return wrong("--sigma needs at least one number of pixels, such as 2,4,8".into());
        }
        // Also where nothing is local.
        Locality::new(plane(shape), &self.sigma).map_err(setting)?;
        self.evolution(1, shape).map_err(setting)?;
        Ok(())
    }

    /// The training step's settings at a learning rate.
    ///
    /// # Errors
    ///
    /// A setting outside its range.
    pub fn sgd(&self, learning_rate: f32) -> Result<Sgd, rewire_core::error::SettingError> {
        let decay = match self.decay {
            DecayKind::Decoupled => WeightDecay::Decoupled,
            DecayKind::Coupled => WeightDecay::Coupled,
            DecayKind::Periodic => WeightDecay::Periodic,
        };
        Sgd::new(learning_rate)?
            .with_momentum(self.momentum)?
            .with_weight_decay(self.weight_decay, decay)?
            .with_dropout(self.dropout)?
            .with_label_smoothing(self.label_smoothing)
    }

    fn schedule_of(&self, kind: ScheduleKind) -> Schedule {
        match kind {
            ScheduleKind::Constant => Schedule::Constant,
            ScheduleKind::Linear => Schedule::Linear,
            ScheduleKind::Cosine => Schedule::Cosine,
            ScheduleKind::Step => Schedule::Step { every: self.step_every, factor: self.step_factor },
        }
    }

    /// The learning rate of an epoch.
    pub fn learning_rate_of(&self, epoch: u32) -> f32 {
        self.schedule_of(self.schedule).at(self.learning_rate, epoch, self.epochs, self.warmup)
    }

    /// The share of connections that the evolution after an epoch replaces.
    pub fn zeta_of(&self, epoch: u32) -> f32 {
        self.schedule_of(self.zeta_schedule).at(self.zeta, epoch, self.epochs, 0)
    }

    /// Whether connections are replaced in and after this epoch.
    pub fn evolves(&self, epoch: u32) -> bool {
        // What is a whole number on paper may be a little less here.
        let until = (as_written(self.evolve_until) * f64::from(self.epochs) + 1e-6) as u32;
        self.model == ModelKind::Set && epoch < self.epochs && epoch <= until
    }

    /// Evolution's settings after an epoch, for images of this shape.
    ///
    /// # Errors
    ///
    /// A zeta or sigma outside its range.
    pub fn evolution(&self, epoch: u32, shape: ImageShape) -> Result<Evolution, rewire_core::error::SettingError> {
        let grown = match self.grown {
            GrownKind::Zero => GrownWeight::Zero,
            GrownKind::Uniform => GrownWeight::Uniform,
        };
        let growth = match self.growth {
            GrowthKind::Random => Growth::Random,
            GrowthKind::Near => Growth::Near { image: plane(shape), reach: self.reach },
            GrowthKind::Local => Growth::Local(Locality::new(plane(shape), &self.sigma)?),
        };
        Ok(Evolution::new(self.zeta_of(epoch), grown, self.fan_in())?.with_growth(growth))
    }

    /// Positions of the first connections, for images of this shape.
    ///
    /// # Errors
    ///
    /// A sigma outside its range.
    pub fn placement(&self, shape: ImageShape) -> Result<Placement, rewire_core::error::SettingError> {
        Ok(match self.topology {
            TopologyKind::Random => Placement::Random,
            TopologyKind::Local => Placement::Local(Locality::new(plane(shape), &self.sigma)?),
        })
    }

    /// How training images change, if they do.
    pub fn augmentation(&self, shape: ImageShape) -> Option<Augmentation> {
        let Self { rotation, shift, flip, seed, .. } = *self;
        self.augment.then_some(Augmentation { rotation, shift, flip, shape, seed })
    }

    /// By how many whole pixels training images move.
    pub fn pixel_shift(&self, shape: ImageShape) -> PixelShift {
        PixelShift { image: plane(shape), reach: self.pixel_shift, seed: self.seed }
    }

    /// The fan-in of first weights.
    pub fn fan_in(&self) -> FanIn {
        match self.fan_in {
            FanInKind::Connections => FanIn::Connections,
            FanInKind::Dense => FanIn::Dense,
        }
    }

    /// The network's layers.
    pub fn layers(&self, features: usize, classes: usize) -> Vec<LayerSpec> {
        let widths: Vec<usize> =
            std::iter::once(features).chain(self.hidden.iter().copied()).chain([classes]).collect();
        let last = self.hidden.len();
        let layer = |(i, pair): (usize, &[usize])| {
            let activation = if i == last { Activation::Identity } else { self.hidden_activation(i) };
            let connections = match (self.model, self.connections.get(i)) {
                (ModelKind::Dense, _) => usize::MAX,
                (ModelKind::Set | ModelKind::Fixprob, Some(&connections)) => connections,
                // At least one, however small epsilon is.
                (ModelKind::Set | ModelKind::Fixprob, None) => {
                    erdos_renyi_connections(pair[0], pair[1], self.epsilon).max(1)
                }
            };
            let layer = LayerSpec::sparse(pair[0], pair[1], connections, activation);
            if i == 0 && self.storage == StorageKind::InputMajor { layer.input_major() } else { layer }
        };
        widths.windows(2).enumerate().map(layer).collect()
    }

    fn hidden_activation(&self, layer: usize) -> Activation {
        match self.activation {
            ActivationKind::Relu => Activation::Relu,
            ActivationKind::LeakyRelu => Activation::LeakyRelu { slope: self.slope },
            ActivationKind::AllRelu => Activation::all_relu(self.slope, layer),
            ActivationKind::Srelu => Activation::SRelu,
            ActivationKind::BatchNormRelu => Activation::BatchNormRelu,
        }
    }

    /// Samples in a tile: what was asked for, or what cuts a minibatch of a usual size in two, so that two threads have
    /// work and little of the last tile is padding. It depends on the settings alone, because the bits depend on it.
    pub fn lanes(&self) -> usize {
        if self.lanes != 0 {
            return self.lanes;
        }
        match (self.model, self.batch_size) {
            // What such networks are built with, see `supports`.
            (_, 2..) if self.hidden.iter().any(|&width| width > 1 << 16) => 64,
            (ModelKind::Dense, 65..) => 128,
            (ModelKind::Dense, 33..=64) | (_, 65..) => 64,
            (_, 33..=64) => 32,
            (_, 2..=32) => 16,
            (_, _) => 1,
        }
    }

    /// Whether minibatches need a velocity for every parameter.
    pub fn needs_velocity(&self) -> bool {
        self.momentum != 0.0 || self.batch_size > self.lanes()
    }
}

/// The plane that neurons lie in.
fn plane(shape: ImageShape) -> ImagePlane {
    ImagePlane { channels: shape.channels as u32, height: shape.height as u32, width: shape.width as u32 }
}

/// [`shortest`], for each of several.
fn shortest_each<S: serde::Serializer>(values: &[f32], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(values.iter().copied().map(as_written))
}

/// Writes 0.1 as 0.1, not as the double nearest to the float.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn shortest<S: serde::Serializer>(value: &f32, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(as_written(*value))
}

/// The double that a float's shortest digits stand for.
fn as_written(value: f32) -> f64 {
    value.to_string().parse().unwrap_or(f64::from(value))
}

/// A file's text, and the same as a table.
fn read(file: &Path) -> Result<(String, toml::Table), Usage> {
    let text = std::fs::read_to_string(file)
        .map_err(|error| Usage(format!("cannot read the settings in {}: {error}", file.display())))?;
    let table = text.parse().map_err(|error: toml::de::Error| {
        let line = error.span().map_or(0, |span| line_at(&text, span.start));
        Usage(format!("{}, line {line}: {}; expected TOML", file.display(), error.message().replace('\n', "; ")))
    })?;
    Ok((text, table))
}

/// The file, and the line that sets `key`.
fn place(file: &Path, text: &str, key: &str) -> String {
    let table = toml::de::DeTable::parse(text).ok();
    let start =
        table.and_then(|table| table.get_ref().keys().find(|name| name.get_ref() == key).map(|name| name.span().start));
    format!("{}, line {}", file.display(), line_at(text, start.unwrap_or(0)))
}

/// The line of a byte, counted from 1.
fn line_at(text: &str, byte: usize) -> usize {
    1 + text.bytes().take(byte).filter(|&byte| byte == b'\n').count()
}

/// Supported tile widths.
pub const LANES: [usize; 5] = [1, 16, 32, 64, 128];

/// The table of a recorded `config.toml` that is not settings.
pub const RECORD: &str = "record";

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn overlay(text: &str) -> Result<Config> {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        Config::defaults(DatasetName::Mnist).overlay(file.path())
    }

    #[test]
    fn a_file_changes_what_it_names_and_nothing_else() {
        let config = overlay("epsilon = 7\nhidden = [10, 20]\n").unwrap();
        let expected = Config { epsilon: 7.0, hidden: vec![10, 20], ..Config::defaults(DatasetName::Mnist) };
        assert_eq!(config, expected);
    }

    #[test]
    fn an_unknown_key_is_named_with_its_line() {
        let error = overlay("epsilon = 7\nepsilom = 3\n").unwrap_err().to_string();
        assert!(error.contains("line 2") && error.contains("'epsilom'"), "{error}");
    }

    #[test]
    fn a_value_of_the_wrong_kind_is_named() {
        assert!(overlay("model = \"sparse\"\n").unwrap_err().to_string().contains("sparse"));
        assert!(overlay("epochs = -3\n").is_err());
        assert!(overlay("epochs = [\n").is_err());
    }

    #[test]
    fn what_is_written_reads_back() {
        let config = Config { seed: 9, model: ModelKind::Dense, ..Config::defaults(DatasetName::Cifar10) };
        let text = toml::to_string(&config).unwrap();
        assert_eq!(overlay(&text).unwrap(), config);
    }

    #[test]
    fn settings_outside_their_range_are_refused_by_flag() {
        let refused = |change: fn(&mut Config), flag: &str| {
            let mut config = Config::defaults(DatasetName::Mnist);
            change(&mut config);
            let error = config.validate().unwrap_err().to_string();
            assert!(error.contains(flag), "{flag}: {error}");
        };
        refused(|c| c.epsilon = 0.0, "--epsilon");
        refused(|c| c.epsilon = f64::NAN, "--epsilon");
        refused(|c| c.zeta = 1.0, "--zeta");
        refused(|c| c.zeta = f32::NAN, "--zeta");
        refused(|c| c.dropout = 1.0, "--dropout");
        refused(|c| c.dropout = -0.1, "--dropout");
        refused(|c| c.learning_rate = f32::INFINITY, "--learning-rate");
        refused(|c| c.momentum = 1.0, "--momentum");
        refused(|c| c.weight_decay = f32::NAN, "--weight-decay");
        refused(|c| c.label_smoothing = 2.0, "--label-smoothing");
        refused(|c| c.hidden = vec![], "--hidden");
        refused(|c| c.hidden = vec![10, 0], "layer 2");
        refused(|c| c.batch_size = 0, "--batch-size");
        refused(|c| c.epochs = 0, "--epochs");
        refused(|c| c.lanes = 7, "--lanes");
        refused(|c| (c.activation, c.lanes) = (ActivationKind::BatchNormRelu, 1), "--lanes 1");
        refused(|c| (c.activation, c.batch_size) = (ActivationKind::BatchNormRelu, 1), "--batch-size 1");
        refused(|c| c.connections = vec![10, 10], "--connections");
        refused(|c| c.connections = vec![10, 0, 10, 10], "layer 2");
        refused(|c| c.step_every = 0, "--step-every");
        refused(|c| c.step_factor = f32::NAN, "--step-factor");
        refused(|c| c.warmup = 20, "--warmup");
        refused(|c| c.slope = 0.0, "--slope");
        refused(|c| c.evolve_every = 64, "--evolve-every");
        refused(|c| c.evolve_until = f32::NAN, "--evolve-until");
        refused(|c| (c.augment, c.pixel_shift) = (true, 1), "--pixel-shift");
    }

    #[test]
    fn layers_are_those_of_the_reference() {
        let layers = Config::defaults(DatasetName::Cifar10).layers(3072, 10);
        let connections: Vec<_> = layers.iter().map(|layer| layer.connections).collect();
        assert_eq!(connections, [141_440, 100_000, 100_000, 40_000]);
        assert!(layers[3].is_dense());
    }

    #[test]
    fn connections_are_those_that_were_asked_for() {
        let connections = vec![5_000, 7, 1 << 40, 40_000];
        let config = Config { connections, ..Config::defaults(DatasetName::Cifar10) };
        let found: Vec<_> = config.layers(3072, 10).iter().map(|layer| layer.connections).collect();
        assert_eq!(found, [5_000, 7, 4_000_000, 40_000]);
    }
}
