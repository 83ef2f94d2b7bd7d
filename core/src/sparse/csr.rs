//! Compressed sparse rows over memory that the caller owns.
//!
//! ```text
//!     [ 0 5 0 ]     indptr  = 0 1 3      one more than rows; row r is indptr[r]..indptr[r + 1]
//! W = [ 7 0 9 ]     indices = 1 0 2      columns, ascending and unique within a row
//!                   values  = 5 7 9
//! ```
//!
//! `W` is `[n_out, n_in]`, one row per output neuron, for [`Storage::OutputMajor`](crate::network::spec::Storage); an
//! input-major layer stores the transpose. Invariants, checked by [`CsrRef::new`]: `indptr` starts at 0, never
//! decreases and ends at
//! `nnz`; columns are below `ncols`, ascending and unique within each row.

use crate::error::StructureError;
use crate::sparse::index::{Format, Index};

/// Cuts the first `n` elements off a slice, or all of them when it is shorter.
#[inline(always)]
pub(crate) fn take<'a, T>(slice: &mut &'a [T], n: usize) -> &'a [T] {
    let (front, rest) = slice.split_at(n.min(slice.len()));
    *slice = rest;
    front
}

/// Cuts the first `n` elements off a slice, or all of them when it is shorter.
#[inline(always)]
pub(crate) fn take_mut<'a, T>(slice: &mut &'a mut [T], n: usize) -> &'a mut [T] {
    let whole = core::mem::take(slice);
    let n = n.min(whole.len());
    let (front, rest) = whole.split_at_mut(n);
    *slice = rest;
    front
}

/// Lengths of the rows that a slice of row pointers delimits.
#[inline(always)]
pub(crate) fn row_lengths<P: Index>(indptr: &[P]) -> impl Iterator<Item = usize> + '_ {
    let next = indptr.get(1..).unwrap_or_default();
    indptr.iter().zip(next).map(|(start, end)| end.to_usize().wrapping_sub(start.to_usize()))
}

/// The columns of a row that is delimited by the pointers of all rows.
#[inline(always)]
pub(crate) fn row_of<'a, P: Index, I>(indptr: &[P], indices: &'a [I], row: usize) -> &'a [I] {
    let (Some(start), Some(end)) = (indptr.get(row), indptr.get(row + 1)) else { return &[] };
    indices.get(start.to_usize()..end.to_usize()).unwrap_or_default()
}

/// A sparse matrix, or a block of its rows, that is only read.
#[derive(Clone, Copy, Debug)]
pub struct CsrRef<'a, F: Format> {
    ncols: usize,
    indptr: &'a [F::Pointer],
    indices: &'a [F::Index],
    values: &'a [f32],
}

impl<'a, F: Format> CsrRef<'a, F> {
    /// A matrix from its three arrays, all invariants checked.
    ///
    /// # Errors
    ///
    /// The first invariant that does not hold, with its row and column.
    pub fn new(
        ncols: usize,
        indptr: &'a [F::Pointer],
        indices: &'a [F::Index],
        values: &'a [f32],
    ) -> Result<Self, StructureError> {
        Self::check(ncols, indptr, indices)?;
        if values.len() != indices.len() {
            return Err(StructureError::Length { expected: indices.len(), found: values.len() });
        }
        Ok(Self { ncols, indptr, indices, values })
    }

    /// Checks the invariants of row pointers and columns.
    pub(crate) fn check(ncols: usize, indptr: &[F::Pointer], indices: &[F::Index]) -> Result<(), StructureError> {
        let Some((first, last)) = indptr.first().zip(indptr.last()) else {
            return Err(StructureError::Length { expected: 1, found: 0 });
        };
        if first.to_usize() != 0 {
            return Err(StructureError::RowPointer { row: 0 });
        }
        if last.to_usize() != indices.len() {
            return Err(StructureError::Length { expected: last.to_usize(), found: indices.len() });
        }
        for (row, window) in indptr.windows(2).enumerate() {
            let [start, end] = [window[0].to_usize(), window[1].to_usize()];
            if end < start || end > indices.len() {
                return Err(StructureError::RowPointer { row });
            }
            let mut previous = None;
            for col in indices[start..end].iter().map(|col| col.to_usize()) {
                if col >= ncols || previous.is_some_and(|previous| previous >= col) {
                    return Err(StructureError::Column { row, col });
                }
                previous = Some(col);
            }
        }
        Ok(())
    }

    /// A matrix whose invariants its owner keeps.
    #[inline(always)]
    pub(crate) fn trusted(ncols: usize, indptr: &'a [F::Pointer], indices: &'a [F::Index], values: &'a [f32]) -> Self {
        Self { ncols, indptr, indices, values }
    }

    /// Rows.
    pub fn nrows(&self) -> usize {
        self.indptr.len().saturating_sub(1)
    }

    /// Columns.
    pub fn ncols(&self) -> usize {
        self.ncols
    }

    /// Stored connections.
    pub fn nnz(&self) -> usize {
        self.indices.len()
    }

    /// Density: connections divided by cells.
    pub fn density(&self) -> f64 {
        self.nnz() as f64 / (self.nrows() as f64 * self.ncols as f64)
    }

    /// Row pointers, one more than rows.
    pub fn indptr(&self) -> &'a [F::Pointer] {
        self.indptr
    }

    /// Columns, row by row.
    pub fn indices(&self) -> &'a [F::Index] {
        self.indices
    }

    /// Weights, in the order of the columns.
    pub fn values(&self) -> &'a [f32] {
        self.values
    }

    /// Columns and weights of each row, first to last.
    #[inline(always)]
    pub fn rows(self) -> impl Iterator<Item = (&'a [F::Index], &'a [f32])> {
        let (mut indices, mut values) = (self.indices, self.values);
        row_lengths(self.indptr).map(move |len| (take(&mut indices, len), take(&mut values, len)))
    }

    /// The rows before `row`, and the rest.
    pub(crate) fn split_rows(self, row: usize) -> (Self, Self) {
        let base = self.indptr.first().map_or(0, |p| p.to_usize());
        let row = row.min(self.nrows());
        let at = self.indptr.get(row).map_or(0, |p| p.to_usize().saturating_sub(base));
        let (mut indices, mut values) = (self.indices, self.values);
        let top = Self {
            ncols: self.ncols,
            indptr: self.indptr.get(..=row).unwrap_or_default(),
            indices: take(&mut indices, at),
            values: take(&mut values, at),
        };
        let rest = self.indptr.get(row..).unwrap_or_default();
        (top, Self { ncols: self.ncols, indptr: rest, indices, values })
    }
}

/// A sparse matrix whose structure, values and velocities can change.
///
/// It has a fixed capacity: the length of `indices`. Its last row pointer says how many connections are in use, which
/// differs from the capacity only between pruning and growth.
#[derive(Debug)]
pub struct CsrMut<'a, F: Format> {
    pub(crate) ncols: usize,
    pub(crate) indptr: &'a mut [F::Pointer],
    pub(crate) indices: &'a mut [F::Index],
    pub(crate) values: &'a mut [f32],
    /// One per value, or none at all.
    pub(crate) velocity: &'a mut [f32],
}

impl<'a, F: Format> CsrMut<'a, F> {
    /// An empty matrix of `nrows` by `ncols` with room for `indices.len()` connections.
    ///
    /// `velocity` has one element for each connection, or none.
    ///
    /// # Errors
    ///
    /// When a slice has the wrong length or the capacity exceeds the cells.
    pub fn empty(
        nrows: usize,
        ncols: usize,
        indptr: &'a mut [F::Pointer],
        indices: &'a mut [F::Index],
        values: &'a mut [f32],
        velocity: &'a mut [f32],
    ) -> Result<Self, StructureError> {
        let capacity = indices.len();
        let length =
            |expected, found| if expected == found { Ok(()) } else { Err(StructureError::Length { expected, found }) };
        length(nrows + 1, indptr.len())?;
        length(capacity, values.len())?;
        if !velocity.is_empty() {
            length(capacity, velocity.len())?;
        }
        if capacity > nrows.saturating_mul(ncols) || capacity > <F::Pointer as Index>::MAX {
            return Err(StructureError::Full { capacity: nrows.saturating_mul(ncols).min(<F::Pointer as Index>::MAX) });
        }
        if ncols.saturating_sub(1) > <F::Index as Index>::MAX {
            return Err(StructureError::Column { row: 0, col: ncols - 1 });
        }
        indptr.fill(F::Pointer::default());
        Ok(Self { ncols, indptr, indices, values, velocity })
    }

    /// Rows.
    pub fn nrows(&self) -> usize {
        self.indptr.len().saturating_sub(1)
    }

    /// Columns.
    pub fn ncols(&self) -> usize {
        self.ncols
    }

    /// Connections in use.
    pub fn nnz(&self) -> usize {
        self.indptr.last().map_or(0, |end| end.to_usize())
    }

    /// Connections there is room for.
    pub fn capacity(&self) -> usize {
        self.indices.len()
    }

    /// The connections in use, read only.
    pub fn as_ref(&self) -> CsrRef<'_, F> {
        let nnz = self.nnz();
        CsrRef {
            ncols: self.ncols,
            indptr: self.indptr,
            indices: self.indices.get(..nnz).unwrap_or_default(),
            values: self.values.get(..nnz).unwrap_or_default(),
        }
    }

    /// Velocities of the connections in use; empty without momentum.
    pub fn velocity(&self) -> &[f32] {
        self.velocity.get(..self.nnz()).unwrap_or_default()
    }
}

/// Copies one element.
#[inline(always)]
pub(crate) fn copy_within<T: Copy>(slice: &mut [T], from: usize, to: usize) {
    if let Some(&value) = slice.get(from)
        && let Some(slot) = slice.get_mut(to)
    {
        *slot = value;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sparse::index::Narrow;

    const INDPTR: [u16; 3] = [0, 1, 3];
    const INDICES: [u8; 3] = [1, 0, 2];
    const VALUES: [f32; 3] = [5.0, 7.0, 9.0];

    #[test]
    fn rows_are_those_of_the_worked_matrix() {
        let w = CsrRef::<Narrow>::new(3, &INDPTR, &INDICES, &VALUES).unwrap();
        let mut rows = w.rows();
        assert_eq!(rows.next(), Some((&[1u8][..], &[5.0f32][..])));
        assert_eq!(rows.next(), Some((&[0u8, 2][..], &[7.0f32, 9.0][..])));
        assert_eq!(rows.next(), None);
    }

    #[test]
    fn broken_invariants_are_named() {
        let new = |indptr: &[u16], indices: &[u8]| CsrRef::<Narrow>::new(3, indptr, indices, &VALUES).map(|_| ());
        assert_eq!(new(&[], &INDICES), Err(StructureError::Length { expected: 1, found: 0 }));
        assert_eq!(new(&[1, 1, 3], &INDICES), Err(StructureError::RowPointer { row: 0 }));
        assert_eq!(new(&[0, 4, 3], &INDICES), Err(StructureError::RowPointer { row: 0 }));
        assert_eq!(new(&[0, 1, 2], &INDICES), Err(StructureError::Length { expected: 2, found: 3 }));
        assert_eq!(new(&INDPTR, &[1, 0, 3]), Err(StructureError::Column { row: 1, col: 3 }));
        assert_eq!(new(&INDPTR, &[1, 2, 2]), Err(StructureError::Column { row: 1, col: 2 }));
        assert_eq!(new(&INDPTR, &[1, 2, 0]), Err(StructureError::Column { row: 1, col: 0 }));
    }

    #[test]
    fn splitting_keeps_every_row() {
        let w = CsrRef::<Narrow>::new(3, &INDPTR, &INDICES, &VALUES).unwrap();
        for at in 0..=2 {
            let (top, bottom) = w.split_rows(at);
            assert!(top.rows().chain(bottom.rows()).eq(w.rows()));
            assert_eq!(top.nrows(), at);
        }
    }
}
