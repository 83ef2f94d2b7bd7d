//! The transpose of a sparse matrix: where each column has its connections.

use crate::sparse::budget::Pace;
use crate::sparse::csr::CsrRef;
use crate::sparse::index::{Format, Index};

/// How far the transpose's structure is written: see [`Transposition::go_on`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Transposition {
    stage: Transposing,
    /// Where the stage goes on: a column, or a connection, or a row.
    at: usize,
    /// Connections of the columns before, or of the rows before.
    sum: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Transposing {
    Clear,
    Count,
    Sum,
    Place,
    Done,
}

impl Transposition {
    /// Before anything is written.
    pub(crate) const fn new() -> Self {
        Self { stage: Transposing::Clear, at: 0, sum: 0 }
    }

    /// Writes the transpose's structure as far as the budget reaches: for each column, the rows and value positions of its
    /// connections, rows ascending. Returns whether all is written.
    ///
    /// A counting sort, O(nnz), no scratch. `indptr` has `ncols + 1` elements, `rows` and `positions` one a connection.
    pub(crate) fn go_on<F: Format>(
        &mut self,
        csr: CsrRef<'_, F>,
        indptr: &mut [F::Pointer],
        rows: &mut [F::Index],
        positions: &mut [F::Pointer],
        budget: &mut impl Pace,
    ) -> bool {
        while self.stage != Transposing::Done {
            let whole = match self.stage {
                Transposing::Clear | Transposing::Sum => indptr.len(),
                Transposing::Count => csr.indices().len(),
                Transposing::Place | Transposing::Done => csr.nrows(),
            };
            if self.stage == Transposing::Place {
                self.place(csr, indptr, rows, positions, budget);
            } else {
                let end = self.at + budget.rows(whole.saturating_sub(self.at));
                match self.stage {
                    Transposing::Clear => indptr.get_mut(self.at..end).unwrap_or_default().fill(F::Pointer::default()),
                    // Each column one place late, so that the running sum leaves its start where its cursor is.
                    Transposing::Count => {
                        for col in csr.indices().get(self.at..end).unwrap_or_default() {
                            if let Some(count) = indptr.get_mut(col.to_usize() + 2) {
                                *count = F::Pointer::wrapping_from(count.to_usize() + 1);
                            }
                        }
                    }
                    _ => {
                        for start in indptr.get_mut(self.at..end).unwrap_or_default() {
                            self.sum += start.to_usize();
                            *start = F::Pointer::wrapping_from(self.sum);
                        }
                    }
                }
                self.at = end;
            }
            if self.at < whole {
                return false;
            }
            let stage = match self.stage {
                Transposing::Clear => Transposing::Count,
                Transposing::Count => Transposing::Sum,
                Transposing::Sum => Transposing::Place,
                Transposing::Place | Transposing::Done => Transposing::Done,
            };
            *self = Self { stage, at: 0, sum: 0 };
        }
        true
    }

    /// Puts the connections of rows where their columns' cursors are.
    fn place<F: Format>(
        &mut self,
        csr: CsrRef<'_, F>,
        indptr: &mut [F::Pointer],
        rows: &mut [F::Index],
        positions: &mut [F::Pointer],
        budget: &mut impl Pace,
    ) {
        let (_, rest) = csr.split_rows(self.at);
        let Self { at: mut row, sum: mut connection, .. } = *self;
        for (cols, _) in rest.rows() {
            if !budget.take(1 + cols.len()) {
                break;
            }
            for col in cols {
                if let Some(cursor) = indptr.get_mut(col.to_usize() + 1) {
                    let at = cursor.to_usize();
                    *cursor = F::Pointer::wrapping_from(at + 1);
                    if let Some(to) = rows.get_mut(at) {
                        *to = F::Index::wrapping_from(row);
                    }
                    if let Some(position) = positions.get_mut(at) {
                        *position = F::Pointer::wrapping_from(connection);
                    }
                }
                connection += 1;
            }
            row += 1;
        }
        (self.at, self.sum) = (row, connection);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sparse::budget::Budget;
    use crate::sparse::index::Narrow;

    #[test]
    fn rows_are_listed_in_ascending_order_wherever_the_work_is_cut() {
        // [ 0 5 0 ]   Columns: 0 -> row 1 at 1; 1 -> row 0 at 0; 2 -> row 1 at 2.
        // [ 7 0 9 ]
        let w = CsrRef::<Narrow>::new(3, &[0, 1, 3], &[1, 0, 2], &[5.0, 7.0, 9.0]).unwrap();
        for budget in [1, 2, 3, usize::MAX] {
            let (mut indptr, mut rows, mut positions) = ([0u16; 4], [0u8; 3], [0u16; 3]);
            let mut at = Transposition::new();
            while !at.go_on(w, &mut indptr, &mut rows, &mut positions, &mut Budget::new(budget)) {}
            assert_eq!((indptr, rows, positions), ([0, 1, 2, 3], [1, 0, 1], [1, 0, 2]));
        }
    }
}
