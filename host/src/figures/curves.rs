//! Learning curves: loss and accuracy over the epochs, on the training samples and on the samples that are measured.

use std::fmt::Write as _;

use plotters::style::RGBColor;

use super::axis::Axis;
use super::chart::{Chart, Mark, Series};
use super::figure::Figure;
use super::path::Pattern;
use super::style::{PALETTE, model_colour};
use crate::analysis::by_epoch::by_epoch;
use crate::analysis::saved::Group;
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

/// A number of an epoch.
type Value = fn(&Epoch) -> f32;

/// A quantity that is measured on the training samples and on others.
struct Quantity {
    name: &'static str,
    label: &'static str,
    train: Value,
    test: Value,
}

const QUANTITIES: [Quantity; 2] = [
    Quantity {
        name: "accuracy",
        label: "accuracy (%)",
        train: |row| 100.0 * row.train_accuracy,
        test: |row| 100.0 * row.test_accuracy,
    },
    Quantity { name: "loss", label: "cross-entropy (nats)", train: |row| row.train_loss, test: |row| row.test_loss },
];

/// Curves of several groups, with bands over their seeds behind them; without a label each has its group's title.
fn series(groups: &[Group<'_>], value: Value, label: Option<&str>, from: usize) -> Vec<Series> {
    let (mut bands, mut lines) = (Vec::new(), Vec::new());
    for (i, (group, colour)) in groups.iter().zip(colours(groups)).enumerate() {
        let curve = by_epoch(&group.runs, value);
        if !curve.low.is_empty() {
            bands.push(Series {
                label: String::new(),
                colour,
                mark: Mark::Band { upper: curve.high },
                points: curve.low,
            });
        }
        lines.push(Series::line(
            label.map_or_else(|| group.title(), str::to_owned),
            colour,
            Pattern::nth(from + i),
            curve.mean,
        ));
    }
    bands.extend(lines);
    bands
}

/// The y axis and a note: the first epochs are left out of the range where they would flatten all others.
fn axis(label: &str, series: &[Series]) -> (Axis, String) {
    let bands = series.iter().any(|series| matches!(series.mark, Mark::Band { .. }));
    let mut note = if bands { "Lines: mean; bands: ± one standard deviation. " } else { "" }.to_owned();
    let mut y = Axis::new(label);
    let points = || series.iter().flat_map(|series| &series.points);
    let last = points().map(|point| point.0).fold(0.0, f64::max);
    let range = |skipped: f64| {
        let shown = points().filter(|point| point.0 > skipped).map(|point| point.1);
        shown.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)))
    };
    let skipped = (last / 50.0).floor().max(1.0);
    let ((low, high), (lowest, highest)) = (range(skipped), range(0.0));
    if last >= 5.0 && high > low && highest - lowest > 1.5 * (high - low) {
        let room = 0.04 * (high - low);
        y.range = (Some(low - room), Some(high + room));
        let epochs = if skipped > 1.0 { format!("the first {skipped} epochs") } else { "epoch 1".into() };
        let _ = write!(note, "Parts of {epochs} lie outside the axis.");
    }
    (y, note.trim_end().to_owned())
}

/// Accuracy and loss of one group in two charts, training beside test; of several groups in four charts.
pub fn figure<'r>(groups: &[Group<'r>]) -> Figure<'r> {
    let mut datasets: Vec<String> = groups.iter().map(|group| group.runs[0].config.dataset.short()).collect();
    datasets.sort_unstable();
    datasets.dedup();
    let dataset = datasets.join(", ");
    let validation = groups.iter().flat_map(|group| &group.runs).any(|run| run.config.validation_samples > 0);
    let measured = if validation { "validation" } else { "test" };
    let chart = |title: String, label: &str, series: Vec<Series>| {
        let (y, note) = axis(label, &series);
        Chart { title, note, x: Axis::new("epoch").whole(), y, series }
    };
    let mut charts = Vec::new();
    for Quantity { name, label, train, test } in QUANTITIES {
        if let [group] = groups {
            let mut both = series(groups, test, Some(measured), 0);
            both.extend(series(groups, train, Some("training"), 1));
            charts.push(chart(format!("{}: {name} on {dataset}", group.title()), label, both));
        } else {
            let shown = if validation { "Validation" } else { "Test" };
            for (on, value) in [(shown, test), ("Training", train)] {
                charts.push(chart(format!("{on} {name} on {dataset}"), label, series(groups, value, None, 0)));
            }
        }
    }
    let title = format!("Learning curves on {dataset}: accuracy and loss by epoch");
    Figure::of_charts("learning-curves", title, charts)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn losses(values: &[f64]) -> Vec<Series> {
        let points = (1..).map(f64::from).zip(values.iter().copied()).collect();
        vec![Series::line("loss", PALETTE[0], Pattern::Solid, points)]
    }

    #[test]
    fn an_outlier_of_the_first_epoch_does_not_flatten_the_rest() {
        let (y, note) = axis("loss", &losses(&[9.0, 0.5, 0.4, 0.3, 0.2]));
        assert!(y.range.1.unwrap() < 0.6 && note.contains("epoch 1"), "{y:?} {note}");
        let (y, note) = axis("loss", &losses(&[0.6, 0.5, 0.4, 0.3, 0.2]));
        assert_eq!((y.range, note.as_str()), ((None, None), ""));
    }
}
