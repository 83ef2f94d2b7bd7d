//! Figures from saved runs, as SVG and PNG.
//!
//! What a figure shows was measured and written by a run; nothing here trains.

pub mod chart;
pub mod curves;
pub mod style;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::saved::{SavedRun, group};
use style::Figure;

/// What was drawn, and what could not be.
#[derive(Clone, Debug, Default, serde::Serialize)]
pub struct Drawn {
    /// Files, in the order they were drawn.
    pub files: Vec<PathBuf>,
    /// What the runs lack: a sentence each.
    pub missing: Vec<String>,
}

/// Draws every figure that the runs have data for into a folder.
///
/// # Errors
///
/// When the folder cannot be made or a file not written.
pub fn plot(runs: &[SavedRun], folder: &Path) -> Result<Drawn> {
    std::fs::create_dir_all(folder)
        .with_context(|| format!("cannot make the folder {}; choose another with --out", folder.display()))?;
    let mut drawn = Drawn { files: Vec::new(), missing: runs.iter().flat_map(|run| run.missing.clone()).collect() };
    let groups = group(runs);
    let mut figures: Vec<Figure<'_>> = Vec::new();
    if runs.iter().any(|run| !run.epochs.is_empty()) {
        figures.push(curves::figure(&groups));
    }
    for figure in &figures {
        drawn.files.extend(figure.save(folder)?);
    }
    Ok(drawn)
}
