//! `rewire image`: what an image holds.

use std::fmt::Write;
use std::path::PathBuf;

use anyhow::Result;

use crate::commands::output::{print, print_json};
use crate::model::chip::{LayerSummary, ScalingSummary, Summary};
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
    let Summary { bytes, header, use_bytes, crc, hash, version, format, .. } = summary;
    let mut text = format!(
        "{} bytes, {header} of them header, {use_bytes} scaling and names; CRC {crc}, model {hash}\n  version {version}, \
         format {format}: inputs are {}",
        thousands(*bytes as u64),
        inputs(summary),
    );
    let mut line = |what: &str, value: &str| {
        let _ = write!(text, "\n  {what}: {value}");
    };
    if let Some(task) = summary.task {
        line("task", &task.to_string());
    }
    if let Some(shape) = summary.shape {
        line("shape", &shape.to_string());
    }
    if let Some(scaling) = &summary.output_scaling {
        line("scaling of outputs", &scaled(scaling));
    }
    for (what, names) in [("features", &summary.features), ("outputs", &summary.outputs)] {
        if !names.is_empty() {
            line(what, &some(names));
        }
    }
    for LayerSummary { n_in, n_out, connections, storage, bytes } in &summary.layers {
        let (connections, bytes) = (thousands(*connections as u64), thousands(*bytes as u64));
        let _ = write!(text, "\n  {n_in} -> {n_out}: {connections} connections, {storage}, {bytes} bytes");
    }
    text
}

/// What inputs are.
fn inputs(summary: &Summary) -> String {
    match &summary.scaling {
        None => "bytes, each divided by 255".into(),
        Some(scaling) => format!("32-bit floats, {}", scaled(scaling)),
    }
}

/// A scaling in a few words.
fn scaled(ScalingSummary { mean, factor }: &ScalingSummary) -> String {
    let (Some(first), Some(by)) = (mean.first(), factor.first()) else { return "as they are".into() };
    let same = mean.iter().all(|mean| mean == first) && factor.iter().all(|factor| factor == by);
    match (same, *first == 0.0 && *by == 1.0) {
        (true, true) => "as they are".into(),
        (true, false) => format!("less {first}, times {by}"),
        (false, _) => format!("{} of them, each scaled by its own mean and factor", mean.len()),
    }
}

/// The first few names.
fn some(names: &[String]) -> String {
    const SHOWN: usize = 10;
    let shown = names.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join(", ");
    if names.len() > SHOWN { format!("{shown}, … ({} in all; --json lists them)", names.len()) } else { shown }
}
