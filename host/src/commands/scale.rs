//! `rewire scale`: one network after another, each ten times as large, as far as the memory goes.
//!
//! Each is trained by a process of its own, so that its peak memory is its own too.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use comfy_table::{CellAlignment, ContentArrangement, presets};
use rewire_engine::dynamic::NetworkError;

use crate::commands::output::{print, print_json};
use crate::commands::parse::In;
use crate::commands::progress::{RunBar, say};
use crate::commands::settings::{MORE_SETTINGS, ScaleSettings};
use crate::commands::shared::{MachineArguments, interruption};
use crate::error::{Interrupted, Usage};
use crate::files::write_atomically;
use crate::scale::{LARGEST, Measurement, SMALLEST, Sheet, Table, measure, settings, sizes};
use crate::settings::{Config, Given, Range};
use crate::training::lock::Lock;
use crate::training::memory::check;

/// Time between two looks at whether a size is done.
const LOOK: Duration = Duration::from_millis(50);

/// What to train.
#[derive(Debug, clap::Args)]
#[command(
    after_help = MORE_SETTINGS,
    after_long_help = ""
)]
pub struct Arguments {
    /// Settings of all sizes.
    #[command(flatten)]
    pub settings: ScaleSettings,
    /// Neurons of the largest network [default: as many as the memory holds]
    #[arg(long, value_name = "N", help_heading = "Scale", allow_negative_numbers = true,
        value_parser = In::<usize>::range(Range::Whole(SMALLEST as u64, LARGEST as u64)))]
    pub up_to: Option<usize>,
    /// Folder for the table and the figure; sizes that are there already are not trained again [default: runs/scale]
    #[arg(long, value_name = "DIR", help_heading = "Scale")]
    pub out: Option<PathBuf>,
    /// Print the table as JSON
    #[arg(long, hide_short_help = true, help_heading = "Scale")]
    pub json: bool,
    /// Train the one size of this settings file of --out in this process, and write what it took beside the file
    #[arg(long, value_name = "FILE", hide_short_help = true, help_heading = "Scale",
        conflicts_with_all = ["up_to", "out", "json"])]
    pub measure: Option<PathBuf>,
    /// Threads and vectors.
    #[command(flatten)]
    pub machine: MachineArguments,
}

impl Arguments {
    pub(super) fn run(&self) -> Result<()> {
        if let Some(file) = &self.measure {
            if self.settings.0.given != Given::default() {
                return Err(Usage("--measure takes all settings from its file; leave other settings out".into()).into());
            }
            return self.measure(file);
        }
        let out = self.out.clone().unwrap_or_else(|| "runs/scale".into());
        let sizes: Vec<Size> = sizes(self.up_to.unwrap_or(LARGEST))
            .map(|neurons| Size::new(neurons, &self.settings.0.given, &out))
            .collect::<Result<_>>()?;
        self.settings.0.note_idle(&sizes.iter().map(|size| size.config.clone()).collect::<Vec<_>>());
        let interrupted = interruption()?;
        std::fs::create_dir_all(&out)
            .with_context(|| format!("cannot make the folder --out {}; choose another", out.display()))?;
        let _lock = Lock::take(&out)?;
        let mut table = Table::default();
        let failed = self.train(sizes, &mut table, &out, &interrupted).err();
        if !table.sizes.is_empty() {
            let mut files = table.save(&out)?.to_vec();
            files.extend(crate::figures::scale::save(&table, &out)?);
            if self.json {
                print_json(&table)?;
            } else {
                let files: Vec<String> = files.iter().map(|file| file.display().to_string()).collect();
                print(format_args!("{}\nalso in {}", shown(&table), files.join(", ")))?;
            }
        }
        match (failed, table.beyond) {
            (Some(error), _) => Err(error),
            (None, Some(beyond)) if table.sizes.is_empty() => bail!("{beyond}"),
            (None, _) => Ok(()),
        }
    }

    /// Trains the sizes that are not there yet, up to the first that does not fit the memory.
    fn train(&self, sizes: Vec<Size>, table: &mut Table, out: &Path, interrupted: &AtomicBool) -> Result<()> {
        let program = std::env::current_exe().context("the program cannot find itself")?;
        for size in sizes {
            if let Some(done) = size.done {
                table.sizes.push(done);
                continue;
            }
            let name = format!("{:e} neurons", size.neurons);
            match check(&size.config, (size.config.features, size.config.classes), 1) {
                Err(NetworkError::OutOfMemory { needed, available: Some(available), .. }) => {
                    let beyond = format!("{name} need {needed} bytes of memory, and {available} are available");
                    table.beyond = Some(beyond);
                    return Ok(());
                }
                checked => checked?,
            }
            say(&format!("{name}, in {}", size.settings.display()));
            write_atomically(&size.settings, toml::to_string(&size.config)?.as_bytes())?;
            let mut command = Command::new(&program);
            command.args(["scale", "--measure"]).arg(&size.settings).args(self.machine.flags());
            let mut child =
                command.stdin(Stdio::null()).stdout(Stdio::null()).spawn().context("a size cannot be started")?;
            let status = wait(&mut child, interrupted)?;
            if !status.success() {
                remove_network(&size.settings)?;
                if interrupted.load(Ordering::Relaxed) {
                    let out = out.display();
                    return Err(Interrupted(format!("interrupted; the same command continues in {out}")).into());
                }
                // What went wrong it has said, unless something else ended it.
                let ended =
                    if status.code().is_none() { " (the system ended them, perhaps for want of memory)" } else { "" };
                bail!("{name} could not be measured{ended}, so the table ends before them");
            }
            table.sizes.push(read(&size.measured)?);
        }
        Ok(())
    }

    /// Trains the network of a settings file, and writes beside it what that took.
    fn measure(&self, file: &Path) -> Result<()> {
        let (config, native) = (Config::read(file)?, self.machine.native()?);
        remove_network(file)?;
        let folder = network(file);
        std::fs::create_dir(&folder).with_context(|| format!("cannot make the folder {}", folder.display()))?;
        let measured = measure(&config, native, &folder, &mut RunBar::default());
        remove_network(file)?;
        let json = serde_json::to_string_pretty(&measured?)?;
        write_atomically(&file.with_extension("json"), json.as_bytes())
    }
}

/// A size that is to be measured.
struct Size {
    neurons: usize,
    config: Config,
    /// The file of its settings.
    settings: PathBuf,
    /// The file of what it took.
    measured: PathBuf,
    /// What it took, if it was measured before.
    done: Option<Measurement>,
}

impl Size {
    /// A size of the folder `out`.
    ///
    /// # Errors
    ///
    /// When the settings do not go with each other, or the folder holds another network of this size.
    fn new(neurons: usize, given: &Given, out: &Path) -> Result<Self> {
        let config = settings(neurons, given);
        config.validate()?;
        let [settings, measured] = ["toml", "json"].map(|ending| out.join(format!("{neurons}.{ending}")));
        let mut done = None;
        if measured.exists() {
            let differences = Config::read(&settings)?.differences(&config);
            if !differences.is_empty() {
                let (shown, differences) = (measured.display(), differences.join("; "));
                return Err(Usage(format!("{shown} is of another network: {differences}; name another --out")).into());
            }
            done = Some(read(&measured)?);
        }
        Ok(Self { neurons, config, settings, measured, done })
    }
}

/// The folder beside a settings file that holds the network's checkpoint while it is measured.
fn network(settings: &Path) -> PathBuf {
    settings.with_extension("checkpoint")
}

/// Removes it with what is in it, if it is there.
fn remove_network(settings: &Path) -> Result<()> {
    let folder = network(settings);
    if !folder.exists() {
        return Ok(());
    }
    std::fs::remove_dir_all(&folder).with_context(|| format!("cannot remove the folder {}", folder.display()))
}

fn read(file: &Path) -> Result<Measurement> {
    let shown = file.display();
    let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {shown}"))?;
    serde_json::from_str(&text).with_context(|| format!("{shown} is no measurement; remove it to measure again"))
}

/// Waits for a process to end, and ends it where the user wants that.
fn wait(child: &mut Child, interrupted: &AtomicBool) -> Result<ExitStatus> {
    let failed = "a size cannot be waited for";
    loop {
        if let Some(status) = child.try_wait().context(failed)? {
            if !status.success() {
                // Ctrl-C ends both, and may end the other one first.
                std::thread::sleep(LOOK);
            }
            return Ok(status);
        }
        if interrupted.load(Ordering::Relaxed) {
            // It may have ended meanwhile.
            let _ = child.kill();
            return child.wait().context(failed);
        }
        std::thread::sleep(LOOK);
    }
}

/// The table for a terminal.
fn shown(table: &Table) -> String {
    let sheets = table.sheets().map(|Sheet { columns, rows }| {
        let mut drawn = comfy_table::Table::new();
        drawn.load_style(presets::UTF8_HORIZONTAL_ONLY).set_content_arrangement(ContentArrangement::Dynamic);
        drawn.set_width(120).set_header(columns).add_rows(rows);
        for column in drawn.column_iter_mut() {
            column.set_cell_alignment(CellAlignment::Right);
        }
        drawn.to_string()
    });
    match &table.beyond {
        Some(beyond) => format!("{}\n{beyond}", sheets.join("\n")),
        None => sheets.join("\n"),
    }
}
