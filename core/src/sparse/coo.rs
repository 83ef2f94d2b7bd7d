//! Triplets with a fixed capacity: the form in which a matrix is written down by hand.
//!
//! ```
//! use rewire_core::{sparse::Coo, sparse::CsrMut, sparse::Narrow};
//!
//! let mut triplets = Coo::<4>::new(2, 3);
//! triplets.push(1, 2, 9.0)?;
//! triplets.push(0, 1, 5.0)?;
//! triplets.push(1, 0, 7.0)?;
//!
//! let (mut indptr, mut indices, mut values) = ([0u16; 3], [0u8; 3], [0.0f32; 3]);
//! let w = triplets.write_csr::<Narrow>(&mut indptr, &mut indices, &mut values)?;
//! assert_eq!((w.indptr(), w.indices(), w.values()), (&[0, 1, 3][..], &[1, 0, 2][..], &[5.0, 7.0, 9.0][..]));
//! # Ok::<(), rewire_core::error::StructureError>(())
//! ```

use heapless::Vec;

use crate::error::StructureError;
use crate::sparse::csr::CsrRef;
use crate::sparse::index::{Format, Index};

/// Up to `CAPACITY` triplets of row, column and value, in any order, no cell twice.
#[derive(Clone, Debug)]
pub struct Coo<const CAPACITY: usize> {
    nrows: usize,
    ncols: usize,
    triplets: Vec<(u32, u32, f32), CAPACITY>,
}

impl<const CAPACITY: usize> Coo<CAPACITY> {
    /// An empty matrix.
    pub const fn new(nrows: usize, ncols: usize) -> Self {
        Self { nrows, ncols, triplets: Vec::new() }
    }

    /// Adds a connection.
    ///
    /// # Errors
    ///
    /// When the cell is outside the matrix or taken, or all places are; the matrix is unchanged.
    pub fn push(&mut self, row: usize, col: usize, value: f32) -> Result<(), StructureError> {
        if row >= self.nrows {
            return Err(StructureError::Row { row });
        }
        if col >= self.ncols {
            return Err(StructureError::Column { row, col });
        }
        let cell = (row as u32, col as u32);
        if self.triplets.iter().any(|&(r, c, _)| (r, c) == cell) {
            return Err(StructureError::Duplicate { row, col });
        }
        self.triplets.push((cell.0, cell.1, value)).map_err(|_| StructureError::Full { capacity: CAPACITY })
    }

    /// Rows.
    pub fn nrows(&self) -> usize {
        self.nrows
    }

    /// Columns.
    pub fn ncols(&self) -> usize {
        self.ncols
    }

    /// Connections.
    pub fn nnz(&self) -> usize {
        self.triplets.len()
    }

    /// The triplets, in the order they were added.
    pub fn triplets(&self) -> &[(u32, u32, f32)] {
        &self.triplets
    }

    /// Writes the matrix as CSR into the caller's arrays.
    ///
    /// # Errors
    ///
    /// When an array does not have `nrows + 1` or `nnz` elements, or the format cannot hold a column.
    pub fn write_csr<'a, F: Format>(
        &self,
        indptr: &'a mut [F::Pointer],
        indices: &'a mut [F::Index],
        values: &'a mut [f32],
    ) -> Result<CsrRef<'a, F>, StructureError> {
        let nnz = self.nnz();
        for (expected, found) in [(self.nrows + 1, indptr.len()), (nnz, indices.len()), (nnz, values.len())] {
            if expected != found {
                return Err(StructureError::Length { expected, found });
            }
        }
        let mut sorted = self.triplets.clone();
        sorted.sort_unstable_by_key(|&(row, col, _)| (row, col));
        if let Some(&(row, col, _)) = sorted.iter().find(|&&(_, col, _)| col as usize > <F::Index as Index>::MAX) {
            return Err(StructureError::Column { row: row as usize, col: col as usize });
        }
        for ((slot, value), &(_, col, v)) in indices.iter_mut().zip(values.iter_mut()).zip(&sorted) {
            *slot = F::Index::wrapping_from(col as usize);
            *value = v;
        }
        for (row, pointer) in indptr.iter_mut().enumerate() {
            *pointer = F::Pointer::wrapping_from(sorted.partition_point(|&(r, ..)| (r as usize) < row));
        }
        CsrRef::new(self.ncols, indptr, indices, values)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_refused_and_changes_nothing() {
        let mut triplets = Coo::<1>::new(2, 2);
        assert_eq!(triplets.push(2, 0, 1.0), Err(StructureError::Row { row: 2 }));
        assert_eq!(triplets.push(0, 2, 1.0), Err(StructureError::Column { row: 0, col: 2 }));
        triplets.push(0, 0, 1.0).unwrap();
        assert_eq!(triplets.push(0, 0, 2.0), Err(StructureError::Duplicate { row: 0, col: 0 }));
        assert_eq!(triplets.push(0, 1, 2.0), Err(StructureError::Full { capacity: 1 }));
        assert_eq!(triplets.triplets(), [(0, 0, 1.0)]);
    }
}
