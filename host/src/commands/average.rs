//! `rewire average`: one model of several.

use std::path::PathBuf;

use anyhow::Result;

use crate::commands::output::print;
use crate::commands::shared::ModelsArguments;
use crate::model::average::average;
use crate::text::thousands;

/// What to average.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Models.
    #[command(flatten)]
    pub models: ModelsArguments,
    /// The averaged model
    #[arg(long, value_name = "FILE", default_value = "average.safetensors")]
    pub out: PathBuf,
}

impl Arguments {
    pub(super) fn run(&self) -> Result<()> {
        let averaged = self.models.combine(average, "averaged", &self.out)?;
        print(format_args!("{}: {} connections", self.out.display(), thousands(averaged.connections() as u64)))
    }
}
