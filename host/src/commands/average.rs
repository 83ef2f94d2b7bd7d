//! `rewire average`: one model of several.

use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::commands::output::print;
use crate::commands::shared::model_file;
use crate::model::average::average;
use crate::model::safetensors::Model;
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
        let models: Vec<_> =
            self.models.iter().map(|path| Ok(Model::load(&model_file(path))?.in_rows())).collect::<Result<_>>()?;
        let averaged = average(&models).with_context(|| {
            let paths: Vec<_> = self.models.iter().map(|path| path.display().to_string()).collect();
            format!("{} cannot be averaged", paths.join(", "))
        })?;
        averaged.save(&self.out)?;
        let connections: usize = averaged.layers.iter().map(|layer| layer.weights.len()).sum();
        print(format_args!("{}: {} connections", self.out.display(), thousands(connections as u64)))
    }
}
