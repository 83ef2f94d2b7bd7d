//! The cells of a matrix that a growth rule looks at, drawn without a memory of them.
//!
//! Each row has its share: its columns are cut into as many runs, equally long but for rounding, and one column of each run is
//! drawn by place. So no cell comes twice, none is left out for good, and each pass over the cells draws the same ones again.

use crate::network::spec::LayerSpec;
use crate::random::Hash;

/// The cells that are looked at.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cells {
    hash: Hash,
    ncols: usize,
    /// Cells of each row, and rows that have one more.
    each: usize,
    more: usize,
}

impl Cells {
    pub(crate) fn new(spec: &LayerSpec, hash: Hash) -> Self {
        let (nrows, ncols) = (spec.nrows().max(1), spec.ncols());
        Self { hash, ncols, each: spec.connections / nrows, more: spec.connections % nrows }
    }

    /// Of a row.
    pub(crate) fn of(&self, row: usize) -> usize {
        self.each + usize::from(row < self.more)
    }

    /// How many cells the rows before a row have.
    pub(crate) fn place(&self, row: usize) -> usize {
        row * self.each + row.min(self.more)
    }

    /// Writes the columns of a row's cells from the one counted `first` on; they ascend.
    pub(crate) fn columns(&self, row: usize, first: usize, columns: &mut [usize]) {
        let count = self.of(row).max(1) as u64;
        let begin = |cell: usize| (cell as u64 * self.ncols as u64 / count) as usize;
        let (mut start, place) = (begin(first), self.place(row));
        for (cell, column) in (first..).zip(columns) {
            let end = begin(cell + 1);
            let drawn = u64::from(self.hash.at((place + cell) as u32)) * (end - start) as u64;
            *column = start + (drawn >> 32) as usize;
            start = end;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prelude::*;
    use crate::random::Purpose;

    #[test]
    fn columns_of_a_run_are_equally_likely_and_ascend() {
        let spec = LayerSpec::sparse(10, 4, 13, Activation::Relu);
        let (mut hits, rounds) = ([[0u32; 10]; 4], 20_000);
        for epoch in 0..rounds {
            let cells = Cells::new(&spec, Hash::new(1, Purpose::Candidates, epoch, 0, 0));
            assert_eq!((0..4).map(|row| cells.of(row)).sum::<usize>(), 13);
            for (row, hits) in hits.iter_mut().enumerate() {
                let (mut columns, mut rest) = ([0; 4], [0; 4]);
                let columns = &mut columns[..cells.of(row)];
                cells.columns(row, 0, columns);
                assert!(columns.windows(2).all(|pair| pair[0] < pair[1]));
                cells.columns(row, 2, &mut rest[2..cells.of(row)]);
                assert_eq!(columns[2..], rest[2..cells.of(row)], "from the middle on they are the same");
                for &mut column in columns {
                    hits[column] += 1;
                }
            }
        }
        for (row, hits) in hits.iter().enumerate() {
            // Four runs of two or three columns in the first row, three of three or four in the others.
            let lengths: &[u32] = if row == 0 { &[2, 3, 2, 3] } else { &[3, 3, 4] };
            let expected = lengths.iter().flat_map(|&length| std::iter::repeat_n(rounds / length, length as usize));
            for (&found, expected) in hits.iter().zip(expected) {
                // Five standard deviations, at most.
                assert!(found.abs_diff(expected) < 350, "{row}: {hits:?}");
            }
        }
    }
}
