//! Chi-squared, for claims about uniform positions.

/// A bound that the statistic exceeds once in ten thousand times when the claim holds (Wilson and Hilferty 1931).
pub fn chi_squared_bound(degrees_of_freedom: usize) -> f64 {
    let k = degrees_of_freedom as f64;
    let spread = 2.0 / (9.0 * k);
    k * (1.0 - spread + 3.719 * spread.sqrt()).powi(3)
}

/// A cell's hits in rounds that each chose several of the cells without putting any back.
#[derive(Clone, Copy, Debug, Default)]
pub struct Hits {
    found: f64,
    expected: f64,
    variance: f64,
}

impl Hits {
    /// Adds a round in which the cell had this chance.
    pub fn add(&mut self, chance: f64, hit: bool) {
        self.found += f64::from(u8::from(hit));
        self.expected += chance;
        self.variance += chance * (1.0 - chance);
    }

    /// Hits expected.
    pub fn expected(&self) -> f64 {
        self.expected
    }
}

/// The chi-squared statistic of cells that share a fixed number of hits a round, so that one degree of freedom is lost.
pub fn chi_squared(cells: &[Hits]) -> f64 {
    let sum: f64 = cells.iter().map(|cell| (cell.found - cell.expected).powi(2) / cell.variance).sum();
    sum * (cells.len() as f64 - 1.0) / cells.len() as f64
}

/// Chances of 0, 1, 2… marked cells among `draws` of `cells` cells of which `marked` are marked.
pub fn hypergeometric(cells: usize, marked: usize, draws: usize) -> Vec<f64> {
    let ln_factorial = |n: usize| (1..=n).map(|k| (k as f64).ln()).sum::<f64>();
    let ln_choose = |n: usize, k: usize| ln_factorial(n) - ln_factorial(k) - ln_factorial(n - k);
    let chance = |found: usize| {
        if found > draws || draws - found > cells - marked {
            return 0.0;
        }
        let ln = ln_choose(marked, found) + ln_choose(cells - marked, draws - found) - ln_choose(cells, draws);
        ln.exp()
    };
    (0..=marked).map(chance).collect()
}

/// The chi-squared statistic of counts against their chances, and its degrees of freedom. Outcomes that are expected
/// fewer than five times count as one.
pub fn chi_squared_of_counts(counts: &[usize], chances: &[f64]) -> (f64, usize) {
    let total = counts.iter().sum::<usize>() as f64;
    let (mut rare, mut bins) = ((0.0, 0.0), Vec::new());
    for (&count, chance) in counts.iter().zip(chances) {
        let bin = (count as f64, chance * total);
        if bin.1 < 5.0 {
            rare = (rare.0 + bin.0, rare.1 + bin.1);
        } else {
            bins.push(bin);
        }
    }
    if rare.1 > 0.0 {
        bins.push(rare);
    }
    let sum = bins.iter().map(|(found, expected)| (found - expected).powi(2) / expected).sum();
    (sum, bins.len().saturating_sub(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drawing_two_of_four_by_hand() {
        // Of the six pairs of a, b, c, d: one has neither a nor b, four have one of them, one has both.
        let chances = hypergeometric(4, 2, 2);
        for (found, expected) in chances.iter().zip([1.0 / 6.0, 4.0 / 6.0, 1.0 / 6.0]) {
            assert!((found - expected).abs() < 1e-12);
        }
        let (sum, degrees) = chi_squared_of_counts(&[10, 50, 0], &chances);
        assert!((sum - (0.0 + 100.0 / 40.0 + 10.0)).abs() < 1e-9);
        assert_eq!(degrees, 2);
    }

    #[test]
    fn bounds_are_those_of_the_tables() {
        // 99.99th percentiles.
        assert!((chi_squared_bound(9) / 33.72 - 1.0).abs() < 0.02);
        assert!((chi_squared_bound(100) / 161.32 - 1.0).abs() < 0.002);
    }

    #[test]
    fn a_cell_that_is_never_hit_is_noticed() {
        let mut cells = [Hits::default(); 10];
        for round in 0..1000 {
            for (i, cell) in cells.iter_mut().enumerate() {
                cell.add(0.1, i == (round % 9) + 1);
            }
        }
        assert!(chi_squared(&cells) > chi_squared_bound(9));
    }
}
