//! `rewire average`: one model of several.

use std::path::PathBuf;

use anyhow::Result;

use crate::commands::output::print;
use crate::commands::shared::combine;
use crate::model::average::average;
use crate::text::thousands;

/// What to average.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Two or more: each a model.safetensors, or a run directory that holds one
    #[arg(required = true, num_args = 2..)]
    pub models: Vec<PathBuf>,
    /// The averaged model
    #[arg(long, value_name = "FILE", default_value = "average.safetensors")]
    pub out: PathBuf,
}

impl Arguments {
    pub(super) fn run(&self) -> Result<()> {
        let averaged = combine(&self.models, average, "averaged", &self.out)?;
        let connections: usize = averaged.layers.iter().map(|layer| layer.weights.len()).sum();
        print(format_args!("{}: {} connections", self.out.display(), thousands(connections as u64)))
    }
}
