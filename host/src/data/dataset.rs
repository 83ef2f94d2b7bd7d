//! Samples to train on and samples to measure on, and what is known of both.

use serde::{Deserialize, Serialize};

use crate::data::filter::NoPixel;
use crate::data::name::{DatasetName, ImageShape};
use crate::data::samples::{Features, Split};
use crate::data::synthetic::Synthetic;
use crate::settings::FilterKind;

/// A dataset in memory: its own, or the caller's.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Dataset<'a> {
    /// Which of the known ones; `None` for a caller's samples.
    pub name: Option<DatasetName>,
    /// Of one image; `None` where features have no place in an image.
    pub shape: Option<ImageShape>,
    /// What labels or values there are: outputs of a network that learns them. Labels run from 0 to `outputs - 1`; at most
    /// 65,536.
    pub outputs: usize,
    /// What features and outputs are called.
    pub names: Names,
    /// Samples for training.
    pub train: Split<'a>,
    /// Samples for measuring.
    pub test: Split<'a>,
}

impl Dataset<'static> {
    /// Samples that are computed, and as many after them for measuring.
    pub fn synthetic(train: Synthetic) -> Self {
        let test = Synthetic { first: train.first + train.samples, ..train };
        let outputs = train.classes;
        let [train, test] = [train, test].map(|data| {
            let labels: Vec<_> = (0..data.samples).map(|sample| data.label(sample)).collect();
            Split::labelled(Features::Synthetic(data), labels)
        });
        Self { name: None, shape: None, outputs, names: Names::default(), train, test }
    }
}

/// What features and outputs are called; empty where they have no names.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Names {
    /// One a feature.
    pub features: Vec<String>,
    /// One a class, or one a number to learn.
    pub outputs: Vec<String>,
    /// Of an autoencoder, the class whose samples are normal; empty where nobody said.
    pub normal: String,
}

impl Dataset<'_> {
    /// The same samples, not copied.
    pub fn view(&self) -> Dataset<'_> {
        let Self { name, shape, outputs, names, train, test } = self;
        Dataset {
            name: *name,
            shape: *shape,
            outputs: *outputs,
            names: names.clone(),
            train: train.view(),
            test: test.view(),
        }
    }

    /// The same samples, as they come out of a filter.
    ///
    /// # Errors
    ///
    /// A feature that is no pixel, where there is a filter.
    pub fn filtered(mut self, filter: FilterKind) -> Result<Self, NoPixel> {
        let shape = self.plane();
        for split in [&mut self.train, &mut self.test] {
            if let Some(pixels) = filter.apply(shape, &split.features)? {
                split.features = Features::Bytes(pixels.into());
            }
        }
        Ok(self)
    }

    /// Features of each sample: inputs of a network.
    pub fn features(&self) -> usize {
        self.train.width()
    }

    /// The plane that features lie in: a row, where they are no image.
    pub fn plane(&self) -> ImageShape {
        ImageShape::plane(self.shape, self.features())
    }
}
