//! Samples in one slice.

use crate::error::TableError;
use crate::samples::answers::{Answers, Labels, Unlabelled, Values};
use crate::samples::element::Element;
use crate::samples::source::{SampleSource, Samples, Target};

/// Samples in memory, one after the other.
///
/// A network with more inputs than a sample has features finds zeros in the others; one with fewer takes the first
/// ones. Classes, numbers and nothing at all are types of their own, so that a program contains one loss only.
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
pub struct Table<'a, X = f32, A = Labels<'a>> {
    features: &'a [X],
    answers: A,
    n_in: usize,
    len: usize,
}

impl<'a, X: Element> Table<'a, X> {
    /// Samples whose features, `[labels.len(), n_in]`, lie one after the other.
    ///
    /// # Errors
    ///
    /// When there are none, or the features do not divide evenly.
    pub fn new(features: &'a [X], labels: &'a [u16]) -> Result<Self, TableError> {
        let uneven = TableError::Uneven { features: features.len(), labels: labels.len() };
        Self::of(features, labels.len(), Labels(labels), uneven)
    }

    /// Samples for a regression: features `[len, n_in]` and the numbers `[len, n_out]` that the outputs should give.
    ///
    /// An output beyond `n_out` has no number, so a network with more outputs than that has the loss NaN.
    ///
    /// ```
    /// use rewire_core::prelude::*;
    ///
    /// // y = 2 x - 1, learned by a single weight and its bias.
    /// let samples = Table::with_values(&[0.0, 1.0, 2.0], &[-1.0, 1.0, 3.0], 1).unwrap();
    /// const LAYERS: [LayerSpec; 1] = [LayerSpec::dense(1, 1, Activation::Identity)];
    /// const NETWORK: Description = Description::training(&LAYERS, 1);
    /// let mut block = Block::<{ NETWORK.bytes::<Narrow, 1>() }>::new();
    /// let mut network = Mlp::<Narrow, 1, 1>::new(&NETWORK, &mut block.0)?;
    /// let settings = TrainSettings::new(100, Sgd::new(0.1)?);
    /// Trainer::new(&settings)?.run(&mut network, &Portable, &samples, &(), &mut ())?;
    /// // The mean squared error.
    /// assert!(network.evaluate(&Portable, &samples).loss() < 1e-6);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// When there are none, or features or numbers do not divide evenly.
    pub fn with_values(
        features: &'a [X],
        values: &'a [f32],
        n_out: usize,
    ) -> Result<Table<'a, X, Values<'a>>, TableError> {
        let uneven = TableError::UnevenValues { features: features.len(), values: values.len(), n_out };
        let len = values.len().checked_div(n_out).ok_or(TableError::Empty)?;
        if len * n_out != values.len() {
            return Err(uneven);
        }
        Self::of(features, len, Values { values, n_out }, uneven)
    }

    /// Samples of `n_in` features for an autoencoder, which gives its inputs.
    ///
    /// ```
    /// use rewire_core::prelude::*;
    ///
    /// // Three inputs that always go together pass through one neuron.
    /// let samples = Table::unlabelled(&[0.1, 0.2, 0.3, 0.2, 0.4, 0.6, 0.3, 0.6, 0.9], 3).unwrap();
    /// const LAYERS: [LayerSpec; 2] =
    ///     [LayerSpec::dense(3, 1, Activation::Identity), LayerSpec::dense(1, 3, Activation::Identity)];
    /// const NETWORK: Description = Description::training(&LAYERS, 1);
    /// let mut block = Block::<{ NETWORK.bytes::<Narrow, 1>() }>::new();
    /// let mut network = Mlp::<Narrow, 1, 2>::new(&NETWORK, &mut block.0)?;
    /// network.initialise(&Portable, 1, FanIn::Connections);
    /// let settings = TrainSettings::new(2000, Sgd::new(0.1)?);
    /// Trainer::new(&settings)?.run(&mut network, &Portable, &samples, &(), &mut ())?;
    /// // What does not go together departs from what was learned.
    /// let strange = Table::unlabelled(&[0.6, 0.4, 0.2], 3).unwrap();
    /// let normal = network.evaluate(&Portable, &samples).loss();
    /// assert!(network.evaluate(&Portable, &strange).loss() > 100.0 * normal);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// When there are none, or the features do not divide evenly.
    pub fn unlabelled(features: &'a [X], n_in: usize) -> Result<Table<'a, X, Unlabelled>, TableError> {
        let uneven = TableError::UnevenSamples { features: features.len(), n_in };
        let len = features.len().checked_div(n_in).ok_or(TableError::Empty)?;
        if len * n_in != features.len() {
            return Err(uneven);
        }
        Self::of(features, len, Unlabelled, uneven)
    }

    fn of<A: Answers>(
        features: &'a [X],
        len: usize,
        answers: A,
        uneven: TableError,
    ) -> Result<Table<'a, X, A>, TableError> {
        let n_in = features.len().checked_div(len).filter(|&n_in| n_in > 0).ok_or(TableError::Empty)?;
        if n_in * len != features.len() {
            return Err(uneven);
        }
        Ok(Table { features, answers, n_in, len })
    }
}

impl<X: Element, A: Answers> SampleSource for Table<'_, X, A> {
    fn len(&self) -> usize {
        self.len
    }

    fn largest_label(&self) -> Option<u16> {
        self.answers.largest_label()
    }

    #[inline(always)]
    fn target(&self) -> Target {
        A::TARGET
    }

    #[inline(always)]
    fn value(&self, index: u32, output: usize) -> f32 {
        self.answers.value(index as usize, output)
    }
}

impl<X: Element, A: Answers, const LANES: usize> Samples<LANES, X> for Table<'_, X, A> {
    fn fill(&self, indices: &[u32], _epoch: u32, x: &mut [[X; LANES]], labels: &mut [u16; LANES]) {
        for (lane, (&index, label)) in indices.iter().zip(labels).enumerate() {
            let index = index as usize;
            *label = self.answers.label(index);
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

    #[test]
    fn values_and_samples_without_labels_are_checked_as_labels_are() {
        let refused =
            |features: &[f32], values: &[f32], n_out| Table::with_values(features, values, n_out).unwrap_err();
        assert_eq!(refused(&[], &[], 2), TableError::Empty);
        assert_eq!(refused(&[1.0], &[1.0], 0), TableError::Empty);
        assert_eq!(refused(&[1.0], &[1.0, 2.0], 1), TableError::Empty);
        let uneven = |features, values, n_out| TableError::UnevenValues { features, values, n_out };
        assert_eq!(refused(&[1.0; 4], &[1.0; 3], 2), uneven(4, 3, 2));
        assert_eq!(refused(&[1.0; 3], &[1.0; 4], 2), uneven(3, 4, 2));
        let refused = |features: &[f32], n_in| Table::unlabelled(features, n_in).unwrap_err();
        assert_eq!(refused(&[], 2), TableError::Empty);
        assert_eq!(refused(&[1.0], 0), TableError::Empty);
        assert_eq!(refused(&[1.0; 3], 2), TableError::UnevenSamples { features: 3, n_in: 2 });
    }

    #[test]
    fn a_samples_values_end_where_the_next_ones_begin() {
        let table = Table::with_values(&[0.0, 0.0], &[1.0, 2.0, 3.0, 4.0], 2).unwrap();
        assert_eq!([(0, 0), (0, 1), (1, 0), (1, 1)].map(|(i, o)| table.value(i, o)), [1.0, 2.0, 3.0, 4.0]);
        assert!(table.value(0, 2).is_nan() && table.value(2, 0).is_nan());
        assert_eq!((table.target(), table.largest_label(), table.len()), (Target::Values, None, 2));
        let table = Table::unlabelled(&[0.0; 6], 2).unwrap();
        assert_eq!((table.target(), table.largest_label(), table.len()), (Target::Input, None, 3));
    }
}
