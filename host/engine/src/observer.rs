//! An observer of a run whose network's format and tile width are known at run time only.

use std::ops::ControlFlow;

use rewire_core::network::Mlp;
use rewire_core::samples::Samples;
use rewire_core::sparse::{CsrRef, Format, Index};
use rewire_core::step::StepId;
use rewire_core::train::{Epoch, Observer, Step};

use crate::dynamic::Network;
use crate::layer::MAX_LAYERS;
use crate::minibatch::AnySamples;
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
pub(crate) struct Adapter<'a>(&'a Native, &'a mut (dyn RunObserver + Send));

impl<'a> Adapter<'a> {
    pub(crate) fn new(native: &'a Native, observer: &'a mut (dyn RunObserver + Send)) -> Self {
        Self(native, observer)
    }

    fn observe(&mut self, work: impl FnOnce(&mut dyn RunObserver) -> ControlFlow<()>) -> ControlFlow<()> {
        let Self(native, observer) = self;
        match native.ranks() {
            Some(ranks) => ranks.agree(ranks.during(false, || work(*observer))),
            None => work(*observer),
        }
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
        match native.ranks() {
            Some(ranks) => ranks.during(false, || observer.measured(epoch, network)),
            None => observer.measured(epoch, network),
        }
    }

    fn epoch(&mut self, epoch: &Epoch, network: &Mlp<'_, F, LANES, MAX_LAYERS>) -> ControlFlow<()> {
        self.observe(|observer| observer.epoch(epoch, network))
    }
}
