//! What can go wrong with a dataset: each message says what, where, and what to do next.

use std::fmt;
use std::io;
use std::path::PathBuf;

use crate::data::name::DatasetName;

/// An error of the dataset part: reading, fetching or checking files.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file of the dataset is not in the cache.
    #[error(
        "{dataset} is not complete: {} does not exist; run `rewire data fetch {dataset}`, \
         or name the folder that holds it with --data-dir or REWIRE_DATA",
        path.display()
    )]
    Missing {
        /// The dataset.
        dataset: DatasetName,
        /// The first file that is missing.
        path: PathBuf,
    },

    /// A file does not hold what its format asks for.
    #[error(
        "{}: byte {offset}: found {found}, expected {expected}; {}",
        path.display(), remedy(*dataset)
    )]
    Malformed {
        /// The dataset, if it is a known one.
        dataset: Option<DatasetName>,
        /// The file.
        path: PathBuf,
        /// Where, in bytes from the start of the (unpacked) content.
        offset: u64,
        /// What was there.
        found: String,
        /// What should have been there.
        expected: String,
    },

    /// Every source failed.
    #[error(
        "cannot fetch {dataset}: no source worked\n{}\nto place it by hand, put these unpacked files into {}, \
         then run `rewire data verify {dataset}`:\n{}",
        lines(tried), folder.display(), lines(files)
    )]
    NoSource {
        /// The dataset.
        dataset: DatasetName,
        /// Every source tried, in order, and why it failed.
        tried: Vec<Attempt>,
        /// The folder where the files belong.
        folder: PathBuf,
        /// The files still wanted, with their sizes.
        files: Vec<String>,
    },

    /// `verify` found files that are missing or differ.
    #[error(
        "{} not as the manifest says: {}; run `rewire data fetch {}` to replace them",
        count(bad.len()), bad.join(", "), datasets.join(" ")
    )]
    Unverified {
        /// The bad files, as `dataset/file`.
        bad: Vec<String>,
        /// The datasets they belong to.
        datasets: Vec<String>,
    },

    /// The user asked to stop.
    #[error(
        "interrupted while fetching {dataset}; what has arrived is kept, run `rewire data fetch {dataset}` to go on"
    )]
    Interrupted {
        /// The dataset.
        dataset: DatasetName,
    },

    /// The system refused a file operation.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// The operation, such as `read`.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },

    /// The output could not be written.
    #[error("cannot write the output: {0}")]
    Output(#[from] io::Error),
}

/// What to do about a damaged file.
fn remedy(dataset: Option<DatasetName>) -> String {
    match dataset {
        Some(dataset) => format!(
            "`rewire data verify {dataset}` names every damaged file and `rewire data fetch {dataset}` replaces it"
        ),
        None => "replace it by a whole file".into(),
    }
}

impl Error {
    /// For `map_err` on a file operation.
    pub(crate) fn io(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { action, path, source }
    }
}

/// One source and why it did not deliver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// The source, as an address or a command.
    pub source: String,
    /// Why it failed, in one line.
    pub reason: String,
}

impl fmt::Display for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.source, self.reason)
    }
}

fn lines<T: fmt::Display>(items: &[T]) -> String {
    items.iter().map(|item| format!("  {item}")).collect::<Vec<_>>().join("\n")
}

fn count(files: usize) -> String {
    if files == 1 { "1 file is".to_owned() } else { format!("{files} files are") }
}
