//! Folders of IDX files with the names that MNIST's have: images and labels for training, and for testing.

use std::path::{Path, PathBuf};

use crate::data::formats::error::ReadError;
use crate::data::formats::table::{Classes, Table, Target};
use crate::data::idx::{self, Origin};
use crate::data::name::ImageShape;
use crate::data::samples::Features;

/// Names of images and labels, for training and for testing.
const NAMES: [[&str; 2]; 2] =
    [["train-images-idx3-ubyte", "train-labels-idx1-ubyte"], ["t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"]];

/// The file of this name, or the one that gzip makes of it.
fn file(folder: &Path, name: &str) -> Option<PathBuf> {
    [name.to_owned(), format!("{name}.gz")].into_iter().map(|name| folder.join(name)).find(|path| path.is_file())
}

/// Whether a folder is one of these.
pub(super) fn is_one(folder: &Path) -> bool {
    file(folder, NAMES[0][0]).is_some()
}

/// Reads a folder: samples for training, and for testing where it has some.
///
/// # Errors
///
/// A file that is missing or damaged.
pub(super) fn read(folder: &Path) -> Result<(Table, Option<Table>), ReadError> {
    let [train, test] = NAMES;
    let test = file(folder, test[0]).is_some().then(|| table(folder, test)).transpose()?;
    Ok((table(folder, train)?, test))
}

fn table(folder: &Path, [images, labels]: [&str; 2]) -> Result<Table, ReadError> {
    let read = |name: &str| {
        let path = file(folder, name).ok_or_else(|| {
            ReadError::whole(folder, format!("there is no {name}"), "put images and labels of MNIST's names there")
        })?;
        let bytes = std::fs::read(&path).map_err(ReadError::io(&path))?;
        Ok::<_, ReadError>((path, bytes))
    };
    let (path, bytes) = read(images)?;
    let images = idx::parse_images(bytes, Origin { dataset: None, file: &path })?;
    let (path, bytes) = read(labels)?;
    let labels = idx::parse_labels(bytes, u8::MAX, Origin { dataset: None, file: &path })?;
    if labels.len() != images.count {
        let found = format!("{} labels for {} images", labels.len(), images.count);
        return Err(ReadError::whole(&path, found, "give one label an image"));
    }
    let classes = labels.iter().max().map_or(0, |&label| u16::from(label) + 1);
    let names = (0..classes).map(|class| class.to_string()).collect();
    let shape = ImageShape { channels: 1, height: images.height, width: images.width };
    Ok(Table {
        features: Features::Bytes(images.pixels.into()),
        n_features: shape.features(),
        names: Vec::new(),
        shape: Some(shape),
        target: Target::Classes(Classes { labels: labels.into_iter().map(u16::from).collect(), names }),
    })
}
