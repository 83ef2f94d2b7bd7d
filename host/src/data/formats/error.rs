//! What can be wrong with a file of samples: each message names the file, the place, what was there and what to do.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// An error of a reader.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// The system refused to read.
    #[error("cannot read {}: {source}", file.display())]
    Io {
        /// The file or folder.
        file: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// A file of a format that has errors of its own.
    #[error("{0}")]
    Known(#[from] crate::data::Error),
    /// The content is not what the format asks for.
    #[error("{}{place}: {found}; {advice}", file.display())]
    Malformed {
        /// The file or folder.
        file: PathBuf,
        /// Where in the file.
        place: Place,
        /// What was found there.
        found: String,
        /// What was expected, or what to do.
        advice: String,
    },
}

impl ReadError {
    /// For `map_err` on a file operation.
    pub(in crate::data) fn io(file: &Path) -> impl FnOnce(io::Error) -> Self {
        let file = file.to_owned();
        move |source| Self::Io { file, source }
    }

    /// The same complaint about what was piped in, whose file nobody knows.
    #[must_use]
    pub fn of_standard_input(mut self) -> Self {
        if let Self::Io { file, .. } | Self::Malformed { file, .. } = &mut self {
            *file = "standard input".into();
        }
        self
    }

    /// A complaint about a place in a file.
    pub(in crate::data) fn at(file: &Path, place: Place, found: impl Into<String>, advice: impl Into<String>) -> Self {
        Self::Malformed { file: file.to_owned(), place, found: found.into(), advice: advice.into() }
    }

    /// A complaint about a whole file.
    pub(in crate::data) fn whole(file: &Path, found: impl Into<String>, advice: impl Into<String>) -> Self {
        Self::at(file, Place::Whole, found, advice)
    }
}

/// Where in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// Nowhere in particular.
    Whole,
    /// A line of text, counted from 1.
    Line(u64),
    /// A field of a line: line and column, both counted from 1, and the column's name, or an empty one.
    Field(u64, usize, String),
    /// An array of an archive.
    Array(String),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Whole => Ok(()),
            Self::Line(line) => write!(f, ", line {line}"),
            Self::Field(line, column, name) if name.is_empty() => write!(f, ", line {line}, column {column}"),
            Self::Field(line, column, name) => write!(f, ", line {line}, column {column} ({name})"),
            Self::Array(name) => write!(f, ", array {name}"),
        }
    }
}
