//! What settings make of a run: its layers, training steps, schedules, evolutions and augmentation.

use rewire_core::activation::Activation;
use rewire_core::error::SettingError;
use rewire_core::network::{LayerSpec, erdos_renyi_connections};
use rewire_core::samples::PixelShift;
use rewire_core::schedule::Schedule;
use rewire_core::step::{Sgd, WeightDecay};
use rewire_core::topology::{
    Evolution, FanIn, GrownWeight, Growth, ImagePlane, Locality, Placement, Pruning, Thinning,
};
use rewire_core::train::{TrainSettings, evolves, last_evolution};

use crate::data::augment::Augmentation;
use crate::data::mixup::MixUp;
use crate::data::synthetic::Synthetic;
use crate::data::{DataSource, ImageShape};
use crate::settings::Config;
use crate::settings::choice::{
    ActivationKind, DecayKind, EdgeKind, FanInKind, FilterKind, GrownKind, GrowthKind, ModelKind, PruningKind,
    ScheduleKind, StorageKind, TaskKind, TopologyKind,
};
use crate::text::as_written;

impl Config {
    /// The activation that a dense model takes where another was not asked for: with All-ReLU, its loss overflows at the
    /// learning rates of the sparse ones.
    pub fn dense_activation(&self) -> ActivationKind {
        if self.activation == ActivationKind::AllRelu { ActivationKind::Relu } else { self.activation }
    }

    /// The training step's settings at a learning rate.
    ///
    /// # Errors
    ///
    /// A setting outside its range.
    pub fn sgd(&self, learning_rate: f32) -> Result<Sgd, SettingError> {
        let decay = match self.decay {
            DecayKind::Decoupled => WeightDecay::Decoupled,
            DecayKind::Coupled => WeightDecay::Coupled,
            DecayKind::Periodic => WeightDecay::Periodic,
        };
        Sgd::new(learning_rate)?
            .with_momentum(self.momentum)?
            .with_weight_decay(self.weight_decay, decay)?
            .with_dropout(self.dropout)?
            .with_label_smoothing(self.label_smoothing)?
            .with_nesterov(self.nesterov)
            .with_clip_norm(if self.clip_norm > 0.0 { self.clip_norm } else { f32::INFINITY })
    }

    fn schedule_of(&self, kind: ScheduleKind) -> Schedule {
        match kind {
            ScheduleKind::Constant => Schedule::Constant,
            ScheduleKind::Linear => Schedule::Linear,
            ScheduleKind::Cosine => Schedule::Cosine,
            ScheduleKind::Step => Schedule::Step { every: self.step_every, factor: self.step_factor },
        }
    }

    /// The schedule of the learning rate, which alone has restarts.
    fn rate_schedule(&self) -> Schedule {
        match self.schedule {
            ScheduleKind::Cosine if self.restart_every > 0 => Schedule::Restarts { every: self.restart_every },
            kind => self.schedule_of(kind),
        }
    }

    /// The learning rate of an epoch.
    pub fn learning_rate_of(&self, epoch: u32) -> f32 {
        self.rate_schedule().at(self.learning_rate, epoch, self.epochs, self.warmup)
    }

    /// The fraction of the connections that the evolution after an epoch replaces.
    pub fn zeta_of(&self, epoch: u32) -> f32 {
        self.schedule_of(self.zeta_schedule).at(self.zeta, epoch, self.epochs, 0)
    }

    /// How connections are removed for good, if they are.
    ///
    /// # Errors
    ///
    /// A setting outside its range.
    pub fn thinning(&self) -> Result<Option<Thinning>, SettingError> {
        let mut thinning = Thinning::default();
        if self.importance_percentile > 0.0 {
            let Self { importance_percentile, importance_every, importance_from, .. } = *self;
            thinning = thinning.with_importance(importance_percentile, importance_every, importance_from)?;
        }
        if self.connections_schedule != ScheduleKind::Constant {
            thinning = thinning.with_density(self.schedule_of(self.connections_schedule), self.connections_end)?;
        }
        Ok((self.model == ModelKind::Set && thinning != Thinning::default()).then_some(thinning))
    }

    /// The fraction of a layer's initial connections that the density schedule leaves it in an epoch.
    pub fn connections_left(&self, epoch: u32) -> f32 {
        let thinning = self.thinning().ok().flatten();
        thinning.map_or(1.0, |thinning| thinning.left(epoch, self.last_evolution()))
    }

    /// The last epoch that an evolution follows, if one does.
    pub fn last_evolution(&self) -> u32 {
        last_evolution(self.epochs, self.last_evolving_epoch())
    }

    /// Whether connections are replaced in and after this epoch.
    pub fn evolves(&self, epoch: u32) -> bool {
        self.model == ModelKind::Set && evolves(epoch, self.epochs, self.last_evolving_epoch())
    }

    /// The last epoch that `--evolve-until` allows an evolution in.
    fn last_evolving_epoch(&self) -> u32 {
        // What is a whole number on paper may be a little less here.
        (as_written(self.evolve_until) * f64::from(self.epochs) + 1e-6) as u32
    }

    /// How many of the last epochs have a learning rate below a twentieth of the first, and what part of a weight decoupled
    /// weight decay takes away in them. An epoch has so many steps.
    pub fn decay_at_the_end(&self, steps: u64) -> (u32, f64) {
        let is_low = |&epoch: &u32| self.learning_rate_of(epoch) < 0.05 * self.learning_rate;
        let epochs = (1..=self.epochs).rev().take_while(is_low).count() as u32;
        let kept = match self.decay {
            DecayKind::Decoupled => (1.0 - as_written(self.weight_decay)).powf((steps * u64::from(epochs)) as f64),
            DecayKind::Coupled | DecayKind::Periodic => 1.0,
        };
        (epochs, 1.0 - kept)
    }

    /// How the network is trained on images of this shape.
    ///
    /// # Errors
    ///
    /// A setting outside its range.
    pub fn training(&self, shape: ImageShape) -> Result<TrainSettings, SettingError> {
        Ok(TrainSettings {
            seed: self.seed,
            schedule: self.rate_schedule(),
            warmup: self.warmup,
            evolution: if self.model == ModelKind::Set { Some(self.evolution(shape)?) } else { None },
            zeta_schedule: self.schedule_of(self.zeta_schedule),
            evolve_every: u32::try_from(self.evolve_every / self.batch_size.max(1)).unwrap_or(u32::MAX),
            evolve_until: self.last_evolving_epoch(),
            ..TrainSettings::new(self.epochs, self.sgd(self.learning_rate)?)
        })
    }

    /// Evolution's settings at the start of a run, for images of this shape.
    ///
    /// # Errors
    ///
    /// A zeta, sigma or temperature outside its range.
    pub fn evolution(&self, shape: ImageShape) -> Result<Evolution, SettingError> {
        let grown = match self.grown {
            GrownKind::Zero => GrownWeight::Zero,
            GrownKind::Uniform => GrownWeight::Uniform,
        };
        let growth = match self.growth {
            GrowthKind::Random => Growth::Random,
            GrowthKind::Gradient => Growth::Gradient,
            GrowthKind::Hebbian => Growth::Hebbian,
            GrowthKind::Near => Growth::Near { image: plane(shape), reach: self.reach },
            GrowthKind::Local => Growth::Local(Locality::new(plane(shape), &self.sigma)?),
        };
        let pruning = match self.pruning {
            PruningKind::Magnitude => Pruning::Magnitude,
            PruningKind::Relative => Pruning::Relative,
            PruningKind::Soft => Pruning::Soft { temperature: self.pruning_temperature },
        };
        let evolution = Evolution::new(self.zeta, grown, self.fan_in())?.with_growth(growth);
        Ok(evolution.with_pruning(pruning)?.with_percolation(self.percolation))
    }

    /// The initial topology, for images of this shape.
    ///
    /// # Errors
    ///
    /// A sigma outside its range.
    pub fn placement(&self, shape: ImageShape) -> Result<Placement, SettingError> {
        Ok(match self.topology {
            TopologyKind::Random => Placement::Random,
            TopologyKind::Local => Placement::Local(Locality::new(plane(shape), &self.sigma)?),
        })
    }

    /// Data augmentation, if there is any.
    pub fn augmentation(&self, shape: ImageShape) -> Option<Augmentation> {
        let Self { rotation, shift, flip, jitter, erase, seed, .. } = *self;
        let reflect = self.edge == EdgeKind::Reflect;
        self.augment.then_some(Augmentation { rotation, shift, reflect, flip, jitter, erase, shape, seed })
    }

    /// What images go through first. A network that reconstructs pixels takes them as they are.
    pub fn filter(&self) -> FilterKind {
        if self.task == TaskKind::Reconstruct { FilterKind::None } else { self.filter }
    }

    /// The training samples of the dataset `synthetic`.
    pub fn synthetic(&self) -> Synthetic {
        let Self { features, classes, informative, samples, data_seed: seed, .. } = *self;
        Synthetic { features, classes, informative, samples, seed, first: 0 }
    }

    /// Blends of training samples, if there are any.
    pub fn mixup(&self) -> Option<MixUp> {
        let blends = self.mixup > 0.0 && self.task == TaskKind::Classify;
        blends.then_some(MixUp { alpha: self.mixup, seed: self.seed })
    }

    /// Random translation by whole pixels.
    pub fn pixel_shift(&self, shape: ImageShape) -> PixelShift {
        PixelShift { image: plane(shape), reach: self.pixel_shift, seed: self.seed }
    }

    /// Fan-in for weight initialisation.
    pub fn fan_in(&self) -> FanIn {
        match self.fan_in {
            FanInKind::Connections => FanIn::Connections,
            FanInKind::Dense => FanIn::Dense,
        }
    }

    /// Inputs and outputs of the network for a dataset with so many features and classes or values.
    pub fn widths(&self, features: usize, outputs: usize) -> (usize, usize) {
        (features, if self.task == TaskKind::Reconstruct { features } else { outputs })
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
            match self.storage {
                StorageKind::InputMajor if i == 0 => layer.input_major(),
                StorageKind::Blocked => layer.blocked(),
                StorageKind::InputMajor | StorageKind::OutputMajor => layer,
            }
        };
        widths.windows(2).enumerate().map(layer).collect()
    }

    fn hidden_activation(&self, layer: usize) -> Activation {
        match self.activation {
            ActivationKind::Relu => Activation::Relu,
            ActivationKind::LeakyRelu => Activation::LeakyRelu { slope: self.slope },
            ActivationKind::AllRelu => Activation::all_relu(self.slope, layer),
            ActivationKind::Srelu => Activation::SRelu,
            ActivationKind::BatchNormResidual if self.is_residual(layer) => Activation::BatchNormResidual,
            ActivationKind::BatchNormRelu | ActivationKind::BatchNormResidual => Activation::BatchNormRelu,
        }
    }

    /// Whether a hidden layer adds the activations of the one two before: that is as wide, and the layer between adds none.
    pub(super) fn is_residual(&self, layer: usize) -> bool {
        let two_before = layer.checked_sub(2).and_then(|before| self.hidden.get(before));
        two_before.is_some_and(|width| self.hidden.get(layer) == Some(width)) && !self.is_residual(layer - 1)
    }

    /// Samples in a tile: what was asked for, or what cuts a minibatch of a usual size in two, so that two threads have
    /// work and little of the last tile is padding. It depends on the settings alone, because the bits depend on it.
    pub fn lanes(&self) -> usize {
        if self.lanes != 0 {
            return self.lanes;
        }
        if self.storage == StorageKind::Blocked {
            // A minibatch is one tile.
            return [1, 16, 32, 64].into_iter().find(|&lanes| lanes >= self.batch_size).unwrap_or(128);
        }
        match (self.model, self.batch_size) {
            // What such networks are built with, see `supports`.
            (_, 2..) if self.hidden.iter().any(|&width| width > 1 << 16) || self.has_wide_samples() => 64,
            (ModelKind::Dense, 65..) => 128,
            (ModelKind::Dense, 33..=64) | (_, 65..) => 64,
            (_, 33..=64) => 32,
            (_, 2..=32) => 16,
            (_, _) => 1,
        }
    }

    /// Whether samples are known to be wider than a column of two bytes; of one's own data that shows when they are read.
    fn has_wide_samples(&self) -> bool {
        self.dataset == DataSource::Synthetic && self.features > 1 << 16
    }

    /// Whether a run records which connections survive: not where there are blocks, which are for networks too large for it.
    pub fn records_topology(&self) -> bool {
        self.model == ModelKind::Set && self.storage != StorageKind::Blocked
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::DatasetName;

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

    #[test]
    fn decoupled_decay_outlasts_the_learning_rate() {
        let config = Config { weight_decay: 0.0002, ..Config::defaults(DatasetName::FashionMnist) };
        let sixty = Config { epochs: 60, ..config.clone() };
        let (epochs, lost) = sixty.decay_at_the_end(391);
        // 1 - 0.9998^(8 * 391)
        assert_eq!((epochs, (lost * 1000.0).round()), (8, 465.0));
        assert_eq!(Config { decay: DecayKind::Coupled, ..sixty }.decay_at_the_end(391), (8, 0.0));
        assert_eq!(Config { schedule: ScheduleKind::Constant, ..config }.decay_at_the_end(391), (0, 0.0));
    }
}
