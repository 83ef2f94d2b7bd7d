//! `rewire sweep`: settings are searched on validation samples.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use comfy_table::{CellAlignment, ContentArrangement, presets};

use crate::analysis::saved::SavedRun;
use crate::commands::output::{print, print_json};
use crate::commands::progress::{RunBar, say};
use crate::commands::shared::{CacheArguments, MachineArguments, interruption};
use crate::commands::state::{State, state};
use crate::data::Dataset;
use crate::error::{Diverged, Interrupted};
use crate::settings::{Config, Group, TABLE};
use crate::sweep::{Outcome, Plan, Round, Table, Trial};
use crate::training::fitting::{check, fitting_to};
use crate::training::summary::Summary;
use crate::training::warn::Warn;
use crate::training::{Surroundings, resumable};

/// Rows that the terminal shows; the files have all.
const SHOWN: usize = 20;

/// What to search.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// TOML file: settings of all runs, a table [search] with the values to search, and perhaps a table [sweep] that says how
    /// many trials, seeds and rounds there are
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Folder for the runs, the table and the figure; runs that are there already are used or continued [default:
    /// runs/sweep-FILE]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Print the table as JSON
    #[arg(long)]
    pub json: bool,
    /// Threads and vectors.
    #[command(flatten)]
    pub machine: MachineArguments,
    /// Datasets.
    #[command(flatten)]
    pub data: CacheArguments,
}

impl Arguments {
    pub(super) fn run(&self) -> Result<()> {
        let plan = Plan::read(&self.file)?;
        let stem = self.file.file_stem().unwrap_or_default().to_string_lossy();
        let out = self.out.clone().unwrap_or_else(|| format!("runs/sweep-{stem}").into());
        let interrupted = interruption()?;
        let Some(first) = plan.trials.first() else { bail!("{} searches nothing", self.file.display()) };
        let dataset = self.data.load(&first.config, &interrupted)?;
        // What can be refused is refused before the first run.
        for trial in &plan.trials {
            check(&fitting_to(&trial.config, &dataset), &dataset)
                .with_context(|| format!("trial {} of the sweep", trial.number))?;
        }
        std::fs::create_dir_all(&out)
            .with_context(|| format!("cannot make the folder --out {}; choose another", out.display()))?;
        let mut sweep = Sweep {
            plan: &plan,
            out: &out,
            data: &self.data,
            loaded: (reading(&first.config), dataset),
            machine: &self.machine,
            interrupted,
        };
        let table = sweep.train()?;
        let mut files = table.save(&out)?;
        files.extend(crate::figures::sweep::save(&table, &out)?);
        if self.json {
            return print_json(&table);
        }
        let files: Vec<String> = files.iter().map(|file| file.display().to_string()).collect();
        print(format_args!("{}\nalso in {}", shown(&table), files.join(", ")))
    }
}

/// A sweep on its data.
struct Sweep<'s> {
    plan: &'s Plan,
    out: &'s Path,
    data: &'s CacheArguments,
    /// The samples that were loaded last, and what they depend on.
    loaded: (Config, Dataset<'static>),
    machine: &'s MachineArguments,
    interrupted: Arc<AtomicBool>,
}

impl Sweep<'_> {
    /// Trains round after round.
    fn train(&mut self) -> Result<Table> {
        let mut table = Table::new(self.plan);
        let mut left: Vec<usize> = self.plan.trials.iter().map(|trial| trial.number).collect();
        for (at, round) in (1..).zip(&self.plan.rounds) {
            left.truncate(round.trials);
            for &number in &left {
                let trial = &self.plan.trials[number - 1];
                table.add(self.trial(at, round, trial)?);
            }
            left = table.best(at);
            if left.is_empty() {
                bail!("every trial of round {at} diverged; search smaller learning rates");
            }
        }
        Ok(table)
    }

    /// Trains a trial with each seed.
    fn trial(&mut self, number: usize, round: &Round, trial: &Trial) -> Result<Outcome> {
        let config = round.config(&trial.config);
        let mut runs = Vec::new();
        for &seed in &self.plan.seeds {
            let config = Config { seed, ..config.clone() };
            let reading = reading(&config);
            if self.loaded.0 != reading {
                self.loaded = (reading, self.data.load(&config, &self.interrupted)?);
            }
            let config = fitting_to(&config, &self.loaded.1);
            let name = format!("epochs{}-trial{:03}-seed{seed}", config.epochs, trial.number);
            let names = self.plan.searched.iter().map(|searched| searched.setting.name);
            let values: Vec<String> = names.zip(&trial.values).map(|(name, value)| format!("{name} {value}")).collect();
            say(&format!("{name}: {}", values.join(", ")));
            runs.push(self.run(&config, &self.out.join(name))?);
            if runs.last().is_some_and(Option::is_none) {
                // One seed that diverges is enough to know.
                break;
            }
        }
        Ok(Outcome::new(number, config.epochs, trial, &runs))
    }

    /// The results of a run, trained if they are not there yet; none where it diverges.
    fn run(&self, config: &Config, out: &Path) -> Result<Option<Summary>> {
        let checkpoint = match state(out, config)? {
            State::Done => return Ok(SavedRun::read(out)?.summary()),
            State::Begun => Some(resumable(out, config, &Warn::new(say))?),
            State::New => None,
        };
        let surroundings = Surroundings {
            out: Some(out.to_owned()),
            checkpoint,
            native: self.machine.native()?,
            monitor_interval: Duration::ZERO,
            interrupted: &self.interrupted,
            watcher: &mut RunBar::default(),
            warn: Warn::new(say),
        };
        let trained = crate::training::train(config, self.loaded.1.view(), surroundings);
        if self.interrupted.load(Ordering::Relaxed) {
            let out = self.out.display();
            return Err(Interrupted(format!("interrupted; the same command continues in {out}")).into());
        }
        match trained {
            Ok(summary) => Ok(Some(summary)),
            Err(error) if error.is::<Diverged>() => {
                say(&error.to_string());
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }
}

/// The settings that the samples of a run depend on; all others are as they are by default. A known dataset depends on none. Of a
/// path, test samples are drawn by the seed.
fn reading(config: &Config) -> Config {
    let mut depends = Config::defaults_for(config.dataset.clone(), config.task);
    if config.dataset.known().is_some() {
        return depends;
    }
    for setting in TABLE.iter().filter(|setting| setting.group == Group::Data) {
        (setting.copy)(&mut depends, config);
    }
    if config.dataset.path().is_some() {
        depends.seed = config.seed;
    }
    depends
}

/// The table for a terminal: the last round first.
fn shown(table: &Table) -> String {
    let mut drawn = comfy_table::Table::new();
    drawn.load_style(presets::UTF8_HORIZONTAL_ONLY).set_content_arrangement(ContentArrangement::Dynamic).set_width(120);
    drawn.set_header(table.columns());
    for outcome in table.outcomes.iter().take(SHOWN) {
        drawn.add_row(table.cells(outcome));
    }
    for column in drawn.column_iter_mut() {
        column.set_cell_alignment(CellAlignment::Right);
    }
    match table.outcomes.len().saturating_sub(SHOWN) {
        0 => drawn.to_string(),
        more => format!("{drawn}\n{more} more"),
    }
}
