//! The sizes that are measured, and the settings of each.

use crate::data::DataSource;
use crate::settings::{ActivationKind, Config, Given, ScheduleKind, Setting, TaskKind, shown};

/// Neurons of the smallest network.
pub const SMALLEST: usize = 10_000;

/// Neurons of the largest network that settings can describe.
pub const LARGEST: usize = 10_000_000_000;

/// Hidden layers, which share the neurons equally.
const LAYERS: usize = 10;

/// Inputs of a network whose layers are at least as wide.
const MOST_FEATURES: usize = 1 << 16;

/// The numbers of neurons, each ten times the one before.
pub fn sizes(up_to: usize) -> impl Iterator<Item = usize> {
    std::iter::successors(Some(SMALLEST), |neurons| neurons.checked_mul(10))
        .take_while(move |&neurons| neurons <= up_to)
}

/// The settings of a network with so many hidden neurons: those that are given, over those that suit its size.
///
/// It has as many inputs as a hidden layer has neurons, at most 65,536, so that no size has mostly inputs that nothing
/// reads. With epsilon 1 a layer has a connection for each of its inputs and each of its outputs. The learning rate falls
/// with the width: each step changes an output by the sum over all neurons of the last hidden layer.
pub fn settings(neurons: usize, given: &Given) -> Config {
    let width = neurons / LAYERS;
    let features = given.features.unwrap_or(width.min(MOST_FEATURES));
    Config {
        hidden: vec![width; LAYERS],
        features,
        informative: (features / 16).max(1),
        samples: 200,
        test_samples: 100,
        activation: ActivationKind::LeakyRelu,
        epsilon: 1.0,
        learning_rate: 2.0 / width as f32,
        schedule: ScheduleKind::Constant,
        momentum: 0.0,
        dropout: 0.0,
        label_smoothing: 0.0,
        batch_size: 1,
        epochs: 2,
        ..Config::defaults_for(DataSource::Synthetic, TaskKind::Classify)
    }
    .with(given)
}

/// What help calls the default of a setting.
pub fn default_text(setting: &Setting) -> String {
    match setting.name {
        "features" => "as many as a hidden layer has neurons, at most 65536".into(),
        "informative" => "a sixteenth of --features".into(),
        "learning_rate" => "2 / neurons of a hidden layer".into(),
        _ => shown(&(setting.get)(&settings(SMALLEST, &Given::default()))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_size_is_ten_times_the_one_before_and_has_two_connections_a_neuron() {
        assert_eq!(sizes(9_999).count(), 0);
        assert_eq!(sizes(1_000_000).collect::<Vec<_>>(), [10_000, 100_000, 1_000_000]);
        for neurons in sizes(LARGEST) {
            let config = settings(neurons, &Given::default());
            config.validate().unwrap();
            assert_eq!(config.hidden.iter().sum::<usize>(), neurons);
            let connections: usize =
                config.layers(config.features, config.classes).iter().map(|layer| layer.connections).sum();
            assert!((1.9..2.2).contains(&(connections as f64 / neurons as f64)), "{neurons}: {connections}");
        }
    }

    #[test]
    fn what_is_given_is_the_same_at_every_size() {
        let given = Given { features: Some(50), learning_rate: Some(0.5), ..Given::default() };
        for neurons in sizes(1_000_000) {
            let config = settings(neurons, &given);
            assert_eq!((config.features, config.informative, config.learning_rate), (50, 3, 0.5));
        }
    }
}
