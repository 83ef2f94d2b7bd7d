//! What a network is trained and measured on: the samples that the settings draw of a dataset, and how they are scaled.

use rewire_core::step::WeightDecay;

use crate::data::normaliser::Normaliser;
use crate::data::samples::Features;
use crate::data::source::{Source, draw};
use crate::data::{Dataset, DatasetName, ImageShape};
use crate::settings::{Config, DecayKind, GrowthKind, Invalid, ModelKind, TopologyKind};

/// Streams of the draws of samples.
const TRAIN_STREAM: u32 = 0;
const TEST_STREAM: u32 = 1;
const VALIDATION_STREAM: u32 = 2;

/// The samples that a run trains on and is measured on.
#[derive(Debug)]
pub struct Task<'a> {
    dataset: Dataset<'a>,
    normaliser: Normaliser,
    train: Vec<u32>,
    test: Vec<u32>,
    /// Whether what is measured was held out from the training samples.
    validation: bool,
}

impl<'a> Task<'a> {
    /// Draws the samples that the settings ask for.
    ///
    /// # Errors
    ///
    /// When there are not as many as asked for, or the settings need images and these are none.
    pub fn new(config: &Config, dataset: Dataset<'a>) -> Result<Self, Invalid> {
        check(config, &dataset)?;
        let (train, validation) = split_samples(config, dataset.train.len());
        let held_out = config.validation_samples;
        let test = if held_out > 0 {
            validation
        } else {
            draw(config.seed, TEST_STREAM, dataset.test.len(), config.test_samples)
        };
        let normaliser = Normaliser::fit(config.scaling, &dataset.train, &train);
        Ok(Self { dataset, normaliser, train, test, validation: held_out > 0 })
    }

    /// The name of the dataset, if it is a known one.
    pub fn name(&self) -> Option<DatasetName> {
        self.dataset.name
    }

    /// The training samples, changed as the settings say.
    pub fn train(&self, config: &Config) -> Source<'_> {
        let shape = self.plane();
        Source::new(&self.dataset.train, self.train.clone(), &self.normaliser)
            .with_augmentation(config.augmentation(shape))
            .with_pixel_shift(config.pixel_shift(shape))
    }

    /// The samples that are measured.
    pub fn test(&self) -> Source<'_> {
        let split = if self.validation { &self.dataset.train } else { &self.dataset.test };
        Source::new(split, self.test.clone(), &self.normaliser)
    }

    /// How features become inputs.
    pub fn normaliser(&self) -> &Normaliser {
        &self.normaliser
    }

    /// Inputs of a network, and its outputs.
    pub fn widths(&self) -> (usize, usize) {
        (self.dataset.features(), self.dataset.classes)
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

/// Checks that a dataset has the samples, and the images, that the settings ask for.
///
/// # Errors
///
/// The first setting that asks for more.
pub fn check(config: &Config, dataset: &Dataset<'_>) -> Result<(), Invalid> {
    check_images(config, dataset)?;
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
    let used = if config.train_samples > 0 { config.train_samples } else { available - held_out };
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

/// Checks that settings which need images have some.
fn check_images(config: &Config, dataset: &Dataset<'_>) -> Result<(), Invalid> {
    if config.augment && matches!(dataset.train.features, Features::Floats(_)) {
        return Err(Invalid::because("augment", "changes images in bytes, but these features are floats"));
    }
    if dataset.shape.is_some() {
        return Ok(());
    }
    let sparse = config.model != ModelKind::Dense;
    let needs_image = [
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
    use crate::data::samples::Split;

    fn table() -> Dataset<'static> {
        let features = Features::Floats((0..40u8).map(|i| f32::from(i) / 7.0).collect::<Vec<_>>().into());
        let train = Split { features, labels: vec![0, 1, 0, 1, 0, 1, 0, 1, 0, 1].into() };
        Dataset { name: None, shape: None, classes: 2, train, test: Split::EMPTY }
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
