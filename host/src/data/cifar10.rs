//! CIFAR-10's official binary batches: records of one label byte and 3,072 pixel bytes, nothing else.
//!
//! ```text
//! byte 0         label, 0 to 9
//! bytes 1–1024   red plane, row by row, 32 x 32
//! bytes 1025–2048 green, bytes 2049–3072 blue
//! ```
//! A file has no header, so its length is the only other thing to check: exactly 10,000 records in each batch.
//!
//! Source: Krizhevsky 2009, "Learning multiple layers of features from tiny images", binary version.

use crate::data::error::Error;
use crate::data::idx::Origin;

/// Bytes of one image: three planes of 32 x 32.
pub const PIXELS: usize = 3 * 32 * 32;
/// Bytes of one record.
pub const RECORD: usize = 1 + PIXELS;
/// Records of an official batch.
pub const BATCH: usize = 10_000;

/// Appends a batch of `records` images to `pixels` and `labels`; on error both are unchanged.
///
/// # Errors
/// [`Error::Malformed`] when the length is not exactly `records` records or a label is `classes` or more.
pub fn append_batch(
    bytes: &[u8],
    records: usize,
    classes: u8,
    origin: Origin<'_>,
    pixels: &mut Vec<u8>,
    labels: &mut Vec<u16>,
) -> Result<(), Error> {
    let expected = records * RECORD;
    if bytes.len() < expected {
        return Err(origin.malformed(
            bytes.len() as u64,
            format!("the end of the file in record {}", bytes.len() / RECORD),
            format!("{records} records of {RECORD} bytes, {expected} bytes in all"),
        ));
    }
    if bytes.len() > expected {
        return Err(origin.malformed(
            expected as u64,
            "more bytes",
            format!("the end of the file after {records} records of {RECORD} bytes"),
        ));
    }
    let (batch, _) = bytes.as_chunks::<RECORD>();
    if let Some(at) = batch.iter().position(|record| record[0] >= classes) {
        return Err(origin.malformed(
            (at * RECORD) as u64,
            format!("label {} at record {at}", batch[at][0]),
            format!("a label from 0 to {}", classes.saturating_sub(1)),
        ));
    }
    pixels.reserve(records * PIXELS);
    labels.reserve(records);
    for record in batch {
        labels.push(record[0].into());
        pixels.extend_from_slice(&record[1..]);
    }
    Ok(())
}

/// Appends one record to a batch.
pub fn push_record(batch: &mut Vec<u8>, label: u8, planes: &[u8; PIXELS]) {
    batch.push(label);
    batch.extend_from_slice(planes);
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use proptest::prelude::*;

    use super::*;
    use crate::data::DatasetName;

    fn origin() -> Origin<'static> {
        Origin { dataset: Some(DatasetName::Cifar10), file: Path::new("cache/cifar10/data_batch_1.bin") }
    }

    fn batch() -> Vec<u8> {
        let mut bytes = Vec::new();
        push_record(&mut bytes, 6, &std::array::from_fn(|k| k as u8));
        push_record(&mut bytes, 9, &[7; PIXELS]);
        bytes
    }

    fn error_of(bytes: &[u8], classes: u8) -> (u64, String) {
        let (mut pixels, mut labels) = (Vec::new(), Vec::new());
        let error = append_batch(bytes, 2, classes, origin(), &mut pixels, &mut labels).unwrap_err();
        assert!(pixels.is_empty() && labels.is_empty());
        let text = error.to_string();
        assert!(text.contains("data_batch_1.bin") && text.contains("rewire data verify cifar10"), "{text}");
        match error {
            Error::Malformed { offset, .. } => (offset, text),
            other => panic!("{other}"),
        }
    }

    #[test]
    fn records_split_into_labels_and_planes() {
        let (mut pixels, mut labels) = (Vec::new(), Vec::new());
        append_batch(&batch(), 2, 10, origin(), &mut pixels, &mut labels).unwrap();
        append_batch(&batch(), 2, 10, origin(), &mut pixels, &mut labels).unwrap();
        assert_eq!(labels, [6, 9, 6, 9]);
        assert_eq!(pixels.len(), 4 * PIXELS);
        assert_eq!(pixels[..3], [0, 1, 2]);
        assert_eq!(pixels[PIXELS], 7);
    }

    #[test]
    fn truncated_batch_is_an_error_at_its_end() {
        let bytes = batch();
        for len in [0, 1, RECORD - 1, RECORD, 2 * RECORD - 1] {
            let (offset, text) = error_of(&bytes[..len], 10);
            assert_eq!(offset, len as u64);
            assert!(text.contains("the end of the file"), "{text}");
        }
    }

    #[test]
    fn oversized_batch_is_an_error() {
        let mut bytes = batch();
        bytes.push(0);
        let (offset, text) = error_of(&bytes, 10);
        assert_eq!(offset, 2 * RECORD as u64);
        assert!(text.contains("more bytes"), "{text}");
    }

    #[test]
    fn label_out_of_range_names_the_record() {
        let (offset, text) = error_of(&batch(), 9);
        assert_eq!(offset, RECORD as u64);
        assert!(text.contains("label 9 at record 1"), "{text}");
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(
            bytes in prop::collection::vec(any::<u8>(), 0..2 * RECORD),
            records in 0_usize..3,
            classes: u8,
        ) {
            let _ = append_batch(&bytes, records, classes, origin(), &mut Vec::new(), &mut Vec::new());
        }
    }
}
