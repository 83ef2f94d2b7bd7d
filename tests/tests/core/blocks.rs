//! Layers in blocks against ordinary layers with the same connections, and their evolution against an obvious one.

use std::collections::BTreeMap;

use rewire_core::error::{BuildError, LoadError, SpecDifference, StructureError, TrainError};
use rewire_core::network::{BlockArrays, LayerRef};
use rewire_core::prelude::*;
use rewire_core::sparse::CsrRef;
use rewire_core::storage::image::hash;
use rewire_tests::memory::Memory;
use rewire_tests::samples::Data;

/// Layers of several windows; the last has fewer rows than windows, so each of its rows reads every window.
const LAYERS: [LayerSpec; 4] = [
    LayerSpec::sparse(40, 70_001, 140_001, Activation::Relu).blocked(),
    LayerSpec::sparse(70_001, 3000, 90_000, Activation::LeakyRelu { slope: 0.5 }).blocked(),
    LayerSpec::sparse(3000, 140_000, 200_000, Activation::Relu).blocked(),
    LayerSpec::sparse(140_000, 2, 9001, Activation::Identity).blocked(),
];

/// A connection by neuron and input.
type Cells = BTreeMap<(usize, usize), f32>;

fn value(stored: u16) -> f32 {
    f32::from_bits(u32::from(stored) << 16)
}

/// The connections of a layer in blocks, by block.
fn blocks_of<const LANES: usize>(network: &Mlp<'_, Standard, LANES>, index: usize) -> Vec<Cells> {
    let blocks = network.blocks(index).unwrap();
    let of_block = |block: usize| {
        let ((rows, inputs), places) = (blocks.geometry.cells(block), blocks.geometry.places(block));
        let pointers = &blocks.pointers[blocks.geometry.pointers(block)];
        assert_eq!((pointers[0], usize::from(pointers[rows.len()])), (0, places.len()));
        let mut cells = Cells::new();
        for (row, ends) in rows.zip(pointers.windows(2)) {
            for place in (ends[0]..ends[1]).map(|place| places.start + usize::from(place)) {
                let input = inputs.start + usize::from(blocks.columns[place]);
                assert!(inputs.contains(&input));
                assert!(cells.insert((row, input), value(blocks.weights[place])).is_none());
            }
        }
        assert_eq!(cells.len(), places.len());
        cells
    };
    (0..blocks.geometry.blocks()).map(of_block).collect()
}

fn cells_of<const LANES: usize>(network: &Mlp<'_, Standard, LANES>, index: usize) -> Cells {
    let blocks = blocks_of(network, index);
    let count: usize = blocks.iter().map(BTreeMap::len).sum();
    let cells: Cells = blocks.into_iter().flatten().collect();
    assert_eq!(cells.len(), count, "no cell is in two blocks");
    cells
}

/// Gives an ordinary network the connections and biases of one in blocks.
fn give<const LANES: usize>(from: &Mlp<'_, Standard, LANES>, to: &mut Mlp<'_, Wide, LANES>) {
    let specs: Vec<LayerSpec> = to.layers().map(|layer| layer.spec).collect();
    for (index, spec) in specs.into_iter().enumerate() {
        let cells = cells_of(from, index);
        let mut indptr = vec![0u32; spec.n_out + 1];
        for (row, _) in cells.keys() {
            indptr[row + 1] += 1;
        }
        for row in 0..spec.n_out {
            indptr[row + 1] += indptr[row];
        }
        let indices: Vec<u32> = cells.keys().map(|(_, input)| *input as u32).collect();
        let weights: Vec<f32> = cells.values().copied().collect();
        let csr = CsrRef::<Wide>::new(spec.n_in, &indptr, &indices, &weights).unwrap();
        let bias = from.layers().nth(index).unwrap().bias;
        let layer = LayerRef {
            spec,
            bias,
            weights: &weights,
            csr: Some(csr),
            velocity: &[],
            bias_velocity: &[],
            activation_parameters: &[],
            activation_velocity: &[],
        };
        to.load_layer(index, &layer).unwrap();
    }
}

fn ordinary() -> [LayerSpec; 4] {
    LAYERS.map(|layer| LayerSpec { storage: Storage::OutputMajor, ..layer })
}

fn samples(count: usize) -> Data {
    Data::random(3, count, 40, 2)
}

/// Trains a step of both, and compares outputs before it, then weights and biases.
fn assert_as_ordinary<const LANES: usize>(decay: WeightDecay, dropout: f32) {
    let ordinary = ordinary();
    let [blocked, plain] = [&LAYERS, &ordinary].map(|layers| Description::training(layers, LANES));
    let mut memory = (Memory::of::<Standard, LANES>(&blocked), Memory::of::<Wide, LANES>(&plain));
    let mut network = Mlp::<Standard, LANES>::new(&blocked, memory.0.block()).unwrap();
    let mut twin = Mlp::<Wide, LANES>::new(&plain, memory.1.block()).unwrap();
    assert_eq!(network.bytes(), blocked.footprint::<Standard, LANES>().bytes());
    network.initialise(&Portable, 7, FanIn::Connections);
    let data = samples(LANES);
    let sgd = Sgd::new(0.2).unwrap().with_weight_decay(0.01, decay).unwrap().with_dropout(dropout).unwrap();
    for step in [0, 63] {
        give(&network, &mut twin);
        let (mut found, mut expected) = (Vec::new(), Vec::new());
        network.predict(&Portable, &data.table(), 0, |rows, _| found.extend_from_slice(rows.as_flattened()));
        twin.predict(&Portable, &data.table(), 0, |rows, _| expected.extend_from_slice(rows.as_flattened()));
        // The rows of the last layer add up their windows, each summed apart.
        for (found, expected) in found.iter().zip(&expected) {
            assert!((found - expected).abs() <= 1e-5 * expected.abs().max(0.1), "{found} {expected}");
        }
        let before: Vec<Cells> = (0..4).map(|index| cells_of(&network, index)).collect();
        let (order, id) = (Permutation::new(1, 1, LANES as u32), StepId { seed: 1, epoch: 1, step });
        network.step(&Portable, &data.table(), &order, 0, &sgd, id).unwrap();
        twin.step(&Portable, &data.table(), &order, 0, &sgd, id).unwrap();
        for (index, (expected, before)) in twin.layers().zip(&before).enumerate() {
            let mut moved = 0;
            for ((cell, found), expected) in cells_of(&network, index).iter().zip(expected.weights) {
                // One of its two neighbours in 16 bits.
                let spacing = f32::from_bits(expected.to_bits() & 0xFF80_0000) / 128.0;
                assert!(
                    (found - expected).abs() <= spacing.abs() * 1.001 + 1e-6,
                    "{index} {cell:?} {found} {expected}"
                );
                moved += usize::from(before[cell].to_bits() != found.to_bits());
            }
            assert!(moved > 100, "{index} {moved}");
            let found = network.layers().nth(index).unwrap().bias;
            assert!(found.iter().any(|bias| *bias != 0.0));
            for (found, expected) in found.iter().zip(expected.bias) {
                assert!((found - expected).abs() <= 1e-4 * expected.abs().max(1e-3), "{index} {found} {expected}");
            }
        }
    }
}

#[test]
fn a_step_is_that_of_ordinary_layers_with_the_same_connections() {
    assert_as_ordinary::<1>(WeightDecay::Periodic, 0.0);
    assert_as_ordinary::<1>(WeightDecay::Coupled, 0.3);
    assert_as_ordinary::<16>(WeightDecay::Decoupled, 0.3);
}

#[test]
fn where_each_row_reads_one_window_outputs_have_the_bits_of_ordinary_layers() {
    let layers = |blocked: bool| {
        let mut layers = [
            LayerSpec::sparse(40, 70_001, 140_001, Activation::Relu),
            LayerSpec::sparse(70_001, 3000, 90_000, Activation::Relu),
            LayerSpec::sparse(3000, 5, 2000, Activation::Identity),
        ];
        if blocked {
            layers = layers.map(LayerSpec::blocked);
        }
        layers
    };
    let (blocked, plain) = (layers(true), layers(false));
    let [blocked, plain] = [&blocked, &plain].map(|layers| Description::inference(layers, 1));
    let mut memory = (Memory::of::<Standard, 1>(&blocked), Memory::of::<Wide, 1>(&plain));
    let mut network = Mlp::<Standard, 1>::new(&blocked, memory.0.block()).unwrap();
    let mut twin = Mlp::<Wide, 1>::new(&plain, memory.1.block()).unwrap();
    network.initialise(&Portable, 7, FanIn::Connections);
    give(&network, &mut twin);
    let data = samples(1);
    let (mut found, mut expected) = (Vec::new(), Vec::new());
    network.predict(&Portable, &data.table(), 0, |rows, _| found = rows.as_flattened().to_vec());
    twin.predict(&Portable, &data.table(), 0, |rows, _| expected = rows.as_flattened().to_vec());
    assert!(found.iter().any(|value| *value != 0.0));
    assert_eq!(found, expected);
}

#[test]
fn initial_weights_are_those_of_their_fan_in_and_reach_every_input_window() {
    let description = Description::training(&LAYERS, 1);
    let mut memory = Memory::of::<Standard, 1>(&description);
    let mut network = Mlp::<Standard, 1>::new(&description, memory.block()).unwrap();
    let mut hashes = [2, 1].map(|seed| {
        network.initialise(&Portable, seed, FanIn::Connections);
        hash(&network)
    });
    assert_ne!(hashes[0], hashes[1], "only blocks differ");
    network.initialise(&Portable, 1, FanIn::Connections);
    hashes[0] = hash(&network);
    assert_eq!(hashes[0], hashes[1]);
    for (index, spec) in LAYERS.iter().enumerate() {
        let cells = cells_of(&network, index);
        assert_eq!(cells.len(), spec.connections);
        let mut fan_ins = vec![0usize; spec.n_out];
        for (row, _) in cells.keys() {
            fan_ins[*row] += 1;
        }
        for ((row, _), weight) in &cells {
            let fan_in = if index == 3 { spec.connections / spec.n_out } else { fan_ins[*row] };
            assert!(weight.abs() <= (6.0 / fan_in as f32).sqrt() * 1.01);
        }
        let mean = cells.values().map(|weight| f64::from(*weight)).sum::<f64>() / cells.len() as f64;
        assert!(mean.abs() < 0.02, "{mean}");
        // Every thousandth of the inputs is read, as often as the others.
        let mut reads = vec![0u32; 10];
        for (_, input) in cells.keys() {
            reads[input * 10 / spec.n_in] += 1;
        }
        let expected = cells.len() as f64 / 10.0;
        let chi_squared: f64 = reads.iter().map(|&count| (f64::from(count) - expected).powi(2) / expected).sum();
        // 9 degrees of freedom: 27.9 is the 99.9th percentile.
        assert!(chi_squared < 27.9, "{index} {reads:?}");
    }
}

#[test]
fn an_evolution_prunes_the_smallest_of_the_whole_layer_and_each_block_keeps_its_number() {
    let description = Description::training(&LAYERS, 1);
    let mut memory = Memory::of::<Standard, 1>(&description);
    let mut network = Mlp::<Standard, 1>::new(&description, memory.block()).unwrap();
    network.initialise(&Portable, 1, FanIn::Connections);
    for (epoch, grown) in [(1, GrownWeight::Uniform), (2, GrownWeight::Zero)] {
        let before: Vec<Cells> = (0..4).map(|index| cells_of(&network, index)).collect();
        let evolution = Evolution::new(0.3, grown, FanIn::Connections).unwrap();
        let replaced = network.evolve(&Portable, &evolution, 1, epoch, |_, _| panic!("no ordinary layer")).unwrap();
        let mut expected_in_all = 0;
        for (index, before) in before.iter().enumerate().take(3) {
            let after: Cells = blocks_of(&network, index).into_iter().flatten().collect();
            assert_eq!(after.len(), before.len());
            let mut expected = 0;
            for negative in [false, true] {
                let mut of_sign: Vec<_> = before.iter().filter(|cell| cell.1.is_sign_negative() == negative).collect();
                of_sign.sort_by(|a, b| a.1.abs().total_cmp(&b.1.abs()));
                let pruned = (of_sign.len() as f32 * 0.3) as usize;
                expected += pruned;
                // Of equal magnitudes, the order of memory decides, which is another than that of cells.
                let threshold = of_sign[pruned - 1].1.abs();
                for (place, (cell, weight)) in of_sign.iter().enumerate() {
                    if weight.abs() > threshold {
                        assert!(place >= pruned);
                        assert_eq!(after.get(*cell), Some(*weight), "a survivor stays as it is");
                    }
                }
            }
            let survivors = before.iter().filter(|(cell, weight)| after.get(cell) == Some(weight)).count();
            let regrown_in_place = survivors - (before.len() - expected).min(survivors);
            assert!(survivors >= before.len() - expected && regrown_in_place <= before.len() / 100);
            if grown == GrownWeight::Zero {
                assert!(after.values().filter(|weight| **weight == 0.0).count() >= expected);
            }
            expected_in_all += expected;
        }
        assert_eq!(replaced, expected_in_all);
        assert_eq!(cells_of(&network, 3), before[3], "the last layer does not evolve");
    }
}

#[test]
fn arrays_are_read_where_they_lie_and_checked() {
    let description = Description::training(&LAYERS, 1);
    let mut memory = [Memory::of::<Standard, 1>(&description), Memory::of::<Standard, 1>(&description)];
    let [a, b] = &mut memory;
    let mut network = Mlp::<Standard, 1>::new(&description, a.block()).unwrap();
    let mut copy = Mlp::<Standard, 1>::new(&description, b.block()).unwrap();
    network.initialise(&Portable, 1, FanIn::Connections);
    let read = |copy: &mut Mlp<'_, Standard, 1>, index: usize, change: fn(&mut BlockArrays<'_>)| {
        let from = network.blocks(index).unwrap();
        copy.read_blocks::<LoadError>(index, |mut to| {
            to.weights.copy_from_slice(from.weights);
            to.pointers.copy_from_slice(from.pointers);
            to.columns.copy_from_slice(from.columns);
            change(&mut to);
            Ok(())
        })
    };
    for index in 0..4 {
        read(&mut copy, index, |_| ()).unwrap();
        assert_eq!(cells_of(&copy, index), cells_of(&network, index));
    }
    let column = read(&mut copy, 1, |to| to.columns[1] = to.columns[0]);
    assert!(matches!(column, Err(LoadError::Structure(StructureError::Column { .. }))), "{column:?}");
    let pointer = read(&mut copy, 1, |to| to.pointers[1] = u16::MAX);
    assert!(matches!(pointer, Err(LoadError::Structure(StructureError::RowPointer { .. }))), "{pointer:?}");
    assert!(copy.blocks(1).unwrap().pointers.iter().all(|pointer| *pointer == 0));
    let mut ordinary = Memory::of::<Wide, 1>(&Description::inference(&ordinary(), 1));
    let layers = self::ordinary();
    let mut ordinary = Mlp::<Wide, 1>::new(&Description::inference(&layers, 1), ordinary.block()).unwrap();
    let refused = ordinary.read_blocks::<LoadError>(0, |_| Ok(()));
    assert_eq!(refused, Err(LoadError::Differs(SpecDifference::Storage)));
}

#[test]
fn what_blocks_do_not_know_is_refused_by_name() {
    let reason = |layers: &[LayerSpec], velocity: bool| {
        let description = Description::training(layers, 1);
        let description = if velocity { description.with_velocity() } else { description };
        match description.validate::<Standard, 1>() {
            Err(BuildError::Blocked { reason, .. }) => reason,
            other => panic!("{other:?}"),
        }
    };
    let last = LayerSpec::dense(8, 2, Activation::Identity);
    let layer = |activation| [LayerSpec::sparse(9, 8, 20, activation).blocked(), last];
    assert!(reason(&layer(Activation::Relu), true).contains("no velocity"));
    for activation in [Activation::SRelu, Activation::LeakyRelu { slope: -0.5 }] {
        assert!(reason(&layer(activation), false).contains("keeps no sums"));
    }
    let before =
        [LayerSpec::dense(9, 8, Activation::SRelu), LayerSpec::sparse(8, 4, 9, Activation::Identity).blocked()];
    assert!(reason(&before, false).contains("keeps no sums"));
    let mixed =
        [LayerSpec::sparse(9, 8, 20, Activation::Relu), LayerSpec::sparse(8, 8, 20, Activation::Relu).blocked(), last];
    assert!(reason(&mixed, false).contains("only its last two layers may be sparse without"));
    let many = [LayerSpec::sparse(100_001, 3, 300_002, Activation::Identity).blocked()];
    assert!(reason(&many, false).contains("too many connections"));
    let relu = layer(Activation::Relu);
    let narrow = Description::training(&relu, 1).validate::<Compact, 1>();
    assert!(narrow.unwrap_err().to_string().contains("only the formats Standard and Wide"));

    let description = Description::training(&relu, 1);
    let mut memory = Memory::of::<Standard, 1>(&description);
    let mut network = Mlp::<Standard, 1>::new(&description, memory.block()).unwrap();
    network.initialise(&Portable, 1, FanIn::Connections);
    let evolution = Evolution::new(0.3, GrownWeight::Zero, FanIn::Connections).unwrap();
    let near = Growth::Near { image: ImagePlane { channels: 1, height: 3, width: 3 }, reach: 1 };
    let data = Data::random(1, 4, 9, 2);
    let samples = data.table();
    let settings =
        TrainSettings { evolution: Some(evolution.with_growth(near)), ..TrainSettings::new(2, Sgd::new(0.1).unwrap()) };
    let plain = TrainSettings::new(2, Sgd::new(0.1).unwrap());
    let thinning = Thinning::default().with_density(Schedule::Linear, 0.5).unwrap();
    let refused = [
        network.evolve(&Portable, &evolution.with_growth(near), 1, 1, |_, _| ()).map(|_| ()),
        network.evolve_in_parts(&evolution, 1, 1).map(|_| ()),
        network
            .train_one_in_parts(&[0.0; 9], Answer::Class(0), &plain.sgd, StepId { seed: 1, epoch: 1, step: 0 })
            .map(|_| ()),
        network.thin(&Portable, &thinning, 1, 1).map(|_| ()),
        Trainer::new(&settings).unwrap().run(&mut network, &Portable, &samples, &(), &mut ()).map(|_| ()),
        Trainer::new(&plain)
            .unwrap()
            .with_thinning(Some(&thinning))
            .run(&mut network, &Portable, &samples, &(), &mut ())
            .map(|_| ()),
    ];
    for result in refused {
        assert!(matches!(result, Err(TrainError::Blocked { .. })), "{result:?}");
    }
    assert!(!network.give_up_room(0, 10));
}

#[test]
fn a_billion_neurons_take_nineteen_bytes_each() {
    const WIDE: usize = 100_000_000;
    let mut layers = vec![LayerSpec::sparse(65_536, WIDE, WIDE + 65_536, Activation::Relu).blocked()];
    layers.extend([LayerSpec::sparse(WIDE, WIDE, 2 * WIDE, Activation::Relu).blocked(); 9]);
    layers.push(LayerSpec::sparse(WIDE, 2, WIDE + 2, Activation::Identity).blocked());
    let description = Description::training(&layers, 1);
    description.validate::<Standard, 1>().unwrap();
    let bytes = description.footprint::<Standard, 1>().bytes();
    assert!((18_000_000_000..19_500_000_000).contains(&bytes), "{bytes}");
}
