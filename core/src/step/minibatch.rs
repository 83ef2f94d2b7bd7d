//! A step: the pass over a minibatch, then the update.

use crate::backend::{Backend, Exchange, Phase};
use crate::error::{SettingError, TrainError};
use crate::network::mlp::Mlp;
use crate::network::model::Layer;
use crate::random::Permutation;
use crate::samples::needed::Minibatch;
use crate::samples::source::Samples;
use crate::sparse::index::Format;
use crate::step::fused::train_fused;
use crate::step::id::StepId;
use crate::step::look_ahead::move_along;
use crate::step::loss::Metrics;
use crate::step::owners::update_on_ranks;
use crate::step::ranks::{exchange_of, shared_pass};
use crate::step::sgd::Sgd;
use crate::step::update::{take_rate, update_layers};

impl<F: Format, const LANES: usize, const LAYERS: usize> Mlp<'_, F, LANES, LAYERS> {
    /// Checks that each of the backend's ranks has a tile of a minibatch.
    pub(crate) fn check_ranks<B: Backend>(&self, backend: &B) -> Result<(), TrainError> {
        match exchange_of(backend).map(Exchange::ranks) {
            // A setting, not a reason of its own, whose words a chip would store.
            Some(ranks) if ranks > self.batch_size.div_ceil(LANES) => {
                let expected = "at most as many as a minibatch has tiles";
                Err(TrainError::Setting(SettingError { name: "number of ranks", value: ranks as f32, expected }))
            }
            Some(_) => self.check_no_blocks("several ranks"),
            None => Ok(()),
        }
    }

    /// [`Mlp::step`], checked by the caller.
    pub(crate) fn train_minibatch<B: Backend, S: Samples<LANES, F::Input>>(
        &mut self,
        backend: &B,
        samples: &S,
        order: Option<&Permutation>,
        start: u32,
        sgd: &Sgd,
        id: StepId,
    ) -> Metrics {
        let rest = samples.len().saturating_sub(start as usize);
        let batch = rest.min(self.batch_size);
        let minibatch = Minibatch { order, start, len: batch };
        if self.has_blocks() {
            return train_fused(backend, samples, &mut self.layers, &mut self.workspace, minibatch, (sgd, id));
        }
        let metrics = shared_pass(backend, samples, &self.layers, &mut self.workspace, minibatch, Some((sgd, id)));
        if batch > 0 {
            let tiles = batch.div_ceil(LANES);
            let workspace = &mut self.workspace;
            let mut update = sgd.update(batch);
            if LANES == 1 && !self.velocity {
                // A single sample's deltas take the learning rate once, not at every connection.
                for tile in &mut workspace.layers {
                    take_rate::<F, LANES>(tile, 0..tile.delta.len(), update.rate);
                }
                update.rate = 1.0;
            }
            let (layers, input) = (&mut self.layers, &*workspace.input);
            let look_ahead = sgd.look_ahead().filter(|_| F::OPTIONS);
            let begin = |layers: &mut [_]| {
                if let Some(momentum) = look_ahead {
                    move_along(backend, layers, -momentum);
                }
            };
            let end = |layers: &mut [Layer<'_, F>]| {
                if let Some(factor) = sgd.periodic_decay(id.step) {
                    for layer in layers.iter_mut() {
                        layer.decay(factor);
                    }
                }
                if let Some(momentum) = look_ahead {
                    move_along(backend, layers, momentum);
                }
            };
            if let Some(exchange) = exchange_of(backend) {
                begin(layers);
                update_on_ranks(backend, exchange, update, tiles, layers, input, &workspace.layers);
                end(layers);
            } else {
                backend.timed(Phase::Update, || {
                    begin(layers);
                    update_layers(backend, update, tiles, layers, input, &workspace.layers);
                    end(layers);
                });
            }
        }
        metrics
    }
}
