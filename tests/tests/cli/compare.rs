//! Comparisons over runs that are there already.

use std::fs;

use tempfile::tempdir;

use crate::program::{run, succeed};
use crate::support::{QUICK, assert_refused, listing, model_bytes, rows};

/// Flags of a comparison whose schedules do not depend on the number of epochs.
fn constant(epochs: u32) -> String {
    let quick = QUICK.replace("--epochs 2", &format!("--epochs {epochs}"));
    format!("compare {quick} --schedule constant --zeta-schedule constant --evolve-until 1 --models set --seeds 1,2")
}

#[test]
fn runs_of_another_length_are_continued_to_the_bits_of_new_ones() {
    let folder = tempdir().unwrap();
    succeed(folder.path(), &format!("{} --out both", constant(2)));
    succeed(folder.path(), &format!("{} --out both", constant(3)));
    succeed(folder.path(), &format!("{} --out new", constant(3)));
    for run in ["set-seed1", "set-seed2"] {
        assert_eq!(rows(&folder.path().join("both").join(run)).len(), 3, "{run}");
        let [continued, new] = ["both", "new"].map(|out| model_bytes(folder.path(), &format!("{out}/{run}")));
        assert!(continued == new, "{run}");
    }
}

#[test]
fn runs_of_another_length_that_cannot_be_continued_are_refused_with_the_reason_and_stay() {
    let folder = tempdir().unwrap();
    let linear = |epochs| constant(epochs).replace("constant", "linear");
    succeed(folder.path(), &format!("{} --out both", linear(2)));
    let before = listing(folder.path());
    let refused = |command: &str, words: &[&str]| {
        let outcome = run(folder.path(), command);
        assert_refused(&outcome, 2, words);
        assert_eq!(listing(folder.path()), before);
    };
    let reason = "both/set-seed1 cannot be continued: --epochs cannot become 3 in a run of 2: in epoch 2, which is done, \
                  the learning rate was";
    refused(&format!("{} --out both", linear(3)), &[reason, "--schedule", "in another folder"]);
    refused(&format!("{} --out both", linear(1)), &["--epochs is 1, but must be above 2"]);
    refused(&format!("{} --zeta 0.1 --out both", linear(3)), &["both/set-seed1 holds another run: zeta is"]);
    assert!(fs::exists(folder.path().join("both/set-seed2/model.safetensors")).unwrap());
}

#[test]
fn a_comparison_on_few_samples_whose_minibatch_was_fitted_is_used_again() {
    let folder = tempdir().unwrap();
    let rows: Vec<String> = (0..24).map(|i| format!("{},{},{}", i % 7, i % 5, i % 2)).collect();
    fs::write(folder.path().join("few.csv"), format!("a,b,class\n{}\n", rows.join("\n"))).unwrap();
    let command = "compare few.csv --epochs 2 --hidden 8 --models set --out few";
    succeed(folder.path(), command);
    let again = run(folder.path(), command);
    assert_eq!(again.code, Some(0), "{}", again.stderr);
    assert!(!again.stderr.contains("epoch "), "nothing is trained twice: {}", again.stderr);
}
