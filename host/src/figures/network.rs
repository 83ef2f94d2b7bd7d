//! What a network's structure and weights look like: degrees, explored connections, weights.

use anyhow::Result;

use super::chart::{Axis, Chart, Mark, Series};
use super::curves::colours;
use super::style::{Area, Figure, INK, PALETTE, model_colour};
use crate::analysis::power_law;
use crate::analysis::saved::{Group, SavedRun, model_name};
use crate::model::layer::LayerData;

/// Connections into each neuron of a layer.
pub fn incoming(layer: &LayerData) -> Vec<u64> {
    if layer.spec.is_dense() {
        return vec![layer.spec.n_in as u64; layer.spec.n_out];
    }
    layer.indptr.windows(2).map(|pair| u64::from(pair[1] - pair[0])).collect()
}

/// Connections out of each input of a layer.
pub fn outgoing(layer: &LayerData) -> Vec<u64> {
    if layer.spec.is_dense() {
        return vec![layer.spec.n_out as u64; layer.spec.n_in];
    }
    let mut counts = vec![0; layer.spec.n_in];
    for &col in &layer.indices {
        counts[col as usize] += 1;
    }
    counts
}

/// Draws charts in a grid of rows, each of the same size.
pub fn grid<'f>(name: String, title: String, columns: usize, size: (u32, u32), charts: Vec<Chart>) -> Figure<'f> {
    let rows = charts.len().div_ceil(columns);
    let draw = move |area: &Area<'_>| -> Result<()> {
        for (part, chart) in area.split_evenly((rows, columns)).iter().zip(&charts) {
            chart.draw(part)?;
        }
        Ok(())
    };
    Figure { name, title, size: (size.0 * columns as u32, size.1 * rows as u32), draw: Box::new(draw) }
}

fn when(run: &SavedRun) -> String {
    format!("after epoch {}", run.done())
}

/// The sparse hidden layers of a run at the start and now, with their number counted from 1.
fn hidden(run: &SavedRun) -> Vec<(usize, &LayerData, &LayerData)> {
    let (Some(start), Some(now)) = (&run.start, &run.now) else { return Vec::new() };
    let layers = start.iter().zip(now).enumerate().take(now.len().saturating_sub(1));
    layers.filter(|(_, (_, now))| !now.spec.is_dense()).map(|(i, (start, now))| (i + 1, start, now)).collect()
}

/// Bars of how many neurons have how many connections.
fn histogram(label: String, colour: plotters::style::RGBColor, counts: &[u64], low: u64, width: u64) -> Series {
    let mut bins: Vec<(f64, f64)> = Vec::new();
    for (count, n) in power_law::tally(counts) {
        let bin = ((count - low) / width) as usize;
        while bins.len() <= bin {
            bins.push((low as f64 + (bins.len() as f64 + 0.5) * width as f64 - 0.5, 0.0));
        }
        bins[bin].1 += n as f64;
    }
    Series { label, colour, mark: Mark::Bars { width: width as f64 }, points: bins }
}

/// Degrees of every sparse hidden layer before and after: histograms, and complementary cumulative shares with the fitted
/// law.
pub fn degrees(run: &SavedRun) -> Option<Figure<'static>> {
    let layers = hidden(run);
    if layers.is_empty() {
        return None;
    }
    let mut charts = Vec::new();
    let colour = model_colour(run.config.model);
    for (number, start, now) in layers {
        let (before, after) = (incoming(start), incoming(now));
        let low = before.iter().chain(&after).copied().min().unwrap_or(0);
        let high = before.iter().chain(&after).copied().max().unwrap_or(0);
        let width = ((high - low) / 60).max(1);
        charts.push(Chart {
            title: format!("Hidden layer {number}: {} neurons", now.spec.n_out),
            note: String::new(),
            x: Axis::new("incoming connections of a neuron"),
            y: Axis::new("neurons").from_zero(),
            series: vec![
                histogram("at the start".into(), PALETTE[6], &before, low, width),
                histogram(when(run), colour, &after, low, width),
            ],
        });
        let fit = power_law::fit(&after);
        let mut series = vec![points("at the start", PALETTE[6], &before), points(&when(run), colour, &after)];
        if let Some(fit) = fit {
            let line = power_law::tally(&after).into_iter().map(|(x, _)| x).filter(|&x| x >= fit.from);
            let line = line.map(|x| (x as f64, fit.share_from(x))).collect();
            series.push(Series::dashed("fitted power law", INK, line));
        }
        let note = fit.map_or("Too few different degrees for a power law.".into(), |fit| {
            format!("Maximum likelihood: {}.", fit.text())
        });
        charts.push(Chart {
            title: String::new(),
            note,
            x: Axis::new("incoming connections, at least").log(),
            y: Axis::new("share of neurons").log(),
            series,
        });
    }
    let title = format!("Incoming connections of hidden neurons before and after training, {}", run.name());
    Some(grid("degrees".into(), title, 2, (500, 330), charts))
}

fn points(label: &str, colour: plotters::style::RGBColor, counts: &[u64]) -> Series {
    Series { label: label.into(), colour, mark: Mark::Points, points: power_law::complementary(counts) }
}

/// The share of all possible connections that were ever tried.
pub fn explored(groups: &[Group<'_>]) -> Option<Figure<'static>> {
    let runs: Vec<&SavedRun> = groups.iter().filter_map(|group| group.runs.first().copied()).collect();
    let mut series = Vec::new();
    let evolving: Vec<&&SavedRun> =
        runs.iter().filter(|run| run.topology.iter().any(|row| row.tried.is_some())).collect();
    for run in &evolving {
        let specs = specs(run);
        for (layer, spec) in specs.iter().enumerate() {
            let rows = run.topology.iter().filter(|row| row.layer == layer);
            let cells = spec.cells() as f64;
            let share = rows.filter_map(|row| Some((f64::from(row.epoch), 100.0 * row.tried? as f64 / cells)));
            let share: Vec<_> = share.collect();
            if share.is_empty() {
                continue;
            }
            let name = if evolving.len() > 1 { format!("{}, ", run.name()) } else { String::new() };
            let label = format!("{name}layer {}: {} x {}", layer + 1, spec.n_in, spec.n_out);
            series.push(Series::line(label, PALETTE[series.len() % PALETTE.len()], share));
        }
    }
    if series.is_empty() {
        return None;
    }
    let chart = Chart {
        title: "Connections ever tried".into(),
        note: "Distinct connections that a layer has had up to an epoch, as a share of all that are possible.".into(),
        x: Axis::new("epoch"),
        y: Axis::new("share tried (%)").from_zero(),
        series,
    };
    Some(grid(
        "explored".into(),
        "Share of all possible connections ever tried, by epoch".into(),
        1,
        (640, 400),
        vec![chart],
    ))
}

fn specs(run: &SavedRun) -> Vec<rewire_core::network::LayerSpec> {
    let shape = run.shape();
    run.config.layers(shape.features(), crate::data::manifest::entry(run.config.dataset).classes.into())
}

/// Weights of every layer, at the start and now.
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
        let width = 2.0 * limit / BINS as f64;
        let shares = |weights: &[f32]| -> Vec<(f64, f64)> {
            let mut bins = vec![0usize; BINS];
            for &weight in weights {
                let bin = ((f64::from(weight) + limit) / width).floor();
                if (0.0..BINS as f64).contains(&bin) {
                    bins[bin as usize] += 1;
                }
            }
            let all = weights.len().max(1) as f64;
            let place = |(i, &n): (usize, &usize)| (-limit + (i as f64 + 0.5) * width, 100.0 * n as f64 / all);
            bins.iter().enumerate().map(place).collect()
        };
        let mut series = vec![Series {
            label: when(run),
            colour: model_colour(run.config.model),
            mark: Mark::Bars { width },
            points: shares(&layer.weights),
        }];
        if let Some(start) = start {
            series.push(Series::line("at the start", PALETTE[6], shares(start)));
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
    Some(grid("weights".into(), title, 2, (500, 300), charts))
}

/// Weights of each group's network.
pub fn weights_per_model(groups: &[Group<'_>]) -> Figure<'static> {
    let counts: Vec<usize> =
        groups.iter().map(|group| specs(group.runs[0]).iter().map(|layer| layer.connections).sum()).collect();
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
    grid("weights-per-model".into(), "Weights of each model".into(), 1, (520, 360), vec![chart])
}

#[cfg(test)]
mod tests {
    use super::*;
    use rewire_core::activation::Activation;
    use rewire_core::network::LayerSpec;

    #[test]
    fn degrees_are_counted_both_ways() {
        let layer = LayerData {
            spec: LayerSpec::sparse(3, 2, 3, Activation::Relu),
            indptr: vec![0, 1, 3],
            indices: vec![1, 0, 1],
            weights: vec![1.0; 3],
            bias: vec![0.0; 2],
            activation_parameters: vec![],
            velocity: vec![],
            bias_velocity: vec![],
            activation_velocity: vec![],
        };
        assert_eq!((incoming(&layer), outgoing(&layer)), (vec![1, 2], vec![1, 2, 0]));
    }

    #[test]
    fn every_neuron_is_in_a_bar() {
        let counts = [5, 5, 6, 9, 20];
        let Series { points, .. } = histogram(String::new(), INK, &counts, 5, 4);
        assert_eq!(points, [(6.5, 3.0), (10.5, 1.0), (14.5, 0.0), (18.5, 1.0)]);
    }
}
