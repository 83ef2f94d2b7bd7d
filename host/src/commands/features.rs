//! `rewire features`: which inputs a sparse network keeps, and what new networks learn from those alone.

use std::path::PathBuf;

use anyhow::Result;
use serde::Serialize;

use crate::analysis::features::{Outcome, Scores, measure, percents, save, table};
use crate::analysis::saved::SavedRun;
use crate::commands::output::{print, print_files, print_json, warn_of_missing};
use crate::commands::parse::In;
use crate::commands::shared::{CacheArguments, MachineArguments, interruption};

/// Which inputs to select.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Run directory of a sparse network
    pub run: PathBuf,
    /// Fractions of the inputs to keep, in percent
    #[arg(long, value_name = "N,N,…", default_value = "5,10,25,50%", allow_hyphen_values = true)]
    pub top: String,
    /// Epochs of the new networks [default: the run's]
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = In::<u32>::setting("epochs"))]
    pub epochs: Option<u32>,
    /// Rank and draw only, train nothing
    #[arg(long)]
    pub no_training: bool,
    /// Folder for ranking and figures [default: features in the run directory]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
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
    outcomes: &'a [Outcome],
    files: Vec<String>,
}

impl Arguments {
    pub(super) fn run(&self) -> Result<()> {
        let percents = percents(&self.top)?;
        let run = SavedRun::read(&self.run)?;
        let interrupted = interruption()?;
        let data = crate::training::load(run.config.dataset, &self.data.folder(), &interrupted)?;
        let scores = Scores::new(&run, &data)?;
        warn_of_missing(&run.missing);
        let outcomes = if self.no_training {
            Vec::new()
        } else {
            measure(&run, &data, &scores, &percents, self.epochs, || self.machine.native(), &interrupted)?
        };
        let image = data.train.image(1);
        let folder = self.out.clone().unwrap_or_else(|| self.run.join("features"));
        let mut files = save(&run, &scores, &outcomes, &folder)?;
        files.extend(crate::figures::features::save(&run, &scores, &percents, &outcomes, image, &folder)?);
        if self.json {
            let files = files.iter().map(|file| file.display().to_string()).collect();
            return print_json(&Json { outcomes: &outcomes, files });
        }
        if !outcomes.is_empty() {
            print(table(&outcomes))?;
        }
        print_files(&files)
    }
}
