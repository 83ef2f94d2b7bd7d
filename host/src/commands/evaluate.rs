//! `rewire evaluate`: accuracy and loss of a saved model.

use std::path::{Path, PathBuf};

use anyhow::Result;
use serde::Serialize;

use crate::commands::output::{note, print, print_json};
use crate::commands::shared::{CacheArguments, MachineArguments, interruption, model_file};
use crate::data::DatasetName;
use crate::error::Usage;
use crate::model::chip;
use crate::model::predict::check_fits;
use crate::model::safetensors::Model;
use crate::settings::Config;
use crate::text::thousands;

/// What to evaluate.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// A model.safetensors, a run directory that holds one, or an image for a microcontroller
    pub model: PathBuf,
    /// Dataset [default: what the model was trained on, which an image does not say]
    pub dataset: Option<DatasetName>,
    /// Use all test samples, also where the model's run measured on some of them
    #[arg(long)]
    pub all: bool,
    /// Print the results as JSON
    #[arg(long)]
    pub json: bool,
    /// Threads and vectors.
    #[command(flatten)]
    pub machine: MachineArguments,
    /// Datasets.
    #[command(flatten)]
    pub data: CacheArguments,
}

#[derive(Serialize)]
struct Json<'a> {
    #[serde(serialize_with = "crate::text::lossy")]
    model: &'a Path,
    dataset: DatasetName,
    samples: u32,
    correct: u32,
    test_accuracy: f32,
    test_loss: f32,
}

impl Arguments {
    pub(super) fn run(&self) -> Result<()> {
        let path = model_file(&self.model);
        let model = if chip::is_image(&path) {
            let unnamed = || Usage("an image does not say what it was trained on; name the dataset after it".into());
            chip::load(&path, self.dataset.ok_or_else(unnamed)?)?
        } else {
            Model::load(&path)?
        };
        let unnamed = || Usage("the model does not say what it was trained on; name the dataset after it".into());
        let name = self.dataset.or(model.dataset).ok_or_else(unnamed)?;
        check_fits(&model, name)?;
        if let Some(trained) = model.dataset.filter(|trained| trained.labels() != name.labels()) {
            note(format_args!("the model was trained on {trained}, and the labels of {name} mean something else"));
        }
        let native = self.machine.native()?;
        let dataset = self.data.load(name, &interruption()?)?;
        // The settings that a run wrote beside its model.
        let run = path.with_file_name("config.toml");
        let run = run.exists().then(|| Config::read(&run)).transpose()?;
        let run = run.filter(|run| run.dataset == name);
        if let Some(held_out) = run.as_ref().map(|run| run.validation_samples).filter(|&count| count > 0) {
            note(format_args!(
                "training measured {} held-out training samples (--validation-samples); test samples are measured now",
                thousands(held_out as u64)
            ));
        }
        let run = run.filter(|_| !self.all);
        let samples = crate::training::task::test_samples(run.as_ref(), &dataset);
        let metrics = model.evaluate_on(&dataset, samples, &native)?;
        if self.json {
            return print_json(&Json {
                model: &path,
                dataset: name,
                samples: metrics.samples(),
                correct: metrics.correct(),
                test_accuracy: metrics.accuracy(),
                test_loss: metrics.loss(),
            });
        }
        let (measured, all) = (u64::from(metrics.samples()), dataset.test.len() as u64);
        let samples = if measured < all {
            format!(
                "{} of the {} test samples of {name}, those of its run (--all takes all)",
                thousands(measured),
                thousands(all)
            )
        } else {
            format!("all {} test samples of {name}", thousands(all))
        };
        let accuracy = 100.0 * metrics.accuracy();
        let (correct, loss) = (metrics.correct(), metrics.loss());
        print(format_args!(
            "{} on {samples}: accuracy {accuracy:.2} % ({correct} right), loss {loss:.4}",
            path.display()
        ))
    }
}
