//! Training from Rust on arrays in memory: no files, no run directory, a callback after each epoch.

use std::ops::ControlFlow;

use rewire_core::error::TrainError;
use rewire_core::train::Epoch;

use crate::data::arrays::check_split;
use crate::data::samples::Split;
use crate::data::{ArrayError, Arrays, Dataset, Names};
use crate::engine::dynamic::NetworkError;
use crate::engine::native::{Native, NoThreads};
use crate::model::safetensors::Model;
use crate::settings::{Config, Invalid, TaskKind};
use crate::training::trained::{EpochDone, TrainObserver, Trained};

/// Why a network could not be trained or used.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FitError {
    /// The samples.
    #[error("{0}")]
    Samples(#[from] ArrayError),
    /// A setting, by the name of its flag: `--batch-size` is [`Config::batch_size`].
    #[error("{0}")]
    Setting(#[from] Invalid),
    /// The network, such as one that is larger than the memory.
    #[error("{0}")]
    Network(#[from] NetworkError),
    /// The training, such as a loss that became NaN or infinite.
    #[error("{0}")]
    Train(#[from] TrainError),
    /// The system grants no threads.
    #[error("{0}")]
    Threads(#[from] NoThreads),
}

/// Trains a network on arrays in memory, on every processor.
///
/// The network is measured on `validation` after each epoch, if there is one, and `each_epoch` sees what was measured; when
/// it returns [`ControlFlow::Break`], training ends and the network is as it is then. The same settings and samples give
/// the same bits as `rewire train`, on any number of threads.
///
/// ```
/// use std::ops::ControlFlow;
///
/// use rewire::{Arrays, Config, fit};
///
/// // Exclusive or. Sixteen of its 48 connections are replaced after each epoch.
/// let samples = Arrays {
///     features: &[0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 1.0, 1.0],
///     n_features: 2,
///     labels: &[0, 1, 1, 0],
///     classes: 2,
///     ..Arrays::default()
/// };
/// let config = Config { hidden: vec![16, 16], batch_size: 4, dropout: 0.0, epochs: 300, ..Config::default() };
/// let model = fit(&config, &samples, None, |_| ControlFlow::Continue(()))?;
/// assert_eq!(model.predict(samples.features)?, samples.labels);
/// # Ok::<(), rewire::FitError>(())
/// ```
///
/// # Errors
///
/// Samples or settings that are wrong, a network that is larger than the memory, a loss that becomes NaN or infinite.
pub fn fit(
    config: &Config,
    train: &Arrays<'_>,
    validation: Option<&Arrays<'_>>,
    each_epoch: impl FnMut(&Epoch) -> ControlFlow<()> + Send,
) -> Result<Model, FitError> {
    fit_on(Native::new(0)?, config, train, validation, each_epoch)
}

/// [`fit`] with a number of threads and a SIMD level of the caller's choice.
///
/// # Errors
///
/// As [`fit`].
pub fn fit_on(
    native: Native,
    config: &Config,
    train: &Arrays<'_>,
    validation: Option<&Arrays<'_>>,
    each_epoch: impl FnMut(&Epoch) -> ControlFlow<()> + Send,
) -> Result<Model, FitError> {
    train.validate(config.task)?;
    let outputs = train.outputs(config.task);
    if let Some(validation) = validation {
        validation.validate(config.task)?;
        let (n_features, classes) = (validation.n_features, validation.outputs(config.task));
        if (n_features, classes) != (train.n_features, outputs) {
            let (trained_features, trained_classes) = (train.n_features, outputs);
            return Err(ArrayError::Differs { n_features, classes, trained_features, trained_classes }.into());
        }
    }
    let (shape, names) = (train.shape, Names::default());
    let test = validation.map_or(Split::EMPTY, Arrays::split);
    let dataset = Dataset { name: None, shape, outputs, names, train: train.split(), test };
    Ok(Trained::fit(native, config, dataset, &mut EachEpoch(each_epoch))?.model)
}

/// Checks the samples that a network is to learn.
pub(crate) fn check(dataset: &Dataset<'_>, task: TaskKind) -> Result<(), ArrayError> {
    check_split(&dataset.train, dataset.outputs, task)?;
    let n_features = dataset.features();
    if let Some(shape) = dataset.shape.filter(|shape| shape.features() != n_features) {
        return Err(ArrayError::Shape { shape, n_features });
    }
    if !dataset.test.is_empty() {
        check_split(&dataset.test, dataset.outputs, task)?;
    }
    Ok(())
}

/// Checks that the samples which a classifier is to learn are of more than one class.
pub(crate) fn check_classes(split: &Split<'_>) -> Result<(), ArrayError> {
    let weighs = |at: usize| split.weights.get(at).is_none_or(|&weight| weight > 0.0);
    let mut labels = split.labels.iter().enumerate().filter(|(at, _)| weighs(*at)).map(|(_, &label)| label);
    let first = labels.next().unwrap_or_default();
    if labels.all(|label| label == first) { Err(ArrayError::OneClass { label: first }) } else { Ok(()) }
}

/// Hands each epoch to a closure.
struct EachEpoch<C>(C);

impl<C: FnMut(&Epoch) -> ControlFlow<()> + Send> TrainObserver for EachEpoch<C> {
    fn epoch(&mut self, epoch: &EpochDone<'_>) -> ControlFlow<()> {
        (self.0)(epoch.epoch)
    }
}
