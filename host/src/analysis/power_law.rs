//! Power laws fitted to counts by maximum likelihood.
//!
//! Method: Clauset, Shalizi and Newman 2009, doi 10.1137/070710111. The discrete law p(x) = x^-a / ζ(a, m) is fitted to
//! the counts from m on, and m is where the fit is nearest to the data by the Kolmogorov–Smirnov distance. A straight
//! line through a histogram would be biased.

use std::fmt;

use serde::Serialize;

use crate::analysis::degrees::tally;

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

/// Why no law is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoLaw {
    /// There are fewer than 50 counts above zero, or no two different ones.
    TooFew,
    /// The range of counts that a law describes best is too narrow: many other curves would fit as well.
    Narrow {
        /// Its smallest count.
        from: u64,
        /// Its largest count.
        to: u64,
    },
}

impl fmt::Display for NoLaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooFew => write!(f, "there are too few different degrees"),
            Self::Narrow { from, to } => {
                write!(f, "the best fit covers only {from} to {to} connections, less than a factor of {LEAST_RANGE}")
            }
        }
    }
}

/// Fewest counts that a tail must hold.
const LEAST_TAIL: usize = 50;

/// Least ratio between the ends of the range that a law is fitted to. Over less, a straight line in a log-log plot tells
/// nothing.
const LEAST_RANGE: u64 = 3;

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

/// The law of a tail: distinct counts in ascending order with how often each occurs, among `all` counts.
fn fit_tail(tail: &[(u64, usize)], all: usize) -> Fit {
    let count: usize = tail.iter().map(|&(_, n)| n).sum();
    let (from, to, n) = (tail[0].0, tail[tail.len() - 1].0, count as f64);
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
    let excess: f64 = tail.iter().map(|&(x, n)| n as f64 * (x - from) as f64).sum::<f64>() / n;
    // A geometric tail's likeliest parameter is 1 / (1 + mean excess).
    let p = 1.0 / (1.0 + excess);
    let geometric = p.ln() + if excess > 0.0 { excess * (1.0 - p).ln() } else { 0.0 };
    let law = -(scaled_zeta(a, from as f64).ln() - a * (from as f64).ln()) - a * log_sum / n;
    let (error, over_exponential) = ((a - 1.0) / n.sqrt(), law - geometric);
    Fit { exponent: a, error, from, to, tail: count, all, distance, over_exponential }
}

/// The law that fits best.
///
/// # Errors
///
/// When there is too little to fit, or the range that fits best is too narrow to tell a law from other curves.
pub fn fit(counts: &[u64]) -> Result<Fit, NoLaw> {
    let positive: Vec<u64> = counts.iter().copied().filter(|&count| count > 0).collect();
    let tally = tally(&positive);
    let mut best: Option<Fit> = None;
    // A hundred candidates are enough, and keep wide layers quick.
    let step = tally.len().div_ceil(100).max(1);
    for start in (0..tally.len()).step_by(step) {
        let tail = &tally[start..];
        let count: usize = tail.iter().map(|&(_, n)| n).sum();
        if count < LEAST_TAIL || tail.len() < 2 {
            break;
        }
        let fit = fit_tail(tail, positive.len());
        if best.is_none_or(|best| fit.distance < best.distance) {
            best = Some(fit);
        }
    }
    let best = best.ok_or(NoLaw::TooFew)?;
    if best.to < LEAST_RANGE * best.from {
        return Err(NoLaw::Narrow { from: best.from, to: best.to });
    }
    Ok(best)
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
        let all = |counts: Vec<u64>| fit_tail(&tally(&counts), counts.len()).over_exponential;
        let exponential = all(quantiles(5000, |x| (-0.2 * (x - 1.0)).exp()));
        assert!(exponential < -0.1, "{exponential}");
        let law = all(quantiles(5000, |x| share_above(2.5, 1, x as u64)));
        assert!(law > 0.1, "{law}");
    }

    #[test]
    fn too_few_counts_have_no_law() {
        for counts in [vec![1, 2, 3], vec![7; 500], vec![0; 500]] {
            assert_eq!(fit(&counts), Err(NoLaw::TooFew));
        }
    }

    #[test]
    fn a_range_below_a_factor_of_three_has_no_exponent() {
        // 40 to 59 connections, as random connections have at the start.
        let narrow: Vec<u64> = (0..1000).map(|i| 40 + i % 20).collect();
        let found = fit(&narrow).unwrap_err();
        assert!(matches!(found, NoLaw::Narrow { to: 59, .. }), "{found:?}");
        assert!(found.to_string().contains("less than a factor of 3"), "{found}");
    }
}
