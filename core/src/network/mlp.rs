//! A network: the model, its optimizer state and its workspace, all cut from one block.

use heapless::Vec;

use crate::backend::Backend;
use crate::error::{BuildError, LoadError, StructureError, TrainError};
use crate::network::cut::cut;
use crate::network::description::Description;
use crate::network::model::{Layer, LayerRef, copy};
use crate::network::spec::{MAX_LAYERS, Storage};
use crate::random::Permutation;
use crate::samples::answers::{Answer, Answers, Labels, Unlabelled, Values};
use crate::samples::element::Element;
use crate::samples::one::OneSample;
use crate::samples::source::{SampleSource, Samples, Target};
use crate::sparse::blocks::{LayerBlocks, Lengths};
use crate::sparse::csr::CsrRef;
use crate::sparse::index::Format;
use crate::step::id::StepId;
use crate::step::loss::Metrics;
use crate::step::pass::{predict, predict_one};
use crate::step::ranks::evaluate;
use crate::step::sgd::Sgd;
use crate::step::tiles::Workspace;

/// A multilayer perceptron whose layers are sparse or dense, in memory that the caller owns.
///
/// `F` names the integers of its structure, `LANES` the samples in a tile: 1 on a microcontroller, 16 to 128 where
/// there are vectors. A constructed network has valid structure, and none of its steps fails or panics.
#[derive(Debug)]
pub struct Mlp<'a, F: Format, const LANES: usize, const LAYERS: usize = MAX_LAYERS> {
    pub(crate) layers: Vec<Layer<'a, F>, LAYERS>,
    pub(crate) workspace: Workspace<'a, F::Input, LANES, LAYERS>,
    pub(crate) batch_size: usize,
    pub(crate) training: bool,
    pub(crate) velocity: bool,
    pub(crate) bytes: usize,
}

impl<'a, F: Format, const LANES: usize, const LAYERS: usize> Mlp<'a, F, LANES, LAYERS> {
    /// Cuts a network from the start of `block`: all weights zero and every sparse layer empty until
    /// [`Mlp::initialise`] or [`Mlp::load_layer`].
    ///
    /// # Errors
    ///
    /// A description that is wrong (see [`Description::validate`]), or a block that is too small or misaligned; the
    /// block's contents are then unspecified.
    // Not inlined: what it builds the parts in would stay on the caller's stack.
    #[inline(never)]
    pub fn new(description: &Description<'_>, block: &'a mut [u8]) -> Result<Self, BuildError> {
        const { assert!(LANES > 0, "a tile holds at least one sample") };
        description.validate::<F, LANES>()?;
        let too_many = BuildError::TooManyLayers { found: description.layers.len(), limit: LAYERS };
        let mut layers = Vec::new();
        for &spec in description.layers {
            layers.push(Layer::empty(spec)).map_err(|_| too_many)?;
        }
        let (workspace, bytes) = cut(description, block, &mut layers)?;
        let &Description { batch_size, training, velocity, .. } = description;
        Ok(Self { layers, workspace, batch_size, training, velocity, bytes })
    }

    /// Bytes cut from the block, padding included.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Address of the first byte of the block: with [`bytes`](Self::bytes), for whoever measures memory.
    pub fn address(&self) -> usize {
        // The first layer's weights are what is cut first. In blocks, what they are drawn in comes before.
        self.layers.first().map_or(0, |Layer { spec, weights, blocks, .. }| match blocks.get() {
            Some(blocks) => {
                let words = Lengths::new(spec.n_in, spec.n_out, spec.connections).scratch;
                (blocks.weights.as_ptr() as usize).wrapping_sub(words * size_of::<u32>())
            }
            None => weights.as_ptr() as usize,
        })
    }

    /// Input width.
    pub fn n_in(&self) -> usize {
        self.layers.first().map_or(0, |layer| layer.spec.n_in)
    }

    /// Output width.
    pub fn n_out(&self) -> usize {
        self.layers.last().map_or(0, |layer| layer.spec.n_out)
    }

    /// The most samples a step takes.
    pub fn batch_size(&self) -> usize {
        self.batch_size
    }

    /// Connections of all layers.
    pub fn connections(&self) -> usize {
        self.layers.iter().map(|layer| layer.spec.connections).sum()
    }

    /// The layers, first to last.
    pub fn layers(&self) -> impl ExactSizeIterator<Item = LayerRef<'_, F>> {
        self.layers.iter().map(|layer| LayerRef {
            spec: layer.spec,
            bias: layer.bias,
            weights: layer.weights,
            csr: (!layer.indptr.is_empty()).then(|| layer.csr()),
            velocity: layer.velocity,
            bias_velocity: layer.bias_velocity,
            activation_parameters: layer.activation_parameters,
            activation_velocity: layer.activation_velocity,
        })
    }

    /// Replaces a layer's weights, biases, parameters of its activation and, unless it is dense, structure.
    ///
    /// The velocities may be empty, which sets them to zero.
    ///
    /// # Errors
    ///
    /// Another specification than the layer's own, an array of the wrong length, or structure whose invariants do not
    /// hold; the layer is then unchanged.
    pub fn load_layer(&mut self, index: usize, from: &LayerRef<'_, F>) -> Result<(), LoadError> {
        let layers = self.layers.len();
        let layer = self.layers.get_mut(index).ok_or(LoadError::NoLayer { layers })?;
        if let Some(difference) = layer.spec.difference(&from.spec) {
            return Err(LoadError::Differs(difference));
        }
        let length =
            |expected, found| if expected == found { Ok(()) } else { Err(StructureError::Length { expected, found }) };
        length(layer.weights.len(), from.weights.len())?;
        length(layer.bias.len(), from.bias.len())?;
        length(layer.activation_parameters.len(), from.activation_parameters.len())?;
        if !from.activation_velocity.is_empty() {
            length(layer.activation_velocity.len(), from.activation_velocity.len())?;
        }
        for (to, from) in [(&layer.velocity, from.velocity), (&layer.bias_velocity, from.bias_velocity)] {
            if !from.is_empty() {
                length(to.len(), from.len())?;
            }
        }
        if let Storage::OutputMajor | Storage::InputMajor = layer.spec.storage {
            let csr = from.csr.ok_or(StructureError::Length { expected: layer.indptr.len(), found: 0 })?;
            length(layer.indptr.len(), csr.indptr().len())?;
            length(layer.indices.len(), csr.indices().len())?;
            CsrRef::<F>::new(layer.spec.ncols(), csr.indptr(), csr.indices(), from.weights)?;
            copy(layer.indptr, csr.indptr());
            copy(layer.indices, csr.indices());
        }
        copy(layer.weights, from.weights);
        copy(layer.bias, from.bias);
        for (to, from) in [(&mut *layer.velocity, from.velocity), (&mut *layer.bias_velocity, from.bias_velocity)] {
            to.fill(0.0);
            copy(to, from);
        }
        copy(layer.activation_parameters, from.activation_parameters);
        layer.activation_velocity.fill([0.0; 4]);
        copy(layer.activation_velocity, from.activation_velocity);
        layer.rebuild_transposed();
        Ok(())
    }
}

impl<F: Format, const LANES: usize, const LAYERS: usize> Mlp<'_, F, LANES, LAYERS> {
    /// Trains one minibatch: samples `order.at(start)`, `order.at(start + 1)`… of up to [`Mlp::batch_size`].
    ///
    /// Returns the metrics before the update. This is what [`Trainer`](crate::train::Trainer) calls again and again.
    ///
    /// # Errors
    ///
    /// A network built for inference, or a momentum for which it has no velocity; a loss that is infinite or NaN, as that of a
    /// label is for which there is no output: the weights may then be no numbers.
    pub fn step<B: Backend, S: Samples<LANES, F::Input>>(
        &mut self,
        backend: &B,
        samples: &S,
        order: &Permutation,
        start: u32,
        sgd: &Sgd,
        id: StepId,
    ) -> Result<Metrics, TrainError> {
        self.check_training(sgd)?;
        self.check_ranks(backend)?;
        let metrics = self.train_minibatch(backend, samples, Some(order), start, sgd, id);
        TrainError::check(metrics, id)
    }

    /// Trains one sample that just arrived, such as a window of a sensor: a step of its own.
    ///
    /// Returns the metrics before the update. `features` has one number an input; those that are missing are zero. The
    /// randomness of dropout follows from `id`, and so does the step after which periodic weight decay comes: count
    /// the samples in its `step`.
    ///
    /// ```
    /// use rewire_core::prelude::*;
    ///
    /// const LAYERS: [LayerSpec; 2] =
    ///     [LayerSpec::sparse(2, 8, 12, Activation::Relu), LayerSpec::dense(8, 2, Activation::Identity)];
    /// const NETWORK: Description = Description::training(&LAYERS, 1);
    /// let mut block = Block::<{ NETWORK.bytes::<Narrow, 1>() }>::new();
    /// let mut network = Mlp::<Narrow, 1, 2>::new(&NETWORK, &mut block.0)?;
    /// network.initialise(&Portable, 1, FanIn::Connections);
    /// let sgd = Sgd::new(0.1)?;
    /// for step in 0..2000 {
    ///     let window = [(step / 2 % 2) as f32, (step % 2) as f32];
    ///     let class = u16::from(window[0] != window[1]);
    ///     let id = StepId { seed: 1, epoch: 1, step };
    ///     network.train_one(&Portable, &window, Answer::Class(class), &sgd, id)?;
    /// }
    /// assert_eq!(network.predict_one(&Portable, &[1.0, 0.0], &mut []), 1);
    /// // A sensor that failed teaches nothing.
    /// let id = StepId { seed: 1, epoch: 1, step: 2000 };
    /// assert!(network.train_one(&Portable, &[f32::NAN, 0.0], Answer::Class(0), &sgd, id).is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// A network built for inference, or a momentum for which it has no velocity; a feature or a number that is infinite or NaN; an
    /// output without a number; a label that is no output; an autoencoder with other outputs than inputs. The network is then
    /// unchanged. A loss that is infinite or NaN is no error: it is in the metrics.
    // Inlined: a program that always gives the same kind of answer contains its loss only.
    #[inline(always)]
    pub fn train_one<B: Backend>(
        &mut self,
        backend: &B,
        features: &[F::Input],
        answer: Answer<'_>,
        sgd: &Sgd,
        id: StepId,
    ) -> Result<Metrics, TrainError> {
        match answer {
            Answer::Class(label) => {
                self.train_sample(backend, &OneSample { features, answer: Labels(&[label]) }, sgd, id)
            }
            Answer::Values(values) => {
                let answer = Values { values, n_out: values.len() };
                self.train_sample(backend, &OneSample { features, answer }, sgd, id)
            }
            Answer::Input => self.train_sample(backend, &OneSample { features, answer: Unlabelled }, sgd, id),
        }
    }

    /// [`Mlp::train_one`], after its kind of answer is known.
    fn train_sample<B: Backend, A: Answers>(
        &mut self,
        backend: &B,
        sample: &OneSample<'_, F::Input, A>,
        sgd: &Sgd,
        id: StepId,
    ) -> Result<Metrics, TrainError> {
        self.check_sample(sample, sgd)?;
        Ok(self.train_minibatch(backend, sample, None, 0, sgd, id))
    }

    /// Checks that the network can be trained on a sample, and that each number of the sample is finite.
    pub(crate) fn check_sample<A: Answers>(
        &self,
        sample: &OneSample<'_, F::Input, A>,
        sgd: &Sgd,
    ) -> Result<(), TrainError> {
        self.check_training(sgd)?;
        self.check_samples(sample)?;
        if let Some(input) = sample.features.iter().position(|feature| !feature.is_finite()) {
            return Err(TrainError::Feature { input });
        }
        if A::TARGET == Target::Values
            && let Some(output) = (0..self.n_out()).find(|&output| !sample.value(0, output).is_finite())
        {
            return Err(TrainError::Value { output });
        }
        Ok(())
    }

    /// Trains every sample once, in the order of the epoch, a last partial minibatch too; connections stay where they
    /// are.
    ///
    /// Returns the metrics before each update.
    ///
    /// # Errors
    ///
    /// As [`Mlp::step`]; before the first step, a label that the network has no output for, where the source knows its labels.
    pub fn train_epoch<B: Backend, S: Samples<LANES, F::Input>>(
        &mut self,
        backend: &B,
        samples: &S,
        sgd: &Sgd,
        seed: u64,
        epoch: u32,
    ) -> Result<Metrics, TrainError> {
        self.check_training(sgd)?;
        self.check_ranks(backend)?;
        self.check_samples(samples)?;
        let (len, batch) = (samples.len() as u32, self.batch_size.max(1) as u32);
        let order = Permutation::new(seed, epoch, len);
        (0..len.div_ceil(batch)).try_fold(Metrics::default(), |metrics, step| {
            let id = StepId { seed, epoch, step };
            let metrics = metrics.merge(self.train_minibatch(backend, samples, Some(&order), step * batch, sgd, id));
            TrainError::check(metrics, id)
        })
    }

    /// Checks that the network has what training with these settings needs.
    pub(crate) fn check_training(&self, sgd: &Sgd) -> Result<(), TrainError> {
        if !self.training {
            return Err(TrainError::Inference);
        }
        if sgd.momentum() != 0.0 && !self.velocity {
            return Err(TrainError::Momentum);
        }
        if !F::OPTIONS && sgd.has_options() {
            return Err(TrainError::Option { option: "Nesterov momentum, and a clipped norm,", format: F::NAME });
        }
        Ok(())
    }

    /// Checks that the network has an output for a source's largest label, if that is known, and as many outputs as
    /// inputs where it should give its inputs.
    #[inline(always)]
    pub(crate) fn check_samples<S: SampleSource>(&self, samples: &S) -> Result<(), TrainError> {
        let (n_in, n_out) = (self.n_in(), self.n_out());
        match (samples.target(), samples.largest_label()) {
            (Target::Class, Some(label)) if usize::from(label) >= n_out => Err(TrainError::Label { label, n_out }),
            (Target::Input, _) if n_in != n_out => Err(TrainError::Reconstruction { n_in, n_out }),
            _ => Ok(()),
        }
    }

    /// Measures loss and accuracy over all samples, in order and without dropout.
    pub fn evaluate<B: Backend, S: Samples<LANES, F::Input>>(&mut self, backend: &B, samples: &S) -> Metrics {
        evaluate(backend, samples, &self.layers, &mut self.workspace, self.batch_size)
    }

    /// Computes the logits of up to [`Mlp::batch_size`] samples from `start` on and hands them over, tile by tile:
    /// `[n_out][LANES]` with the number of lanes in use. Returns how well they match what the samples say.
    pub fn predict<B: Backend, S: Samples<LANES, F::Input>>(
        &mut self,
        backend: &B,
        samples: &S,
        start: usize,
        each: impl FnMut(&[[f32; LANES]], usize),
    ) -> Metrics {
        predict(backend, samples, &self.layers, &mut self.workspace, (start, self.batch_size), each)
    }

    /// Predicts one sample: returns the class of its largest logit, and writes the logits, as far as `logits` reaches.
    ///
    /// `features` has one number an input; those that are missing are zero. Where one is infinite or NaN, so may be the
    /// logits, and the class then means nothing.
    ///
    /// ```
    /// use rewire_core::prelude::*;
    ///
    /// const LAYERS: [LayerSpec; 1] = [LayerSpec::dense(2, 3, Activation::Identity)];
    /// let mut block = Block::<256>::new();
    /// let mut network = Mlp::<Narrow, 1>::new(&Description::inference(&LAYERS, 1), &mut block.0)?;
    /// network.initialise(&Portable, 1, FanIn::Connections);
    /// let mut logits = [0.0; 3];
    /// let class = network.predict_one(&Portable, &[1.0, -1.0], &mut logits);
    /// assert!(logits.iter().all(|&logit| logit <= logits[class]));
    /// # Ok::<(), rewire_core::error::BuildError>(())
    /// ```
    pub fn predict_one<B: Backend>(&mut self, backend: &B, features: &[F::Input], logits: &mut [f32]) -> usize {
        predict_one(backend, features, &self.layers, &mut self.workspace, logits)
    }
}
