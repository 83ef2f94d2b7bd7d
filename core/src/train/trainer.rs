//! The order of a run.

use core::ops::ControlFlow;

use crate::backend::{Backend, Phase};
use crate::error::{SampleSet, SettingError, TrainError};
use crate::network::mlp::Mlp;
use crate::random::Permutation;
use crate::samples::source::Samples;
use crate::sparse::csr::CsrRef;
use crate::sparse::index::Format;
use crate::step::id::{Progress, StepId};
use crate::step::loss::Metrics;
use crate::step::sgd::Sgd;
use crate::topology::evolve::{Evolution, evolve_layers};
use crate::topology::thin::{Thinning, thin_layers};
use crate::train::observer::{Epoch, Observer, Step};
use crate::train::settings::TrainSettings;

/// How a run ended that did not fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Ended {
    /// All epochs are done.
    Finished,
    /// The observer ended it; [`Trainer::progress`] is the position from which it can continue.
    Stopped,
}

/// A run of training: its settings, and where it is.
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
/// let samples = Table::new(&[0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 1.0, 1.0], &[0, 1, 1, 0]).unwrap();
///
/// let settings = TrainSettings::new(500, Sgd::new(0.1)?);
/// let mut trainer = Trainer::new(&settings)?;
/// // No test samples, no observer.
/// assert_eq!(trainer.run(&mut network, &Portable, &samples, &(), &mut ())?, Ended::Finished);
/// assert_eq!(network.evaluate(&Portable, &samples).accuracy(), 1.0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Trainer<'s> {
    settings: &'s TrainSettings,
    thinning: Option<&'s Thinning>,
    at: Progress,
    /// Of the current epoch.
    trained: Metrics,
    replaced: usize,
}

impl<'s> Trainer<'s> {
    /// A run that starts at the first step of the first epoch.
    ///
    /// # Errors
    ///
    /// As [`TrainSettings::validate`].
    #[inline]
    pub fn new(settings: &'s TrainSettings) -> Result<Self, SettingError> {
        settings.validate()?;
        Ok(Self { settings, thinning: None, at: Progress::START, trained: Metrics::default(), replaced: 0 })
    }

    /// The same run, which removes connections for good before the evolutions that follow epochs; `None` keeps their number.
    // No part of the settings: a chip, which keeps all connections, would have them on its stack.
    #[must_use]
    pub fn with_thinning(mut self, thinning: Option<&'s Thinning>) -> Self {
        self.thinning = thinning;
        self
    }

    /// The same run, continued from a position at which the network was saved.
    ///
    /// All that is random follows from the seed and the step, so the bits are those of a run that was never
    /// interrupted.
    #[must_use]
    pub fn starting_at(mut self, progress: Progress) -> Self {
        self.at = progress;
        self
    }

    /// The position from which training continues.
    pub fn progress(&self) -> Progress {
        self.at
    }

    /// Trains from where the run is to the end of its last epoch, or until the observer ends it.
    ///
    /// `test` is measured after every epoch; `&()` where there is nothing to measure.
    ///
    /// # Errors
    ///
    /// A network that was built for inference, or for less than the settings ask for; labels that it has no output for,
    /// where the source knows them; an autoencoder with other outputs than inputs; an evolution or a thinning that the format or
    /// layers in blocks do not know; a loss that is infinite or NaN, on either set of samples.
    // Inlined where it is called, which in most programs is one place: what the settings leave out is then left out.
    #[inline]
    pub fn run<F, B, S, T, O, const LANES: usize, const LAYERS: usize>(
        &mut self,
        network: &mut Mlp<'_, F, LANES, LAYERS>,
        backend: &B,
        train: &S,
        test: &T,
        observer: &mut O,
    ) -> Result<Ended, TrainError>
    where
        F: Format,
        B: Backend,
        S: Samples<LANES, F::Input>,
        T: Samples<LANES, F::Input>,
        O: Observer<F, LANES, LAYERS> + ?Sized,
    {
        network.check_training(&self.settings.sgd)?;
        network.check_ranks(backend)?;
        if self.thinning.is_some() {
            network.check_no_blocks(Thinning::NAME)?;
        }
        network.check_samples(train)?;
        network.check_samples(test)?;
        if let Some(evolution) = &self.settings.evolution {
            network.check_evolution(evolution, true)?;
        }
        while self.at.epoch <= self.settings.epochs {
            if self.epoch(network, backend, train, test, observer)?.is_break() {
                return Ok(Ended::Stopped);
            }
        }
        Ok(Ended::Finished)
    }

    /// The rest of an epoch.
    #[inline(always)]
    fn epoch<F, B, S, T, O, const LANES: usize, const LAYERS: usize>(
        &mut self,
        network: &mut Mlp<'_, F, LANES, LAYERS>,
        backend: &B,
        train: &S,
        test: &T,
        observer: &mut O,
    ) -> Result<ControlFlow<()>, TrainError>
    where
        F: Format,
        B: Backend,
        S: Samples<LANES, F::Input>,
        T: Samples<LANES, F::Input>,
        O: Observer<F, LANES, LAYERS> + ?Sized,
    {
        let (settings, epoch) = (self.settings, self.at.epoch);
        let learning_rate = settings.learning_rate(epoch);
        let evolution = settings.evolution.as_ref().filter(|_| settings.evolves(epoch));
        let zeta = settings.zeta(epoch);
        let diverged = |samples, step| TrainError::Diverged { samples, epoch, step };

        // Inlined: a chip would have its variables on the stack once more.
        let steps = backend.timed(
            Phase::Steps,
            #[inline(always)]
            || {
                let sgd = settings.sgd.at_rate(learning_rate);
                let (len, batch) = (train.len() as u32, network.batch_size().max(1) as u32);
                let (steps, order) = (len.div_ceil(batch), Permutation::new(settings.seed, epoch, len));
                let every = if evolution.is_some() { settings.evolve_every } else { 0 };
                // Not a remainder in each step: not every chip can divide.
                let mut next =
                    self.at.step.checked_div(every).map_or(u32::MAX, |done| (done + 1).saturating_mul(every));
                while self.at.step < steps {
                    let step = self.at.step;
                    let id = StepId { seed: settings.seed, epoch, step };
                    let metrics = network.train_minibatch(backend, train, Some(&order), step * batch, &sgd, id);
                    self.trained = self.trained.merge(metrics);
                    if !self.trained.is_finite() {
                        return Err(diverged(SampleSet::Training, step));
                    }
                    self.at.step = step + 1;
                    if self.at.step == next && self.at.step < steps {
                        next = next.saturating_add(every);
                        let id = StepId { step: self.at.step, ..id };
                        self.replaced += evolve(network, backend, evolution, zeta, id, (train, &sgd), observer);
                    }
                    if observer.step(&Step { epoch, step, steps, trained: &self.trained }, network).is_break() {
                        return Ok(None);
                    }
                }
                Ok(Some(steps))
            },
        )?;
        let Some(steps) = steps else { return Ok(ControlFlow::Break(())) };

        let measured = backend.timed(Phase::Evaluate, || network.evaluate(backend, test));
        if !measured.is_finite() {
            return Err(diverged(SampleSet::Test, steps));
        }
        let (connections, trained) = (network.connections(), self.trained);
        let finished = Epoch { epoch, learning_rate, trained, measured, connections, replaced: self.replaced };
        observer.measured(&finished, network);
        // Step 0: within the epoch, evolutions precede steps from 1 on.
        let id = StepId { seed: settings.seed, epoch, step: 0 };
        if let (Some(thinning), Some(_)) = (self.thinning, evolution) {
            thin_layers(network, backend, thinning, epoch, settings.last_evolution());
        }
        self.replaced += evolve(network, backend, evolution, zeta, id, (train, &settings.sgd), observer);
        let finished = Epoch { replaced: self.replaced, ..finished };
        (self.at, self.trained, self.replaced) = (finished.progress(), Metrics::default(), 0);
        Ok(observer.epoch(&finished, network))
    }
}

/// Replaces connections, if they are replaced in this epoch; returns how many.
// Inlined: the settings then do not have to be in memory, and what they leave out is not linked.
#[inline(always)]
fn evolve<'a, F, B, S, O, const LANES: usize, const LAYERS: usize>(
    network: &mut Mlp<'a, F, LANES, LAYERS>,
    backend: &B,
    evolution: Option<&Evolution>,
    zeta: f32,
    id: StepId,
    (samples, sgd): (&S, &Sgd),
    observer: &mut O,
) -> usize
where
    F: Format,
    B: Backend,
    S: Samples<LANES, F::Input>,
    O: Observer<F, LANES, LAYERS> + ?Sized,
{
    let Some(evolution) = evolution else { return 0 };
    let pruned = |layer, survivors: CsrRef<'_, F>| observer.pruned(id, layer, survivors);
    let gradients = |network: &mut Mlp<'a, F, LANES, LAYERS>| network.take_gradients(backend, samples, sgd, id);
    backend.timed(Phase::Evolve, || evolve_layers(network, backend, evolution, zeta, id, gradients, pruned))
}
