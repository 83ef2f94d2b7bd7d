//! `rewire join`: several models side by side in one.

use std::path::PathBuf;

use anyhow::Result;

use crate::commands::output::print;
use crate::commands::shared::combine;
use crate::model::join::join;
use crate::text::thousands;

/// What to join.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Two or more, with as many layers each: a model.safetensors, or a run directory that holds one
    #[arg(required = true, num_args = 2..)]
    pub models: Vec<PathBuf>,
    /// The joined model
    #[arg(long, value_name = "FILE", default_value = "joined.safetensors")]
    pub out: PathBuf,
}

impl Arguments {
    pub(super) fn run(&self) -> Result<()> {
        let joined = combine(&self.models, join, "joined", &self.out)?;
        let connections: usize = joined.layers.iter().map(|layer| layer.weights.len()).sum();
        let inputs = joined.layers.first().map_or(0, |layer| layer.spec.n_in);
        let widths =
            joined.layers.iter().fold(inputs.to_string(), |text, layer| format!("{text}-{}", layer.spec.n_out));
        print(format_args!("{}: {widths}, {} connections", self.out.display(), thousands(connections as u64)))
    }
}
