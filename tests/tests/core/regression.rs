//! One test for each bug that was found.

use rewire_core::error::{ArenaError, BuildError, SampleSet, TrainError};
use rewire_core::prelude::*;
use rewire_tests::memory::Memory;
use rewire_tests::oracle::{Oracle, Settings};
use rewire_tests::samples::Data;
use rewire_tests::structure::{bits, cells, copy, randomise_neurons, restore};
use rewire_tests::tolerance::{KERNEL, assert_close};

/// Evolution pruned a network built for inference and then had no counters to grow with: connections were lost. Training one
/// did nothing, silently.
#[test]
fn a_network_for_inference_refuses_training_and_evolution() {
    for input_major in [false, true] {
        let sparse = LayerSpec::sparse(8, 10, 30, Activation::Relu);
        let sparse = if input_major { sparse.input_major() } else { sparse };
        let layers = [sparse, LayerSpec::dense(10, 2, Activation::Identity)];
        let training = Description::training(&layers, 1);
        let mut memory = Memory::of::<Narrow, 1>(&training);
        let mut trained = Mlp::<Narrow, 1>::new(&training, memory.block()).unwrap();
        trained.initialise(&Portable, 1, FanIn::Connections);

        let inference = Description::inference(&layers, 1);
        let mut memory = Memory::of::<Narrow, 1>(&inference);
        let mut frozen = Mlp::<Narrow, 1>::new(&inference, memory.block()).unwrap();
        restore(&mut frozen, &copy(&trained));
        let evolution = Evolution::new(0.5, GrownWeight::Uniform, FanIn::Connections).unwrap();
        let evolved = frozen.evolve(&Portable, &evolution, 1, 1, |_, _| panic!("nothing is pruned"));
        assert_eq!(evolved, Err(TrainError::Inference));
        let data = Data::random(1, 5, 8, 2);
        let sgd = Sgd::new(0.1).unwrap();
        assert_eq!(frozen.train_epoch(&Portable, &data.table(), &sgd, 1, 1), Err(TrainError::Inference));
        let settings = TrainSettings::new(1, sgd);
        let run = Trainer::new(&settings).unwrap().run(&mut frozen, &Portable, &data.table(), &(), &mut ());
        assert_eq!(run, Err(TrainError::Inference));
        assert_eq!(bits(&frozen), bits(&trained));
    }
}

/// A network without velocity ignored the momentum.
#[test]
fn momentum_without_velocity_is_refused() {
    let layers = [LayerSpec::dense(8, 2, Activation::Identity)];
    let description = Description::training(&layers, 1);
    let mut memory = Memory::of::<Narrow, 1>(&description);
    let mut network = Mlp::<Narrow, 1>::new(&description, memory.block()).unwrap();
    network.initialise(&Portable, 1, FanIn::Connections);
    let (before, data) = (bits(&network), Data::random(1, 5, 8, 2));
    let settings = TrainSettings::new(1, Sgd::new(0.1).unwrap().with_momentum(0.9).unwrap());
    assert_eq!(network.train_epoch(&Portable, &data.table(), &settings.sgd, 1, 1), Err(TrainError::Momentum));
    let run = Trainer::new(&settings).unwrap().run(&mut network, &Portable, &data.table(), &(), &mut ());
    assert_eq!(run, Err(TrainError::Momentum));
    assert_eq!(bits(&network), before);
}

/// Samples that do not say which labels they have.
struct Unlabelled<'a>(Table<'a>);

impl SampleSource for Unlabelled<'_> {
    fn len(&self) -> usize {
        self.0.len()
    }
}

impl Samples<1> for Unlabelled<'_> {
    fn fill(&self, indices: &[u32], epoch: u32, x: &mut [[f32; 1]], labels: &mut [u16; 1]) {
        self.0.fill(indices, epoch, x, labels);
    }
}

/// A label that is not below the number of outputs was trained as if it were none.
#[test]
fn a_label_that_is_no_output_ends_a_run() {
    let layers = [LayerSpec::dense(2, 2, Activation::Identity)];
    let description = Description::training(&layers, 1);
    let mut memory = Memory::of::<Narrow, 1>(&description);
    let mut network = Mlp::<Narrow, 1>::new(&description, memory.block()).unwrap();
    let settings = TrainSettings::new(1, Sgd::new(0.1).unwrap());
    let good = Table::new(&[0.5, 1.0], &[1]).unwrap();
    let bad = Table::new(&[0.5, 1.0, 2.0, 3.0], &[1, 2]).unwrap();
    let label = Err(TrainError::Label { label: 2, n_out: 2 });
    // A source that knows its labels is refused before anything is trained.
    assert_eq!(Trainer::new(&settings).unwrap().run(&mut network, &Portable, &bad, &(), &mut ()), label);
    assert_eq!(Trainer::new(&settings).unwrap().run(&mut network, &Portable, &good, &bad, &mut ()), label);
    assert!(network.layers().all(|layer| layer.weights.iter().all(|&weight| weight == 0.0)));
    // One that does not is stopped by its loss.
    let run = Trainer::new(&settings).unwrap().run(&mut network, &Portable, &Unlabelled(bad), &(), &mut ());
    assert!(matches!(run, Err(TrainError::Diverged { samples: SampleSet::Training, epoch: 1, .. })), "{run:?}");
    let run = Trainer::new(&settings).unwrap().run(&mut network, &Portable, &good, &Unlabelled(bad), &mut ());
    assert_eq!(run, Err(TrainError::Diverged { samples: SampleSet::Test, epoch: 1, step: 1 }));
    // So are the calls that a trainer makes.
    assert_eq!(network.train_epoch(&Portable, &bad, &settings.sgd, 1, 1).map(|_| Ended::Finished), label);
    let diverged = |step| TrainError::Diverged { samples: SampleSet::Training, epoch: 1, step };
    let epoch = network.train_epoch(&Portable, &Unlabelled(bad), &settings.sgd, 1, 1);
    assert!(matches!(epoch, Err(TrainError::Diverged { epoch: 1, .. })), "{epoch:?}");
    let (order, id) = (Permutation::new(1, 1, 1), StepId { seed: 1, epoch: 1, step: 0 });
    let only = Unlabelled(Table::new(&[2.0, 3.0], &[2]).unwrap());
    assert_eq!(network.step(&Portable, &only, &order, 0, &settings.sgd, id), Err(diverged(0)));
}

/// Counting the bytes of a network larger than memory overflowed: a panic, or a small number in a release build.
#[test]
fn a_network_larger_than_the_address_space_is_too_large_for_any_block() {
    let wide = 1 << (usize::BITS / 2);
    for layers in [
        [LayerSpec::dense(wide, wide, Activation::Relu), LayerSpec::dense(wide, 2, Activation::Identity)],
        [LayerSpec::dense(usize::MAX, 3, Activation::Relu), LayerSpec::dense(3, 2, Activation::Identity)],
        [
            LayerSpec::dense(3, usize::MAX / 8, Activation::Relu),
            LayerSpec::dense(usize::MAX / 8, 2, Activation::Identity),
        ],
    ] {
        let description = Description::training(&layers, 1);
        let mut memory = Memory::new(1000);
        let error = Mlp::<Wide, 1>::new(&description, memory.block()).unwrap_err();
        let expected = |needed| BuildError::Arena(ArenaError::TooSmall { needed, available: 1000 });
        assert_eq!(error, expected(usize::MAX), "{layers:?}");
    }
    let layers = [LayerSpec::dense(3, 2, Activation::Identity)];
    let description = Description::training(&layers, usize::MAX).with_velocity();
    let error = Mlp::<Wide, 16>::new(&description, Memory::new(1000).block()).unwrap_err();
    assert!(matches!(error, BuildError::Arena(ArenaError::TooSmall { available: 1000, .. })));
}

/// A row of 256 columns counts what it gains in one byte, so at most 255: a start that asked for more got fewer.
#[test]
fn the_format_of_bytes_starts_with_as_many_connections_as_it_accepts() {
    let build = |connections: usize, check: fn(Mlp<'_, Bytes, 1>)| {
        let sparse = LayerSpec::sparse(256, 8, connections, Activation::Relu);
        let layers = [sparse, LayerSpec::dense(8, 2, Activation::Identity)];
        let description = Description::training(&layers, 1);
        let mut memory = Memory::new(1 << 16);
        Mlp::new(&description, memory.block()).map(check)
    };
    let limit = 255 * 8;
    let expected = BuildError::FormatTooNarrow { layer: 0, needed: limit + 1, limit };
    assert_eq!(build(limit + 1, |_| ()), Err(expected));
    let exact = |mut network: Mlp<'_, Bytes, 1>| {
        network.initialise(&Portable, 1, FanIn::Connections);
        let count = |network: &Mlp<'_, Bytes, 1>| cells(&network.layers().next().unwrap()).len();
        assert_eq!(count(&network), 255 * 8);
        for (epoch, zeta) in (1..).zip([0.99, 0.5, 0.99]) {
            let evolution = Evolution::new(zeta, GrownWeight::Uniform, FanIn::Connections).unwrap();
            network.evolve(&Portable, &evolution, 1, epoch, |_, _| {}).unwrap();
            assert_eq!(count(&network), 255 * 8);
        }
    };
    assert_eq!(build(limit, exact), Ok(()));
}

/// A single sample looks at rows in groups of four; the last three of 7, 11, 15… rows were skipped.
#[test]
fn a_single_sample_reads_every_row_whatever_their_number() {
    for n_in in 1..=13 {
        for lanes_agree in [check_rows::<1>, check_rows::<3>] {
            lanes_agree(n_in);
        }
    }
}

fn check_rows<const LANES: usize>(n_in: usize) {
    let sparse = LayerSpec::sparse(n_in, 9, n_in * 6, Activation::LeakyRelu { slope: 0.5 });
    for first in [sparse.input_major(), sparse, LayerSpec::dense(n_in, 9, Activation::Relu)] {
        let layers = [first, LayerSpec::sparse(9, 3, 20, Activation::Identity).input_major()];
        let description = Description::training(&layers, LANES);
        let mut memory = Memory::of::<Narrow, LANES>(&description);
        let mut network = Mlp::<Narrow, LANES>::new(&description, memory.block()).unwrap();
        network.initialise(&Portable, 1, FanIn::Connections);
        randomise_neurons(&mut network, 1);
        let data = Data::random(1, LANES, n_in, 3);
        let samples = data.select(0..LANES);
        let mut oracle = Oracle::of(&network);

        let mut logits = Vec::new();
        network.predict(&Portable, &data.table(), 0, |rows, used| {
            (0..used).for_each(|lane| logits.extend(rows.iter().map(|row| f64::from(row[lane]))));
        });
        let expected: Vec<f64> = samples.iter().flat_map(|sample| oracle.logits(&sample.x)).collect();
        assert_close(&logits, &expected, KERNEL, &format!("{n_in} inputs, {LANES} lanes, {:?}", first.storage));

        let place = StepId { seed: 1, epoch: 1, step: 0 };
        let order = Permutation::new(1, 1, LANES as u32);
        network.step(&Portable, &data.table(), &order, 0, &Sgd::new(0.5).unwrap(), place).unwrap();
        let settings = Settings { learning_rate: 0.5, momentum: 0.0, weight_decay: 0.0, coupled: false };
        oracle.step(&samples, settings);
        for (layer, expected) in network.layers().zip(&oracle.layers) {
            let weights: Vec<f64> = layer.weights.iter().map(|&w| f64::from(w)).collect();
            let expected: Vec<f64> = cells(&layer).iter().map(|&(o, i)| expected.weights[o][i]).collect();
            assert_close(&weights, &expected, KERNEL, &format!("{n_in} inputs, {LANES} lanes, {:?}", layer.spec));
        }
    }
}
