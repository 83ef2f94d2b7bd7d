//! Settings and samples that fit each other: what is refused, and what few or wide samples change.

use std::borrow::Cow;

use rewire_core::step::WeightDecay;

use crate::data::Dataset;
use crate::data::augment::MAX_SIDE;
use crate::data::samples::Features;
use crate::settings::{
    Config, DecayKind, FilterKind, GrowthKind, Invalid, ModelKind, StorageKind, TaskKind, TopologyKind,
};

/// Tiles of samples that are wider than a column of two bytes.
pub const WIDE_LANES: usize = 64;

/// The settings with a minibatch and tiles that suit so many training samples of so many features. Where there are fewer samples
/// than a minibatch of the default size has, it has the largest power of two of which an epoch has four, or 1. Samples that are wider
/// than a column of two bytes have tiles of [`WIDE_LANES`]. Sizes other than the default stay.
pub fn fitting(config: &Config, features: usize, samples: usize) -> Cow<'_, Config> {
    let used = used(config, samples);
    let is_small = used > 0 && used < config.batch_size && has_default_batch(config);
    let batch_size = if is_small { 1 << (used / 4).max(1).ilog2() } else { config.batch_size };
    let has_columns = config.model != ModelKind::Dense && config.storage != StorageKind::Blocked;
    let is_wide = config.lanes == 0 && batch_size > 1 && has_columns && features > 1 << 16;
    if !is_small && !is_wide {
        return Cow::Borrowed(config);
    }
    let lanes = if is_wide { WIDE_LANES } else { config.lanes };
    Cow::Owned(Config { batch_size, lanes, ..config.clone() })
}

/// The same for the training samples of a dataset.
pub fn fitting_to<'c>(config: &'c Config, dataset: &Dataset<'_>) -> Cow<'c, Config> {
    fitting(config, dataset.features(), dataset.train.present().len())
}

/// Whether the minibatch has the size that it has by default, which is fitted to few samples.
pub fn has_default_batch(config: &Config) -> bool {
    config.batch_size == Config::defaults(config.dataset.clone()).batch_size
}

/// Training samples that are left to train on.
fn used(config: &Config, available: usize) -> usize {
    if config.train_samples > 0 { config.train_samples } else { available.saturating_sub(config.validation_samples) }
}

/// Checks that a dataset has the samples, and the images, that the settings ask for.
///
/// # Errors
///
/// The first setting that asks for more.
pub fn check(config: &Config, dataset: &Dataset<'_>) -> Result<(), Invalid> {
    check_images(config, dataset)?;
    check_target(config, dataset)?;
    let (available, held_out) = (dataset.train.present().len(), config.validation_samples);
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
    let used = used(config, available);
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

/// The first setting that needs images, and what its value is called, if one does.
pub fn needs_images(config: &Config) -> Option<(&'static str, &'static str)> {
    let sparse = config.model != ModelKind::Dense;
    let all = [
        (config.filter() != FilterKind::None, "filter", ""),
        (config.augment, "augment", ""),
        (config.pixel_shift > 0, "pixel_shift", ""),
        (sparse && config.topology == TopologyKind::Local, "topology", "local "),
        (config.evolves(1) && config.growth == GrowthKind::Local, "growth", "local "),
        (config.evolves(1) && config.growth == GrowthKind::Near, "growth", "near "),
    ];
    all.into_iter().find(|(needs, ..)| *needs).map(|(_, setting, value)| (setting, value))
}

/// Checks that settings which need images have some.
fn check_images(config: &Config, dataset: &Dataset<'_>) -> Result<(), Invalid> {
    if config.augment && !matches!(dataset.train.features, Features::Bytes(_)) {
        return Err(Invalid::because("augment", "changes images in bytes, but these features are floats"));
    }
    if let Some(shape) = dataset.shape {
        if config.augment && shape.height.max(shape.width) > MAX_SIDE {
            let reason = format!("changes images of up to {MAX_SIDE} pixels a side, but these are {shape}");
            return Err(Invalid::because("augment", reason));
        }
        return Ok(());
    }
    match needs_images(config) {
        Some((setting, value)) => {
            Err(Invalid::because(setting, format!("{value}needs images, but these features were given no shape")))
        }
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::samples::Split;
    use crate::data::{DataSource, ImageShape, Names};
    use crate::training::task::Task;

    fn table() -> Dataset<'static> {
        let features = Features::Floats((0..40u8).map(|i| f32::from(i) / 7.0).collect::<Vec<_>>().into());
        let train = Split::labelled(features, vec![0, 1, 0, 1, 0, 1, 0, 1, 0, 1]);
        Dataset { name: None, shape: None, outputs: 2, names: Names::default(), train, test: Split::EMPTY }
    }

    #[test]
    fn few_samples_have_small_minibatches_and_wide_ones_wide_tiles() {
        let own = Config::defaults_for(DataSource::Path("a.csv".into()), TaskKind::Classify);
        let found = |config: &Config, features, samples| {
            let config = fitting(config, features, samples);
            (config.batch_size, config.lanes)
        };
        assert_eq!(found(&own, 10, 1000), (32, 0));
        assert_eq!(found(&own, 10, 16), (4, 0));
        assert_eq!(found(&Config { batch_size: 20, ..own.clone() }, 10, 16), (20, 0));
        assert_eq!(found(&own, 70_000, 1000), (32, WIDE_LANES));
        assert_eq!(found(&Config { lanes: 16, ..own.clone() }, 70_000, 1000), (32, 16));
        // One sample at a time needs no wide tile.
        assert_eq!(found(&own, 70_000, 5), (1, 0));
        for other in [
            Config { model: ModelKind::Dense, ..own.clone() },
            Config { storage: StorageKind::Blocked, batch_size: 100, ..own.clone() },
        ] {
            assert_eq!(found(&other, 70_000, 1000), (other.batch_size, 0));
        }
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
        let long = Dataset { shape: Some(ImageShape { channels: 1, height: 1, width: 9000 }), ..table() };
        let moved = Config { augment: true, ..base.clone() };
        let train = Split::of_images(vec![0; 18_000], vec![0, 1]);
        let text = Task::new(&moved, Dataset { train, ..long }).unwrap_err().to_string();
        assert!(text.contains("up to 8192 pixels a side, but these are 1x1x9000"), "{text}");
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
