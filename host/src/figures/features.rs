//! Feature selection drawn: accuracy by how many inputs are kept, and what is left of an image.

use std::path::{Path, PathBuf};

use anyhow::Result;

use super::axis::Axis;
use super::chart::{Chart, Series};
use super::figure::Figure;
use super::maps::{AT, SIZE, image};
use super::path::Pattern;
use super::style::PALETTE;
use crate::analysis::features::{Outcome, Ranking, Scores};
use crate::analysis::saved::SavedRun;

/// Accuracy by share, a line for each ranking.
fn accuracy(outcomes: &[Outcome], run: &SavedRun) -> Figure<'static> {
    let percent = |outcome: &Outcome| (outcome.percent, 100.0 * f64::from(outcome.test_accuracy));
    let line = |(i, ranking): (usize, Ranking)| {
        let points = outcomes.iter().filter(|outcome| outcome.ranking == Some(ranking)).map(percent).collect();
        Series::line(ranking.name(), PALETTE[i], Pattern::nth(i), points)
    };
    let mut series: Vec<Series> = Ranking::ALL.into_iter().enumerate().map(line).collect();
    if let Some(full) = outcomes.iter().find(|outcome| outcome.ranking.is_none()).map(percent) {
        let low = outcomes.iter().map(|outcome| outcome.percent).fold(100.0, f64::min);
        series.push(Series::line("all inputs", PALETTE[6], Pattern::Dashed, vec![(low, full.1), full]));
    }
    let chart = Chart {
        title: format!("Fresh networks on selected inputs of {}", run.config.dataset.short()),
        note: "Lines: how the inputs were ranked.".into(),
        x: Axis::new("inputs kept (%)").log(),
        y: Axis::new("test accuracy (%)"),
        series,
    };
    let title = "Accuracy of fresh networks on selected inputs, by how they were ranked".into();
    Figure::of_charts("features", title, vec![chart])
}

/// An image whole and with the best inputs only, for each share; what is left out is grey-blue.
fn masks<'f>(run: &SavedRun, scores: &Scores, percents: &[f64], example: &[u8]) -> Figure<'f> {
    let shape = run.shape();
    let panel = |&percent: &f64| {
        let kept = scores.best(Ranking::Connections, percent);
        image(format!("{percent} % of the inputs"), shape, example, |input| kept.binary_search(&input).is_ok())
    };
    let panels: Vec<_> = [100.0].iter().chain(percents).map(panel).collect();
    Figure {
        name: "features-mask".into(),
        title: "A training image with only the most connected inputs left".into(),
        columns: panels.len().min(4),
        size: (SIZE.0, AT.1 + SIZE.0 - AT.0),
        panels,
    }
}

/// Draws the outcomes, and the inputs that are kept on an image, into a folder; returns the files.
///
/// # Errors
///
/// When one cannot be written.
pub fn save(
    run: &SavedRun,
    scores: &Scores,
    percents: &[f64],
    outcomes: &[Outcome],
    image: Option<&[u8]>,
    folder: &Path,
) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    if !outcomes.is_empty() {
        files.extend(accuracy(outcomes, run).save(folder)?);
    }
    if let Some(image) = image {
        files.extend(masks(run, scores, percents, image).save(folder)?);
    }
    Ok(files)
}
