//! What a run took from the machine: memory and CPU over time, and where an epoch's time goes.

use super::axis::Axis;
use super::chart::{Chart, Mark, Series};
use super::figure::Figure;
use super::path::Pattern;
use super::style::{INK, PALETTE};
use crate::analysis::saved::SavedRun;
use crate::training::directory::Phases;
use crate::training::monitor::Sample;

/// Of a phase.
type Seconds = fn(&Phases) -> f64;

/// Memory over time, beside the peak of the process, which loading the data may have caused before the first sample.
fn memory(run: &SavedRun) -> Chart {
    let over_time = |value: fn(&Sample) -> f64| -> Vec<(f64, f64)> {
        run.monitor.iter().map(|sample| (sample.seconds, value(sample) / 1e6)).collect()
    };
    let mut series = vec![
        Series::line("resident", PALETTE[0], Pattern::Solid, over_time(|sample| sample.resident_bytes as f64)),
        Series::line(
            "unique to the process",
            PALETTE[1],
            Pattern::Dashed,
            over_time(|sample| sample.unique_bytes as f64),
        ),
    ];
    let peak = run.phases.iter().filter_map(|row| row.peak_resident_bytes).max();
    if let (Some(peak), Some(first), Some(last)) = (peak, run.monitor.first(), run.monitor.last()) {
        let peak = peak as f64 / 1e6;
        let label = format!("peak, data loading included: {peak:.1} MB");
        series.push(Series::line(label, INK, Pattern::Dotted, vec![(first.seconds, peak), (last.seconds, peak)]));
    }
    Chart {
        title: "Memory of the process".into(),
        note: String::new(),
        x: Axis::new("time (s)").from_zero(),
        y: Axis::new("memory (MB)").from_zero(),
        series,
    }
}

fn cpu(run: &SavedRun) -> Chart {
    let over_time = |value: fn(&Sample) -> f64| -> Vec<(f64, f64)> {
        run.monitor.iter().map(|sample| (sample.seconds, value(sample))).collect()
    };
    Chart {
        title: "CPU".into(),
        note: "100 % is one core.".into(),
        x: Axis::new("time (s)").from_zero(),
        y: Axis::new("CPU use (%)").from_zero(),
        series: vec![
            Series::line("this process", PALETTE[0], Pattern::Solid, over_time(|sample| sample.cpu_percent)),
            Series::line(
                "whole machine",
                PALETTE[6],
                Pattern::Dashed,
                over_time(|sample| sample.core_percent.iter().sum()),
            ),
        ],
    }
}

/// The mean wall time of each phase of an epoch.
fn phases(epochs: &[&Phases]) -> Chart {
    let parts: [(&str, Seconds); 8] = [
        ("batch", |row| row.batch_seconds),
        ("forward", |row| row.forward_seconds),
        ("backward", |row| row.backward_seconds),
        ("update", |row| row.update_seconds),
        ("evolve", |row| row.evolve_seconds),
        ("test", |row| row.evaluate_seconds),
        ("record", |row| row.record_seconds),
        ("exchange", |row| row.exchange_seconds),
    ];
    let mean = |value: Seconds| 1e3 * epochs.iter().map(|row| value(row)).sum::<f64>() / epochs.len() as f64;
    // One rank exchanges nothing.
    let exchanges = parts.len() - usize::from(mean(|row| row.exchange_seconds) == 0.0);
    let parts = &parts[..exchanges];
    let points = parts.iter().enumerate().map(|(i, (_, value))| (i as f64, mean(*value))).collect();
    Chart {
        title: "Time of an epoch by phase".into(),
        note: format!("Wall time, mean over {} epochs.", epochs.len()),
        x: Axis::new("phase").named(parts.iter().map(|(name, _)| (*name).to_owned()).collect()),
        y: Axis::new("wall time (ms)").from_zero(),
        series: vec![Series { label: String::new(), colour: PALETTE[0], mark: Mark::Bars { width: 0.6 }, points }],
    }
}

/// Memory and CPU over time, and the phases of an epoch.
pub fn figure(run: &SavedRun) -> Option<Figure<'static>> {
    let mut charts = Vec::new();
    if run.monitor.len() > 1 {
        charts.extend([memory(run), cpu(run)]);
    }
    let epochs: Vec<&Phases> = run.phases.iter().filter(|row| row.epoch > 0).collect();
    if !epochs.is_empty() {
        charts.push(phases(&epochs));
    }
    let title = format!("Memory, CPU and time by phase, {}", run.name());
    (!charts.is_empty()).then(|| Figure::of_charts("machine", title, charts))
}
