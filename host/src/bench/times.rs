//! How long a piece of work takes, over several runs.

use std::time::Instant;

/// Median and minimum of `runs` calls after a warm-up, in milliseconds.
pub(super) fn time(runs: usize, mut work: impl FnMut()) -> (f64, f64) {
    for _ in 0..3 {
        work();
    }
    let times: Vec<f64> = (0..runs.max(1))
        .map(|_| {
            let started = Instant::now();
            work();
            started.elapsed().as_secs_f64() * 1e3
        })
        .collect();
    let min = times.iter().copied().fold(f64::INFINITY, f64::min);
    (median(times), min)
}

/// The middle one of some times.
pub(super) fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times.get(times.len() / 2).copied().unwrap_or(0.0)
}
