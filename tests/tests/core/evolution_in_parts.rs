//! An evolution in parts has the bits of a whole one, wherever it is cut.

use rewire_core::prelude::*;
use rewire_tests::memory::Memory;
use rewire_tests::structure::bits;

const IMAGE: ImagePlane = ImagePlane { channels: 1, height: 4, width: 5 };

/// Layers of every storage, the last of which never evolves.
const LAYERS: [LayerSpec; 4] = [
    LayerSpec::sparse(20, 9, 80, Activation::Relu).input_major(),
    LayerSpec::sparse(9, 7, 30, Activation::Relu),
    LayerSpec::dense(7, 6, Activation::Relu),
    LayerSpec::sparse(6, 3, 9, Activation::Identity),
];

/// Every rule of growth, and values that draw random numbers.
fn evolutions() -> Vec<Evolution> {
    let evolution = |zeta, grown| Evolution::new(zeta, grown, FanIn::Connections).unwrap();
    let uniform = evolution(0.3, GrownWeight::Uniform);
    vec![
        evolution(0.3, GrownWeight::Zero),
        evolution(0.0, GrownWeight::Zero),
        evolution(0.9, GrownWeight::Uniform),
        uniform.with_growth(Growth::Near { image: IMAGE, reach: 1 }),
        uniform.with_growth(Growth::Local(Locality::new(IMAGE, &[1.0]).unwrap())),
    ]
}

/// Replaced connections, and the network after two evolutions and the training between and after them.
fn after<F: Format<Input = f32>>(
    (description, momentum): (&Description<'_>, f32),
    evolve: impl Fn(&mut Mlp<'_, F, 1>, u32) -> usize,
) -> (Vec<usize>, Vec<u32>) {
    let mut memory = Memory::of::<F, 1>(description);
    let mut network = Mlp::<F, 1>::new(description, memory.block()).unwrap();
    network.initialise(&Portable, 1, FanIn::Connections);
    let sgd = Sgd::new(0.05).unwrap().with_momentum(momentum).unwrap();
    let mut replaced = Vec::new();
    for epoch in 1..3 {
        for step in 0..12u32 {
            let x: [f32; 20] = core::array::from_fn(|input| ((input as u32 * 7 + step * 5) % 11) as f32 * 0.1 - 0.4);
            let id = StepId { seed: 3, epoch, step };
            network.train_one(&Portable, &x, Answer::Class((step % 3) as u16), &sgd, id).unwrap();
        }
        replaced.push(evolve(&mut network, epoch));
    }
    // Columns and the transposed index agree: a step goes through both.
    network.train_one(&Portable, &[0.3; 20], Answer::Class(1), &sgd, StepId { seed: 3, epoch: 3, step: 0 }).unwrap();
    (replaced, bits(&network))
}

fn check<F: Format<Input = f32>>(network: (&Description<'_>, f32)) {
    for evolution in evolutions() {
        let whole =
            after::<F>(network, |network, epoch| network.evolve(&Portable, &evolution, 3, epoch, |_, _| {}).unwrap());
        assert!(whole.0[0] > 0 || evolution.zeta() == 0.0);
        for budget in (0..200).chain([1000, usize::MAX]) {
            let parts = after::<F>(network, |network, epoch| {
                let mut parts = network.evolve_in_parts(&evolution, 3, epoch).unwrap();
                loop {
                    if let Some(replaced) = parts.evolve_some(budget) {
                        break replaced;
                    }
                }
            });
            assert!(whole == parts, "{evolution:?}, budget {budget}");
        }
    }
}

#[test]
fn parts_of_every_size_make_the_whole_evolution() {
    let description = Description::training(&LAYERS, 1);
    check::<Narrow>((&description, 0.0));
    // Wide formats select by other digits, and momentum moves with its connection.
    check::<Wide>((&description.with_velocity().with_transposed_index(), 0.9));
}

#[test]
fn an_evolution_that_is_dropped_does_the_rest() {
    let description = Description::training(&LAYERS, 1).with_transposed_index();
    for evolution in evolutions() {
        let whole = after::<Standard>((&description, 0.0), |network, epoch| {
            network.evolve(&Portable, &evolution, 3, epoch, |_, _| {}).unwrap();
            0
        });
        for parts in [0, 1, 7, 40, 150] {
            let dropped = after::<Standard>((&description, 0.0), |network, epoch| {
                let mut evolving = network.evolve_in_parts(&evolution, 3, epoch).unwrap();
                for _ in 0..parts {
                    evolving.evolve_some(5);
                }
                0
            });
            assert!(whole == dropped, "{evolution:?}, {parts} parts");
        }
    }
}

#[test]
fn a_larger_budget_makes_fewer_parts_and_what_is_done_stays_done() {
    let description = Description::training(&LAYERS, 1);
    let mut memory = Memory::of::<Narrow, 1>(&description);
    let mut network = Mlp::<Narrow, 1>::new(&description, memory.block()).unwrap();
    network.initialise(&Portable, 1, FanIn::Connections);
    let evolution = evolutions()[0];
    let mut parts = |budget| {
        let mut evolving = network.evolve_in_parts(&evolution, 3, 1).unwrap();
        let mut parts = 1;
        while evolving.evolve_some(budget).is_none() {
            parts += 1;
        }
        assert!(evolving.evolve_some(budget).is_some());
        parts
    };
    assert_eq!(parts(usize::MAX), 1);
    let (few, many) = (parts(400), parts(40));
    assert!((8..=14).contains(&few) && many > 5 * few, "{few}, {many}");
}

#[test]
fn a_network_for_inference_does_not_evolve() {
    let description = Description::inference(&LAYERS, 1);
    let mut memory = Memory::of::<Narrow, 1>(&description);
    let mut network = Mlp::<Narrow, 1>::new(&description, memory.block()).unwrap();
    assert!(network.evolve_in_parts(&evolutions()[0], 3, 1).is_err());
}
