//! Memory and time by the number of neurons.

use std::path::{Path, PathBuf};

use anyhow::Result;

use super::axis::Axis;
use super::chart::{Chart, Mark, Series};
use super::figure::Figure;
use super::path::Pattern;
use super::style::PALETTE;
use crate::scale::{Measurement, Table};

/// A number of a size, where it was measured.
type Value = fn(&Measurement) -> Option<f64>;

/// A line over the sizes.
fn line(table: &Table, number: usize, label: &str, value: Value) -> Series {
    let points = (0u32..).zip(&table.sizes).filter_map(|(at, size)| Some((at.into(), value(size)?))).collect();
    Series::line(label, PALETTE[number], Pattern::nth(number), points)
}

/// Memory, times, the time of a connection, and losses.
fn figure(table: &Table) -> Figure<'static> {
    let mut measured = line(table, 1, "network, measured", |size| size.network_bytes.map(|bytes| bytes as f64 / 1e6));
    // On the line that it is compared with.
    measured.mark = Mark::Rings;
    let memory = vec![
        line(table, 0, "network, predicted", |size| Some(size.predicted_bytes as f64 / 1e6)),
        measured,
        line(table, 2, "whole process", |size| size.process_bytes.map(|bytes| bytes as f64 / 1e6)),
    ];
    let times = vec![
        line(table, 0, "to draw the network", |size| Some(size.draw_seconds)),
        line(table, 1, "to train a sample", |size| Some(size.sample_seconds)),
        line(table, 2, "to evolve", |size| size.evolve_seconds),
        line(table, 3, "to save a checkpoint", |size| Some(size.save_seconds)),
    ];
    let losses = vec![
        line(table, 0, "before training", |size| Some(size.loss_before.into())),
        line(table, 1, "after training", |size| Some(size.loss_after.into())),
    ];
    let connection = vec![line(table, 0, "", |size| Some(size.connection_nanoseconds))];
    // Sizes are each ten times the one before, so equal steps are equal factors.
    let names: Vec<String> = table.sizes.iter().map(Measurement::size).collect();
    let chart = |title: &str, y, series| {
        let x = Axis::new("neurons").named(names.clone());
        Chart { title: title.into(), note: String::new(), x, y, series }
    };
    let charts = vec![
        chart("Memory", Axis::new("MB").log(), memory),
        chart("Time", Axis::new("seconds").log(), times),
        chart("Time of a connection", Axis::new("ns a connection and sample").from_zero(), connection),
        chart("Loss on the test samples", Axis::new("cross-entropy (nats)").from_zero(), losses),
    ];
    Figure::of_charts("scale", "Memory and time by the number of neurons".into(), charts)
}

/// Draws the sizes into a folder; returns the files.
///
/// # Errors
///
/// When one cannot be written.
pub fn save(table: &Table, folder: &Path) -> Result<[PathBuf; 2]> {
    figure(table).save(folder)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scale::table::tests::measurement;

    #[test]
    fn what_was_not_measured_is_not_drawn() {
        let table = Table { sizes: vec![measurement(10_000, 10.0), measurement(100_000, 20.0)], beyond: None };
        let points = |number: usize, label: &str, value: Value| line(&table, number, label, value).points;
        assert_eq!(points(0, "", |size| Some(size.connection_nanoseconds)), [(0.0, 10.0), (1.0, 20.0)]);
        assert_eq!(points(2, "", |size| size.evolve_seconds), []);
        assert_eq!(figure(&table).panels.len(), 4);
    }
}
