//! Adds connections at free cells: what every growth rule has in common. Exact counts, columns sorted and unique, in place.

use core::ops::Range;

use crate::random::Generator;
use crate::sparse::blocks::RUN;
use crate::sparse::budget::Pace;
use crate::sparse::csr::{CsrMut, copy_within, row_lengths};
use crate::sparse::index::{Format, Index};
use crate::topology::grow::row::{free_column, has_long_rows, shift_in};
use crate::topology::grow::runs::LongRow;
use crate::topology::scratch::Room;

/// Proposals for one connection before a uniform free column is used.
const PROPOSALS: u32 = 64;

/// What a draw takes of a budget: about as long as the visits of so many connections.
const DRAW: usize = 8;

/// Draws that are made before their rows are looked at, where the work is not cut. Draws do not depend on what is taken,
/// and memory that is read for several at once is waited for once.
const DRAWS: usize = 64;

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
    /// drawn by its rank among the row's free cells. `weight` gives each new connection its value; its velocity is
    /// zero. Nobody else writes into the counters of `room` until all are in place.
    #[inline(always)]
    pub(crate) fn go_on<F: Format>(
        &mut self,
        matrix: &mut CsrMut<'_, F>,
        room: Room<'_, F::Counter>,
        weight: impl FnMut(&mut Generator) -> f32,
        aim: Option<impl FnMut(&mut Generator, Growing<'_, F>) -> Option<usize>>,
        budget: &mut impl Pace,
    ) -> bool {
        let Room { counters, spare } = room;
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
            self.fill(matrix, Room { counters, spare }, &mut generator, weight, aim, budget);
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
    fn share_out<F: Format, B: Pace>(
        &mut self,
        matrix: &CsrMut<'_, F>,
        counters: &mut [F::Counter],
        generator: &mut Generator,
        budget: &mut B,
    ) {
        let (nrows, ncols) = (matrix.nrows() as u32, matrix.ncols);
        if has_long_rows::<F>() && !B::PAUSES {
            share_out_at_once(matrix, core::mem::take(&mut self.at), counters, generator);
        }
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
    fn fill<F: Format, B: Pace>(
        &mut self,
        matrix: &mut CsrMut<'_, F>,
        room: Room<'_, F::Counter>,
        generator: &mut Generator,
        mut weight: impl FnMut(&mut Generator) -> f32,
        mut aim: Option<impl FnMut(&mut Generator, Growing<'_, F>) -> Option<usize>>,
        budget: &mut B,
    ) {
        let Room { counters, spare } = room;
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
            if has_long_rows::<F>() && !B::PAUSES && aim.is_none() && len > RUN && added > 0 && spare.len() >= 2 * RUN {
                let row = start..start + len;
                let indices = indices.get_mut(row.clone()).unwrap_or_default();
                let values = values.get_mut(row.clone()).unwrap_or_default();
                let velocity = velocity.get_mut(row).unwrap_or_default();
                let mut row = LongRow::<F> { indices, values, velocity };
                row.fill(ncols, len.saturating_sub(added), spare, generator, &mut weight);
                self.at = start + len;
                continue;
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
                let value = weight(generator);
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

/// As the stage `ShareOut`, with the same draws, where the work is not cut: each counter holds all connections of its row
/// meanwhile, so that one place is read for a draw.
fn share_out_at_once<F: Format>(
    matrix: &CsrMut<'_, F>,
    mut left: usize,
    counters: &mut [F::Counter],
    generator: &mut Generator,
) {
    let (nrows, ncols) = (matrix.nrows() as u32, matrix.ncols as u32);
    for (counter, len) in counters.iter_mut().zip(row_lengths(matrix.indptr)) {
        *counter = F::Counter::wrapping_from(len);
    }
    while left > 0 {
        let mut draws = [(0, 0); DRAWS];
        // Never more than can be taken.
        let draws = draws.get_mut(..left.min(DRAWS)).unwrap_or_default();
        for (row, cell) in draws.iter_mut() {
            (*row, *cell) = (generator.below(nrows) as usize, generator.below(ncols) as usize);
        }
        let read = |sum: usize, &(row, _): &(usize, usize)| sum ^ counters.get(row).map_or(0, |c| c.to_usize());
        core::hint::black_box(draws.iter().fold(0, read));
        for &mut (row, cell) in draws {
            if let Some(counter) = counters.get_mut(row)
                && cell >= counter.to_usize()
            {
                *counter = F::Counter::wrapping_from(counter.to_usize() + 1);
                left -= 1;
            }
        }
    }
    for (counter, len) in counters.iter_mut().zip(row_lengths(matrix.indptr)) {
        *counter = F::Counter::wrapping_from(counter.to_usize() - len);
    }
}

/// Where a column belongs among a row's columns; `None` when it is taken.
#[inline(always)]
fn free_place<I: Index>(row: &[I], col: usize) -> Option<usize> {
    let at = row.partition_point(|taken| taken.to_usize() < col);
    row.get(at).is_none_or(|taken| taken.to_usize() != col).then_some(at)
}

/// Moves a range of elements; nothing where there are none, as of a velocity that is not kept.
#[inline(always)]
fn move_to<T: Copy>(slice: &mut [T], range: Range<usize>, to: usize) {
    if to + range.len() <= slice.len() && range.end <= slice.len() {
        slice.copy_within(range, to);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_moved_where_there_are_elements() {
        let mut values = [1, 2, 3, 4, 5];
        move_to(&mut values, 1..3, 3);
        assert_eq!(values, [1, 2, 3, 2, 3]);
        for range in [0..2, 1..1] {
            move_to::<f32>(&mut [], range, 3);
        }
    }
}
