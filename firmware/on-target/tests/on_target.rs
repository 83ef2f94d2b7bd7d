//! The core on the chip itself: kernels by hand, evolution, images, errors, checkpoints.

#![no_std]
#![no_main]
#![expect(clippy::unwrap_used, reason = "a step that fails fails the test")]

use rewire_core::prelude::*;
use rewire_firmware::memory::Memory;

/// Evolves; small enough for a chip of 16 KB.
const LAYERS: [LayerSpec; 2] =
    [LayerSpec::sparse(20, 24, 150, Activation::Relu).input_major(), LayerSpec::dense(24, 4, Activation::Identity)];
const NETWORK: Description = Description::training(&LAYERS, 1);
const BYTES: usize = NETWORK.footprint::<Narrow, 1>().bytes();

type Network<'a> = Mlp<'a, Narrow, 1, 2>;

static BLOCK: Memory<BYTES> = Memory::new();
static OTHER: Memory<BYTES> = Memory::new();
static FLASH: Memory<8192> = Memory::new();

/// A network with random weights.
fn network(block: &mut [u8]) -> Network<'_> {
    let mut network = Network::new(&NETWORK, block).unwrap();
    network.initialise(&Portable, 7, FanIn::Connections);
    network
}

fn close(found: &[f32], expected: &[f32]) {
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(expected) {
        assert!((found - expected).abs() < 1e-6, "{found} instead of {expected}");
    }
}

#[embedded_test::tests]
mod tests {
    use embedded_storage::nor_flash::NorFlash;
    use rewire_core::error::{ArenaError, BuildError, SpecDifference};
    use rewire_core::network::LayerRef;
    use rewire_core::prelude::*;
    use rewire_core::sparse::CsrRef;
    use rewire_core::storage::flash::{CheckpointError, Checkpoints, Progress};
    use rewire_core::storage::image::{self, Image, ImageError, hash};
    use rewire_firmware::nor::{Nor, NorError};

    use super::{BLOCK, BYTES, FLASH, NETWORK, Network, OTHER, close, network};

    /// Two inputs, two hidden neurons, two classes; the second hidden neuron sees the second input only.
    #[test]
    fn a_step_is_the_one_by_hand() {
        let layers = [LayerSpec::sparse(2, 2, 3, Activation::Relu), LayerSpec::dense(2, 2, Activation::Identity)];
        let description = Description::training(&layers, 1);
        let mut network = Mlp::<Narrow, 1, 2>::new(&description, BLOCK.take().unwrap()).unwrap();
        let empty = |spec| LayerRef {
            spec,
            bias: &[],
            weights: &[],
            csr: None,
            velocity: &[],
            bias_velocity: &[],
            activation_parameters: &[],
            activation_velocity: &[],
        };
        let weights = [1.0, 0.5, -1.0];
        let csr = CsrRef::new(2, &[0, 2, 3], &[0, 1, 1], &weights).unwrap();
        let first = LayerRef { weights: &weights, bias: &[0.0, 0.5], csr: Some(csr), ..empty(layers[0]) };
        network.load_layer(0, &first).unwrap();
        let second = LayerRef { weights: &[1.0, -1.0, 0.5, 2.0], bias: &[0.0, 0.0], ..empty(layers[1]) };
        network.load_layer(1, &second).unwrap();

        // Forward: 1 * 2 + 0.5 * 1 = 2.5, and -1 * 1 + 0.5 < 0, which ReLU makes 0.
        let samples = Table::new(&[2.0, 1.0], &[0]).unwrap();
        network.predict(&Portable, &samples, 0, |logits, _| assert_eq!(logits, [[2.5], [1.25]]));

        // Backward: class 0 has probability 1 / (1 + exp(-1.25)) = 0.7772999, so the deltas are -+0.2227001; that of
        // the first hidden neuron is -0.2227001 * 1 + 0.2227001 * 0.5, that of the second 0.
        network.train_epoch(&Portable, &samples, &Sgd::new(0.5).unwrap(), 1, 1).unwrap();
        let mut layers = network.layers();
        let (first, second) = (layers.next().unwrap(), layers.next().unwrap());
        close(first.weights, &[1.111_35, 0.555_675, -1.0]);
        close(first.bias, &[0.055_675, 0.5]);
        close(second.weights, &[1.278_375_2, -1.0, 0.221_624_8, 2.0]);
        close(second.bias, &[0.111_350_1, -0.111_350_1]);
    }

    #[test]
    fn evolution_keeps_the_number_and_the_order_of_connections() {
        let mut network = network(BLOCK.take().unwrap());
        let evolution = Evolution::new(0.3, GrownWeight::Zero, FanIn::Connections).unwrap();
        for epoch in 1..=20 {
            let replaced = network.evolve(&Portable, &evolution, 7, epoch, |_, _| {}).unwrap();
            assert!((40..=50).contains(&replaced), "{replaced} replaced");
            let layer = network.layers().next().unwrap();
            let csr = layer.csr.unwrap();
            assert_eq!(csr.nnz(), 150);
            CsrRef::<Narrow>::new(csr.ncols(), csr.indptr(), csr.indices(), csr.values()).unwrap();
        }
    }

    #[test]
    fn an_image_goes_into_a_network_of_its_shape_only() {
        let trained = network(BLOCK.take().unwrap());
        let file = FLASH.take().unwrap();
        let len = image::write(&trained, file).unwrap();
        let file = &mut file[..len];
        let mut other = Network::new(&NETWORK, OTHER.take().unwrap()).unwrap();
        assert!(hash(&other) != hash(&trained));
        Image::new(file).and_then(|image| image.load(&mut other)).unwrap();
        assert_eq!(hash(&other), hash(&trained));

        let refused = |file: &[u8]| Image::<Narrow>::new(file).map(|_| ()).unwrap_err();
        assert_eq!(refused(&file[..len - 4]), ImageError::Cut { needed: len, available: len - 4 });
        assert_eq!(refused(&[]), ImageError::Foreign);
        for (at, expected) in
            [(0, ImageError::Foreign), (4, ImageError::Version { found: 0 }), (100, ImageError::Checksum)]
        {
            file[at] ^= 1;
            assert_eq!(refused(file), expected);
            file[at] ^= 1;
        }
        assert!(matches!(Image::<Standard>::new(file), Err(ImageError::Format { image: [1, 2], .. })));
    }

    #[test]
    fn an_image_of_another_shape_is_refused() {
        let trained = network(BLOCK.take().unwrap());
        let file = FLASH.take().unwrap();
        let len = image::write(&trained, file).unwrap();
        let layers = [LayerSpec::sparse(20, 24, 149, Activation::Relu).input_major(), super::LAYERS[1]];
        let mut other = Network::new(&Description::training(&layers, 1), OTHER.take().unwrap()).unwrap();
        let loaded = Image::new(&file[..len]).and_then(|image| image.load(&mut other));
        assert_eq!(loaded, Err(ImageError::Differs { layer: 0, what: SpecDifference::Connections }));
    }

    #[test]
    fn what_cannot_be_built_is_an_error() {
        let block = BLOCK.take().unwrap();
        let short = Network::new(&NETWORK, &mut block[..BYTES - 1]).map(|_| ());
        let too_small = ArenaError::TooSmall { needed: BYTES, available: BYTES - 1 };
        assert_eq!(short, Err(BuildError::Arena(too_small)));
        let layers = [LayerSpec::dense(3, 4, Activation::Relu), LayerSpec::dense(5, 2, Activation::Identity)];
        let wrong = Network::new(&Description::training(&layers, 1), block).map(|_| ());
        assert_eq!(wrong, Err(BuildError::WidthMismatch { layer: 1, n_in: 5, previous_n_out: 4 }));
    }

    #[test]
    fn a_checkpoint_that_is_damaged_leaves_the_one_before() {
        let mut network = network(BLOCK.take().unwrap());
        let memory = FLASH.take().unwrap();
        let first = hash(&network);
        let mut checkpoints = Checkpoints::new(Nor::new(&mut *memory, 2), &network).unwrap();
        assert_eq!(checkpoints.resume(&mut network), Err(CheckpointError::Empty));
        checkpoints.save(&network, Progress { epoch: 1, step: 10 }).unwrap();
        network.initialise(&Portable, 8, FanIn::Connections);
        let second = hash(&network);
        checkpoints.save(&network, Progress { epoch: 2, step: 0 }).unwrap();

        network.initialise(&Portable, 9, FanIn::Connections);
        let mut checkpoints = Checkpoints::new(Nor::new(&mut *memory, 2), &network).unwrap();
        assert_eq!(checkpoints.resume(&mut network), Ok(Progress { epoch: 2, step: 0 }));
        assert_eq!(hash(&network), second);

        memory[4096 + 300] ^= 1;
        let mut checkpoints = Checkpoints::new(Nor::new(&mut *memory, 2), &network).unwrap();
        assert_eq!(checkpoints.resume(&mut network), Ok(Progress { epoch: 1, step: 10 }));
        assert_eq!(hash(&network), first);

        let small = Checkpoints::new(Nor::new(&mut *memory, 1), &network).map(|_| ());
        assert_eq!(small.unwrap_err(), CheckpointError::TooSmall { needed: 8192, available: 4096 });
    }

    #[test]
    fn flash_gains_ones_by_erasing_alone() {
        let mut flash = Nor::new(FLASH.take().unwrap(), 2);
        flash.erase(0, 8192).unwrap();
        flash.write(100, &[0xF0; 8]).unwrap();
        flash.write(100, &[0x30; 8]).unwrap();
        assert_eq!(flash.write(96, &[0x31; 8]), Err(NorError::NotErased { offset: 100 }));
        assert!(matches!(flash.write(98, &[0; 4]), Err(NorError::Place(_))));
        assert!(matches!(flash.erase(100, 4096), Err(NorError::Place(_))));
    }
}
