//! A network whose format and tile width are known at run time only.

use std::ops::ControlFlow;

use rewire_core::error::{LoadError, TrainError};
use rewire_core::network::{BlockArrays, LayerSpec, Mlp};
use rewire_core::samples::Samples;
use rewire_core::sparse::{CsrRef, Format, Index};
use rewire_core::step::{Metrics, Sgd, StepId};
use rewire_core::topology::{Evolution, FanIn, Placement, Thinning, survivors};
use rewire_core::train::{Ended, Epoch, Observer, Step, Trainer};

pub use crate::error::NetworkError;
use crate::layer::{LayerData, LayerView, MAX_LAYERS};
pub use crate::load::load_layer;
pub use crate::minibatch::{AnySamples, Minibatch};
use crate::native::Native;

/// An observer of a run that need not know the network's format and tile width: see [`Observer`].
pub trait RunObserver {
    /// After each step, and the evolution that may follow it; may end the run.
    fn step(&mut self, step: &Step<'_>, network: &dyn Network) -> ControlFlow<()>;
    /// After pruning has left `survivors` connections of a layer, in the evolution after an epoch. `cells` are their rows
    /// and columns.
    fn pruned(&mut self, layer: usize, survivors: usize, cells: &mut dyn Iterator<Item = (usize, usize)>) {
        let _ = (layer, survivors, cells);
    }
    /// Connections of a layer were replaced within an epoch.
    fn evolved(&mut self) {}
    /// The network that was measured, before the evolution after its epoch.
    fn measured(&mut self, epoch: &Epoch, network: &dyn Network) {
        let _ = (epoch, network);
    }
    /// After each epoch; may end the run.
    fn epoch(&mut self, epoch: &Epoch, network: &dyn Network) -> ControlFlow<()>;
}

/// A [`RunObserver`] as the core's. Of several ranks, each observes alone, and all end where one does.
struct Adapter<'a>(&'a Native, &'a mut (dyn RunObserver + Send));

impl Adapter<'_> {
    fn observe(&mut self, work: impl FnOnce(&mut dyn RunObserver) -> ControlFlow<()>) -> ControlFlow<()> {
        let Self(native, observer) = self;
        let flow = native.during(false, || work(*observer));
        native.ranks().map_or(flow, |ranks| ranks.agree(flow))
    }
}

impl<F: Format<Input = f32>, const LANES: usize> Observer<F, LANES, MAX_LAYERS> for Adapter<'_>
where
    for<'s> dyn AnySamples + 's: Samples<LANES>,
{
    fn step(&mut self, step: &Step<'_>, network: &Mlp<'_, F, LANES, MAX_LAYERS>) -> ControlFlow<()> {
        self.observe(|observer| observer.step(step, network))
    }

    fn pruned(&mut self, id: StepId, layer: usize, survivors: CsrRef<'_, F>) {
        // Step 0 is the evolution after an epoch.
        if id.step == 0 {
            let mut cells = survivors
                .rows()
                .enumerate()
                .flat_map(|(row, (columns, _))| columns.iter().map(move |column| (row, column.to_usize())));
            self.1.pruned(layer, survivors.nnz(), &mut cells);
        } else {
            self.1.evolved();
        }
    }

    fn measured(&mut self, epoch: &Epoch, network: &Mlp<'_, F, LANES, MAX_LAYERS>) {
        let Self(native, observer) = self;
        native.during(false, || observer.measured(epoch, network));
    }

    fn epoch(&mut self, epoch: &Epoch, network: &Mlp<'_, F, LANES, MAX_LAYERS>) -> ControlFlow<()> {
        self.observe(|observer| observer.epoch(epoch, network))
    }
}

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
        let ended = native.during(true, || trainer.run(self, native, &train, &test, &mut Adapter(native, observer)));
        if let Some(ranks) = native.ranks() {
            ranks.end();
        }
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
        let evolve = || Mlp::evolve_on(self, native, evolution, place, (&samples, sgd), |_, _| {}).map(|_| ());
        // Growth may ask for samples that other ranks have.
        native.during(true, || native.install(evolve))
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
