//! Samples in one slice.

use crate::error::TableError;
use crate::samples::element::Element;
use crate::samples::source::{SampleSource, Samples};

/// Samples in memory, one after the other.
///
/// A network with more inputs than a sample has features finds zeros in the others; one with fewer takes the first
/// ones.
///
/// ```
/// use rewire_core::samples::{Samples, Table};
///
/// let table = Table::new(&[0.0, 1.0, 2.0, 3.0], &[0, 1]).unwrap();
/// let (mut x, mut labels) = ([[0.0f32; 2]; 2], [0u16; 2]);
/// table.fill(&[1, 0], 0, &mut x, &mut labels);
/// assert_eq!((x, labels), ([[2.0, 0.0], [3.0, 1.0]], [1, 0]));
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Table<'a, X = f32> {
    features: &'a [X],
    labels: &'a [u16],
    n_in: usize,
}

impl<'a, X: Element> Table<'a, X> {
    /// Samples whose features, `[labels.len(), n_in]`, lie one after the other.
    ///
    /// # Errors
    ///
    /// When there are none, or the features do not divide evenly.
    pub fn new(features: &'a [X], labels: &'a [u16]) -> Result<Self, TableError> {
        let n_in = features.len().checked_div(labels.len()).filter(|&n_in| n_in > 0).ok_or(TableError::Empty)?;
        if n_in * labels.len() != features.len() {
            return Err(TableError::Uneven { features: features.len(), labels: labels.len() });
        }
        Ok(Self { features, labels, n_in })
    }
}

impl<X: Element> SampleSource for Table<'_, X> {
    fn len(&self) -> usize {
        self.labels.len()
    }

    fn largest_label(&self) -> Option<u16> {
        self.labels.iter().copied().max()
    }
}

impl<X: Element, const LANES: usize> Samples<LANES, X> for Table<'_, X> {
    fn fill(&self, indices: &[u32], _epoch: u32, x: &mut [[X; LANES]], labels: &mut [u16; LANES]) {
        for (lane, (&index, label)) in indices.iter().zip(labels).enumerate() {
            let index = index as usize;
            *label = self.labels.get(index).copied().unwrap_or_default();
            let features = self.features.chunks_exact(self.n_in).nth(index).unwrap_or_default();
            let mut features = features.iter();
            for slot in x.iter_mut().filter_map(|row| row.get_mut(lane)) {
                *slot = features.next().copied().unwrap_or_default();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_ends_where_the_next_begins() {
        let table = Table::new(&[1.0, 2.0, 3.0, 4.0], &[0, 1]).unwrap();
        let (mut wide, mut narrow) = ([[9.0f32; 1]; 3], [[9.0f32; 1]; 1]);
        table.fill(&[0], 0, &mut wide, &mut [0; 1]);
        table.fill(&[1], 0, &mut narrow, &mut [0; 1]);
        assert_eq!((wide, narrow), ([[1.0], [2.0], [0.0]], [[3.0]]));
    }

    #[test]
    fn features_that_make_no_table_are_refused_with_the_reason() {
        assert_eq!(Table::<f32>::new(&[], &[]).map(|_| ()), Err(TableError::Empty));
        assert_eq!(Table::new(&[1.0], &[0, 1]).map(|_| ()), Err(TableError::Empty));
        let uneven = Err(TableError::Uneven { features: 3, labels: 2 });
        assert_eq!(Table::new(&[1.0, 2.0, 3.0], &[0, 1]).map(|_| ()), uneven);
        assert_eq!(Table::new(&[1.0, 2.0], &[0, 7]).unwrap().largest_label(), Some(7));
    }
}
