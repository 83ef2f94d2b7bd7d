//! The gradients of a minibatch for those who do not train on it.

use crate::backend::Backend;
use crate::network::mlp::Mlp;
use crate::random::Permutation;
use crate::samples::needed::{Minibatch, Whose};
use crate::samples::source::Samples;
use crate::sparse::index::Format;
use crate::step::id::StepId;
use crate::step::pass::pass;
use crate::step::ranks::bring;
use crate::step::sgd::Sgd;

impl<F: Format, const LANES: usize, const LAYERS: usize> Mlp<'_, F, LANES, LAYERS> {
    /// Runs forward and backward over the minibatch that the step of `id` trains, without dropout and without an update; returns
    /// how many tiles then hold activations and deltas.
    pub(crate) fn take_gradients<B: Backend, S: Samples<LANES, F::Input>>(
        &mut self,
        backend: &B,
        samples: &S,
        sgd: &Sgd,
        id: StepId,
    ) -> usize {
        let start = (id.step as usize).saturating_mul(self.batch_size).min(samples.len());
        let len = (samples.len() - start).min(self.batch_size);
        let order = Permutation::new(id.seed, id.epoch, samples.len() as u32);
        let minibatch = Minibatch { order: Some(&order), start: start as u32, len };
        let training = Some((&sgd.without_dropout(), id));
        // Every rank computes all of them.
        bring(backend, samples, minibatch, Whose::Everyone);
        pass(backend, samples, &self.layers, &mut self.workspace, minibatch, training);
        len.div_ceil(LANES)
    }
}
