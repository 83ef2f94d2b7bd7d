//! Where samples come from: a known dataset, or a path of the user's own.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::data::name::{DatasetName, UnknownName};

/// The name of the dataset whose samples are computed.
const SYNTHETIC: &str = "synthetic";

/// A known dataset by its name, or a file or folder of the user's own.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum DataSource {
    /// One of the datasets that the program knows.
    Known(DatasetName),
    /// Samples that are computed.
    Synthetic,
    /// A file or folder.
    Path(PathBuf),
}

impl DataSource {
    /// The known dataset, if it is one.
    pub fn known(&self) -> Option<DatasetName> {
        match self {
            Self::Known(name) => Some(*name),
            Self::Path(_) | Self::Synthetic => None,
        }
    }

    /// The file or folder, if it is one.
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::Known(_) | Self::Synthetic => None,
            Self::Path(path) => Some(path),
        }
    }

    /// A short name, such as for a folder of results: a path's last part without its ending.
    pub fn short(&self) -> String {
        match self {
            Self::Known(name) => name.to_string(),
            Self::Synthetic => SYNTHETIC.into(),
            Self::Path(path) => {
                let stem = if path.is_dir() { path.file_name() } else { path.file_stem() };
                stem.map_or_else(|| "data".into(), |stem| stem.to_string_lossy().into_owned())
            }
        }
    }
}

impl From<DatasetName> for DataSource {
    fn from(name: DatasetName) -> Self {
        Self::Known(name)
    }
}

impl From<DataSource> for String {
    fn from(source: DataSource) -> Self {
        source.to_string()
    }
}

impl TryFrom<String> for DataSource {
    type Error = UnknownName;

    fn try_from(text: String) -> Result<Self, UnknownName> {
        text.parse()
    }
}

impl fmt::Display for DataSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Known(name) => name.fmt(f),
            Self::Synthetic => f.pad(SYNTHETIC),
            Self::Path(path) => path.display().fmt(f),
        }
    }
}

/// A known name, `synthetic`, or what looks like a path or is one. Paths are made absolute: a run can be continued from any folder.
impl FromStr for DataSource {
    type Err = UnknownName;

    fn from_str(text: &str) -> Result<Self, UnknownName> {
        let unknown = match text.parse() {
            Ok(name) => return Ok(Self::Known(name)),
            Err(_) if text == SYNTHETIC => return Ok(Self::Synthetic),
            Err(unknown) => unknown,
        };
        let path = Path::new(text);
        if text.is_empty() || !(text.contains(['/', '\\', '.']) || path.exists()) {
            return Err(unknown);
        }
        Ok(Self::Path(std::path::absolute(path).unwrap_or_else(|_| path.to_owned())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_known_and_paths_become_absolute() {
        assert_eq!("mnist".parse(), Ok(DataSource::Known(DatasetName::Mnist)));
        assert_eq!(DataSource::Synthetic.to_string().parse(), Ok(DataSource::Synthetic));
        let source: DataSource = "some/motions.csv".parse().unwrap();
        assert!(source.path().unwrap().is_absolute() && source.path().unwrap().ends_with("some/motions.csv"));
        assert_eq!((source.short(), source.known()), ("motions".into(), None));
        assert_eq!(source.to_string().parse(), Ok(source));
        let refused = "fashionmnist".parse::<DataSource>().unwrap_err().to_string();
        assert!(refused.contains("did you mean `fashion-mnist`?") && refused.contains("path"), "{refused}");
    }
}
