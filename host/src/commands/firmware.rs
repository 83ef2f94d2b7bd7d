//! `rewire export --firmware`: a Cargo project that runs a saved run's network on a board and goes on training it there.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::commands::output::{note, print};
use crate::commands::own_data::Trained;
use crate::commands::parse::In;
use crate::commands::shared::{CacheArguments, interruption};
use crate::error::Usage;
use crate::firmware::fitted::Fitted;
use crate::firmware::project::{Core, Project, RunOn, board, check_folder};
use crate::text::thousands;
use crate::training::task::{test_samples, train_samples};

/// The project.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Firmware")]
pub struct FirmwareArguments {
    /// Write a Cargo project that runs the network on a board and goes on training it there; the folder must be new or
    /// empty
    #[arg(long, value_name = "DIR", requires = "board", conflicts_with = "out")]
    pub firmware: Option<PathBuf>,
    /// The board, such as nrf52840; a wrong name lists all
    #[arg(long, value_name = "NAME", requires = "firmware")]
    pub board: Option<String>,
    /// Where the windows come from that the network predicts and learns [default: sensor]
    #[arg(long, value_name = "SOURCE", requires = "firmware", value_parser = In::<RunOn>::ANY)]
    pub run_on: Option<RunOn>,
    /// Folder of the package rewire-core [default: that of the checkout this program was built from, if it is there, else
    /// the package registry]
    #[arg(long, value_name = "DIR", requires = "firmware")]
    pub core: Option<PathBuf>,
    /// Datasets.
    #[command(flatten)]
    pub cache: CacheArguments,
}

impl FirmwareArguments {
    /// Writes the project of the run at `path`.
    pub(super) fn write(&self, path: &Path, folder: &Path) -> Result<()> {
        let board = board(self.board.as_deref().unwrap_or_default())?;
        check_folder(folder)?;
        let core = Core::find(self.core.as_deref())?;
        let trained = Trained::load(path)?;
        let Some(config) = &trained.run else {
            let text = "no config.toml lies beside it, which says how training goes on; name a run directory";
            return Err(Usage(format!("{}: {text}", trained.path.display())).into());
        };
        let fitted = Fitted::new(path, &trained.model, board, self.run_on.unwrap_or(RunOn::Sensor))?;
        let dataset = self.cache.load(config, &interruption()?).with_context(|| {
            format!("the samples of {} cannot be read, of which some go to the chip", path.display())
        })?;
        let (trained_on, samples) = (train_samples(config, &dataset), test_samples(Some(config), &dataset));
        let project = fitted.project(core, config, trained_on, &dataset.test, &samples)?;
        project.write(folder)?;
        let Project { network, samples, .. } = &project;
        let number = |bytes: usize| thousands(bytes as u64);
        print(format_args!(
            "{}: a project for {} ({}); {} of {} bytes of RAM to train, {} of {} bytes of flash for the model and {} for \
             {} samples",
            folder.display(),
            board.name,
            board.chip,
            number(network.ram[0]),
            number(board.ram_bytes()),
            number(network.image.len()),
            number(board.flash_bytes()),
            number(samples.bytes.len()),
            number(samples.count),
        ))?;
        note(format_args!("next: cd {} && cargo run --release; README.md says what it needs", folder.display()));
        Ok(())
    }
}
