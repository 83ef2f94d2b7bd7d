//! Fingerprints of tiny training runs, recorded once: a change of any bit, on any machine, is a decision to be made
//! here and told in the changelog.

use rewire_core::prelude::*;
use rewire_tests::memory::Memory;
use rewire_tests::samples::Data;
use rewire_tests::structure::{bits, copy, fingerprint};

const RELU: Activation = Activation::Relu;

const EPOCHS: u32 = 20;

/// Trains for epochs that evolve, the last excepted; returns the fingerprint, and the accuracy on the training samples.
fn run<F: Format<Input = f32>, const LANES: usize>(description: &Description<'_>, sgd: &Sgd) -> (u64, f32) {
    let mut memory = Memory::of::<F, LANES>(description);
    let mut network = Mlp::<F, LANES>::new(description, memory.block()).unwrap();
    network.initialise(&Portable, 2024, FanIn::Connections);
    let data = Data::random(2024, 300, 16, 4);
    let settings = TrainSettings {
        seed: 2024,
        evolution: Some(Evolution::new(0.3, GrownWeight::Uniform, FanIn::Connections).unwrap()),
        ..TrainSettings::new(EPOCHS, *sgd)
    };
    let ended = Trainer::new(&settings).unwrap().run(&mut network, &Portable, &data.table(), &data.table(), &mut ());
    assert_eq!(ended, Ok(Ended::Finished));
    let layers = copy(&network);
    let floats = layers.iter().flat_map(|layer| layer.weights.iter().chain(&layer.bias).chain(&layer.velocity));
    assert!(floats.into_iter().all(|value| value.is_finite()));
    (fingerprint(&bits(&network)), network.evaluate(&Portable, &data.table()).accuracy())
}

#[test]
fn a_microcontrollers_run_has_the_recorded_bits() {
    let layers = [
        LayerSpec::sparse(16, 40, 160, RELU).input_major(),
        LayerSpec::sparse(40, 24, 200, Activation::LeakyRelu { slope: 0.1 }),
        LayerSpec::dense(24, 4, Activation::Identity),
    ];
    let sgd = Sgd::new(0.02).unwrap().with_weight_decay(1e-4, WeightDecay::Decoupled).unwrap();
    let (found, accuracy) = run::<Narrow, 1>(&Description::training(&layers, 1), &sgd);
    assert!(accuracy > 0.7, "{accuracy}");
    assert_eq!(found, 0xE815_61EF_7E04_B26A, "{found:#018X}");
}

#[test]
fn a_workstations_run_has_the_recorded_bits() {
    let layers = [
        LayerSpec::sparse(16, 40, 160, Activation::all_relu(0.6, 0)),
        LayerSpec::sparse(40, 24, 200, Activation::all_relu(0.6, 1)),
        LayerSpec::dense(24, 4, Activation::Identity),
    ];
    let sgd = Sgd::new(0.05).unwrap().with_momentum(0.9).unwrap().with_dropout(0.1).unwrap();
    let sgd = sgd.with_weight_decay(1e-4, WeightDecay::Coupled).unwrap();
    let description = Description::training(&layers, 20).with_velocity().with_transposed_index();
    let (found, accuracy) = run::<Standard, 16>(&description, &sgd);
    assert!(accuracy > 0.7, "{accuracy}");
    assert_eq!(found, 0xA455_5620_BFE3_406F, "{found:#018X}");
}
