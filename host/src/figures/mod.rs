//! Figures from saved runs, as SVG and PNG.
//!
//! What a figure shows was measured and written by a run, and counted in [`crate::analysis`]; nothing here trains or counts.
//!
//! | file | what it draws |
//! |---|---|
//! | `curves`, `network`, `machine` | charts of learning, of structure and weights, of memory and time |
//! | `evaluation` | what `rewire evaluate` measured |
//! | `inputs`, `animation`, `features` | maps of input connections, still and moving; selected inputs |
//! | `sweep` | scores by the values of searched settings |
//! | `scale` | memory and time by the number of neurons |
//! | `bars` | input connections by the names of features, where these are no image |
//! | `chart`, `axis`, `path`, `maps` | what these are made of: charts and panels of pixels |
//! | `figure`, `canvas`, `style` | panels to SVG and PNG; sizes and colours |

pub mod animation;
pub mod axis;
mod bars;
mod canvas;
pub mod chart;
pub mod curves;
pub mod evaluation;
pub mod features;
pub mod figure;
pub mod inputs;
pub mod machine;
pub mod maps;
pub mod network;
pub mod path;
pub mod scale;
pub mod style;
pub mod sweep;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::analysis::saved::{SavedRun, group};
use crate::data;
use crate::files::write_atomically;
use crate::settings::ModelKind;
use figure::Figure;

/// What was drawn, and what could not be.
#[derive(Clone, Debug, Default, serde::Serialize)]
pub struct Drawn {
    /// Files, in the order they were drawn.
    pub files: Vec<PathBuf>,
    /// What the runs lack: a sentence each.
    pub missing: Vec<String>,
}

/// What of the runs to draw.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options<'c> {
    /// Whether to animate the input connections.
    pub animate: bool,
    /// Folder of datasets, for an example image; none is shown where there is none.
    pub cache: Option<&'c Path>,
}

/// A training image of a run's dataset, if the dataset is here.
pub(crate) fn example(run: &SavedRun, options: &Options<'_>) -> Option<Vec<u8>> {
    let dataset = data::load(run.config.dataset.known()?, options.cache?).ok()?;
    // The second image, as in the tutorial.
    dataset.train.image(1).map(<[u8]>::to_vec)
}

/// Draws every figure that the runs have data for into a folder: those of a single run, and those of all.
///
/// # Errors
///
/// When the folder cannot be made or a file not written.
pub fn plot(runs: &[SavedRun], folder: &Path, options: &Options<'_>) -> Result<Drawn> {
    std::fs::create_dir_all(folder)
        .with_context(|| format!("cannot make the folder {}; choose another with --out", folder.display()))?;
    let mut drawn = Drawn { files: Vec::new(), missing: runs.iter().flat_map(|run| run.missing.clone()).collect() };
    let groups = group(runs);
    // Of several seeds the first is shown.
    let shown: Vec<&SavedRun> = groups.iter().map(|group| group.runs[0]).collect();
    let examples: Vec<Option<Vec<u8>>> = shown.iter().map(|run| example(run, options)).collect();
    let mut figures: Vec<Figure<'_>> = Vec::new();
    if runs.iter().any(|run| !run.epochs.is_empty()) {
        figures.push(curves::figure(&groups));
    }
    if groups.len() > 1 {
        figures.push(network::weights_per_model(&groups));
    }
    figures.extend(network::explored(&groups));
    for (run, example) in shown.iter().zip(&examples) {
        let single = [
            network::degrees(run),
            network::weights(run),
            inputs::figure(run, example.as_deref()),
            machine::figure(run),
            run.evaluation.as_ref().map(evaluation::figure),
        ];
        let several = shown.len() > 1;
        figures.extend(single.into_iter().flatten().map(|figure| {
            let name = if several { format!("{}-{}", run.name(), figure.name) } else { figure.name.clone() };
            Figure { name, ..figure }
        }));
        if options.animate && run.config.model == ModelKind::Set {
            let name =
                if several { format!("{}-input-connections.gif", run.name()) } else { "input-connections.gif".into() };
            match animation::animation(run, example.as_deref(), animation::MOST_BYTES) {
                Ok(gif) => {
                    let path = folder.join(name);
                    write_atomically(&path, &gif)?;
                    drawn.files.push(path);
                }
                Err(error) => drawn.missing.push(format!("{error:#}")),
            }
        }
    }
    if options.animate && shown.iter().all(|run| run.config.model != ModelKind::Set) {
        drawn.missing.push("none of the runs is SET's, so no connections move and there is no animation".into());
    }
    for figure in &figures {
        drawn.files.extend(figure.save(folder)?);
    }
    Ok(drawn)
}
