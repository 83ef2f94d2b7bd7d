//! Runs with layers in blocks: the same bits on any number of threads, continued, and saved.

use std::path::Path;

use rewire::data::{self, DatasetName};
use rewire::engine::native::Native;
use rewire::model::safetensors::Model;
use rewire::training::checkpoint::NAMES;
use rewire::training::directory::{Epoch, MODEL, rows};
use rewire_core::network::Storage;
use tempfile::tempdir;

use crate::program::{run, succeed};

/// 784 inputs, a layer of two windows, one of many blocks, and an output layer whose neurons read every window.
const ARGUMENTS: &str = "train mnist-mini --storage blocked --hidden 70000,20000,70000 --connections 200000,140000,140000,60000 \
                         --batch-size 1 --momentum 0 --activation relu --dropout 0.1 --weight-decay 0.0001 \
                         --learning-rate 0.001 --train-samples 40 --test-samples 100";

fn file(folder: &Path, run: &str, name: &str) -> Vec<u8> {
    std::fs::read(folder.join(run).join(name)).unwrap()
}

#[test]
fn threads_and_an_interruption_change_no_bit() {
    let folder = tempdir().unwrap();
    let folder = folder.path();
    succeed(
        folder,
        &format!("{ARGUMENTS} --epochs 3 --threads 1 --schedule constant --zeta-schedule constant --out one"),
    );
    succeed(
        folder,
        &format!("{ARGUMENTS} --epochs 2 --threads 2 --schedule constant --zeta-schedule constant --out two"),
    );
    // The evolution after the second epoch, which was the last, is caught up on.
    succeed(folder, "train --resume --out two --epochs 3 --threads 2");
    assert!(file(folder, "one", MODEL) == file(folder, "two", MODEL));
    let (epochs, _) = rows::<Epoch>(&folder.join("one/metrics.csv")).unwrap();
    assert!(epochs[2].train_loss < epochs[0].train_loss, "{epochs:?}");

    let model = Model::load(&folder.join("one").join(MODEL)).unwrap();
    assert!(model.layers.iter().all(|layer| layer.spec.storage == Storage::Blocked));
    let dataset = data::load(DatasetName::MnistMini, Path::new("nowhere")).unwrap();
    let samples: Vec<u32> = (0..100).collect();
    let found = model.clone().evaluate_on(&dataset, samples.clone(), &Native::new(2).unwrap()).unwrap();
    // The same from the file, whose layers are read into the network.
    let path = folder.join("one").join(MODEL);
    let (mut outputs, mut from_file) = (Vec::new(), Vec::new());
    let native = Native::new(2).unwrap();
    model.each_output(&dataset.test, &samples, &native, |sample| outputs.extend_from_slice(sample)).unwrap();
    let opened = Model::open(&path).unwrap();
    let each = |sample: &[f32]| from_file.extend_from_slice(sample);
    assert_eq!(opened.evaluate_each(&dataset, samples.clone(), &native, each).unwrap(), found);
    assert_eq!((from_file.len(), from_file), (1000, outputs));
    // In rows the same connections give the same outputs, up to the order of the last layer's sums.
    let rows = model.clone().in_rows();
    assert_eq!(rows.layers[1].connections().count(), 140_000);
    let in_rows = rows.evaluate_on(&dataset, samples, &Native::new(2).unwrap()).unwrap();
    assert!((found.loss() - in_rows.loss()).abs() < 1e-4, "{} {}", found.loss(), in_rows.loss());
    assert_eq!(Model::from_bytes(&model.to_bytes().unwrap()).unwrap(), model);

    // A file whose structure is broken is refused.
    let mut bytes = model.to_bytes().unwrap();
    let len = bytes.len();
    bytes[len - 100_000..].fill(0xFF);
    assert!(Model::from_bytes(&bytes).is_err());
    std::fs::write(&path, bytes).unwrap();
    let said = run(folder, &format!("evaluate {}", path.display())).stderr;
    assert!(said.contains("layer 3") && !said.contains("panicked"), "{said}");
    let checkpoint = folder.join("two").join(NAMES[0]);
    let bytes = std::fs::metadata(&checkpoint).unwrap().len();
    let connections: u64 = 200_000 + 140_000 + 140_000 + 60_000;
    assert!(bytes < 4 * connections + 6 * 170_000 + 100_000, "{bytes}");
}

#[test]
fn larger_minibatches_learn() {
    let folder = tempdir().unwrap();
    let arguments = "train mnist-mini --storage blocked --hidden 3000,3000 --epsilon 10 --batch-size 16 --momentum 0 \
                     --activation leaky-relu --slope 0.2 --learning-rate 0.05 --epochs 3 --threads 2 --out run";
    succeed(folder.path(), arguments);
    let (epochs, _) = rows::<Epoch>(&folder.path().join("run/metrics.csv")).unwrap();
    assert!(epochs[2].test_accuracy > 0.85, "{epochs:?}");
    succeed(folder.path(), "plot run");
    succeed(folder.path(), "export --chip run");
}

#[test]
fn settings_that_blocks_do_not_know_are_refused_by_name() {
    let folder = tempdir().unwrap();
    let base = "train mnist-mini --storage blocked --hidden 50 --epochs 3";
    let usual = ["--momentum 0", "--batch-size 1", "--activation relu"];
    for (setting, flag) in [
        ("--momentum 0.5", "--momentum"),
        ("--batch-size 200", "--batch-size"),
        ("--activation srelu", "--activation"),
        ("--activation leaky-relu --slope -0.5", "--activation"),
        ("--model dense", "--model"),
        ("--topology local", "--topology"),
        ("--growth near", "--growth"),
        ("--pruning soft", "--pruning"),
        ("--percolation", "--percolation"),
        ("--average-weights 0.9", "--average-weights"),
        ("--importance-percentile 5", "--importance-percentile"),
        ("--connections-schedule linear", "--connections-schedule"),
    ] {
        let others: Vec<_> = usual.into_iter().filter(|other| !other.starts_with(flag)).collect();
        let output = run(folder.path(), &format!("{base} {} {setting}", others.join(" ")));
        let said = output.stderr;
        assert_eq!(output.code, Some(2), "{setting}: {said}");
        assert!(said.contains(flag) && said.contains("--storage blocked"), "{setting}: {said}");
    }
}
