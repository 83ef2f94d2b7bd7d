//! Learning curves: loss and accuracy over the epochs, in training and on the test samples.

use std::fmt::Write as _;

use anyhow::Result;
use plotters::style::RGBColor;

use super::chart::{Axis, Chart, Mark, Series};
use super::style::{Area, Figure, PALETTE, model_colour};
use crate::analysis::saved::{Group, SavedRun};
use crate::training::directory::Epoch;

/// A colour for each group: its model's, as long as no other group has the same model.
pub fn colours(groups: &[Group<'_>]) -> Vec<RGBColor> {
    let mut models: Vec<_> = groups.iter().map(|group| group.model() as u8).collect();
    models.dedup();
    let by_model = models.len() == groups.len();
    let colour = |(i, group): (usize, &Group<'_>)| {
        if by_model { model_colour(group.model()) } else { PALETTE[i % PALETTE.len()] }
    };
    groups.iter().enumerate().map(colour).collect()
}

/// Mean and standard deviation of several numbers; the deviation of one is 0.
pub fn mean_and_deviation(values: &[f64]) -> (f64, f64) {
    let n = values.len().max(1) as f64;
    let mean = values.iter().sum::<f64>() / n;
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    (mean, if values.len() > 1 { (squares / (n - 1.0)).sqrt() } else { 0.0 })
}

/// Points of a curve.
type Points = Vec<(f64, f64)>;

/// A quantity by epoch: mean over the runs that have the epoch, and the band of one standard deviation either way.
fn summarise(runs: &[&SavedRun], value: fn(&Epoch) -> f32) -> (Points, Points, Points) {
    let last = runs.iter().map(|run| run.done()).max().unwrap_or(0);
    let (mut mean, mut low, mut high) = (Vec::new(), Vec::new(), Vec::new());
    for epoch in 1..=last {
        let at = |run: &&SavedRun| {
            let row = run.epochs.binary_search_by_key(&epoch, |row| row.epoch).ok()?;
            Some(f64::from(value(&run.epochs[row])))
        };
        let values: Vec<f64> = runs.iter().filter_map(at).collect();
        if values.is_empty() {
            continue;
        }
        let ((centre, deviation), x) = (mean_and_deviation(&values), f64::from(epoch));
        mean.push((x, centre));
        if values.len() > 1 {
            low.push((x, centre - deviation));
            high.push((x, centre + deviation));
        }
    }
    (mean, low, high)
}

fn chart(groups: &[Group<'_>], title: &str, label: &str, train: fn(&Epoch) -> f32, test: fn(&Epoch) -> f32) -> Chart {
    let (mut bands, mut lines) = (Vec::new(), Vec::new());
    let validation = groups.iter().flat_map(|group| &group.runs).any(|run| run.config.validation_samples > 0);
    let measured = if validation { "validation" } else { "test" };
    for (group, colour) in groups.iter().zip(colours(groups)) {
        let (mean, low, high) = summarise(&group.runs, test);
        if !low.is_empty() {
            bands.push(Series { label: String::new(), colour, mark: Mark::Band { upper: high }, points: low });
        }
        lines.push(Series::line(format!("{}: {measured}", group.title()), colour, mean));
        let (mean, ..) = summarise(&group.runs, train);
        lines.push(Series::dashed("training", colour, mean));
    }
    let mut note = if bands.is_empty() { "" } else { "Lines: mean; band: ± one standard deviation. " }.to_owned();
    bands.extend(lines);
    // The first epochs of a long run would flatten all others.
    let last = groups.iter().flat_map(|group| &group.runs).map(|run| run.done()).max().unwrap_or(0);
    let skipped = f64::from(last / 50);
    let shown = || bands.iter().flat_map(|s| &s.points).filter(|p| p.0 > skipped).map(|p| p.1);
    let (low, high) = (shown().fold(f64::INFINITY, f64::min), shown().fold(f64::NEG_INFINITY, f64::max));
    let mut y = Axis::new(label);
    if skipped > 0.0 && low < high {
        let room = 0.04 * (high - low);
        y.range = (Some(low - room), Some(high + room));
        let beyond = bands.iter().flat_map(|s| &s.points).any(|p| p.1 < low - room || p.1 > high + room);
        if beyond {
            let _ = write!(note, "Curves leave the axes within the first {skipped} epochs.");
        }
    }
    Chart { title: title.into(), note, x: Axis::new("epoch"), y, series: bands }
}

/// Accuracy and loss side by side.
pub fn figure<'r>(groups: &'r [Group<'r>]) -> Figure<'r> {
    let mut datasets: Vec<String> = groups.iter().map(|group| group.runs[0].config.dataset.to_string()).collect();
    datasets.sort_unstable();
    datasets.dedup();
    let dataset = datasets.join(", ");
    let accuracy = chart(
        groups,
        &format!("Accuracy on {dataset}"),
        "accuracy (%)",
        |row| 100.0 * row.train_accuracy,
        |row| 100.0 * row.test_accuracy,
    );
    let loss =
        chart(groups, &format!("Loss on {dataset}"), "cross-entropy (nats)", |row| row.train_loss, |row| row.test_loss);
    let draw = move |area: &Area<'_>| -> Result<()> {
        let (left, right) = area.split_horizontally(area.dim_in_pixel().0 / 2);
        accuracy.draw(&left)?;
        loss.draw(&right)
    };
    Figure {
        name: "learning-curves".into(),
        title: format!("Learning curves on {dataset}: accuracy and loss by epoch"),
        size: (1000, 420),
        draw: Box::new(draw),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_deviation_is_the_samples() {
        assert_eq!(mean_and_deviation(&[1.0, 3.0]), (2.0, 2f64.sqrt()));
        assert_eq!(mean_and_deviation(&[5.0]), (5.0, 0.0));
    }
}
