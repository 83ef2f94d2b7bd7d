//! Samples of the user's own, in the formats that people have them in.
//!
//! | file | question |
//! |---|---|
//! | `wanted` | what is to be read of a file |
//! | `table` | samples as a file holds them |
//! | `columns` | which column of a text is for what |
//! | `field` | what a field of a text stands for |
//! | `csv` | text with a separator between fields |
//! | `libsvm` | text that leaves zeros out |
//! | `npy`, `npy_header`, `array_order` | arrays of `NumPy`, which of them are refused, and the order of their axes |
//! | `pictures` | folders of PNG and JPEG |
//! | `idx_folder` | folders of IDX files, as MNIST has them |
//! | `error` | what can be wrong with a file |

mod array_order;
mod columns;
mod csv;
mod error;
mod field;
mod idx_folder;
mod libsvm;
mod npy;
mod npy_header;
mod pictures;
mod table;
mod wanted;

use std::fmt;
use std::fs::File;
use std::io::{Read, Seek};
use std::path::{Path, PathBuf};

use crate::data::progress::Progress;
use crate::settings::Config;
pub use error::{Place, ReadError};
pub use table::{Classes, Table, Target};
pub use wanted::{Wanted, WantedTarget};

/// What a path holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Text with a separator between fields.
    Csv,
    /// Text that leaves zeros out.
    Libsvm,
    /// One array of `NumPy`.
    Npy,
    /// An archive of arrays.
    Npz,
    /// A folder of pictures by class.
    Pictures,
    /// A folder of IDX files.
    Idx,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Csv => "CSV",
            Self::Libsvm => "LIBSVM text",
            Self::Npy => "a NumPy array",
            Self::Npz => "an archive of NumPy arrays",
            Self::Pictures => "a folder of pictures",
            Self::Idx => "a folder of IDX files",
        })
    }
}

impl Kind {
    /// The flags that name columns, are given, and have no effect on what has none.
    pub(in crate::data) fn without_effect(self, config: &Config) -> impl Iterator<Item = &'static str> {
        let flags = [
            ("--label", !config.label.is_empty()),
            ("--target", !config.target.is_empty()),
            ("--ignore", !config.ignore.is_empty()),
        ];
        flags.into_iter().filter_map(move |(flag, is_given)| (is_given && self != Self::Csv).then_some(flag))
    }
}

/// What was read, before samples are set apart for testing.
#[derive(Clone, Debug, PartialEq)]
pub struct Contents {
    /// What the path holds.
    pub kind: Kind,
    /// The samples, or those for training where the path has test samples too.
    pub train: Table,
    /// Test samples that are part of the path.
    pub test: Option<Table>,
}

impl Contents {
    /// The samples that a model is measured on: the test samples, where the path has some, else all of them.
    pub fn measured(self) -> Table {
        self.test.unwrap_or(self.train)
    }
}

/// Reads what a path holds, which content and ending tell.
///
/// # Errors
///
/// A path that cannot be read, or content that is not what it seems to be: with the place in it.
pub fn read(path: &Path, wanted: &Wanted, progress: &mut dyn Progress) -> Result<Contents, ReadError> {
    let kind = kind_of(path)?;
    let bytes = path.metadata().map_err(ReadError::io(path))?.len();
    let label = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
    progress.start(&format!("reading {label}"), (!path.is_dir()).then_some(bytes));
    let read = read_kind(kind, path, wanted, progress);
    progress.finish();
    let (train, test) = read?;
    if let Some(like) = &wanted.like {
        like.check(train.n_features, path)?;
    }
    let is_other = |test: &&Table| test.n_features != train.n_features;
    if let Some(test) = test.as_ref().filter(is_other) {
        let found = format!("{} features in the test samples, but {} in the others", test.n_features, train.n_features);
        return Err(ReadError::whole(path, found, "give both the same; --resize brings pictures to one size"));
    }
    // As many features in another plane are others.
    let (wanted_here, like) = (wanted.shape.is_some(), &wanted.like);
    let wanted = wanted.shape.or(train.shape);
    let other = [Some(&train), test.as_ref()].into_iter().flatten().find_map(|table| {
        let (wanted, found) = wanted.zip(table.shape)?;
        (found != wanted).then_some((wanted, found))
    });
    if let Some((wanted, found)) = other {
        let advice = match &like {
            Some(_) => format!("bring them to {wanted}, as the model was trained on"),
            None if wanted_here => "say with --shape what the axes of the samples are".into(),
            None => "bring all samples to one shape".into(),
        };
        let found = format!("samples of {found} (channels x height x width), but {wanted} is wanted");
        return Err(ReadError::whole(path, found, advice));
    }
    Ok(Contents { kind, train, test })
}

fn read_kind(
    kind: Kind,
    path: &Path,
    wanted: &Wanted,
    progress: &mut dyn Progress,
) -> Result<(Table, Option<Table>), ReadError> {
    let one = |table: Table| (table, None);
    match kind {
        Kind::Csv => csv::read(path, wanted, &mut |bytes| progress.advance(bytes)).map(one),
        Kind::Libsvm => libsvm::read(path, wanted, &mut |bytes| progress.advance(bytes)).map(one),
        Kind::Npy => npy::read_npy(path, wanted).map(one),
        Kind::Npz => npy::read_npz(path, wanted),
        Kind::Idx => idx_folder::read(path, wanted.resize),
        Kind::Pictures => {
            let [train, test] = ["train", "test"].map(|name| path.join(name));
            if train.is_dir() {
                let read = pictures::read(&train, wanted.resize, wanted.shape)?;
                // Pictures of a test folder are brought to what those for training are.
                let test = test.is_dir().then(|| pictures::read(&test, wanted.resize, read.shape)).transpose()?;
                return Ok((read, test));
            }
            pictures::read(path, wanted.resize, wanted.shape).map(one)
        }
    }
}

/// What a path holds: a folder by what lies in it, a file by its first bytes, then by its ending.
fn kind_of(path: &Path) -> Result<Kind, ReadError> {
    if path.is_dir() {
        return Ok(if idx_folder::is_one(path) { Kind::Idx } else { Kind::Pictures });
    }
    let mut start = Vec::new();
    let file = File::open(path).map_err(ReadError::io(path))?;
    file.take(1 << 12).read_to_end(&mut start).map_err(ReadError::io(path))?;
    let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default().to_ascii_lowercase();
    Ok(match start.as_slice() {
        [0x93, b'N', b'U', b'M', b'P', b'Y', ..] => Kind::Npy,
        [b'P', b'K', 3, 4, ..] => Kind::Npz,
        _ if ["libsvm", "svmlight", "svm"].contains(&ending.as_str()) || libsvm::is_likely(&start) => Kind::Libsvm,
        _ if start.contains(&0) => {
            let advice = "give CSV, TSV, LIBSVM text, NPY, NPZ, or a folder of pictures or IDX files";
            return Err(ReadError::whole(path, "bytes that are neither text nor a format that is known", advice));
        }
        _ => Kind::Csv,
    })
}

/// Reads text from standard input into a file of its own, because readers look at the beginning first.
///
/// # Errors
///
/// When there is no place for it.
pub fn from_standard_input() -> Result<(tempfile::NamedTempFile, PathBuf), ReadError> {
    let refused = |error| ReadError::io(Path::new("standard input"))(error);
    let mut file = tempfile::NamedTempFile::new().map_err(refused)?;
    std::io::copy(&mut std::io::stdin().lock(), &mut file).map_err(refused)?;
    file.rewind().map_err(refused)?;
    let path = file.path().to_owned();
    Ok((file, path))
}
