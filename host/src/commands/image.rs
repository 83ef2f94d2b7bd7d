//! `rewire image`: what an image holds.

use std::fmt::Write;
use std::path::PathBuf;

use anyhow::Result;

use crate::commands::output::{print, print_json};
use crate::model::chip::{LayerSummary, Summary};
use crate::text::thousands;

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
        if self.json { print_json(&summary) } else { print(text(&summary)) }
    }
}

/// The description for people.
fn text(summary: &Summary) -> String {
    let Summary { bytes, header, crc, hash, layers } = summary;
    let mut text = format!("{} bytes, {header} of them header, CRC {crc}, model {hash}", thousands(*bytes as u64));
    for LayerSummary { n_in, n_out, connections, storage, bytes } in layers {
        let (connections, bytes) = (thousands(*connections as u64), thousands(*bytes as u64));
        let _ = write!(text, "\n  {n_in} -> {n_out}: {connections} connections, {storage}, {bytes} bytes");
    }
    text
}
