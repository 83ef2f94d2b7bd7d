//! What `rewire evaluate` measured: the confusion of classes, the residuals of numbers, the scores of samples.

use anyhow::Result;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::axis::Axis;
use super::chart::{Chart, Mark, Series};
use super::figure::{Figure, Panel};
use super::path::Pattern;
use super::style::{Area, INK, LABEL, MUTED, PALETTE, SMALL, UNIT, failed, heat, text};
use crate::analysis::bins::Bins;
use crate::analysis::evaluation::{Anomalies, Classes, Evaluation, Values};

/// Classes whose names and counts are written, at most.
const MOST_NAMED: usize = 26;
/// Side of a class's cell, in CSS pixels: where counts are written, and where there are too many.
const CELL: (u32, u32) = (34, 8);
/// Left and top of the cells, in CSS pixels.
const AT: (u32, u32) = (130, 70);
/// Letters of a class's name that are written, at most.
const LETTERS: usize = 14;
/// Text on dark and on light cells. A page's theme changes paper and ink, but not the cells.
const ON_CELL: [RGBColor; 2] = [RGBColor(0xFE, 0xFE, 0xFE), RGBColor(0x11, 0x11, 0x11)];

/// The figure of an evaluation.
pub fn figure<'f>(evaluation: &Evaluation) -> Figure<'f> {
    match evaluation {
        Evaluation::Classify(classes) => confusion(classes.clone()),
        Evaluation::Regress(values) => residuals(values),
        Evaluation::Reconstruct(anomalies) => scores(anomalies),
    }
}

/// The share of each class's samples that is predicted as each class, with the counts.
fn confusion<'f>(classes: Classes) -> Figure<'f> {
    let count = classes.classes.len();
    let cell = if count > MOST_NAMED { CELL.1 } else { CELL.0 };
    let side = cell * count as u32;
    let title = "Test samples by class (row) and predicted class (column)".to_owned();
    let size = (AT.0 + side.max(320) + 16, AT.1 + side + 24);
    let draw = Box::new(move |area: &Area<'_>| draw_confusion(area, &classes, cell));
    let panels = vec![Panel { title: title.clone(), draw, rasters: Vec::new() }];
    Figure { name: "evaluation".into(), title, columns: 1, size, panels }
}

fn draw_confusion(area: &Area<'_>, classes: &Classes, cell: u32) -> Result<()> {
    let at = |x: u32, y: u32| ((x * UNIT).cast_signed(), (y * UNIT).cast_signed());
    let write = |words: String, place: (i32, i32), style: TextStyle<'_>| {
        area.draw(&Text::new(words, place, style)).map_err(failed)
    };
    write("Predicted class (columns) of the samples of each class (rows)".into(), at(12, 8), text(LABEL, INK))?;
    write("colour: share of the class, from 0 (dark) to 1 (light)".into(), at(12, 26), text(SMALL, MUTED))?;
    let named = classes.classes.len() <= MOST_NAMED;
    let middle = Pos::new(HPos::Center, VPos::Center);
    // A column is narrow: of longer names, every other one stands higher.
    let long = classes.classes.iter().any(|class| class.name.chars().count() > 4);
    let short = |name: &str, letters: usize| -> String { name.chars().take(letters).collect() };
    for (row, (class, counts)) in (0u32..).zip(classes.classes.iter().zip(&classes.confusion)) {
        let y = AT.1 + row * cell;
        if named {
            let right = text(SMALL, INK).pos(Pos::new(HPos::Right, VPos::Center));
            write(short(&class.name, LETTERS), at(AT.0 - 8, y + cell / 2), right)?;
            let above = AT.1 - 10 - if long { 14 * (row % 2) } else { 0 };
            write(short(&class.name, 8), at(AT.0 + row * cell + cell / 2, above), text(SMALL, INK).pos(middle))?;
        }
        for (column, &count) in (0u32..).zip(counts) {
            let x = AT.0 + column * cell;
            let share = f64::from(count) / f64::from(class.samples.max(1));
            let corners = [at(x, y), at(x + cell, y + cell)];
            area.draw(&Rectangle::new(corners, heat(share).filled())).map_err(failed)?;
            if named && count > 0 {
                let colour = ON_CELL[usize::from(share > 0.5)];
                write(count.to_string(), at(x + cell / 2, y + cell / 2), text(SMALL, colour).pos(middle))?;
            }
        }
    }
    Ok(())
}

/// The middles of equal steps with their counts.
fn bars(bins: &Bins, counts: &[u32]) -> (f64, Vec<(f64, f64)>) {
    let width = (bins.most - bins.least) / counts.len().max(1) as f64;
    let middle = |step: usize| bins.least + width * (step as f64 + 0.5);
    (width, counts.iter().enumerate().map(|(step, &count)| (middle(step), f64::from(count))).collect())
}

/// Residuals of each number.
fn residuals<'f>(values: &Values) -> Figure<'f> {
    let chart = |value: &crate::analysis::evaluation::Value| {
        let (width, points) = bars(&value.bins, &value.bins.counts);
        let most = points.iter().map(|point| point.1).fold(0.0, f64::max);
        let bars = Series { label: String::new(), colour: PALETTE[0], mark: Mark::Bars { width }, points };
        let zero = Series::line("no error", INK, Pattern::Dashed, vec![(0.0, 0.0), (0.0, most)]);
        Chart {
            title: format!("Residuals of {}", value.name),
            note: format!("R² {:.4}", value.r2),
            x: Axis::new(format!("prediction less {}", value.name)),
            y: Axis::new("test samples").from_zero(),
            series: vec![bars, zero],
        }
    };
    let charts = values.outputs.iter().map(chart).collect();
    Figure::of_charts("evaluation", "Residuals of the test samples".into(), charts)
}

/// Anomaly scores of normal samples and of anomalies, with the threshold.
fn scores<'f>(anomalies: &Anomalies) -> Figure<'f> {
    let Anomalies { histogram, threshold, false_alarms, labelled, .. } = anomalies;
    let (width, normal) = bars(&histogram.bins, &histogram.bins.counts);
    let (_, odd) = bars(&histogram.bins, &histogram.anomalies);
    let most = normal.iter().chain(&odd).map(|point| point.1).fold(0.0, f64::max);
    let name = if labelled.is_some() { "normal samples" } else { "samples" };
    let mut series =
        vec![Series { label: name.into(), colour: PALETTE[0], mark: Mark::Bars { width }, points: normal }];
    if labelled.is_some() {
        let mark = Mark::Outline { width };
        series.push(Series { label: "anomalies".into(), colour: PALETTE[1], mark, points: odd });
    }
    let label = format!("threshold for {:.1} % false alarms", 100.0 * false_alarms);
    series.push(Series::line(label, INK, Pattern::Dashed, vec![(*threshold, 0.0), (*threshold, most)]));
    let chart = Chart {
        title: "Anomaly scores".into(),
        note: labelled.map_or(String::new(), |labelled| format!("ROC AUC {:.4}", labelled.roc_auc)),
        x: Axis::new("mean squared error of the inputs"),
        y: Axis::new("test samples").from_zero(),
        series,
    };
    Figure::of_charts("evaluation", "Anomaly scores of the test samples".into(), vec![chart])
}
