//! `rewire evaluate`: how well a saved model does on test samples.

use std::path::{Path, PathBuf};

use anyhow::Result;
use comfy_table::{CellAlignment, Table, presets};
use rewire_core::step::Metrics;
use serde::Serialize;

use crate::analysis::evaluation::{Evaluation, evaluate};
use crate::analysis::flips::{WithFlips, evaluate_with_flips};
use crate::commands::output::{note, print, print_json};
use crate::commands::own_data::{ReadingArguments, Trained, check_names};
use crate::commands::parse::In;
use crate::commands::shared::{CacheArguments, MachineArguments, interruption};
use crate::data::{DataSource, Dataset};
use crate::error::Usage;
use crate::files::write_atomically;
use crate::model::layers::Layers;
use crate::model::predict::check_fits;
use crate::model::safetensors::Model;
use crate::settings::{Bound, Config, Range, TaskKind};
use crate::text::thousands;
use crate::training::directory::{EVALUATION, MODEL};
use rewire_engine::native::Native;

/// What to evaluate.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// A model.safetensors, a run directory that holds one, or an image for a microcontroller
    pub model: PathBuf,
    /// A known dataset or a path [default: the dataset of the model's training; for an image only if it lies in its run directory]
    pub dataset: Option<DataSource>,
    /// Use all test samples, also where the model's run measured on some of them
    #[arg(long)]
    pub all: bool,
    /// Also measure with test-time augmentation: average the probabilities of each colour image and of its horizontal flip
    #[arg(long)]
    pub tta: bool,
    /// Fraction of normal samples that an autoencoder may take for anomalies
    #[arg(long, value_name = "F", default_value = "0.01", allow_negative_numbers = true,
        value_parser = In::<f64>::range(Range::Real(Bound::Included(0.0), Bound::Excluded(1.0))))]
    pub false_alarms: f64,
    /// Print the results as JSON
    #[arg(long)]
    pub json: bool,
    /// Reading.
    #[command(flatten)]
    pub reading: ReadingArguments,
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
    dataset: &'a DataSource,
    samples: usize,
    #[serde(flatten)]
    classified: Option<Classified>,
    #[serde(skip_serializing_if = "Option::is_none")]
    with_flips: Option<Classified>,
    #[serde(flatten)]
    evaluation: &'a Evaluation,
}

/// A classifier's figures, as training counts them.
#[derive(Serialize)]
struct Classified {
    correct: u32,
    test_accuracy: f32,
    test_loss: f32,
}

impl From<Metrics> for Classified {
    fn from(metrics: Metrics) -> Self {
        let (correct, test_accuracy, test_loss) = (metrics.correct(), metrics.accuracy(), metrics.loss());
        Self { correct, test_accuracy, test_loss }
    }
}

impl From<WithFlips> for Classified {
    fn from(WithFlips { correct, accuracy: test_accuracy, loss: test_loss }: WithFlips) -> Self {
        Self { correct, test_accuracy, test_loss }
    }
}

impl Arguments {
    /// Measures with test-time augmentation, where that was asked for.
    fn with_flips<L: Layers>(
        &self,
        model: &Model<L>,
        dataset: &Dataset<'_>,
        samples: &[u32],
        native: &Native,
    ) -> Result<Option<WithFlips>> {
        if !self.tta {
            return Ok(None);
        }
        let colour = dataset.shape.filter(|shape| shape.channels == 3 && model.task == TaskKind::Classify);
        let Some(shape) = colour else {
            let reason = "--tta mirrors images of three channels for a classifier, and these samples or this model are something else";
            return Err(Usage(reason.into()).into());
        };
        Ok(Some(evaluate_with_flips(model, dataset, shape, samples, native)?))
    }

    pub(super) fn run(&self) -> Result<()> {
        let trained = Trained::read(&self.model, self.dataset.as_ref())?;
        let Trained { path, model, run } = &trained;
        let of_run = run.as_ref().map(|run| run.dataset.clone());
        let unnamed = || Usage("the model does not say what it was trained on; name the dataset after it".into());
        let known = || model.dataset.map(DataSource::Known);
        let source = self.dataset.clone().or_else(|| of_run.clone()).or_else(known).ok_or_else(unnamed)?;
        if let Some(name) = source.known() {
            check_fits(model, name)?;
            if let Some(trained) = model.dataset.filter(|trained| trained.labels() != name.labels()) {
                note(format_args!("the model was trained on {trained}, and the labels of {name} mean something else"));
            }
        }
        let native = self.machine.native()?;
        let is_own = of_run.as_ref() == Some(&source);
        let reading = Config { dataset: source.clone(), ..trained.reading(&self.reading, &source) };
        // All samples of another path are there to be measured, or those that it has for testing.
        let dataset = if is_own || source.known().is_some() {
            let dataset = self.data.load(&reading, &interruption()?)?;
            let advice =
                "name a copy of the path after the model, whose columns are taken by their names, or train again";
            check_names(&model.names, &dataset, advice)?;
            dataset
        } else {
            let dataset = trained.labelled(&reading)?;
            let has_anomalies =
                model.task == TaskKind::Reconstruct && dataset.test.labels.iter().any(|&label| label > 0);
            if has_anomalies && model.names.normal.is_empty() {
                note("the model does not say which class is normal: it is the most frequent one of these samples");
            }
            dataset
        };
        let run = run.as_ref().filter(|_| is_own);
        if let Some(held_out) = run.map(|run| run.validation_samples).filter(|&count| count > 0) {
            note(format_args!(
                "training measured {} held-out training samples (--validation-samples); test samples are measured now",
                thousands(held_out as u64)
            ));
        }
        let run = run.filter(|_| !self.all);
        if dataset.test.is_empty() {
            let reason = "has no test samples to measure on: name a path of samples after it";
            return Err(Usage(format!("{} {reason}", self.model.display())).into());
        }
        let samples = crate::training::task::test_samples(run, &dataset);
        let (metrics, evaluation) = evaluate(model, &dataset, &samples, &native, self.false_alarms)?;
        let flips = self.with_flips(model, &dataset, &samples, &native)?;
        let json = Json {
            model: path,
            dataset: &source,
            samples: samples.len(),
            classified: metrics.map(Classified::from),
            with_flips: flips.map(Classified::from),
            evaluation: &evaluation,
        };
        // A run's figures are those of its model.
        if is_own && path.file_name().is_some_and(|name| name == MODEL) {
            let file = path.with_file_name(EVALUATION);
            write_atomically(&file, serde_json::to_string_pretty(&json)?.as_bytes())?;
        }
        if self.json {
            return print_json(&json);
        }
        let (measured, all) = (samples.len() as u64, dataset.test.len() as u64);
        let samples = if measured < all {
            format!(
                "{} of the {} test samples of {source}, those of its run (--all takes all)",
                thousands(measured),
                thousands(all)
            )
        } else {
            format!("all {} test samples of {source}", thousands(all))
        };
        if let Some(metrics) = metrics {
            let accuracy = 100.0 * metrics.accuracy();
            let (correct, loss) = (metrics.correct(), metrics.loss());
            print(format_args!(
                "{} on {samples}: accuracy {accuracy:.2} % ({correct} right), loss {loss:.4}",
                path.display()
            ))?;
        } else {
            print(format_args!("{} on {samples}:", path.display()))?;
        }
        if let Some(WithFlips { correct, accuracy, loss }) = flips {
            let accuracy = 100.0 * accuracy;
            print(format_args!(
                "with test-time augmentation (mirror images): accuracy {accuracy:.2} % ({correct} right), loss {loss:.4}"
            ))?;
        }
        print(table(&evaluation))
    }
}

/// The figures of the task.
fn table(evaluation: &Evaluation) -> Table {
    let (header, rows) = evaluation.rows();
    let mut table = Table::new();
    table.load_style(presets::UTF8_HORIZONTAL_ONLY);
    table.set_header(header);
    table.add_rows(rows);
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}
