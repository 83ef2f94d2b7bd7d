//! What a network is trained and measured on: the samples that the settings draw of a dataset, and how they are scaled.

use rewire_core::backend::Exchange;
use rewire_core::step::Metrics;
use rewire_engine::layer::LayerView;
use serde::{Deserialize, Serialize};

use crate::data::draw::{draw, split_samples};
use crate::data::normaliser::Normaliser;
use crate::data::samples::{Features, Split};
use crate::data::share::{Keepers, Share};
use crate::data::source::Source;
use crate::data::{Dataset, DatasetName, ImageShape};
use crate::model::safetensors::ModelView;
use crate::settings::{ClassWeights, Config, FilterKind, Invalid, Scaling, TaskKind};
use crate::training::fitting::check;

/// Stream of the draw of test samples that are there.
const TEST_STREAM: u32 = 1;

/// The samples that a run trains on and is measured on.
#[derive(Debug, Serialize, Deserialize)]
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
    /// What erased pixels become; none where the mean of the scaling is that of the training images.
    erased: Option<Vec<f32>>,
    /// Mean squared distance of what is to be given from its mean, over the training samples and over the measured ones.
    spreads: [f64; 2],
    /// The features of the samples in `train` and in `test`, where several ranks have dealt them out.
    #[serde(skip)]
    shares: Option<[Share; 2]>,
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
        let (mut train, validation) = split_samples(config, &dataset.train);
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
        let keeps_no_mean = matches!(config.scaling, Scaling::None | Scaling::Unit);
        let erased = (config.augment && config.erase > 0.0 && keeps_no_mean)
            .then(|| Normaliser::fit(Scaling::Feature, &dataset.train, &train).mean);
        let targets = Normaliser::of_values(&dataset.train, &train);
        let weights = match config.class_weights {
            ClassWeights::Balanced if config.task == TaskKind::Classify => {
                balanced(&dataset.train.labels, &train, dataset.outputs)
            }
            ClassWeights::None | ClassWeights::Balanced => Vec::new(),
        };
        let validation = held_out > 0;
        let (filter, kind, spreads, shares) = (config.filter(), config.task, [0.0; 2], None);
        let mut task = Self {
            dataset,
            filter,
            normaliser,
            train,
            test,
            validation,
            kind,
            targets,
            weights,
            erased,
            spreads,
            shares,
        };
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

    /// Deals the features out to ranks, each of which calls this: of the training samples each keeps a share, of those that are
    /// measured the first keeps all. Only the first has features to begin with.
    pub fn deal(&mut self, exchange: &dyn Exchange) {
        let is_stored = |split: &Split<'_>| !matches!(split.features, Features::Synthetic(_));
        if !is_stored(&self.dataset.train) || !is_stored(self.measured()) {
            return;
        }
        let width = self.widths().0;
        let test = Share::deal(exchange, Keepers::First, self.measured(), &self.test, width);
        // Before training samples are copied, so that the first rank has less at once.
        self.dataset.test.features = self.dataset.test.features.none();
        let train = Share::deal(exchange, Keepers::InTurn, &self.dataset.train, &self.train, width);
        self.dataset.train.features = self.dataset.train.features.none();
        self.shares = Some([train, test]);
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
    fn source<'s>(&'s self, split: &'s Split<'a>, indices: &[u32], share: Option<&'s Share>) -> Source<'s> {
        let source = Source::new(split, indices.to_vec(), &self.normaliser).with_share(share);
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
        self.source(&self.dataset.train, &self.train, self.shares.as_ref().map(|[train, _]| train))
            .with_weights(&self.weights)
            .with_augmentation(config.augmentation(shape))
            .with_erased(self.erased.as_ref().unwrap_or(&self.normaliser.mean))
            .with_pixel_shift(config.pixel_shift(shape))
            .with_mixup(config.mixup())
    }

    /// The samples that are measured.
    pub fn test(&self) -> Source<'_> {
        self.source(self.measured(), &self.test, self.shares.as_ref().map(|[_, test]| test))
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
        let features = self.normaliser.mean.len();
        (features, if self.kind == TaskKind::Reconstruct { features } else { self.dataset.outputs })
    }

    /// The plane that inputs lie in.
    pub fn plane(&self) -> ImageShape {
        ImageShape::plane(self.dataset.shape, self.widths().0)
    }

    /// Whether what is measured was held out from the training samples.
    pub fn is_validated(&self) -> bool {
        self.validation
    }
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

/// How many training samples a run draws.
pub fn train_samples(config: &Config, dataset: &Dataset<'_>) -> usize {
    split_samples(config, &dataset.train).0.len()
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
    use rewire_core::samples::Samples;

    use super::*;
    use crate::data::Names;

    #[test]
    fn erased_pixels_become_the_mean_of_the_training_images_with_any_scaling() {
        for scaling in [Scaling::None, Scaling::Unit, Scaling::Global, Scaling::Feature] {
            // All pixels are 200 but one of each image.
            let pixels: Vec<u8> = (0..64 * 16).map(|at| if at % 17 == 0 { 190 } else { 200 }).collect();
            let train = Split::of_images(pixels, (0..64).map(|image| image % 2).collect());
            let shape = Some(ImageShape { channels: 1, height: 4, width: 4 });
            let dataset = Dataset { name: None, shape, outputs: 2, names: Names::default(), train, test: Split::EMPTY };
            let base =
                Config { augment: true, rotation: 0.0, shift: 0.0, flip: false, erase: 0.9, ..Config::default() };
            let config = Config { scaling, batch_size: 32, ..base };
            let task = Task::new(&config, dataset).unwrap();
            let (mut x, mut labels) = ([[0.0f32; 32]; 16], [0; 32]);
            let indices: Vec<u32> = (0..32).collect();
            task.train(&config).fill(&indices, 1, &mut x, &mut labels);
            let Normaliser { mean, scale } = task.normaliser();
            for ((row, mean), scale) in x.iter().zip(mean).zip(scale) {
                let pixels = row.map(|value| value / scale + mean);
                assert!(pixels.iter().all(|pixel| (189.0..201.0).contains(pixel)), "{scaling}: {pixels:?}");
            }
        }
    }
}
