//! Adds connections at free cells: what every growth rule has in common. Exact counts, columns sorted and unique, in place.

use core::ops::Range;

use crate::random::Generator;
use crate::sparse::budget::Pace;
use crate::sparse::csr::{CsrMut, copy_within, row_lengths};
use crate::sparse::index::{Format, Index};

/// Proposals for one connection before a uniform free column is used.
const PROPOSALS: u32 = 64;

/// What a draw takes of a budget: about as long as the visits of so many connections.
const DRAW: usize = 8;

/// The rows of a matrix while it grows: each holds what it had, then what has been added, then room.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Growing<'a, F: Format> {
    indptr: &'a [F::Pointer],
    indices: &'a [F::Index],
    /// Connections that each row is to gain.
    added: &'a [F::Counter],
    /// The row that grows, and how many of its connections are in place. Rows before it are full.
    pub(crate) row: usize,
    filled: usize,
}

impl<'a, F: Format> Growing<'a, F> {
    /// Columns of the row that grows.
    #[inline(always)]
    pub(crate) fn filled(&self) -> &'a [F::Index] {
        let start = self.indptr.get(self.row).map_or(0, |start| start.to_usize());
        self.indices.get(start..).and_then(|row| row.get(..self.filled)).unwrap_or_default()
    }

    /// Columns of another row.
    pub(crate) fn other(&self, row: usize) -> &'a [F::Index] {
        let (Some(start), Some(end)) = (self.indptr.get(row), self.indptr.get(row + 1)) else { return &[] };
        let room = if row > self.row { self.added.get(row).map_or(0, |added| added.to_usize()) } else { 0 };
        self.indices.get(start.to_usize()..end.to_usize().saturating_sub(room)).unwrap_or_default()
    }
}

/// The growth of a matrix, which can stop where its budget ends and go on from there.
#[derive(Clone, Debug)]
pub(crate) struct GrowthState {
    stage: Stage,
    generator: Generator,
    /// Connections to add: what was asked for, from the second stage on what there is room for.
    pub(crate) additions: usize,
    /// The stage's next row; in `Spread`, which goes from the last row to the first, the one after it.
    row: usize,
    /// `Clear`: connections that the rows before can gain. `ShareOut`: connections that have no row yet. `Spread`: where
    /// the row before `row` ends. `Fill`: where `row` starts.
    at: usize,
    /// `Fill`: new connections that are in place in `row`.
    placed: usize,
    /// `Fill`: columns that were proposed for the next one.
    proposed: u32,
}

/// What a growth does. Each stage but one goes over rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Sets the counters to zero.
    Clear,
    /// Draws how many new connections each row gets.
    ShareOut,
    /// Moves every row to where it starts once all rows have room for their new connections.
    Spread,
    /// Puts the new connections in their places.
    Fill,
    Done,
}

impl GrowthState {
    /// Before the first stage of adding so many connections.
    pub(crate) fn new(additions: usize, generator: Generator) -> Self {
        Self { stage: Stage::Clear, generator, additions, row: 0, at: 0, placed: 0, proposed: 0 }
    }

    /// Adds connections, at most as many as there is capacity for, as far as the budget reaches; returns whether all are
    /// in place. Until then the matrix is not sound.
    ///
    /// A row is chosen with a probability in proportion to its free cells, by rejection. Within it, `aim` proposes a
    /// column, a bounded number of times; without an aim, or where all proposals are taken or outside, the free cell is
    /// drawn by its rank among the row's free cells. `weight` gives each new connection its value from its column; its
    /// velocity is zero.
    /// `counters` is scratch with one element a row, which nobody else writes until all are in place.
    #[inline(always)]
    pub(crate) fn go_on<F: Format>(
        &mut self,
        matrix: &mut CsrMut<'_, F>,
        counters: &mut [F::Counter],
        weight: impl FnMut(&mut Generator, usize) -> f32,
        aim: Option<impl FnMut(&mut Generator, Growing<'_, F>) -> Option<usize>>,
        budget: &mut impl Pace,
    ) -> bool {
        // A copy on the stack, which the compiler can keep in registers.
        let mut generator = self.generator.clone();
        if self.stage == Stage::Clear {
            self.clear(matrix, counters, budget);
        }
        if self.stage == Stage::ShareOut {
            self.share_out(matrix, counters, &mut generator, budget);
        }
        if self.stage == Stage::Spread {
            self.spread(matrix, counters, budget);
        }
        if self.stage == Stage::Fill {
            self.fill(matrix, counters, &mut generator, weight, aim, budget);
        }
        self.generator = generator;
        self.stage == Stage::Done
    }

    fn begin(&mut self, stage: Stage, row: usize, at: usize) {
        (self.stage, self.row, self.at) = (stage, row, at);
    }

    /// Sets the counters to zero, and limits the additions to what there is room for.
    fn clear<F: Format>(&mut self, matrix: &CsrMut<'_, F>, counters: &mut [F::Counter], budget: &mut impl Pace) {
        let (nrows, ncols, nnz) = (matrix.nrows(), matrix.ncols, matrix.nnz());
        if counters.len() < nrows {
            (self.stage, self.additions) = (Stage::Done, 0);
            return;
        }
        let limit = <F::Counter as Index>::MAX;
        while self.row < nrows {
            let end = self.row + budget.rows(nrows - self.row);
            if end == self.row {
                return;
            }
            counters.get_mut(self.row..end).unwrap_or_default().fill(F::Counter::default());
            // A row can gain its free cells, as far as a counter reaches.
            if ncols > limit {
                let rows = row_lengths(matrix.indptr.get(self.row..=end).unwrap_or_default());
                self.at += rows.map(|len| ncols.saturating_sub(len).min(limit)).sum::<usize>();
            }
            self.row = end;
        }
        let countable = if ncols > limit { self.at } else { usize::MAX };
        let free = nrows.saturating_mul(ncols).saturating_sub(nnz);
        let additions = self.additions.min(matrix.capacity() - nnz).min(free).min(<F::Pointer as Index>::MAX - nnz);
        self.additions = additions.min(countable);
        if self.additions == 0 {
            self.stage = Stage::Done;
        } else {
            self.begin(Stage::ShareOut, 0, self.additions);
        }
    }

    /// Draws into `counters` how many new connections each row gets.
    fn share_out<F: Format>(
        &mut self,
        matrix: &CsrMut<'_, F>,
        counters: &mut [F::Counter],
        generator: &mut Generator,
        budget: &mut impl Pace,
    ) {
        let (nrows, ncols) = (matrix.nrows() as u32, matrix.ncols);
        while self.at > 0 {
            if !budget.take(DRAW) {
                return;
            }
            let row = generator.below(nrows) as usize;
            let ends = matrix.indptr.get(row).zip(matrix.indptr.get(row + 1));
            let len = ends.map_or(0, |(start, end)| end.to_usize() - start.to_usize());
            if let Some(counter) = counters.get_mut(row) {
                let taken = len + counter.to_usize();
                if generator.below(ncols as u32) as usize >= taken && counter.to_usize() < <F::Counter as Index>::MAX {
                    *counter = F::Counter::wrapping_from(counter.to_usize() + 1);
                    self.at -= 1;
                }
            }
        }
        self.begin(Stage::Spread, matrix.nrows(), matrix.nnz() + self.additions);
    }

    /// Moves every row to where it starts once all rows have room for their new connections, last row first.
    fn spread<F: Format>(&mut self, matrix: &mut CsrMut<'_, F>, counters: &[F::Counter], budget: &mut impl Pace) {
        // Moves forward only, so copying from the back never overwrites what is still to be read.
        let mut write = self.at;
        let mut rows = matrix.indptr.get_mut(..=self.row).unwrap_or_default();
        let mut counters = counters.get(..self.row).unwrap_or_default();
        while let Some((added, counters_before)) = counters.split_last() {
            let Some((end, before)) = core::mem::take(&mut rows).split_last_mut() else { break };
            let start = before.last().map_or(0, |start| start.to_usize());
            let old_end = end.to_usize();
            if !budget.take(1 + old_end - start) {
                (self.row, self.at) = (counters_before.len() + 1, write);
                return;
            }
            *end = F::Pointer::wrapping_from(write);
            write -= added.to_usize();
            if write == old_end {
                write = start;
            } else if has_long_rows::<F>() {
                write -= old_end - start;
                move_to(matrix.indices, start..old_end, write);
                move_to(matrix.values, start..old_end, write);
                move_to(matrix.velocity, start..old_end, write);
            } else {
                for read in (start..old_end).rev() {
                    write -= 1;
                    copy_within(matrix.indices, read, write);
                    copy_within(matrix.values, read, write);
                    copy_within(matrix.velocity, read, write);
                }
            }
            (rows, counters) = (before, counters_before);
        }
        self.begin(Stage::Fill, 0, 0);
    }

    /// Puts the new connections of each row in their places.
    #[inline(always)]
    fn fill<F: Format>(
        &mut self,
        matrix: &mut CsrMut<'_, F>,
        counters: &[F::Counter],
        generator: &mut Generator,
        mut weight: impl FnMut(&mut Generator, usize) -> f32,
        mut aim: Option<impl FnMut(&mut Generator, Growing<'_, F>) -> Option<usize>>,
        budget: &mut impl Pace,
    ) {
        let ncols = matrix.ncols;
        let CsrMut { indptr, indices, values, velocity, .. } = matrix;
        let rows = row_lengths(indptr.get(self.row..).unwrap_or_default());
        let each = (self.row..).zip(rows.zip(counters.get(self.row..).unwrap_or_default()));
        for (row, (len, added)) in each {
            let (start, added) = (self.at, added.to_usize());
            if added == 0 && !budget.take(1) {
                self.row = row;
                return;
            }
            for filled in len.saturating_sub(added) + self.placed..len {
                // The first proposal is paid for with the place.
                if self.proposed == 0 && !budget.take(filled + DRAW) {
                    self.row = row;
                    return;
                }
                let growing = Growing { indptr, indices, added: counters, row, filled };
                let mut aimed = None;
                if let Some(aim) = &mut aim {
                    while aimed.is_none() && self.proposed < PROPOSALS {
                        if self.proposed > 0 && !budget.take(DRAW) {
                            self.row = row;
                            return;
                        }
                        self.proposed += 1;
                        let col = aim(generator, growing).filter(|&col| col < ncols);
                        aimed = col.and_then(|col| Some((col, free_place(growing.filled(), col)?)));
                    }
                }
                let (col, at) = aimed.unwrap_or_else(|| {
                    let rank = generator.below((ncols - filled) as u32) as usize;
                    free_column::<F>(growing.filled(), rank)
                });
                let value = weight(generator, col);
                let place = start + at..=start + filled;
                shift_in::<F, _>(indices.get_mut(place.clone()).unwrap_or_default(), F::Index::wrapping_from(col));
                shift_in::<F, _>(values.get_mut(place.clone()).unwrap_or_default(), value);
                shift_in::<F, _>(velocity.get_mut(place).unwrap_or_default(), 0.0);
                (self.placed, self.proposed) = (self.placed + 1, 0);
            }
            (self.at, self.placed) = (start + len, 0);
        }
        self.stage = Stage::Done;
    }
}

/// Where a column belongs among a row's columns; `None` when it is taken.
#[inline(always)]
fn free_place<I: Index>(row: &[I], col: usize) -> Option<usize> {
    let at = row.partition_point(|taken| taken.to_usize() < col);
    row.get(at).is_none_or(|taken| taken.to_usize() != col).then_some(at)
}

/// Whether rows are long enough for whole moves and counts without a guess to pay: those of a workstation's formats.
const fn has_long_rows<F: Format>() -> bool {
    size_of::<F::Pointer>() > 2
}

/// Moves a range of elements; nothing where there are none, as of a velocity that is not kept.
#[inline(always)]
fn move_to<T: Copy>(slice: &mut [T], range: Range<usize>, to: usize) {
    if to + range.len() <= slice.len() && range.end <= slice.len() {
        slice.copy_within(range, to);
    }
}

/// The free column of this rank in a row, and where it belongs among the row's columns.
#[inline(always)]
fn free_column<F: Format>(row: &[F::Index], rank: usize) -> (usize, usize) {
    let at = if has_long_rows::<F>() {
        // Columns less their place never fall along a row, so those before the free one come first: counting is enough.
        let (mut count, mut free) = (0u32, rank as u32);
        for taken in row {
            count += u32::from(taken.to_usize() as u32 <= free);
            free = free.wrapping_add(1);
        }
        count as usize
    } else {
        row.iter().zip(rank..).take_while(|(taken, free)| taken.to_usize() <= *free).count()
    };
    (rank + at, at)
}

/// Puts a value first and moves the rest up by one; what was last falls out.
#[inline(always)]
fn shift_in<F: Format, T: Copy>(slice: &mut [T], mut value: T) {
    if has_long_rows::<F>() {
        let rest = slice.len().saturating_sub(1);
        slice.copy_within(..rest, slice.len() - rest);
        if let Some(first) = slice.first_mut() {
            *first = value;
        }
    } else {
        for slot in slice {
            core::mem::swap(slot, &mut value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sparse::index::{Narrow, Standard};

    #[test]
    fn ranks_count_free_columns_whatever_the_format() {
        for (row, rank, expected) in [
            (&[1][..], 0, (0, 0)),
            (&[1], 1, (2, 1)),
            (&[1], 2, (3, 1)),
            (&[0, 1, 3], 0, (2, 2)),
            (&[0, 1, 3], 1, (4, 3)),
        ] {
            let wide: std::vec::Vec<u16> = row.iter().map(|&col: &u8| col.into()).collect();
            assert_eq!(free_column::<Narrow>(row, rank), expected);
            assert_eq!(free_column::<Standard>(&wide, rank), expected);
        }
    }

    #[test]
    fn a_range_is_moved_where_there_are_elements() {
        let mut values = [1, 2, 3, 4, 5];
        move_to(&mut values, 1..3, 3);
        assert_eq!(values, [1, 2, 3, 2, 3]);
        for range in [0..2, 1..1] {
            move_to::<f32>(&mut [], range, 3);
        }
    }

    #[test]
    fn a_value_is_put_first_whatever_the_format() {
        for len in 0..4 {
            let (mut narrow, mut wide) = ([1, 2, 3, 4], [1, 2, 3, 4]);
            shift_in::<Narrow, _>(&mut narrow[..len], 9);
            shift_in::<Standard, _>(&mut wide[..len], 9);
            assert_eq!(narrow, wide);
            assert_eq!(narrow, [[1, 2, 3, 4], [9, 2, 3, 4], [9, 1, 3, 4], [9, 1, 2, 4]][len]);
        }
    }
}
