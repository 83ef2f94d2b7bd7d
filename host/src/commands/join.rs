//! `rewire join`: several models side by side in one.

use std::path::PathBuf;

use anyhow::Result;

use crate::commands::output::print;
use crate::commands::shared::ModelsArguments;
use crate::model::join::join;
use crate::text::{dashed, thousands};

/// What to join.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Models.
    #[command(flatten)]
    pub models: ModelsArguments,
    /// The joined model
    #[arg(long, value_name = "FILE", default_value = "joined.safetensors")]
    pub out: PathBuf,
}

impl Arguments {
    pub(super) fn run(&self) -> Result<()> {
        let joined = self.models.combine(join, "joined", &self.out)?;
        let inputs = joined.layers.first().map(|layer| layer.spec.n_in);
        let widths = dashed(inputs.into_iter().chain(joined.layers.iter().map(|layer| layer.spec.n_out)));
        print(format_args!("{}: {widths}, {} connections", self.out.display(), thousands(joined.connections() as u64)))
    }
}
