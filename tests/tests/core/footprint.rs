//! Bytes promised are bytes used, and what cannot be built says why.

use rewire_core::error::{ArenaError, BuildError};
use rewire_core::network::MAX_LAYERS;
use rewire_core::prelude::*;
use rewire_tests::memory::Memory;
use rewire_tests::structure::copy;

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
fn each_kind_of_buffer_has_the_bytes_counted_by_hand() {
    let layers = [LayerSpec::sparse(5, 3, 7, Activation::SRelu).input_major(), LayerSpec::sparse(3, 2, 4, IDENTITY)];
    let description = Description::training(&layers, 20).with_velocity().with_transposed_index();
    let f = description.footprint::<Standard, 16>();
    // Weights of 4 bytes and column indices of 2: 7 + 4. Row pointers of 4: 5 inputs and 2 outputs, and one more each.
    assert_eq!((f.weights, f.columns, f.row_pointers), (44, 22, 4 * (6 + 3)));
    // 3 + 2 biases; four parameters of each of 3 SReLU neurons; a velocity for all that is learned.
    assert_eq!((f.biases, f.activation_parameters, f.velocity), (20, 48, 44 + 20 + 48));
    // 20 samples need two tiles of 16 lanes.
    assert_eq!((f.inputs, f.activations, f.deltas, f.labels), (2 * 64 * 5, 2 * 64 * 5, 2 * 64 * 5, 2 * 2 * 16));
    // A gradient of each parameter of SReLU for each tile.
    assert_eq!(f.activation_gradients, 2 * 48);
    // The second layer by input: pointers of its 3 inputs and one more, then position and row of each connection.
    assert_eq!(f.transposed_index, 4 * 4 + 4 * 4 + 2 * 4);
    assert_eq!(f.align, 64);
    let buffers = 44 + 22 + 36 + 20 + 48 + 112 + 3 * 640 + 64 + 96 + 40;
    assert!((buffers..buffers + 8 * 64).contains(&f.bytes()), "{buffers} and {}", f.bytes());
}

#[test]
fn gradients_of_residual_connections_take_the_rows_of_the_widest_layer_that_has_some() {
    use Activation::{BatchNormRelu, BatchNormResidual};
    let layers = |activation| {
        let hidden = [(5, 3, BatchNormRelu), (3, 6, BatchNormRelu), (6, 3, activation), (3, 6, BatchNormRelu)];
        let [a, b, c, d] = hidden.map(|(n_in, n_out, activation)| LayerSpec::dense(n_in, n_out, activation));
        [a, b, c, d, LayerSpec::dense(6, 3, activation), LayerSpec::dense(3, 2, IDENTITY)]
    };
    let (with, without) = (layers(BatchNormResidual), layers(BatchNormRelu));
    let training = |layers| Description::training(layers, 20).with_velocity().footprint::<Standard, 16>();
    // Two tiles of 3 rows of 16 lanes.
    assert_eq!(training(&with).residual_gradients, 2 * 3 * 64);
    assert_eq!(training(&without).residual_gradients, 0);
    assert_eq!(Description::inference(&with, 20).footprint::<Standard, 16>().residual_gradients, 0);
}

#[test]
fn the_slices_of_a_network_have_the_predicted_bytes() {
    fn check<F: Format, const LANES: usize>(description: &Description<'_>) {
        let footprint = description.footprint::<F, LANES>();
        let mut memory = Memory::new(footprint.bytes());
        let block = memory.block();
        let inside = block.as_ptr_range();
        let network = Mlp::<F, LANES>::new(description, block).unwrap();
        let mut model = [0; 4];
        let mut velocity = 0;
        let mut ranges = Vec::new();
        for layer in network.layers() {
            let pointers = layer.csr.map_or(&[][..], |csr| csr.indptr());
            let columns = layer.csr.map_or(&[][..], |csr| csr.indices());
            let sizes = [layer.weights, layer.bias].map(size_of_val);
            let sizes = [sizes[0], sizes[1], size_of_val(pointers), size_of_val(columns)];
            for (sum, size) in model.iter_mut().zip(sizes) {
                *sum += size;
            }
            velocity += size_of_val(layer.velocity) + size_of_val(layer.bias_velocity);
            let floats = [layer.weights, layer.bias, layer.velocity, layer.bias_velocity].map(bytes_of);
            ranges.extend(floats.into_iter().chain([bytes_of(pointers), bytes_of(columns)]));
        }
        let predicted = [footprint.weights, footprint.biases, footprint.row_pointers, footprint.columns];
        assert_eq!(model, predicted, "{description:?}");
        assert_eq!(velocity, footprint.velocity, "{description:?}");

        // They lie in the block and share no byte.
        ranges.retain(|range| !range.is_empty());
        ranges.sort_by_key(|range| range.start);
        assert!(ranges.iter().all(|range| inside.start <= range.start && range.end <= inside.end), "{description:?}");
        assert!(ranges.windows(2).all(|pair| pair[0].end <= pair[1].start), "{description:?}");
    }
    for_every_format_and_lanes!(check);
}

/// Where a slice lies.
fn bytes_of<T>(slice: &[T]) -> std::ops::Range<*const u8> {
    let range = slice.as_ptr_range();
    range.start.cast()..range.end.cast()
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
    check_residual();
    let expected = BuildError::NeedsVelocity { batch_size: 17, lanes: 16 };
    assert_eq!(build::<Narrow, 16>(&Description::training(&SENSOR, 17)), expected);
}

/// What residual connections ask of the layers around.
fn check_residual() {
    use Activation::{BatchNormRelu, BatchNormResidual, Relu};
    let found = |widths: [usize; 5], activations: [Activation; 5]| {
        let layers: Vec<LayerSpec> = (0..5)
            .map(|i| LayerSpec::dense(if i == 0 { 4 } else { widths[i - 1] }, widths[i], activations[i]))
            .collect();
        Description::training(&layers, 2).validate::<Standard, 16>()
    };
    let refused = |layer| Err(BuildError::Residual { layer });
    let (norm, residual) = (BatchNormRelu, BatchNormResidual);
    assert_eq!(found([3, 5, 3, 5, 2], [norm, norm, residual, norm, IDENTITY]), Ok(()));
    assert_eq!(found([3, 3, 3, 3, 2], [norm, residual, norm, norm, IDENTITY]), refused(1));
    assert_eq!(found([3, 5, 4, 5, 2], [norm, norm, residual, norm, IDENTITY]), refused(2));
    assert_eq!(found([3, 5, 3, 5, 2], [Relu, norm, residual, norm, IDENTITY]), refused(2));
    assert_eq!(found([3, 3, 3, 3, 2], [norm, norm, residual, residual, IDENTITY]), refused(3));
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
