//! Folders of PNG and JPEG pictures, one folder a class: `FOLDER/CLASS/picture.png`.

use std::fs;
use std::path::{Path, PathBuf};

use image::{ColorType, DynamicImage, ImageReader, imageops::FilterType};

use crate::data::formats::error::ReadError;
use crate::data::formats::table::{Classes, Table, Target};
use crate::data::name::ImageShape;
use crate::data::samples::Features;

/// Height and width that pictures are brought to.
pub(super) type Size = (u32, u32);

/// A picture of another size: smoothed where it becomes smaller, between neighbouring pixels where it becomes larger.
pub(super) fn resize(picture: &DynamicImage, (height, width): Size) -> DynamicImage {
    picture.resize_exact(width, height, FilterType::Triangle)
}

/// Reads the pictures of a folder of classes. `size` brings all to one size; without it their sizes must agree. Pictures
/// get the channels of `like`, and without it three where any of them has colours.
///
/// # Errors
///
/// No pictures, sizes that differ, a file that is no whole picture: by its name.
pub(super) fn read(folder: &Path, size: Option<Size>, like: Option<ImageShape>) -> Result<Table, ReadError> {
    let mut names = Vec::new();
    let mut pictures: Vec<(u16, PathBuf)> = Vec::new();
    for class in entries(folder)?.into_iter().filter(|path| path.is_dir()) {
        let files: Vec<_> = entries(&class)?.into_iter().filter(|path| is_picture(path)).collect();
        if files.is_empty() {
            continue;
        }
        let code = u16::try_from(names.len()).map_err(|_| {
            ReadError::whole(folder, "more than 65,536 folders", "a folder a class; is this the right one?")
        })?;
        names.push(class.file_name().unwrap_or_default().to_string_lossy().into_owned());
        pictures.extend(files.into_iter().map(|file| (code, file)));
    }
    if pictures.is_empty() {
        let advice = "put the pictures of each class into a folder that has its name: FOLDER/CLASS/picture.png";
        return Err(ReadError::whole(folder, "no folder in it holds PNG or JPEG pictures", advice));
    }
    // Grey pictures stay grey if all are: the first colours decide late, so they are looked at first.
    let colour = match like {
        Some(shape) => shape.channels == 3,
        None => pictures.iter().try_fold(false, |colour, (_, file)| Ok::<_, ReadError>(colour || has_colour(file)?))?,
    };
    let channels = if colour { 3 } else { 1 };
    let mut labels = Vec::with_capacity(pictures.len());
    let room = |size| room(pictures.len(), channels, size, folder);
    let mut common: Option<(Size, &Path)> = size.map(|size| (size, folder));
    let mut bytes = size.map_or(Ok(Vec::new()), room)?;
    for (class, file) in &pictures {
        let picture = open(file)?.decode().map_err(|error| damaged(file, &error))?;
        let picture = match size {
            Some(size) => resize(&picture, size),
            None => picture,
        };
        let found = (picture.height(), picture.width());
        if common.is_none() {
            bytes = room(found)?;
        }
        let &mut (wanted, first) = common.get_or_insert((found, file));
        if found != wanted {
            let found =
                format!("{} x {} pixels, but {} has {} x {}", found.0, found.1, first.display(), wanted.0, wanted.1);
            return Err(ReadError::whole(file, found, "bring all to one size with --resize HEIGHTxWIDTH"));
        }
        push(&picture, colour, &mut bytes);
        labels.push(*class);
    }
    let (height, width) = common.map_or((0, 0), |((height, width), _)| (height as usize, width as usize));
    let shape = ImageShape { channels, height, width };
    let target = Target::Classes(Classes { labels, names });
    let (features, names) = (Features::Bytes(bytes.into()), Vec::new());
    Ok(Table { features, n_features: shape.features(), names, shape: Some(shape), target })
}

/// Memory for so many pictures of a size.
pub(super) fn room(
    pictures: usize,
    channels: usize,
    (height, width): Size,
    folder: &Path,
) -> Result<Vec<u8>, ReadError> {
    let mut bytes = Vec::new();
    let len = [channels, height as usize, width as usize].iter().try_fold(pictures, |len, &side| len.checked_mul(side));
    if len.is_some_and(|len| bytes.try_reserve_exact(len).is_ok()) {
        return Ok(bytes);
    }
    let found = format!("{pictures} pictures of {height} x {width} pixels, for which this machine has no memory");
    Err(ReadError::whole(folder, found, "make them smaller with --resize HEIGHTxWIDTH"))
}

/// What lies in a folder, by name; hidden files are left out.
fn entries(folder: &Path) -> Result<Vec<PathBuf>, ReadError> {
    let read = fs::read_dir(folder).and_then(Iterator::collect::<Result<Vec<_>, _>>).map_err(ReadError::io(folder))?;
    let mut paths: Vec<_> = read.into_iter().map(|entry| entry.path()).collect();
    paths.retain(|path| !path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b".")));
    paths.sort();
    Ok(paths)
}

fn is_picture(path: &Path) -> bool {
    let ending = path.extension().and_then(|ending| ending.to_str()).map(str::to_ascii_lowercase);
    matches!(ending.as_deref(), Some("png" | "jpg" | "jpeg")) && path.is_file()
}

fn open(file: &Path) -> Result<ImageReader<std::io::BufReader<fs::File>>, ReadError> {
    let reader = ImageReader::open(file).map_err(ReadError::io(file))?;
    reader.with_guessed_format().map_err(ReadError::io(file))
}

fn damaged(file: &Path, error: &image::ImageError) -> ReadError {
    ReadError::whole(file, format!("no whole picture ({error})"), "replace or remove it")
}

/// Whether a picture has colours, by its header.
fn has_colour(file: &Path) -> Result<bool, ReadError> {
    let decoder = open(file)?.into_decoder().map_err(|error| damaged(file, &error))?;
    let colour = image::ImageDecoder::color_type(&decoder);
    Ok(!matches!(colour, ColorType::L8 | ColorType::La8 | ColorType::L16 | ColorType::La16))
}

/// Adds a picture, channel by channel, row by row.
pub(super) fn push(picture: &DynamicImage, colour: bool, bytes: &mut Vec<u8>) {
    if colour {
        let picture = picture.to_rgb8();
        for channel in 0..3 {
            bytes.extend(picture.pixels().map(|pixel| pixel.0[channel]));
        }
    } else {
        bytes.extend_from_slice(picture.to_luma8().as_raw());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::{GrayImage, RgbImage};

    fn shape(channels: usize, height: usize, width: usize) -> ImageShape {
        ImageShape { channels, height, width }
    }

    fn grey(folder: &Path, name: &str, width: u32, pixels: &[u8]) {
        let file = folder.join(name);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        GrayImage::from_raw(width, pixels.len() as u32 / width, pixels.to_vec()).unwrap().save(file).unwrap();
    }

    #[test]
    fn folders_are_classes_in_sorted_order_and_grey_stays_grey() {
        let folder = tempfile::tempdir().unwrap();
        grey(folder.path(), "dog/1.png", 2, &[1, 2, 3, 4, 5, 6]);
        grey(folder.path(), "cat/b.png", 2, &[7; 6]);
        grey(folder.path(), "cat/a.PNG", 2, &[8; 6]);
        fs::write(folder.path().join("cat/notes.txt"), "no picture").unwrap();
        fs::create_dir(folder.path().join("empty")).unwrap();
        let read = read(folder.path(), None, None).unwrap();
        assert_eq!(read.features, Features::Bytes([[8; 6], [7; 6], [1, 2, 3, 4, 5, 6]].concat().into()));
        assert_eq!((read.n_features, read.shape), (6, Some(shape(1, 3, 2))));
        assert!(
            matches!(read.target, Target::Classes(classes) if classes.names == ["cat", "dog"] && classes.labels == [0, 0, 1])
        );
    }

    #[test]
    fn one_picture_with_colours_gives_all_three_channels() {
        let folder = tempfile::tempdir().unwrap();
        grey(folder.path(), "a/1.png", 1, &[9]);
        RgbImage::from_raw(1, 1, vec![1, 2, 3]).unwrap().save(folder.path().join("a/2.png")).unwrap();
        let read = read(folder.path(), None, None).unwrap();
        assert_eq!((read.features, read.shape), (Features::Bytes(vec![9, 9, 9, 1, 2, 3].into()), Some(shape(3, 1, 1))));
    }

    #[test]
    fn sizes_agree_or_are_brought_to_one() {
        let folder = tempfile::tempdir().unwrap();
        grey(folder.path(), "a/1.png", 2, &[9; 4]);
        grey(folder.path(), "b/1.png", 4, &[9; 16]);
        let refused = read(folder.path(), None, None).unwrap_err().to_string();
        assert!(refused.contains("4 x 4") && refused.contains("--resize"), "{refused}");
        let read = read(folder.path(), Some((3, 1)), None).unwrap();
        assert_eq!((read.features, read.shape), (Features::Bytes(vec![9; 6].into()), Some(shape(1, 3, 1))));
    }

    #[test]
    fn no_pictures_and_damaged_ones_are_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        assert!(read(folder.path(), None, None).unwrap_err().to_string().contains("FOLDER/CLASS"));
        grey(folder.path(), "a/1.png", 2, &[9; 4]);
        let whole = fs::read(folder.path().join("a/1.png")).unwrap();
        for len in [0, 10, whole.len() - 20] {
            fs::write(folder.path().join("a/1.png"), &whole[..len]).unwrap();
            let refused = read(folder.path(), None, None).unwrap_err().to_string();
            assert!(refused.contains("1.png") && refused.contains("no whole picture"), "{refused}");
        }
    }
}
