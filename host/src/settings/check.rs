//! Whether settings are in their ranges and go with each other.

use rewire_core::network::MAX_LAYERS as MOST_SIGMAS;
use rewire_engine::layer::MAX_LAYERS;

use crate::data::DataSource;
use crate::data::mixup::LEAST;
use crate::settings::choice::{
    ActivationKind, FilterKind, GrowthKind, ModelKind, PruningKind, ScheduleKind, StorageKind, TopologyKind,
};
use crate::settings::invalid::Invalid;
use crate::settings::{Config, TABLE};

/// The longest side of a picture that is resized.
const LONGEST_SIDE: usize = 1 << 24;

impl Config {
    /// Checks every setting against its range and the others.
    ///
    /// # Errors
    ///
    /// The first that is wrong.
    pub fn validate(&self) -> Result<(), Invalid> {
        let outside = TABLE.iter().find_map(|setting| Some((setting, (setting.outside)(self, &setting.range)?)));
        if let Some((setting, outside)) = outside {
            return Err(Invalid::outside(setting, outside));
        }
        if self.hidden.is_empty() {
            return Err(Invalid::because("hidden", "needs at least one layer, such as --hidden 1000,1000"));
        }
        if self.hidden.len() >= MAX_LAYERS {
            let (layers, most) = (self.hidden.len(), MAX_LAYERS - 1);
            return Err(Invalid::because("hidden", format!("has {layers} layers; at most {most} are supported")));
        }
        let layers = self.hidden.len() + 1;
        if !self.connections.is_empty() && self.connections.len() != layers {
            let given = self.connections.len();
            let reason = format!("has {given} numbers, but the network has {layers} layers, output included");
            return Err(Invalid::because("connections", reason));
        }
        if self.dataset == DataSource::Synthetic {
            if self.informative > self.features {
                let must_be = format!("at most --features {}", self.features);
                return Err(Invalid::value("informative", self.informative, must_be));
            }
            let most = 1 << (self.informative - 1).min(16);
            if self.classes > most {
                let must_be = format!(
                    "at most {most}: --informative {} has no more corners for two clusters each",
                    self.informative
                );
                return Err(Invalid::value("classes", self.classes, must_be));
            }
        }
        if self.sigma.is_empty() {
            return Err(Invalid::because("sigma", "needs at least one number of pixels, such as --sigma 2,4,8"));
        }
        if self.sigma.len() > MOST_SIGMAS {
            let given = self.sigma.len();
            let reason =
                format!("has {given} numbers; give at most {MOST_SIGMAS}, the last holds for the layers after it");
            return Err(Invalid::because("sigma", reason));
        }
        self.check_blocks()?;
        let normalises = matches!(self.activation, ActivationKind::BatchNormRelu | ActivationKind::BatchNormResidual);
        if normalises && self.lanes().min(self.batch_size) < 2 {
            let setting = if self.batch_size == 1 { "batch_size" } else { "lanes" };
            let must_be = format!("larger: --activation {} normalises over the samples of a tile", self.activation);
            return Err(Invalid::value(setting, 1, must_be));
        }
        if self.activation == ActivationKind::BatchNormResidual
            && !(0..self.hidden.len()).any(|layer| self.is_residual(layer))
        {
            let reason =
                "has no layer as wide as the one two before, which --activation batch-norm-residual would add to it";
            return Err(Invalid::because("hidden", reason));
        }
        if self.filter() != FilterKind::None && self.augment && self.jitter > 0.0 {
            return Err(Invalid::because(
                "jitter",
                "changes brightness and contrast, which are gone after --filter contrast",
            ));
        }
        if self.mixup > 0.0 && self.mixup < LEAST {
            let must_be = format!("0 or from {LEAST} to 2: below, blends are no blends");
            return Err(Invalid::value("mixup", self.mixup, must_be));
        }
        if let Some(size) = self.resize.filter(|size| size.channels > 1 || size.height.max(size.width) > LONGEST_SIDE) {
            let must_be = format!("a height and a width of up to {LONGEST_SIDE} pixels, such as 64x64");
            return Err(Invalid::value("resize", size, must_be));
        }
        if self.augment && self.pixel_shift > 0 {
            let reason = "translates images, as --augment does; give one of them";
            return Err(Invalid::because("pixel_shift", reason));
        }
        if !self.evolve_every.is_multiple_of(self.batch_size) {
            let must_be = format!("a multiple of --batch-size {}", self.batch_size);
            return Err(Invalid::value("evolve_every", self.evolve_every, must_be));
        }
        if self.warmup >= self.epochs {
            return Err(Invalid::value("warmup", self.warmup, format!("below --epochs {}", self.epochs)));
        }
        Ok(())
    }

    /// Checks what goes with layers in blocks.
    fn check_blocks(&self) -> Result<(), Invalid> {
        if self.storage != StorageKind::Blocked {
            return Ok(());
        }
        let because =
            |setting, reason: &str| Err(Invalid::because(setting, format!("{reason} with --storage blocked")));
        if self.model == ModelKind::Dense {
            return because("model", "must be set or fixprob");
        }
        if self.momentum != 0.0 {
            return because("momentum", "must be 0, because no velocities are kept,");
        }
        if self.batch_size > self.lanes() {
            return because("batch_size", "must be at most --lanes, and 128 at most,");
        }
        let positive = self.activation == ActivationKind::LeakyRelu && self.slope > 0.0;
        if self.activation != ActivationKind::Relu && !positive {
            return because("activation", "must be relu, or leaky-relu with a positive --slope,");
        }
        if self.topology != TopologyKind::Random {
            return because("topology", "must be random");
        }
        if self.growth != GrowthKind::Random && self.model == ModelKind::Set {
            return because("growth", "must be random");
        }
        if self.pruning != PruningKind::Magnitude && self.model == ModelKind::Set {
            return because("pruning", "must be magnitude");
        }
        if self.percolation && self.model == ModelKind::Set {
            return because("percolation", "must be off");
        }
        if self.average_weights > 0.0 {
            return because("average_weights", "must be 0");
        }
        if self.importance_percentile > 0.0 && self.model == ModelKind::Set {
            return because("importance_percentile", "must be 0");
        }
        if self.connections_schedule != ScheduleKind::Constant && self.model == ModelKind::Set {
            return because("connections_schedule", "must be constant");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::DatasetName;
    use crate::settings::value::{Kind, Range};

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
        refused(|c| c.zeta = 1.0, "--zeta is 1, but must be a number, at least 0 and below 1");
        refused(|c| c.zeta = f32::NAN, "--zeta is NaN");
        refused(|c| c.dropout = 1.0, "--dropout");
        refused(|c| c.dropout = -0.1, "--dropout");
        refused(|c| c.learning_rate = f32::INFINITY, "--learning-rate is inf");
        refused(|c| c.momentum = 1.0, "--momentum");
        refused(|c| c.weight_decay = f32::NAN, "--weight-decay");
        refused(|c| c.label_smoothing = 2.0, "--label-smoothing");
        refused(|c| c.hidden = vec![], "--hidden");
        refused(|c| c.hidden = vec![10, 0], "layer 2");
        refused(|c| c.batch_size = 0, "--batch-size");
        refused(|c| c.epochs = 0, "--epochs");
        refused(|c| c.lanes = 7, "--lanes is 7");
        refused(|c| (c.activation, c.lanes) = (ActivationKind::BatchNormRelu, 1), "--lanes is 1");
        refused(|c| (c.activation, c.batch_size) = (ActivationKind::BatchNormRelu, 1), "--batch-size is 1");
        let residual = "--hidden has no layer as wide as the one two before";
        refused(|c| (c.activation, c.hidden) = (ActivationKind::BatchNormResidual, vec![30, 20, 40]), residual);
        refused(|c| c.connections = vec![10, 10], "--connections");
        refused(|c| c.connections = vec![10, 0, 10, 10], "layer 2");
        refused(|c| c.sigma = vec![], "--sigma");
        refused(|c| c.sigma = vec![2.0; 9], "--sigma has 9 numbers; give at most 8");
        refused(|c| c.sigma = vec![2.0, 0.0], "--sigma: layer 2 is 0");
        refused(|c| c.step_every = 0, "--step-every");
        refused(|c| c.step_factor = f32::NAN, "--step-factor");
        refused(|c| c.warmup = 20, "--warmup");
        refused(|c| c.slope = 0.0, "--slope");
        refused(|c| c.evolve_every = 64, "--evolve-every");
        refused(|c| c.evolve_until = f32::NAN, "--evolve-until");
        refused(|c| c.seed = 1 << 63, "--seed is 9223372036854775808, but must be a whole number, at most 9,223,");
        refused(|c| (c.dataset, c.informative) = (DataSource::Synthetic, 501), "--informative is 501");
        refused(|c| (c.dataset, c.classes) = (DataSource::Synthetic, 17), "--classes is 17, but must be at most 16");
        refused(|c| (c.augment, c.pixel_shift) = (true, 1), "--pixel-shift");
        refused(|c| c.mixup = 1e-10, "--mixup is 0.0000000001, but must be 0 or from 0.01 to 2");
        refused(|c| c.resize = Some(crate::data::ImageShape { channels: 3, height: 8, width: 8 }), "--resize is 3x8x8");
    }

    #[test]
    fn every_default_is_valid() {
        for dataset in DatasetName::ALL {
            Config::defaults(dataset).validate().unwrap();
        }
    }

    /// The core refuses what it cannot compute with; the table must refuse it before, by flag.
    #[test]
    fn the_core_accepts_what_the_table_accepts() {
        for setting in TABLE.iter().filter(|setting| setting.kind == Kind::Real) {
            for text in ["0", "0.5", "0.99999994", "1", "-0.1", "1e30", "nan", "inf"] {
                let mut given = crate::settings::Given::default();
                assert!((setting.read_text)(&mut given, text));
                let config = Config::defaults(DatasetName::Mnist).with(&given);
                if config.validate().is_ok() {
                    let shape = crate::data::ImageShape { channels: 1, height: 28, width: 28 };
                    assert!(config.sgd(config.learning_rate).is_ok(), "{} {text}", setting.name);
                    assert!(config.evolution(shape).is_ok(), "{} {text}", setting.name);
                }
            }
        }
    }

    #[test]
    fn ranges_fit_their_types() {
        for setting in TABLE {
            match (setting.kind, setting.range) {
                (Kind::Whole | Kind::WholeList, Range::Whole(..) | Range::OneOf(_))
                | (Kind::Real | Kind::RealList, Range::Real(..) | Range::NotZero)
                | (
                    Kind::Bool
                    | Kind::Choice(_)
                    | Kind::Source(_)
                    | Kind::Text
                    | Kind::TextList
                    | Kind::Path
                    | Kind::Shape,
                    Range::Any,
                ) => {}
                (kind, range) => panic!("{}: {kind:?} {range:?}", setting.name),
            }
        }
    }
}
