//! A filter that images go through: part of a model, wherever its network is used.

use std::fs;

use rewire_tests::numpy::npy;
use tempfile::tempdir;

use crate::own_data::{json, points};
use crate::program::{run, succeed};
use crate::support::assert_refused;

const SMALL: &str = "--filter contrast --hidden 48 --epochs 2 --train-samples 400 --monitor-interval 0";

#[test]
fn a_model_filters_what_it_measures_and_predicts_as_in_training() {
    let folder = tempdir().unwrap();
    let path = folder.path();
    succeed(path, &format!("train mnist-mini {SMALL} --out run"));
    let metrics = fs::read_to_string(path.join("run/metrics.csv")).unwrap();
    let last: Vec<f64> = metrics.lines().last().unwrap().split(',').map(|cell| cell.parse().unwrap()).collect();
    fs::copy(path.join("run/model.safetensors"), path.join("alone.safetensors")).unwrap();
    for model in ["run", "alone.safetensors"] {
        let evaluated = json(path, &format!("evaluate {model} --json"));
        assert_eq!(
            evaluated["test_accuracy"].as_f64().map(|accuracy| accuracy as f32),
            Some(last[5] as f32),
            "{model}"
        );
    }
    // Three images of digits, as bytes and as floats.
    let pixels: Vec<u8> = (0..3 * 784u32).map(|i| (i * i % 255) as u8 * u8::from(i % 28 > 9 && i % 28 < 18)).collect();
    let floats: Vec<u8> = pixels.iter().flat_map(|&pixel| f32::from(pixel).to_le_bytes()).collect();
    fs::write(path.join("bytes.npy"), npy("|u1", "(3, 784)", &pixels)).unwrap();
    fs::write(path.join("floats.npy"), npy("<f4", "(3, 784)", &floats)).unwrap();
    let predicted = |file: &str| succeed(path, &format!("predict alone.safetensors {file}"));
    assert_eq!(predicted("bytes.npy"), predicted("floats.npy"));
    fs::write(path.join("halves.npy"), npy("<f4", "(1, 784)", &0.5f32.to_le_bytes().repeat(784))).unwrap();
    assert_refused(
        &run(path, "predict alone.safetensors halves.npy"),
        2,
        &["halves.npy: a feature is 0.5", "from 0 to 255"],
    );
    assert_refused(&run(path, "export run --chip --out model.image"), 1, &["--filter none"]);
    let other = format!("train mnist-mini {SMALL} --filter none --out other");
    succeed(path, &other.replacen("--filter contrast ", "", 1));
    assert_refused(&run(path, "average run other --out both"), 1, &["filtered or scaled otherwise"]);
}

#[test]
fn features_are_selected_of_filtered_images() {
    let folder = tempdir().unwrap();
    let path = folder.path();
    succeed(path, &format!("train mnist-mini {SMALL} --out run"));
    succeed(path, "features run --top 50% --epochs 1 --out features");
    let table = fs::read_to_string(path.join("features/features.csv")).unwrap();
    let variance = |line: &str| line.split(',').nth(7).unwrap().parse::<f64>().unwrap();
    // Pixels in a corner are 0 in all images, and so is their difference from the mean around them.
    let corner = table.lines().find(|line| line.split(',').nth(1) == Some("0")).unwrap();
    let highest = table.lines().skip(1).map(variance).fold(0.0, f64::max);
    assert!(variance(corner) == 0.0 && (100.0..6000.0).contains(&highest), "{highest}");
}

#[test]
fn a_filter_needs_images_of_pixels() {
    let folder = tempdir().unwrap();
    let path = folder.path();
    fs::write(path.join("table.csv"), points(60, None)).unwrap();
    assert_refused(&run(path, "train table.csv --filter contrast"), 2, &["--filter needs images"]);
    assert_refused(&run(path, "train table.csv --filter contrast --shape 1x1x3"), 2, &["--filter needs pixels"]);
    assert_refused(
        &run(path, "train mnist-mini --filter contrast --augment --jitter 0.2"),
        2,
        &["--jitter", "contrast"],
    );
    let autoencoder =
        run(path, "train mnist-mini --filter contrast --task reconstruct --hidden 9 --epochs 1 --out run");
    assert!(autoencoder.stderr.contains("--filter has no effect with --task reconstruct"), "{}", autoencoder.stderr);
    assert!(json(path, "evaluate run --json")["threshold"].is_number());
}
