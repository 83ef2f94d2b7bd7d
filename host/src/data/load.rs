//! Where datasets are, and how they are read from there.

use std::borrow::Cow;
use std::ffi::OsString;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use etcetera::BaseStrategy;

use crate::data::dataset::{Dataset, Names};
use crate::data::error::Error;
use crate::data::idx::Origin;
use crate::data::manifest::{Entry, File, Format, Role};
use crate::data::name::DatasetName;
use crate::data::samples::Split;
use crate::data::{cifar10, idx, manifest, mini, store};

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

/// Reads a dataset from the cache, or from the program itself when it is bundled.
///
/// # Errors
/// [`Error::Missing`] for a file that is not there, [`Error::Malformed`] for one that is not what the format and the
/// manifest say, [`Error::Io`] when reading fails.
pub fn load(name: DatasetName, cache: &Path) -> Result<Dataset<'static>, Error> {
    load_entry(manifest::entry(name), cache)
}

/// Reads the dataset that `entry` describes; [`load`] for any manifest.
///
/// # Errors
/// As [`load`].
pub fn load_entry(entry: &Entry, cache: &Path) -> Result<Dataset<'static>, Error> {
    let (train, test) = match entry.format {
        Format::Idx => (
            load_idx(entry, cache, Role::TrainImages, Role::TrainLabels, entry.train_samples)?,
            load_idx(entry, cache, Role::TestImages, Role::TestLabels, entry.test_samples)?,
        ),
        Format::Cifar10 => {
            (load_cifar10(entry, cache, Role::TrainBatch)?, load_cifar10(entry, cache, Role::TestBatch)?)
        }
    };
    let (name, shape) = (Some(entry.name), Some(entry.shape));
    Ok(Dataset { name, shape, outputs: entry.classes.into(), names: Names::default(), train, test })
}

fn load_idx(entry: &Entry, cache: &Path, images: Role, labels: Role, samples: usize) -> Result<Split<'static>, Error> {
    let (mut pixels, mut found) = (Vec::new(), Vec::new());
    for file in entry.with_role(images) {
        let (path, bytes) = read_content(entry, cache, file)?;
        let origin = Origin { dataset: Some(entry.name), file: &path };
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
        pixels = read.pixels;
    }
    for file in entry.with_role(labels) {
        let (path, bytes) = read_content(entry, cache, file)?;
        let origin = Origin { dataset: Some(entry.name), file: &path };
        found = idx::parse_labels(bytes, entry.classes, origin)?;
        if found.len() != samples {
            return Err(origin.malformed(
                4,
                format!("{} labels", found.len()),
                format!("{samples} labels, one for each image"),
            ));
        }
    }
    Ok(Split::of_images(pixels, found.into_iter().map(u16::from).collect()))
}

fn load_cifar10(entry: &Entry, cache: &Path, role: Role) -> Result<Split<'static>, Error> {
    let bytes = entry.with_role(role).map(|file| file.bytes as usize).sum::<usize>();
    // At once, so that no growing copy is made.
    let mut pixels = Vec::with_capacity(bytes / cifar10::RECORD * cifar10::PIXELS);
    let mut labels = Vec::with_capacity(bytes / cifar10::RECORD);
    for file in entry.with_role(role) {
        let (path, bytes) = read_content(entry, cache, file)?;
        let records = file.bytes as usize / cifar10::RECORD;
        let origin = Origin { dataset: Some(entry.name), file: &path };
        cifar10::append_batch(&bytes, records, entry.classes, origin, &mut pixels, &mut labels)?;
    }
    Ok(Split::of_images(pixels, labels))
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
    fn flag_beats_variable_beats_default() {
        let variable = || Some(OsString::from("/from-variable"));
        assert_eq!(cache_dir_from(Some(Path::new("/from-flag")), variable()), Path::new("/from-flag"));
        assert_eq!(cache_dir_from(None, variable()), Path::new("/from-variable"));
        for unset in [None, Some(OsString::new())] {
            assert!(cache_dir_from(None, unset).ends_with("rewire"));
        }
    }
}
