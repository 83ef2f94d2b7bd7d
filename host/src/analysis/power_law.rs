//! Power laws fitted to counts by maximum likelihood.
//!
//! Method: Clauset, Shalizi and Newman 2009, doi 10.1137/070710111. The discrete law p(x) = x^-a / ζ(a, m) is fitted to
//! the counts from m on, and m is where the fit is nearest to the data by the Kolmogorov–Smirnov distance. A straight
//! line through a histogram would be biased.

use serde::Serialize;

/// A fitted law.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Fit {
    /// The exponent a.
    pub exponent: f64,
    /// Its standard error, (a - 1) / √n.
    pub error: f64,
    /// The smallest count of the tail that the law describes.
    pub from: u64,
    /// The largest count there is.
    pub to: u64,
    /// Counts in the tail.
    pub tail: usize,
    /// All counts above zero.
    pub all: usize,
    /// Kolmogorov–Smirnov distance between the tail and the law; 0 is a perfect fit.
    pub distance: f64,
    /// Log-likelihood of the law less that of an exponential (geometric) tail, per count: above zero the law is the better
    /// of the two.
    pub over_exponential: f64,
}

/// Fewest counts that a tail must hold.
const LEAST_TAIL: usize = 50;

/// Hurwitz's zeta function times `q^s`, by Euler and Maclaurin's formula, for s > 1 and q ≥ 1: scaled, because steep laws
/// of large counts are below what a float holds.
fn scaled_zeta(s: f64, q: f64) -> f64 {
    const TERMS: usize = 12;
    let sum: f64 = (0..TERMS).map(|k| ((q + k as f64) / q).powf(-s)).sum();
    let n = q + TERMS as f64;
    let tail = n / (s - 1.0) + 0.5 + s / 12.0 / n - s * (s + 1.0) * (s + 2.0) / 720.0 / n.powi(3);
    sum + (n / q).powf(-s) * tail
}

/// The law's share of counts of at least `x` among those of at least `from`.
fn share_above(s: f64, from: u64, x: u64) -> f64 {
    scaled_zeta(s, x as f64) / scaled_zeta(s, from as f64) * (from as f64 / x as f64).powf(s)
}

/// Distinct counts in ascending order, each with how often it occurs.
pub fn tally(counts: &[u64]) -> Vec<(u64, usize)> {
    let mut sorted = counts.to_vec();
    sorted.sort_unstable();
    sorted.chunk_by(|a, b| a == b).map(|equal| (equal[0], equal.len())).collect()
}

/// The exponent that makes the tail likeliest: the likelihood has one peak, found by golden section.
fn exponent(n: f64, log_sum: f64, from: u64) -> f64 {
    let likelihood = |a: f64| -n * (scaled_zeta(a, from as f64).ln() - a * (from as f64).ln()) - a * log_sum;
    let (mut low, mut high) = (1.0001, 200.0);
    let ratio = (5f64.sqrt() - 1.0) / 2.0;
    while high - low > 1e-6 {
        let (a, b) = (high - ratio * (high - low), low + ratio * (high - low));
        if likelihood(a) > likelihood(b) { high = b } else { low = a }
    }
    f64::midpoint(low, high)
}

/// The law that fits best; `None` with fewer than 50 counts above zero or no two different ones in a tail.
pub fn fit(counts: &[u64]) -> Option<Fit> {
    let positive: Vec<u64> = counts.iter().copied().filter(|&count| count > 0).collect();
    let tally = tally(&positive);
    let to = tally.last()?.0;
    let mut best: Option<Fit> = None;
    // A hundred candidates are enough, and keep wide layers quick.
    let step = tally.len().div_ceil(100).max(1);
    for start in (0..tally.len()).step_by(step) {
        let tail = &tally[start..];
        let count: usize = tail.iter().map(|&(_, n)| n).sum();
        if count < LEAST_TAIL || tail.len() < 2 {
            break;
        }
        let (from, n) = (tail[0].0, count as f64);
        let log_sum: f64 = tail.iter().map(|&(x, n)| n as f64 * (x as f64).ln()).sum();
        let a = exponent(n, log_sum, from);
        let (mut below, mut distance) = (0, 0f64);
        for &(x, n_x) in tail {
            // Just below x, and at it.
            let law = |x: u64| 1.0 - share_above(a, from, x);
            distance = distance.max((law(x) - below as f64 / n).abs());
            below += n_x;
            distance = distance.max((law(x + 1) - below as f64 / n).abs());
        }
        if best.is_none_or(|best| distance < best.distance) {
            let excess: f64 = tail.iter().map(|&(x, n)| n as f64 * (x - from) as f64).sum::<f64>() / n;
            // A geometric tail's likeliest parameter is 1 / (1 + mean excess).
            let p = 1.0 / (1.0 + excess);
            let geometric = p.ln() + if excess > 0.0 { excess * (1.0 - p).ln() } else { 0.0 };
            let law = -(scaled_zeta(a, from as f64).ln() - a * (from as f64).ln()) - a * log_sum / n;
            let (error, over_exponential) = ((a - 1.0) / n.sqrt(), law - geometric);
            best = Some(Fit {
                exponent: a,
                error,
                from,
                to,
                tail: count,
                all: positive.len(),
                distance,
                over_exponential,
            });
        }
    }
    best
}

impl Fit {
    /// The law's share of counts of at least `x`, scaled to all counts.
    pub fn share_from(&self, x: u64) -> f64 {
        self.tail as f64 / self.all as f64 * share_above(self.exponent, self.from, x)
    }

    /// The fit in a sentence.
    pub fn text(&self) -> String {
        let better = if self.over_exponential > 0.0 { "better" } else { "worse" };
        format!(
            "exponent {:.2} ± {:.2} for {} to {} connections ({} of {} neurons), KS distance {:.3}, {better} than an \
             exponential tail",
            self.exponent, self.error, self.from, self.to, self.tail, self.all, self.distance
        )
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zeta_has_its_known_values() {
        let pi = std::f64::consts::PI;
        assert!((scaled_zeta(2.0, 1.0) - pi * pi / 6.0).abs() < 1e-8);
        assert!((scaled_zeta(4.0, 1.0) - pi.powi(4) / 90.0).abs() < 1e-8);
        assert!((scaled_zeta(2.0, 3.0) / 9.0 - (pi * pi / 6.0 - 1.25)).abs() < 1e-8);
        assert!((share_above(150.0, 40, 41) - 0.024_6).abs() < 1e-3, "{}", share_above(150.0, 40, 41));
    }

    /// Quantiles of a law, evenly spaced: a sample without noise.
    fn quantiles(n: usize, share_above: impl Fn(f64) -> f64) -> Vec<u64> {
        let mut x = 1u64;
        let mut sample = Vec::new();
        for i in 0..n {
            let share = 1.0 - (i as f64 + 0.5) / n as f64;
            while share_above((x + 1) as f64) > share {
                x += 1;
            }
            sample.push(x);
        }
        sample
    }

    #[test]
    fn a_law_that_is_there_is_found() {
        let fit = fit(&quantiles(5000, |x| share_above(2.5, 1, x as u64))).unwrap();
        assert!((fit.exponent - 2.5).abs() < 0.05, "{fit:?}");
        assert!(fit.distance < 0.01 && fit.over_exponential > 0.1, "{fit:?}");
    }

    #[test]
    fn an_exponential_tail_is_told_from_a_law() {
        let fit = fit(&quantiles(5000, |x| (-0.2 * (x - 1.0)).exp())).unwrap();
        assert!(fit.over_exponential < 0.0 || fit.tail < 1500, "{fit:?}");
    }

    #[test]
    fn too_few_counts_have_no_law() {
        assert_eq!(fit(&[1, 2, 3]), None);
        assert_eq!(fit(&[7; 500]), None);
        assert_eq!(fit(&[0; 500]), None);
    }

    #[test]
    fn shares_fall_from_one() {
        assert_eq!(complementary(&[3, 0, 1, 3, 2]), [(1.0, 1.0), (2.0, 0.75), (3.0, 0.5)]);
    }
}
