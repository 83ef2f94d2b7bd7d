//! Datasets in the cache: loading, malformed files, verification.

use std::fs;
use std::path::{Path, PathBuf};

use rewire::commands::data as command;
use rewire::data::manifest::{self, Entry, Role};
use rewire::data::store::{self, State};
use rewire::data::{self, DatasetName, Error, idx};

const SAMPLES: [usize; 2] = [40, 20];
const FEATURES: usize = 28 * 28;

/// A small dataset laid out as MNIST: its manifest entry and the content of its files.
pub(crate) fn small() -> (Entry, Vec<Vec<u8>>) {
    let mut entry = manifest::entry(DatasetName::Mnist).clone();
    [entry.train_samples, entry.test_samples] = SAMPLES;
    entry.sources.clear();
    let mut contents = Vec::new();
    for file in &mut entry.files {
        let samples = SAMPLES[usize::from(matches!(file.role, Role::TestImages | Role::TestLabels))];
        let mut bytes = Vec::new();
        if matches!(file.role, Role::TrainImages | Role::TestImages) {
            // Noise, so that gzip cannot shrink the download to a few packets.
            let mut state = samples as u32;
            let mut noise = || {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (state >> 24) as u8
            };
            let pixels: Vec<u8> = (0..samples * FEATURES).map(|_| noise()).collect();
            idx::write_images(&mut bytes, 28, 28, &pixels).unwrap();
        } else {
            let labels: Vec<u8> = (0..samples).map(|k| (k % 10) as u8).collect();
            idx::write_labels(&mut bytes, &labels).unwrap();
        }
        file.bytes = bytes.len() as u64;
        file.sha256 = store::sha256(&bytes);
        contents.push(bytes);
    }
    (entry, contents)
}

/// A cache that holds the small dataset.
pub(crate) fn placed() -> (tempfile::TempDir, Entry) {
    let (entry, contents) = small();
    let cache = tempfile::tempdir().unwrap();
    fs::create_dir(store::folder(&entry, cache.path())).unwrap();
    for (file, content) in entry.files.iter().zip(&contents) {
        fs::write(store::path(&entry, cache.path(), file), content).unwrap();
    }
    (cache, entry)
}

pub(crate) fn names(folder: &Path) -> Vec<String> {
    let Ok(items) = fs::read_dir(folder) else { return Vec::new() };
    let mut names: Vec<_> = items.map(|item| item.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

pub(crate) fn edit(cache: &Path, entry: &Entry, file: usize, change: impl FnOnce(&mut Vec<u8>)) -> PathBuf {
    let path = store::path(entry, cache, &entry.files[file]);
    let mut bytes = fs::read(&path).unwrap();
    change(&mut bytes);
    fs::write(&path, bytes).unwrap();
    path
}

// ---- loading ----

#[test]
fn a_placed_dataset_loads() {
    let (cache, entry) = placed();
    let data = data::load_entry(&entry, cache.path()).unwrap();
    assert_eq!((data.train.len(), data.test.len(), data.outputs), (40, 20, 10));
    assert_eq!(data.train.features.len(), 40 * FEATURES);
    assert_eq!(data.test.labels[..3], [0, 1, 2]);
}

#[test]
fn each_malformed_file_is_one_sentence_with_file_offset_and_remedy() {
    type Change = fn(&mut Vec<u8>);
    let cases: [(&str, usize, Change, u64, &str, &str); 8] = [
        ("wrong magic", 0, |b| b[3] = 1, 0, "magic number 0x00000801", "magic number 0x00000803"),
        ("truncated header", 0, |b| b.truncate(9), 9, "the end of the file", "16 bytes"),
        ("truncated pixels", 0, |b| b.truncate(1000), 1000, "the end of the file", "31376 bytes"),
        ("oversized", 0, |b| b.push(0), 31376, "more bytes", "the end of the file after 40 images"),
        (
            "image count",
            0,
            |b| {
                b[7] = 39;
                b.truncate(16 + 39 * FEATURES);
            },
            4,
            "39 images",
            "40 images",
        ),
        (
            "image extent",
            0,
            |b| {
                b[11] = 56;
                b[15] = 14;
            },
            8,
            "images of 56 x 14",
            "28 x 28",
        ),
        (
            "label count",
            1,
            |b| {
                b[7] = 39;
                b.truncate(8 + 39);
            },
            4,
            "39 labels",
            "40 labels, one for each image",
        ),
        ("label range", 3, |b| b[8 + 5] = 10, 13, "label 10 at sample 5", "a label from 0 to 9"),
    ];
    for (case, file, change, offset, found, expected) in cases {
        let (cache, entry) = placed();
        let path = edit(cache.path(), &entry, file, change);
        let error = data::load_entry(&entry, cache.path()).unwrap_err();
        let text = error.to_string();
        assert_eq!(text.lines().count(), 1, "{case}: {text}");
        let start = format!("{}: byte {offset}: found {found}", path.display());
        assert!(text.starts_with(&start), "{case}: {text}");
        assert!(text.contains(&format!("expected {expected}")), "{case}: {text}");
        assert!(text.contains("rewire data fetch mnist"), "{case}: {text}");
        // What does not load does not verify either.
        assert!(command::verify_entries(&[&entry], cache.path(), false, &mut Vec::new()).is_err(), "{case}");
    }
}

#[test]
fn a_missing_file_is_named_with_the_command_that_brings_it() {
    let (cache, entry) = placed();
    let path = store::path(&entry, cache.path(), &entry.files[2]);
    fs::remove_file(&path).unwrap();
    let text = data::load_entry(&entry, cache.path()).unwrap_err().to_string();
    assert!(text.contains(&path.display().to_string()) && text.contains("rewire data fetch mnist"), "{text}");
    assert_eq!(store::state(&entry, cache.path()), State::Partial);
}

#[test]
fn a_cifar10_batch_of_another_length_is_refused() {
    let mut entry = manifest::entry(DatasetName::Cifar10).clone();
    for file in &mut entry.files {
        file.bytes = 2 * 3073;
    }
    let cache = tempfile::tempdir().unwrap();
    fs::create_dir(store::folder(&entry, cache.path())).unwrap();
    let write = |file: usize, len: usize| {
        fs::write(store::path(&entry, cache.path(), &entry.files[file]), vec![7; len]).unwrap();
    };
    (0..6).for_each(|file| write(file, 2 * 3073));
    let data = data::load_entry(&entry, cache.path()).unwrap();
    assert_eq!((data.train.len(), data.test.len()), (10, 2));
    for (len, offset) in [(3073, 3073), (6147, 6146), (0, 0)] {
        write(3, len);
        match data::load_entry(&entry, cache.path()).unwrap_err() {
            Error::Malformed { path, offset: found, .. } => {
                assert!(path.ends_with("cifar10/data_batch_4.bin"));
                assert_eq!(found, offset);
            }
            other => panic!("{other}"),
        }
    }
}

// ---- verifying ----

#[test]
fn verify_detects_one_flipped_byte() {
    let (cache, entry) = placed();
    let mut out = Vec::new();
    command::verify_entries(&[&entry], cache.path(), false, &mut out).unwrap();
    assert_eq!(String::from_utf8(out).unwrap().matches(": ok").count(), 4);
    for file in 0..4 {
        let (cache, entry) = placed();
        edit(cache.path(), &entry, file, |bytes| *bytes.last_mut().unwrap() ^= 1);
        // The size is still right, so only the hash can tell.
        assert_eq!(store::state(&entry, cache.path()), State::Present);
        let mut out = Vec::new();
        let error = command::verify_entries(&[&entry], cache.path(), true, &mut out).unwrap_err();
        match error {
            Error::Unverified { bad, .. } => assert_eq!(bad, [format!("mnist/{}", entry.files[file].name)]),
            other => panic!("{other}"),
        }
        let text = String::from_utf8(out).unwrap();
        assert_eq!(text.matches("\"ok\": false").count(), 1, "{text}");
    }
}
