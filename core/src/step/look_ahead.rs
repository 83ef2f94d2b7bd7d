//! Nesterov momentum: weights move along their velocities, before a gradient is taken and back after it.

use crate::backend::Backend;
use crate::network::model::Layer;
use crate::sparse::index::Format;

/// Adds `factor` times its velocity to every parameter.
pub(crate) fn move_along<B: Backend, F: Format>(backend: &B, layers: &mut [Layer<'_, F>], factor: f32) {
    let half = layers.len() / 2;
    match layers.split_at_mut_checked(half) {
        Some((top, rest)) if half > 0 && backend.threads() > 1 => {
            backend.join(|| move_along(backend, top, factor), || move_along(backend, rest, factor));
        }
        _ => layers.iter_mut().for_each(|layer| move_layer(layer, factor)),
    }
}

fn move_layer<F: Format>(layer: &mut Layer<'_, F>, factor: f32) {
    // Averages among the parameters of an activation have a velocity of zero.
    let parameters = layer.activation_parameters.as_flattened_mut();
    let all = [
        (&mut *layer.weights, &*layer.velocity),
        (&mut *layer.bias, &*layer.bias_velocity),
        (parameters, layer.activation_velocity.as_flattened()),
    ];
    for (values, velocities) in all {
        for (value, velocity) in values.iter_mut().zip(velocities) {
            *value += factor * velocity;
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::prelude::*;

    const LAYERS: [LayerSpec; 3] = [
        LayerSpec::sparse(6, 8, 20, Activation::SRelu),
        LayerSpec::sparse(8, 7, 18, Activation::BatchNormRelu),
        LayerSpec::dense(7, 3, Activation::Identity),
    ];
    const NETWORK: Description = Description::training(&LAYERS, 12).with_velocity();
    type Network<'a> = Mlp<'a, Standard, 4, 3>;

    /// Parameters of all layers, and their velocities.
    fn state(network: &Network<'_>) -> [std::vec::Vec<f32>; 2] {
        let mut state = [std::vec::Vec::new(), std::vec::Vec::new()];
        for layer in network.layers() {
            let [parameters, velocities] = [layer.activation_parameters, layer.activation_velocity];
            state[0].extend(layer.weights.iter().chain(layer.bias).chain(parameters.as_flattened()));
            state[1].extend(layer.velocity.iter().chain(layer.bias_velocity).chain(velocities.as_flattened()));
        }
        state
    }

    #[test]
    fn a_step_is_that_of_momentum_taken_ahead() {
        let features: std::vec::Vec<f32> = (0..72u16).map(|i| f32::from(i * i % 13) / 6.0 - 1.0).collect();
        let samples = Table::new(&features, &[0, 1, 2, 0, 2, 1, 1, 0, 2, 0, 1, 2]).unwrap();
        let order = Permutation::new(1, 1, 12);
        let plain = Sgd::new(0.05).unwrap().with_momentum(0.9).unwrap();
        let (mut a, mut b) = (Block::<16384>::new(), Block::<16384>::new());
        let mut network = Network::new(&NETWORK, &mut a.0).unwrap();
        let mut twin = Network::new(&NETWORK, &mut b.0).unwrap();
        network.initialise(&Portable, 1, FanIn::Connections);
        for step in 0..6 {
            let layers: std::vec::Vec<_> = network.layers().collect();
            for (index, layer) in layers.iter().enumerate() {
                twin.load_layer(index, layer).unwrap();
            }
            let [ahead, before] = state(&network);
            let id = StepId { seed: 1, epoch: 1, step };
            network.step(&Portable, &samples, &order, 0, &plain.with_nesterov(true), id).unwrap();
            // From the same place, plain momentum finds the same velocity.
            twin.step(&Portable, &samples, &order, 0, &plain, id).unwrap();
            let [[found, after], [moved, expected]] = [state(&network), state(&twin)];
            assert_eq!(after, expected);
            let each = found.iter().zip(&moved).zip(ahead.iter().zip(before.iter().zip(&after)));
            for ((found, moved), (ahead, (before, after))) in each {
                // Averages of batch normalisation follow no gradient.
                let expected = if *after == 0.0 { *moved } else { ahead - 0.9 * before + 1.9 * after };
                assert!((found - expected).abs() < 1e-5, "{found} {expected}");
            }
            assert!(step == 0 || found.iter().zip(&moved).any(|(found, moved)| (found - moved).abs() > 1e-3));
        }
    }

    #[test]
    fn formats_of_microcontrollers_refuse_it() {
        let layers = [LayerSpec::dense(6, 3, Activation::Identity)];
        let mut block = Block::<2048>::new();
        let mut network = Mlp::<Narrow, 1>::new(&Description::training(&layers, 1), &mut block.0).unwrap();
        let sgd = Sgd::new(0.05).unwrap().with_nesterov(true);
        let id = StepId { seed: 1, epoch: 1, step: 0 };
        let error = network.train_one(&Portable, &[0.0; 6], Answer::Class(0), &sgd, id).unwrap_err();
        assert!(std::format!("{error}").contains("Narrow leaves Nesterov momentum"), "{error}");
    }
}
