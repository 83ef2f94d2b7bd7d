//! `rewire join`: two runs side by side in one network, and what is refused.

use rewire::model::safetensors::Model;
use serde_json::Value;
use tempfile::tempdir;

use crate::program::{run, succeed};
use crate::support::assert_refused;

const QUICK: &str = "train --epochs 1 --epsilon 3";

/// The outputs of a classifier for the first test samples, as far as their probabilities tell them.
fn log_probabilities(folder: &std::path::Path, model: &str) -> Vec<f64> {
    let csv = succeed(folder, &format!("predict {model} mnist-mini"));
    let rows = csv.lines().skip(1).take(50).flat_map(|row| row.split(',').skip(1).collect::<Vec<_>>());
    rows.map(|value| value.parse::<f64>().unwrap().ln()).collect()
}

#[test]
fn two_runs_stand_side_by_side_and_their_outputs_are_averaged() {
    let folder = tempdir().unwrap();
    let folder = folder.path();
    // Widths may differ; learned activations, and averages of batch normalisation, go along.
    for (seed, hidden) in [(1, "40,30"), (2, "25,50")] {
        succeed(
            folder,
            &format!("{QUICK} --activation batch-norm-relu --hidden {hidden} --seed {seed} --out run{seed}"),
        );
    }
    let said = succeed(folder, "join run1 run2/model.safetensors");
    let [one, two, both] = ["run1/model.safetensors", "run2/model.safetensors", "joined.safetensors"]
        .map(|file| Model::load(&folder.join(file)).unwrap());
    let connections = |model: &Model| model.layers.iter().map(|layer| layer.weights.len()).sum::<usize>();
    assert_eq!(connections(&both), connections(&one) + connections(&two));
    assert!(said.starts_with("joined.safetensors: 784-65-80-10, ") && said.contains(" connections"), "{said}");
    let [one, two, both] = ["run1", "run2", "joined.safetensors"].map(|model| log_probabilities(folder, model));
    for ((one, two), both) in one.chunks(10).zip(two.chunks(10)).zip(both.chunks(10)) {
        // The mean of logits, less what makes probabilities of them.
        let means: Vec<f64> = one.iter().zip(two).map(|(one, two)| f64::midpoint(*one, *two)).collect();
        let all = means.iter().map(|mean| mean.exp()).sum::<f64>().ln();
        assert!(means.iter().zip(both).all(|(mean, both)| (mean - all - both).abs() < 1e-4), "{means:?} {both:?}");
    }
    let evaluated: Value = serde_json::from_str(&succeed(folder, "evaluate joined.safetensors --json")).unwrap();
    assert_eq!(evaluated["samples"], 1000);
}

#[test]
fn models_that_differ_are_refused_and_nothing_is_written() {
    let folder = tempdir().unwrap();
    succeed(folder.path(), &format!("{QUICK} --hidden 40,30 --out run"));
    succeed(folder.path(), &format!("{QUICK} --hidden 40,30,20 --out deeper"));
    let outcome = run(folder.path(), "join run deeper --out both.safetensors");
    assert_refused(&outcome, 1, &["run, deeper cannot be joined", "network 2 has other layers", "as many layers"]);
    assert!(!folder.path().join("both.safetensors").exists());
    assert_refused(&run(folder.path(), "join run"), 2, &["2"]);
}
