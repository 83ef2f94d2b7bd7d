//! One, two, three and four ranks train to the same bits as a program without ranks.

use rewire_core::prelude::*;
use rewire_tests::memory::Memory;
use rewire_tests::ranks::on_ranks;
use rewire_tests::samples::Data;
use rewire_tests::structure::{bits, copy};

const LANES: usize = 4;
/// Four tiles a minibatch; the last minibatch has 13 samples: one of its tiles has a sample.
const BATCH: usize = 16;
const SAMPLES: usize = 61;
const INPUTS: usize = 12;
const CLASSES: usize = 3;

/// Every storage and every activation with parameters.
const LAYERS: [LayerSpec; 5] = [
    LayerSpec::sparse(INPUTS, 11, 60, Activation::SRelu).input_major(),
    LayerSpec::sparse(11, 9, 50, Activation::BatchNormRelu),
    LayerSpec::dense(9, 7, Activation::Relu),
    LayerSpec::sparse(7, 6, 30, Activation::all_relu(0.6, 1)),
    LayerSpec::dense(6, CLASSES, Activation::Identity),
];

fn description() -> Description<'static> {
    Description::training(&LAYERS, BATCH).with_velocity().with_transposed_index()
}

/// Trains, and returns all of the network and what was measured of it in bits.
fn train<B: Backend>(backend: &B, settings: &TrainSettings, thinning: Option<&Thinning>) -> (Vec<u32>, Vec<[u32; 4]>) {
    let description = description();
    let mut memory = Memory::of::<Standard, LANES>(&description);
    let mut network = Mlp::<Standard, LANES>::new(&description, memory.block()).unwrap();
    network.initialise(backend, 7, FanIn::Connections);
    let (train, test) = (Data::random(7, SAMPLES, INPUTS, CLASSES), Data::random(8, 37, INPUTS, CLASSES));
    let mut measured = Measured(Vec::new());
    let mut trainer = Trainer::new(settings).unwrap().with_thinning(thinning);
    let ended = trainer.run(&mut network, backend, &train.table(), &test.table(), &mut measured);
    assert_eq!(ended, Ok(Ended::Finished));
    let mut all = bits(&network);
    for layer in copy(&network) {
        let floats =
            layer.velocity.iter().chain(&layer.bias_velocity).chain(layer.activation_parameters.as_flattened());
        all.extend(floats.chain(layer.activation_velocity.as_flattened()).map(|value| value.to_bits()));
    }
    (all, measured.0)
}

struct Measured(Vec<[u32; 4]>);

impl Observer<Standard, LANES> for Measured {
    fn epoch(&mut self, epoch: &Epoch, _network: &Mlp<'_, Standard, LANES>) -> std::ops::ControlFlow<()> {
        let (trained, measured) = (epoch.trained, epoch.measured);
        self.0.push([trained.loss().to_bits(), trained.correct(), measured.loss().to_bits(), measured.correct()]);
        std::ops::ControlFlow::Continue(())
    }
}

/// Holds every number of ranks against a program without ranks.
fn compare(settings: &TrainSettings, thinning: Option<&Thinning>) {
    let expected = train(&Portable, settings, thinning);
    let still = train(&Portable, &TrainSettings { epochs: settings.epochs - 1, ..*settings }, thinning);
    assert_ne!(expected.0, still.0);
    for ranks in 1..=4 {
        for (rank, found) in on_ranks(ranks, |backend| train(backend, settings, thinning)).into_iter().enumerate() {
            assert!(found == expected, "rank {rank} of {ranks}");
        }
    }
}

fn evolution(growth: Growth) -> Evolution {
    Evolution::new(0.3, GrownWeight::Uniform, FanIn::Connections).unwrap().with_growth(growth)
}

#[test]
fn any_number_of_ranks_has_the_bits_of_one_process() {
    let plain = Sgd::new(0.05).unwrap();
    let momentum = plain.with_momentum(0.9).unwrap().with_dropout(0.2).unwrap();
    let decays = [WeightDecay::Coupled, WeightDecay::Decoupled, WeightDecay::Periodic];
    let [coupled, decoupled, periodic] = decays.map(|decay| momentum.with_weight_decay(1e-3, decay).unwrap());
    for (sgd, growth) in [
        (plain, Growth::Random),
        (coupled, Growth::Random),
        (decoupled.with_nesterov(true).with_clip_norm(0.5).unwrap(), Growth::Gradient),
        (periodic.with_label_smoothing(0.1).unwrap(), Growth::Random),
    ] {
        // Of the four steps of an epoch, evolutions follow the first three too.
        let settings = TrainSettings {
            seed: 7,
            evolution: Some(evolution(growth)),
            evolve_every: 1,
            ..TrainSettings::new(20, sgd)
        };
        compare(&settings, None);
    }
}

#[test]
fn ranks_lose_the_same_connections_for_good() {
    let sgd = Sgd::new(0.05).unwrap().with_momentum(0.9).unwrap();
    let settings = TrainSettings { seed: 7, evolution: Some(evolution(Growth::Random)), ..TrainSettings::new(6, sgd) };
    let thinning = Thinning::default().with_importance(20.0, 2, 1).unwrap();
    compare(&settings, Some(&thinning.with_density(Schedule::Linear, 0.5).unwrap()));
}

/// Gradients that are all zero, of either sign, and velocities that vanish.
#[test]
fn zeros_have_the_sign_that_they_have_in_one_process() {
    for momentum in [0.0, 0.5] {
        let sgd = Sgd::new(0.05).unwrap().with_momentum(momentum).unwrap().with_dropout(0.8).unwrap();
        compare(&TrainSettings { seed: 3, ..TrainSettings::new(30, sgd) }, None);
    }
}

#[test]
fn bytes_and_memory_are_those_that_the_description_tells() {
    let data = Data::random(7, BATCH, INPUTS, CLASSES);
    for ranks in [2, 3, 4] {
        let shares = description().exchanged::<Standard, LANES>(ranks);
        let found = on_ranks(ranks, |backend| {
            let description = description();
            let mut memory = Memory::of::<Standard, LANES>(&description);
            let mut network = Mlp::<Standard, LANES>::new(&description, memory.block()).unwrap();
            network.initialise(backend, 7, FanIn::Connections);
            let (order, id) = (Permutation::new(7, 1, BATCH as u32), StepId { seed: 7, epoch: 1, step: 0 });
            network.step(backend, &data.table(), &order, 0, &Sgd::new(0.1).unwrap(), id).unwrap();
            (backend.0.bytes(), backend.0.floats())
        });
        for (rank, found) in found.into_iter().enumerate() {
            let tiles = BATCH / LANES;
            assert_eq!(
                found,
                ([shares.sent(rank, tiles), shares.received(rank, tiles)], shares.floats()),
                "{rank} of {ranks}"
            );
        }
    }
}

#[test]
fn more_ranks_than_tiles_are_refused() {
    let (settings, data) = (TrainSettings::new(1, Sgd::new(0.1).unwrap()), Data::random(7, SAMPLES, INPUTS, CLASSES));
    let refused = on_ranks(5, |backend| {
        let description = description();
        let mut memory = Memory::of::<Standard, LANES>(&description);
        let mut network = Mlp::<Standard, LANES>::new(&description, memory.block()).unwrap();
        Trainer::new(&settings).unwrap().run(&mut network, backend, &data.table(), &data.table(), &mut ())
    });
    let words = "number of ranks is 5, but must be at most as many as a minibatch has tiles";
    assert!(refused.iter().all(|refused| refused.as_ref().unwrap_err().to_string() == words), "{refused:?}");
}
