//! Trained models have the recorded bits: every model but the dense one, every activation, pruning and growth rule, storage, tile width
//! and number of threads, the recipes of the firmware, and every SIMD level of this processor.
//!
//! `golden_bits.txt` holds the hashes. A change of any of them breaks runs that are resumed and numbers that were published:
//! it needs a decision and a line in the changelog. Dense models are left out: they use a GEMM crate, whose order of
//! summation is its own.

use std::path::Path;

use rewire::data::store::sha256;
use rewire::engine::native::SimdLevel;
use tempfile::tempdir;

use crate::program::succeed;

/// Hash and settings of every recorded run.
fn recorded() -> Vec<(&'static str, String)> {
    let mut shared = "";
    let mut runs = Vec::new();
    for line in include_str!("golden_bits.txt").lines().filter(|line| !line.starts_with('#')) {
        let (hash, settings) = line.split_once(' ').unwrap();
        if hash == "=" {
            shared = settings;
        } else {
            runs.push((hash, format!("{shared} {settings}")));
        }
    }
    runs
}

/// The hash of the model that these settings give.
fn trained(folder: &Path, settings: &str) -> String {
    succeed(folder, &format!("train mnist-mini {settings} --monitor-interval 0 --out run"));
    let hash = sha256(&std::fs::read(folder.join("run/model.safetensors")).unwrap());
    std::fs::remove_dir_all(folder.join("run")).unwrap();
    hash
}

#[test]
fn models_have_the_recorded_bits() {
    let folder = tempdir().unwrap();
    let runs = recorded();
    assert_eq!(runs.len(), 65);
    let changed: Vec<_> = runs.iter().filter(|(hash, settings)| trained(folder.path(), settings) != *hash).collect();
    assert!(changed.is_empty(), "{} of {} models have other bits: {changed:#?}", changed.len(), runs.len());
}

#[test]
fn simd_levels_and_threads_change_no_bit() {
    let folder = tempdir().unwrap();
    let chosen = [
        "--model set",
        "--activation srelu",
        "--pruning soft",
        "--growth hebbian",
        "--activation batch-norm-relu",
        "--activation batch-norm-residual",
        "--storage input-major --lanes 64",
    ];
    let runs = recorded();
    for level in SimdLevel::ALL.into_iter().filter(|level| level.is_available()) {
        for part in chosen {
            let (hash, settings) = runs.iter().find(|(_, settings)| settings.contains(part)).unwrap();
            let threads = if settings.contains("--threads") { "" } else { "--threads 3" };
            let settings = format!("{settings} --simd {level} {threads}");
            assert_eq!(trained(folder.path(), &settings), *hash, "{settings}");
        }
    }
}
