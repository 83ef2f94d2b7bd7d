//! One epoch after the other.

use core::ops::{ControlFlow, Range};

use crate::backend::{Backend, Phase};
use crate::network::mlp::Mlp;
use crate::random::Permutation;
use crate::samples::source::Samples;
use crate::sparse::index::Format;
use crate::step::id::StepId;
use crate::step::loss::Metrics;
use crate::step::sgd::Sgd;
use crate::topology::evolve::Evolution;

impl<F: Format, const LANES: usize, const LAYERS: usize> Mlp<'_, F, LANES, LAYERS> {
    /// Trains every sample once, in a random order; a last partial minibatch is trained too.
    ///
    /// `after` sees each step, counted from 0, with the epoch's metrics so far, and may break.
    ///
    /// Returns the metrics of what was trained: `Break` when `after` ended the epoch early.
    pub fn train_epoch<B: Backend, S: Samples<LANES, F::Input>>(
        &mut self,
        backend: &B,
        samples: &S,
        sgd: &Sgd,
        seed: u64,
        epoch: u32,
        after: impl FnMut(u32, &Metrics) -> ControlFlow<()>,
    ) -> ControlFlow<Metrics, Metrics> {
        self.train_steps(backend, samples, sgd, seed, epoch, 0..u32::MAX, after)
    }

    /// As [`Mlp::train_epoch`], evolving after every `every` steps within the epoch, if that is not 0. What follows the
    /// last step is left to the caller.
    #[expect(clippy::too_many_arguments, reason = "an epoch's arguments, and how it evolves")]
    pub fn train_epoch_evolving<B: Backend, S: Samples<LANES, F::Input>>(
        &mut self,
        backend: &B,
        samples: &S,
        sgd: &Sgd,
        evolution: &Evolution,
        every: u32,
        seed: u64,
        epoch: u32,
        mut after: impl FnMut(u32, &Metrics) -> ControlFlow<()>,
    ) -> ControlFlow<Metrics, Metrics> {
        let (len, batch) = (samples.len() as u32, self.batch_size.max(1) as u32);
        let steps = len.div_ceil(batch);
        let mut metrics = Metrics::default();
        let mut start = 0;
        while start < steps {
            let end = if every == 0 { steps } else { start.saturating_add(every).min(steps) };
            let so_far = metrics;
            let part = self.train_steps(backend, samples, sgd, seed, epoch, start..end, |step, part| {
                after(step, &so_far.merge(*part))
            });
            let (ControlFlow::Continue(trained) | ControlFlow::Break(trained)) = part;
            metrics = metrics.merge(trained);
            if part.is_break() {
                return ControlFlow::Break(metrics);
            }
            start = end;
            if start < steps {
                let id = StepId { seed, epoch, step: start };
                backend.timed(Phase::Evolve, || self.evolve_at(backend, evolution, id, |_, _| {}));
            }
        }
        ControlFlow::Continue(metrics)
    }

    /// As [`Mlp::train_epoch`], some of the epoch's steps only, counted from 0; those that it does not have are left out.
    ///
    /// `after` sees the metrics of these steps.
    #[expect(clippy::too_many_arguments, reason = "an epoch's arguments, and which part of it")]
    pub fn train_steps<B: Backend, S: Samples<LANES, F::Input>>(
        &mut self,
        backend: &B,
        samples: &S,
        sgd: &Sgd,
        seed: u64,
        epoch: u32,
        steps: Range<u32>,
        mut after: impl FnMut(u32, &Metrics) -> ControlFlow<()>,
    ) -> ControlFlow<Metrics, Metrics> {
        let (len, batch) = (samples.len() as u32, self.batch_size.max(1) as u32);
        let order = Permutation::new(seed, epoch, len);
        let mut metrics = Metrics::default();
        for step in steps.start..steps.end.min(len.div_ceil(batch)) {
            let id = StepId { seed, epoch, step };
            metrics = metrics.merge(self.step(backend, samples, &order, step * batch, sgd, id));
            if after(step, &metrics).is_break() {
                return ControlFlow::Break(metrics);
            }
        }
        ControlFlow::Continue(metrics)
    }
}
