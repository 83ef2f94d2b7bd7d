//! Training on single samples as they arrive.

use rewire_core::error::TrainError;
use rewire_core::prelude::*;
use rewire_tests::memory::Memory;
use rewire_tests::structure::bits;

const FEATURES: [f32; 3] = [0.5, -1.0, 0.25];
const PLACE: StepId = StepId { seed: 1, epoch: 1, step: 7 };

fn layers(n_out: usize) -> [LayerSpec; 2] {
    [
        LayerSpec::sparse(3, 6, 12, Activation::LeakyRelu { slope: 0.1 }).input_major(),
        LayerSpec::dense(6, n_out, Activation::Identity),
    ]
}

/// What `train` returns, and the network's bits after it.
fn after<const LANES: usize, T>(
    layers: &[LayerSpec],
    train: impl FnOnce(&mut Mlp<'_, Narrow, LANES>, &Sgd) -> T,
) -> (T, Vec<u32>) {
    let description = Description::training(layers, 1);
    let mut memory = Memory::of::<Narrow, LANES>(&description);
    let mut network = Mlp::<Narrow, LANES>::new(&description, memory.block()).unwrap();
    network.initialise(&Portable, 1, FanIn::Connections);
    let sgd = Sgd::new(0.1).unwrap().with_dropout(0.2).unwrap();
    let result = train(&mut network, &sgd);
    (result, bits(&network))
}

fn check<const LANES: usize>() {
    fn step<const LANES: usize>(
        samples: &impl Samples<LANES>,
    ) -> impl FnOnce(&mut Mlp<'_, Narrow, LANES>, &Sgd) -> Result<Metrics, TrainError> {
        move |network, sgd| network.step(&Portable, samples, &Permutation::new(1, 1, 1), 0, sgd, PLACE)
    }
    let one = |n_out, answer: Answer<'_>| {
        after::<LANES, _>(&layers(n_out), |network, sgd| network.train_one(&Portable, &FEATURES, answer, sgd, PLACE))
    };
    let table = Table::new(&FEATURES, &[1]).unwrap();
    assert_eq!(one(2, Answer::Class(1)), after(&layers(2), step::<LANES>(&table)));
    let table = Table::with_values(&FEATURES, &[2.0, -1.0], 2).unwrap();
    assert_eq!(one(2, Answer::Values(&[2.0, -1.0])), after(&layers(2), step::<LANES>(&table)));
    let table = Table::unlabelled(&FEATURES, 3).unwrap();
    assert_eq!(one(3, Answer::Input), after(&layers(3), step::<LANES>(&table)));
}

#[test]
fn one_sample_trains_as_a_minibatch_of_one() {
    check::<1>();
    check::<4>();
}

#[test]
fn what_cannot_be_learned_is_an_error_and_changes_nothing() {
    let ((), before) = after::<1, _>(&layers(2), |_, _| ());
    for (features, answer, expected) in [
        ([0.5, f32::NAN, 0.0], Answer::Class(1), TrainError::Feature { input: 1 }),
        ([0.5, 1.0, f32::INFINITY], Answer::Values(&[1.0, 2.0]), TrainError::Feature { input: 2 }),
        (FEATURES, Answer::Class(2), TrainError::Label { label: 2, n_out: 2 }),
        (FEATURES, Answer::Values(&[1.0, f32::NEG_INFINITY]), TrainError::Value { output: 1 }),
        (FEATURES, Answer::Values(&[1.0]), TrainError::Value { output: 1 }),
        (FEATURES, Answer::Input, TrainError::Reconstruction { n_in: 3, n_out: 2 }),
    ] {
        let refused =
            after::<1, _>(&layers(2), |network, sgd| network.train_one(&Portable, &features, answer, sgd, PLACE));
        assert_eq!(refused, (Err(expected), before.clone()), "{answer:?}");
    }
}

#[test]
fn a_network_for_inference_learns_from_no_sample() {
    let layers = layers(2);
    let description = Description::inference(&layers, 1);
    let mut memory = Memory::of::<Narrow, 1>(&description);
    let mut network = Mlp::<Narrow, 1>::new(&description, memory.block()).unwrap();
    let trained = network.train_one(&Portable, &FEATURES, Answer::Class(0), &Sgd::new(0.1).unwrap(), PLACE);
    assert_eq!(trained, Err(TrainError::Inference));
}

/// A feature that is not finite in a source of samples ends a run at the latest in the next step.
#[test]
fn features_that_are_not_finite_end_a_run() {
    for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let features = [0.5, bad, 0.1, 0.2, 0.3, 0.4];
        let samples = Table::new(&features, &[0, 1]).unwrap();
        let (run, _) = after::<1, _>(&[LayerSpec::dense(3, 2, Activation::Identity)], |network, _| {
            let settings = TrainSettings::new(2, Sgd::new(0.1).unwrap());
            Trainer::new(&settings).unwrap().run(network, &Portable, &samples, &(), &mut ())
        });
        assert!(matches!(run, Err(TrainError::Diverged { .. })), "{bad}: {run:?}");
    }
}
