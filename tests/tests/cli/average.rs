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
fn models_of_another_shape_are_refused_and_nothing_is_written() {
    let folder = tempdir().unwrap();
    succeed(folder.path(), &format!("train {QUICK} --epsilon 3 --out run"));
    succeed(folder.path(), &format!("train {QUICK} --epsilon 4 --out denser"));
    let outcome = run(folder.path(), "average run denser --out both.safetensors");
    assert_refused(&outcome, 1, &["run, denser", "network 2 has other layers"]);
    assert!(!folder.path().join("both.safetensors").exists());
    assert_refused(&run(folder.path(), "average run"), 2, &["2"]);
}
