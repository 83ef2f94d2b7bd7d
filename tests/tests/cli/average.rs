//! `rewire average`: the average of two runs, and what is refused.

use rewire::model::safetensors::Model;
use tempfile::tempdir;

use crate::program::{run, succeed};
use crate::support::assert_refused;

const QUICK: &str = "--epochs 1 --hidden 40,30";

#[test]
fn two_runs_become_one_model_with_as_many_connections() {
    let folder = tempdir().unwrap();
    for seed in [1, 2] {
        succeed(folder.path(), &format!("train {QUICK} --epsilon 3 --seed {seed} --out run{seed}"));
    }
    let said = succeed(folder.path(), "average run1 run2 --out both.safetensors");
    let [one, both] =
        ["run1/model.safetensors", "both.safetensors"].map(|file| Model::load(&folder.path().join(file)).unwrap());
    assert_eq!(both.specs(), one.specs());
    assert!(both.layers.iter().all(|layer| layer.weights.len() == layer.spec.connections));
    let connections: usize = one.layers.iter().map(|layer| layer.weights.len()).sum();
    assert!(said.contains(&format!("{},{:03} connections", connections / 1000, connections % 1000)), "{said}");
    assert!(succeed(folder.path(), "evaluate both.safetensors").contains("accuracy"));
    // A model is its own average, bit for bit.
    succeed(folder.path(), "average run1 run1/model.safetensors --out same.safetensors");
    let [same, own] =
        ["same.safetensors", "run1/model.safetensors"].map(|file| std::fs::read(folder.path().join(file)).unwrap());
    assert_eq!(same, own);
}

#[test]
fn a_moving_average_stands_beside_the_network_and_changes_nothing_of_it() {
    let folder = tempdir().unwrap();
    let quick = "train --epochs 3 --train-samples 400 --hidden 40,30 --epsilon 3 --batch-size 20";
    succeed(folder.path(), &format!("{quick} --out plain"));
    let said = succeed(folder.path(), &format!("{quick} --average-weights 0.9 --out run"));
    let read = |file: &str| std::fs::read(folder.path().join(file)).unwrap();
    assert_eq!(read("run/model.safetensors"), read("plain/model.safetensors"));
    assert_ne!(read("run/model-average.safetensors"), read("run/model.safetensors"));
    assert!(!folder.path().join("plain/average.csv").exists());
    let text = String::from_utf8(read("run/average.csv")).unwrap();
    let rows: Vec<Vec<&str>> = text.lines().map(|line| line.split(',').collect()).collect();
    assert_eq!(rows[0], ["epoch", "test_loss", "test_accuracy"]);
    assert_eq!(rows.len(), 4);
    // What was measured while the run went on is what the saved network does.
    let accuracy: f64 = rows[3][2].parse().unwrap();
    let shown = format!("{:.2} %", 100.0 * accuracy);
    assert!(said.contains(&shown), "{shown}: {said}");
    assert!(succeed(folder.path(), "evaluate run/model-average.safetensors").contains(&shown), "{shown}");
}

#[test]
fn models_of_another_shape_are_refused_and_nothing_is_written() {
    let folder = tempdir().unwrap();
    succeed(folder.path(), &format!("train {QUICK} --epsilon 3 --out run"));
    succeed(folder.path(), &format!("train {QUICK} --epsilon 4 --out denser"));
    let outcome = run(folder.path(), "average run denser --out both.safetensors");
    assert_refused(&outcome, 1, &["run, denser", "network 2 has other layers"]);
    assert!(!folder.path().join("both.safetensors").exists());
    assert_refused(&run(folder.path(), "average run"), 2, &["2"]);
}
