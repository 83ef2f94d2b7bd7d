//! What is to be read of a file: the settings that reading depends on.

use std::path::Path;

use crate::data::formats::error::ReadError;
use crate::data::name::ImageShape;
use crate::settings::{Config, Missing, TaskKind};

/// What is wanted of a file.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Wanted {
    /// What is to be learned.
    pub target: WantedTarget,
    /// Columns to leave out.
    pub ignore: Vec<String>,
    /// Whether a missing value is kept, as NaN, for its column's mean to take its place.
    pub keep_missing: bool,
    /// Height and width that pictures are brought to.
    pub resize: Option<(u32, u32)>,
    /// The features of samples that were read before, which these must have too.
    pub like: Option<Like>,
    /// Where features lie.
    pub shape: Option<ImageShape>,
}

/// What is to be learned of each sample.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WantedTarget {
    /// A class: the column of this name or index; without one, a column called label, target, class or y, else the last.
    Class(Option<String>),
    /// Numbers: the columns of these names; without one, as for a class.
    Values(Vec<String>),
    /// Nothing. A column of classes that is named so is read too, for the measurement of anomalies.
    Nothing(Option<String>),
    /// Nothing, where samples are only predicted: what they should give, in these columns, is left out, if it is there.
    LeftOut(Vec<String>),
}

impl Default for WantedTarget {
    fn default() -> Self {
        Self::Class(None)
    }
}

/// The features of samples that were read before.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Like {
    /// How many.
    pub n_features: usize,
    /// Their names; empty where they have none.
    pub names: Vec<String>,
    /// The names of the numbers that were learned of them; empty where there are none.
    pub outputs: Vec<String>,
}

impl Like {
    /// Refuses samples of another width.
    pub(super) fn check(&self, n_features: usize, file: &Path) -> Result<(), ReadError> {
        if n_features == self.n_features {
            return Ok(());
        }
        let found = format!("{n_features} features, but the training samples have {}", self.n_features);
        let advice = "give the same columns, and name those to leave out with --ignore";
        Err(ReadError::whole(file, found, advice))
    }
}

impl Wanted {
    /// What the settings of a run want.
    pub fn of(config: &Config) -> Self {
        let label = (!config.label.is_empty()).then(|| config.label.clone());
        let target = match config.task {
            TaskKind::Classify => WantedTarget::Class(label),
            TaskKind::Regress => WantedTarget::Values(match label {
                Some(label) if config.target.is_empty() => vec![label],
                _ => config.target.clone(),
            }),
            TaskKind::Reconstruct => WantedTarget::Nothing(label),
        };
        Self {
            target,
            ignore: config.ignore.clone(),
            keep_missing: config.missing == Missing::Mean,
            resize: config.resize.map(|size| (size.height as u32, size.width as u32)),
            like: None,
            shape: config.shape,
        }
    }

    /// The same of samples that are only predicted.
    #[must_use]
    pub fn predicted(self) -> Self {
        let columns = match self.target {
            WantedTarget::Class(label) | WantedTarget::Nothing(label) => label.into_iter().collect(),
            WantedTarget::Values(columns) | WantedTarget::LeftOut(columns) => columns,
        };
        Self { target: WantedTarget::LeftOut(columns), ..self }
    }

    /// The same of samples that must have the features of those read before.
    #[must_use]
    pub fn like(&self, n_features: usize, names: &[String]) -> Self {
        Self { like: Some(Like { n_features, names: names.to_vec(), outputs: Vec::new() }), ..self.clone() }
    }

    /// The same of samples of which numbers of these names were learned.
    #[must_use]
    pub fn learned(mut self, outputs: &[String]) -> Self {
        if let Some(like) = &mut self.like {
            like.outputs = outputs.to_vec();
        }
        self
    }
}
