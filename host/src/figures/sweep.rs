//! A sweep drawn: the score of each trial by the value of each searched setting.

use std::path::{Path, PathBuf};

use anyhow::Result;

use super::axis::Axis;
use super::chart::{Chart, Mark, Series};
use super::figure::Figure;
use super::style::PALETTE;
use crate::settings::{TaskKind, score_name};
use crate::sweep::Table;

/// Numbers that span more than this factor have an axis of factors.
const WIDE: f64 = 20.0;

/// A chart for each searched setting.
fn figure(table: &Table) -> Figure<'static> {
    let charts = (0..table.settings.len()).map(|place| chart(table, place)).collect();
    Figure::of_charts("sweep", "The score on validation samples by the value of each searched setting".into(), charts)
}

/// Each trial's score by the value of a setting, the rounds in colours.
fn chart(table: &Table, place: usize) -> Chart {
    let mut values: Vec<&str> = table.outcomes.iter().map(|outcome| outcome.values[place].as_str()).collect();
    let numbers: Option<Vec<f64>> = values.iter().map(|value| value.parse().ok()).collect();
    let x = Axis::new(table.settings[place].replace('_', " "));
    let x = if let Some(numbers) = &numbers {
        let (low, high) = numbers.iter().fold((f64::INFINITY, 0.0f64), |(low, high), &n| (low.min(n), high.max(n)));
        if low > 0.0 && high / low > WIDE { x.log() } else { x }
    } else {
        values.sort_unstable();
        values.dedup();
        x.named(values.iter().map(|&value| value.to_owned()).collect())
    };
    let at = |value: &str| match value.parse() {
        Ok(number) if numbers.is_some() => number,
        _ => values.iter().position(|&other| other == value).unwrap_or(0) as f64,
    };
    let percent = if table.task == TaskKind::Classify { 100.0 } else { 1.0 };
    let rounds = table.outcomes.iter().map(|outcome| outcome.round).max().unwrap_or(0);
    let series = (1..=rounds).map(|round| {
        let of_round: Vec<_> = table.outcomes.iter().filter(|outcome| outcome.round == round).collect();
        let points = of_round.iter().filter_map(|outcome| Some((at(&outcome.values[place]), percent * outcome.score?)));
        let label = match of_round.first() {
            Some(outcome) if rounds > 1 => format!("{} epochs", outcome.epochs),
            _ => String::new(),
        };
        Series { label, colour: PALETTE[(round - 1) % PALETTE.len()], mark: Mark::Points, points: points.collect() }
    });
    let unit = if table.task == TaskKind::Classify { " (%)" } else { "" };
    let y = Axis::new(format!("validation {}{unit}", score_name(table.task)));
    Chart { title: String::new(), note: String::new(), x, y, series: series.collect() }
}

/// Draws a sweep into a folder; returns the files.
///
/// # Errors
///
/// When one cannot be written.
pub fn save(table: &Table, folder: &Path) -> Result<Vec<PathBuf>> {
    Ok(figure(table).save(folder)?.to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sweep::Outcome;

    #[test]
    fn numbers_lie_on_an_axis_and_names_beside_each_other() {
        let outcome = |trial: usize, values: [&str; 3], score| Outcome {
            round: 1 + trial / 2,
            epochs: 3,
            trial,
            values: values.map(String::from).to_vec(),
            score,
            deviation: 0.0,
            loss: None,
            seconds: 0.0,
        };
        let outcomes = vec![
            outcome(1, ["0.001", "near", "0.2"], Some(0.5)),
            outcome(2, ["0.1", "local", "0.3"], Some(0.25)),
            outcome(3, ["0.01", "near", "0.3"], None),
        ];
        let settings = vec!["learning_rate", "growth", "zeta"];
        let table = Table { task: TaskKind::Classify, settings, outcomes };
        let charts: Vec<Chart> = (0..3).map(|place| chart(&table, place)).collect();
        let points = |place: usize, round: usize| charts[place].series[round].points.clone();
        assert_eq!((points(0, 0), points(0, 1)), (vec![(0.001, 50.0)], vec![(0.1, 25.0)]));
        assert_eq!(charts[0].x.scale, super::super::axis::Scale::Log);
        assert_eq!(charts[1].x.names, ["local", "near"]);
        assert_eq!((points(1, 0), points(1, 1)), (vec![(1.0, 50.0)], vec![(0.0, 25.0)]));
        assert_eq!(charts[2].x.scale, super::super::axis::Scale::Linear);
    }
}
