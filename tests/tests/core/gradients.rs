//! Gradients of every layer, activation and loss against finite differences in 64 bits.
//!
//! A network with velocity, without momentum and decay, holds `-learning_rate * gradient` as its velocity after a step.
//! The learning rate is a power of two, so that nothing is lost in the product, and so small that the weights stay
//! where they are.

use rewire_core::network::MAX_LAYERS;
use rewire_core::prelude::*;
use rewire_tests::kind::Kind;
use rewire_tests::memory::Memory;
use rewire_tests::oracle::{Gradient, Oracle};
use rewire_tests::samples::Data;
use rewire_tests::structure::{cells, copy, randomise_neurons, restore};
use rewire_tests::tolerance::{GRADIENT, KERNEL, assert_close, worst_error};

const RATE: f32 = 1.0 / (1u64 << 40) as f32;
const ACTIVATIONS: [Activation; 6] = [
    Activation::Identity,
    Activation::Relu,
    Activation::LeakyRelu { slope: 0.1 },
    Activation::LeakyRelu { slope: 0.6 },
    Activation::LeakyRelu { slope: -0.6 },
    Activation::SRelu,
];

/// 9-12-14-10-4, the output layer as sparse as the others.
fn layers(kind: Kind, [a, b, c]: [Activation; 3]) -> Vec<LayerSpec> {
    kind.layers(&[9, 12, 14, 10, 4], 0.6, &[a, b, c, Activation::Identity])
}

fn describe(layers: &[LayerSpec], kind: Kind, batch: usize) -> Description<'_> {
    kind.describe(Description::training(layers, batch).with_velocity())
}

/// The gradient that a step left in the velocities: for each layer, of weights and of biases.
fn gradients_of<F: Format<Input = f32>, const LANES: usize>(
    network: &Mlp<'_, F, LANES, MAX_LAYERS>,
) -> Vec<(Vec<f64>, Vec<f64>)> {
    let gradient = |velocity: &[f32]| velocity.iter().map(|&v| -f64::from(v) / f64::from(RATE)).collect();
    network.layers().map(|layer| (gradient(layer.velocity), gradient(layer.bias_velocity))).collect()
}

fn in_storage_order<F: Format<Input = f32>>(
    gradient: &Gradient,
    layer: &rewire_core::network::LayerRef<'_, F>,
) -> Vec<f64> {
    cells(layer).into_iter().map(|(output, input)| gradient.weights[output][input]).collect()
}

fn batch_norm(spec: &LayerSpec) -> bool {
    spec.activation.is_normalised()
}

fn check<F: Format<Input = f32>, const LANES: usize>(layers: &[LayerSpec], kind: Kind, batch: usize) {
    check_against::<F, LANES>(Target::Class, layers, kind, batch);
}

fn check_against<F: Format<Input = f32>, const LANES: usize>(
    target: Target,
    layers: &[LayerSpec],
    kind: Kind,
    batch: usize,
) {
    let what = format!("{target:?}, {kind:?}, {LANES} lanes, {batch} samples, {:?}", layers[0].activation);
    let description = describe(layers, kind, batch);
    let mut memory = Memory::of::<F, LANES>(&description);
    let mut network = Mlp::<F, LANES>::new(&description, memory.block()).unwrap();
    network.initialise(&Portable, 5, FanIn::Connections);
    randomise_neurons(&mut network, 5);
    let data = Data::random(6, batch, network.n_in(), network.n_out());
    let order = Permutation::new(1, 1, batch as u32);
    // As the step takes them, since what is normalised together depends on it.
    let samples = data.select((0..batch as u32).map(|position| order.at(position) as usize));
    let oracle = Oracle { target, ..Oracle::of(&network) };

    let place = StepId { seed: 1, epoch: 1, step: 0 };
    let sgd = Sgd::new(RATE).unwrap();
    let metrics = match target {
        Target::Class => network.step(&Portable, &data.table(), &order, 0, &sgd, place),
        Target::Values => network.step(&Portable, &data.values(), &order, 0, &sgd, place),
        Target::Input => network.step(&Portable, &data.unlabelled(), &order, 0, &sgd, place),
    }
    .unwrap();

    assert_close(&[f64::from(metrics.loss())], &[oracle.loss(&samples, &[])], KERNEL, &what);
    let expected = oracle.finite_differences(&samples, &[], 1e-5);
    // One sample at a time, and so not where samples are normalised together.
    let by_chain_rule = (!layers.iter().any(batch_norm)).then(|| oracle.gradients(&samples, &[]));
    let found = gradients_of(&network);
    for (i, layer) in network.layers().enumerate() {
        let (weights, bias) = &found[i];
        let differences = in_storage_order(&expected[i], &layer);
        let open = differences.iter().filter(|g| g.abs() > 1e-9).count();
        assert!(open * 4 > differences.len(), "{what}: layer {i} has too few gradients to speak of");
        assert_close(weights, &differences, GRADIENT, &format!("{what}: weights of layer {i}"));
        if batch_norm(&layer.spec) {
            // The mean takes them away again: what is left is rounding.
            assert!(bias.iter().all(|gradient| gradient.abs() < 1e-6), "{what}: biases of layer {i}: {bias:?}");
        } else {
            assert_close(bias, &expected[i].bias, GRADIENT, &format!("{what}: biases of layer {i}"));
        }
        let velocity = layer.activation_velocity.as_flattened();
        let by_parameters: Vec<f64> = velocity.iter().map(|&v| -f64::from(v) / f64::from(RATE)).collect();
        let differences_of_parameters = expected[i].activation_parameters.as_flattened();
        assert_close(&by_parameters, differences_of_parameters, GRADIENT, &format!("{what}: activation of layer {i}"));
        if layer.spec.activation.is_learned() {
            let learned = if batch_norm(&layer.spec) { 2 } else { 4 };
            for parameter in 0..learned {
                let open = expected[i].activation_parameters.iter().filter(|row| row[parameter].abs() > 1e-9).count();
                assert!(open > 1, "{what}: parameter {parameter} of layer {i} has too few gradients to speak of");
            }
        }
        if let Some(by_chain_rule) = &by_chain_rule {
            let exact = in_storage_order(&by_chain_rule[i], &layer);
            assert!(worst_error(&exact, &differences, GRADIENT.floor) < 1e-5, "{what}: the oracle contradicts itself");
        }
    }
}

#[test]
fn gradients_of_every_layer_and_activation_are_finite_differences() {
    for kind in Kind::ALL {
        for activation in ACTIVATIONS {
            let layers = layers(kind, [activation; 3]);
            check::<Standard, 1>(&layers, kind, 5);
            check::<Standard, 16>(&layers, kind, 21);
        }
    }
}

#[test]
fn gradients_of_squared_errors_are_finite_differences() {
    for kind in Kind::ALL {
        for activation in [Activation::Relu, Activation::LeakyRelu { slope: -0.6 }, Activation::SRelu] {
            let layers = layers(kind, [activation; 3]);
            check_against::<Standard, 1>(Target::Values, &layers, kind, 5);
            check_against::<Standard, 16>(Target::Values, &layers, kind, 21);
            let activations = [activation, activation, activation, Activation::Identity];
            let layers = kind.layers(&[9, 12, 7, 10, 9], 0.6, &activations);
            check_against::<Standard, 1>(Target::Input, &layers, kind, 5);
            check_against::<Standard, 16>(Target::Input, &layers, kind, 21);
        }
    }
}

#[test]
fn gradients_go_through_mean_and_variance_of_a_tile() {
    for kind in Kind::ALL {
        let layers = layers(kind, [Activation::BatchNormRelu; 3]);
        check::<Standard, 16>(&layers, kind, 16);
        check::<Standard, 16>(&layers, kind, 21);
        check::<Wide, 64>(&layers, kind, 70);
    }
}

#[test]
fn gradients_go_through_residual_connections() {
    use Activation::{BatchNormRelu, BatchNormResidual, Identity};
    for kind in Kind::ALL {
        // The fourth layer passes on what arrives from the sixth; the third and the fifth have connections of layers alone.
        let (widths, activations) = (
            [9, 12, 14, 12, 10, 12, 4],
            [BatchNormRelu, BatchNormRelu, BatchNormResidual, BatchNormRelu, BatchNormResidual, Identity],
        );
        let layers = kind.layers(&widths, 0.6, &activations);
        check::<Standard, 16>(&layers, kind, 16);
        check::<Standard, 16>(&layers, kind, 21);
        check::<Wide, 64>(&layers, kind, 70);
    }
}

#[test]
fn gradients_of_all_relu_alternate_with_the_layer() {
    let activations = [0, 1, 2].map(|layer| Activation::all_relu(0.75, layer));
    for kind in Kind::ALL {
        let layers = layers(kind, activations);
        check::<Narrow, 1>(&layers, kind, 7);
        check::<Wide, 64>(&layers, kind, 70);
    }
}

#[test]
fn a_network_of_one_layer_has_the_gradient_of_the_loss() {
    for layer in [LayerSpec::dense(7, 3, Activation::Identity), LayerSpec::sparse(7, 3, 13, Activation::Identity)] {
        check::<Narrow, 1>(&[layer], Kind::OutputMajor, 4);
        check::<Narrow, 16>(&[layer.input_major()], Kind::InputMajor, 4);
    }
}

#[test]
fn the_gradient_without_velocity_is_what_the_parameters_move_by() {
    for activation in [Activation::Relu, Activation::SRelu] {
        check_without_velocity::<16>(activation);
        check_without_velocity::<1>(activation);
    }
}

fn check_without_velocity<const LANES: usize>(activation: Activation) {
    for kind in [Kind::Dense, Kind::OutputMajor, Kind::InputMajor, Kind::Mixed] {
        let layers = layers(kind, [activation; 3]);
        let description = Description::training(&layers, LANES);
        let mut memory = Memory::of::<Standard, LANES>(&description);
        let mut network = Mlp::<Standard, LANES>::new(&description, memory.block()).unwrap();
        network.initialise(&Portable, 5, FanIn::Connections);
        // A bias of zero behind closed neurons is a kink, where differences mean nothing.
        randomise_neurons(&mut network, 5);
        let data = Data::random(6, LANES, network.n_in(), network.n_out());
        let expected = Oracle::of(&network).finite_differences(&data.select(0..LANES), &[], 1e-5);
        let before = copy(&network);
        // A difference of weights near 1 keeps 24 bits behind the point: a rate of 64 puts gradients well above them.
        let order = Permutation::new(1, 1, LANES as u32);
        let place = StepId { seed: 1, epoch: 1, step: 0 };
        network.step(&Portable, &data.table(), &order, 0, &Sgd::new(64.0).unwrap(), place).unwrap();
        for (i, (layer, before)) in network.layers().zip(&before).enumerate() {
            let moved = |(after, before): (&f32, &f32)| f64::from(before - after) / 64.0;
            let weights: Vec<f64> = layer.weights.iter().zip(&before.weights).map(moved).collect();
            let bias: Vec<f64> = layer.bias.iter().zip(&before.bias).map(moved).collect();
            assert_close(&weights, &in_storage_order(&expected[i], &layer), GRADIENT, &format!("{kind:?} {i}"));
            assert_close(&bias, &expected[i].bias, GRADIENT, &format!("{kind:?} {i}"));
            let [after, before] =
                [layer.activation_parameters, &before.activation_parameters].map(<[[f32; 4]]>::as_flattened);
            let parameters: Vec<f64> = after.iter().zip(before).map(moved).collect();
            let expected = expected[i].activation_parameters.as_flattened();
            assert_close(&parameters, expected, GRADIENT, &format!("{kind:?} {i}"));
        }
    }
}

/// With one sample and an activation that is never flat, a hidden bias has no gradient only where dropout closed its
/// neuron: so the mask can be read from a step and handed to the oracle.
#[test]
fn gradients_under_dropout_are_those_of_the_network_that_is_left() {
    const DROPOUT: f32 = 0.4;
    let sgd = Sgd::new(RATE).unwrap().with_dropout(DROPOUT).unwrap();
    let keep = 1.0 / (1.0 - f64::from(DROPOUT));
    for slope in [0.3, -0.3] {
        for kind in Kind::ALL {
            let mut layers = layers(kind, [Activation::LeakyRelu { slope }; 3]);
            // A dense output layer, so that a hidden neuron that is open has somewhere to send its activation.
            layers[3] = LayerSpec::dense(10, 4, Activation::Identity);
            let description = describe(&layers, kind, 1);
            let mut memory = Memory::of::<Standard, 1>(&description);
            let mut network = Mlp::<Standard, 1>::new(&description, memory.block()).unwrap();
            network.initialise(&Portable, 8, FanIn::Connections);
            randomise_neurons(&mut network, 8);
            let start = copy(&network);
            let data = Data::random(9, 1, network.n_in(), network.n_out());
            let (oracle, samples) = (Oracle::of(&network), data.select(0..1));
            for step in 0..20 {
                restore(&mut network, &start);
                let place = StepId { seed: 1, epoch: 1, step };
                let order = Permutation::new(1, 1, 1);
                let metrics = network.step(&Portable, &data.table(), &order, 0, &sgd, place).unwrap();
                let found = gradients_of(&network);
                // A zero that only comes from closed neurons above changes nothing that the oracle computes.
                let factor = |&g: &f64| if g.abs() > 0.0 { keep } else { 0.0 };
                let factors: Vec<Vec<f64>> =
                    found[..3].iter().map(|(_, bias)| bias.iter().map(factor).collect()).collect();
                let what = format!("{kind:?}, slope {slope}, step {step}");
                let loss = oracle.loss(&samples, &factors);
                assert_close(&[f64::from(metrics.loss())], &[loss], KERNEL, &what);
                let expected = oracle.gradients(&samples, &factors);
                for (i, layer) in network.layers().enumerate() {
                    let weights = in_storage_order(&expected[i], &layer);
                    assert_close(&found[i].0, &weights, GRADIENT, &format!("{what}: weights of layer {i}"));
                    assert_close(&found[i].1, &expected[i].bias, GRADIENT, &format!("{what}: biases of layer {i}"));
                    // What flows out of a closed neuron, and into it, is exactly nothing.
                    for (&(output, input), &g) in cells(&layer).iter().zip(&found[i].0) {
                        let closed = |layer: usize, neuron: usize| {
                            factors.get(layer).is_some_and(|factors| factors[neuron].abs() <= 0.0)
                        };
                        if closed(i, output) || (i > 0 && closed(i - 1, input)) {
                            assert!(g.abs() <= 0.0, "{what}: a closed neuron of layer {i} learns");
                        }
                    }
                }
            }
        }
    }
}

/// The difference of two logits is linear in one hidden layer's mask, so its mean over masks is its value without.
#[test]
fn dropout_keeps_the_expectation_and_drops_its_share() {
    const DROPOUT: f32 = 0.3;
    const STEPS: u32 = 6000;
    const HIDDEN: usize = 20;
    let sgd = Sgd::new(RATE).unwrap().with_dropout(DROPOUT).unwrap();
    let slope = Activation::LeakyRelu { slope: 0.5 };
    let layers = [LayerSpec::sparse(6, HIDDEN, 80, slope), LayerSpec::dense(HIDDEN, 2, Activation::Identity)];
    let description = Description::training(&layers, 1).with_velocity();
    let mut memory = Memory::of::<Narrow, 1>(&description);
    let mut network = Mlp::<Narrow, 1>::new(&description, memory.block()).unwrap();
    network.initialise(&Portable, 2, FanIn::Connections);
    randomise_neurons(&mut network, 2);
    let start = copy(&network);
    let data = Data::random(4, 1, 6, 2);
    let sample = &data.select(0..1)[0];
    let logits = Oracle::of(&network).logits(&sample.x);

    let (mut sum, mut squares, mut closed) = (0.0, 0.0, 0);
    for step in 0..STEPS {
        restore(&mut network, &start);
        let place = StepId { seed: 1, epoch: 1, step };
        let order = Permutation::new(1, 1, 1);
        network.step(&Portable, &data.table(), &order, 0, &sgd, place).unwrap();
        let found = gradients_of(&network);
        closed += found[0].1.iter().filter(|g| g.abs() <= 0.0).count();
        // The output bias' gradient is the probability less the target.
        let target = |class: usize| f64::from(u8::from(class == sample.label));
        let [a, b] = [0, 1].map(|class| (found[1].1[class] + target(class)).ln());
        sum += a - b;
        squares += (a - b) * (a - b);
    }
    let n = f64::from(STEPS);
    let mean = sum / n;
    let standard_error = ((squares / n - mean * mean) / n).sqrt();
    assert!(standard_error > 1e-4, "nothing was dropped");
    let expected = logits[0] - logits[1];
    assert!((mean - expected).abs() < 4.0 * standard_error, "{mean} +- {standard_error}, expected {expected}");
    let (share, draws) = (f64::from(DROPOUT), n * HIDDEN as f64);
    assert!((closed as f64 / draws - share).abs() < 4.0 * (share * (1.0 - share) / draws).sqrt(), "{closed}");
}

#[test]
fn the_gradient_of_a_smoothed_target_is_its_finite_difference_and_metrics_stay_those_of_the_label() {
    let layers = layers(Kind::Mixed, [Activation::Relu; 3]);
    let description = describe(&layers, Kind::Mixed, 21);
    let mut memory = Memory::of::<Standard, 16>(&description);
    let mut network = Mlp::<Standard, 16>::new(&description, memory.block()).unwrap();
    network.initialise(&Portable, 5, FanIn::Connections);
    randomise_neurons(&mut network, 5);
    let data = Data::random(6, 21, network.n_in(), network.n_out());
    let (mut oracle, samples) = (Oracle::of(&network), data.select(0..21));
    let loss = oracle.loss(&samples, &[]);
    oracle.smoothing = f64::from(0.1f32);
    let expected = oracle.finite_differences(&samples, &[], 1e-5);

    let sgd = Sgd::new(RATE).unwrap().with_label_smoothing(0.1).unwrap();
    let place = StepId { seed: 1, epoch: 1, step: 0 };
    let metrics = network.step(&Portable, &data.table(), &Permutation::new(1, 1, 21), 0, &sgd, place).unwrap();
    assert_close(&[f64::from(metrics.loss())], &[loss], KERNEL, "loss");
    let found = gradients_of(&network);
    for (i, layer) in network.layers().enumerate() {
        let weights = in_storage_order(&expected[i], &layer);
        assert_close(&found[i].0, &weights, GRADIENT, &format!("weights of layer {i}"));
        assert_close(&found[i].1, &expected[i].bias, GRADIENT, &format!("biases of layer {i}"));
    }
}

#[test]
fn evaluation_drops_nothing_and_learns_nothing() {
    let layers = layers(Kind::Mixed, [Activation::Relu; 3]);
    let description = describe(&layers, Kind::Mixed, 8);
    let mut memory = Memory::of::<Standard, 16>(&description);
    let mut network = Mlp::<Standard, 16>::new(&description, memory.block()).unwrap();
    network.initialise(&Portable, 5, FanIn::Dense);
    let data = Data::random(6, 27, network.n_in(), network.n_out());
    let (oracle, samples) = (Oracle::of(&network), data.select(0..27));
    let before = rewire_tests::structure::bits(&network);
    let metrics = network.evaluate(&Portable, &data.table());
    assert_close(&[f64::from(metrics.loss())], &[oracle.loss(&samples, &[])], KERNEL, "loss");
    assert_eq!(metrics.correct() as usize, oracle.correct(&samples));
    assert_eq!(metrics.samples(), 27);
    assert_eq!(rewire_tests::structure::bits(&network), before);
}
