//! Bytes promised are bytes used, and what cannot be built says why.

use rewire_core::error::{ArenaError, BuildError, LoadError, SpecDifference, StructureError};
use rewire_core::network::{LayerRef, MAX_LAYERS};
use rewire_core::prelude::*;
use rewire_core::sparse::CsrRef;
use rewire_core::sparse::Index;
use rewire_tests::memory::Memory;
use rewire_tests::structure::{LayerCopy, bits, copy};

const RELU: Activation = Activation::Relu;
const IDENTITY: Activation = Activation::Identity;

const SENSOR: [LayerSpec; 2] = [LayerSpec::sparse(12, 20, 60, RELU), LayerSpec::dense(20, 3, IDENTITY)];
const SENSOR_BYTES: usize = Description::training(&SENSOR, 1).footprint::<Narrow, 1>().bytes();
/// A block that is sized, and placed, when the program is built.
static SENSOR_BLOCK: Block<SENSOR_BYTES> = Block::new();

#[test]
fn a_block_can_be_sized_at_compile_time() {
    // Weights 4 (60 + 60), biases 4 (20 + 3), columns 60, row pointers 2 * 21 + 2 of padding, an input 4 * 12,
    // activations and deltas 2 * 4 * 23, a label 2.
    let expected = 480 + 92 + 60 + 42 + 2 + 48 + 184 + 2;
    assert_eq!(SENSOR_BLOCK.0.len(), expected);
    let mut block = SENSOR_BLOCK;
    let network = Mlp::<Narrow, 1>::new(&Description::training(&SENSOR, 1), &mut block.0).unwrap();
    assert_eq!(network.bytes(), expected);
}

/// Networks of every storage and of widths that need padding.
fn networks() -> Vec<Vec<LayerSpec>> {
    let all_relu = Activation::all_relu(0.6, 0);
    let mixed = vec![
        LayerSpec::sparse(13, 17, 51, all_relu).input_major(),
        LayerSpec::sparse(17, 9, 33, all_relu),
        LayerSpec::dense(9, 11, RELU),
        LayerSpec::sparse(11, 3, 7, IDENTITY),
    ];
    vec![
        vec![LayerSpec::dense(1, 1, IDENTITY)],
        vec![LayerSpec::sparse(5, 3, 1, IDENTITY)],
        vec![LayerSpec::sparse(255, 256, 1001, RELU), LayerSpec::sparse(256, 7, 99, IDENTITY)],
        vec![LayerSpec::sparse(7, 31, 5, RELU).input_major(), LayerSpec::dense(31, 2, IDENTITY)],
        mixed,
    ]
}

fn descriptions(layers: &[LayerSpec], lanes: usize) -> Vec<Description<'_>> {
    let mut descriptions = vec![Description::training(layers, 1), Description::training(layers, lanes)];
    for batch in [1, lanes, lanes + 1, 3 * lanes + 2] {
        let training = Description::training(layers, batch).with_velocity();
        descriptions.extend([training, training.with_transposed_index(), Description::inference(layers, batch)]);
    }
    descriptions
}

fn each<const LANES: usize>(check: impl Fn(&Description<'_>)) {
    for layers in networks() {
        for description in descriptions(&layers, LANES) {
            check(&description);
        }
    }
}

macro_rules! for_every_format_and_lanes {
    ($check:ident) => {
        for_every_format_and_lanes!($check: Bytes, Narrow, Compact, Standard, Wide);
    };
    ($check:ident: $($format:ty),*) => {
        $(
            each::<1>($check::<$format, 1>);
            each::<3>($check::<$format, 3>);
            each::<16>($check::<$format, 16>);
            each::<64>($check::<$format, 64>);
        )*
    };
}

#[test]
fn the_arena_uses_the_bytes_that_were_predicted() {
    fn check<F: Format, const LANES: usize>(description: &Description<'_>) {
        let footprint = description.footprint::<F, LANES>();
        let mut memory = Memory::new(footprint.bytes());
        let network = Mlp::<F, LANES>::new(description, memory.block()).unwrap();
        assert_eq!(network.bytes(), footprint.bytes(), "{description:?}");

        // The kinds add up, and those of the model are what its slices hold.
        let mut model = [0; 4];
        let mut velocity = 0;
        for layer in network.layers() {
            let pointers = layer.csr.map_or(0, |csr| size_of_val(csr.indptr()));
            let columns = layer.csr.map_or(0, |csr| size_of_val(csr.indices()));
            let sizes = [size_of_val(layer.weights), size_of_val(layer.bias), pointers, columns];
            for (sum, size) in model.iter_mut().zip(sizes) {
                *sum += size;
            }
            velocity += size_of_val(layer.velocity) + size_of_val(layer.bias_velocity);
        }
        let predicted = [footprint.weights, footprint.biases, footprint.row_pointers, footprint.columns];
        assert_eq!(model, predicted);
        assert_eq!(velocity, footprint.velocity);
        assert_eq!(footprint.model(), model.iter().sum::<usize>());
        assert_eq!(footprint.bytes(), footprint.model() + velocity + footprint.workspace() + footprint.padding);
    }
    for_every_format_and_lanes!(check);
}

#[test]
fn a_block_one_byte_short_is_an_error_that_says_so() {
    fn check<F: Format, const LANES: usize>(description: &Description<'_>) {
        let needed = description.footprint::<F, LANES>().bytes();
        for available in [needed - 1, needed / 2, 1, 0] {
            let mut memory = Memory::new(available);
            let error = Mlp::<F, LANES>::new(description, memory.block()).unwrap_err();
            assert_eq!(error, BuildError::Arena(ArenaError::TooSmall { needed, available }));
        }
    }
    for_every_format_and_lanes!(check);
    let error = BuildError::Arena(ArenaError::TooSmall { needed: 10, available: 9 });
    assert_eq!(error.to_string(), "the memory block has 9 bytes, but 10 are needed");
}

#[test]
fn a_block_that_is_not_aligned_is_an_error() {
    fn check<F: Format, const LANES: usize>(description: &Description<'_>) {
        let footprint = description.footprint::<F, LANES>();
        let mut memory = Memory::new(footprint.bytes());
        for shift in [1, 2, 4, 16, 32] {
            let error = Mlp::<F, LANES>::new(description, memory.misaligned(shift)).err();
            if shift % footprint.align == 0 {
                assert_eq!(error, None);
            } else {
                let found = matches!(error, Some(BuildError::Arena(ArenaError::Misaligned { .. })));
                assert!(found, "shift {shift} of {}: {error:?}", footprint.align);
            }
        }
    }
    for_every_format_and_lanes!(check);
}

#[test]
fn a_longer_block_is_used_from_its_start() {
    let description = Description::training(&SENSOR, 1);
    let mut memory = Memory::new(SENSOR_BYTES + 1000);
    assert_eq!(Mlp::<Narrow, 1>::new(&description, memory.block()).unwrap().bytes(), SENSOR_BYTES);
    assert!(memory.block()[SENSOR_BYTES..].iter().all(|&byte| byte == 0xA5), "bytes beyond its own were written");
}

fn build<F: Format, const LANES: usize>(description: &Description<'_>) -> BuildError {
    let mut memory = Memory::new(1 << 20);
    let error = Mlp::<F, LANES>::new(description, memory.block()).unwrap_err();
    if !matches!(error, BuildError::TooManyLayers { .. } | BuildError::Arena(_)) {
        // What is wrong with a description is known without a block.
        assert_eq!(description.validate::<F, LANES>(), Err(error));
    }
    let sentence = error.to_string();
    assert!(sentence.len() > 15 && sentence.starts_with(|c: char| !c.is_uppercase()) && !sentence.contains('\n'));
    error
}

#[test]
fn every_wrong_description_is_named() {
    assert_eq!(build::<Narrow, 1>(&Description::training(&[], 1)), BuildError::NoLayers);

    let deep = [LayerSpec::dense(2, 2, IDENTITY); MAX_LAYERS + 1];
    let limit = MAX_LAYERS;
    assert_eq!(
        build::<Narrow, 1>(&Description::training(&deep, 1)),
        BuildError::TooManyLayers { found: limit + 1, limit }
    );

    for (n_in, n_out) in [(0, 2), (2, 0)] {
        let layers = [LayerSpec::dense(2, 2, RELU), LayerSpec { n_in, n_out, ..LayerSpec::dense(2, 2, IDENTITY) }];
        assert_eq!(build::<Narrow, 1>(&Description::training(&layers, 1)), BuildError::ZeroWidth { layer: 1 });
    }

    let layers = [LayerSpec::dense(2, 3, RELU), LayerSpec::dense(4, 2, IDENTITY)];
    let expected = BuildError::WidthMismatch { layer: 1, n_in: 4, previous_n_out: 3 };
    assert_eq!(build::<Narrow, 1>(&Description::training(&layers, 1)), expected);

    let dense = LayerSpec::dense(3, 4, IDENTITY);
    let sparse = LayerSpec::sparse(3, 4, 5, IDENTITY);
    for (spec, connections) in [(sparse, 0), (sparse, 13), (dense, 11), (dense, 13)] {
        let layers = [LayerSpec { connections, ..spec }];
        let expected = BuildError::Connections { layer: 0, connections, cells: 12 };
        assert_eq!(build::<Narrow, 1>(&Description::training(&layers, 1)), expected);
    }

    for spec in [LayerSpec { activation: RELU, ..dense }, LayerSpec::dense(1, 65_537, IDENTITY)] {
        let layers = [spec];
        assert_eq!(build::<Narrow, 1>(&Description::training(&layers, 1)), BuildError::OutputLayer { layer: 0 });
    }

    for slope in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let layers = [LayerSpec::sparse(3, 4, 6, Activation::LeakyRelu { slope }), LayerSpec::dense(4, 2, IDENTITY)];
        assert_eq!(build::<Narrow, 1>(&Description::training(&layers, 1)), BuildError::Slope { layer: 0 });
    }

    assert_eq!(build::<Narrow, 1>(&Description::training(&SENSOR, 0)), BuildError::ZeroBatch);
    let layers = [LayerSpec::sparse(3, 4, 6, Activation::BatchNormRelu), LayerSpec::dense(4, 2, IDENTITY)];
    let training = |batch| Description::training(&layers, batch);
    assert_eq!(build::<Narrow, 16>(&training(2)), BuildError::LearnedActivation { layer: 0 });
    assert_eq!(build::<Standard, 1>(&training(2).with_velocity()), BuildError::NothingToNormalise { layer: 0 });
    assert_eq!(build::<Standard, 16>(&training(1)), BuildError::NothingToNormalise { layer: 0 });
    assert_eq!(training(2).validate::<Standard, 16>(), Ok(()));
    assert_eq!(Description::inference(&layers, 1).validate::<Standard, 1>(), Ok(()));
    let expected = BuildError::NeedsVelocity { batch_size: 17, lanes: 16 };
    assert_eq!(build::<Narrow, 16>(&Description::training(&SENSOR, 17)), expected);
}

#[test]
fn formats_hold_what_they_say_and_not_one_more() {
    let needs = |layer, needed, limit| Err(BuildError::FormatTooNarrow { layer, needed, limit });
    let validate = |layer: LayerSpec| Description::training(&[layer], 1).validate::<Narrow, 1>();
    assert_eq!(validate(LayerSpec::sparse(256, 300, 9, IDENTITY)), Ok(()));
    assert_eq!(validate(LayerSpec::sparse(257, 300, 9, IDENTITY)), needs(0, 256, 255));
    assert_eq!(validate(LayerSpec::sparse(257, 256, 9, IDENTITY).input_major()), Ok(()));
    assert_eq!(validate(LayerSpec::sparse(200, 257, 9, IDENTITY).input_major()), needs(0, 256, 255));
    assert_eq!(validate(LayerSpec::sparse(256, 300, 65_535, IDENTITY)), Ok(()));
    assert_eq!(validate(LayerSpec::sparse(256, 300, 65_536, IDENTITY)), needs(0, 65_536, 65_535));

    // Counters of one byte: a row of 256 columns cannot gain all of them at once.
    let validate = |layer: LayerSpec| Description::training(&[layer], 1).validate::<Bytes, 1>();
    assert_eq!(validate(LayerSpec::sparse(256, 200, 51_000, IDENTITY)), Ok(()));
    assert_eq!(validate(LayerSpec::sparse(256, 200, 51_001, IDENTITY)), needs(0, 51_001, 51_000));
    assert_eq!(validate(LayerSpec::sparse(255, 257, 65_534, IDENTITY)), Ok(()));

    let validate = |layer: LayerSpec| Description::training(&[layer], 1).validate::<Compact, 1>();
    assert_eq!(validate(LayerSpec::sparse(65_536, 2, 65_535, IDENTITY)), Ok(()));
    assert_eq!(validate(LayerSpec::sparse(65_537, 2, 9, IDENTITY)), needs(0, 65_536, 65_535));
    let layers = [LayerSpec::sparse(65_536, 2, 65_536, IDENTITY)];
    assert_eq!(Description::training(&layers, 1).validate::<Standard, 1>(), Ok(()));
    let layers = [LayerSpec::sparse(65_537, 2, 65_536, IDENTITY)];
    let wide = Description::training(&layers, 1);
    assert_eq!(wide.validate::<Standard, 1>(), needs(0, 65_536, 65_535));
    assert_eq!(wide.validate::<Wide, 1>(), Ok(()));

    // The transposed index names output neurons in the same integer.
    let layers = [LayerSpec::sparse(9, 9, 9, RELU), LayerSpec::sparse(9, 257, 9, IDENTITY)];
    let plain = Description::training(&layers, 1);
    assert_eq!(plain.validate::<Narrow, 1>(), Ok(()));
    assert_eq!(plain.with_transposed_index().validate::<Narrow, 1>(), needs(1, 256, 255));
    // It is kept unasked above an activation that hides the sign of its sum.
    let layers = [LayerSpec { activation: Activation::all_relu(0.6, 0), ..layers[0] }, layers[1]];
    assert_eq!(Description::training(&layers, 1).validate::<Narrow, 1>(), needs(1, 256, 255));
    assert_eq!(Description::inference(&layers, 1).validate::<Narrow, 1>(), Ok(()));
}

#[test]
fn a_network_at_the_limits_of_its_format_trains() {
    let layers = [
        LayerSpec::sparse(256, 256, 65_535, RELU),
        LayerSpec::sparse(256, 256, 65_535, RELU).input_major(),
        LayerSpec::dense(256, 2, IDENTITY),
    ];
    let description = Description::training(&layers, 1).with_transposed_index();
    let mut memory = Memory::of::<Narrow, 1>(&description);
    let mut network = Mlp::<Narrow, 1>::new(&description, memory.block()).unwrap();
    network.initialise(&Portable, 1, FanIn::Connections);
    let data = rewire_tests::samples::Data::random(1, 4, 256, 2);
    let sgd = Sgd::new(0.01).unwrap();
    let evolution = Evolution::new(0.3, GrownWeight::Uniform, FanIn::Connections).unwrap();
    for epoch in 1..=2 {
        network.train_epoch(&Portable, &data.table(), &sgd, 1, epoch).unwrap();
        assert!(network.evolve(&Portable, &evolution, 1, epoch, |_, _| {}).unwrap() > 30_000);
    }
    assert!(copy(&network).iter().all(|layer| layer.as_ref().weights.iter().all(|weight| weight.is_finite())));
}

/// A sparse layer in each order, and a dense one.
fn loadable() -> [LayerSpec; 3] {
    [
        LayerSpec::sparse(6, 5, 12, RELU),
        LayerSpec::sparse(5, 4, 9, RELU).input_major(),
        LayerSpec::dense(4, 3, IDENTITY),
    ]
}

#[test]
fn load_layer_refuses_what_is_broken_and_changes_nothing() {
    let layers = loadable();
    for velocity in [false, true] {
        let mut description = Description::training(&layers, 1);
        if velocity {
            description = description.with_velocity();
        }
        let mut memory = Memory::of::<Compact, 1>(&description);
        let mut network = Mlp::<Compact, 1>::new(&description, memory.block()).unwrap();
        network.initialise(&Portable, 1, FanIn::Connections);
        let before = bits(&network);
        let good = copy(&network);
        let mut refuse = |index: usize, layer: LayerRef<'_, Compact>, expected: LoadError| {
            assert_eq!(network.load_layer(index, &layer), Err(expected), "layer {index}");
            assert!(bits(&network) == before, "layer {index} changed");
        };
        let length = |expected, found| LoadError::Structure(StructureError::Length { expected, found });

        refuse(3, good[0].as_ref(), LoadError::NoLayer { layers: 3 });
        refuse(usize::MAX, good[0].as_ref(), LoadError::NoLayer { layers: 3 });
        for (index, layer) in good.iter().enumerate() {
            let (connections, n_out) = (layer.spec.connections, layer.spec.n_out);
            let whole = layer.as_ref();
            let short = &layer.weights[1..];
            refuse(index, LayerRef { weights: short, ..whole }, length(connections, connections - 1));
            refuse(index, LayerRef { bias: &layer.bias[1..], ..whole }, length(n_out, n_out - 1));
            let expected = if velocity { connections } else { 0 };
            let wrong = vec![1.0; connections + 1];
            refuse(index, LayerRef { velocity: &wrong, ..whole }, length(expected, connections + 1));
            let expected = if velocity { n_out } else { 0 };
            let wrong = vec![1.0; n_out + 1];
            refuse(index, LayerRef { bias_velocity: &wrong, ..whole }, length(expected, n_out + 1));
        }
        for (index, layer) in good[..2].iter().enumerate() {
            let whole = layer.as_ref();
            let (nrows, ncols) = (layer.spec.nrows(), layer.spec.ncols());
            refuse(index, LayerRef { csr: None, ..whole }, length(nrows + 1, 0));

            let mut indptr = layer.indptr.clone();
            indptr.push(indptr[nrows]);
            let taller = CsrRef::new(ncols, &indptr, &layer.indices, &layer.weights).unwrap();
            refuse(index, LayerRef { csr: Some(taller), ..whole }, length(nrows + 1, nrows + 2));

            let mut indptr = layer.indptr.clone();
            let last_row = (0..nrows).rfind(|&row| indptr[row] < indptr[row + 1]).unwrap();
            for pointer in &mut indptr[last_row + 1..] {
                *pointer -= 1;
            }
            let nnz = layer.indices.len() - 1;
            let fewer = CsrRef::new(ncols, &indptr, &layer.indices[..nnz], &layer.weights[..nnz]).unwrap();
            refuse(index, LayerRef { csr: Some(fewer), ..whole }, length(nnz + 1, nnz));

            // Valid for a wider matrix, but not for this one.
            let mut indices = layer.indices.clone();
            indices[nnz] = u16::wrapping_from(ncols);
            let wider = CsrRef::new(ncols + 1, &layer.indptr, &indices, &layer.weights).unwrap();
            let expected = StructureError::Column { row: last_row, col: ncols }.into();
            refuse(index, LayerRef { csr: Some(wider), ..whole }, expected);
        }
    }
}

#[test]
fn load_layer_refuses_another_specification_and_says_what_differs() {
    // Square, so that every array of the other storage has the right length: it would load transposed.
    let layers = [LayerSpec::sparse(6, 6, 12, RELU), LayerSpec::dense(6, 3, IDENTITY)];
    let description = Description::training(&layers, 1);
    let mut memory = Memory::of::<Compact, 1>(&description);
    let mut network = Mlp::<Compact, 1>::new(&description, memory.block()).unwrap();
    network.initialise(&Portable, 1, FanIn::Connections);
    let (before, good) = (bits(&network), copy(&network));
    let whole = good[0].as_ref();
    let own = whole.spec;
    for (spec, expected) in [
        (LayerSpec { storage: Storage::InputMajor, ..own }, SpecDifference::Storage),
        (LayerSpec { activation: Activation::LeakyRelu { slope: 0.5 }, ..own }, SpecDifference::Activation),
        (LayerSpec { connections: 11, ..own }, SpecDifference::Connections),
        (LayerSpec { n_in: 7, ..own }, SpecDifference::Inputs),
        (LayerSpec { n_out: 5, ..own }, SpecDifference::Outputs),
    ] {
        let found = network.load_layer(0, &LayerRef { spec, ..whole });
        assert_eq!(found, Err(LoadError::Differs(expected)));
        assert!(bits(&network) == before, "{expected}");
    }
}

#[test]
fn a_loaded_layer_is_the_one_that_was_copied() {
    let layers = loadable();
    let description = Description::training(&layers, 1).with_velocity().with_transposed_index();
    let mut memory = Memory::of::<Compact, 1>(&description);
    let mut network = Mlp::<Compact, 1>::new(&description, memory.block()).unwrap();
    network.initialise(&Portable, 1, FanIn::Connections);
    let mut expected = copy(&network);
    for layer in &mut expected {
        layer.velocity.fill(0.25);
        layer.bias_velocity.fill(-0.5);
    }
    network.initialise(&Portable, 2, FanIn::Connections);
    for (index, layer) in expected.iter().enumerate() {
        network.load_layer(index, &layer.as_ref()).unwrap();
    }
    let all = |layers: &[LayerCopy<Compact>]| layers.iter().flat_map(LayerCopy::bits).collect::<Vec<_>>();
    assert_eq!(bits(&network), all(&expected));

    // Without velocities, they start from zero.
    for (index, layer) in expected.iter_mut().enumerate() {
        layer.velocity.fill(0.0);
        layer.bias_velocity.fill(0.0);
        let plain = LayerRef { velocity: &[], bias_velocity: &[], ..layer.as_ref() };
        network.load_layer(index, &plain).unwrap();
    }
    assert_eq!(bits(&network), all(&expected));
}
