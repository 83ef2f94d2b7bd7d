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

#[cfg(test)]
mod tests {
    use super::*;

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
