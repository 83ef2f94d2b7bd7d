//! `rewire scale`: sizes beside each other, none trained twice, and what is refused.

use std::fs;

use rewire::analysis::saved::SavedRun;
use serde_json::Value;
use tempfile::tempdir;

use crate::program::{run, succeed};
use crate::support::{assert_refused, names, refused};

const QUICK: &str = "--samples 10 --test-samples 10 --threads 1";

/// The sizes of a table, each of which has what a measurement says. So many bytes may never have been touched.
fn measured(json: &str, untouched: f64) -> Vec<Value> {
    let table: Value = serde_json::from_str(json).unwrap();
    let sizes = table["sizes"].as_array().unwrap();
    let number = |size: &Value, name: &str| size[name].as_f64().unwrap_or_else(|| panic!("{name}: {size}"));
    assert_eq!(sizes.iter().map(|size| number(size, "neurons")).collect::<Vec<_>>(), [1e4, 1e5]);
    assert_eq!(table["beyond"], Value::Null);
    for size in sizes {
        let predicted = number(size, "predicted_bytes");
        if cfg!(target_os = "linux") {
            // Parts of pages at both ends count whole.
            let difference = (number(size, "network_bytes") - predicted).abs();
            assert!(difference <= 0.02 * predicted + 8192.0 + untouched, "{size}");
            assert!(number(size, "process_bytes") > predicted, "{size}");
        }
        for name in ["draw_seconds", "sample_seconds", "evolve_seconds", "save_seconds", "loss_before", "loss_after"] {
            assert!(number(size, name) > 0.0, "{name}: {size}");
        }
        let expected = 1e9 * number(size, "sample_seconds") / number(size, "connections");
        assert!((number(size, "connection_nanoseconds") / expected - 1.0).abs() < 1e-9);
    }
    sizes.clone()
}

#[test]
fn sizes_are_measured_once_and_their_settings_train_the_same_network() {
    let folder = tempdir().unwrap();
    let command = format!("scale --up-to 100000 {QUICK} --out sizes --json");
    let json = succeed(folder.path(), &command);
    let sizes = measured(&json, 0.0);
    let out = folder.path().join("sizes");
    let files = ["10000.json", "10000.toml", "100000.json", "100000.toml"];
    let drawn = ["scale.json", "scale.md", "scale.png", "scale.svg"];
    assert_eq!(names(&out), [&files[..], &drawn].concat());

    // The same numbers, although training would have taken other times.
    let again = run(folder.path(), &command);
    assert_eq!((again.stdout, again.stderr.contains("epoch")), (json, false));
    // A size that is missing is measured; the table has what was asked for.
    fs::remove_file(out.join("10000.json")).unwrap();
    let again = run(folder.path(), &format!("scale --up-to 10000 {QUICK} --out sizes"));
    assert_eq!(again.stderr.matches("epoch ").count(), 2, "{}", again.stderr);
    assert!(again.stdout.contains(" 1e4 ") && !again.stdout.contains(" 1e5 "), "{}", again.stdout);

    succeed(folder.path(), "train --config sizes/10000.toml --out run");
    let loss = SavedRun::read(&folder.path().join("run")).unwrap().epochs.last().unwrap().test_loss;
    assert_eq!(sizes[0]["loss_after"].as_f64().unwrap() as f32, loss);
    let other = run(folder.path(), &format!("scale --up-to 10000 {QUICK} --epochs 3 --out sizes"));
    assert_refused(&other, 2, &["10000.json is of another network", "epochs is 2 there, not 3", "--out"]);
}

#[test]
fn layers_in_blocks_are_measured_as_others_are() {
    let folder = tempdir().unwrap();
    let json = succeed(folder.path(), &format!("scale --storage blocked --up-to 100000 {QUICK} --out sizes --json"));
    // Growth seldom needs all that it may work in: 16 KB of each layer.
    measured(&json, 11.0 * 16_384.0);
}

#[test]
fn what_cannot_be_measured_is_refused() {
    refused(2, "scale --up-to 9999", &["--up-to is 9999", "at least 10000"]);
    refused(2, "scale --up-to 10000 --hidden 5", &["--hidden"]);
    refused(2, "scale --up-to 10000 --classes 1", &["--classes is 1"]);
    refused(2, "scale --measure 10000.toml --epochs 3", &["--measure takes all settings from its file"]);
    refused(2, "scale --measure 10000.toml", &["cannot read the settings in 10000.toml"]);
}

#[test]
fn a_size_beyond_the_memory_is_named_with_what_it_needs() {
    let folder = tempdir().unwrap();
    // 2^32 - 1 features of a thousand connections each, with four bytes a weight.
    let large = "scale --up-to 10000 --model dense --features 4294967295 --informative 5 --out sizes";
    if cfg!(target_os = "linux") {
        assert_refused(&run(folder.path(), large), 1, &["1e4 neurons need 171", "bytes of memory", "are available"]);
        assert_eq!(names(&folder.path().join("sizes")), [""; 0]);
    }
}
