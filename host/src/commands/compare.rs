//! `rewire compare`: the models side by side, trained where they are not yet.
//!
//! Each run is a process of its own, so that its peak memory is its own too.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result, bail};
use comfy_table::{CellAlignment, ColumnConstraint, ContentArrangement, Table, presets};

use crate::analysis::comparison::{Row, broken_columns, cells, conclude};
use crate::commands::output::{print, print_json};
use crate::commands::parse::In;
use crate::commands::progress::say;
use crate::commands::settings::{MORE_SETTINGS, SharedSettings};
use crate::commands::shared::{CacheArguments, MachineArguments, interruption};
use crate::commands::state::{State, state};
use crate::error::{Interrupted, Usage};
use crate::files::write_atomically;
use crate::settings::{ActivationKind, Config, ModelKind};
use crate::training::fitting::{check, fitting_to};

/// What to compare.
#[derive(Debug, clap::Args)]
#[command(
    after_help = MORE_SETTINGS,
    after_long_help = ""
)]
pub struct Arguments {
    /// Settings of all models.
    #[command(flatten)]
    pub settings: SharedSettings,
    /// Models to train
    #[arg(long, value_delimiter = ',', value_name = "NAME,…", default_value = "set,fixprob,dense",
        value_parser = In::<ModelKind>::ANY, help_heading = "Comparison")]
    pub models: Vec<ModelKind>,
    /// Seeds to train each model with
    #[arg(long, value_delimiter = ',', value_name = "N,N,…", default_value = "1", allow_negative_numbers = true,
        value_parser = In::<u64>::setting("seed"), help_heading = "Comparison")]
    pub seeds: Vec<u64>,
    /// Learning rate of the dense model, which may need a smaller one [default: that of all models]
    #[arg(long, value_name = "F", allow_negative_numbers = true, value_parser = In::<f32>::setting("learning_rate"),
        help_heading = "Comparison")]
    pub dense_learning_rate: Option<f32>,
    /// Activation of the dense model [default: that of all models, but relu for all-relu, with which it diverges]
    #[arg(long, value_name = "NAME", value_parser = In::<ActivationKind>::ANY, hide_possible_values = true,
        help_heading = "Comparison")]
    pub dense_activation: Option<ActivationKind>,
    /// Folder for the runs and the table; runs that are there already are used or continued [default: runs/compare-DATASET]
    #[arg(long, value_name = "DIR", help_heading = "Comparison")]
    pub out: Option<PathBuf>,
    /// Print the table as JSON
    #[arg(long, hide_short_help = true, help_heading = "Comparison")]
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
        let config = self.settings.0.resolve(None)?;
        let out = self.out.clone().unwrap_or_else(|| format!("runs/compare-{}", config.dataset.short()).into());
        let runs = self.runs(&config, &out)?;
        self.settings.0.note_idle(&runs.iter().map(|(_, config)| config.clone()).collect::<Vec<_>>());
        // The program that is started listens for Ctrl-C too; this one waits for it to end.
        let interrupted = interruption()?;
        // Everything that can be refused is refused before the first run.
        let states: Vec<State> = runs.iter().map(|(path, config)| state(path, config)).collect::<Result<_>>()?;
        let mut new = runs.iter().zip(&states).filter(|(_, state)| matches!(state, State::New)).peekable();
        if new.peek().is_some() {
            let dataset = self.data.load(&config, &interrupted)?;
            new.try_for_each(|((_, config), _)| check(&fitting_to(config, &dataset), &dataset))
                .map_err(|error| self.settings.0.locate(error.into(), None))?;
        }
        let trained = self.train(&config, runs.into_iter().zip(states), &out, &interrupted)?;
        let failed: Vec<String> = trained.failed.iter().map(|(path, _)| path.display().to_string()).collect();
        let failed = failed.join(", ");
        let dense = trained.failed.iter().any(|&(_, model)| model == ModelKind::Dense);
        let advice = if dense { "; a dense model may need --dense-learning-rate" } else { "" };
        if trained.done.is_empty() {
            bail!("no run finished, so there is no table: {failed}{advice}");
        }
        let rows = conclude(&trained.done, &out)?;
        if self.json {
            print_json(&rows)?;
        } else {
            print(format_args!("{}\nalso in {}", table(&rows), out.join("comparison.md").display()))?;
        }
        if !failed.is_empty() {
            bail!("not in the table, because the run did not finish: {failed}{advice}");
        }
        Ok(())
    }

    /// The folder and the settings of each run.
    fn runs(&self, config: &Config, out: &Path) -> Result<Vec<(PathBuf, Config)>> {
        let mut runs: Vec<(PathBuf, Config)> = Vec::new();
        for &model in &self.models {
            for &seed in &self.seeds {
                let path = out.join(format!("{model}-seed{seed}"));
                if runs.iter().any(|(other, _)| *other == path) {
                    return Err(Usage(format!("{model} with seed {seed} is asked for twice")).into());
                }
                let (learning_rate, activation) = if model == ModelKind::Dense {
                    let activation = self.dense_activation.unwrap_or_else(|| config.dense_activation());
                    (self.dense_learning_rate.unwrap_or(config.learning_rate), activation)
                } else {
                    (config.learning_rate, config.activation)
                };
                let config = Config { model, activation, learning_rate, seed, ..config.clone() };
                config.validate()?;
                runs.push((path, config));
            }
        }
        Ok(runs)
    }

    /// Trains what is not there yet, as far as it goes.
    fn train(
        &self,
        config: &Config,
        runs: impl Iterator<Item = ((PathBuf, Config), State)>,
        out: &Path,
        interrupted: &AtomicBool,
    ) -> Result<Trained> {
        std::fs::create_dir_all(out)
            .with_context(|| format!("cannot make the folder --out {}; choose another", out.display()))?;
        let recipe = out.join("recipe.toml");
        write_atomically(&recipe, toml::to_string(config)?.as_bytes())?;
        let program = std::env::current_exe().context("the program cannot find itself")?;
        let machine = self.machine();
        let mut trained = Trained::default();
        for ((path, config), state) in runs {
            let mut command = Command::new(&program);
            command.arg("train").arg("--out").arg(&path).args(&machine).stdout(Stdio::null());
            match state {
                State::Done => {
                    trained.done.push(path);
                    continue;
                }
                // With the settings that it has, or more epochs.
                State::Begun => {
                    command.args(["--resume", "--epochs", &config.epochs.to_string()]);
                }
                State::New => {
                    command.arg("--config").arg(&recipe);
                    command.args(["--model", &config.model.to_string(), "--seed", &config.seed.to_string()]);
                    command.args(["--learning-rate", &config.learning_rate.to_string()]);
                    command.args(["--activation", &config.activation.to_string()]);
                }
            }
            say(&format!("{}: {} of seed {}", path.display(), config.model, config.seed));
            let status = command.status().context("a run cannot be started")?;
            if interrupted.load(Ordering::Relaxed) {
                return Err(Interrupted(format!("interrupted; the same command continues in {}", out.display())).into());
            }
            if status.success() { trained.done.push(path) } else { trained.failed.push((path, config.model)) }
        }
        Ok(trained)
    }

    /// The flags of each run that are no settings.
    fn machine(&self) -> Vec<OsString> {
        let mut flags: Vec<OsString> = self.machine.flags().into_iter().map(OsString::from).collect();
        if let Some(folder) = &self.data.data_dir {
            flags.extend(["--data-dir".into(), folder.into()]);
        }
        flags
    }
}

/// The runs of a comparison.
#[derive(Debug, Default)]
struct Trained {
    /// Directories of runs that finished.
    done: Vec<PathBuf>,
    /// Those that did not, for a reason that they said, and their models.
    failed: Vec<(PathBuf, ModelKind)>,
}

/// The widest line of a table for a terminal.
const WIDTH: u16 = 120;

/// The table for a terminal, at most 120 characters wide.
fn table(rows: &[Row]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::UTF8_HORIZONTAL_ONLY).set_header(broken_columns(rows));
    table.set_content_arrangement(ContentArrangement::Dynamic).set_width(WIDTH);
    for row in rows {
        table.add_row(cells(row));
    }
    for column in table.column_iter_mut().skip(1) {
        // Only the label wraps.
        column.set_cell_alignment(CellAlignment::Right);
        column.set_constraint(ColumnConstraint::ContentWidth);
        column.set_padding((0, 1));
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::comparison::markdown;
    use crate::settings::TaskKind;

    fn row(label: &str) -> Row {
        Row {
            label: label.into(),
            model: ModelKind::Dense,
            task: TaskKind::Classify,
            validated: false,
            seeds: vec![1, 2, 3],
            epochs: 1000,
            test_accuracy: 0.981_234,
            test_accuracy_deviation: 0.001_234,
            test_loss: 0.123_456,
            train_accuracy: 1.0,
            weights: 20_328_000,
            density: 1.0,
            forward_multiply_adds: 20_328_000,
            training_multiply_adds: 48_696_000,
            seconds_per_epoch: 1234.5,
            peak_resident_bytes: Some(1_234_567_890),
            training_bytes: 345_678_901,
            model_bytes: 81_312_000,
        }
    }

    #[test]
    fn the_table_fits_120_columns_and_has_the_density() {
        let rows = ["SET", "FixProb", "dense"].map(row);
        let text = table(&rows).to_string();
        let widest = text.lines().map(|line| line.chars().count()).max().unwrap();
        assert!(widest <= 120, "{widest}\n{text}");
        // A row of a model is one line: its name is not broken.
        for word in ["FixProb", "density", "100.00", "98.12 ± 0.12", "20,328,000", "48.696"] {
            assert!(text.contains(word), "{word}\n{text}");
        }
        let long = table(&[row("SET (a-run-with-a-rather-long-name-seed1)")]).to_string();
        assert!(long.lines().all(|line| line.chars().count() <= 120), "{long}");
        let text = markdown(&rows);
        assert!(text.lines().all(|line| line.matches('|').count() == 13), "{text}");
    }
}
