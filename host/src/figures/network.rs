//! The structure and the weights of networks: degrees, explored connections, weights.

use super::axis::Axis;
use super::chart::{Chart, Mark, Series};
use super::curves::colours;
use super::figure::Figure;
use super::path::Pattern;
use super::style::{INK, PALETTE, model_colour};
use crate::analysis::degrees::{complementary, hidden, histogram, tally};
use crate::analysis::power_law;
use crate::analysis::saved::{Group, SavedRun, model_name};
use crate::analysis::statistics::weight_shares;

const START: &str = "before training";

fn when(run: &SavedRun) -> String {
    format!("after epoch {}", run.done())
}

/// Degrees of every sparse hidden layer before and after: histograms, and complementary cumulative shares with the fitted
/// law.
pub fn degrees(run: &SavedRun) -> Option<Figure<'static>> {
    let layers = hidden(run);
    if layers.is_empty() {
        return None;
    }
    let mut charts = Vec::new();
    let (colour, grey) = (model_colour(run.config.model), PALETTE[6]);
    for (number, start, now) in layers {
        let (before, after) = (start.neuron_degrees(), now.neuron_degrees());
        let all = || before.iter().chain(&after).copied();
        let (low, high) = (all().min().unwrap_or(0), all().max().unwrap_or(0));
        let bin = ((high - low) / 60).max(1);
        let width = bin as f64;
        let of = |label: String, colour, mark, points| Series { label, colour, mark, points };
        charts.push(Chart {
            title: format!("Hidden layer {number}: {} neurons", now.spec.n_out),
            note: String::new(),
            x: Axis::new("incoming connections of a neuron"),
            y: Axis::new("neurons").from_zero(),
            series: vec![
                of(when(run), colour, Mark::Bars { width }, histogram(&after, low, bin)),
                of(START.into(), grey, Mark::Outline { width }, histogram(&before, low, bin)),
            ],
        });
        let mut series = vec![
            of(START.into(), grey, Mark::Rings, complementary(&before)),
            of(when(run), colour, Mark::Points, complementary(&after)),
        ];
        let note = match power_law::fit(&after) {
            Ok(fit) => {
                let line = tally(&after).into_iter().map(|(x, _)| x).filter(|&x| x >= fit.from);
                let line = line.map(|x| (x as f64, fit.share_from(x))).collect();
                series.push(Series::line("fitted power law", INK, Pattern::Dashed, line));
                format!("Maximum likelihood: {}.", fit.text())
            }
            Err(why) => format!("No power law: {why}."),
        };
        charts.push(Chart {
            title: format!("Hidden layer {number}: cumulative"),
            note,
            x: Axis::new("incoming connections, at least").log(),
            y: Axis::new("share of neurons").log(),
            series,
        });
    }
    let title = format!("Incoming connections of hidden neurons before and after training, {}", run.name());
    Some(Figure::of_charts("degrees", title, charts))
}

/// The share of all possible connections that were ever tried.
pub fn explored(groups: &[Group<'_>]) -> Option<Figure<'static>> {
    let runs: Vec<&SavedRun> = groups.iter().filter_map(|group| group.runs.first().copied()).collect();
    let mut series = Vec::new();
    let evolving: Vec<&&SavedRun> =
        runs.iter().filter(|run| run.topology.iter().any(|row| row.tried.is_some())).collect();
    for run in &evolving {
        for (layer, spec) in run.layers().iter().enumerate() {
            let rows = run.topology.iter().filter(|row| row.layer == layer);
            let cells = spec.cells() as f64;
            let share = rows.filter_map(|row| Some((f64::from(row.epoch), 100.0 * row.tried? as f64 / cells)));
            let share: Vec<_> = share.collect();
            if share.is_empty() {
                continue;
            }
            let name = if evolving.len() > 1 { format!("{}, ", run.name()) } else { String::new() };
            let label = format!("{name}layer {}: {} × {}", layer + 1, spec.n_in, spec.n_out);
            let i = series.len();
            series.push(Series::line(label, PALETTE[i % PALETTE.len()], Pattern::nth(i), share));
        }
    }
    if series.is_empty() {
        return None;
    }
    let chart = Chart {
        title: "Connections ever tried".into(),
        note: "Distinct connections of a layer up to an epoch, in percent of all possible ones.".into(),
        x: Axis::new("epoch").whole(),
        y: Axis::new("share tried (%)").from_zero(),
        series,
    };
    let title = "Share of all possible connections ever tried, by epoch".into();
    Some(Figure::of_charts("explored", title, vec![chart]))
}

/// Weights of every layer, before training and now.
pub fn weights(run: &SavedRun) -> Option<Figure<'static>> {
    const BINS: usize = 80;
    let now = run.now.as_ref()?;
    let mut charts = Vec::new();
    for (i, layer) in now.iter().enumerate() {
        let start = run.start.as_ref().and_then(|start| start.get(i)).map(|layer| &layer.weights);
        // The outermost thousandth would flatten the rest.
        let mut sizes: Vec<f32> = layer.weights.iter().chain(start.into_iter().flatten()).map(|w| w.abs()).collect();
        sizes.sort_unstable_by(f32::total_cmp);
        let limit = f64::from(*sizes.get((sizes.len() * 999) / 1000).or(sizes.last())?).max(1e-9);
        let mut series = vec![Series {
            label: when(run),
            colour: model_colour(run.config.model),
            mark: Mark::Bars { width: 2.0 * limit / BINS as f64 },
            points: weight_shares(&layer.weights, limit, BINS),
        }];
        if let Some(start) = start {
            series.push(Series::line(START, INK, Pattern::Dotted, weight_shares(start, limit, BINS)));
        }
        charts.push(Chart {
            title: format!("Layer {}: {} weights", i + 1, crate::text::thousands(layer.weights.len() as u64)),
            note: String::new(),
            x: Axis::new("weight"),
            y: Axis::new("share of weights (%)").from_zero(),
            series,
        });
    }
    let title = format!("Weights of every layer, {}", run.name());
    Some(Figure::of_charts("weights", title, charts))
}

/// Weights of each group's network.
pub fn weights_per_model(groups: &[Group<'_>]) -> Figure<'static> {
    let counts: Vec<usize> =
        groups.iter().map(|group| group.runs[0].layers().iter().map(|layer| layer.connections).sum()).collect();
    let bars =
        counts.iter().zip(colours(groups)).zip(groups).enumerate().map(|(i, ((&count, colour), group))| Series {
            label: format!("{}: {}", group.label, crate::text::thousands(count as u64)),
            colour,
            mark: Mark::Bars { width: 0.6 },
            points: vec![(i as f64, count as f64)],
        });
    let names = groups.iter().map(|group| model_name(group.model()).to_owned()).collect();
    let chart = Chart {
        title: "Weights of each model".into(),
        note: String::new(),
        x: Axis::new("model").named(names),
        y: Axis::new("weights").from_zero(),
        series: bars.collect(),
    };
    Figure::of_charts("weights-per-model", "Weights of each model".into(), vec![chart])
}
