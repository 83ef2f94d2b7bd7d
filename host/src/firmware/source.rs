//! Rust source that says what a run found: layers, training settings, evolution.

use rewire_core::activation::Activation;
use rewire_core::network::{LayerSpec, Storage};

use crate::data::ImageShape;
use crate::error::Usage;
use crate::settings::{Config, DecayKind, FanInKind, GrownKind, GrowthKind, ModelKind, TaskKind};
use crate::text::as_written;

/// The constructor of a layer.
fn layer(spec: &LayerSpec) -> String {
    let activation = match spec.activation {
        Activation::LeakyRelu { slope } => format!("Activation::LeakyRelu {{ slope: {slope:?} }}"),
        other => format!("Activation::{other:?}"),
    };
    let LayerSpec { n_in, n_out, connections, storage, .. } = *spec;
    match storage {
        Storage::Dense => format!("LayerSpec::dense({n_in}, {n_out}, {activation})"),
        Storage::OutputMajor => format!("LayerSpec::sparse({n_in}, {n_out}, {connections}, {activation})"),
        Storage::InputMajor => format!("LayerSpec::sparse({n_in}, {n_out}, {connections}, {activation}).input_major()"),
        Storage::Blocked => format!("LayerSpec::sparse({n_in}, {n_out}, {connections}, {activation}).blocked()"),
    }
}

/// How the program goes on training, and why so.
#[derive(Clone, Debug)]
pub struct Training {
    /// An expression for the optimizer's settings.
    pub sgd: String,
    /// Where its learning rate comes from.
    pub rate_reason: String,
    /// Windows between two evolutions.
    pub every: u32,
    /// Where that comes from.
    pub every_reason: &'static str,
    /// An expression for the evolution.
    pub evolution: String,
}

impl Training {
    /// What the places of `training.rs` are filled with.
    pub(super) fn values(&self, layers: &[LayerSpec], seed: u64) -> Vec<(&'static str, String)> {
        let lines: Vec<String> = layers.iter().map(|spec| format!("    {},", layer(spec))).collect();
        vec![
            ("count", layers.len().to_string()),
            ("layers", lines.join("\n")),
            ("seed", seed.to_string()),
            ("rate_reason", self.rate_reason.clone()),
            ("sgd", self.sgd.clone()),
            ("evolution", self.evolution.clone()),
        ]
    }

    /// What a run of `samples` training samples comes to for single ones.
    ///
    /// # Errors
    ///
    /// Decoupled weight decay that a step of the rate of single samples cannot have.
    pub fn of(config: &Config, samples: usize, plane: ImageShape) -> Result<Self, Usage> {
        let Config { learning_rate, momentum, batch_size, weight_decay, dropout, label_smoothing, .. } = *config;
        // In a steady state each sample of a minibatch moves a weight by this much of its gradient.
        let exact = as_written(learning_rate) / ((1.0 - as_written(momentum)) * batch_size as f64);
        let rate = exact as f32;
        let rate_reason = format!(
            "The run's learning rate is {learning_rate} for minibatches of {batch_size} with momentum {momentum}. A \
             single window\n/// moves a weight as much with the rate {learning_rate} / ((1 - {momentum}) * {batch_size})."
        );
        // Weights shrink as they did; periodic decay does it without touching each of them at every step.
        let decay = match config.decay {
            DecayKind::Coupled | DecayKind::Periodic => weight_decay,
            DecayKind::Decoupled if rate > 0.0 => weight_decay / (batch_size as f32 * rate),
            DecayKind::Decoupled => 0.0,
        };
        if decay >= 1.0 {
            return Err(Usage(format!(
                "the run's decoupled weight decay of {weight_decay} becomes a coupled one of {decay} on the chip, which must be \
                 below 1: train with a smaller --weight-decay, a larger --learning-rate, or --decay coupled"
            )));
        }
        let smoothing = if config.task == TaskKind::Classify { label_smoothing } else { 0.0 };
        let steps = [
            (true, format!("Sgd::new({rate:?})")),
            (decay > 0.0, format!("with_weight_decay({decay:?}, WeightDecay::Periodic)")),
            (dropout > 0.0, format!("with_dropout({dropout:?})")),
            (smoothing > 0.0, format!("with_label_smoothing({smoothing:?})")),
        ];
        let steps: Vec<String> = steps.into_iter().filter_map(|(taken, step)| taken.then_some(step)).collect();
        let sgd = steps.join("?.");
        if config.model != ModelKind::Set {
            let (every, evolution) = (0, "Ok(None)".to_owned());
            return Ok(Self { sgd, rate_reason, every, every_reason: "none, as in the run", evolution });
        }
        let (every, every_reason) = match config.evolve_every {
            0 => (samples, "an epoch of the run, which evolved after each"),
            every => (every, "as in the run"),
        };
        let every = u32::try_from(every).unwrap_or(u32::MAX).max(1);
        Ok(Self { sgd, rate_reason, every, every_reason, evolution: evolution(config, plane) })
    }
}

/// An expression for where inputs lie.
pub(super) fn plane(shape: ImageShape) -> String {
    let ImageShape { channels, height, width } = shape;
    format!("ImagePlane {{ channels: {channels}, height: {height}, width: {width} }}")
}

/// The variant of `FanIn`.
pub(super) fn fan_in(config: &Config) -> &'static str {
    match config.fan_in {
        FanInKind::Connections => "Connections",
        FanInKind::Dense => "Dense",
    }
}

/// An expression for the run's evolution.
fn evolution(config: &Config, shape: ImageShape) -> String {
    let grown = match config.grown {
        GrownKind::Zero => "Zero",
        GrownKind::Uniform => "Uniform",
    };
    let fan_in = fan_in(config);
    let image = plane(shape);
    let growth = match config.growth {
        // Chips have no growth by gradient or by structure.
        GrowthKind::Random | GrowthKind::Gradient | GrowthKind::Hebbian => String::new(),
        GrowthKind::Near => format!(".with_growth(Growth::Near {{ image: {image}, reach: {} }})", config.reach),
        GrowthKind::Local => format!(".with_growth(Growth::Local(Locality::new({image}, &{:?})?))", config.sigma),
    };
    let zeta = config.zeta;
    format!("Ok(Some(Evolution::new({zeta:?}, GrownWeight::{grown}, FanIn::{fan_in})?{growth}))")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::DatasetName;

    #[test]
    fn a_layer_is_written_as_it_is_built() {
        let sparse = LayerSpec::sparse(9, 7, 21, Activation::Relu);
        assert_eq!(layer(&sparse), "LayerSpec::sparse(9, 7, 21, Activation::Relu)");
        assert_eq!(layer(&sparse.input_major()), "LayerSpec::sparse(9, 7, 21, Activation::Relu).input_major()");
        let dense = LayerSpec::dense(7, 3, Activation::LeakyRelu { slope: -0.5 });
        assert_eq!(layer(&dense), "LayerSpec::dense(7, 3, Activation::LeakyRelu { slope: -0.5 })");
    }

    #[test]
    fn a_single_window_learns_as_fast_as_one_of_a_minibatch() {
        let plane = ImageShape { channels: 1, height: 1, width: 9 };
        let config = Config {
            learning_rate: 0.5,
            momentum: 0.75,
            batch_size: 16,
            weight_decay: 0.25,
            decay: DecayKind::Decoupled,
            dropout: 0.0,
            label_smoothing: 0.0,
            evolve_every: 0,
            ..Config::defaults(DatasetName::MnistMini)
        };
        // 0.5 / (0.25 * 16), and a decay that takes a 16th of the minibatch's: 0.125 * 0.125 = 0.25 / 16.
        let training = Training::of(&config, 40, plane).unwrap();
        assert_eq!(training.sgd, "Sgd::new(0.125)?.with_weight_decay(0.125, WeightDecay::Periodic)");
        assert_eq!(training.every, 40);
        let fixed = Training::of(&Config { model: ModelKind::Fixprob, ..config.clone() }, 40, plane).unwrap();
        assert_eq!((fixed.every, fixed.evolution.as_str()), (0, "Ok(None)"));
        let heavy = Training::of(&Config { weight_decay: 2.0, ..config }, 40, plane).unwrap_err().to_string();
        assert!(heavy.contains("becomes a coupled one of 1 on the chip, which must be below 1"), "{heavy}");
    }
}
