//! Samples in memory: features as bytes or floats, borrowed or owned, and a label each.

use std::borrow::Cow;
use std::cmp::Ordering;

use serde::{Deserialize, Serialize};

use crate::data::synthetic::Synthetic;

/// The features of samples, one sample after the other. To another rank goes their kind alone: see [`Share`](crate::data::share::Share).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Features<'a> {
    /// Pixels from 0 to 255; each image channel by channel, row by row.
    Bytes(#[serde(skip)] Cow<'a, [u8]>),
    /// Any numbers.
    Floats(#[serde(skip)] Cow<'a, [f32]>),
    /// Numbers that are computed when they are needed.
    Synthetic(Synthetic),
}

impl Features<'_> {
    /// None, of the same kind: numbers that are computed stay.
    pub fn none(&self) -> Features<'static> {
        match self {
            Self::Bytes(_) => Features::Bytes(Cow::Borrowed(&[])),
            Self::Floats(_) => Features::Floats(Cow::Borrowed(&[])),
            Self::Synthetic(data) => Features::Synthetic(*data),
        }
    }

    /// Numbers of all samples.
    pub fn len(&self) -> usize {
        match self {
            Self::Bytes(values) => values.len(),
            Self::Floats(values) => values.len(),
            Self::Synthetic(data) => data.samples * data.features,
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The same numbers, not copied.
    pub fn view(&self) -> Features<'_> {
        match self {
            Self::Bytes(values) => Features::Bytes(Cow::Borrowed(values)),
            Self::Floats(values) => Features::Floats(Cow::Borrowed(values)),
            Self::Synthetic(data) => Features::Synthetic(*data),
        }
    }

    /// As [`Arrays`](crate::Arrays) and [`Model::predict`](crate::Model::predict) take them.
    pub fn to_floats(&self) -> Cow<'_, [f32]> {
        match self {
            Self::Bytes(values) => values.iter().map(|&value| f32::from(value)).collect(),
            Self::Floats(values) => Cow::Borrowed(values),
            Self::Synthetic(data) => (0..data.samples).flat_map(|sample| data.row(sample)).collect(),
        }
    }

    /// As [`to_floats`](Self::to_floats); floats that are owned are not copied.
    pub fn into_floats(self) -> Vec<f32> {
        match self {
            Self::Floats(values) => values.into_owned(),
            other => other.to_floats().into_owned(),
        }
    }
}

/// Samples for training or for measuring, in the order in which they were given.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Split<'a> {
    /// As many for each sample.
    pub features: Features<'a>,
    /// One label a sample, counted from 0; all 0 where there are no classes.
    pub labels: Cow<'a, [u16]>,
    /// Numbers to learn, as many for each sample: `[samples, values]`. Empty where there are none.
    pub values: Cow<'a, [f32]>,
    /// How much each sample weighs in training, at least 0; empty where all weigh the same.
    pub weights: Cow<'a, [f32]>,
}

impl Split<'_> {
    /// No samples.
    pub const EMPTY: Self = Self {
        features: Features::Bytes(Cow::Borrowed(&[])),
        labels: Cow::Borrowed(&[]),
        values: Cow::Borrowed(&[]),
        weights: Cow::Borrowed(&[]),
    };

    /// The same samples, not copied.
    pub fn view(&self) -> Split<'_> {
        Split {
            features: self.features.view(),
            labels: Cow::Borrowed(&self.labels),
            values: Cow::Borrowed(&self.values),
            weights: Cow::Borrowed(&self.weights),
        }
    }

    /// Number of samples.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there is no sample.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// The samples that are there: all but those of weight 0, in ascending order.
    pub fn present(&self) -> Vec<u32> {
        let weighs = |&index: &u32| self.weights.get(index as usize).is_none_or(|&weight| weight > 0.0);
        (0..self.len() as u32).filter(weighs).collect()
    }

    /// Features of each sample; 0 where there is no sample.
    pub fn width(&self) -> usize {
        self.features.len().checked_div(self.len()).unwrap_or(0)
    }

    /// The pixels of sample `index`, where its features are bytes.
    pub fn image(&self, index: usize) -> Option<&[u8]> {
        match &self.features {
            Features::Bytes(bytes) => sample(bytes, self.width(), index),
            Features::Floats(_) | Features::Synthetic(_) => None,
        }
    }

    /// Hands the features of sample `index` to `each`, as floats, with the number of each feature.
    pub fn each_feature(&self, index: usize, mut each: impl FnMut(usize, f32)) {
        let width = self.width();
        match &self.features {
            Features::Bytes(values) => sample(values, width, index)
                .unwrap_or_default()
                .iter()
                .enumerate()
                .for_each(|(feature, &value)| each(feature, f32::from(value))),
            Features::Floats(values) => sample(values, width, index)
                .unwrap_or_default()
                .iter()
                .enumerate()
                .for_each(|(feature, &value)| each(feature, value)),
            Features::Synthetic(data) => {
                data.row(index).into_iter().enumerate().for_each(|(feature, value)| each(feature, value));
            }
        }
    }

    /// Which of two samples is before the other in an order that their content alone decides.
    pub fn compare(&self, a: usize, b: usize) -> Ordering {
        let width = self.width();
        let features = match &self.features {
            Features::Bytes(values) => sample(values, width, a).cmp(&sample(values, width, b)),
            Features::Floats(values) => compare_floats(values, width, a, b),
            Features::Synthetic(data) => {
                let rows = [a, b].map(|sample| data.row(sample)).concat();
                compare_floats(&rows, width, 0, 1)
            }
        };
        features
            .then_with(|| self.labels.get(a).cmp(&self.labels.get(b)))
            .then_with(|| {
                let values = self.values.len().checked_div(self.len()).unwrap_or(0);
                compare_floats(&self.values, values, a, b)
            })
            .then_with(|| compare_floats(&self.weights, 1, a, b))
    }

    /// The same samples with these features only.
    #[must_use]
    pub fn select(&self, features: &[usize]) -> Split<'static> {
        fn kept<T: Copy>(values: &[T], width: usize, features: &[usize]) -> Vec<T> {
            let samples = values.chunks_exact(width.max(1));
            samples.flat_map(|sample| features.iter().map(|&feature| sample[feature])).collect()
        }
        let width = self.width();
        let selected = match &self.features {
            Features::Bytes(values) => Features::Bytes(kept(values, width, features).into()),
            Features::Floats(values) => Features::Floats(kept(values, width, features).into()),
            all @ Features::Synthetic(_) => Features::Floats(kept(&all.to_floats(), width, features).into()),
        };
        let [values, weights] = [&self.values, &self.weights].map(|numbers| numbers.to_vec().into());
        Split { features: selected, labels: self.labels.to_vec().into(), values, weights }
    }
}

impl<'a> Split<'a> {
    /// Samples and their classes.
    pub fn labelled(features: Features<'a>, labels: impl Into<Cow<'a, [u16]>>) -> Self {
        Self { features, labels: labels.into(), values: Cow::Borrowed(&[]), weights: Cow::Borrowed(&[]) }
    }
}

impl Split<'static> {
    /// Images and their labels.
    pub fn of_images(pixels: Vec<u8>, labels: Vec<u16>) -> Self {
        Self::labelled(Features::Bytes(pixels.into()), labels)
    }
}

/// The features of one sample among those of all.
fn sample<T>(values: &[T], width: usize, index: usize) -> Option<&[T]> {
    values.get(index * width..(index + 1) * width)
}

/// Which of two samples has the first number that is smaller.
fn compare_floats(values: &[f32], width: usize, a: usize, b: usize) -> Ordering {
    let [a, b] = [a, b].map(|index| sample(values, width, index).unwrap_or_default());
    let differing = a.iter().zip(b).map(|(a, b)| a.total_cmp(b)).find(|order| order.is_ne());
    differing.unwrap_or(Ordering::Equal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_ordered_by_all_that_they_hold() {
        let features = Features::Floats(vec![1.0, -2.0, 1.0, -2.0, 1.0, -3.0, 1.0, -2.0, 0.5, 7.0].into());
        let values = vec![0.0, 0.0, 0.0, -1.0, 0.0].into();
        let split = Split {
            values,
            weights: vec![1.0, 0.5, 1.0, 1.0, 1.0].into(),
            ..Split::labelled(features, vec![1, 1, 1, 1, 1])
        };
        let mut order = [0, 1, 2, 3, 4];
        order.sort_by(|&a, &b| split.compare(a, b));
        assert_eq!(order, [4, 2, 3, 1, 0]);
        let bytes = Split::of_images(vec![3, 9, 3, 9, 3, 8], vec![2, 1, 5]);
        order = [0, 1, 2, 0, 1];
        order.sort_by(|&a, &b| bytes.compare(a, b));
        assert_eq!(order, [2, 1, 1, 0, 0]);
    }

    #[test]
    fn a_sample_is_as_wide_as_features_and_labels_say() {
        let bytes = Split::of_images(vec![1, 2, 3, 4, 5, 6], vec![0, 1]);
        assert_eq!((bytes.len(), bytes.width(), bytes.image(1), bytes.image(2)), (2, 3, Some(&[4, 5, 6][..]), None));
        let values = [0.5, -1.0];
        let floats = Split::labelled(Features::Floats(values[..].into()), vec![0, 65_535]);
        assert_eq!((floats.width(), floats.image(0)), (1, None));
        for (split, expected) in [(&bytes, vec![(0, 4.0), (1, 5.0), (2, 6.0)]), (&floats, vec![(0, -1.0)])] {
            let mut found = Vec::new();
            split.each_feature(1, |feature, value| found.push((feature, value)));
            assert_eq!(found, expected);
        }
        assert_eq!((Split::EMPTY.len(), Split::EMPTY.width()), (0, 0));
    }

    #[test]
    fn selected_features_keep_their_samples() {
        let bytes = Split::of_images(vec![1, 2, 3, 4, 5, 6, 7, 8], vec![0, 1]);
        assert_eq!(bytes.select(&[1, 3]), Split::of_images(vec![2, 4, 6, 8], vec![0, 1]));
        let floats = Split::labelled(Features::Floats(vec![1.0, 2.0, 3.0, 4.0].into()), vec![0, 1]);
        assert_eq!(floats.select(&[1]).features, Features::Floats(vec![2.0, 4.0].into()));
    }
}
