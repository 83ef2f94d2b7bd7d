//! Hebbian growth: of the free cells that are looked at, those that the structure itself suggests most (CH2-L3n).
//!
//! A free cell (i, c) joins a row i and a column c. Each path of three connections between them speaks for it, the more so
//! the more its inner two neurons have in common with the ends and the less with others:
//!
//! ```text
//! score(i, c) = sum over rows j of c with u > 0:    (u + 1) / (degree(j) - u),  u columns that i and j share
//!             + sum over columns b of i with v > 0: (v + 1) / (degree(b) - v),  v rows that b and c share
//! ```
//!
//! Only positions count, no weight and no sample. The cost is that of visiting, for each connection, those of its neurons'
//! neighbours: O(connections * degree²).
//!
//! Source: Zhang et al. 2025, arXiv 2501.19107, algorithm 1 (CHTs), which scores all free cells.

use bytemuck::Pod;

use crate::network::spec::LayerSpec;
use crate::sparse::budget::Unlimited;
use crate::sparse::csr::{CsrRef, row_of};
use crate::sparse::index::{Format, Index};
use crate::sparse::transpose::Transposition;
use crate::topology::grow::best::{CHUNK, CellScores, is_taken};
use crate::topology::grow::cells::Cells;
use crate::topology::scratch::Scratch;

/// The scores of the cells that are looked at, by place.
pub(crate) struct Scores<'s>(&'s [f32]);

impl CellScores for Scores<'_> {
    fn write(&self, _row: usize, place: usize, columns: &[usize], scores: &mut [f32; CHUNK]) {
        for (score, &found) in scores.iter_mut().zip(self.0.iter().skip(place).take(columns.len())) {
            *score = found;
        }
    }
}

/// Bytes of what the scores of a layer are found in: scores, the rows of each column and where these begin, and a counter for
/// each row and each column.
const fn bytes<F: Format>(spec: &LayerSpec) -> [usize; 5] {
    let (connections, rows, columns) = (spec.connections, spec.nrows(), spec.ncols());
    let sizes = [size_of::<f32>(), size_of::<F::Index>(), size_of::<F::Pointer>(), size_of::<u32>(), size_of::<u32>()];
    [
        connections.saturating_mul(sizes[0]),
        connections.saturating_mul(sizes[1]),
        columns.saturating_add(1).saturating_mul(sizes[2]),
        rows.saturating_mul(sizes[3]),
        columns.saturating_mul(sizes[4]),
    ]
}

/// Which of two regions the next buffer lies in: the one with more room.
const fn larger(room: [usize; 2]) -> usize {
    (room[1] > room[0]) as usize
}

/// Whether a layer's buffers fit two regions of so many bytes, cut as [`Regions`] does.
pub(crate) fn fits<F: Format>(spec: &LayerSpec, mut room: [usize; 2]) -> bool {
    bytes::<F>(spec).into_iter().all(|bytes| {
        let region = &mut room[larger(room) & 1];
        let left = region.checked_sub(bytes.next_multiple_of(4));
        *region = left.unwrap_or_default();
        left.is_some()
    })
}

/// Two regions of memory that buffers are cut from.
struct Regions<'s>([&'s mut [u8]; 2]);

impl<'s> Regions<'s> {
    fn cut<T: Pod>(&mut self, len: usize) -> Option<&'s mut [T]> {
        let room = self.0.each_ref().map(|region| region.len());
        let region = self.0.get_mut(larger(room))?;
        let bytes = len.checked_mul(size_of::<T>())?;
        let (front, rest) = core::mem::take(region).split_at_mut_checked(bytes.next_multiple_of(4))?;
        *region = rest;
        bytemuck::try_cast_slice_mut(front.get_mut(..bytes)?).ok()
    }
}

/// Finds the scores of the cells that are looked at; nothing where they do not fit the scratch.
pub(crate) fn score<'s, F: Format>(
    matrix: CsrRef<'_, F>,
    spec: &LayerSpec,
    cells: &Cells,
    scratch: &'s mut Scratch<'_>,
) -> Option<Scores<'s>> {
    let mut regions = Regions([&mut *scratch.inputs, &mut *scratch.outputs]);
    let scores = regions.cut::<f32>(spec.connections)?;
    let rows = regions.cut::<F::Index>(spec.connections)?;
    let starts = regions.cut::<F::Pointer>(spec.ncols() + 1)?;
    let shared = regions.cut::<u32>(spec.nrows())?;
    let common = regions.cut::<u32>(spec.ncols())?;
    Transposition::new().go_on(matrix, starts, rows, &mut [], &mut Unlimited);
    let by_column = Rows::<F> { starts, rows };
    scores.fill(0.0);
    shared.fill(0);
    common.fill(0);
    let mut left = scores.iter_mut();
    for row in 0..matrix.nrows() {
        let own = columns(matrix, row);
        let others = || own.iter().flat_map(|col| by_column.of(col.to_usize()));
        count(shared, others(), |count| count + 1);
        let mut first = 0;
        while first < cells.of(row) {
            let mut chunk = [0; CHUNK];
            let len = (cells.of(row) - first).min(CHUNK);
            let chunk = chunk.get_mut(..len).unwrap_or_default();
            cells.columns(row, first, chunk);
            for (&column, score) in chunk.iter().zip(left.by_ref()) {
                if !is_taken(own, column) {
                    let rows = by_column.of(column);
                    let neighbours = || rows.iter().flat_map(|row| columns(matrix, row.to_usize()));
                    count(common, neighbours(), |count| count + 1);
                    let by_rows = paths(rows, shared, |row| columns(matrix, row).len());
                    let by_columns = paths(own, common, |column| by_column.of(column).len());
                    *score = by_rows + by_columns;
                    count(common, neighbours(), |_| 0);
                }
            }
            first += CHUNK;
        }
        count(shared, others(), |_| 0);
    }
    Some(Scores(scores))
}

/// Sums up what some neurons say of a cell, each of which shares so many neighbours with its end.
fn paths<I: Index>(neurons: &[I], shared: &[u32], degree: impl Fn(usize) -> usize) -> f32 {
    let each = neurons.iter().map(|neuron| neuron.to_usize()).map(|neuron| {
        let shared = shared.get(neuron).copied().unwrap_or_default();
        // The cell is free, so a neighbour of one of its neurons that has the other too has one more than it shares.
        let others = (degree(neuron) as u32).saturating_sub(shared).max(1);
        if shared > 0 { (shared + 1) as f32 / others as f32 } else { 0.0 }
    });
    // Not `sum`, which begins with -0: a cell that nothing speaks for would count as negative.
    each.fold(0.0, |sum, part| sum + part)
}

fn count<'i, I: Index>(counters: &mut [u32], neurons: impl Iterator<Item = &'i I>, next: impl Fn(u32) -> u32) {
    for neuron in neurons {
        if let Some(counter) = counters.get_mut(neuron.to_usize()) {
            *counter = next(*counter);
        }
    }
}

/// The columns of a row.
fn columns<F: Format>(matrix: CsrRef<'_, F>, row: usize) -> &[F::Index] {
    row_of(matrix.indptr(), matrix.indices(), row)
}

/// The rows of each column.
struct Rows<'s, F: Format> {
    starts: &'s [F::Pointer],
    rows: &'s [F::Index],
}

impl<F: Format> Rows<'_, F> {
    fn of(&self, column: usize) -> &[F::Index] {
        row_of(self.starts, self.rows, column)
    }
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::*;
    use crate::error::TrainError;
    use crate::prelude::*;
    use crate::sparse::CsrRef;
    use crate::topology::grow::best::looked_at;

    /// The score of a free cell by matrices, as the paper has it.
    fn naive(mask: &[Vec<bool>], row: usize, col: usize) -> f64 {
        let (rows, cols) = (mask.len(), mask[0].len());
        let shared = |a: usize, b: usize| (0..cols).filter(|&c| mask[a][c] && mask[b][c]).count();
        let common = |a: usize, b: usize| (0..rows).filter(|&r| mask[r][a] && mask[r][b]).count();
        let term = |both: usize, degree: usize| {
            if both == 0 { 0.0 } else { (both + 1) as f64 / ((degree - both - 1) + 1) as f64 }
        };
        let by_rows = (0..rows).filter(|&j| j != row && mask[j][col]);
        let by_rows: f64 = by_rows.map(|j| term(shared(row, j), mask[j].iter().filter(|&&cell| cell).count())).sum();
        let by_columns = (0..cols).filter(|&b| b != col && mask[row][b]);
        by_rows + by_columns.map(|b| term(common(col, b), mask.iter().filter(|cells| cells[b]).count())).sum::<f64>()
    }

    fn mask(csr: CsrRef<'_, Standard>) -> Vec<Vec<bool>> {
        let mut mask = std::vec![std::vec![false; csr.ncols()]; csr.nrows()];
        for (row, (cols, _)) in csr.rows().enumerate() {
            for &col in cols {
                mask[row][usize::from(col)] = true;
            }
        }
        mask
    }

    #[test]
    fn the_cells_that_most_paths_of_three_join_grow_as_a_naive_version_finds_them() {
        for (connections, batch) in [([300, 120], 40), ([60, 40], 8)] {
            let layers = [
                LayerSpec::sparse(30, 20, connections[0], Activation::Relu).input_major(),
                LayerSpec::sparse(20, 26, connections[1], Activation::Relu),
                LayerSpec::dense(26, 3, Activation::Identity),
            ];
            let description = Description::training(&layers, batch).with_velocity().with_transposed_index();
            let mut block = Block::<131_072>::new();
            let mut network = Mlp::<Standard, 4>::new(&description, &mut block.0).unwrap();
            network.initialise(&Portable, 7, FanIn::Connections);
            let evolution =
                Evolution::new(0.3, GrownWeight::Zero, FanIn::Connections).unwrap().with_growth(Growth::Hebbian);
            let mut left = Vec::new();
            let replaced = network.evolve(&Portable, &evolution, 5, 2, |_, csr| left.push(mask(csr))).unwrap();
            let mut all = 0;
            for (index, layer) in network.layers().take(2).enumerate() {
                let (spec, before, now) = (layers[index], &left[index], mask(layer.csr.unwrap()));
                let cells = looked_at(&spec, StepId { seed: 5, epoch: 2, step: 0 }, index as u32);
                let (mut free, mut grown) = (Vec::new(), Vec::new());
                for row in 0..spec.nrows() {
                    let mut columns = std::vec![0; cells.of(row)];
                    cells.columns(row, 0, &mut columns);
                    free.extend(columns.iter().filter(|&&col| !before[row][col]).map(|&col| naive(before, row, col)));
                    let new = columns.iter().filter(|&&col| now[row][col] && !before[row][col]);
                    grown.extend(new.map(|&col| naive(before, row, col)));
                }
                let wanted = spec.connections - before.iter().flatten().filter(|&&cell| cell).count();
                all += wanted;
                assert_eq!(now.iter().flatten().filter(|&&cell| cell).count(), spec.connections);
                assert!(before.iter().flatten().zip(now.iter().flatten()).all(|(before, now)| *now || !before));
                assert_eq!(grown.len(), wanted, "all that grew was looked at");
                free.sort_by(|a, b| b.total_cmp(a));
                grown.sort_by(|a, b| b.total_cmp(a));
                assert!(free[0] > 0.0);
                for (best, grown) in free.iter().zip(&grown) {
                    assert!((best - grown).abs() <= 1e-5 * best, "{connections:?} {index}: {best} {grown}");
                }
            }
            assert_eq!(replaced, all);
        }
    }

    #[test]
    fn tiles_that_are_too_small_are_refused_by_the_layer() {
        let layers = [
            LayerSpec::sparse(30, 20, 60, Activation::Relu),
            LayerSpec::sparse(20, 26, 400, Activation::Relu),
            LayerSpec::dense(26, 3, Activation::Identity),
        ];
        let mut block = Block::<131_072>::new();
        let mut network =
            Mlp::<Standard, 1>::new(&Description::training(&layers, 8).with_velocity(), &mut block.0).unwrap();
        network.initialise(&Portable, 7, FanIn::Connections);
        let evolution =
            Evolution::new(0.3, GrownWeight::Zero, FanIn::Connections).unwrap().with_growth(Growth::Hebbian);
        let error = network.evolve(&Portable, &evolution, 5, 2, |_, _| {}).unwrap_err();
        assert_eq!(error, TrainError::Scratch { layer: 1 });
        assert!(std::format!("{error}").contains("layer 2"), "{error}");
    }

    #[test]
    fn what_fits_can_be_cut() {
        let spec = LayerSpec::sparse(30, 20, 60, Activation::Relu);
        let mut memory = std::vec![0u32; 400];
        let bytes: &mut [u8] = bytemuck::cast_slice_mut(&mut memory);
        let (mut fitting, mut refused) = (0, 0);
        for (inputs, outputs) in (0..200).flat_map(|a| (0..200).map(move |b| (4 * a, 4 * b))) {
            let (front, rest) = bytes.split_at_mut(inputs);
            let mut regions = Regions([front, rest.get_mut(..outputs).unwrap()]);
            let cut = regions.cut::<f32>(60).is_some()
                && regions.cut::<u16>(60).is_some()
                && regions.cut::<u32>(31).is_some()
                && regions.cut::<u32>(20).is_some()
                && regions.cut::<u32>(30).is_some();
            assert_eq!(fits::<Standard>(&spec, [inputs, outputs]), cut);
            (fitting, refused) = (fitting + usize::from(cut), refused + usize::from(!cut));
        }
        assert!(fitting > 1000 && refused > 1000);
    }
}
