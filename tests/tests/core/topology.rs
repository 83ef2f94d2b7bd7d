//! What an evolution does to connections.

use std::collections::{HashMap, HashSet};
use std::sync::Mutex;

use rewire_core::prelude::*;
use rewire_core::sparse::CsrRef;
use rewire_core::sparse::Index;
use rewire_tests::memory::Memory;
use rewire_tests::samples::Data;
use rewire_tests::statistics::{Hits, chi_squared, chi_squared_bound};
use rewire_tests::structure::{LayerCopy, bits, cells, copy, restore};

/// A cell: output neuron, input.
pub(crate) type Cell = (usize, usize);

/// Every kind of layer, 60-50-40-30-6; the last is sparse, which evolution must not touch.
fn layers() -> [LayerSpec; 4] {
    let relu = Activation::Relu;
    [
        LayerSpec::sparse(60, 50, 500, relu).input_major(),
        LayerSpec::sparse(50, 40, 437, relu),
        LayerSpec::dense(40, 30, relu),
        LayerSpec::sparse(30, 6, 90, Activation::Identity),
    ]
}

fn evolution(zeta: f32) -> Evolution {
    Evolution::new(zeta, GrownWeight::Uniform, FanIn::Connections).unwrap()
}

fn sgd() -> Sgd {
    Sgd::new(0.05).unwrap().with_momentum(0.9).unwrap()
}

/// A network after an epoch, so that weights and velocities have values of their own.
fn trained<'a, F: Format<Input = f32>, const LANES: usize>(
    description: &Description<'_>,
    memory: &'a mut Memory,
    seed: u64,
) -> Mlp<'a, F, LANES> {
    let mut network = Mlp::new(description, memory.block()).unwrap();
    network.initialise(&Portable, seed, FanIn::Connections);
    let data = Data::random(seed, 64, network.n_in(), network.n_out());
    network.train_epoch(&Portable, &data.table(), &sgd(), seed, 1).unwrap();
    network
}

/// What `evolve` shows of each layer between pruning and growth.
fn evolve<F: Format<Input = f32>, const LANES: usize>(
    network: &mut Mlp<'_, F, LANES>,
    evolution: &Evolution,
    epoch: u32,
) -> (usize, HashMap<usize, Vec<Cell>>) {
    let storages: Vec<Storage> = network.layers().map(|layer| layer.spec.storage).collect();
    let seen = Mutex::new(HashMap::new());
    let replaced = network.evolve(&Portable, evolution, 9, epoch, |index, csr: CsrRef<'_, F>| {
        let valid = CsrRef::<F>::new(csr.ncols(), csr.indptr(), csr.indices(), csr.values()).unwrap();
        let rows = valid.rows().enumerate();
        let survivors = rows.flat_map(|(row, (cols, _))| cols.iter().map(move |col| (row, col.to_usize())));
        let turn = |(row, col)| if storages[index] == Storage::InputMajor { (col, row) } else { (row, col) };
        let earlier = seen.lock().unwrap().insert(index, survivors.map(turn).collect());
        assert!(earlier.is_none(), "layer {index} was shown twice");
    });
    let replaced = replaced.unwrap();
    (replaced, seen.into_inner().unwrap())
}

/// Weight and velocity of each cell, as bits.
fn parameters<F: Format<Input = f32>>(layer: &LayerCopy<F>) -> HashMap<Cell, (u32, u32)> {
    let values = layer.weights.iter().zip(&layer.velocity).map(|(w, v)| (w.to_bits(), v.to_bits()));
    cells(&layer.as_ref()).into_iter().zip(values).collect()
}

#[test]
fn evolve_preserves_nnz_and_order_for_hundreds_of_rounds() {
    let layers = layers();
    let description = Description::training(&layers, 16).with_velocity().with_transposed_index();
    let mut memory = Memory::of::<Standard, 16>(&description);
    let mut network = trained::<Standard, 16>(&description, &mut memory, 1);
    let data = Data::random(1, 16, 60, 6);
    let order = Permutation::new(1, 1, 16);
    // The inputs as a picture, wherever growth looks at one.
    let image = ImagePlane { channels: 1, height: 6, width: 10 };
    let local = Locality::new(image, &[1.5, 3.0]).unwrap();
    let growths = [Growth::Random, Growth::Near { image, reach: 2 }, Growth::Random, Growth::Local(local)];
    for round in 0..400 {
        // From almost none to almost all, and a step between them so that signs change.
        let share = evolution([0.3, 0.01, 0.99, 0.5, 0.1][round as usize % 5]);
        let (replaced, survivors) = evolve(&mut network, &share.with_growth(growths[round as usize % 4]), round);
        let place = StepId { seed: 1, epoch: round, step: 0 };
        let metrics = network.step(&Portable, &data.table(), &order, 0, &sgd(), place).unwrap();
        assert!(metrics.loss().is_finite());
        let mut total = 0;
        for (index, layer) in network.layers().enumerate() {
            // `cells` checks that columns are in range, ascending and unique.
            let now = cells(&layer);
            assert_eq!(now.len(), layers[index].connections, "round {round}, layer {index}");
            assert_eq!(now.iter().collect::<HashSet<_>>().len(), now.len());
            total += survivors.get(&index).map_or(0, |survivors| now.len() - survivors.len());
        }
        assert_eq!(replaced, total, "round {round}");
        assert!(replaced > 0);
    }
}

#[test]
fn zeta_zero_changes_nothing() {
    let layers = layers();
    let description = Description::training(&layers, 16).with_velocity();
    let mut memory = Memory::of::<Standard, 16>(&description);
    let mut network = trained::<Standard, 16>(&description, &mut memory, 2);
    let before = copy(&network);
    let (replaced, survivors) = evolve(&mut network, &evolution(0.0), 1);
    assert_eq!(replaced, 0);
    for (index, survivors) in survivors {
        assert_eq!(survivors, cells(&before[index].as_ref()));
    }
    assert_eq!(bits(&network), before.iter().flat_map(LayerCopy::bits).collect::<Vec<_>>());
}

#[test]
fn the_smallest_of_each_sign_go_and_survivors_keep_weight_and_momentum() {
    let layers = layers();
    let description = Description::training(&layers, 16).with_velocity();
    for (epoch, zeta) in (1..).zip([0.1, 0.3, 0.3, 0.9, 0.7]) {
        let mut memory = Memory::of::<Standard, 16>(&description);
        let mut network = trained::<Standard, 16>(&description, &mut memory, 3);
        let mut before = copy(&network);
        if epoch % 2 == 0 {
            // Coarse weights are often equal: of those, the first in storage order go.
            before.iter_mut().flat_map(|layer| &mut layer.weights).for_each(|w| *w = (*w * 8.0).round() / 8.0);
            restore(&mut network, &before);
        }
        let (_, survivors) = evolve(&mut network, &evolution(zeta), epoch);
        let after = copy(&network);
        for index in [0, 1] {
            let what = format!("zeta {zeta}, layer {index}");
            let old = &before[index];
            let mut expected: Vec<Cell> = Vec::new();
            for negative in [false, true] {
                let weighted = cells(&old.as_ref()).into_iter().zip(&old.weights);
                let mut side: Vec<_> = weighted.filter(|(_, w)| w.is_sign_negative() == negative).collect();
                side.sort_by(|(_, a), (_, b)| a.abs().total_cmp(&b.abs()));
                let goes = (side.len() as f32 * zeta) as usize;
                assert!(goes > 0, "{what}: nothing to remove");
                expected.extend(side[goes..].iter().map(|(cell, _)| cell));
            }
            let expected: HashSet<Cell> = expected.into_iter().collect();
            let found: HashSet<Cell> = survivors[&index].iter().copied().collect();
            assert_eq!(found, expected, "{what}");

            let (old, new) = (parameters(old), parameters(&after[index]));
            for cell in &found {
                assert_eq!(new[cell], old[cell], "{what}: {cell:?} survived but changed");
            }
        }
    }
}

#[test]
fn what_grows_has_no_momentum_and_a_weight_within_its_bound() {
    let layers = layers();
    let description = Description::training(&layers, 16).with_velocity();
    // Layer 0: 500 connections of 50 neurons are 10 each. Layer 1: 437 of 40 are 10, rounded down.
    let bounds = [(FanIn::Connections, [10.0f32, 10.0]), (FanIn::Dense, [60.0, 50.0])];
    for (fan_in, fan_ins) in bounds {
        for grown in [GrownWeight::Uniform, GrownWeight::Zero] {
            let mut memory = Memory::of::<Standard, 16>(&description);
            let mut network = trained::<Standard, 16>(&description, &mut memory, 4);
            let (_, survivors) = evolve(&mut network, &Evolution::new(0.5, grown, fan_in).unwrap(), 1);
            for index in [0, 1] {
                let layer = parameters(&copy(&network)[index]);
                let survivors: HashSet<Cell> = survivors[&index].iter().copied().collect();
                let bound = (6.0 / fan_ins[index]).sqrt();
                let mut largest = 0.0f32;
                for (_, &(weight, velocity)) in layer.iter().filter(|(cell, _)| !survivors.contains(cell)) {
                    assert_eq!(velocity, 0, "a grown connection starts at rest");
                    largest = largest.max(f32::from_bits(weight).abs());
                }
                match grown {
                    GrownWeight::Zero => assert_eq!(largest.to_bits(), 0),
                    // Of some two hundred uniform draws the largest is close to the bound.
                    GrownWeight::Uniform => assert!(largest <= bound && largest > 0.9 * bound, "{largest} of {bound}"),
                }
            }
        }
    }
}

#[test]
fn dense_layers_and_the_output_layer_never_change() {
    let layers = layers();
    let description = Description::training(&layers, 16).with_velocity();
    let mut memory = Memory::of::<Standard, 16>(&description);
    let mut network = trained::<Standard, 16>(&description, &mut memory, 5);
    let before = copy(&network);
    for epoch in 0..5 {
        let (_, survivors) = evolve(&mut network, &evolution(0.4), epoch);
        let mut shown: Vec<usize> = survivors.into_keys().collect();
        shown.sort_unstable();
        assert_eq!(shown, [0, 1]);
    }
    let after = copy(&network);
    for index in [2, 3] {
        assert_eq!(after[index].bits(), before[index].bits());
    }
    for index in [0, 1] {
        assert_ne!(after[index].bits(), before[index].bits());
        assert_eq!(after[index].bias, before[index].bias);
        assert_eq!(after[index].bias_velocity, before[index].bias_velocity);
    }
}

/// 12 inputs, 20 neurons: the matrix whose cells are counted.
pub(crate) fn small(storage: Storage, connections: usize) -> [LayerSpec; 2] {
    let sparse = LayerSpec::sparse(12, 20, connections, Activation::Relu);
    let sparse = if storage == Storage::InputMajor { sparse.input_major() } else { sparse };
    [sparse, LayerSpec::dense(20, 2, Activation::Identity)]
}

pub(crate) const ALL: usize = 12 * 20;

pub(crate) fn all_cells() -> impl Iterator<Item = (usize, Cell)> {
    (0..ALL).map(|cell| (cell, (cell / 12, cell % 12)))
}

#[test]
fn new_positions_are_uniform_over_the_free_cells() {
    for storage in [Storage::OutputMajor, Storage::InputMajor] {
        let layers = small(storage, 80);
        let description = Description::training(&layers, 1);
        let mut memory = Memory::of::<Narrow, 1>(&description);
        let mut network = Mlp::<Narrow, 1>::new(&description, memory.block()).unwrap();
        let mut hits = [Hits::default(); ALL];
        // By the free cells of a row of the stored matrix: found less expected, and the variance.
        let mut by_free = [(0.0, 0.0); 21];
        for epoch in 0..5000 {
            // From a new start each time: without training, the largest weights would keep their cells for good.
            network.initialise(&Portable, u64::from(epoch), FanIn::Connections);
            let (replaced, survivors) = evolve(&mut network, &evolution(0.4), epoch);
            let survivors: HashSet<Cell> = survivors[&0].iter().copied().collect();
            let now: HashSet<Cell> = cells(&network.layers().next().unwrap()).into_iter().collect();
            let chance = replaced as f64 / (ALL - survivors.len()) as f64;
            // What was just removed is as free as any other cell.
            for (cell, place) in all_cells().filter(|(_, place)| !survivors.contains(place)) {
                hits[cell].add(chance, now.contains(&place));
            }

            let row = |(output, input): Cell| if storage == Storage::InputMajor { input } else { output };
            let mut free = [0usize; 20];
            let mut grown = [0usize; 20];
            for (_, place) in all_cells().filter(|(_, place)| !survivors.contains(place)) {
                free[row(place)] += 1;
                grown[row(place)] += usize::from(now.contains(&place));
            }
            let total = (ALL - survivors.len()) as f64;
            for (class, (difference, variance)) in by_free.iter_mut().enumerate() {
                let rows = || free.iter().zip(&grown).filter(|(free, _)| **free == class);
                let share = rows().map(|(free, _)| *free as f64).sum::<f64>() / total;
                *difference += rows().map(|(_, grown)| *grown as f64).sum::<f64>() - share * replaced as f64;
                *variance += replaced as f64 * share * (1.0 - share) * (total - replaced as f64) / (total - 1.0);
            }
        }
        for (free, (difference, variance)) in by_free.into_iter().enumerate().filter(|(_, (_, v))| *v > 100.0) {
            let deviations = difference / f64::sqrt(variance);
            assert!(
                deviations.abs() < 4.5,
                "{storage:?}: rows of {free} free cells are {deviations:.1} deviations off"
            );
        }
        assert!(hits.iter().all(|cell| cell.expected() > 100.0));
        let (found, bound) = (chi_squared(&hits), chi_squared_bound(ALL - 1));
        assert!(found < bound, "{storage:?}: {found:.0}, allowed {bound:.0}");
    }
}

/// Structure and weights after a start and three evolutions, without what differs by description.
fn evolved<F: Format<Input = f32>, const LANES: usize>(description: &Description<'_>) -> Vec<Vec<(Cell, u32)>> {
    let mut memory = Memory::of::<F, LANES>(description);
    let mut network = Mlp::<F, LANES>::new(description, memory.block()).unwrap();
    network.initialise(&Portable, 12, FanIn::Connections);
    for epoch in 1..=3 {
        evolve(&mut network, &evolution(0.3), epoch);
    }
    let layer = |layer: LayerCopy<F>| {
        cells(&layer.as_ref()).into_iter().zip(layer.weights.iter().map(|w| w.to_bits())).collect()
    };
    copy(&network).into_iter().map(layer).collect()
}

#[test]
fn topology_depends_on_neither_format_nor_lanes_nor_state_beside_the_model() {
    let layers = layers();
    let plain = Description::training(&layers, 1);
    let expected = evolved::<Narrow, 1>(&plain);
    assert_eq!(evolved::<Compact, 3>(&plain), expected);
    assert_eq!(evolved::<Standard, 16>(&plain.with_velocity()), expected);
    assert_eq!(evolved::<Wide, 64>(&plain.with_velocity().with_transposed_index()), expected);
    let batch = Description::training(&layers, 100).with_velocity();
    assert_eq!(evolved::<Standard, 16>(&batch), expected);
}

#[test]
fn places_of_randomness_are_independent() {
    let layers = small(Storage::OutputMajor, 80);
    let description = Description::training(&layers, 1);
    let mut memory = Memory::of::<Narrow, 1>(&description);
    let mut network = Mlp::<Narrow, 1>::new(&description, memory.block()).unwrap();
    let mut start = |seed| {
        network.initialise(&Portable, seed, FanIn::Connections);
        bits(&network)
    };
    let (first, second) = (start(1), start(2));
    assert_ne!(first, second);
    assert_eq!(start(1), first);
    let mut grow = |epoch| {
        network.initialise(&Portable, 1, FanIn::Connections);
        evolve(&mut network, &evolution(0.3), epoch);
        bits(&network)
    };
    let (first, second) = (grow(1), grow(2));
    assert_ne!(first, second);
    assert_eq!(grow(1), first);
}
