//! Growth at the free cells of the highest score: what rules share that look at some cells and take the best.
//!
//! As many cells are looked at as the layer has connections, see `cells.rs`; those that are taken do not count. The selection
//! is that of pruning, from the other end.

use crate::network::spec::LayerSpec;
use crate::random::{Generator, Hash, Purpose};
use crate::sparse::csr::{CsrMut, copy_within, row_of};
use crate::sparse::index::{Format, Index};
use crate::step::id::StepId;
use crate::topology::grow::cells::Cells;
use crate::topology::prune::select::{Cut, Selection, goes};

/// Cells whose scores are found at once.
pub(crate) const CHUNK: usize = 64;

/// Counters of a digit in the selection.
const DIGITS: usize = 1 << 11;

/// What a rule thinks of cells; none is negative.
pub(crate) trait CellScores {
    /// Writes the scores of some cells of a row, of which the first has this place among the cells that are looked at.
    fn write(&self, row: usize, place: usize, columns: &[usize], scores: &mut [f32; CHUNK]);
}

/// Cells of a row with their scores, a chunk of them.
struct Chunk {
    columns: [usize; CHUNK],
    scores: [f32; CHUNK],
    len: usize,
}

impl Chunk {
    /// The cells `CHUNK * index` and on of a row.
    fn new(rule: &impl CellScores, cells: &Cells, row: usize, index: usize) -> Self {
        let first = index * CHUNK;
        let len = cells.of(row).saturating_sub(first).min(CHUNK);
        let mut chunk = Self { columns: [0; CHUNK], scores: [0.0; CHUNK], len };
        cells.columns(row, first, chunk.columns.get_mut(..len).unwrap_or_default());
        rule.write(row, cells.place(row) + first, chunk.columns.get(..len).unwrap_or_default(), &mut chunk.scores);
        chunk
    }

    /// Columns with their scores, ascending.
    fn each(&self) -> impl DoubleEndedIterator<Item = (usize, f32)> {
        self.columns.iter().copied().zip(self.scores.iter().copied()).take(self.len)
    }
}

/// The cells that are looked at in the evolution of `id` for a layer, by index.
pub(crate) fn looked_at(spec: &LayerSpec, id: StepId, index: u32) -> Cells {
    Cells::new(spec, Hash::new(id.seed, Purpose::Candidates, id.epoch, id.step, index))
}

/// Grows up to `wanted` connections of a sparse layer, by index, in the evolution of `id`; returns how many, which is all
/// unless fewer free cells were looked at. `weight` gives each its value.
pub(crate) fn grow_best<F: Format>(
    matrix: &mut CsrMut<'_, F>,
    cells: &Cells,
    rule: &impl CellScores,
    wanted: usize,
    (id, index): (StepId, u32),
    mut weight: impl FnMut(&mut Generator) -> f32,
) -> usize {
    let mut selection = Selection::<u32, DIGITS>::new();
    let (cuts, found) = loop {
        let mut found = 0;
        for row in 0..matrix.nrows() {
            for chunk in 0..cells.of(row).div_ceil(CHUNK) {
                let chunk = Chunk::new(rule, cells, row, chunk);
                let taken = row_of(matrix.indptr, matrix.indices, row);
                let is_free = |(column, _): &(usize, f32)| !is_taken(taken, *column);
                found += chunk.each().filter(is_free).count();
                selection.count(chunk.each().filter(is_free).map(|(_, score)| score));
            }
        }
        if let Some(cuts) = selection.close(|counts| counts.map(|count| count.saturating_sub(wanted as u32))) {
            break (cuts, found);
        }
    };
    let grown = found.min(wanted).min(matrix.capacity().saturating_sub(matrix.nnz()));
    let generator = &mut Generator::new(id.seed, Purpose::Candidates, id.epoch, id.step, index);
    merge(matrix, rule, cells, cuts, grown, || weight(generator));
    grown
}

/// Whether a column is among those of a row.
pub(crate) fn is_taken<I: Index>(columns: &[I], column: usize) -> bool {
    columns.binary_search_by_key(&column, |taken| taken.to_usize()).is_ok()
}

/// Puts the free cells above the cuts, `grown` of them, among the connections, from the last to the first: what is written
/// then never lies before what is still to be read.
fn merge<F: Format>(
    matrix: &mut CsrMut<'_, F>,
    rule: &impl CellScores,
    cells: &Cells,
    mut cuts: [Cut; 2],
    grown: usize,
    mut weight: impl FnMut() -> f32,
) {
    let (mut read, mut left) = (matrix.nnz(), grown);
    for row in (0..matrix.nrows()).rev() {
        let start = matrix.indptr.get(row).map_or(0, |start| start.to_usize());
        if let Some(end) = matrix.indptr.get_mut(row + 1) {
            *end = F::Pointer::wrapping_from(read + left);
        }
        for chunk in (0..cells.of(row).div_ceil(CHUNK)).rev() {
            let chunk = Chunk::new(rule, cells, row, chunk);
            for (column, score) in chunk.each().rev() {
                // What lies behind moves first; `left` is how far.
                while read > start && matrix.indices.get(read - 1).is_some_and(|taken| taken.to_usize() > column) {
                    read -= 1;
                    move_to(matrix, read, read + left);
                }
                let taken = read > start && matrix.indices.get(read - 1).is_some_and(|col| col.to_usize() == column);
                if taken || goes(&mut cuts, score) || left == 0 {
                    continue;
                }
                left -= 1;
                put(matrix, read + left, column, weight());
            }
        }
        while read > start {
            read -= 1;
            move_to(matrix, read, read + left);
        }
    }
}

fn move_to<F: Format>(matrix: &mut CsrMut<'_, F>, from: usize, to: usize) {
    copy_within(matrix.indices, from, to);
    copy_within(matrix.values, from, to);
    copy_within(matrix.velocity, from, to);
}

fn put<F: Format>(matrix: &mut CsrMut<'_, F>, at: usize, column: usize, weight: f32) {
    if let (Some(index), Some(value)) = (matrix.indices.get_mut(at), matrix.values.get_mut(at)) {
        (*index, *value) = (F::Index::wrapping_from(column), weight);
    }
    if let Some(velocity) = matrix.velocity.get_mut(at) {
        *velocity = 0.0;
    }
}
