//! Datasets that are damaged or not there.

use std::fs;
use std::io::{Seek, SeekFrom, Write};

use tempfile::{TempDir, tempdir};

use crate::program::{Outcome, run, succeed};
use crate::support::{QUICK, assert_refused, listing};

const FILES: [(&str, u64, [u8; 16]); 4] = [
    ("train-images-idx3-ubyte", 47_040_016, [0, 0, 8, 3, 0, 0, 234, 96, 0, 0, 0, 28, 0, 0, 0, 28]),
    ("train-labels-idx1-ubyte", 60_008, [0, 0, 8, 1, 0, 0, 234, 96, 0, 0, 0, 0, 0, 0, 0, 0]),
    ("t10k-images-idx3-ubyte", 7_840_016, [0, 0, 8, 3, 0, 0, 39, 16, 0, 0, 0, 28, 0, 0, 0, 28]),
    ("t10k-labels-idx1-ubyte", 10_008, [0, 0, 8, 1, 0, 0, 39, 16, 0, 0, 0, 0, 0, 0, 0, 0]),
];

fn blank_mnist() -> TempDir {
    blank("mnist")
}

/// A cache with MNIST or Fashion-MNIST of the right sizes and headers, whose pixels and labels are all zero: holes, mostly.
pub(crate) fn blank(dataset: &str) -> TempDir {
    let cache = tempdir().unwrap();
    fs::create_dir(cache.path().join(dataset)).unwrap();
    for (name, bytes, header) in FILES {
        let mut file = fs::File::create(cache.path().join(dataset).join(name)).unwrap();
        file.write_all(&header).unwrap();
        file.set_len(bytes).unwrap();
    }
    cache
}

fn overwrite(cache: &TempDir, name: &str, at: u64, bytes: &[u8]) {
    let mut file = fs::OpenOptions::new().write(true).open(cache.path().join("mnist").join(name)).unwrap();
    file.seek(SeekFrom::Start(at)).unwrap();
    file.write_all(bytes).unwrap();
}

fn train_on(cache: &TempDir) -> (Outcome, String) {
    let folder = tempdir().unwrap();
    let outcome = run(folder.path(), &format!("train mnist {QUICK} --data-dir {}", cache.path().display()));
    (outcome, listing(folder.path()))
}

#[test]
fn a_damaged_dataset_is_refused_by_file_and_place() {
    // The blank one is sound in itself, so each refusal below is due to its damage.
    let (outcome, left) = train_on(&blank_mnist());
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    assert!(left.contains("model.safetensors"));
    let cases: [(&str, u64, &[u8], &[&str]); 9] = [
        ("train-images-idx3-ubyte", 2, &[9], &["byte 0", "0x00000803"]),
        ("t10k-images-idx3-ubyte", 0, &[0x1f, 0x8b], &["byte 0"]),
        ("train-labels-idx1-ubyte", 3, &[3], &["byte 0", "0x00000801"]),
        ("train-images-idx3-ubyte", 4, &59_999_u32.to_be_bytes(), &["more bytes"]),
        ("train-images-idx3-ubyte", 4, &60_001_u32.to_be_bytes(), &["the end of the file"]),
        ("train-images-idx3-ubyte", 8, &[0, 0, 0, 14, 0, 0, 0, 56], &["byte 8", "14 x 56", "28 x 28"]),
        ("t10k-labels-idx1-ubyte", 4, &9_999_u32.to_be_bytes(), &["more bytes"]),
        ("t10k-labels-idx1-ubyte", 4, &[0xff; 4], &["byte 4", "4294967295"]),
        ("train-labels-idx1-ubyte", 8 + 77, &[10], &["byte 85", "label 10", "sample 77"]),
    ];
    for (name, at, bytes, words) in cases {
        let cache = blank_mnist();
        overwrite(&cache, name, at, bytes);
        let before = listing(cache.path());
        let (outcome, left) = train_on(&cache);
        assert_refused(&outcome, 1, words);
        assert_refused(
            &outcome,
            1,
            &[name, "found", "expected", "`rewire data verify mnist`", "`rewire data fetch mnist`"],
        );
        assert_eq!(outcome.stderr.lines().count(), 1, "{}", outcome.stderr);
        assert_eq!(left, "");
        assert_eq!(listing(cache.path()), before);
    }
}

#[test]
fn a_truncated_or_oversized_dataset_is_fetched_again_or_refused_by_file() {
    for (at, change) in [(0, -1_i64), (1, 1), (2, -7_840_016), (3, 10_000)] {
        let (name, bytes, _) = FILES[at];
        let cache = blank_mnist();
        let path = cache.path().join("mnist").join(name);
        let changed = bytes.checked_add_signed(change).unwrap();
        fs::OpenOptions::new().write(true).open(path).unwrap().set_len(changed).unwrap();
        let before = listing(cache.path());
        let (outcome, left) = train_on(&cache);
        assert_eq!(outcome.code, Some(1), "{}", outcome.stderr);
        for words in [
            "mnist is not in",
            &format!("{name} has {changed} bytes, expected {bytes}; replacing it"),
            "rewire: cannot fetch mnist: no source worked",
            "npm",
            &format!("{name} ({bytes} bytes)"),
            "`rewire data verify mnist`",
        ] {
            assert!(outcome.stderr.contains(words), "'{words}' is not in: {}", outcome.stderr);
        }
        assert_eq!(left, "", "no run begins");
        assert_eq!(listing(cache.path()), before, "what is there stays until there is better");
    }
}

#[test]
fn a_dataset_without_a_source_is_refused_with_what_was_tried() {
    let folder = tempdir().unwrap();
    let outcome = run(folder.path(), &format!("train fashion-mnist {QUICK} --data-dir cache"));
    assert_eq!(outcome.code, Some(1), "{}", outcome.stderr);
    for words in ["cannot fetch fashion-mnist", "http", "train-images-idx3-ubyte", "cache/fashion-mnist"] {
        assert!(outcome.stderr.contains(words), "'{words}' is not in: {}", outcome.stderr);
    }
    assert!(!listing(folder.path()).contains("config.toml"));
    assert!(!listing(folder.path()).contains(".part"), "{}", listing(folder.path()));
}

#[test]
fn verify_names_every_damaged_file() {
    let folder = tempdir().unwrap();
    let cache = blank_mnist();
    let outcome = run(folder.path(), &format!("data verify mnist --data-dir {}", cache.path().display()));
    assert_eq!(outcome.code, Some(1));
    for (name, ..) in FILES {
        assert!(outcome.stderr.contains(name) && outcome.stdout.contains(name), "{outcome:?}");
    }
    assert!(outcome.stderr.contains("`rewire data fetch mnist`"), "{}", outcome.stderr);
    succeed(folder.path(), "data verify mnist-mini");
}
