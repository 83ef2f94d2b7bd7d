//! Training from Rust on arrays in memory: no files, no run directory, a callback after each epoch.

use std::ops::ControlFlow;

use rewire_core::train::Epoch;
use rewire_engine::native::Native;

use crate::data::samples::Split;
use crate::data::{ArrayError, Arrays, Dataset, Names};
use crate::error::FitError;
use crate::model::safetensors::Model;
use crate::settings::Config;
use crate::training::in_memory::{EpochDone, TrainObserver};
use crate::training::trained::Trained;

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
    config.validate()?;
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
    Ok(Trained::fit_checked(native, config, dataset, &mut EachEpoch(each_epoch))?.model)
}

/// Hands each epoch to a closure.
struct EachEpoch<C>(C);

impl<C: FnMut(&Epoch) -> ControlFlow<()> + Send> TrainObserver for EachEpoch<C> {
    fn epoch(&mut self, epoch: &EpochDone<'_>) -> ControlFlow<()> {
        (self.0)(epoch.epoch)
    }
}
