//! Samples for a model that was trained before: where they are, and how they are read.

use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::Args;

use crate::commands::output::note;
use crate::commands::parse::In;
use crate::commands::progress::DataBar;
use crate::commands::shared::interruption;
use crate::commands::shared::model_file;
use crate::data::filter::NoPixel;
use crate::data::formats::{self, Table, Wanted};
use crate::data::samples::Features;
use crate::data::{self, DataSource, Dataset, Names, missing};
use crate::error::Usage;
use crate::model::chip;
use crate::model::layer::LayerData;
use crate::model::layers::Layers;
use crate::model::safetensors::Model;
use crate::settings::{Config, Missing};

/// How files of one's own are read; what is absent is as the model's run has it.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Data")]
pub struct ReadingArguments {
    /// Column of the classes, by name or counted from 0
    #[arg(long, value_name = "TEXT")]
    pub label: Option<String>,
    /// Columns of the numbers that a regression learned, by name or counted from 0
    #[arg(long, value_name = "TEXT,…", value_delimiter = ',')]
    pub target: Vec<String>,
    /// Columns to leave out, by name or counted from 0
    #[arg(long, value_name = "TEXT,…", value_delimiter = ',')]
    pub ignore: Vec<String>,
    /// Missing values: refuse them, or put the mean of the feature over the samples that were trained on in their place
    #[arg(long, value_name = "NAME", value_parser = In::<Missing>::ANY)]
    pub missing: Option<Missing>,
}

impl ReadingArguments {
    /// The settings of a run with what the flags change.
    pub(super) fn over(&self, config: Config) -> Config {
        Config {
            label: self.label.clone().unwrap_or(config.label),
            target: if self.target.is_empty() { config.target } else { self.target.clone() },
            ignore: if self.ignore.is_empty() { config.ignore } else { self.ignore.clone() },
            missing: self.missing.unwrap_or(config.missing),
            ..config
        }
    }
}

/// Checks that samples of a run's own path still have the names that its model knows.
///
/// # Errors
///
/// Other names of features or classes, or the same in another order.
pub(super) fn check_names(model: &Names, dataset: &Dataset<'_>, advice: &str) -> Result<(), Usage> {
    let Names { features, outputs, .. } = &dataset.names;
    for (what, known, found) in [("features", &model.features, features), ("classes", &model.outputs, outputs)] {
        if !known.is_empty() && !found.is_empty() && known != found {
            let at = known.iter().zip(found).take_while(|(known, found)| known == found).count();
            let [known, found] = [known, found].map(|names| names.get(at).map_or("none", String::as_str));
            return Err(Usage(format!(
                "the {what} of these samples are no longer those that the model was trained on: number {at}, counted from 0, is \
                 '{found}' and was '{known}'; {advice}"
            )));
        }
    }
    Ok(())
}

/// A model, wherever its layers are.
fn boxed<L: Layers + 'static>(model: Model<L>) -> Model<Box<dyn Layers>> {
    let Model { dataset, task, shape, names, filter, normaliser, targets, layers } = model;
    Model { dataset, task, shape, names, filter, normaliser, targets, layers: Box::new(layers) }
}

/// A model, and the settings of its run where it lies beside them.
#[derive(Debug)]
pub(super) struct Trained<L = Box<dyn Layers>> {
    /// Its file.
    pub(super) path: PathBuf,
    /// The network.
    pub(super) model: Model<L>,
    /// Settings of the run that it is of.
    pub(super) run: Option<Config>,
}

impl Trained {
    /// Reads a model.safetensors, that of a run directory, or an image. An image does not say what it was trained on:
    /// `dataset` does, or the run in whose directory it lies. The layers of a model.safetensors stay in their file.
    ///
    /// # Errors
    ///
    /// When it cannot be read.
    pub(super) fn read(path: &Path, dataset: Option<&DataSource>) -> Result<Self> {
        Self::read_by(path, dataset, |path| Model::open(path).map(boxed), boxed)
    }
}

impl Trained<Vec<LayerData>> {
    /// The same, with all layers in memory.
    ///
    /// # Errors
    ///
    /// As [`Trained::read`].
    pub(super) fn load(path: &Path) -> Result<Self> {
        Self::read_by(path, None, Model::load, |model| model)
    }
}

impl<L: Layers> Trained<L> {
    /// Reads a model by one of two ways, and the settings beside it.
    fn read_by(
        path: &Path,
        dataset: Option<&DataSource>,
        model: impl Fn(&Path) -> Result<Model<L>>,
        image: impl Fn(Model) -> Model<L>,
    ) -> Result<Self> {
        let path = model_file(path);
        let settings = path.with_file_name("config.toml");
        let run = settings.exists().then(|| Config::read(&settings)).transpose()?;
        if !chip::is_image(&path) {
            return Ok(Self { model: model(&path)?, path, run });
        }
        let Some(dataset) = dataset.or_else(|| run.as_ref().map(|run| &run.dataset)) else {
            let text =
                "an image does not say what it was trained on; name the dataset, or the path of samples, after it";
            return Err(Usage(text.into()).into());
        };
        Ok(Self { model: image(chip::load(&path, dataset.known())?), path, run })
    }

    /// The settings by which samples for this model are read.
    pub(super) fn reading(&self, arguments: &ReadingArguments, source: &DataSource) -> Config {
        let own = || Config::defaults_for(source.clone(), self.model.task);
        arguments.over(self.run.clone().unwrap_or_else(own))
    }

    /// Reads samples that need no labels; `piped`: of a file that holds what came from standard input.
    ///
    /// # Errors
    ///
    /// What cannot be read, or has other features than the model.
    pub(super) fn samples(&self, path: &Path, piped: bool, arguments: &ReadingArguments) -> Result<Table> {
        let config = self.reading(arguments, &DataSource::Path(path.to_owned()));
        let (n_in, _) = self.model.widths();
        let wanted = Wanted { shape: self.model.shape, ..Wanted::of(&config).predicted() };
        let wanted = wanted.like(n_in, &self.model.names.features);
        let read = formats::read(path, &wanted, &mut DataBar::new(interruption()?)).and_then(|read| {
            if read.test.is_some() {
                note(format_args!("{} has test samples of its own: those are predicted", path.display()));
            }
            let mut table = read.measured();
            missing::fill_from(&mut table.features, &self.model.normaliser.mean, path)?;
            Ok(table)
        });
        let table = read.map_err(|error| if piped { error.of_standard_input() } else { error })?;
        self.check_pixels(path, &table.features)?;
        Ok(table)
    }

    /// Reads samples of another path than the run's, all of them to be measured.
    ///
    /// # Errors
    ///
    /// What cannot be read, or has other features or classes than the model.
    pub(super) fn labelled(&self, reading: &Config) -> Result<Dataset<'static>> {
        let Some(path) = reading.dataset.path() else {
            return Err(Usage(format!("{} is no path", reading.dataset)).into());
        };
        let (_, n_out) = self.model.widths();
        let names = Names { outputs: self.model.output_names(n_out), ..self.model.names.clone() };
        // Pictures get the channels that those of the training had.
        let reading = Config { shape: self.model.shape.or(reading.shape), ..reading.clone() };
        let means = &self.model.normaliser.mean;
        let dataset = data::open_for(path, &reading, means, names, &mut DataBar::new(interruption()?))?;
        self.check_pixels(path, &dataset.test.features)?;
        Ok(dataset)
    }

    /// Refuses features that cannot go through the model's filter.
    fn check_pixels(&self, path: &Path, features: &Features<'_>) -> Result<(), Usage> {
        self.model.filter.check(features).map_err(|NoPixel(value)| {
            let advice = "the model's filter needs pixels, whole numbers from 0 to 255, as it was trained on";
            Usage(format!("{}: a feature is {value}; {advice}", path.display()))
        })
    }
}
