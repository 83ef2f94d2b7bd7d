//! Connections that are removed for good: against a slow and obvious version, exact in each epoch, and continued to the
//! same bits.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use rewire_core::network::LayerRef;
use rewire_core::prelude::*;
use rewire_core::train::{Epoch, Observer};
use rewire_tests::memory::Memory;
use rewire_tests::structure::{bits, cells};

/// Layers of every storage. The last never evolves.
const LAYERS: [LayerSpec; 4] = [
    LayerSpec::sparse(20, 11, 120, Activation::Relu).input_major(),
    LayerSpec::sparse(11, 9, 60, Activation::Relu),
    LayerSpec::dense(9, 6, Activation::Relu),
    LayerSpec::sparse(6, 3, 9, Activation::Identity),
];
const SAMPLES: usize = 30;

fn samples() -> (Vec<f32>, Vec<u16>) {
    let features = (0..SAMPLES * 20).map(|at| ((at * 37) % 101) as f32 / 50.0 - 1.0).collect();
    (features, (0..SAMPLES).map(|sample| (sample % 3) as u16).collect())
}

fn description(layers: &[LayerSpec]) -> Description<'_> {
    Description::training(layers, 8).with_velocity().with_transposed_index()
}

fn sgd() -> Sgd {
    Sgd::new(0.05).unwrap().with_momentum(0.9).unwrap()
}

/// Weight and velocity of each connection of a layer, by neuron and input.
type Cells = BTreeMap<(usize, usize), (f32, f32)>;

fn cells_of<F: Format>(layer: &LayerRef<'_, F>) -> Cells {
    let contents = layer.weights.iter().copied().zip(layer.velocity.iter().copied());
    cells(layer).into_iter().zip(contents).collect()
}

fn without_unimportant_neurons(mut cells: Cells, neurons: usize, percentile: usize) -> Cells {
    let importance = |neuron| cells.iter().filter(|cell| cell.0.0 == neuron).map(|cell| cell.1.0.abs()).sum::<f32>();
    let importances: Vec<f32> = (0..neurons).map(importance).collect();
    let mut sorted = importances.clone();
    sorted.sort_by(f32::total_cmp);
    let threshold = sorted[percentile * (neurons - 1) / 100];
    cells.retain(|&(neuron, _), _| importances[neuron] > threshold);
    cells
}

fn largest(mut cells: Cells, wanted: usize) -> Cells {
    let excess = cells.len().saturating_sub(wanted);
    let of_negative = cells.values().filter(|cell| cell.0.is_sign_negative()).count();
    let negative = (excess as f64 * of_negative as f64 / cells.len() as f64).round() as usize;
    for (is_negative, remove) in [(true, negative), (false, excess - negative)] {
        for _ in 0..remove {
            let of_sign = cells.iter().filter(|cell| cell.1.0.is_sign_negative() == is_negative);
            let smallest = *of_sign.min_by(|a, b| a.1.0.abs().total_cmp(&b.1.0.abs())).unwrap().0;
            cells.remove(&smallest);
        }
    }
    cells
}

fn check<F: Format<Input = f32>, const LANES: usize>() {
    let (features, labels) = samples();
    let table = Table::new(&features, &labels).unwrap();
    for (percentile, end) in [(0, 0.5), (20, 1.0), (50, 0.4), (99, 0.9), (30, 0.001)] {
        let whole = description(&LAYERS);
        let mut memory = Memory::of::<F, LANES>(&whole);
        let mut network = Mlp::<F, LANES>::new(&whole, memory.block()).unwrap();
        network.initialise(&Portable, 3, FanIn::Connections);
        network.train_epoch(&Portable, &table, &sgd(), 3, 1).unwrap();
        let thinning = Thinning::default().with_importance(percentile as f32, 2, 1).unwrap();
        let thinning = thinning.with_density(Schedule::Linear, end).unwrap();
        let expected: Vec<Cells> = network
            .layers()
            .take(2)
            .map(|layer| {
                let wanted = ((layer.spec.connections as f32 * end) as usize).max(1);
                largest(without_unimportant_neurons(cells_of(&layer), layer.spec.n_out, percentile), wanted)
            })
            .collect();
        let before = network.connections();
        let removed = network.thin(&Portable, &thinning, 1, 1).unwrap();
        assert_eq!(removed, before - network.connections());
        for (layer, expected) in network.layers().zip(&expected) {
            assert_eq!((&cells_of(&layer), layer.spec.connections), (expected, expected.len()), "{percentile} {end}");
        }
        assert_eq!(network.layers().skip(2).map(|layer| layer.spec).collect::<Vec<_>>(), LAYERS[2..]);
        // It evolves and trains as a network that was built so.
        let mut evolution = Evolution::new(0.3, GrownWeight::Uniform, FanIn::Connections).unwrap();
        if F::OPTIONS {
            evolution = evolution.with_pruning(Pruning::Relative).unwrap().with_percolation(true);
        }
        network.evolve(&Portable, &evolution, 3, 1, |_, _| {}).unwrap();
        let specs: Vec<LayerSpec> = network.layers().map(|layer| layer.spec).collect();
        let smaller = description(&specs);
        let mut memory = Memory::of::<F, LANES>(&smaller);
        let mut twin = Mlp::<F, LANES>::new(&smaller, memory.block()).unwrap();
        for (index, layer) in network.layers().enumerate() {
            twin.load_layer(index, &layer).unwrap();
        }
        let go_on = |network: &mut Mlp<'_, F, LANES>| {
            network.train_epoch(&Portable, &table, &sgd(), 3, 2).unwrap();
            network.evolve(&Portable, &evolution, 3, 2, |_, _| {}).unwrap();
            network.train_epoch(&Portable, &table, &sgd(), 3, 3).unwrap();
        };
        go_on(&mut network);
        go_on(&mut twin);
        assert_eq!(bits(&network), bits(&twin));
    }
}

#[test]
fn what_is_removed_is_what_the_obvious_version_removes() {
    check::<Narrow, 1>();
    check::<Standard, 16>();
    check::<Wide, 1>();
}

/// Keeps the connections of each epoch, and stops after one.
struct Counts(Vec<usize>, u32);

impl<F: Format, const LANES: usize> Observer<F, LANES> for Counts {
    fn epoch(&mut self, epoch: &Epoch, _network: &Mlp<'_, F, LANES>) -> ControlFlow<()> {
        self.0.push(epoch.connections);
        if epoch.epoch == self.1 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}

#[test]
fn a_schedule_is_exact_in_each_epoch_and_a_run_that_was_saved_continues_to_the_same_bits() {
    let (features, labels) = samples();
    let table = Table::new(&features, &labels).unwrap();
    let evolution = Evolution::new(0.3, GrownWeight::Zero, FanIn::Connections).unwrap();
    let settings = TrainSettings { seed: 3, evolution: Some(evolution), ..TrainSettings::new(5, sgd()) };
    let density = Thinning::default().with_density(Schedule::Linear, 0.5).unwrap();
    let both = density.with_importance(30.0, 2, 2).unwrap();
    for thinning in [density, both] {
        let description = description(&LAYERS);
        let run = |network: &mut Mlp<'_, Narrow, 1>, from: u32, until: u32| {
            let mut counts = Counts(Vec::new(), until);
            let trainer = Trainer::new(&settings).unwrap().with_thinning(Some(&thinning));
            let mut trainer = trainer.starting_at(Progress { epoch: from, step: 0 });
            trainer.run(network, &Portable, &table, &(), &mut counts).unwrap();
            counts.0
        };
        let mut memory = Memory::of::<Narrow, 1>(&description);
        let mut whole = Mlp::<Narrow, 1>::new(&description, memory.block()).unwrap();
        whole.initialise(&Portable, 3, FanIn::Connections);
        let counts = run(&mut whole, 1, 9);
        if thinning == density {
            // 120 and 60 fall by an eighth of them an epoch; 54 and 9 stay.
            assert_eq!(counts, [243, 105 + 52 + 63, 90 + 45 + 63, 75 + 37 + 63, 60 + 30 + 63]);
        }
        for stop in 1..5 {
            let mut memory = Memory::of::<Narrow, 1>(&description);
            let mut first = Mlp::<Narrow, 1>::new(&description, memory.block()).unwrap();
            first.initialise(&Portable, 3, FanIn::Connections);
            run(&mut first, 1, stop);
            let mut memory = Memory::of::<Narrow, 1>(&description);
            let mut second = Mlp::<Narrow, 1>::new(&description, memory.block()).unwrap();
            for (index, layer) in first.layers().enumerate() {
                assert_eq!(second.give_up_room(index, layer.spec.connections), !layer.spec.is_dense());
                second.load_layer(index, &layer).unwrap();
            }
            assert_eq!(run(&mut second, stop + 1, 9), counts[stop as usize..]);
            assert_eq!(bits(&second), bits(&whole));
        }
    }
}

#[test]
fn settings_outside_their_range_are_refused() {
    let thinning = Thinning::default();
    for (percentile, every) in [(-1.0, 1), (100.0, 1), (f32::NAN, 1), (20.0, 0)] {
        assert!(thinning.with_importance(percentile, every, 1).is_err());
    }
    for end in [0.0, -0.5, 1.5, f32::NAN] {
        assert!(thinning.with_density(Schedule::Linear, end).is_err());
    }
    assert!(thinning.with_density(Schedule::Step { every: 1, factor: 2.0 }, 0.5).is_err());
}
