//! The same bits whatever the machine does: threads, vectors, transposed index, storage, format.

use rewire::engine::native::{Native, SimdLevel};
use rewire_core::prelude::*;
use rewire_core::random::{Generator, Purpose};
use rewire_tests::memory::Memory;
use rewire_tests::samples::Data;
use rewire_tests::structure::{LayerCopy, bits, copy, fingerprint, restore};

/// What a run leaves: the fingerprint of every parameter, its structure and the metrics of each epoch.
type Outcome = Vec<u64>;

fn train<const LANES: usize>(
    backend: &impl Backend,
    description: &Description<'_>,
    samples: &impl Samples<LANES>,
) -> Outcome {
    let mut memory = Memory::of::<Standard, LANES>(description);
    let mut network = Mlp::<Standard, LANES>::new(description, memory.block()).unwrap();
    network.initialise(backend, 1, FanIn::Connections);
    // A network without velocity refuses momentum.
    let momentum = if network.layers().all(|layer| layer.velocity.is_empty()) { 0.0 } else { 0.9 };
    let sgd = Sgd::new(0.05).unwrap().with_momentum(momentum).unwrap().with_dropout(0.2).unwrap();
    let evolution = Evolution::new(0.3, GrownWeight::Uniform, FanIn::Connections).unwrap();
    let mut outcome = Vec::new();
    for epoch in 1..=3 {
        let decay = [WeightDecay::Decoupled, WeightDecay::Coupled, WeightDecay::Periodic][epoch as usize % 3];
        let sgd = sgd.with_weight_decay(1e-4, decay).unwrap();
        let trained = network.train_epoch(backend, samples, &sgd, 1, epoch).unwrap();
        network.evolve(backend, &evolution, 1, epoch, |_, _| {}).unwrap();
        let tested = network.evaluate(backend, samples);
        assert!(trained.loss().is_finite() && tested.loss().is_finite());
        outcome.extend([trained, tested].map(|metrics| u64::from(metrics.loss().to_bits())));
        outcome.extend([trained, tested].map(|metrics| u64::from(metrics.correct())));
        outcome.push(fingerprint(&bits(&network)));
    }
    assert!(copy(&network).iter().all(|layer| layer.weights.iter().all(|weight| weight.is_finite())));
    outcome
}

/// Every set of vector instructions of this machine on two threads, and the best on one and on three, with a name.
fn backends() -> Vec<(String, Native)> {
    assert!(SimdLevel::Baseline.is_available(), "every processor has the baseline");
    let levels = SimdLevel::ALL.into_iter().filter(|level| level.is_available()).map(|level| (2, level));
    let best = SimdLevel::detect();
    let backends = levels.chain([(1, best), (3, best)]).map(|(threads, level)| {
        let native = Native::new(threads).unwrap().with_simd(level);
        assert_eq!(native.simd(), level);
        (format!("{threads} threads, {level}"), native)
    });
    backends.collect()
}

/// Trains with the portable backend, then with every other, with and without the transposed index.
fn check<const LANES: usize>(layers: &[LayerSpec], batch: usize, samples: usize) {
    let data = Data::random(2, samples, layers[0].n_in, layers[layers.len() - 1].n_out).thinned(2);
    check_samples::<LANES>(layers, batch, &data.table());
}

/// Through one type of samples, so that the kernels are compiled once for all of them.
fn check_samples<const LANES: usize>(layers: &[LayerSpec], batch: usize, samples: &dyn Samples<LANES>) {
    let mut description = Description::training(layers, batch);
    if batch > LANES || LANES > 1 {
        description = description.with_velocity();
    }
    let expected = train::<LANES>(&Portable, &description, &samples);
    let transposed = description.with_transposed_index();
    assert_eq!(train::<LANES>(&Portable, &transposed, &samples), expected, "portable, transposed");
    for (name, backend) in backends() {
        let run = |description| backend.install(|| train::<LANES>(&backend, description, &samples));
        assert_eq!(run(&description), expected, "{name}, {LANES} lanes, batch {batch}");
        assert_eq!(run(&transposed), expected, "{name}, {LANES} lanes, batch {batch}, transposed");
    }
}

/// Layers of every kind, `width` neurons wide. 2^19 multiply-adds are cut into two blocks for the threads.
fn layers(width: usize, connections: usize) -> Vec<LayerSpec> {
    vec![
        LayerSpec::sparse(64, width, 16 * width, Activation::Relu),
        LayerSpec::sparse(width, width, connections, Activation::LeakyRelu { slope: 0.25 }),
        LayerSpec::sparse(width, width, connections, Activation::Relu).input_major(),
        LayerSpec::sparse(width, width, connections, Activation::all_relu(0.6, 0)),
        LayerSpec::sparse(width, width, connections, Activation::Relu),
        LayerSpec::dense(width, 10, Activation::Identity),
    ]
}

#[test]
fn one_lane_gives_the_same_bits_on_every_backend() {
    check::<1>(&layers(60, 500), 1, 40);
    check::<1>(&layers(60, 500), 7, 40);
}

/// Regression and reconstruction, the last tile of a minibatch partly padding.
#[test]
fn squared_errors_give_the_same_bits_on_every_backend() {
    let mut layers = layers(60, 1000);
    let data = Data::random(2, 60, 64, 10).thinned(2);
    check_samples::<1>(&layers, 7, &data.values());
    check_samples::<16>(&layers, 50, &data.values());
    layers[5] = LayerSpec::sparse(60, 64, 1000, Activation::Identity);
    check_samples::<1>(&layers, 7, &data.unlabelled());
    check_samples::<16>(&layers, 50, &data.unlabelled());
}

#[test]
fn learned_activations_give_the_same_bits_on_every_backend() {
    let learned = |width, connections, activation| {
        let mut layers = layers(width, connections);
        for layer in layers.iter_mut().take(5).step_by(2) {
            layer.activation = activation;
        }
        layers
    };
    check::<1>(&learned(60, 500, Activation::SRelu), 1, 40);
    for activation in [Activation::SRelu, Activation::BatchNormRelu] {
        check::<16>(&learned(60, 1000, activation), 50, 90);
        check::<64>(&learned(150, 8500, activation), 100, 130);
    }
}

#[test]
fn residual_connections_give_the_same_bits_on_every_backend() {
    let residual = |width, connections| {
        let mut layers = layers(width, connections);
        for (index, layer) in layers.iter_mut().enumerate().take(5) {
            layer.activation = if index == 3 { Activation::BatchNormResidual } else { Activation::BatchNormRelu };
        }
        layers
    };
    check::<16>(&residual(60, 1000), 50, 90);
    check::<64>(&residual(150, 8500), 100, 130);
}

/// 2^19 multiply-adds a pass are two blocks: one sample alone needs that many connections.
#[test]
fn one_sample_cut_into_blocks_gives_the_same_bits_on_every_backend() {
    let layers = [
        LayerSpec::sparse(32, 1500, 4000, Activation::LeakyRelu { slope: 0.25 }),
        LayerSpec::sparse(1500, 1500, 1 << 19, Activation::Relu),
        LayerSpec::dense(1500, 3, Activation::Identity),
    ];
    check::<1>(&layers, 1, 2);
}

#[test]
fn sixteen_lanes_give_the_same_bits_on_every_backend() {
    check::<16>(&layers(300, 33_000), 16, 40);
    check::<16>(&layers(60, 1000), 50, 90);
}

#[test]
fn sixty_four_lanes_give_the_same_bits_on_every_backend() {
    check::<64>(&layers(150, 8500), 64, 100);
    check::<64>(&layers(60, 1000), 200, 230);
}

#[test]
fn a_hundred_and_twenty_eight_lanes_give_the_same_bits_on_every_backend() {
    check::<128>(&layers(120, 4200), 128, 150);
}

#[test]
fn three_lanes_give_the_same_bits_on_every_backend() {
    check::<3>(&layers(60, 1000), 10, 25);
}

/// Loads the same connections in two memory orders and returns logits and trained parameters, in one order.
fn in_order<const LANES: usize>(storage: Storage, from: &[LayerCopy<Standard>], data: &Data) -> (Vec<u32>, Vec<u32>) {
    let loaded: Vec<_> = from.iter().map(|layer| layer.stored_as(storage)).collect();
    let layers: Vec<LayerSpec> = loaded.iter().map(|layer| layer.spec).collect();
    let description = Description::training(&layers, LANES).with_velocity();
    let mut memory = Memory::of::<Standard, LANES>(&description);
    let mut network = Mlp::<Standard, LANES>::new(&description, memory.block()).unwrap();
    restore(&mut network, &loaded);
    let table = data.table();
    let samples: &dyn Samples<LANES> = &table;
    let mut logits = Vec::new();
    network.predict(&Portable, &samples, 0, |rows, used| {
        for row in rows {
            logits.extend(row[..used].iter().map(|z| z.to_bits()));
        }
    });
    let sgd = Sgd::new(0.05).unwrap().with_momentum(0.9).unwrap().with_dropout(0.2).unwrap();
    let sgd = sgd.with_weight_decay(1e-3, WeightDecay::Decoupled).unwrap();
    for epoch in 1..=3 {
        network.train_epoch(&Portable, &samples, &sgd, 1, epoch).unwrap();
    }
    let trained = copy(&network).iter().flat_map(|layer| layer.stored_as(Storage::OutputMajor).bits()).collect();
    (logits, trained)
}

#[test]
fn memory_order_changes_no_bit_of_the_forward_pass_or_of_training() {
    fn check<const LANES: usize>() {
        let relu = Activation::Relu;
        let layers = [
            LayerSpec::sparse(50, 70, 1200, relu),
            LayerSpec::sparse(70, 40, 900, Activation::all_relu(0.6, 0)),
            LayerSpec::sparse(40, 30, 600, Activation::LeakyRelu { slope: 0.1 }),
            LayerSpec::sparse(30, 6, 100, Activation::Identity),
        ];
        let description = Description::training(&layers, LANES).with_velocity();
        let mut memory = Memory::of::<Standard, LANES>(&description);
        let mut network = Mlp::<Standard, LANES>::new(&description, memory.block()).unwrap();
        network.initialise(&Portable, 1, FanIn::Connections);
        let start = copy(&network);
        let data = Data::random(2, LANES + 20, 50, 6).thinned(3);
        let output_major = in_order::<LANES>(Storage::OutputMajor, &start, &data);
        let input_major = in_order::<LANES>(Storage::InputMajor, &start, &data);
        assert!(!output_major.0.is_empty());
        assert!(output_major == input_major, "{LANES} lanes");
    }
    check::<1>();
    check::<16>();
    check::<64>();
}

#[test]
fn formats_change_no_bit() {
    fn run<F: Format<Input = f32>>() -> Vec<Vec<u32>> {
        let layers = layers(60, 500);
        let description = Description::training(&layers, 40).with_velocity();
        let mut memory = Memory::of::<F, 16>(&description);
        let mut network = Mlp::<F, 16>::new(&description, memory.block()).unwrap();
        network.initialise(&Portable, 1, FanIn::Connections);
        let data = Data::random(2, 90, 64, 10);
        let table = data.table();
        let samples: &dyn Samples<16> = &table;
        let sgd = Sgd::new(0.05).unwrap().with_momentum(0.9).unwrap();
        let evolution = Evolution::new(0.3, GrownWeight::Uniform, FanIn::Connections).unwrap();
        for epoch in 1..=3 {
            network.train_epoch(&Portable, &samples, &sgd, 1, epoch).unwrap();
            network.evolve(&Portable, &evolution, 1, epoch, |_, _| {}).unwrap();
        }
        copy(&network).iter().map(LayerCopy::bits).collect()
    }
    let expected = run::<Narrow>();
    assert_eq!(run::<Compact>(), expected);
    assert_eq!(run::<Standard>(), expected);
    assert_eq!(run::<Wide>(), expected);
}

/// Trains on features stored as the format stores its inputs.
fn on_features<F: Format, const LANES: usize>(
    backend: &impl Backend,
    layers: &[LayerSpec],
    features: &[F::Input],
    labels: &[u16],
) -> Vec<u32> {
    let description = Description::training(layers, 7).with_velocity();
    let mut memory = Memory::of::<F, LANES>(&description);
    let mut network = Mlp::<F, LANES>::new(&description, memory.block()).unwrap();
    network.initialise(backend, 1, FanIn::Connections);
    let table = Table::new(features, labels).unwrap();
    let samples: &dyn Samples<LANES, F::Input> = &table;
    let sgd = Sgd::new(0.05).unwrap().with_dropout(0.1).unwrap();
    let evolution = Evolution::new(0.3, GrownWeight::Uniform, FanIn::Connections).unwrap();
    let mut found = Vec::new();
    for epoch in 1..=2 {
        network.train_epoch(backend, &samples, &sgd, 1, epoch).unwrap();
        network.evolve(backend, &evolution, 1, epoch, |_, _| {}).unwrap();
        found.push(network.evaluate(backend, &samples).loss().to_bits());
    }
    found.extend(bits(&network));
    found
}

#[test]
fn bytes_give_the_bits_of_the_floats_they_stand_for() {
    fn check<const LANES: usize>() {
        let first = [
            LayerSpec::dense(48, 60, Activation::Relu),
            LayerSpec::sparse(48, 60, 900, Activation::Relu),
            LayerSpec::sparse(48, 60, 900, Activation::Relu).input_major(),
        ];
        // A third of the bytes are zero, as in a picture.
        let mut generator = Generator::new(3, Purpose::Subset, 0, 0, 0);
        let mut byte = || if generator.below(3) == 0 { 0 } else { generator.below(256) as u8 };
        let bytes: Vec<u8> = (0..48 * 50).map(|_| byte()).collect();
        let floats: Vec<f32> = bytes.iter().map(|&byte| f32::from(byte) * (1.0 / 255.0)).collect();
        let labels: Vec<u16> = (0..50).map(|i| i % 10).collect();
        for first in first {
            let mut layers = layers(60, 500);
            layers[0] = first;
            let expected = on_features::<Narrow, LANES>(&Portable, &layers, &floats, &labels);
            let found = on_features::<Bytes, LANES>(&Portable, &layers, &bytes, &labels);
            assert!(found == expected, "{LANES} lanes, {:?}", first.storage);
            for (name, backend) in backends() {
                let found = on_features::<Bytes, LANES>(&backend, &layers, &bytes, &labels);
                assert!(found == expected, "{LANES} lanes, {:?}, {name}", first.storage);
            }
        }
    }
    check::<1>();
    check::<3>();
    check::<16>();
    check::<64>();
}

/// A step computed twice from the same state, with a minibatch on tiles that held others: nothing is left over.
#[test]
fn a_step_depends_on_nothing_but_model_samples_and_place() {
    let layers = layers(60, 500);
    let description = Description::training(&layers, 40).with_velocity();
    let mut memory = Memory::of::<Standard, 16>(&description);
    let mut network = Mlp::<Standard, 16>::new(&description, memory.block()).unwrap();
    network.initialise(&Portable, 1, FanIn::Connections);
    let data = Data::random(2, 90, 64, 10);
    let table = data.table();
    let samples: &dyn Samples<16> = &table;
    let sgd = Sgd::new(0.05).unwrap().with_dropout(0.5).unwrap();
    let order = Permutation::new(1, 1, 90);
    let start = copy(&network);
    // The last minibatch has ten samples: one tile, in part.
    let place = StepId { seed: 1, epoch: 1, step: 2 };
    let first = network.step(&Portable, &samples, &order, 80, &sgd, place).unwrap();
    let after_first = bits(&network);

    let evolution = Evolution::new(0.3, GrownWeight::Uniform, FanIn::Connections).unwrap();
    network.train_epoch(&Portable, &samples, &sgd, 5, 5).unwrap();
    network.evolve(&Portable, &evolution, 1, 1, |_, _| {}).unwrap();
    restore(&mut network, &start);
    let second = network.step(&Portable, &samples, &order, 80, &sgd, place).unwrap();
    assert_eq!(first, second);
    assert!(bits(&network) == after_first);
}
