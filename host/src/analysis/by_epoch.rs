//! A quantity in each epoch, over the seeds of a group.

use crate::analysis::saved::SavedRun;
use crate::analysis::statistics::mean_and_deviation;
use crate::training::directory::Epoch;

/// A quantity by epoch.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Curve {
    /// Mean over the runs that have the epoch.
    pub mean: Vec<(f64, f64)>,
    /// The mean less one standard deviation, where there are at least two runs.
    pub low: Vec<(f64, f64)>,
    /// The mean plus one standard deviation, likewise.
    pub high: Vec<(f64, f64)>,
}

/// The mean of a quantity in each epoch, with a band of one standard deviation either way.
pub fn by_epoch(runs: &[&SavedRun], value: fn(&Epoch) -> f32) -> Curve {
    let last = runs.iter().map(|run| run.done()).max().unwrap_or(0);
    let mut curve = Curve::default();
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
        curve.mean.push((x, centre));
        if values.len() > 1 {
            curve.low.push((x, centre - deviation));
            curve.high.push((x, centre + deviation));
        }
    }
    curve
}
