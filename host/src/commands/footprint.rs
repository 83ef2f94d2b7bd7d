//! `rewire footprint`: predicted memory of a network, by buffer and on boards.

use std::path::PathBuf;

use anyhow::Result;
use comfy_table::{CellAlignment, Table, presets};
use rewire_engine::build::check_lanes;
use serde::Serialize;

use crate::analysis::boards::{OnBoard, boards, fit, on_board};
use crate::analysis::footprint::{Accounting, Measured, account, measured};
use crate::analysis::saved::SavedRun;
use crate::commands::output::{note, print, print_json};
use crate::commands::parse::In;
use crate::commands::settings::SettingsArguments;
use crate::commands::shared::CacheArguments;
use crate::error::Usage;
use crate::settings::{Config, Given, Group, Range, Setting, TABLE};
use crate::text::{dashed, thousands};
use crate::training::memory::exchanged;
use crate::training::ranks::check;

/// What to count.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Settings; those that change no size are accepted and ignored.
    #[command(flatten)]
    pub settings: SettingsArguments,
    /// Run directory whose settings to use, with what it measured beside the prediction
    #[arg(long, value_name = "RUN", conflicts_with = "config", help_heading = "Run")]
    pub run: Option<PathBuf>,
    /// Print JSON
    #[arg(long, help_heading = "Run")]
    pub json: bool,
    /// Datasets.
    #[command(flatten)]
    pub data: CacheArguments,
    /// Predict for a board that trains one sample at a time: a name such as nrf52840, or all
    #[arg(long, value_name = "NAME", conflicts_with = "run", help_heading = "Board")]
    pub board: Option<String>,
    /// Predict what so many ranks need, send and receive (at least 2)
    #[arg(long, value_name = "N", conflicts_with = "board", allow_negative_numbers = true, help_heading = "Run",
        value_parser = In::<usize>::range(Range::Whole(2, 65_536)))]
    pub ranks: Option<usize>,
    /// Find the largest epsilon that fits --board
    #[arg(long, requires = "board", help_heading = "Board")]
    pub fit: bool,
    /// RAM of the board to leave for stack and program, in bytes
    #[arg(long, value_name = "N", default_value = "4096", requires = "board", allow_negative_numbers = true,
        help_heading = "Board", value_parser = In::<usize>::ANY)]
    pub reserve: usize,
}

#[derive(Serialize)]
struct Json {
    prediction: Accounting,
    run: Option<Measured>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ranks: Option<OnRanks>,
}

/// What each of several ranks needs, and what the first one moves in a step; it has as many tiles as any.
#[derive(Serialize)]
struct OnRanks {
    ranks: usize,
    exchange_bytes: usize,
    step_sent_bytes: usize,
    step_received_bytes: usize,
}

impl OnRanks {
    fn new(config: &Config, (inputs, outputs): (usize, usize), ranks: usize) -> Result<Self, Usage> {
        check(config, ranks)?;
        let shares = exchanged(config, &config.layers(inputs, outputs), ranks);
        let tiles = config.batch_size.div_ceil(config.lanes());
        Ok(Self {
            ranks,
            exchange_bytes: shares.floats().saturating_mul(size_of::<f32>()),
            step_sent_bytes: shares.sent(0, tiles),
            step_received_bytes: shares.received(0, tiles),
        })
    }
}

impl Arguments {
    /// Notes the flags that change no size.
    fn note_sizeless(&self, config: &Config, widths: (usize, usize)) {
        let defaults = Config::defaults_for(config.dataset.clone(), config.task);
        let prediction = account(config, widths);
        let is_sizeless = |setting: &&Setting| {
            let (mut given, usual) = (Given::default(), (setting.get)(&defaults));
            if setting.group == Group::Data
                || usual == (setting.get)(config)
                || setting.idle(config).is_some()
                || setting.read(&mut given, &usual).is_err()
            {
                return false;
            }
            let other = config.clone().with(&given);
            other.validate().is_ok() && account(&other, widths) == prediction
        };
        let given = TABLE.iter().filter(|setting| (setting.is_given)(&self.settings.given));
        let flags: Vec<_> = given.filter(is_sizeless).map(Setting::shown).collect();
        if !flags.is_empty() {
            note(format_args!("the sizes are the same without {}", flags.join(", ")));
        }
    }

    pub(super) fn run(&self) -> Result<()> {
        let run = self.run.as_ref().map(|path| SavedRun::read(path)).transpose()?;
        let recorded = self.run.as_ref().map(|path| path.join("config.toml"));
        let config = self.settings.resolve(recorded.as_deref())?;
        self.settings.note_idle(std::slice::from_ref(&config));
        let (config, widths) = match &run {
            Some(run) => (config, run.widths),
            None => self.data.fitted(&config)?,
        };
        check_lanes(&config.layers(widths.0, widths.1), config.lanes())?;
        if let Some(name) = &self.board {
            return self.on_boards(name, &config, widths);
        }
        self.note_sizeless(&config, widths);
        let prediction = account(&config, widths);
        // What was measured is of the run's own network, not of one that flags changed.
        let run = run.filter(|run| run.config == config);
        let measured = run.as_ref().and_then(measured);
        let ranks = self.ranks.map(|ranks| OnRanks::new(&config, widths, ranks)).transpose()?;
        if self.json {
            return print_json(&Json { prediction, run: measured, ranks });
        }
        print(text(&prediction).trim_end())?;
        if let Some(OnRanks { ranks, exchange_bytes, step_sent_bytes, step_received_bytes }) = ranks {
            let [needs, sent, received] =
                [exchange_bytes, step_sent_bytes, step_received_bytes].map(|bytes| thousands(bytes as u64));
            print(format_args!(
                "{ranks} ranks: each needs {needs} bytes more; in a step, rank 0 sends {sent} bytes and receives {received}, besides samples"
            ))?;
        }
        match (measured, &run) {
            (Some(m), _) => print(format_args!(
                "measured: {} bytes of training state in RAM, {:+.2} % from the prediction; whole process {} at its peak",
                m.measured,
                100.0 * m.difference,
                m.process_peak.map_or("not measured".into(), |bytes| format!("{bytes} bytes"))
            )),
            (None, Some(run)) => print(format_args!("{} measured no memory", run.path.display())),
            (None, None) => Ok(()),
        }
    }

    fn on_boards(&self, name: &str, config: &Config, widths: (usize, usize)) -> Result<()> {
        // A chip keeps no velocity unless it is asked for.
        let momentum = self.settings.given.momentum.is_some_and(|momentum| momentum > 0.0);
        let boards = boards(name)?;
        let mut rows = Vec::new();
        for board in boards {
            let config = if self.fit { fit(config, widths, momentum, board, self.reserve) } else { Ok(config.clone()) };
            match config {
                Ok(config) => rows.push(on_board(&config, widths, momentum, board, self.reserve)?),
                // Of all boards some are too small.
                Err(_) if boards.len() > 1 => {}
                Err(error) => return Err(error.into()),
            }
        }
        if self.json { print_json(&rows) } else { print(boards_table(&rows)) }
    }
}

/// A table whose columns but the first are numbers.
fn table<const N: usize>(header: [&str; N]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::UTF8_HORIZONTAL_ONLY).set_header(header);
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

fn cell(bytes: Option<usize>) -> String {
    bytes.map_or("does not fit".into(), |bytes| thousands(bytes as u64))
}

/// The prediction for people.
fn text(prediction: &Accounting) -> String {
    let [sparse, dense] = prediction.connections.map(|n| thousands(n as u64));
    let text = format!(
        "{}: {sparse} connections, dense {dense}; batch {}, {} lanes, {}\n",
        dashed(prediction.widths.iter().copied()),
        prediction.batch_size,
        prediction.lanes,
        if prediction.velocity { "momentum" } else { "no momentum" }
    );
    let mut buffers = table(["bytes", "SET, FixProb", "dense"]);
    for row in
        prediction.buffers.iter().filter(|row| row.sparse != Some(0) || row.dense != Some(0) || row.what == "scratch")
    {
        buffers.add_row([row.what.clone(), cell(row.sparse), cell(row.dense)]);
    }
    let mut variants = table(["bytes to train", "SET, FixProb", "dense"]);
    for row in &prediction.variants {
        variants.add_row([row.what.clone(), cell(row.sparse), cell(row.dense)]);
    }
    text + &format!("{buffers}\n{variants}\n")
}

/// Rows of boards for people.
fn boards_table(rows: &[OnBoard]) -> String {
    let mut table = table([
        "board",
        "RAM KiB",
        "flash KiB",
        "epsilon",
        "connections",
        "to train, RAM",
        "left",
        "to run, RAM",
        "left",
        "model, flash",
        "left",
    ]);
    let left = |bytes: i64| {
        if bytes < 0 { format!("{} short", thousands(bytes.unsigned_abs())) } else { thousands(bytes.unsigned_abs()) }
    };
    for row in rows {
        table.add_row([
            row.board.name.to_owned(),
            row.board.ram_kib.to_string(),
            row.board.flash_kib.to_string(),
            format!("{}", row.epsilon),
            thousands(row.connections as u64),
            thousands(row.training_bytes as u64),
            left(row.training_left),
            thousands(row.inference_bytes as u64),
            left(row.inference_left),
            thousands(row.model_bytes as u64),
            left(row.flash_left),
        ]);
    }
    table.to_string()
}
