//! Datasets: their names, their samples, and the cache folder they live in.
//!
//! `mnist-mini` is part of the program and needs neither network nor files. The others are fetched once into
//! `<cache>/<name>/` and verified by SHA-256 before they get their final names:
//!
//! ```text
//! <cache>/mnist/train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte, t10k-labels-idx1-ubyte
//! <cache>/fashion-mnist/  the same four names
//! <cache>/cifar10/data_batch_1.bin … data_batch_5.bin, test_batch.bin
//! ```
//! Anything whose name ends in `.part` is unfinished and can be deleted.
//!
//! ```
//! use rewire::data::{self, DatasetName};
//!
//! let data = data::load(DatasetName::MnistMini, &data::cache_dir(None))?;
//! assert_eq!((data.train.len(), data.test.len()), (2000, 1000));
//! assert_eq!(data.train.image(0).len(), data.shape.features());
//! # Ok::<(), data::Error>(())
//! ```

use std::borrow::Cow;
use std::ffi::OsString;
use std::fmt;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use etcetera::BaseStrategy;
use serde::{Deserialize, Serialize};

pub mod augment;
pub mod cifar10;
mod error;
pub mod fetch;
pub mod idx;
pub mod images;
pub mod manifest;
pub mod mini;
pub mod progress;
pub mod store;

pub use error::{Attempt, Error};
pub use progress::{Bar, Progress, Silent};

use idx::Origin;
use manifest::{Entry, File, Format, Role};

/// The datasets `rewire` knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DatasetName {
    /// 3,000 images of MNIST, bundled.
    MnistMini,
    /// MNIST in full.
    Mnist,
    /// Fashion-MNIST.
    FashionMnist,
    /// CIFAR-10.
    Cifar10,
}

impl DatasetName {
    /// Every dataset, smallest first.
    pub const ALL: [Self; 4] = [Self::MnistMini, Self::Mnist, Self::FashionMnist, Self::Cifar10];

    /// The name on the command line and of the folder in the cache.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::MnistMini => "mnist-mini",
            Self::Mnist => "mnist",
            Self::FashionMnist => "fashion-mnist",
            Self::Cifar10 => "cifar10",
        }
    }

    /// What its labels mean: datasets with the same labels can be measured on each other's models.
    pub const fn labels(self) -> &'static str {
        match self {
            Self::MnistMini | Self::Mnist => "digits",
            Self::FashionMnist => "clothes",
            Self::Cifar10 => "animals and vehicles",
        }
    }

    /// Every name, for messages.
    pub(crate) fn list() -> String {
        Self::ALL.map(Self::as_str).join(", ")
    }
}

impl fmt::Display for DatasetName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for DatasetName {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        Self::ALL
            .into_iter()
            .find(|known| known.as_str() == name)
            .ok_or_else(|| Error::UnknownName { found: name.to_owned() })
    }
}

/// The extent of one image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImageShape {
    /// 1 for grey, 3 for red, green, blue.
    pub channels: usize,
    /// Rows of pixels.
    pub height: usize,
    /// Columns of pixels.
    pub width: usize,
}

impl ImageShape {
    /// Inputs of a network: one per pixel and channel.
    pub const fn features(self) -> usize {
        self.channels * self.height * self.width
    }
}

impl fmt::Display for ImageShape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}x{}x{}", self.channels, self.height, self.width))
    }
}

/// Samples for training or for testing, in the order of the files.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Split {
    /// `len() * features` bytes; each image channel by channel, row by row, 0 to 255.
    pub images: Vec<u8>,
    /// One label a sample.
    pub labels: Vec<u8>,
}

impl Split {
    /// Number of samples.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there is no sample.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// The pixels of sample `index`.
    ///
    /// # Panics
    /// When `index` is `len()` or more.
    pub fn image(&self, index: usize) -> &[u8] {
        let features = self.images.len() / self.labels.len().max(1);
        &self.images[index * features..(index + 1) * features]
    }

    fn keep_first(&mut self, n: usize, dataset: DatasetName, flag: &'static str) -> Result<(), Error> {
        let available = self.len();
        if n == 0 || n > available {
            return Err(Error::SamplesOutOfRange { dataset, flag, requested: n, available });
        }
        self.images.truncate(n * (self.images.len() / available));
        self.labels.truncate(n);
        Ok(())
    }
}

/// A dataset in memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dataset {
    /// Which one.
    pub name: DatasetName,
    /// Of one image.
    pub shape: ImageShape,
    /// Labels run from 0 to `classes - 1`.
    pub classes: u8,
    /// Samples for training.
    pub train: Split,
    /// Samples for testing.
    pub test: Split,
}

impl Dataset {
    /// Keeps the first `n` training samples, in the order of the file.
    ///
    /// # Errors
    /// [`Error::SamplesOutOfRange`] when `n` is 0 or more than there are; the dataset is then unchanged.
    pub fn train_subset(&mut self, n: usize) -> Result<(), Error> {
        self.train.keep_first(n, self.name, "--train-samples")
    }

    /// Keeps the first `n` test samples, in the order of the file.
    ///
    /// # Errors
    /// [`Error::SamplesOutOfRange`] when `n` is 0 or more than there are; the dataset is then unchanged.
    pub fn test_subset(&mut self, n: usize) -> Result<(), Error> {
        self.test.keep_first(n, self.name, "--test-samples")
    }
}

/// The cache folder: `flag` (`--data-dir`), else the environment's `REWIRE_DATA`, else `rewire` in the user's cache
/// folder (`$XDG_CACHE_HOME` or `~/.cache`; the local application data on Windows).
pub fn cache_dir(flag: Option<&Path>) -> PathBuf {
    cache_dir_from(flag, std::env::var_os("REWIRE_DATA"))
}

fn cache_dir_from(flag: Option<&Path>, variable: Option<OsString>) -> PathBuf {
    if let Some(flag) = flag {
        return flag.to_owned();
    }
    if let Some(variable) = variable.filter(|value| !value.is_empty()) {
        return variable.into();
    }
    // Without a home folder there is still a place that can be written.
    etcetera::choose_base_strategy().map_or_else(|_| std::env::temp_dir(), |user| user.cache_dir()).join("rewire")
}

/// Makes sure that `name` can be loaded: fetches it when its files are not all there, saying so through `progress`.
///
/// Existing files are judged by their size here; `fetch` and `verify` also hash them.
///
/// # Errors
/// As [`fetch::bring`].
pub fn ensure(name: DatasetName, cache: &Path, progress: &mut dyn Progress) -> Result<(), Error> {
    let entry = manifest::entry(name);
    match store::state(entry, cache) {
        store::State::Bundled | store::State::Present => Ok(()),
        store::State::Partial | store::State::Missing => {
            progress.message(&format!("{name} is not in {} yet; fetching it", cache.display()));
            fetch::bring(entry, cache, progress).map(|_| ())
        }
    }
}

/// Reads a dataset from the cache, or from the program itself when it is bundled.
///
/// # Errors
/// [`Error::Missing`] for a file that is not there, [`Error::Malformed`] for one that is not what the format and the
/// manifest say, [`Error::Io`] when reading fails.
pub fn load(name: DatasetName, cache: &Path) -> Result<Dataset, Error> {
    load_entry(manifest::entry(name), cache)
}

/// Reads the dataset that `entry` describes; [`load`] for any manifest.
///
/// # Errors
/// As [`load`].
pub fn load_entry(entry: &Entry, cache: &Path) -> Result<Dataset, Error> {
    let (train, test) = match entry.format {
        Format::Idx => (
            load_idx(entry, cache, Role::TrainImages, Role::TrainLabels, entry.train_samples)?,
            load_idx(entry, cache, Role::TestImages, Role::TestLabels, entry.test_samples)?,
        ),
        Format::Cifar10 => {
            (load_cifar10(entry, cache, Role::TrainBatch)?, load_cifar10(entry, cache, Role::TestBatch)?)
        }
    };
    Ok(Dataset { name: entry.name, shape: entry.shape, classes: entry.classes, train, test })
}

fn load_idx(entry: &Entry, cache: &Path, images: Role, labels: Role, samples: usize) -> Result<Split, Error> {
    let mut split = Split::default();
    for file in entry.with_role(images) {
        let (path, bytes) = read_content(entry, cache, file)?;
        let origin = Origin { dataset: entry.name, file: &path };
        let read = idx::parse_images(bytes, origin)?;
        if read.count != samples {
            return Err(origin.malformed(4, format!("{} images", read.count), format!("{samples} images")));
        }
        if (read.height, read.width) != (entry.shape.height, entry.shape.width) {
            return Err(origin.malformed(
                8,
                format!("images of {} x {}", read.height, read.width),
                format!("{} x {}", entry.shape.height, entry.shape.width),
            ));
        }
        split.images = read.pixels;
    }
    for file in entry.with_role(labels) {
        let (path, bytes) = read_content(entry, cache, file)?;
        let origin = Origin { dataset: entry.name, file: &path };
        split.labels = idx::parse_labels(bytes, entry.classes, origin)?;
        if split.labels.len() != samples {
            return Err(origin.malformed(
                4,
                format!("{} labels", split.labels.len()),
                format!("{samples} labels, one for each image"),
            ));
        }
    }
    Ok(split)
}

fn load_cifar10(entry: &Entry, cache: &Path, role: Role) -> Result<Split, Error> {
    let mut split = Split::default();
    let bytes = entry.with_role(role).map(|file| file.bytes as usize).sum::<usize>();
    // At once, so that no growing copy is made.
    split.images.reserve_exact(bytes / cifar10::RECORD * cifar10::PIXELS);
    for file in entry.with_role(role) {
        let (path, bytes) = read_content(entry, cache, file)?;
        let records = file.bytes as usize / cifar10::RECORD;
        let origin = Origin { dataset: entry.name, file: &path };
        cifar10::append_batch(&bytes, records, entry.classes, origin, &mut split)?;
    }
    Ok(split)
}

/// A file's content, at most one byte more than the manifest says: enough to notice an oversized one without reading
/// it all.
fn read_content(entry: &Entry, cache: &Path, file: &File) -> Result<(PathBuf, Cow<'static, [u8]>), Error> {
    let path = store::path(entry, cache, file);
    if let Some(bytes) = mini::bundled(entry, file) {
        return Ok((path, Cow::Borrowed(bytes)));
    }
    let opened = match fs::File::open(&path) {
        Ok(opened) => opened,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(Error::Missing { dataset: entry.name, path });
        }
        Err(error) => return Err(Error::io("open", path)(error)),
    };
    let mut bytes = Vec::with_capacity(file.bytes as usize + 1);
    opened.take(file.bytes + 1).read_to_end(&mut bytes).map_err(Error::io("read", &path))?;
    Ok((path, Cow::Owned(bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_round_trip() {
        for name in DatasetName::ALL {
            assert_eq!(name.to_string().parse::<DatasetName>().unwrap(), name);
        }
    }

    #[test]
    fn unknown_name_lists_the_valid_ones() {
        let text = "imagenet".parse::<DatasetName>().unwrap_err().to_string();
        assert_eq!(text, "unknown dataset `imagenet`; the datasets are mnist-mini, mnist, fashion-mnist, cifar10");
    }

    #[test]
    fn flag_beats_variable_beats_default() {
        let variable = || Some(OsString::from("/from-variable"));
        assert_eq!(cache_dir_from(Some(Path::new("/from-flag")), variable()), Path::new("/from-flag"));
        assert_eq!(cache_dir_from(None, variable()), Path::new("/from-variable"));
        for unset in [None, Some(OsString::new())] {
            assert!(cache_dir_from(None, unset).ends_with("rewire"));
        }
    }

    #[test]
    fn subsets_keep_the_first_samples() {
        let whole = load(DatasetName::MnistMini, Path::new("nowhere")).unwrap();
        let mut part = whole.clone();
        part.train_subset(30).unwrap();
        part.test_subset(1000).unwrap();
        assert_eq!(part.train.labels, whole.train.labels[..30]);
        assert_eq!(part.train.images, whole.train.images[..30 * 784]);
        assert_eq!(part.test, whole.test);
    }

    #[test]
    fn subset_out_of_range_names_flag_and_limit() {
        let mut data = load(DatasetName::MnistMini, Path::new("nowhere")).unwrap();
        let whole = data.clone();
        let text = data.train_subset(0).unwrap_err().to_string();
        assert_eq!(text, "--train-samples 0 is out of range: mnist-mini has 2000 samples there; give 1 to 2000");
        let text = data.test_subset(1001).unwrap_err().to_string();
        assert_eq!(text, "--test-samples 1001 is out of range: mnist-mini has 1000 samples there; give 1 to 1000");
        assert_eq!(data, whole);
    }
}
