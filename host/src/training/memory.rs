//! What a network needs: its description, its bytes, and whether they fit the memory that there is.

use rewire_core::backend::Shares;
use rewire_core::network::{Description, Footprint, LayerSpec};
use rewire_engine::build::{self, footprint};
use rewire_engine::dynamic::NetworkError;

use crate::settings::{Config, ModelKind};
use crate::training::monitor::available_bytes;

/// A network that keeps a transposed index, except at one lane, where it would be half of the memory. It changes no bit.
pub fn indexed(description: Description<'_>, lanes: usize) -> Description<'_> {
    if lanes > 1 { description.with_transposed_index() } else { description }
}

/// What the settings make of a network for this dataset.
pub fn description<'a>(config: &Config, layers: &'a [LayerSpec]) -> Description<'a> {
    let description = indexed(Description::training(layers, config.batch_size), config.lanes());
    if config.needs_velocity() { description.with_velocity() } else { description }
}

/// Bytes of a network of these layers.
pub fn of_layers(config: &Config, layers: &[LayerSpec]) -> Footprint {
    footprint(layers, config.lanes(), &description(config, layers))
}

/// Bytes of the network, and of the same network with every connection.
pub fn footprints(config: &Config, features: usize, classes: usize) -> (Footprint, Footprint) {
    let bytes = |config: &Config| of_layers(config, &config.layers(features, classes));
    // The same tiles: only the connections differ.
    let dense = Config { model: ModelKind::Dense, lanes: config.lanes(), ..config.clone() };
    (bytes(config), bytes(&dense))
}

/// What so many ranks that share the network's steps work in, send and receive.
pub fn exchanged(config: &Config, layers: &[LayerSpec], ranks: usize) -> Shares {
    build::exchanged(layers, config.lanes(), &description(config, layers), ranks)
}

/// Steps from nothing to the whole of each width: how close to the largest network the one comes that is named.
const STEPS: u64 = 1 << 16;

/// Checks that a network fits the memory that the system can give; passes where the system does not tell.
///
/// # Errors
///
/// When it does not: with what it needs, what there is, and the largest of its shape that fits.
pub fn check(config: &Config, widths: (usize, usize), ranks: usize) -> Result<(), NetworkError> {
    available_bytes().map_or(Ok(()), |available| check_within(available, config, widths, ranks))
}

fn check_within(
    available: u64,
    config: &Config,
    (features, outputs): (usize, usize),
    ranks: usize,
) -> Result<(), NetworkError> {
    let bytes = |config: &Config| {
        let layers = config.layers(features, outputs);
        let floats = if ranks > 1 { exchanged(config, &layers, ranks).floats() } else { 0 };
        of_layers(config, &layers).bytes().saturating_add(floats.saturating_mul(size_of::<f32>()))
    };
    let needed = bytes(config);
    if needed as u64 <= available {
        return Ok(());
    }
    let (mut fits, mut beyond) = (0, STEPS);
    while beyond - fits > 1 {
        let middle = u64::midpoint(fits, beyond);
        if bytes(&scaled(config, middle)) as u64 <= available {
            fits = middle;
        } else {
            beyond = middle;
        }
    }
    let fits = (fits > 0).then(|| flags(&scaled(config, fits)));
    Err(NetworkError::OutOfMemory { needed, available: Some(available), fits })
}

/// The settings with the hidden widths, and the connections where they are given, of so many steps.
fn scaled(config: &Config, steps: u64) -> Config {
    let scale = |&whole: &usize| (whole as u128 * u128::from(steps) / u128::from(STEPS)).max(1) as usize;
    let [hidden, connections] = [&config.hidden, &config.connections].map(|list| list.iter().map(scale).collect());
    Config { hidden, connections, ..config.clone() }
}

fn flags(config: &Config) -> String {
    let list = |numbers: &[usize]| numbers.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
    let hidden = format!("--hidden {}", list(&config.hidden));
    if config.connections.is_empty() { hidden } else { format!("{hidden} --connections {}", list(&config.connections)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::DatasetName;

    #[test]
    fn the_network_that_is_named_fits_and_one_a_little_larger_does_not() {
        let base = Config { momentum: 0.0, batch_size: 1, ..Config::defaults(DatasetName::Mnist) };
        let by_epsilon = Config { hidden: vec![1_000_000, 500_000], epsilon: 1.0, ..base.clone() };
        let by_count = Config { connections: vec![2_000_000, 3_000_000, 100_000], ..by_epsilon.clone() };
        for config in [by_epsilon, by_count] {
            let bytes = |config: &Config| footprints(config, 784, 10).0.bytes() as u64;
            let available = 50_000_000;
            let NetworkError::OutOfMemory { needed, fits, .. } =
                check_within(available, &config, (784, 10), 1).unwrap_err()
            else {
                panic!("another error");
            };
            assert_eq!(needed as u64, bytes(&config));
            let steps = (1..STEPS).find(|&steps| fits == Some(flags(&scaled(&config, steps)))).unwrap();
            assert!(bytes(&scaled(&config, steps)) <= available);
            assert!(bytes(&scaled(&config, steps + 1)) > available);
            assert!(check_within(bytes(&config), &config, (784, 10), 1).is_ok());
        }
    }

    #[test]
    fn the_sentence_has_what_is_needed_what_there_is_and_what_fits() {
        let config = Config { hidden: vec![1 << 20; 3], ..Config::defaults(DatasetName::Mnist) };
        let text = check_within(1_000_000_000, &config, (784, 10), 1).unwrap_err().to_string();
        for words in ["needs", "1000000000 are available", "--hidden"] {
            assert!(text.contains(words), "'{words}' is not in: {text}");
        }
        let text = check_within(1000, &config, (784, 10), 1).unwrap_err().to_string();
        assert!(text.contains("no network of this shape fits"), "{text}");
    }
}
