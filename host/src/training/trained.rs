//! A network in memory with all that its training needs to go on: its velocities, and how many epochs are done.

use rewire_core::activation::Parameters;
use rewire_core::error::TrainError;
use rewire_engine::dynamic::Network;
use rewire_engine::layer::LayerData;
use rewire_engine::native::Native;

use crate::data::Dataset;
use crate::data::arrays::{ArrayError, check, check_classes};
use crate::error::FitError;
use crate::model::safetensors::Model;
use crate::settings::{Config, ScheduleKind, TaskKind};
use crate::training::fitting::fitting_to;
use crate::training::in_memory::{TrainObserver, train};
use crate::training::session::Session;
use crate::training::task::Task;

/// A trained network that can be trained further.
#[derive(Clone, Debug, PartialEq)]
pub struct Trained {
    /// The settings of its last training.
    pub config: Config,
    /// Epochs that are done.
    pub epochs: u32,
    /// The network.
    pub model: Model,
    /// Of each layer; none where training goes on from rest.
    pub velocities: Vec<Velocities>,
}

/// The velocities of a layer; each empty where there is none.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Velocities {
    /// Of its weights.
    pub weights: Vec<f32>,
    /// Of its biases.
    pub bias: Vec<f32>,
    /// Of the parameters of its activation.
    pub activation: Vec<Parameters>,
}

impl Trained {
    /// Initialises a network and trains it to the last epoch, or until the observer ends it.
    ///
    /// # Errors
    ///
    /// Samples or settings that are wrong, a network that is larger than the memory, a loss that becomes NaN or infinite.
    pub fn fit(
        native: Native,
        config: &Config,
        dataset: Dataset<'_>,
        observer: &mut dyn TrainObserver,
    ) -> Result<Self, FitError> {
        config.validate()?;
        check(&dataset, config.task)?;
        Self::fit_checked(native, config, dataset, observer)
    }

    /// [`Trained::fit`], whose settings and samples the caller has checked, each sample by itself.
    ///
    /// # Errors
    ///
    /// As [`Trained::fit`].
    pub(crate) fn fit_checked(
        native: Native,
        config: &Config,
        dataset: Dataset<'_>,
        observer: &mut dyn TrainObserver,
    ) -> Result<Self, FitError> {
        if config.task == TaskKind::Classify {
            check_classes(&dataset.train)?;
        }
        let config = &*fitting_to(config, &dataset);
        let task = Task::new(config, dataset)?;
        let session = &Session::new(config, &task, native);
        session.with_network(|network| {
            session.initialise(network)?;
            run(session, network, 1, observer)
        })?
    }

    /// The same, for one epoch, which is not taken for the last: `n` calls with the same samples, the first of them with
    /// `before` as `None`, give the bits of a training of `n` epochs without schedules and warm-up.
    ///
    /// The scaling of the features is that of the first call.
    ///
    /// # Errors
    ///
    /// As [`Trained::fit`], and samples of other widths than before. `before` is then as it was.
    pub fn fit_epoch(
        before: Option<&Self>,
        native: Native,
        config: &Config,
        dataset: Dataset<'_>,
        observer: &mut dyn TrainObserver,
    ) -> Result<Self, FitError> {
        let done = before.map_or(0, |before| before.epochs);
        let config = &Config {
            epochs: done + 1,
            schedule: ScheduleKind::Constant,
            zeta_schedule: ScheduleKind::Constant,
            connections_schedule: ScheduleKind::Constant,
            warmup: 0,
            evolve_until: if config.evolve_until > 0.0 { 1.0 } else { 0.0 },
            ..config.clone()
        };
        config.validate()?;
        check(&dataset, config.task)?;
        let config = &*fitting_to(config, &dataset);
        let task = Task::new(config, dataset)?;
        let Some(before) = before else {
            let session = &Session::new(config, &task, native);
            return session.with_network(|network| {
                session.initialise(network)?;
                run(session, network, 1, observer)
            })?;
        };
        let (trained, found) = (before.model.widths(), task.widths());
        if trained != found {
            let ((n_features, classes), (trained_features, trained_classes)) = (found, trained);
            return Err(ArrayError::Differs { n_features, classes, trained_features, trained_classes }.into());
        }
        let task = task.scaled(before.model.normaliser.clone(), before.model.targets.clone());
        let session = &Session::new(config, &task, native);
        session.with_network(|network| {
            let layers = before.layers();
            if config.thinning().map_err(TrainError::Setting)?.is_some() {
                for (index, layer) in layers.iter().enumerate() {
                    network.give_up_room(index, layer.spec.connections);
                }
            }
            network.import(&layers)?;
            session.catch_up(network, done, None)?;
            run(session, network, done + 1, observer)
        })?
    }

    /// Its layers with their velocities.
    fn layers(&self) -> Vec<LayerData> {
        let mut layers = self.model.layers.clone();
        for (layer, velocities) in layers.iter_mut().zip(&self.velocities) {
            layer.velocity.clone_from(&velocities.weights);
            layer.bias_velocity.clone_from(&velocities.bias);
            layer.activation_velocity.clone_from(&velocities.activation);
        }
        layers
    }
}

impl Velocities {
    /// Takes those of a layer.
    fn take(layer: &mut LayerData) -> Self {
        let [weights, bias] = [&mut layer.velocity, &mut layer.bias_velocity].map(std::mem::take);
        Self { weights, bias, activation: std::mem::take(&mut layer.activation_velocity) }
    }
}

/// Trains the epochs from `next`.
fn run(
    session: &Session<'_>,
    network: &mut dyn Network,
    next: u32,
    observer: &mut dyn TrainObserver,
) -> Result<Trained, FitError> {
    let (epochs, mut layers) = train(session, network, next, observer)?;
    let velocities = layers.iter_mut().map(Velocities::take).collect();
    let model = session.task.model(Vec::new()).with_layers(layers);
    Ok(Trained { config: session.config.clone(), epochs, model, velocities })
}

#[cfg(test)]
mod tests {
    use std::ops::ControlFlow;

    use super::*;
    use crate::data::samples::{Features, Split};
    use crate::data::{DatasetName, Names};
    use crate::settings::Keep;
    use crate::settings::ModelKind;
    use crate::training::directory::Epoch;
    use crate::training::early_stopping::kept;
    use crate::training::in_memory::EpochDone;

    /// Who hears nothing.
    struct Nobody;

    impl TrainObserver for Nobody {
        fn epoch(&mut self, _epoch: &EpochDone<'_>) -> ControlFlow<()> {
            ControlFlow::Continue(())
        }
    }

    /// Who keeps the rows.
    #[derive(Default)]
    struct Rows(Vec<Epoch>);

    impl TrainObserver for Rows {
        fn epoch(&mut self, epoch: &EpochDone<'_>) -> ControlFlow<()> {
            self.0.push(*epoch.row);
            ControlFlow::Continue(())
        }
    }

    /// 40 samples of two classes.
    fn samples() -> Dataset<'static> {
        let features: Vec<f32> = (0..120u32).map(|i| (i * i % 31) as f32 / 7.0).collect();
        let labels: Vec<u16> = features.chunks(3).map(|x| u16::from(x[0] > x[1])).collect();
        let train = Split::labelled(Features::Floats(features.into()), labels);
        Dataset { name: None, shape: None, outputs: 2, names: Names::default(), train, test: Split::EMPTY }
    }

    fn config() -> Config {
        Config {
            hidden: vec![16, 16],
            epsilon: 3.0,
            batch_size: 8,
            epochs: 5,
            schedule: ScheduleKind::Constant,
            zeta_schedule: ScheduleKind::Constant,
            ..Config::defaults(DatasetName::MnistMini)
        }
    }

    fn native() -> Native {
        Native::new(1).unwrap()
    }

    fn fitted(config: &Config, dataset: Dataset<'_>) -> Trained {
        Trained::fit(native(), config, dataset, &mut Nobody).unwrap()
    }

    #[test]
    fn epochs_one_by_one_give_the_bits_of_all_at_once() {
        for model in [ModelKind::Set, ModelKind::Fixprob] {
            let config = Config { model, ..config() };
            let mut trained = None;
            for _ in 0..5 {
                trained =
                    Some(Trained::fit_epoch(trained.as_ref(), native(), &config, samples(), &mut Nobody).unwrap());
            }
            assert_eq!(trained.unwrap(), fitted(&config, samples()), "{model}");
        }
    }

    #[test]
    fn an_epoch_by_itself_removes_no_connections_by_schedule() {
        let config = Config { connections_schedule: ScheduleKind::Linear, connections_end: 0.25, ..config() };
        let step =
            |before: Option<&Trained>| Trained::fit_epoch(before, native(), &config, samples(), &mut Nobody).unwrap();
        let first = step(None);
        let count = |trained: &Trained| trained.model.layers.iter().map(|layer| layer.spec.connections).sum::<usize>();
        assert_eq!(count(&step(Some(&first))), count(&first));
    }

    #[test]
    fn weights_of_one_change_nothing_and_no_weight_is_no_sample() {
        let weighted = |weights: Vec<f32>| {
            let dataset = samples();
            Dataset { train: Split { weights: weights.into(), ..dataset.train }, ..dataset }
        };
        let plain = fitted(&config(), samples());
        assert_eq!(fitted(&config(), weighted(vec![1.0; 40])), plain);
        let heavier = fitted(&config(), weighted((0..40u8).map(|i| f32::from(1 + i % 2)).collect()));
        assert_ne!(heavier, plain);
        let fewer = fitted(&config(), weighted((0..40u8).map(|i| if i < 30 { 1.0 } else { 0.0 }).collect()));
        let dataset = samples();
        let Features::Floats(features) = &dataset.train.features else { panic!("floats") };
        let features = Features::Floats(features[..90].to_vec().into());
        let train = Split::labelled(features, dataset.train.labels[..30].to_vec());
        assert_eq!(fitted(&config(), Dataset { train, ..dataset }), fewer);
    }

    #[test]
    fn rows_in_another_order_give_the_same_bits_where_a_minibatch_holds_all() {
        let shuffled = |config: &Config| {
            let Dataset { train: Split { features, labels, .. }, .. } = samples();
            let Features::Floats(features) = features else { panic!("floats") };
            let order: Vec<usize> = (0..40).map(|i| i * 7 % 40).collect();
            let features: Vec<f32> = order.iter().flat_map(|&i| features[3 * i..][..3].to_vec()).collect();
            let labels: Vec<u16> = order.iter().map(|&i| labels[i]).collect();
            let train = Split::labelled(Features::Floats(features.into()), labels);
            fitted(config, Dataset { train, ..samples() })
        };
        let whole = Config { batch_size: 40, ..config() };
        assert_eq!(shuffled(&whole), fitted(&whole, samples()));
        // Minibatches are of the samples in their order.
        assert_ne!(shuffled(&config()), fitted(&config(), samples()));
    }

    #[test]
    fn the_network_that_is_kept_is_the_one_that_was_measured() {
        for (keep, patience) in [(Keep::Best, 0), (Keep::Best, 2), (Keep::Last, 2)] {
            let config = Config { validation_samples: 10, epochs: 30, keep, patience, learning_rate: 0.05, ..config() };
            let mut rows = Rows::default();
            let trained = Trained::fit(native(), &config, samples(), &mut rows).unwrap();
            let row = kept(&config, &rows.0).unwrap();
            assert!(row.epoch < 30, "an evolution followed");
            let task = Task::new(&config, samples()).unwrap();
            let measured = Session::new(&config, &task, native()).measure(&trained.model.layers).unwrap();
            assert_eq!(measured.loss(), row.test_loss, "{keep} {patience}");
        }
    }

    #[test]
    fn numbers_and_inputs_are_learned_from_arrays() {
        let regress = Config { task: TaskKind::Regress, dropout: 0.0, epochs: 60, ..config() };
        let dataset = samples();
        let Features::Floats(features) = &dataset.train.features else { panic!("floats") };
        let values: Vec<f32> = features.chunks(3).map(|x| x[0] - 2.0 * x[2]).collect();
        let train = Split { values: values.into(), ..dataset.train.clone() };
        let dataset = Dataset { outputs: 1, train, ..dataset };
        let mut rows = Rows::default();
        Trained::fit(native(), &regress, dataset.clone(), &mut rows).unwrap();
        assert!(rows.0[59].train_accuracy > 0.8, "{:?}", rows.0[59]);
        let mut rows = Rows::default();
        let reconstruct = Config { task: TaskKind::Reconstruct, ..regress };
        Trained::fit(native(), &reconstruct, dataset, &mut rows).unwrap();
        assert!(rows.0[59].train_accuracy > 0.5, "{:?}", rows.0[59]);
    }

    #[test]
    fn test_samples_of_another_width_are_refused() {
        let test = Split::labelled(Features::Floats(vec![0.0; 8].into()), vec![0, 1]);
        let dataset = Dataset { test, ..samples() };
        let error = Trained::fit(native(), &config(), dataset, &mut Nobody).unwrap_err().to_string();
        assert!(error.contains("the test samples have 4 features, but the training samples have 3"), "{error}");
    }

    #[test]
    fn other_samples_than_before_are_refused() {
        let trained = fitted(&config(), samples());
        let narrow = Dataset { outputs: 3, ..samples() };
        let error = Trained::fit_epoch(Some(&trained), native(), &config(), narrow, &mut Nobody).unwrap_err();
        assert!(error.to_string().contains("3 features and 3 classes"), "{error}");
    }
}
