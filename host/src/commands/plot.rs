//! `rewire plot`: the figures of saved runs.

use std::path::PathBuf;

use anyhow::Result;

use crate::commands::output::{print_files, print_json, warn_of_missing};
use crate::commands::shared::{CacheArguments, read_runs};

/// What to draw.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Run directories, or folders of them as `rewire compare` writes; runs that differ only in the seed become one curve
    /// with a band
    #[arg(required = true, value_name = "RUN")]
    pub runs: Vec<PathBuf>,
    /// Folder for the figures [default: figures in the folder that was named, or in the working directory for several]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Also draw a GIF of the connections of each pixel over the epochs
    #[arg(long)]
    pub animate: bool,
    /// Also write into each run directory what the tutorial's Python does: NAME.txt and its companions
    #[arg(long)]
    pub reference_files: bool,
    /// Datasets.
    #[command(flatten)]
    pub data: CacheArguments,
    /// Print the files as JSON
    #[arg(long)]
    pub json: bool,
}

impl Arguments {
    pub(super) fn run(&self) -> Result<()> {
        let runs = read_runs(&self.runs)?;
        let folder = self.out.clone().unwrap_or_else(|| match self.runs.as_slice() {
            [folder] => folder.join("figures"),
            _ => "figures".into(),
        });
        let cache = self.data.folder();
        let options = crate::figures::Options { animate: self.animate, cache: Some(&cache) };
        let mut drawn = crate::figures::plot(&runs, &folder, &options)?;
        for run in runs.iter().filter(|_| self.reference_files) {
            drawn.files.extend(crate::analysis::reference::write(run)?);
        }
        warn_of_missing(&drawn.missing);
        if self.json { print_json(&drawn) } else { print_files(&drawn.files) }
    }
}
