//! `rewire image`: what an image holds.

use std::path::PathBuf;

use anyhow::Result;

use crate::commands::output::{print, print_json};

/// Which image to describe.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// An image that `rewire export --chip` or a chip wrote
    pub file: PathBuf,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

impl Arguments {
    pub(super) fn run(&self) -> Result<()> {
        let summary = crate::model::chip::describe(&self.file)?;
        if self.json { print_json(&summary) } else { print(summary.text()) }
    }
}
