//! A step on one sample that is cut into parts, for a control loop that cannot wait for a whole one.
//!
//! The parts run the code of a whole step on some rows of a layer at a time, in the same order, so the bits are those of
//! [`Mlp::train_one`].

mod stages;

use core::ops::Range;

use crate::activation::batch_norm::{Batch, TileBatch};
use crate::backend::Backend;
use crate::error::TrainError;
use crate::network::mlp::Mlp;
use crate::network::model::{BatchOf, Layer};
use crate::random::DropoutMask;
use crate::samples::answers::{Answer, Answers, Labels, Unlabelled, Values};
use crate::samples::needed::Minibatch;
use crate::samples::one::OneSample;
use crate::sparse::index::Format;
use crate::step::backward::{backward_rows, spread_rows as spread_deltas};
use crate::step::biases::update_bias_rows;
use crate::step::forward::{TileSamples, forward_rows, spread_rows as spread_inputs};
use crate::step::id::StepId;
use crate::step::in_parts::stages::{Order, Stage};
use crate::step::loss::Metrics;
use crate::step::pass::{Measure, dropout_mask, dropout_scale};
use crate::step::sgd::{Sgd, Update};
use crate::step::update::{take_rate, update_activation, update_weights};

/// A step of training on one sample, in parts: [`Mlp::train_one_in_parts`] begins it, and
/// [`train_some`](StepInParts::train_some) goes on with it until it is done.
///
/// The network is borrowed until then. A step that is dropped before its end leaves the network valid; some of its
/// weights may then have moved.
#[derive(Debug)]
pub struct StepInParts<'n, 'a, F: Format, const LAYERS: usize> {
    network: &'n mut Mlp<'a, F, 1, LAYERS>,
    answer: Answer<'n>,
    sgd: Sgd,
    id: StepId,
    /// The factors of the update, and the learning rate that the deltas take before it.
    update: (Update, f32),
    /// What periodic weight decay leaves of a weight, if it comes after this step.
    decay: Option<f32>,
    stage: Stage,
    /// The stage's next row.
    row: usize,
    metrics: Metrics,
}

impl<'a, F: Format, const LAYERS: usize> Mlp<'a, F, 1, LAYERS> {
    /// Begins a step on one sample that is cut into parts. All parts together do what [`Mlp::train_one`] does, bit for
    /// bit.
    ///
    /// This part copies and checks the features. See [`StepInParts::train_some`] for the others.
    ///
    /// ```
    /// use rewire_core::prelude::*;
    ///
    /// const LAYERS: [LayerSpec; 2] = [
    ///     LayerSpec::sparse(12, 8, 40, Activation::Relu).input_major(),
    ///     LayerSpec::dense(8, 2, Activation::Identity),
    /// ];
    /// const NETWORK: Description = Description::training(&LAYERS, 1);
    /// let mut block = Block::<{ NETWORK.bytes::<Narrow, 1>() }>::new();
    /// let mut network = Mlp::<Narrow, 1, 2>::new(&NETWORK, &mut block.0)?;
    /// network.initialise(&Portable, 1, FanIn::Connections);
    /// let sgd = Sgd::new(0.1)?;
    /// let id = StepId { seed: 1, epoch: 1, step: 0 };
    /// let mut step = network.train_one_in_parts(&[0.5; 12], Answer::Class(1), &sgd, id)?;
    /// let metrics = loop {
    ///     // Here the control loop does what cannot wait.
    ///     if let Some(metrics) = step.train_some(&Portable, 20) {
    ///         break metrics;
    ///     }
    /// };
    /// assert_eq!(metrics.samples(), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`Mlp::train_one`]; Nesterov momentum or a clipped norm. The network is then unchanged.
    pub fn train_one_in_parts<'n>(
        &'n mut self,
        features: &[F::Input],
        answer: Answer<'n>,
        sgd: &Sgd,
        id: StepId,
    ) -> Result<StepInParts<'n, 'a, F, LAYERS>, TrainError> {
        match answer {
            Answer::Class(label) => self.begin(&OneSample { features, answer: Labels(&[label]) }, sgd)?,
            Answer::Values(values) => {
                self.begin(&OneSample { features, answer: Values { values, n_out: values.len() } }, sgd)?;
            }
            Answer::Input => self.begin(&OneSample { features, answer: Unlabelled }, sgd)?,
        }
        let update = sgd.update(1);
        // As in a whole step: without velocities, the deltas have taken the rate.
        let factors = if self.velocity { update } else { Update { rate: 1.0, ..update } };
        let mut step = StepInParts {
            network: self,
            answer,
            sgd: *sgd,
            id,
            update: (factors, update.rate),
            decay: sgd.periodic_decay(id.step),
            stage: Stage::Done,
            row: 0,
            metrics: Metrics::default(),
        };
        step.stage = step.order().forward_of(0);
        Ok(step)
    }

    /// Checks a sample and copies it into the workspace.
    fn begin<A: Answers>(&mut self, sample: &OneSample<'_, F::Input, A>, sgd: &Sgd) -> Result<(), TrainError> {
        self.check_sample(sample, sgd)?;
        self.check_no_blocks("a step in parts")?;
        if F::OPTIONS && sgd.has_options() {
            return Err(TrainError::NotInParts);
        }
        let minibatch = Minibatch { order: None, start: 0, len: 1 };
        if let Some(labels) = self.workspace.labels.first_mut() {
            let inputs = self.layers.first().map_or(0, |layer| layer.spec.n_in);
            let input = self.workspace.input.get_mut(..inputs).unwrap_or_default();
            Measure { samples: sample, minibatch, training: None }.fill(0, input, labels);
        }
        Ok(())
    }
}

impl<'a, F: Format, const LAYERS: usize> StepInParts<'_, 'a, F, LAYERS> {
    /// Goes on with the step, and returns the metrics before the update once it is done.
    ///
    /// A part visits at most `budget` connections and neurons, or one row of a layer where that has more: a row is all
    /// connections of one input of an input-major layer, of one neuron of any other. The outputs are compared with the
    /// answer in one part. On a Cortex-M4, a part takes some 1,500 instructions beside what its rows take: about 6 to 20 a
    /// connection; see `firmware/README.md` for counts.
    pub fn train_some<B: Backend>(&mut self, backend: &B, budget: usize) -> Option<Metrics> {
        let mut left = budget.max(1);
        loop {
            if self.stage == Stage::Done {
                return Some(self.metrics);
            }
            let rows = self.order().rows_within(self.stage, self.row, &mut left)?;
            let end = rows.end;
            self.run(backend, rows);
            if end == self.order().rows(self.stage) {
                (self.stage, self.row) = (self.order().next(self.stage), 0);
            } else {
                self.row = end;
            }
        }
    }

    fn order(&self) -> Order<'_, 'a, F> {
        let Mlp { layers, velocity, .. } = &*self.network;
        Order { layers, velocity: *velocity, decays: self.decay.is_some() }
    }

    /// Runs rows of the stage.
    fn run<B: Backend>(&mut self, backend: &B, rows: Range<usize>) {
        match self.stage {
            Stage::Spread(layer) | Stage::Forward(layer) => self.run_forward(backend, layer, rows),
            Stage::Loss => {
                self.metrics = match self.answer {
                    Answer::Class(label) => self.run_loss(Labels(&[label])),
                    Answer::Values(values) => self.run_loss(Values { values, n_out: values.len() }),
                    Answer::Input => self.run_loss(Unlabelled),
                }
            }
            Stage::SpreadDeltas(layer) | Stage::Backward(layer) => self.run_backward(backend, layer, rows),
            _ => self.run_update(backend, rows),
        }
    }

    fn run_forward<B: Backend>(&mut self, backend: &B, index: usize, rows: Range<usize>) {
        let spread = self.stage == Stage::Spread(index);
        let layers = self.network.layers.len();
        let mask = if spread { DropoutMask::OFF } else { dropout_mask((&self.sgd, self.id), index, layers) };
        let Mlp { layers, workspace, .. } = &mut *self.network;
        let Some(layer) = layers.get(index) else { return };
        let samples = TileSamples { first: 0, training: true, batch: batch::<F>(self.id) };
        let Some((below, tiles)) = workspace.layers.split_at_mut_checked(index) else { return };
        let Some(tile) = tiles.first_mut() else { return };
        match below.last() {
            None if spread => spread_inputs(backend, layer, rows, workspace.input, tile),
            None => forward_rows(backend, layer, rows, mask, samples, workspace.input, tile),
            Some(below) if spread => spread_inputs(backend, layer, rows, below.y, tile),
            Some(below) => forward_rows(backend, layer, rows, mask, samples, below.y, tile),
        }
    }

    fn run_loss<A: Answers>(&mut self, answer: A) -> Metrics {
        let sample = OneSample { features: &[], answer };
        let minibatch = Minibatch { order: None, start: 0, len: 1 };
        let measure =
            Measure::<OneSample<'_, F::Input, A>> { samples: &sample, minibatch, training: Some((&self.sgd, self.id)) };
        let workspace = &mut self.network.workspace;
        let (Some(output), Some(labels)) = (workspace.layers.last_mut(), workspace.labels.first()) else {
            return Metrics::default();
        };
        measure.loss(0, 1, workspace.input, labels, output.y, output.delta)
    }

    fn run_backward<B: Backend>(&mut self, backend: &B, index: usize, rows: Range<usize>) {
        let Mlp { layers, workspace, .. } = &mut *self.network;
        let Some((below, [layer, ..])) = layers.split_at_checked(index) else { return };
        let Some((tiles, above)) = workspace.layers.split_at_mut_checked(index) else { return };
        let (Some(inner), Some(tile), Some(above)) = (below.last(), tiles.last_mut(), above.first()) else { return };
        if self.stage == Stage::SpreadDeltas(index) {
            spread_deltas(backend, layer, rows, above.delta, tile);
        } else {
            let keep = dropout_scale(&self.sgd);
            backward_rows(backend, (layer, inner), rows, keep, batch::<F>(self.id), above.delta, tile);
        }
    }

    fn run_update<B: Backend>(&mut self, backend: &B, rows: Range<usize>) {
        let ((update, rate), decay) = (self.update, self.decay.unwrap_or(1.0));
        let Mlp { layers, workspace, .. } = &mut *self.network;
        let (Stage::Rate(index)
        | Stage::Biases(index)
        | Stage::Weights(index)
        | Stage::Activation(index)
        | Stage::DecayWeights(index)
        | Stage::DecayBiases(index)) = self.stage
        else {
            return;
        };
        let Some((below, tiles)) = workspace.layers.split_at_mut_checked(index) else { return };
        let (Some(layer), Some(tile)) = (layers.get_mut(index), tiles.first_mut()) else { return };
        let scale = |values: &mut [f32], rows: Range<usize>| {
            for value in values.get_mut(rows).unwrap_or_default() {
                *value *= decay;
            }
        };
        match (self.stage, below.last()) {
            (Stage::Rate(_), _) => take_rate::<F, 1>(tile, rows, rate),
            (Stage::Biases(_), _) => update_bias_rows(backend, update, layer, rows, tile.delta),
            (Stage::Weights(_), None) => {
                update_weights(backend, update, 1, layer, workspace.input, tile.delta, rows);
            }
            (Stage::Weights(_), Some(below)) => update_weights(backend, update, 1, layer, below.y, tile.delta, rows),
            (Stage::DecayWeights(_), _) => scale(layer.weights, rows),
            (Stage::DecayBiases(_), _) => scale(layer.bias, rows),
            _ => update_activation(update, 1, layer, tile.activation_gradients),
        }
    }
}

/// What activations that normalise over the samples need of a single one.
fn batch<F: Format>(id: StepId) -> BatchOf<Layer<'static, F>> {
    TileBatch::new(|| Some(Batch::new(1, 1, id.epoch, id.step)))
}
