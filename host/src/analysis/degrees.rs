//! Degrees of neurons, before and after training: how often each count of connections occurs.

use rewire_engine::layer::LayerData;

use crate::analysis::saved::SavedRun;

/// Distinct counts in ascending order, each with how often it occurs.
pub fn tally(counts: &[u64]) -> Vec<(u64, usize)> {
    let mut sorted = counts.to_vec();
    sorted.sort_unstable();
    sorted.chunk_by(|a, b| a == b).map(|equal| (equal[0], equal.len())).collect()
}

/// Degrees and the share of neurons that have at least as many.
pub fn complementary(counts: &[u64]) -> Vec<(f64, f64)> {
    let positive: Vec<u64> = counts.iter().copied().filter(|&count| count > 0).collect();
    let mut left = positive.len();
    let shares = tally(&positive).into_iter().map(|(x, n)| {
        let share = left as f64 / positive.len() as f64;
        left -= n;
        (x as f64, share)
    });
    shares.collect()
}

/// How many neurons have how many connections: the middle of each bin of `width` counts from `low` on, and its neurons.
pub fn histogram(counts: &[u64], low: u64, width: u64) -> Vec<(f64, f64)> {
    let mut bins: Vec<(f64, f64)> = Vec::new();
    for (count, n) in tally(counts) {
        let bin = ((count - low) / width) as usize;
        while bins.len() <= bin {
            bins.push((low as f64 + (bins.len() as f64 + 0.5) * width as f64 - 0.5, 0.0));
        }
        bins[bin].1 += n as f64;
    }
    bins
}

/// The sparse hidden layers of a run at the start and now, with their number counted from 1.
pub fn hidden(run: &SavedRun) -> Vec<(usize, &LayerData, &LayerData)> {
    let (Some(start), Some(now)) = (&run.start, &run.now) else { return Vec::new() };
    let layers = start.iter().zip(now).enumerate().take(now.len().saturating_sub(1));
    layers.filter(|(_, (_, now))| !now.spec.is_dense()).map(|(i, (start, now))| (i + 1, start, now)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_neuron_is_in_a_bin() {
        let points = histogram(&[5, 5, 6, 9, 20], 5, 4);
        assert_eq!(points, [(6.5, 3.0), (10.5, 1.0), (14.5, 0.0), (18.5, 1.0)]);
    }

    #[test]
    fn shares_fall_from_one() {
        assert_eq!(complementary(&[3, 0, 1, 3, 2]), [(1.0, 1.0), (2.0, 0.75), (3.0, 0.5)]);
    }
}
