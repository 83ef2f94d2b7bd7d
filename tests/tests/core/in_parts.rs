//! A step in parts has the bits of a whole one, wherever it is cut.

use rewire_core::prelude::*;
use rewire_tests::memory::Memory;
use rewire_tests::structure::bits;

const INPUTS: usize = 21;

/// Layers of every storage, with an activation that hides the sign of its sums and one with parameters.
fn networks(n_out: usize) -> Vec<Vec<LayerSpec>> {
    let leaky = Activation::LeakyRelu { slope: 0.1 };
    let output = LayerSpec::dense(7, n_out, Activation::Identity);
    vec![
        vec![LayerSpec::sparse(INPUTS, 9, 80, Activation::Relu).input_major(), LayerSpec::dense(9, 7, leaky), output],
        vec![LayerSpec::sparse(INPUTS, 9, 80, leaky), LayerSpec::sparse(9, 7, 30, Activation::Relu), output],
        vec![
            LayerSpec::dense(INPUTS, 9, Activation::Relu),
            LayerSpec::sparse(9, 7, 30, Activation::SRelu).input_major(),
            output,
        ],
        vec![LayerSpec::sparse(INPUTS, n_out, 40, Activation::Identity)],
    ]
}

/// A window, some of whose features are zero, which an input-major layer skips.
fn window(step: u32) -> [f32; INPUTS] {
    core::array::from_fn(|input| {
        let value = (input as u32 * 7 + step * 5) % 11;
        if value < 4 { 0.0 } else { value as f32 * 0.1 - 0.6 }
    })
}

/// What a sample's outputs should be.
type AnswerOf = fn(u32, &[f32]) -> Answer<'_>;
type Train = dyn Fn(&mut Mlp<'_, Standard, 1>, &[f32], Answer<'_>, &Sgd, StepId) -> Metrics;

/// Weights, biases and velocities after 70 steps, among them one that ends in weight decay, with an evolution between.
fn after(layers: &[LayerSpec], sgd: &Sgd, answer: AnswerOf, train: &Train) -> Vec<u32> {
    let description = Description::training(layers, 1);
    let description = if sgd.momentum() > 0.0 { description.with_velocity() } else { description };
    let mut memory = Memory::of::<Standard, 1>(&description);
    let mut network = Mlp::<Standard, 1>::new(&description, memory.block()).unwrap();
    network.initialise(&Portable, 1, FanIn::Connections);
    let mut seen = Vec::new();
    for step in 0..70 {
        let id = StepId { seed: 3, epoch: 1, step };
        let window = window(step);
        seen.push(train(&mut network, &window, answer(step, &window), sgd, id).loss().to_bits());
        if step == 40 {
            let evolution = Evolution::new(0.3, GrownWeight::Zero, FanIn::Connections).unwrap();
            network.evolve(&Portable, &evolution, 3, 1, |_, _| {}).unwrap();
        }
    }
    seen.extend(bits(&network));
    seen
}

#[test]
fn parts_of_any_size_make_the_whole_step() {
    let plain = Sgd::new(0.05).unwrap();
    let settings = [
        plain,
        plain.with_dropout(0.3).unwrap().with_label_smoothing(0.1).unwrap(),
        plain.with_momentum(0.9).unwrap().with_weight_decay(1e-3, WeightDecay::Coupled).unwrap(),
        plain.with_weight_decay(1e-2, WeightDecay::Periodic).unwrap(),
    ];
    let answers: [(usize, AnswerOf); 3] = [
        (3, |step, _| Answer::Class((step % 3) as u16)),
        (2, |_, window| Answer::Values(&window[..2])),
        (INPUTS, |_, _| Answer::Input),
    ];
    let mut compared = 0;
    for (n_out, answer) in answers {
        for layers in networks(n_out) {
            for sgd in &settings {
                let whole = after(&layers, sgd, answer, &move |network, window, answer, sgd, id| {
                    network.train_one(&Portable, window, answer, sgd, id).unwrap()
                });
                for budget in [0, 1, 7, 64, usize::MAX] {
                    let parts = after(&layers, sgd, answer, &move |network, window, answer, sgd, id| {
                        let mut step = network.train_one_in_parts(window, answer, sgd, id).unwrap();
                        loop {
                            if let Some(metrics) = step.train_some(&Portable, budget) {
                                break metrics;
                            }
                        }
                    });
                    assert!(whole == parts, "{layers:?}, {sgd:?}, budget {budget}");
                    compared += 1;
                }
            }
        }
    }
    assert_eq!(compared, 3 * 4 * 4 * 5);
}

#[test]
fn a_larger_budget_makes_fewer_parts_and_none_is_lost() {
    let layers = &networks(3)[0];
    let description = Description::training(layers, 1);
    let mut memory = Memory::of::<Standard, 1>(&description);
    let mut network = Mlp::<Standard, 1>::new(&description, memory.block()).unwrap();
    network.initialise(&Portable, 1, FanIn::Connections);
    let sgd = Sgd::new(0.05).unwrap();
    let mut parts = |budget| {
        let id = StepId { seed: 3, epoch: 1, step: 0 };
        let mut step = network.train_one_in_parts(&window(0), Answer::Class(1), &sgd, id).unwrap();
        let mut parts = 1;
        while step.train_some(&Portable, budget).is_none() {
            parts += 1;
        }
        assert!(step.train_some(&Portable, budget).is_some(), "a step that is done stays done");
        parts
    };
    assert_eq!(parts(usize::MAX), 1);
    // Connections forward, backward except in the first layer, and in the update, and as many neurons; rows are whole.
    let (few, many) = (parts(100), parts(10));
    assert!((4..=8).contains(&few) && many > 3 * few, "{few}, {many}");
}

#[test]
fn what_cannot_be_learned_is_refused_at_the_first_part() {
    let layers = &networks(3)[0];
    let description = Description::training(layers, 1);
    let mut memory = Memory::of::<Standard, 1>(&description);
    let mut network = Mlp::<Standard, 1>::new(&description, memory.block()).unwrap();
    let sgd = Sgd::new(0.05).unwrap();
    let id = StepId { seed: 3, epoch: 1, step: 0 };
    assert!(network.train_one_in_parts(&[f32::NAN; INPUTS], Answer::Class(1), &sgd, id).is_err());
    assert!(network.train_one_in_parts(&window(0), Answer::Class(3), &sgd, id).is_err());
    assert!(network.train_one_in_parts(&window(0), Answer::Input, &sgd, id).is_err());
}
