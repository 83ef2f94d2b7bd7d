//! Random samples that a network can learn.

use rewire_core::random::{Generator, Purpose};
use rewire_core::samples::Table;

use crate::oracle::Sample;

/// Features uniform in ±1; the label is the class whose share of the features has the largest sum.
#[derive(Clone, Debug)]
pub struct Data {
    features: Vec<f32>,
    labels: Vec<u16>,
    n_in: usize,
}

impl Data {
    /// `len` samples of `n_in` features in `classes` classes.
    pub fn random(seed: u64, len: usize, n_in: usize, classes: usize) -> Self {
        let mut generator = Generator::new(seed, Purpose::Subset, 0, 0, 0);
        let mut data = Self { features: Vec::new(), labels: Vec::new(), n_in };
        for _ in 0..len {
            let x: Vec<f32> = (0..n_in).map(|_| generator.symmetric(1.0)).collect();
            let sum = |class: usize| x.iter().skip(class).step_by(classes).sum::<f32>();
            let label = (0..classes).max_by(|&a, &b| sum(a).total_cmp(&sum(b))).unwrap_or(0);
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

    /// Samples by index, as the oracle reads them.
    pub fn select(&self, indices: impl IntoIterator<Item = usize>) -> Vec<Sample> {
        let sample = |index: usize| Sample {
            x: self.features[index * self.n_in..][..self.n_in].iter().map(|&x| f64::from(x)).collect(),
            label: usize::from(self.labels[index]),
        };
        indices.into_iter().map(sample).collect()
    }
}
