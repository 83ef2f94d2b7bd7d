//! `rewire export`: a saved model for a microcontroller, as an image or as a project.

use std::path::PathBuf;

use anyhow::{Context, Result};
use rewire_core::network::Storage;

use crate::commands::firmware::FirmwareArguments;
use crate::commands::output::{note, print};
use crate::commands::shared::model_file;
use crate::error::Usage;
use crate::model::chip::Exported;
use crate::model::safetensors::Model;

/// What to export.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// A model.safetensors, or a run directory that holds one
    pub model: PathBuf,
    /// For a microcontroller, in the narrowest format that holds the model
    #[arg(long)]
    pub chip: bool,
    /// The image [default: model.image beside the model]
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Firmware.
    #[command(flatten)]
    pub firmware: FirmwareArguments,
}

impl Arguments {
    pub(super) fn run(&self) -> Result<()> {
        if let Some(folder) = &self.firmware.firmware {
            return self.firmware.write(&self.model, folder);
        }
        if !self.chip {
            let text = "say what to write: --chip for an image, or --firmware DIR --board NAME for a Cargo project";
            return Err(Usage(text.into()).into());
        }
        let path = model_file(&self.model);
        let out = self.out.clone().unwrap_or_else(|| path.with_extension("image"));
        let model = Model::load(&path)?.in_rows();
        let Exported { bytes, format, converted } = crate::model::chip::export(&model, &out)
            .with_context(|| format!("{} cannot be exported for a chip", path.display()))?;
        for layer in converted {
            let storage = match model.layers[layer].spec.storage {
                Storage::OutputMajor => "input-major",
                Storage::InputMajor | Storage::Dense | Storage::Blocked => "output-major",
            };
            note(format_args!("layer {layer} is stored {storage} in the image, where its columns take fewer bytes"));
        }
        print(format_args!("{}: {bytes} bytes, format {format}", out.display()))
    }
}
