//! IDX, the format of MNIST and Fashion-MNIST: a big-endian header, then raw bytes; plain or gzipped.
//!
//! | bytes | images (idx3) | labels (idx1) |
//! |---|---|---|
//! | 0–3 | magic `0x00000803` | magic `0x00000801` |
//! | 4–7 | count | count |
//! | 8–11, 12–15 | height, width | |
//! | then | `count * height * width` pixels | `count` labels |
//!
//! The reader is strict: the header must match the content exactly, nothing may follow, and no allocation is sized by a
//! number that only the header claims. Offsets in errors count bytes of the unpacked content.
//!
//! Over 400 lines, because reader, writer and a test of each way in which a file can be damaged belong together.
//!
//! Source: `LeCun`, Cortes, Burges, "The MNIST database", section "File formats".

use std::borrow::Cow;
use std::io::{self, Read, Write};
use std::path::Path;

use flate2::read::MultiGzDecoder;

use crate::data::error::Error;
use crate::data::name::DatasetName;

const IMAGES_MAGIC: u32 = 0x0000_0803;
const LABELS_MAGIC: u32 = 0x0000_0801;
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];
/// No dataset here is near it; a header that claims more is damaged, and a gzip bomb stops here.
const MAX_BYTES: u64 = 1 << 30;

/// Where content came from, for error messages.
#[derive(Debug, Clone, Copy)]
pub struct Origin<'a> {
    /// The known dataset it belongs to, if any.
    pub dataset: Option<DatasetName>,
    /// The file.
    pub file: &'a Path,
}

impl Origin<'_> {
    /// An error at a byte of the file.
    pub(crate) fn malformed(&self, offset: u64, found: impl Into<String>, expected: impl Into<String>) -> Error {
        Error::Malformed {
            dataset: self.dataset,
            path: self.file.to_owned(),
            offset,
            found: found.into(),
            expected: expected.into(),
        }
    }
}

/// The content of an images file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Images {
    /// Number of images.
    pub count: usize,
    /// Rows of one image.
    pub height: usize,
    /// Columns of one image.
    pub width: usize,
    /// `count * height * width` bytes, row by row.
    pub pixels: Vec<u8>,
}

/// Reads an images file (idx3, unsigned bytes), plain or gzipped. Plain content that is owned is not copied.
///
/// # Errors
/// [`Error::Malformed`] for a wrong magic number, a zero or absurd size, and missing or trailing bytes.
pub fn parse_images<'a>(bytes: impl Into<Cow<'a, [u8]>>, origin: Origin<'_>) -> Result<Images, Error> {
    let ([count, height, width], pixels) = parse(bytes.into(), IMAGES_MAGIC, ["images", "rows", "columns"], origin)?;
    Ok(Images { count, height, width, pixels })
}

/// Reads a labels file (idx1, unsigned bytes), plain or gzipped, and checks each label against `classes`.
///
/// # Errors
/// [`Error::Malformed`] as for [`parse_images`], and for a label of `classes` or more.
pub fn parse_labels<'a>(bytes: impl Into<Cow<'a, [u8]>>, classes: u8, origin: Origin<'_>) -> Result<Vec<u8>, Error> {
    let ([_], labels) = parse(bytes.into(), LABELS_MAGIC, ["labels"], origin)?;
    if let Some(at) = labels.iter().position(|&label| label >= classes) {
        return Err(origin.malformed(
            8 + at as u64,
            format!("label {} at sample {at}", labels[at]),
            format!("a label from 0 to {}", classes.saturating_sub(1)),
        ));
    }
    Ok(labels)
}

/// Reads a header of `N` sizes and the bytes they promise.
fn parse<const N: usize>(
    bytes: Cow<'_, [u8]>,
    magic: u32,
    names: [&str; N],
    origin: Origin<'_>,
) -> Result<([usize; N], Vec<u8>), Error> {
    let header_len = 4 + 4 * N;
    if !bytes.starts_with(&GZIP_MAGIC) {
        let (sizes, total) = sizes(&bytes[..bytes.len().min(header_len)], magic, names, origin)?;
        check_end((bytes.len() - header_len) as u64, total, sizes[0], names, origin)?;
        let mut content = bytes.into_owned();
        content.drain(..header_len);
        return Ok((sizes, content));
    }
    // Several members are legal gzip; reading all of them also rejects trailing garbage.
    let mut input = MultiGzDecoder::new(&*bytes);
    let mut header = Vec::new();
    let result = (&mut input).take(header_len as u64).read_to_end(&mut header);
    check_read(result, header.len() as u64, origin)?;
    let (sizes, total) = sizes(&header, magic, names, origin)?;
    // The content, not the header, decides how much is allocated.
    let mut content = Vec::with_capacity(bytes.len().min(total as usize));
    let result = input.take(total + 1).read_to_end(&mut content);
    check_read(result, (header_len + content.len()) as u64, origin)?;
    check_end(content.len() as u64, total, sizes[0], names, origin)?;
    Ok((sizes, content))
}

/// The sizes in a header, and the bytes of content that they promise.
fn sizes<const N: usize>(
    header: &[u8],
    magic: u32,
    names: [&str; N],
    origin: Origin<'_>,
) -> Result<([usize; N], u64), Error> {
    let header_len = 4 + 4 * N as u64;
    let word = |at: usize| header.get(at..at + 4).map(|b| u32::from_be_bytes([b[0], b[1], b[2], b[3]]));

    // The magic is judged before the length: a short file of another format is better called foreign than truncated.
    match word(0) {
        Some(found) if found == magic => {}
        Some(found) => {
            return Err(origin.malformed(0, describe(found), describe(magic)));
        }
        None => return Err(truncated(header.len() as u64, header_len, "header", origin)),
    }
    let mut sizes = [0_usize; N];
    let mut total = 1_u64;
    for (k, (size, name)) in sizes.iter_mut().zip(names).enumerate() {
        let at = 4 + 4 * k;
        let Some(value) = word(at) else {
            return Err(truncated(header.len() as u64, header_len, "header", origin));
        };
        if value == 0 {
            return Err(origin.malformed(at as u64, format!("0 {name}"), "at least 1"));
        }
        total = total.saturating_mul(u64::from(value));
        if total > MAX_BYTES {
            return Err(origin.malformed(
                at as u64,
                format!("{value} {name}, for {total} bytes or more"),
                format!("sizes of at most {MAX_BYTES} bytes"),
            ));
        }
        *size = value as usize;
    }
    Ok((sizes, total))
}

/// Checks that the content has exactly the bytes that the header promises.
fn check_end<const N: usize>(
    content: u64,
    total: u64,
    count: usize,
    names: [&str; N],
    origin: Origin<'_>,
) -> Result<(), Error> {
    let header_len = 4 + 4 * N as u64;
    let (end, expected_end) = (header_len + content, header_len + total);
    if end < expected_end {
        return Err(truncated(end, expected_end, "content", origin));
    }
    if end > expected_end {
        return Err(origin.malformed(
            expected_end,
            "more bytes",
            format!("the end of the file after {count} {}", names[0]),
        ));
    }
    Ok(())
}

/// Reading from memory fails only when a gzip stream is damaged or cut.
fn check_read(result: io::Result<usize>, offset: u64, origin: Origin<'_>) -> Result<(), Error> {
    match result {
        Ok(_) => Ok(()),
        Err(error) => Err(origin.malformed(offset, format!("a damaged gzip stream ({error})"), "a whole one")),
    }
}

fn truncated(end: u64, expected: u64, part: &str, origin: Origin<'_>) -> Error {
    origin.malformed(end, "the end of the file", format!("{expected} bytes to the end of the {part}"))
}

fn describe(magic: u32) -> String {
    let meaning = match magic {
        IMAGES_MAGIC => " (IDX images)",
        LABELS_MAGIC => " (IDX labels)",
        _ => "",
    };
    format!("magic number {magic:#010x}{meaning}")
}

/// Writes an images file; the count follows from the length of `pixels`.
///
/// # Errors
/// The writer's, and `InvalidInput` when `pixels` is not a whole number of images or a size exceeds `u32`.
pub fn write_images(out: &mut impl Write, height: usize, width: usize, pixels: &[u8]) -> io::Result<()> {
    let features = height.saturating_mul(width);
    if features == 0 || !pixels.len().is_multiple_of(features) {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "pixels are not a whole number of images"));
    }
    write_header(out, IMAGES_MAGIC, &[pixels.len() / features, height, width])?;
    out.write_all(pixels)
}

/// Writes a labels file.
///
/// # Errors
/// The writer's, and `InvalidInput` when the count exceeds `u32`.
pub fn write_labels(out: &mut impl Write, labels: &[u8]) -> io::Result<()> {
    write_header(out, LABELS_MAGIC, &[labels.len()])?;
    out.write_all(labels)
}

fn write_header(out: &mut impl Write, magic: u32, sizes: &[usize]) -> io::Result<()> {
    out.write_all(&magic.to_be_bytes())?;
    for &size in sizes {
        let size = u32::try_from(size).map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
        out.write_all(&size.to_be_bytes())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use proptest::prelude::*;

    use super::*;

    fn origin() -> Origin<'static> {
        Origin { dataset: Some(DatasetName::Mnist), file: Path::new("cache/mnist/some-file") }
    }

    fn images() -> Vec<u8> {
        let mut bytes = Vec::new();
        write_images(&mut bytes, 2, 3, &(0..24).collect::<Vec<_>>()).unwrap();
        bytes
    }

    fn labels() -> Vec<u8> {
        let mut bytes = Vec::new();
        write_labels(&mut bytes, &[3, 0, 9, 1]).unwrap();
        bytes
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    /// The offset of the error, after checking that the message names file and remedy.
    fn offset_of<T: std::fmt::Debug>(result: Result<T, Error>, found: &str) -> u64 {
        let error = result.unwrap_err();
        let text = error.to_string();
        assert!(text.contains("cache/mnist/some-file"), "{text}");
        assert!(text.contains("rewire data verify mnist"), "{text}");
        assert!(text.contains(found), "{text}");
        match error {
            Error::Malformed { offset, .. } => offset,
            other => panic!("{other}"),
        }
    }

    #[test]
    fn plain_content_that_is_owned_is_not_copied() {
        let bytes = images();
        let place = bytes.as_ptr();
        assert_eq!(parse_images(bytes, origin()).unwrap().pixels.as_ptr(), place);
    }

    #[test]
    fn header_is_big_endian_and_content_follows() {
        let bytes = images();
        assert_eq!(bytes[..16], [0, 0, 8, 3, 0, 0, 0, 4, 0, 0, 0, 2, 0, 0, 0, 3]);
        let read = parse_images(&bytes, origin()).unwrap();
        assert_eq!((read.count, read.height, read.width), (4, 2, 3));
        assert_eq!(read.pixels, (0..24).collect::<Vec<_>>());
        assert_eq!(parse_labels(labels(), 10, origin()).unwrap(), [3, 0, 9, 1]);
    }

    #[test]
    fn gzipped_equals_plain() {
        assert_eq!(parse_images(gzip(&images()), origin()).unwrap(), parse_images(images(), origin()).unwrap());
        assert_eq!(parse_labels(gzip(&labels()), 10, origin()).unwrap(), [3, 0, 9, 1]);
    }

    #[test]
    fn wrong_magic_is_named() {
        assert_eq!(offset_of(parse_images(labels(), origin()), "0x00000801 (IDX labels)"), 0);
        assert_eq!(offset_of(parse_labels(images(), 10, origin()), "expected magic number 0x00000801"), 0);
        assert_eq!(offset_of(parse_images(b"<!DOCTYPE html>", origin()), "0x3c21444f"), 0);
    }

    #[test]
    fn every_truncation_is_an_error_at_its_end() {
        for bytes in [images(), labels()] {
            for len in 0..bytes.len() {
                let cut = &bytes[..len];
                let result = if bytes[3] == 3 {
                    parse_images(cut, origin()).map(|_| ())
                } else {
                    parse_labels(cut, 10, origin()).map(|_| ())
                };
                assert_eq!(offset_of(result, "the end of the file"), len as u64);
            }
        }
    }

    #[test]
    fn every_truncation_of_a_gzip_is_an_error() {
        let bytes = gzip(&images());
        for len in 0..bytes.len() {
            assert!(parse_images(&bytes[..len], origin()).is_err(), "{len}");
        }
    }

    #[test]
    fn trailing_bytes_are_an_error() {
        let mut bytes = images();
        bytes.push(0);
        assert_eq!(offset_of(parse_images(&bytes, origin()), "more bytes"), 16 + 24);
        assert_eq!(offset_of(parse_images(gzip(&bytes), origin()), "more bytes"), 16 + 24);
        let mut packed = gzip(&images());
        packed.push(0);
        assert_eq!(offset_of(parse_images(&packed, origin()), "damaged gzip"), 16 + 24);
    }

    #[test]
    fn a_flipped_gzip_byte_is_an_error() {
        let mut bytes = gzip(&images());
        let crc = bytes.len() - 8;
        bytes[crc] ^= 1;
        assert_eq!(offset_of(parse_images(&bytes, origin()), "damaged gzip"), 16 + 24);
    }

    #[test]
    fn zero_sizes_are_errors() {
        for (at, name) in [(7, "0 images"), (11, "0 rows"), (15, "0 columns")] {
            let mut bytes = images();
            bytes[at] = 0;
            assert_eq!(offset_of(parse_images(&bytes, origin()), name), at as u64 - 3);
        }
        let mut bytes = labels();
        bytes[7] = 0;
        assert_eq!(offset_of(parse_labels(&bytes, 10, origin()), "0 labels"), 4);
    }

    #[test]
    fn huge_sizes_neither_overflow_nor_allocate() {
        let mut bytes = images();
        bytes[4..16].fill(0xff);
        assert_eq!(offset_of(parse_images(&bytes, origin()), "4294967295 images"), 4);
        // Products of plausible sizes are bounded too.
        let mut bytes = images();
        bytes[4..16].copy_from_slice(&[0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0]);
        assert_eq!(offset_of(parse_images(&bytes, origin()), "65536 rows"), 8);
        // Below the bound, the missing content is what is reported.
        let mut bytes = images();
        bytes[4..8].copy_from_slice(&[1, 0, 0, 0]);
        assert_eq!(offset_of(parse_images(&bytes, origin()), "the end of the file"), 16 + 24);
    }

    #[test]
    fn count_above_content_is_an_error() {
        let mut bytes = labels();
        bytes[7] = 5;
        assert_eq!(offset_of(parse_labels(&bytes, 10, origin()), "the end of the file"), 12);
    }

    #[test]
    fn label_out_of_range_names_the_sample() {
        assert_eq!(offset_of(parse_labels(labels(), 9, origin()), "label 9 at sample 2"), 10);
    }

    #[test]
    fn writer_rejects_a_broken_image() {
        assert!(write_images(&mut Vec::new(), 2, 3, &[0; 7]).is_err());
        assert!(write_images(&mut Vec::new(), 0, 3, &[]).is_err());
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), classes: u8) {
            let _ = parse_images(&bytes, origin());
            let _ = parse_labels(&bytes, classes, origin());
        }

        #[test]
        fn arbitrary_headers_never_panic(
            images: bool,
            gzipped: bool,
            tail in prop::collection::vec(prop_oneof![Just(0_u8), Just(1), Just(255), any::<u8>()], 0..64),
        ) {
            let mut bytes = vec![0, 0, 8, if images { 3 } else { 1 }];
            bytes.extend(tail);
            if gzipped {
                bytes = gzip(&bytes);
            }
            let _ = parse_images(&bytes, origin());
            let _ = parse_labels(&bytes, 10, origin());
        }

        #[test]
        fn what_is_written_is_read_back(height in 1_usize..5, width in 1_usize..5, count in 1_usize..6, seed: u8) {
            let pixels: Vec<u8> = (0..height * width * count).map(|k| (k as u8).wrapping_mul(seed)).collect();
            let mut bytes = Vec::new();
            write_images(&mut bytes, height, width, &pixels).unwrap();
            let read = parse_images(&bytes, origin()).unwrap();
            prop_assert_eq!(read, Images { count, height, width, pixels });
        }
    }
}
