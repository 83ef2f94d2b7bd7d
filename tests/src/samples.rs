//! Random samples that a network can learn.

use rewire_core::random::{Generator, Purpose};
use rewire_core::samples::{Table, Unlabelled, Values};

use crate::oracle::Sample;

/// Features uniform in ±1; the label is the class whose share of the features has the largest sum, and the values are
/// these sums.
#[derive(Clone, Debug)]
pub struct Data {
    features: Vec<f32>,
    labels: Vec<u16>,
    values: Vec<f32>,
    n_in: usize,
}

impl Data {
    /// `len` samples of `n_in` features in `classes` classes.
    pub fn random(seed: u64, len: usize, n_in: usize, classes: usize) -> Self {
        let mut generator = Generator::new(seed, Purpose::Subset, 0, 0, 0);
        let mut data = Self { features: Vec::new(), labels: Vec::new(), values: Vec::new(), n_in };
        for _ in 0..len {
            let x: Vec<f32> = (0..n_in).map(|_| generator.symmetric(1.0)).collect();
            let sum = |class: usize| x.iter().skip(class).step_by(classes).sum::<f32>();
            let label = (0..classes).max_by(|&a, &b| sum(a).total_cmp(&sum(b))).unwrap_or(0);
            data.values.extend((0..classes).map(sum));
            data.features.extend(x);
            data.labels.push(label as u16);
        }
        data
    }

    /// The same samples with only every `keep`-th feature left, the others zero.
    #[must_use]
    pub fn thinned(mut self, keep: usize) -> Self {
        for (i, feature) in self.features.iter_mut().enumerate() {
            if i % keep != 0 {
                *feature = 0.0;
            }
        }
        self
    }

    /// As the core reads them.
    ///
    /// # Panics
    ///
    /// When there is no sample.
    pub fn table(&self) -> Table<'_> {
        Table::new(&self.features, &self.labels).expect("as many features for each label")
    }

    /// The same for a regression, with as many values a sample as there are classes.
    ///
    /// # Panics
    ///
    /// When there is no sample.
    pub fn values(&self) -> Table<'_, f32, Values<'_>> {
        let n_out = self.values.len() / self.labels.len();
        Table::with_values(&self.features, &self.values, n_out).expect("as many values for each sample")
    }

    /// The same for an autoencoder.
    ///
    /// # Panics
    ///
    /// When there is no sample.
    pub fn unlabelled(&self) -> Table<'_, f32, Unlabelled> {
        Table::unlabelled(&self.features, self.n_in).expect("as many features for each sample")
    }

    /// Samples by index, as the oracle reads them.
    pub fn select(&self, indices: impl IntoIterator<Item = usize>) -> Vec<Sample> {
        let n_out = self.values.len() / self.labels.len();
        let sample = |index: usize| Sample {
            x: self.features[index * self.n_in..][..self.n_in].iter().map(|&x| f64::from(x)).collect(),
            label: usize::from(self.labels[index]),
            values: self.values.iter().skip(index * n_out).take(n_out).map(|&value| f64::from(value)).collect(),
        };
        indices.into_iter().map(sample).collect()
    }
}
