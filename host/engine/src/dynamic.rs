//! A network whose format and tile width are known at run time only.

use rewire_core::backend::Shares;
use rewire_core::error::{BuildError, LoadError, TrainError};
use rewire_core::network::Mlp;
use rewire_core::network::{BlockArrays, Description, Footprint};
use rewire_core::network::{LayerSpec, Storage};
use rewire_core::samples::Samples;
use rewire_core::sparse::{Format, Standard, Wide};
use rewire_core::step::{Metrics, Sgd, StepId};
use rewire_core::topology::{Evolution, FanIn, Placement, Thinning, survivors};
use rewire_core::train::{Ended, Trainer};

pub use crate::error::NetworkError;
use crate::layer::{LayerData, LayerView, MAX_LAYERS};
pub use crate::load::load_layer;
use crate::memory::with_block;
pub use crate::minibatch::{AnySamples, Minibatch};
use crate::native::Native;
use crate::observer::Adapter;
pub use crate::observer::RunObserver;

/// What a program does with a network.
pub trait Network: Send {
    /// Draws positions and weights.
    fn initialise(&mut self, native: &Native, seed: u64, fan_in: FanIn, placement: Placement);
    /// Trains to the end of the run, see [`Trainer::run`].
    ///
    /// # Errors
    ///
    /// As the core's.
    fn train(
        &mut self,
        native: &Native,
        trainer: &mut Trainer<'_>,
        train: &dyn AnySamples,
        test: &dyn AnySamples,
        observer: &mut (dyn RunObserver + Send),
    ) -> Result<Ended, TrainError>;
    /// Trains the minibatch that begins at `start`, see [`Mlp::step`].
    ///
    /// # Errors
    ///
    /// As the core's.
    fn step(
        &mut self,
        native: &Native,
        samples: &dyn AnySamples,
        minibatch: &Minibatch<'_>,
    ) -> Result<Metrics, TrainError>;
    /// Evolves every sparse layer as after an epoch of training on these samples; `place` is the seed and the epoch.
    ///
    /// # Errors
    ///
    /// As the core's.
    fn evolve(
        &mut self,
        native: &Native,
        evolution: &Evolution,
        place: (u64, u32),
        samples: (&dyn AnySamples, &Sgd),
    ) -> Result<(), TrainError>;
    /// Removes connections for good: see [`Mlp::thin`].
    ///
    /// # Errors
    ///
    /// As the core's.
    fn thin(&mut self, native: &Native, thinning: &Thinning, epoch: u32, last: u32) -> Result<(), TrainError>;
    /// Measures samples.
    fn evaluate(&mut self, native: &Native, samples: &dyn AnySamples) -> Metrics;
    /// Computes the outputs of the minibatch that begins at `start`, see [`Mlp::predict`], and hands them over tile by tile:
    /// `[n_out][lanes]`, flattened, with the number of lanes in use. Returns how well they match what the samples say.
    fn forward(
        &mut self,
        native: &Native,
        samples: &dyn AnySamples,
        start: usize,
        each: &mut (dyn FnMut(&[f32], usize) + Send),
    ) -> Metrics;
    /// Hands the outputs for every sample to `each`, in order; returns what [`Network::evaluate`] returns.
    fn predict(&mut self, native: &Native, samples: &dyn AnySamples, each: &mut (dyn FnMut(&[f32]) + Send)) -> Metrics;
    /// The layers where they lie, velocities included.
    fn views(&self) -> Vec<LayerView<'_>>;
    /// What its layers are now.
    fn specs(&self) -> Vec<LayerSpec> {
        self.views().iter().map(|layer| layer.spec).collect()
    }
    /// A copy of every layer, velocities included.
    fn export(&self) -> Vec<LayerData> {
        self.views().iter().map(LayerView::to_data).collect()
    }
    /// Hands layer, row and column of each connection to `each` that pruning the fraction `zeta` would leave of the layers
    /// that evolve, in the evolution of `id`. Percolation is left out.
    fn would_prune(&self, evolution: &Evolution, zeta: f32, id: StepId, each: &mut dyn FnMut(usize, usize, usize));
    /// Gives up room for connections that were removed for good: see [`Mlp::give_up_room`].
    fn give_up_room(&mut self, index: usize, connections: usize);
    /// Replaces a layer's weights and structure.
    ///
    /// # Errors
    ///
    /// Why it does not fit.
    fn import_layer(&mut self, index: usize, layer: &LayerData) -> Result<(), NetworkError>;
    /// Has `read` fill the arrays of a layer in blocks where they lie: see [`Mlp::read_blocks`].
    ///
    /// # Errors
    ///
    /// What `read` returns, or why it does not fit.
    fn read_blocks(
        &mut self,
        index: usize,
        read: &mut dyn FnMut(BlockArrays<'_>) -> Result<(), NetworkError>,
    ) -> Result<(), NetworkError>;
    /// Replaces every layer's weights and structure.
    ///
    /// # Errors
    ///
    /// The first layer that does not fit, and why.
    fn import(&mut self, layers: &[LayerData]) -> Result<(), NetworkError> {
        layers.iter().enumerate().try_for_each(|(index, layer)| self.import_layer(index, layer))
    }
    /// Bytes cut from the block.
    fn bytes(&self) -> usize;
    /// Address of the block's first byte.
    fn address(&self) -> usize;
}

impl<F: Format<Input = f32>, const LANES: usize> Network for Mlp<'_, F, LANES, MAX_LAYERS>
where
    for<'s> dyn AnySamples + 's: Samples<LANES>,
{
    fn initialise(&mut self, native: &Native, seed: u64, fan_in: FanIn, placement: Placement) {
        native.install(|| Mlp::initialise_placed(self, native, seed, fan_in, placement));
    }

    fn train(
        &mut self,
        native: &Native,
        trainer: &mut Trainer<'_>,
        train: &dyn AnySamples,
        test: &dyn AnySamples,
        observer: &mut (dyn RunObserver + Send),
    ) -> Result<Ended, TrainError> {
        let mut train = || trainer.run(self, native, &train, &test, &mut Adapter::new(native, observer));
        let Some(ranks) = native.ranks() else { return train() };
        let ended = ranks.during(true, train);
        ranks.end();
        ended
    }

    fn step(
        &mut self,
        native: &Native,
        samples: &dyn AnySamples,
        minibatch: &Minibatch<'_>,
    ) -> Result<Metrics, TrainError> {
        let Minibatch { order, start, sgd, id } = *minibatch;
        Mlp::step(self, native, &samples, order, start, sgd, id)
    }

    fn evolve(
        &mut self,
        native: &Native,
        evolution: &Evolution,
        place: (u64, u32),
        (samples, sgd): (&dyn AnySamples, &Sgd),
    ) -> Result<(), TrainError> {
        native.install(|| Mlp::evolve_on(self, native, evolution, place, (&samples, sgd), |_, _| {})).map(|_| ())
    }

    fn thin(&mut self, native: &Native, thinning: &Thinning, epoch: u32, last: u32) -> Result<(), TrainError> {
        native.install(|| Mlp::thin(self, native, thinning, epoch, last)).map(|_| ())
    }

    fn evaluate(&mut self, native: &Native, samples: &dyn AnySamples) -> Metrics {
        native.install(|| Mlp::evaluate(self, native, &samples))
    }

    fn forward(
        &mut self,
        native: &Native,
        samples: &dyn AnySamples,
        start: usize,
        each: &mut (dyn FnMut(&[f32], usize) + Send),
    ) -> Metrics {
        Mlp::predict(self, native, &samples, start, |logits, used| each(logits.as_flattened(), used))
    }

    fn predict(&mut self, native: &Native, samples: &dyn AnySamples, each: &mut (dyn FnMut(&[f32]) + Send)) -> Metrics {
        native.install(|| {
            let (mut metrics, mut outputs) = (Metrics::default(), Vec::new());
            for start in (0..samples.len()).step_by(self.batch_size()) {
                let minibatch = Network::forward(self, native, samples, start, &mut |logits, used| {
                    for lane in 0..used {
                        outputs.clear();
                        outputs.extend(logits.iter().skip(lane).step_by(LANES));
                        each(&outputs);
                    }
                });
                metrics = metrics.merge(minibatch);
            }
            metrics
        })
    }

    fn views(&self) -> Vec<LayerView<'_>> {
        let blocks = |(index, layer)| LayerView { blocks: self.blocks(index), ..LayerView::new(layer) };
        self.layers().enumerate().map(blocks).collect()
    }

    fn would_prune(&self, evolution: &Evolution, zeta: f32, id: StepId, each: &mut dyn FnMut(usize, usize, usize)) {
        let evolving = self.layers().len() - 1;
        let widest = self.layers().map(|layer| layer.spec.ncols()).max();
        let mut columns = vec![0.0; widest.unwrap_or_default()];
        for (index, layer) in (0..).zip(self.layers()).take(evolving) {
            if let Some(csr) = layer.csr {
                survivors(csr, evolution.pruning(), zeta, id, index, &mut columns, |row, col| {
                    each(index as usize, row, col);
                });
            }
        }
    }

    fn give_up_room(&mut self, index: usize, connections: usize) {
        Mlp::give_up_room(self, index, connections);
    }

    fn import_layer(&mut self, index: usize, layer: &LayerData) -> Result<(), NetworkError> {
        load_layer(self, index, layer)
    }

    fn read_blocks(
        &mut self,
        index: usize,
        read: &mut dyn FnMut(BlockArrays<'_>) -> Result<(), NetworkError>,
    ) -> Result<(), NetworkError> {
        Mlp::read_blocks::<Reading>(self, index, |arrays| read(arrays).map_err(Reading::Failed)).map_err(|error| {
            match error {
                Reading::Failed(error) => error,
                Reading::Refused(error) => NetworkError::Layer { layer: index, reason: error.to_string() },
            }
        })
    }

    fn bytes(&self) -> usize {
        Mlp::bytes(self)
    }

    fn address(&self) -> usize {
        Mlp::address(self)
    }
}

/// Why blocks were not read.
enum Reading {
    Failed(NetworkError),
    Refused(LoadError),
}

impl From<LoadError> for Reading {
    fn from(error: LoadError) -> Self {
        Self::Refused(error)
    }
}

/// Whether the widest layer needs four bytes a column.
fn is_wide(layers: &[LayerSpec]) -> bool {
    // A layer in blocks has narrow ones, and a dense one has none.
    let has_columns = |layer: &&LayerSpec| matches!(layer.storage, Storage::OutputMajor | Storage::InputMajor);
    layers.iter().filter(has_columns).any(|layer| layer.n_in.max(layer.n_out) > 1 << 16)
}

macro_rules! by_type {
    ($layers:expr, $lanes:expr, $F:ident, $L:ident => $body:expr) => {{
        macro_rules! with {
            ($format:ty, $width:literal) => {{
                type $F = $format;
                const $L: usize = $width;
                $body
            }};
        }
        match ($lanes, is_wide($layers)) {
            (16, false) => with!(Standard, 16),
            (64, false) => with!(Standard, 64),
            (32, false) => with!(Standard, 32),
            (128, false) => with!(Standard, 128),
            (64, true) => with!(Wide, 64),
            (_, false) => with!(Standard, 1),
            (_, true) => with!(Wide, 1),
        }
    }};
}

/// Checks that there is code for a network of these layers with tiles of this width.
///
/// # Errors
///
/// [`NetworkError::Lanes`] where there is none.
pub fn check_lanes(layers: &[LayerSpec], lanes: usize) -> Result<(), NetworkError> {
    // Wide networks have 1 and 64 lanes only: each pair of format and width is compiled for every instruction set.
    if is_wide(layers) && lanes != 1 && lanes != 64 { Err(NetworkError::Lanes { lanes }) } else { Ok(()) }
}

/// Bytes that a network will need, if [`check_lanes`] passes.
pub fn footprint(layers: &[LayerSpec], lanes: usize, description: &Description<'_>) -> Footprint {
    by_type!(layers, lanes, F, L => description.footprint::<F, L>())
}

/// What so many ranks that share the network's steps work in, send and receive.
pub fn exchanged(layers: &[LayerSpec], lanes: usize, description: &Description<'_>, ranks: usize) -> Shares {
    by_type!(layers, lanes, F, L => description.exchanged::<F, L>(ranks))
}

/// Builds a network in a block of its own and hands it to `work`.
///
/// # Errors
///
/// A description that is wrong, a tile width that there is no code for, or memory that is not there.
pub fn with_network<R>(
    layers: &[LayerSpec],
    lanes: usize,
    description: &Description<'_>,
    work: impl FnOnce(&mut dyn Network) -> R,
) -> Result<R, NetworkError> {
    check_lanes(layers, lanes)?;
    with_block(&footprint(layers, lanes, description), |block| {
        Ok(work(&mut *network_in(layers, lanes, description, block)?))
    })?
}

/// Builds a network in `block`, which is as large and aligned as [`footprint`] says.
///
/// # Errors
///
/// A description that is wrong, or another block.
// Not generic: whoever trains a network would compile every format and tile width once more.
pub fn network_in<'a>(
    layers: &[LayerSpec],
    lanes: usize,
    description: &Description<'_>,
    block: &'a mut [u8],
) -> Result<Box<dyn Network + 'a>, BuildError> {
    by_type!(layers, lanes, F, L => Ok(Box::new(Mlp::<F, L, MAX_LAYERS>::new(description, block)?)))
}
