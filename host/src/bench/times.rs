//! How long a piece of work takes, over several runs.

use std::time::Instant;

/// What some runs took.
#[derive(Clone, Copy, Debug)]
pub(super) struct Times {
    pub(super) median_ms: f64,
    pub(super) min_ms: f64,
    pub(super) max_ms: f64,
}

/// The times of `runs` calls after a warm-up.
pub(super) fn time(runs: usize, mut work: impl FnMut()) -> Times {
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
    let min_ms = times.iter().copied().fold(f64::INFINITY, f64::min);
    let max_ms = times.iter().copied().fold(0.0, f64::max);
    Times { median_ms: median(times), min_ms, max_ms }
}

/// The middle one of some times.
pub(super) fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times.get(times.len() / 2).copied().unwrap_or(0.0)
}
