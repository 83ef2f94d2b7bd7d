//! `rewire train`: a network from settings to a run directory.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use comfy_table::{CellAlignment, Table, presets};
use rewire_core::backend::Exchange;
use rewire_engine::ranks::Ranks;

use crate::analysis::saved::SavedRun;
use crate::commands::output::{note, print, print_json};
use crate::commands::own_data::check_names;
use crate::commands::parse::In;
use crate::commands::progress::{RunBar, say};
use crate::commands::settings::{MORE_SETTINGS, SettingsArguments};
use crate::commands::shared::{CacheArguments, MachineArguments, interruption};
use crate::error::Usage;
use crate::model::safetensors::Model;
use crate::settings::{Bound, Config, Range, score_name, score_text};
use crate::text::thousands;
use crate::training::Surroundings;
use crate::training::checkpoint::Checkpoint;
use crate::training::directory::{RunDirectory, START};
use crate::training::early_stopping::is_tired;
use crate::training::ranks::{check, meet};
use crate::training::summary::Summary;
use crate::training::warn::Warn;

/// What to train, and where to.
#[derive(Debug, clap::Args)]
#[command(
    after_help = MORE_SETTINGS,
    after_long_help = ""
)]
pub struct Arguments {
    /// Settings.
    #[command(flatten)]
    pub settings: SettingsArguments,
    /// Run directory [default: runs/DATASET-MODEL-seedN, the first that is free]
    #[arg(long, value_name = "DIR", help_heading = "Run")]
    pub out: Option<PathBuf>,
    /// Continue the run in --out after its last finished epoch, with its settings
    #[arg(long, requires = "out", conflicts_with = "config", help_heading = "Run")]
    pub resume: bool,
    /// Seconds between samples of CPU, memory and I/O in monitor.csv (0: no monitor)
    #[arg(long, value_name = "F", default_value = "0.5", allow_negative_numbers = true, hide_short_help = true,
        help_heading = "Run", value_parser = In::<f32>::range(Range::Real(Bound::Included(0.0), Bound::Included(3600.0))))]
    pub monitor_interval: f32,
    /// Also write the metrics, samples and input connections as the tutorial's Python does
    #[arg(long, hide_short_help = true, help_heading = "Run")]
    pub reference_files: bool,
    /// Print the summary as JSON
    #[arg(long, hide_short_help = true, help_heading = "Run")]
    pub json: bool,
    /// Threads and vectors.
    #[command(flatten)]
    pub machine: MachineArguments,
    /// Datasets.
    #[command(flatten)]
    pub data: CacheArguments,
}

impl Arguments {
    /// Trains in this process, or as one of several ranks.
    pub(super) fn run(&self, ranks: Option<&Arc<Ranks>>) -> Result<()> {
        // The first rank speaks for all.
        let leads = ranks.is_none_or(|ranks| ranks.rank() == 0);
        // A run that is continued has recorded its settings.
        let recorded = self.out.as_ref().filter(|_| self.resume).map(|out| out.join("config.toml"));
        let config = self.settings.resolve(recorded.as_deref())?;
        if leads {
            self.settings.note_idle(std::slice::from_ref(&config));
        }
        if let Some(ranks) = ranks {
            check(&config, ranks.ranks())?;
        }
        let monitor_interval = monitor_interval(self.monitor_interval)?;
        let warn = if leads { Warn::new(say) } else { Warn::nobody() };
        // What can be refused is refused before a dataset is fetched.
        let checkpoint = match &self.out {
            Some(out) if self.resume => {
                let checkpoint = crate::training::resumable(out, &config, &warn)?;
                if leads {
                    note_continuation(out, &checkpoint, &config)?;
                }
                Some(checkpoint)
            }
            Some(out) if leads => {
                RunDirectory::check_free(out)?;
                None
            }
            _ => None,
        };
        let mut native = self.machine.native()?;
        if let Some(ranks) = ranks {
            meet(ranks, &config, checkpoint.as_ref())?;
            native = native.with_ranks(ranks.clone());
        }
        let interrupted = interruption()?;
        if let Some(ranks) = ranks.filter(|_| !leads) {
            let continued = self.out.as_deref().zip(checkpoint.as_ref());
            return crate::training::follow(ranks, continued, native, &interrupted);
        }
        // The first rank hands the samples out.
        let dataset = self.data.load(&config, &interrupted)?;
        let start = self.out.as_ref().filter(|_| checkpoint.is_some()).map(|out| out.join(START));
        if let Some(start) = start.filter(|start| start.exists()) {
            check_names(&Model::open(&start)?.names, &dataset, "restore them as they were, or start another run")?;
        }
        let (out, interrupted, watcher) = (self.out.clone(), &*interrupted, &mut RunBar::default());
        let surroundings = Surroundings { out, checkpoint, native, monitor_interval, interrupted, watcher, warn };
        let summary = crate::training::train(&config, dataset, surroundings)
            .map_err(|error| self.settings.locate(error, recorded.as_deref()))?;
        if self.reference_files {
            crate::analysis::reference::write(&SavedRun::read(&summary.out)?)?;
        }
        if self.json {
            return print_json(&summary);
        }
        print(format_args!("{}\nrun directory: {}", table(&summary), summary.out.display()))
    }
}

/// The results of a run with the dense network beside them.
fn table(summary: &Summary) -> Table {
    let mut table = Table::new();
    table.load_style(presets::UTF8_HORIZONTAL_ONLY);
    let title = format!("{} on {}, seed {}", summary.model, summary.dataset, summary.seed);
    table.set_header([title.as_str(), "this network", "the same, dense"]);
    let measured = if summary.validation { "validation" } else { "test" };
    let (score, percent) = (score_name(summary.task), |fraction| score_text(summary.task, fraction));
    let mut row = |name: String, value: String, dense: String| {
        table.add_row([name, value, dense]);
    };
    let samples =
        summary.test_samples.map_or(String::new(), |samples| format!(" on {} samples", thousands(samples as u64)));
    let best = format!("{measured} {score}{samples}, epoch {}", summary.epochs);
    row(best, percent(summary.test_accuracy), String::new());
    row(format!("{measured} loss"), format!("{:.4}", summary.test_loss), String::new());
    if let Some((loss, fraction)) = summary.average_loss.zip(summary.average_accuracy) {
        row(format!("{measured} {score} of the average"), percent(fraction), String::new());
        row(format!("{measured} loss of the average"), format!("{loss:.4}"), String::new());
    }
    row(format!("training {score}"), percent(summary.train_accuracy), String::new());
    row("training loss".into(), format!("{:.4}", summary.train_loss), String::new());
    row("connections".into(), thousands(summary.connections as u64), thousands(summary.dense_connections as u64));
    row("density".into(), format!("{:.2} %", 100.0 * summary.density), "100 %".into());
    row(
        "bytes of the model".into(),
        thousands(summary.model_bytes as u64),
        thousands(summary.dense_model_bytes as u64),
    );
    row(
        "bytes to train it".into(),
        thousands(summary.training_bytes as u64),
        thousands(summary.dense_training_bytes as u64),
    );
    for (name, seconds) in [
        ("training", summary.train_seconds),
        ("evaluating", summary.evaluate_seconds),
        ("evolving", summary.evolve_seconds),
    ] {
        row(format!("seconds {name}"), format!("{seconds:.2}"), String::new());
    }
    if let Some(ranks) = summary.ranks {
        row("ranks".into(), ranks.to_string(), String::new());
    }
    for (name, bytes) in [("sent", summary.step_sent_bytes), ("received", summary.step_received_bytes)] {
        if let Some(bytes) = bytes {
            row(format!("bytes that rank 0 {name} a step"), thousands(bytes as u64), String::new());
        }
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

/// Says what is left to do where that may be a surprise.
fn note_continuation(folder: &Path, checkpoint: &Checkpoint, config: &Config) -> Result<()> {
    let (out, done, before, epochs) = (folder.display(), checkpoint.epoch, checkpoint.config.epochs, config.epochs);
    let tired = config.patience > 0 && {
        let mut rows = SavedRun::read(folder)?.epochs;
        rows.retain(|row| row.epoch <= done);
        is_tired(config, &rows)
    };
    if tired {
        note(format_args!(
            "{out} ended after {done} of {epochs} epochs, because its validation loss did not fall for {} epochs (--patience); \
             nothing is left to train",
            config.patience
        ));
    } else if done == epochs {
        note(format_args!(
            "all {epochs} epochs of {out} are done, so nothing is left to train; a larger --epochs continues the run where \
             its schedules do not depend on the number of epochs"
        ));
    } else if before != epochs {
        note(format_args!(
            "{out} had --epochs {before} and now has --epochs {epochs}, of which {done} are done; learning rate and zeta \
             continue as in a run that had them from the start"
        ));
    }
    Ok(())
}

fn monitor_interval(seconds: f32) -> Result<Duration, Usage> {
    if seconds != 0.0 && seconds < 0.01 {
        return Err(Usage(format!("--monitor-interval is {seconds}, but must be 0.01 to 3600 seconds, or 0 for none")));
    }
    Ok(Duration::from_secs_f32(seconds))
}
