//! Searches of settings: rounds, seeds, runs that diverge, and a sweep that is continued.

use std::fs;

use tempfile::tempdir;

use crate::program::{run, succeed};
use crate::support::{assert_refused, model_bytes, refused};

const REFERENCE: &str = include_str!("../../../docs/reference.md");

/// Settings of runs that take a fraction of a second.
const SMALL: &str = "dataset = \"mnist-mini\"\ntrain_samples = 100\nvalidation_samples = 50\nhidden = [16]\nepsilon = 3\n\
                     batch_size = 10\nepochs = 2\n";

/// The rows of `sweep.json`: round, epochs, trial and score of each outcome.
fn outcomes(folder: &std::path::Path) -> Vec<(u64, u64, u64, Option<f64>)> {
    let json: serde_json::Value = serde_json::from_slice(&fs::read(folder.join("sweep.json")).unwrap()).unwrap();
    let outcomes = json["outcomes"].as_array().unwrap().iter();
    let number = |row: &serde_json::Value, name: &str| row[name].as_u64().unwrap();
    outcomes
        .map(|row| (number(row, "round"), number(row, "epochs"), number(row, "trial"), row["score"].as_f64()))
        .collect()
}

#[test]
fn the_sweep_of_the_reference_goes_on_with_its_best_trials_and_is_continued() {
    let folder = tempdir().unwrap();
    let file = REFERENCE.split("```toml\ndataset = \"mnist-mini\"\nvalidation").nth(1).unwrap();
    let file = file.split("```").next().unwrap().replace("hidden = [100, 50]", "hidden = [16]\ntrain_samples = 100");
    fs::write(folder.path().join("sweep.toml"), format!("validation{file}")).unwrap();
    succeed(folder.path(), "sweep sweep.toml --out sweep");
    let out = folder.path().join("sweep");
    let rows = outcomes(&out);
    // Six trials, of which two go on; the last round comes first, and in each the best.
    assert_eq!(
        rows.iter().map(|row| (row.0, row.1)).collect::<Vec<_>>(),
        [(2, 9); 2].into_iter().chain([(1, 3); 6]).collect::<Vec<_>>()
    );
    assert!(rows[..2].is_sorted_by(|a, b| a.3 >= b.3) && rows[2..].is_sorted_by(|a, b| a.3 >= b.3), "{rows:?}");
    let mut went_on = [rows[0].2, rows[1].2];
    let mut best = [rows[2].2, rows[3].2];
    went_on.sort_unstable();
    best.sort_unstable();
    assert_eq!(went_on, best);
    for name in ["sweep.svg", "sweep.png"] {
        assert!(out.join(name).exists(), "{name}");
    }
    let best_run = format!("sweep/epochs9-trial{:03}-seed2", best[0]);
    let settings = fs::read_to_string(folder.path().join(&best_run).join("config.toml")).unwrap();
    assert!(settings.contains("\nseed = 2\n") && settings.contains("\nepochs = 9\n"), "{settings}");

    // What is done is not trained again, and what is missing has the same bits.
    let table = fs::read(out.join("sweep.md")).unwrap();
    let bits = model_bytes(folder.path(), &best_run);
    fs::remove_dir_all(folder.path().join(&best_run)).unwrap();
    let again = run(folder.path(), "sweep sweep.toml --out sweep");
    assert_eq!(again.stderr.matches("epoch ").count(), 9, "{}", again.stderr);
    assert!(model_bytes(folder.path(), &best_run) == bits);
    let columns = |table: &[u8]| -> Vec<String> {
        // All but the seconds.
        let text = String::from_utf8(table.to_vec()).unwrap();
        text.lines().map(|line| line.rsplitn(3, '|').last().unwrap().to_owned()).collect()
    };
    assert_eq!(columns(&fs::read(out.join("sweep.md")).unwrap()), columns(&table));
}

#[test]
fn a_trial_that_diverges_is_told_apart_and_the_others_go_on() {
    let folder = tempdir().unwrap();
    let search = "[search]\nlearning_rate = [0.05, 1e20]\n";
    fs::write(folder.path().join("rates.toml"), format!("{SMALL}{search}")).unwrap();
    let table = succeed(folder.path(), "sweep rates.toml");
    assert!(table.contains("diverged"), "{table}");
    let rows = outcomes(&folder.path().join("runs/sweep-rates"));
    assert!(rows[0].2 == 1 && rows[0].3.is_some() && rows[1].2 == 2 && rows[1].3.is_none(), "{rows:?}");
    let all = "[search]\nlearning_rate = [1e20, 1e21]\n";
    fs::write(folder.path().join("all.toml"), format!("{SMALL}{all}")).unwrap();
    let outcome = run(folder.path(), "sweep all.toml");
    assert_eq!(outcome.code, Some(1));
    let last = outcome.stderr.lines().last().unwrap();
    assert_eq!(last, "rewire: every trial of round 1 diverged; search smaller learning rates");
}

#[test]
fn a_sweep_that_cannot_be_is_refused() {
    refused(2, "sweep none.toml", &["cannot read the settings in none.toml"]);
    let folder = tempdir().unwrap();
    let test = SMALL.replace("validation_samples = 50\n", "");
    fs::write(folder.path().join("test.toml"), format!("{test}[search]\nzeta = [0.1]\n")).unwrap();
    assert_refused(&run(folder.path(), "sweep test.toml"), 2, &["never on test samples"]);
    fs::write(folder.path().join("much.toml"), format!("{SMALL}[search]\nbatch_size = [10, 200]\n")).unwrap();
    assert_refused(&run(folder.path(), "sweep much.toml"), 2, &["trial 2", "--batch-size is 200", "at most 100"]);
    assert!(!folder.path().join("runs").exists());
}
