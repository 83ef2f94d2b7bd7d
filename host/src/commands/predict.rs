//! `rewire predict`: what a saved model says of samples, a row each.

use std::io::{BufWriter, Write};
use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::analysis::evaluation::scores;
use crate::commands::output::note;
use crate::commands::own_data::{ReadingArguments, Trained};
use crate::commands::shared::{CacheArguments, MachineArguments, interruption};
use crate::data::formats::from_standard_input;
use crate::data::samples::Split;
use crate::data::{self, DataSource};
use crate::files::write_atomically;
use crate::model::predict::{check_fits, largest, softmax};
use crate::settings::TaskKind;
use crate::text::thousands;

/// What to predict.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// A model.safetensors, a run directory that holds one, or an image for a microcontroller
    pub model: PathBuf,
    /// Samples: a path as `train` takes it, `-` for CSV from standard input, or the test samples of a known dataset
    pub data: String,
    /// File to write; standard output without it
    #[arg(short, long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Reading.
    #[command(flatten)]
    pub reading: ReadingArguments,
    /// Threads and vectors.
    #[command(flatten)]
    pub machine: MachineArguments,
    /// Datasets.
    #[command(flatten)]
    pub cache: CacheArguments,
}

impl Arguments {
    pub(super) fn run(&self) -> Result<()> {
        let input = (self.data == "-").then(from_standard_input).transpose()?;
        let source = match &input {
            Some((_, path)) => DataSource::Path(path.clone()),
            None => self.data.parse().map_err(|error: data::UnknownName| crate::error::Usage(error.to_string()))?,
        };
        let trained = Trained::read(&self.model, Some(&source))?;
        let split = self.split(&trained, &source, input.is_some())?;
        let Some(out) = &self.out else {
            return self.write(&trained, &split, std::io::stdout());
        };
        let mut rows = Vec::new();
        self.write(&trained, &split, &mut rows)?;
        write_atomically(out, &rows)?;
        note(format_args!("{} predictions in {}", thousands(split.len() as u64), out.display()));
        Ok(())
    }

    /// The samples, without labels.
    fn split(&self, trained: &Trained, source: &DataSource, piped: bool) -> Result<Split<'static>> {
        match source {
            DataSource::Known(name) => {
                check_fits(&trained.model, *name)?;
                Ok(self.cache.load_known(*name, &interruption()?)?.test)
            }
            DataSource::Synthetic => {
                let text =
                    "synthetic has no samples of its own; `rewire evaluate` measures a model on those of its run";
                Err(crate::error::Usage(text.into()).into())
            }
            DataSource::Path(path) => {
                let table = trained.samples(path, piped, &self.reading)?;
                let samples = table.len();
                Ok(Split::labelled(table.features, vec![0; samples]))
            }
        }
    }

    fn write(&self, trained: &Trained, split: &Split<'_>, out: impl Write + Send) -> Result<()> {
        let model = &trained.model;
        let native = self.machine.native()?;
        let indices: Vec<u32> = (0..split.len() as u32).collect();
        let mut rows = csv::Writer::from_writer(BufWriter::new(out));
        let (_, outputs) = model.widths();
        let names = model.output_names(outputs);
        let (mut failed, mut unusable) = (Ok(()), 0);
        match model.task {
            TaskKind::Classify => {
                rows.write_record(
                    std::iter::once("class".to_owned()).chain(names.iter().map(|name| format!("p({name})"))),
                )?;
                let mut probabilities = Vec::new();
                model.each_output(split, &indices, &native, |logits| {
                    probabilities.clear();
                    softmax(logits, &mut probabilities);
                    unusable += usize::from(!probabilities.iter().all(|p| p.is_finite()));
                    let class = names[usize::from(largest(logits))].clone();
                    let row = std::iter::once(class).chain(probabilities.iter().map(f32::to_string));
                    if failed.is_ok() {
                        failed = rows.write_record(row);
                    }
                })?;
            }
            TaskKind::Regress => {
                rows.write_record(&names)?;
                model.each_output(split, &indices, &native, |values| {
                    unusable += usize::from(!values.iter().all(|value| value.is_finite()));
                    let row = values.iter().enumerate().map(|(at, &value)| model.targets.invert(at, value).to_string());
                    if failed.is_ok() {
                        failed = rows.write_record(row);
                    }
                })?;
            }
            TaskKind::Reconstruct => {
                rows.write_record(["score"])?;
                for score in scores(model, split, &indices, &native)? {
                    unusable += usize::from(!score.is_finite());
                    rows.write_record([score.to_string()])?;
                }
            }
        }
        failed.and_then(|()| Ok(rows.flush()?)).context("cannot write the predictions")?;
        if unusable > 0 {
            note(format_args!(
                "{} samples have predictions that are no finite numbers: their features are far beyond those of the training samples",
                thousands(unusable as u64)
            ));
        }
        Ok(())
    }
}
