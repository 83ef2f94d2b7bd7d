//! `rewire bench`: times of training steps on this machine.

use anyhow::Result;

use crate::commands::output::{print, print_json};
use crate::commands::parse::In;
use crate::settings::Range;

/// What to time.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Steps timed for each row
    #[arg(long, value_name = "N", default_value = "50", allow_negative_numbers = true,
        value_parser = In::<usize>::range(Range::Whole(1, u32::MAX as u64)))]
    pub steps: usize,
    /// Skip the dense network, which needs 300 MB and most of the time
    #[arg(long)]
    pub no_dense: bool,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

impl Arguments {
    pub(super) fn run(&self) -> Result<()> {
        let report = crate::bench::run(self.steps, !self.no_dense)?;
        if self.json { print_json(&report) } else { print(crate::bench::table(&report)) }
    }
}
