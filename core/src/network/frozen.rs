//! A network whose model is read in place, such as from flash: only its workspace takes RAM.

use heapless::Vec;

use crate::backend::Backend;
use crate::error::BuildError;
use crate::network::cut::cut;
use crate::network::description::Description;
use crate::network::model::LayerRef;
use crate::network::spec::{LayerSpec, MAX_LAYERS};
use crate::samples::source::Samples;
use crate::sparse::index::Format;
use crate::step::loss::Metrics;
use crate::step::pass::{predict, predict_one};
use crate::step::ranks::evaluate;
use crate::step::tiles::Workspace;
use crate::storage::image::Image;

/// A network that is read from an image and cannot change. It computes the same bits as the
/// [`Mlp`](crate::network::mlp::Mlp) that the image was written from.
///
/// ```
/// use rewire_core::{network::Frozen, storage::image, prelude::*};
///
/// const LAYERS: [LayerSpec; 2] =
///     [LayerSpec::sparse(2, 8, 12, Activation::Relu), LayerSpec::dense(8, 2, Activation::Identity)];
/// # #[repr(align(4))] struct Flash([u8; 512]);
/// # let mut flash = Flash([0; 512]);
/// # let mut block = Block::<{ Description::training(&LAYERS, 1).bytes::<Narrow, 1>() }>::new();
/// # let mut network = Mlp::<Narrow, 1, 2>::new(&Description::training(&LAYERS, 1), &mut block.0)?;
/// # network.initialise(&Portable, 1, FanIn::Connections);
/// # image::write(&network, &mut flash.0)?;
/// let mut workspace = Block::<{ Description::frozen(&LAYERS, 1).bytes::<Narrow, 1>() }>::new();
/// let image = image::Image::<Narrow>::new(&flash.0)?;
/// let mut frozen = Frozen::<Narrow, 1, 2>::new(&image, 1, &mut workspace.0)?;
/// let samples = Table::new(&[0.0, 1.0], &[1]).unwrap();
/// frozen.predict(&Portable, &samples, 0, |logits, _| assert_eq!(logits.len(), 2));
/// assert_eq!(frozen.bytes(), 4 * (2 + 8 + 2) + 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Frozen<'m, 'w, F: Format, const LANES: usize, const LAYERS: usize = MAX_LAYERS> {
    layers: Vec<LayerRef<'m, F>, LAYERS>,
    workspace: Workspace<'w, F::Input, LANES, LAYERS>,
    batch_size: usize,
    bytes: usize,
}

impl<'m, 'w, F: Format, const LANES: usize, const LAYERS: usize> Frozen<'m, 'w, F, LANES, LAYERS> {
    /// Reads the model from `image` in place; the workspace for up to `batch_size` samples at once comes from the start
    /// of `block`.
    ///
    /// # Errors
    ///
    /// More layers than `LAYERS`, layers that do not fit each other, or a block that is too small or misaligned.
    #[inline(never)]
    pub fn new(image: &Image<'m, F>, batch_size: usize, block: &'w mut [u8]) -> Result<Self, BuildError> {
        let too_many = BuildError::TooManyLayers { found: image.layers(), limit: LAYERS };
        let mut layers: Vec<LayerRef<'m, F>, LAYERS> = Vec::new();
        let mut specs: Vec<LayerSpec, LAYERS> = Vec::new();
        // A checked image has each of its layers.
        for layer in (0..image.layers()).filter_map(|layer| image.layer(layer).ok()) {
            specs.push(layer.spec).map_err(|_| too_many)?;
            layers.push(layer).map_err(|_| too_many)?;
        }
        let description = Description::frozen(&specs, batch_size);
        description.validate::<F, LANES>()?;
        // The model is not in the block, so there are no layers to cut.
        let (workspace, bytes) = cut::<F, LANES, LAYERS>(&description, block, &mut [])?;
        Ok(Self { layers, workspace, batch_size, bytes })
    }

    /// Bytes cut from the block, padding included; the model is not among them.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// The layers, first to last, where they lie.
    pub fn layers(&self) -> &[LayerRef<'m, F>] {
        &self.layers
    }

    /// As [`Mlp::evaluate`](crate::network::mlp::Mlp::evaluate).
    pub fn evaluate<B: Backend, S: Samples<LANES, F::Input>>(&mut self, backend: &B, samples: &S) -> Metrics {
        evaluate(backend, samples, &self.layers, &mut self.workspace, self.batch_size)
    }

    /// As [`Mlp::predict`](crate::network::mlp::Mlp::predict).
    pub fn predict<B: Backend, S: Samples<LANES, F::Input>>(
        &mut self,
        backend: &B,
        samples: &S,
        start: usize,
        each: impl FnMut(&[[f32; LANES]], usize),
    ) -> Metrics {
        predict(backend, samples, &self.layers, &mut self.workspace, (start, self.batch_size), each)
    }

    /// As [`Mlp::predict_one`](crate::network::Mlp::predict_one).
    pub fn predict_one<B: Backend>(&mut self, backend: &B, features: &[F::Input], logits: &mut [f32]) -> usize {
        predict_one(backend, features, &self.layers, &mut self.workspace, logits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ArenaError;
    use crate::prelude::*;
    use crate::storage::image::{self, hash, hash_layers};

    const LAYERS: [LayerSpec; 3] = [
        LayerSpec::sparse(9, 7, 21, Activation::Relu).input_major(),
        LayerSpec::sparse(7, 6, 20, Activation::LeakyRelu { slope: 0.5 }),
        LayerSpec::dense(6, 3, Activation::Identity),
    ];
    const NETWORK: Description = Description::training(&LAYERS, 1);
    const BYTES: usize = NETWORK.footprint::<Narrow, 1>().bytes();
    const WORKSPACE: usize = Description::frozen(&LAYERS, 1).footprint::<Narrow, 1>().bytes();

    #[repr(align(4))]
    struct Flash([u8; 1024]);

    #[test]
    fn a_frozen_network_computes_the_bits_of_the_one_it_was_written_from() {
        let (mut block, mut flash, mut workspace) =
            (Block::<BYTES>::new(), Flash([0xFF; 1024]), Block::<WORKSPACE>::new());
        let mut network = Mlp::<Narrow, 1, 3>::new(&NETWORK, &mut block.0).unwrap();
        network.initialise(&Portable, 1, FanIn::Connections);
        image::write(&network, &mut flash.0).unwrap();
        let image = Image::<Narrow>::new(&flash.0).unwrap();
        let mut frozen = Frozen::<Narrow, 1, 3>::new(&image, 1, &mut workspace.0).unwrap();
        assert_eq!((frozen.bytes(), frozen.bytes() < network.bytes()), (WORKSPACE, true));
        assert_eq!(hash_layers(frozen.layers().iter().copied()), hash(&network));

        let features: std::vec::Vec<f32> = (0..90u16).map(|i| f32::from(i * 37 % 101) / 50.0 - 1.0).collect();
        let samples = Table::new(&features, &[0, 1, 2, 0, 1, 2, 0, 1, 2, 0]).unwrap();
        assert_eq!(frozen.evaluate(&Portable, &samples), network.evaluate(&Portable, &samples));
        let mut found = [0; 3];
        frozen.predict(&Portable, &samples, 4, |logits, _| found = [0, 1, 2].map(|class| logits[class][0].to_bits()));
        network.predict(&Portable, &samples, 4, |logits, _| {
            assert_eq!([0, 1, 2].map(|class| logits[class][0].to_bits()), found);
        });
    }

    #[test]
    fn a_block_that_is_too_small_and_layers_that_are_too_many_are_errors() {
        let (mut block, mut flash, mut workspace) =
            (Block::<BYTES>::new(), Flash([0xFF; 1024]), Block::<WORKSPACE>::new());
        let mut network = Mlp::<Narrow, 1, 3>::new(&NETWORK, &mut block.0).unwrap();
        network.initialise(&Portable, 1, FanIn::Connections);
        image::write(&network, &mut flash.0).unwrap();
        let image = Image::<Narrow>::new(&flash.0).unwrap();
        let short = Frozen::<Narrow, 1, 3>::new(&image, 1, &mut workspace.0[..WORKSPACE - 1]).map(|_| ());
        assert_eq!(short, Err(ArenaError::TooSmall { needed: WORKSPACE, available: WORKSPACE - 1 }.into()));
        let many = Frozen::<Narrow, 1, 2>::new(&image, 1, &mut workspace.0).map(|_| ());
        assert_eq!(many, Err(BuildError::TooManyLayers { found: 3, limit: 2 }));
    }
}
