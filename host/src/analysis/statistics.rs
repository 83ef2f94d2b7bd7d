//! Statistics of numbers: mean, standard deviation, shares.

/// Mean and standard deviation of several numbers; the deviation of one is 0.
pub fn mean_and_deviation(values: &[f64]) -> (f64, f64) {
    let n = values.len().max(1) as f64;
    let mean = values.iter().sum::<f64>() / n;
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    (mean, if values.len() > 1 { (squares / (n - 1.0)).sqrt() } else { 0.0 })
}

/// Shares in percent of the weights in `bins` equal bins between `-limit` and `limit`, at the middle of each bin.
pub fn weight_shares(weights: &[f32], limit: f64, bins: usize) -> Vec<(f64, f64)> {
    let width = 2.0 * limit / bins as f64;
    let mut counts = vec![0usize; bins];
    for &weight in weights {
        let bin = ((f64::from(weight) + limit) / width).floor();
        if (0.0..bins as f64).contains(&bin) {
            counts[bin as usize] += 1;
        }
    }
    let all = weights.len().max(1) as f64;
    let place = |(i, n): (usize, usize)| (-limit + (i as f64 + 0.5) * width, 100.0 * n as f64 / all);
    counts.into_iter().enumerate().map(place).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_deviation_is_the_samples() {
        assert_eq!(mean_and_deviation(&[1.0, 3.0]), (2.0, 2f64.sqrt()));
        assert_eq!(mean_and_deviation(&[5.0]), (5.0, 0.0));
    }

    #[test]
    fn weights_beyond_the_limit_are_in_no_bin() {
        assert_eq!(weight_shares(&[-0.9, 0.1, 0.2, 5.0], 1.0, 2), [(-0.5, 25.0), (0.5, 50.0)]);
    }
}
