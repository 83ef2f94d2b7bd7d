//! What a run took from the machine: memory and CPU over time, and where an epoch's time goes.

use super::chart::{Axis, Chart, Mark, Series};
use super::network::grid;
use super::style::{Figure, PALETTE};
use crate::analysis::saved::SavedRun;
use crate::training::directory::Phases;
use crate::training::monitor::Sample;

/// Of a phase.
type Seconds = fn(&Phases) -> f64;

/// Memory and CPU over time, and the phases of an epoch.
pub fn figure(run: &SavedRun) -> Option<Figure<'static>> {
    let mut charts = Vec::new();
    if run.monitor.len() > 1 {
        let over_time = |value: fn(&Sample) -> f64| -> Vec<(f64, f64)> {
            run.monitor.iter().map(|sample| (sample.seconds, value(sample))).collect()
        };
        charts.push(Chart {
            title: "Memory".into(),
            note: String::new(),
            x: Axis::new("time (s)").from_zero(),
            y: Axis::new("memory (MB)").from_zero(),
            series: vec![
                Series::line("resident", PALETTE[0], over_time(|s| s.resident_bytes as f64 / 1e6)),
                Series::dashed("unique to the process", PALETTE[1], over_time(|s| s.unique_bytes as f64 / 1e6)),
            ],
        });
        charts.push(Chart {
            title: "CPU".into(),
            note: "100 % is one core.".into(),
            x: Axis::new("time (s)").from_zero(),
            y: Axis::new("CPU use (%)").from_zero(),
            series: vec![
                Series::line("this process", PALETTE[0], over_time(|s| s.cpu_percent)),
                Series::dashed("whole machine", PALETTE[6], over_time(|s| s.core_percent.iter().sum())),
            ],
        });
    }
    let epochs: Vec<&Phases> = run.phases.iter().filter(|row| row.epoch > 0).collect();
    if !epochs.is_empty() {
        let parts: [(&str, Seconds); 7] = [
            ("batch", |row| row.batch_seconds),
            ("forward", |row| row.forward_seconds),
            ("backward", |row| row.backward_seconds),
            ("update", |row| row.update_seconds),
            ("evolve", |row| row.evolve_seconds),
            ("evaluate", |row| row.evaluate_seconds),
            ("record", |row| row.record_seconds),
        ];
        let mean =
            |value: fn(&Phases) -> f64| 1e3 * epochs.iter().map(|row| value(row)).sum::<f64>() / epochs.len() as f64;
        let points = parts.iter().enumerate().map(|(i, (_, value))| (i as f64, mean(*value))).collect();
        charts.push(Chart {
            title: "Time of an epoch by phase".into(),
            note: format!("Wall time, mean over {} epochs.", epochs.len()),
            x: Axis::new("phase").named(parts.iter().map(|(name, _)| (*name).to_owned()).collect()),
            y: Axis::new("wall time (ms)").from_zero(),
            series: vec![Series { label: String::new(), colour: PALETTE[0], mark: Mark::Bars { width: 0.6 }, points }],
        });
    }
    if charts.is_empty() {
        return None;
    }
    let title = format!("Memory, CPU and time by phase, {}", run.name());
    Some(grid("machine".into(), title, charts.len().min(2), (500, 320), charts))
}
