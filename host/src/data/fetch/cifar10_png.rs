//! Rebuilds CIFAR-10's binary batches from PNGs.
//!
//! A PNG of 1024 x 10000 RGB pixels holds one image a row: pixel `32 y + x` of row `n` is pixel `(x, y)` of image `n`.
//! The batches want planes instead of interleaved colours, and the label in front.

use std::fs;
use std::io::{BufRead, BufReader, Seek};
use std::path::Path;

use png::{BitDepth, ColorType};

use super::super::cifar10::{BATCH, PIXELS, RECORD, push_record};
use super::super::manifest::{Entry, File, Role};

const PLANE: usize = PIXELS / 3;

/// Rebuilds one batch from the PNGs and labels in `folder`; on failure, the reason.
pub(super) fn rebuild(folder: &Path, entry: &Entry, file: &File) -> Result<Vec<u8>, String> {
    // The package spells it so.
    let labels_name = if file.role == Role::TestBatch { "test_lables.json" } else { "train_lables.json" };
    let text = fs::read(folder.join(labels_name)).map_err(|error| format!("{labels_name}: {error}"))?;
    let labels: Vec<u8> = serde_json::from_slice(&text).map_err(|error| format!("{labels_name}: {error}"))?;
    let batch = entry.with_role(file.role).position(|other| other.name == file.name).unwrap_or_default();
    let labels = labels
        .chunks_exact(BATCH)
        .nth(batch)
        .ok_or_else(|| format!("{labels_name} has {} labels, too few for {}", labels.len(), file.name))?;

    let name = Path::new(&file.name).with_extension("png");
    let image = fs::File::open(folder.join(&name)).map_err(|error| format!("{}: {error}", name.display()))?;
    encode(BufReader::new(image), labels).map_err(|reason| format!("{}: {reason}", name.display()))
}

/// The records of `labels.len()` images.
fn encode(image: impl BufRead + Seek, labels: &[u8]) -> Result<Vec<u8>, String> {
    let mut reader = png::Decoder::new(image).read_info().map_err(|error| error.to_string())?;
    let info = reader.info();
    let found = (info.width as usize, info.height as usize, info.color_type, info.bit_depth);
    if found != (PLANE, labels.len(), ColorType::Rgb, BitDepth::Eight) {
        return Err(format!("found {found:?}, expected {PLANE} x {} RGB pixels of 8 bits", labels.len()));
    }
    let mut batch = Vec::with_capacity(labels.len() * RECORD);
    let mut planes = [0; PIXELS];
    for &label in labels {
        let row = reader.next_row().map_err(|error| error.to_string())?.ok_or("it ends early")?;
        for (k, pixel) in row.data().chunks_exact(3).enumerate() {
            for (channel, &value) in pixel.iter().enumerate() {
                planes[channel * PLANE + k] = value;
            }
        }
        push_record(&mut batch, label, &planes);
    }
    Ok(batch)
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    fn png(width: u32, height: u32, pixels: &[u8]) -> Cursor<Vec<u8>> {
        let mut bytes = Vec::new();
        let mut encoder = png::Encoder::new(&mut bytes, width, height);
        encoder.set_color(ColorType::Rgb);
        encoder.set_depth(BitDepth::Eight);
        encoder.write_header().unwrap().write_image_data(pixels).unwrap();
        Cursor::new(bytes)
    }

    #[test]
    fn interleaved_pixels_become_planes() {
        let pixels: Vec<u8> = (0..2 * PLANE).flat_map(|k| [(k / PLANE) as u8, 100, (k % 251) as u8]).collect();
        let batch = encode(png(1024, 2, &pixels), &[7, 3]).unwrap();
        assert_eq!(batch.len(), 2 * RECORD);
        assert_eq!(batch[..3], [7, 0, 0]);
        assert_eq!(batch[1 + PLANE], 100);
        assert_eq!(batch[1 + 2 * PLANE..1 + 2 * PLANE + 3], [0, 1, 2]);
        assert_eq!(batch[RECORD..RECORD + 2], [3, 1]);
    }

    #[test]
    fn other_extents_are_refused() {
        assert!(encode(png(1023, 1, &[0; 3 * 1023]), &[0]).unwrap_err().contains("1023"));
        assert!(encode(png(1024, 1, &[0; PIXELS]), &[0, 0]).is_err());
        assert!(encode(Cursor::new(b"not a png".to_vec()), &[0]).is_err());
    }
}
