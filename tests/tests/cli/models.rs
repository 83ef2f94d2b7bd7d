//! Models that are damaged or do not fit.

use std::fs;

use safetensors::tensor::{Dtype, SafeTensors, TensorView, serialize};
use serde_json::Value;
use tempfile::tempdir;

use crate::datasets::blank;
use crate::program::{run, succeed};
use crate::support::{QUICK, assert_refused, listing, model_bytes, refused};

/// A model file taken apart.
struct Parts {
    header: Value,
    tensors: Vec<(String, Dtype, Vec<usize>, Vec<u8>)>,
}

impl Parts {
    fn read(file: &[u8]) -> Self {
        let (_, metadata) = SafeTensors::read_metadata(file).unwrap();
        let header = serde_json::from_str(&metadata.metadata().as_ref().unwrap()["rewire"]).unwrap();
        let tensors = SafeTensors::deserialize(file).unwrap();
        let part =
            |(name, view): (String, TensorView<'_>)| (name, view.dtype(), view.shape().to_vec(), view.data().to_vec());
        Self { header, tensors: tensors.tensors().into_iter().map(part).collect() }
    }

    fn write(&self) -> Vec<u8> {
        let metadata = [("rewire".to_owned(), self.header.to_string())].into();
        serialize(self.views(), Some(metadata)).unwrap()
    }

    fn views(&self) -> impl Iterator<Item = (&str, TensorView<'_>)> {
        self.tensors
            .iter()
            .map(|(name, dtype, shape, data)| (name.as_str(), TensorView::new(*dtype, shape.clone(), data).unwrap()))
    }

    /// The bytes of a tensor.
    fn data(&mut self, name: &str) -> &mut Vec<u8> {
        &mut self.tensors.iter_mut().find(|tensor| tensor.0 == name).unwrap().3
    }

    fn rename(&mut self, name: &str, to: &str) {
        self.tensors.iter_mut().find(|tensor| tensor.0 == name).unwrap().0 = to.into();
    }
}

/// A way to spoil a model, and what the message must say of it.
type Damage = (fn(&mut Parts), &'static [&'static str]);

#[test]
fn a_model_that_breaks_its_format_is_refused_by_file_and_part() {
    let folder = tempdir().unwrap();
    succeed(folder.path(), &format!("train {QUICK} --out run"));
    let good = model_bytes(folder.path(), "run");
    let damages: &[Damage] = &[
        (|parts| parts.header["version"] = 2.into(), &["version 2", "version 1"]),
        (|parts| parts.header["version"] = "new".into(), &["metadata"]),
        (|parts| parts.header["layers"] = Value::Array(vec![]), &["0 layers"]),
        (
            |parts| parts.header["layers"] = vec![parts.header["layers"][0].clone(); 33].into(),
            &["33 layers", "1 to 32"],
        ),
        (|parts| parts.header["dataset"] = "imagenet".into(), &["imagenet", "mnist-mini"]),
        (|parts| parts.header["layers"][0]["activation"] = "tanh".into(), &["layer 0", "tanh"]),
        (|parts| parts.header["layers"][0]["storage"] = "coo".into(), &["layer 0", "coo"]),
        (|parts| parts.header["layers"][0]["activation"] = "identity-ish".into(), &["layer 0", "identity-ish"]),
        (|parts| parts.header["layers"][2]["activation"] = "relu".into(), &["layer", "identity"]),
        (|parts| parts.header["layers"][1]["n_in"] = 17.into(), &["layer 1", "17", "16"]),
        (|parts| parts.header["layers"][0]["n_in"] = 785.into(), &["input.mean", "784", "785"]),
        (|parts| parts.header["layers"][0]["n_in"] = u64::MAX.into(), &["input.mean", "784"]),
        (|parts| parts.header["layers"][1]["n_in"] = u64::MAX.into(), &["layer 1"]),
        (|parts| parts.header["layers"][1]["n_out"] = u64::MAX.into(), &["layer 2", "12 inputs"]),
        (|parts| parts.header["layers"][1]["n_out"] = (-1).into(), &["metadata"]),
        (
            |parts| {
                let layer = &mut parts.header["layers"][1];
                (layer["n_in"], layer["storage"]) = (u64::MAX.into(), "csc".into());
            },
            &["layer 1"],
        ),
        (
            |parts| {
                let layer = &mut parts.header["layers"][1];
                (layer["n_in"], layer["n_out"], layer["storage"]) = (u64::MAX.into(), u64::MAX.into(), "dense".into());
            },
            &["layer 1", "16 outputs"],
        ),
        (
            |parts| parts.data("layers.0.values")[..4].copy_from_slice(&f32::NAN.to_le_bytes()),
            &["layers.0.values", "element 0", "not finite"],
        ),
        (
            |parts| parts.data("layers.2.bias")[4..8].copy_from_slice(&f32::INFINITY.to_le_bytes()),
            &["layers.2.bias", "element 1", "not finite"],
        ),
        (
            |parts| parts.data("input.scale")[..4].copy_from_slice(&f32::NAN.to_le_bytes()),
            &["input.scale", "not finite"],
        ),
        (|parts| parts.data("layers.0.indices").swap(0, 4), &["layer 0", "column", "row 0"]),
        (
            |parts| parts.data("layers.0.indices")[..4].copy_from_slice(&784_i32.to_le_bytes()),
            &["layer 0", "column 784"],
        ),
        (
            |parts| parts.data("layers.0.indices")[..4].copy_from_slice(&(-1_i32).to_le_bytes()),
            &["layers.0.indices", "-1"],
        ),
        (|parts| parts.data("layers.0.indptr")[..4].copy_from_slice(&1_i32.to_le_bytes()), &["layer 0", "row pointer"]),
        (
            |parts| parts.data("layers.0.indptr")[4..8].copy_from_slice(&i32::MAX.to_le_bytes()),
            &["layer 0", "row pointer"],
        ),
        (|parts| parts.rename("layers.1.bias", "layers.1.baïs"), &["layers.1.bias", "missing"]),
        (|parts| parts.rename("input.mean", "mean"), &["input.mean", "missing"]),
        (|parts| parts.tensors.iter_mut().for_each(|tensor| tensor.1 = Dtype::I32), &["I32", "F32"]),
    ];
    let refuses = |bytes: &[u8], words: &[&str]| {
        fs::write(folder.path().join("bad.safetensors"), bytes).unwrap();
        let before = listing(folder.path());
        let outcome = run(folder.path(), "evaluate bad.safetensors");
        assert_refused(&outcome, 1, &["bad.safetensors", "`rewire train`"]);
        assert_refused(&outcome, 1, words);
        assert_eq!(outcome.stderr.lines().count(), 1, "{}", outcome.stderr);
        assert_eq!(listing(folder.path()), before);
    };
    for (damage, words) in damages {
        let mut parts = Parts::read(&good);
        damage(&mut parts);
        refuses(&parts.write(), words);
    }
    let not = "not a safetensors file";
    for len in [0, 5, 8, 100, good.len() / 2, good.len() - 1] {
        refuses(&good[..len], &[not]);
    }
    refuses(&[&good[..], &[0]].concat(), &[not]);
    refuses(&[&[0xff; 8], &good[8..]].concat(), &[not]);
    refuses(b"PK\x03\x04 something else", &[not]);
    // One that another program wrote.
    refuses(&serialize(Parts::read(&good).views(), None).unwrap(), &["no entry 'rewire'", "another program"]);
    // The parts were put together right: unchanged, they load. So they do with the integers of large layers.
    let mut large = Parts::read(&good);
    for (_, dtype, _, data) in large.tensors.iter_mut().filter(|tensor| tensor.1 == Dtype::I32) {
        let values = data.as_chunks().0.iter().map(|&word| i64::from(i32::from_le_bytes(word)));
        (*data, *dtype) = (values.flat_map(i64::to_le_bytes).collect(), Dtype::I64);
    }
    for parts in [Parts::read(&good), large] {
        fs::write(folder.path().join("good.safetensors"), parts.write()).unwrap();
        assert_eq!(
            succeed(folder.path(), "evaluate good.safetensors").replace("good", "run/model"),
            succeed(folder.path(), "evaluate run/model.safetensors --all").replace("good", "run/model")
        );
    }
}

#[test]
fn a_model_that_is_not_there_or_takes_other_images_is_refused() {
    refused(1, "evaluate nowhere", &["cannot read the model nowhere", "run directory"]);
    refused(1, "evaluate .", &["./model.safetensors", "run directory"]);
    refused(2, "evaluate", &["MODEL"]);
    let folder = tempdir().unwrap();
    succeed(folder.path(), &format!("train {QUICK} --out grey"));
    assert_refused(&run(folder.path(), "evaluate grey --tta"), 2, &["--tta mirrors images of three channels"]);
    let folder = tempdir().unwrap();
    succeed(folder.path(), &format!("train {QUICK} --out run"));
    let before = listing(folder.path());
    let outcome = run(folder.path(), "evaluate run cifar10");
    assert_refused(&outcome, 2, &["784 inputs", "3072", "evaluate it on mnist-mini"]);
    assert_eq!(outcome.stderr.lines().count(), 1, "nothing is fetched for it: {}", outcome.stderr);
    assert_eq!(listing(folder.path()), before);
}

#[test]
fn a_model_is_evaluated_on_the_samples_of_its_run_and_says_on_how_many() {
    let folder = tempdir().unwrap();
    let json = |arguments: &str| -> Value { serde_json::from_str(&succeed(folder.path(), arguments)).unwrap() };
    let summary = json(&format!("train {QUICK} --seed 5 --out run --json"));
    let evaluated = json("evaluate run --json");
    assert_eq!(evaluated["samples"], 50);
    assert_eq!(evaluated["test_accuracy"], summary["test_accuracy"]);
    assert_eq!(json("evaluate run --all --json")["samples"], 1000);
    let text = succeed(folder.path(), "evaluate run");
    assert!(text.contains("on 50 of the 1,000 test samples of mnist-mini, those of its run"), "{text}");
    let text = succeed(folder.path(), "evaluate run --all");
    assert!(text.contains("on all 1,000 test samples of mnist-mini"), "{text}");
    // A model alone says nothing of a run.
    fs::rename(folder.path().join("run/model.safetensors"), folder.path().join("alone.safetensors")).unwrap();
    assert_eq!(json("evaluate alone.safetensors --json")["samples"], 1000);
}

#[test]
fn a_run_that_held_samples_out_is_evaluated_on_test_samples_and_says_so() {
    let folder = tempdir().unwrap();
    succeed(folder.path(), &format!("train {QUICK} --validation-samples 60 --out run"));
    for command in ["evaluate run", "evaluate run --all"] {
        let outcome = run(folder.path(), command);
        assert!(outcome.stdout.contains("on all 1,000 test samples"), "{}", outcome.stdout);
        let expected = "note: training measured 60 held-out training samples (--validation-samples); test samples are \
                        measured now\n";
        assert_eq!(outcome.stderr, expected);
    }
}

#[test]
fn a_model_whose_labels_mean_something_else_is_evaluated_with_a_warning() {
    let folder = tempdir().unwrap();
    succeed(folder.path(), &format!("train {QUICK} --out run"));
    let warning = |dataset: &str| {
        let cache = blank(dataset);
        let outcome = run(folder.path(), &format!("evaluate run {dataset} --data-dir {}", cache.path().display()));
        assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
        assert!(outcome.stdout.contains(&format!("all 10,000 test samples of {dataset}")), "{}", outcome.stdout);
        outcome.stderr
    };
    let expected = "note: the model was trained on mnist-mini, and the labels of fashion-mnist mean something else\n";
    assert_eq!(warning("fashion-mnist"), expected);
    assert_eq!(warning("mnist"), "", "digits all the same");
}
