//! `rewire report`: one HTML page about saved runs.

use std::path::PathBuf;

use anyhow::Result;

use crate::commands::output::print;
use crate::commands::shared::{CacheArguments, read_runs};

/// What to report.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Run directories, or folders of them as `rewire compare` writes; runs that differ only in the seed are put together
    #[arg(required = true, value_name = "RUN")]
    pub runs: Vec<PathBuf>,
    /// The page [default: report.html in the folder that was named, or in the working directory for several]
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Datasets.
    #[command(flatten)]
    pub data: CacheArguments,
}

impl Arguments {
    pub(super) fn run(&self) -> Result<()> {
        let runs = read_runs(&self.runs)?;
        let file = self.out.clone().unwrap_or_else(|| match self.runs.as_slice() {
            [folder] => folder.join("report.html"),
            _ => "report.html".into(),
        });
        crate::report::write(&runs, &file, Some(&self.data.folder()))?;
        print(file.display())
    }
}
