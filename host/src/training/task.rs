//! What a network is trained and measured on: the samples that the settings draw of a dataset, and how they are scaled.

use std::borrow::Cow;

use rewire_core::step::{Metrics, WeightDecay};
use rewire_engine::layer::LayerView;

use crate::data::normaliser::Normaliser;
use crate::data::samples::{Features, Split};
use crate::data::source::{Source, draw};
use crate::data::{Dataset, DatasetName, ImageShape};
use crate::model::safetensors::ModelView;
use crate::settings::{
    ClassWeights, Config, DecayKind, FilterKind, GrowthKind, Invalid, ModelKind, TaskKind, TopologyKind,
};

/// Streams of the draws of samples.
const TRAIN_STREAM: u32 = 0;
const TEST_STREAM: u32 = 1;
const VALIDATION_STREAM: u32 = 2;

/// The samples that a run trains on and is measured on.
#[derive(Debug)]
pub struct Task<'a> {
    dataset: Dataset<'a>,
    filter: FilterKind,
    normaliser: Normaliser,
    train: Vec<u32>,
    test: Vec<u32>,
    /// Whether what is measured was held out from the training samples.
    validation: bool,
    kind: TaskKind,
    /// From numbers to learn to outputs.
    targets: Normaliser,
    /// Of each class in training; empty where all weigh the same.
    weights: Vec<f32>,
    /// Mean squared distance of what is to be given from its mean, over the training samples and over the measured ones.
    spreads: [f64; 2],
}

impl<'a> Task<'a> {
    /// Draws the samples that the settings ask for.
    ///
    /// # Errors
    ///
    /// When there are not as many as asked for, or the settings need images and these are none.
    pub fn new(config: &Config, dataset: Dataset<'a>) -> Result<Self, Invalid> {
        check(config, &dataset)?;
        let dataset = dataset.filtered(config.filter())?;
        let (mut train, validation) = split_samples(config, dataset.train.len());
        // A sample without weight is one that is not there.
        train.retain(|&index| dataset.train.weights.get(index as usize).is_none_or(|&weight| weight > 0.0));
        // A minibatch of all samples has no order: the same rows in another order must give the same bits.
        if train.len() <= config.batch_size {
            train.sort_by(|&a, &b| dataset.train.compare(a as usize, b as usize));
        }
        let held_out = config.validation_samples;
        let test = if held_out > 0 {
            validation
        } else {
            draw(config.seed, TEST_STREAM, dataset.test.len(), config.test_samples)
        };
        let normaliser = Normaliser::fit(config.scaling, &dataset.train, &train);
        let targets = Normaliser::of_values(&dataset.train, &train);
        let weights = match config.class_weights {
            ClassWeights::Balanced if config.task == TaskKind::Classify => {
                balanced(&dataset.train.labels, &train, dataset.outputs)
            }
            ClassWeights::None | ClassWeights::Balanced => Vec::new(),
        };
        let validation = held_out > 0;
        let (filter, kind, spreads) = (config.filter(), config.task, [0.0; 2]);
        let mut task = Self { dataset, filter, normaliser, train, test, validation, kind, targets, weights, spreads };
        task.spreads = task.spreads();
        Ok(task)
    }

    /// The same samples, scaled as a network that is trained further was.
    #[must_use]
    pub fn scaled(mut self, normaliser: Normaliser, targets: Normaliser) -> Self {
        (self.normaliser, self.targets) = (normaliser, targets);
        self.spreads = self.spreads();
        self
    }

    fn spreads(&self) -> [f64; 2] {
        [(&self.dataset.train, &self.train), (self.measured(), &self.test)]
            .map(|(split, indices)| self.spread(split, indices))
    }

    /// Mean squared distance of what is to be given, as outputs have it, from its mean over some samples.
    fn spread(&self, split: &Split<'_>, indices: &[u32]) -> f64 {
        let outputs = match self.kind {
            TaskKind::Classify => return 0.0,
            TaskKind::Regress => self.targets.mean.len(),
            TaskKind::Reconstruct => split.width(),
        };
        let (mut sums, mut squares) = (vec![0.0f64; outputs], vec![0.0f64; outputs]);
        let mut add = |output: usize, value: f32| {
            sums[output] += f64::from(value);
            squares[output] += f64::from(value) * f64::from(value);
        };
        for &index in indices {
            let index = index as usize;
            if self.kind == TaskKind::Regress {
                let row = &split.values[index * outputs..][..outputs];
                row.iter().enumerate().for_each(|(at, &value)| add(at, self.targets.apply(at, value)));
            } else {
                split.each_feature(index, |at, value| add(at, self.normaliser.apply(at, value)));
            }
        }
        let n = indices.len().max(1) as f64;
        let variance = sums.iter().zip(&squares).map(|(sum, square)| (square / n - (sum / n).powi(2)).max(0.0));
        variance.sum::<f64>() / outputs.max(1) as f64
    }

    /// How well samples were learned: the accuracy of a classifier, else R², the fraction of the variance that outputs explain.
    /// `trained` says which samples were measured.
    pub fn score(&self, metrics: &Metrics, trained: bool) -> f32 {
        if self.kind == TaskKind::Classify {
            return metrics.accuracy();
        }
        let spread = self.spreads[usize::from(!trained)];
        // Where there is nothing to explain: all of it, or none.
        if spread == 0.0 {
            return if metrics.loss() == 0.0 { 1.0 } else { 0.0 };
        }
        (1.0 - f64::from(metrics.loss()) / spread) as f32
    }

    /// The split that is measured.
    fn measured(&self) -> &Split<'a> {
        if self.validation { &self.dataset.train } else { &self.dataset.test }
    }

    /// Samples of a split, with what a network is to give for them.
    fn source<'s>(&'s self, split: &'s Split<'a>, indices: &[u32]) -> Source<'s> {
        let source = Source::new(split, indices.to_vec(), &self.normaliser);
        match self.kind {
            TaskKind::Classify => source,
            TaskKind::Regress => source.with_values(&self.targets),
            TaskKind::Reconstruct => source.with_inputs(),
        }
    }

    /// The name of the dataset, if it is a known one.
    pub fn name(&self) -> Option<DatasetName> {
        self.dataset.name
    }

    /// The training samples, changed as the settings say.
    pub fn train(&self, config: &Config) -> Source<'_> {
        let shape = self.plane();
        self.source(&self.dataset.train, &self.train)
            .with_weights(&self.weights)
            .with_augmentation(config.augmentation(shape))
            .with_pixel_shift(config.pixel_shift(shape))
            .with_mixup(config.mixup())
    }

    /// The samples that are measured.
    pub fn test(&self) -> Source<'_> {
        self.source(self.measured(), &self.test)
    }

    /// How features become inputs.
    pub fn normaliser(&self) -> &Normaliser {
        &self.normaliser
    }

    /// What is learned.
    pub fn kind(&self) -> TaskKind {
        self.kind
    }

    /// The network of these layers, with all that its use needs.
    pub fn model<'t>(&'t self, layers: Vec<LayerView<'t>>) -> ModelView<'t> {
        let Dataset { name, shape, names, .. } = &self.dataset;
        // What the names of a known dataset stand for is known.
        let shape = shape.filter(|_| name.is_none());
        let (normaliser, targets) = (&self.normaliser, &self.targets);
        ModelView { dataset: *name, task: self.kind, shape, names, filter: self.filter, normaliser, targets, layers }
    }

    /// Inputs of a network, and its outputs.
    pub fn widths(&self) -> (usize, usize) {
        let features = self.dataset.features();
        (features, if self.kind == TaskKind::Reconstruct { features } else { self.dataset.outputs })
    }

    /// The plane that inputs lie in.
    pub fn plane(&self) -> ImageShape {
        self.dataset.plane()
    }

    /// Whether what is measured was held out from the training samples.
    pub fn is_validated(&self) -> bool {
        self.validation
    }
}

/// The settings with a minibatch that suits the samples: where there are fewer than one of the default size, the largest
/// power of two of which an epoch has four, or 1. A size that was chosen stays.
pub fn with_fitting_batch<'c>(config: &'c Config, dataset: &Dataset<'_>) -> Cow<'c, Config> {
    let used = used(config, dataset);
    if used == 0 || used >= config.batch_size || !has_default_batch(config) {
        return Cow::Borrowed(config);
    }
    let batch_size = 1 << (used / 4).max(1).ilog2();
    Cow::Owned(Config { batch_size, ..config.clone() })
}

/// Whether the minibatch has the size that it has by default, which is fitted to few samples.
pub fn has_default_batch(config: &Config) -> bool {
    config.batch_size == Config::defaults(config.dataset.clone()).batch_size
}

/// Training samples that are left to train on.
fn used(config: &Config, dataset: &Dataset<'_>) -> usize {
    if config.train_samples > 0 {
        config.train_samples
    } else {
        dataset.train.len().saturating_sub(config.validation_samples)
    }
}

/// Checks that a dataset has the samples, and the images, that the settings ask for.
///
/// # Errors
///
/// The first setting that asks for more.
pub fn check(config: &Config, dataset: &Dataset<'_>) -> Result<(), Invalid> {
    check_images(config, dataset)?;
    check_target(config, dataset)?;
    let (available, held_out) = (dataset.train.len(), config.validation_samples);
    let name = dataset.name.map_or("the data".into(), |name| name.to_string());
    let too_many = |setting: &'static str, asked: usize, most: usize, of: &str| {
        Invalid::value(setting, asked, format!("at most {most}: {name} has {of}"))
    };
    let train = match held_out {
        0 => format!("{available} training samples"),
        _ => format!("{available} training samples, and {held_out} are held out"),
    };
    if held_out > 0 && held_out >= available {
        let of = format!("{available} training samples, and some must be left to train on");
        return Err(too_many("validation_samples", held_out, available.saturating_sub(1), &of));
    }
    if config.train_samples > available - held_out {
        return Err(too_many("train_samples", config.train_samples, available - held_out, &train));
    }
    let tests = dataset.test.len();
    if config.test_samples > tests {
        return Err(too_many("test_samples", config.test_samples, tests, &format!("{tests} test samples")));
    }
    let used = used(config, dataset);
    if config.batch_size > used {
        let most = format!("at most {used}: the run has {used} training samples");
        return Err(Invalid::value("batch_size", config.batch_size, most));
    }
    let (steps, period) = (used.div_ceil(config.batch_size), WeightDecay::PERIOD as usize);
    if config.decay == DecayKind::Periodic && config.weight_decay > 0.0 && steps < period {
        let reason = format!(
            "periodic acts on every {period}th step of an epoch, which here has {steps}; give a smaller --batch-size or \
             another --decay"
        );
        return Err(Invalid::because("decay", reason));
    }
    Ok(())
}

/// The weight of each class by which all weigh the same together: samples by classes and samples of the class.
fn balanced(labels: &[u16], indices: &[u32], classes: usize) -> Vec<f32> {
    let mut counts = vec![0u32; classes];
    for &index in indices {
        counts[usize::from(labels[index as usize])] += 1;
    }
    let there = counts.iter().filter(|&&count| count > 0).count();
    let weight = |&count: &u32| indices.len() as f32 / (there as f32 * count.max(1) as f32);
    counts.iter().map(weight).collect()
}

/// Checks that the samples have what the task learns.
fn check_target(config: &Config, dataset: &Dataset<'_>) -> Result<(), Invalid> {
    let has_values = !dataset.train.values.is_empty();
    match config.task {
        TaskKind::Regress if !has_values => {
            Err(Invalid::because("task", "regress needs numbers to learn, but these samples have classes"))
        }
        TaskKind::Classify if has_values || dataset.outputs < 2 => {
            Err(Invalid::because("task", "classify needs a class for each sample, but these samples have none"))
        }
        TaskKind::Classify | TaskKind::Regress | TaskKind::Reconstruct => Ok(()),
    }
}

/// Checks that settings which need images have some.
fn check_images(config: &Config, dataset: &Dataset<'_>) -> Result<(), Invalid> {
    if config.augment && !matches!(dataset.train.features, Features::Bytes(_)) {
        return Err(Invalid::because("augment", "changes images in bytes, but these features are floats"));
    }
    if dataset.shape.is_some() {
        return Ok(());
    }
    let sparse = config.model != ModelKind::Dense;
    let needs_image = [
        (config.filter() != FilterKind::None, "filter", ""),
        (config.augment, "augment", ""),
        (config.pixel_shift > 0, "pixel_shift", ""),
        (sparse && config.topology == TopologyKind::Local, "topology", "local "),
        (config.evolves(1) && config.growth == GrowthKind::Local, "growth", "local "),
        (config.evolves(1) && config.growth == GrowthKind::Near, "growth", "near "),
    ];
    match needs_image.into_iter().find(|(needs, ..)| *needs) {
        Some((_, setting, value)) => {
            Err(Invalid::because(setting, format!("{value}needs images, but these features were given no shape")))
        }
        None => Ok(()),
    }
}

/// Of `available` training samples those that a run trains on, and those it holds out for validation, in ascending order.
pub fn split_samples(config: &Config, available: usize) -> (Vec<u32>, Vec<u32>) {
    let held_out = config.validation_samples;
    // What is held out does not depend on the seed, so that runs with different seeds never train on it.
    let validation = if held_out > 0 { draw(0, VALIDATION_STREAM, available, held_out) } else { Vec::new() };
    let rest: Vec<u32> = (0..available as u32).filter(|i| validation.binary_search(i).is_err()).collect();
    let train = draw(config.seed, TRAIN_STREAM, rest.len(), config.train_samples);
    (train.into_iter().map(|i| rest[i as usize]).collect(), validation)
}

/// How many training samples a run draws.
pub fn train_samples(config: &Config, dataset: &Dataset<'_>) -> usize {
    split_samples(config, dataset.train.len()).0.len()
}

/// The test samples that a run measures: drawn by its settings, or all.
pub fn test_samples(run: Option<&Config>, dataset: &Dataset<'_>) -> Vec<u32> {
    // A run that holds samples out has not measured test samples at all.
    let drawn = run.filter(|run| run.validation_samples == 0).map(|run| (run.seed, run.test_samples));
    let (seed, count) = drawn.unwrap_or((0, 0));
    draw(seed, TEST_STREAM, dataset.test.len(), count.min(dataset.test.len()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Names;

    fn table() -> Dataset<'static> {
        let features = Features::Floats((0..40u8).map(|i| f32::from(i) / 7.0).collect::<Vec<_>>().into());
        let train = Split::labelled(features, vec![0, 1, 0, 1, 0, 1, 0, 1, 0, 1]);
        Dataset { name: None, shape: None, outputs: 2, names: Names::default(), train, test: Split::EMPTY }
    }

    #[test]
    fn settings_that_need_images_are_refused_by_name_where_there_are_none() {
        let base = Config { batch_size: 2, ..Config::default() };
        assert!(Task::new(&base, table()).is_ok());
        let refused = |change: fn(&mut Config), words: &str| {
            let mut config = base.clone();
            change(&mut config);
            let text = Task::new(&config, table()).unwrap_err().to_string();
            assert!(text.starts_with(words), "{words}: {text}");
        };
        refused(|c| c.augment = true, "--augment changes images in bytes");
        refused(|c| c.pixel_shift = 1, "--pixel-shift needs images");
        refused(|c| c.topology = TopologyKind::Local, "--topology local needs images");
        refused(|c| c.growth = GrowthKind::Near, "--growth near needs images");
        refused(|c| c.growth = GrowthKind::Local, "--growth local needs images");
        // Not where they have no effect.
        let idle = Config { topology: TopologyKind::Local, model: ModelKind::Dense, ..base };
        assert!(Task::new(&idle, table()).is_ok());
    }

    #[test]
    fn counts_beyond_the_data_are_refused_with_what_there_is() {
        let refused = |config: Config, words: &str| {
            let text = Task::new(&config, table()).unwrap_err().to_string();
            assert_eq!(text, words);
        };
        let base = Config { batch_size: 2, ..Config::default() };
        refused(
            Config { train_samples: 11, ..base.clone() },
            "--train-samples is 11, but must be at most 10: the data has 10 training samples",
        );
        refused(
            Config { validation_samples: 10, ..base.clone() },
            "--validation-samples is 10, but must be at most 9: the data has 10 training samples, and some must be left \
             to train on",
        );
        refused(
            Config { test_samples: 1, ..base.clone() },
            "--test-samples is 1, but must be at most 0: the data has 0 test samples",
        );
        refused(
            Config { batch_size: 11, ..base },
            "--batch-size is 11, but must be at most 10: the run has 10 training samples",
        );
    }
}
