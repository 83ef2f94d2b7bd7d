//! `rewire train synthetic`: the same samples each time, from which a network learns, and what is refused.

use rewire::analysis::saved::SavedRun;
use tempfile::tempdir;

use crate::program::{run, succeed};
use crate::support::{model_bytes, refused};

const DATA: &str = "synthetic --features 60 --classes 4 --informative 8 --samples 600";
const QUICK: &str = "--epochs 12 --hidden 40,20 --learning-rate 0.02";

#[test]
fn a_network_learns_from_samples_that_are_computed_and_equal_runs_are_equal() {
    let folder = tempdir().unwrap();
    for (out, threads) in [("one", 1), ("two", 2), ("other", 2)] {
        let data_seed = if out == "other" { "--data-seed 2" } else { "" };
        succeed(folder.path(), &format!("train {DATA} {QUICK} --threads {threads} {data_seed} --out {out}"));
    }
    let [one, two, other] = ["one", "two", "other"].map(|run| model_bytes(folder.path(), run));
    assert!(one == two && two != other);
    let saved = SavedRun::read(&folder.path().join("one")).unwrap();
    // A quarter is chance, with a standard error of 1.8 % on 600 samples.
    assert!(saved.epochs.last().unwrap().test_accuracy > 0.35, "{:?}", saved.epochs.last());
    // The run knows which samples it was measured on.
    let said: serde_json::Value = serde_json::from_str(&succeed(folder.path(), "evaluate one --json")).unwrap();
    assert_eq!(said["samples"], 600);
    // Input connections, figures and the table need no samples.
    succeed(folder.path(), "plot one --out figures");
    succeed(folder.path(), "footprint synthetic --features 60 --classes 4 --informative 8 --hidden 40,20");
}

#[test]
fn other_datasets_name_the_settings_that_have_no_effect() {
    let folder = tempdir().unwrap();
    let note = |arguments: &str| run(folder.path(), arguments).stderr;
    let quick = "--epochs 1 --hidden 4 --epsilon 1";
    assert!(note(&format!("train --samples 50 {quick} --out one")).contains("--samples"));
    assert!(note(&format!("train {DATA} --scaling none {quick} --out two")).contains("--scaling"));
    assert!(!note(&format!("train {DATA} {quick} --out three")).contains("no effect"));
}

#[test]
fn samples_that_cannot_be_computed_are_refused() {
    refused(2, "train synthetic --features 3 --informative 4", &["--informative is 4", "at most --features 3"]);
    refused(2, "train synthetic --classes 20", &["--classes is 20", "at most 16"]);
    refused(2, "train syntetic", &["dataset is syntetic", "did you mean 'synthetic'"]);
    refused(2, "train synthetic --augment", &["--augment"]);
}
