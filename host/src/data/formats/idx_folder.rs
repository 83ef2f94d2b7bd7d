//! Folders of IDX files with the names that MNIST's have: images and labels for training, and for testing.

use std::path::{Path, PathBuf};

use image::GrayImage;

use crate::data::formats::error::ReadError;
use crate::data::formats::pictures::{Size, push, resize, room};
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

/// Reads a folder: samples for training, and for testing where it has some. `size` brings all images to one size.
///
/// # Errors
///
/// A file that is missing or damaged.
pub(super) fn read(folder: &Path, size: Option<Size>) -> Result<(Table, Option<Table>), ReadError> {
    let [train, test] = NAMES;
    let test = file(folder, test[0]).is_some().then(|| table(folder, test, size)).transpose()?;
    Ok((table(folder, train, size)?, test))
}

fn table(folder: &Path, [images, labels]: [&str; 2], size: Option<Size>) -> Result<Table, ReadError> {
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
    let mut shape = ImageShape { channels: 1, height: images.height, width: images.width };
    let mut pixels = images.pixels;
    if let Some(size) = size {
        let mut bytes = room(images.count, shape.channels, size, folder)?;
        for image in pixels.chunks_exact(shape.features()) {
            if let Some(image) = GrayImage::from_raw(images.width as u32, images.height as u32, image.to_vec()) {
                push(&resize(&image.into(), size), false, &mut bytes);
            }
        }
        pixels = bytes;
        (shape.height, shape.width) = (size.0 as usize, size.1 as usize);
    }
    Ok(Table {
        features: Features::Bytes(pixels.into()),
        n_features: shape.features(),
        names: Vec::new(),
        shape: Some(shape),
        target: Target::Classes(Classes { labels: labels.into_iter().map(u16::from).collect(), names }),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_are_brought_to_another_size() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, bytes: &[u8]| std::fs::write(folder.path().join(name), bytes).unwrap();
        let images = [[10, 10, 10, 10, 10, 10], [0, 0, 0, 200, 200, 200]].concat();
        write(NAMES[0][0], &[[0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0, 3].as_slice(), &images].concat());
        write(NAMES[0][1], &[0, 0, 8, 1, 0, 0, 0, 2, 0, 1]);
        let (as_it_is, _) = read(folder.path(), None).unwrap();
        assert_eq!((as_it_is.n_features, as_it_is.features), (6, Features::Bytes(images.into())));
        let (table, test) = read(folder.path(), Some((4, 5))).unwrap();
        assert!(test.is_none());
        assert_eq!(table.shape, Some(ImageShape { channels: 1, height: 4, width: 5 }));
        let Features::Bytes(pixels) = &table.features else { panic!("{:?}", table.features) };
        assert_eq!((pixels.len(), table.n_features), (40, 20));
        assert!(pixels[..20].iter().all(|&pixel| pixel == 10));
        // From the dark row to the bright one, the same in each column.
        let rows: Vec<&[u8]> = pixels[20..].chunks(5).collect();
        assert!(rows.iter().all(|row| row.iter().all(|pixel| pixel == &row[0])), "{rows:?}");
        assert!(
            rows.windows(2).all(|pair| pair[0][0] <= pair[1][0]) && rows[0][0] < 50 && rows[3][0] > 150,
            "{rows:?}"
        );
    }
}
