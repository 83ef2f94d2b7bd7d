//! The events that an observer of a run sees.

use core::ops::ControlFlow;

use crate::network::mlp::Mlp;
use crate::network::spec::MAX_LAYERS;
use crate::sparse::csr::CsrRef;
use crate::sparse::index::Format;
use crate::step::id::{Progress, StepId};
use crate::step::loss::Metrics;

/// A step that was trained, and the evolution that followed it, if one was due.
#[derive(Clone, Copy, Debug)]
pub struct Step<'a> {
    /// Its epoch, counted from 1.
    pub epoch: u32,
    /// Its number in the epoch, counted from 0.
    pub step: u32,
    /// Steps of an epoch.
    pub steps: u32,
    /// What was measured on the epoch's training samples so far, before each update; since the start of the program
    /// where the run was resumed within the epoch.
    pub trained: &'a Metrics,
}

impl Step<'_> {
    /// The position from which training continues afterwards: what a checkpoint stores.
    pub fn progress(&self) -> Progress {
        Progress { epoch: self.epoch, step: self.step + 1 }
    }

    /// Whether it is the last of its epoch, whose end follows.
    pub fn is_last(&self) -> bool {
        self.step + 1 >= self.steps
    }
}

/// An epoch that is finished, evolution included.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Epoch {
    /// Counted from 1.
    pub epoch: u32,
    /// Its learning rate.
    pub learning_rate: f32,
    /// What was measured on the training samples, before each update.
    pub trained: Metrics,
    /// What was measured on the test samples after the last update and before the evolution that follows it.
    pub measured: Metrics,
    /// Connections of the network that was measured.
    pub connections: usize,
    /// Connections replaced, within the epoch and after it.
    pub replaced: usize,
}

impl Epoch {
    /// The position from which training continues afterwards: what a checkpoint stores.
    pub fn progress(&self) -> Progress {
        Progress { epoch: self.epoch + 1, step: 0 }
    }
}

/// Sees a run as it happens; every method has a default that does nothing. `()` is an observer that does nothing.
///
/// An observer that knows the network's type is compiled into the loop; `&mut dyn Observer<…>` is one too.
pub trait Observer<F: Format, const LANES: usize, const LAYERS: usize = MAX_LAYERS> {
    /// After each step. `Break` ends the run; [`Trainer::progress`](crate::train::Trainer::progress) is then
    /// the position from which it can continue.
    fn step(&mut self, _step: &Step<'_>, _network: &Mlp<'_, F, LANES, LAYERS>) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }

    /// The connections that a layer, counted from 0, keeps in an evolution: between pruning and regrowth. `id` is that
    /// of the step which follows, or step 0 for the evolution at the end of the epoch.
    fn pruned(&mut self, _id: StepId, _layer: usize, _survivors: CsrRef<'_, F>) {}

    /// The network that was measured after the last step of an epoch: before the evolution that follows, which `epoch` does
    /// not count yet.
    fn measured(&mut self, _epoch: &Epoch, _network: &Mlp<'_, F, LANES, LAYERS>) {}

    /// After each epoch. `Break` ends the run, for instance when the test loss no longer falls.
    fn epoch(&mut self, _epoch: &Epoch, _network: &Mlp<'_, F, LANES, LAYERS>) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }
}

impl<F: Format, const LANES: usize, const LAYERS: usize> Observer<F, LANES, LAYERS> for () {}

impl<F: Format, O: Observer<F, LANES, LAYERS> + ?Sized, const LANES: usize, const LAYERS: usize>
    Observer<F, LANES, LAYERS> for &mut O
{
    fn step(&mut self, step: &Step<'_>, network: &Mlp<'_, F, LANES, LAYERS>) -> ControlFlow<()> {
        O::step(self, step, network)
    }

    fn pruned(&mut self, id: StepId, layer: usize, survivors: CsrRef<'_, F>) {
        O::pruned(self, id, layer, survivors);
    }

    fn measured(&mut self, epoch: &Epoch, network: &Mlp<'_, F, LANES, LAYERS>) {
        O::measured(self, epoch, network);
    }

    fn epoch(&mut self, epoch: &Epoch, network: &Mlp<'_, F, LANES, LAYERS>) -> ControlFlow<()> {
        O::epoch(self, epoch, network)
    }
}
