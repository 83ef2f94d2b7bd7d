//! `rewire features`: which inputs a sparse network keeps, and what new networks learn from those alone.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, Result};
use comfy_table::{CellAlignment, Table, presets};
use serde::Serialize;

use crate::analysis::features::{Outcome, Ranking, Scores, measure, percents, save};
use crate::analysis::saved::SavedRun;
use crate::commands::output::{print, print_files, print_json, warn_of_missing};
use crate::commands::parse::In;
use crate::commands::progress::{RunBar, say};
use crate::commands::shared::{CacheArguments, MachineArguments, interruption};
use crate::data::Dataset;
use crate::error::Interrupted;
use crate::settings::Config;
use crate::training::Surroundings;
use crate::training::warn::Warn;

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
        let data = self.data.load(&run.config, &interrupted)?;
        let image = data.train.image(1).map(<[u8]>::to_vec);
        // The run's network took filtered pixels. The networks that are trained on some of them have no image to filter.
        let data = data.filtered(run.config.filter())?;
        let scores = Scores::new(&run, &data)?;
        warn_of_missing(&run.missing);
        let outcomes = if self.no_training {
            Vec::new()
        } else {
            let folder = tempfile::tempdir().context("no temporary folder can be made")?;
            let train = |name: &str, config: &Config, data: Dataset<'_>| {
                self.train(name, config, data, folder.path(), &interrupted)
            };
            measure(&run, &data, &scores, &percents, self.epochs, train)?
        };
        let folder = self.out.clone().unwrap_or_else(|| self.run.join("features"));
        let mut files = save(&run, &scores, &outcomes, &folder)?;
        files.extend(crate::figures::features::save(&run, &scores, &percents, &outcomes, image.as_deref(), &folder)?);
        if self.json {
            let files = files.iter().map(|file| file.display().to_string()).collect();
            return print_json(&Json { outcomes: &outcomes, files });
        }
        if !outcomes.is_empty() {
            print(table(&outcomes))?;
        }
        print_files(&files)
    }
    /// Trains a new network in a folder of its own; returns its test accuracy.
    fn train(
        &self,
        name: &str,
        config: &Config,
        data: Dataset<'_>,
        folder: &Path,
        interrupted: &AtomicBool,
    ) -> Result<f32> {
        say(&format!("{name}: {} inputs", data.features()));
        let surroundings = Surroundings {
            out: Some(folder.join(name)),
            checkpoint: None,
            native: self.machine.native()?,
            monitor_interval: Duration::ZERO,
            interrupted,
            watcher: &mut RunBar::default(),
            warn: Warn::new(say),
        };
        let trained = crate::training::train(config, data, surroundings);
        if interrupted.load(Ordering::Relaxed) {
            return Err(Interrupted(format!("interrupted while training on {name}; nothing is kept")).into());
        }
        Ok(trained?.test_accuracy)
    }
}

/// The outcomes for people: a row for each share.
fn table(outcomes: &[Outcome]) -> Table {
    let mut table = Table::new();
    let header = ["inputs kept"].into_iter().chain(Ranking::ALL.map(Ranking::name));
    table.load_style(presets::UTF8_HORIZONTAL_ONLY).set_header(header);
    // A share of nothing, or of an R² below 0, says nothing.
    let is_share = outcomes.first().is_some_and(|full| full.test_accuracy > 0.0);
    let cell = |outcome: &Outcome| {
        let share = if is_share { format!(" ({:.1} % of full)", 100.0 * outcome.kept) } else { String::new() };
        format!("{:.2} %{share}", 100.0 * outcome.test_accuracy)
    };
    let mut shares: Vec<f64> =
        outcomes.iter().filter(|outcome| outcome.ranking.is_some()).map(|outcome| outcome.percent).collect();
    shares.dedup();
    for share in shares {
        let of = |ranking: Ranking| {
            outcomes.iter().find(|outcome| outcome.percent == share && outcome.ranking == Some(ranking))
        };
        let inputs = of(Ranking::Random).map_or(0, |outcome| outcome.inputs);
        let cells = Ranking::ALL.map(|ranking| of(ranking).map_or(String::new(), cell));
        table.add_row([format!("{share} % ({inputs})")].into_iter().chain(cells));
    }
    if let Some(full) = outcomes.iter().find(|outcome| outcome.ranking.is_none()) {
        table.add_row([format!("100 % ({})", full.inputs), format!("{:.2} %", 100.0 * full.test_accuracy)]);
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}
