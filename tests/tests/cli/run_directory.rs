//! Run directories: what is refused, what is kept, what a full disk leaves.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use tempfile::tempdir;

use crate::program::{Outcome, command, isolate, outcome, program, run, succeed};
use crate::support::{QUICK, assert_refused, listing, model_bytes, names, rows, settings};

#[test]
fn an_out_that_cannot_be_written_is_refused() {
    let folder = tempdir().unwrap();
    fs::write(folder.path().join("file"), "mine").unwrap();
    let before = listing(folder.path());
    assert_refused(
        &run(folder.path(), &format!("train {QUICK} --out file")),
        2,
        &["--out file", "is a file", "folder"],
    );
    let below = run(folder.path(), &format!("train {QUICK} --out file/below"));
    assert_refused(&below, 1, &["--out file/below", "choose another"]);
    assert_eq!(listing(folder.path()), before);
    assert_eq!(fs::read_to_string(folder.path().join("file")).unwrap(), "mine");
}

#[test]
fn an_out_that_holds_a_run_is_refused_and_left_alone() {
    let folder = tempdir().unwrap();
    for file in ["config.toml", "metrics.csv", "checkpoint", "model.safetensors"] {
        let out = tempdir().unwrap();
        fs::write(out.path().join(file), "mine").unwrap();
        let before = listing(out.path());
        let outcome = run(folder.path(), &format!("train {QUICK} --out {}", out.path().display()));
        assert_refused(&outcome, 2, &["--out", "already holds a run", file, "name another folder or remove it"]);
        assert_eq!(listing(out.path()), before);
        assert_eq!(fs::read_to_string(out.path().join(file)).unwrap(), "mine");
    }
    // An empty folder will do, and one that the system alone has written to.
    fs::create_dir(folder.path().join("empty")).unwrap();
    fs::write(folder.path().join("empty/.hidden"), "").unwrap();
    succeed(folder.path(), &format!("train {QUICK} --out empty"));
}

#[test]
fn an_out_with_files_of_someone_else_is_refused_and_left_alone() {
    let folder = tempdir().unwrap();
    fs::write(folder.path().join("note"), "mine").unwrap();
    let before = listing(folder.path());
    let outcome = run(folder.path(), &format!("train {QUICK} --out ."));
    assert_refused(&outcome, 2, &["--out . is not empty", "it holds note", "a new folder or an empty one"]);
    assert_eq!(listing(folder.path()), before);
}

#[test]
fn runs_that_start_together_have_folders_of_their_own() {
    let folder = tempdir().unwrap();
    let start =
        || command(folder.path(), &format!("train {QUICK}")).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    let started: Vec<_> = (0..4).map(|_| start().unwrap()).collect();
    for mut child in started {
        assert_eq!(child.wait().unwrap().code(), Some(0));
    }
    let mut runs = names(&folder.path().join("runs"));
    runs.sort();
    let expected = ["", "-2", "-3", "-4"].map(|number| format!("mnist-mini-set-seed1{number}"));
    assert_eq!(runs, expected);
    for run in runs {
        assert_eq!(rows(&folder.path().join("runs").join(run)).len(), 2);
    }
}

#[cfg(unix)]
#[test]
fn a_folder_whose_name_is_not_unicode_is_written_to_and_printed() {
    use std::os::unix::ffi::OsStrExt;
    let folder = tempdir().unwrap();
    let mut command = command(folder.path(), &format!("train {QUICK} --json --out"));
    let ended = outcome(command.arg(std::ffi::OsStr::from_bytes(b"r\xffn")));
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let summary: serde_json::Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(summary["out"], "r\u{fffd}n");
}

// More epochs

/// Flags of a run whose schedules do not depend on the number of epochs.
const STEADY: &str = "--train-samples 100 --test-samples 50 --hidden 16,12 --epsilon 3 --batch-size 10 \
                      --schedule step --step-every 2 --zeta-schedule constant --growth near";

#[test]
fn a_finished_run_says_that_nothing_is_left_to_do() {
    let folder = tempdir().unwrap();
    succeed(folder.path(), &format!("train {QUICK} --out run"));
    let before = model_bytes(folder.path(), "run");
    let outcome = run(folder.path(), "train --out run --resume");
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    assert!(outcome.stderr.contains("all 2 epochs of run are done, so nothing is left to train"), "{}", outcome.stderr);
    assert!(outcome.stdout.contains("test accuracy"), "{}", outcome.stdout);
    assert_eq!(model_bytes(folder.path(), "run"), before);
}

#[test]
fn a_run_that_is_made_longer_is_the_longer_run() {
    let folder = tempdir().unwrap();
    let thinned = "set --importance-percentile 20 --importance-from 1 --importance-every 1";
    for (number, model) in ["set", "fixprob", "dense", thinned].into_iter().enumerate() {
        let (longer, whole) = (format!("longer{number}"), format!("whole{number}"));
        succeed(folder.path(), &format!("train {STEADY} --model {model} --epochs 3 --out {longer}"));
        let outcome = run(folder.path(), &format!("train --out {longer} --resume --epochs 6"));
        assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
        for words in ["had --epochs 3 and now has --epochs 6", "as in a run that had them from the start"] {
            assert!(outcome.stderr.contains(words), "{}", outcome.stderr);
        }
        succeed(folder.path(), &format!("train {STEADY} --model {model} --epochs 6 --out {whole}"));
        assert_eq!(model_bytes(folder.path(), &longer), model_bytes(folder.path(), &whole), "{model}");
        // The evolution that the shorter run did not have is in its record too.
        for file in ["topology.csv", "input_connections.npy"] {
            let [longer, whole] = [&longer, &whole].map(|run| fs::read(folder.path().join(run).join(file)).ok());
            assert!(longer == whole, "{file} of {model}");
        }
        assert_eq!(rows(&folder.path().join(&longer)).len(), 6);
        let recorded = settings(folder.path(), &longer);
        assert_eq!(recorded["epochs"].as_integer(), Some(6));
        assert!(recorded["record"].is_table());
        // It is now a run of so many epochs.
        let outcome = run(folder.path(), &format!("train --out {longer} --resume"));
        assert!(outcome.stderr.contains("all 6 epochs"), "{}", outcome.stderr);
    }
}

#[test]
fn a_run_whose_schedule_spreads_over_all_epochs_is_not_made_longer() {
    let folder = tempdir().unwrap();
    succeed(folder.path(), &format!("train {QUICK} --learning-rate 0.04 --out run"));
    let before = listing(folder.path());
    let outcome = run(folder.path(), "train --out run --resume --epochs 4");
    let why = "--epochs cannot become 4 in a run of 2: in epoch 2, which is done, the learning rate was 0.01";
    assert_refused(&outcome, 2, &[why, "a --schedule that does not depend on the number of epochs"]);
    let outcome = run(folder.path(), "train --out run --resume --epochs 1");
    assert_refused(&outcome, 2, &["--epochs is 1, but must be above 2"]);
    assert_eq!(listing(folder.path()), before);
}

// Folders of runs

#[test]
fn a_comparison_is_plotted_and_reported_by_its_folder() {
    let folder = tempdir().unwrap();
    succeed(folder.path(), &format!("compare {QUICK} --models set,fixprob --out both"));
    let drawn = succeed(folder.path(), "plot both");
    assert!(drawn.lines().count() > 4 && drawn.lines().all(|line| line.starts_with("both/figures/")), "{drawn}");
    assert_eq!(succeed(folder.path(), "report both"), "both/report.html\n");
    let page = fs::read_to_string(folder.path().join("both/report.html")).unwrap();
    assert!(page.contains("FixProb") && page.contains("SET"), "both runs are in the page");
    fs::create_dir(folder.path().join("nothing")).unwrap();
    assert_refused(&run(folder.path(), "plot nothing"), 2, &["nothing has no config.toml", "run directory"]);
}

#[test]
fn training_that_diverges_ends_the_run_and_keeps_the_epochs_before() {
    let folder = tempdir().unwrap();
    let arguments = "train --train-samples 100 --test-samples 50 --hidden 16 --epsilon 5 --batch-size 100 --momentum 0";
    let outcome = run(folder.path(), &format!("{arguments} --epochs 500 --learning-rate 1e5 --out slow"));
    assert_refused(
        &outcome,
        1,
        &["loss is NaN or infinite at epoch ", "step 1", "--learning-rate", "metrics.csv in slow"],
    );
    let kept = rows(&folder.path().join("slow"));
    assert!(outcome.stderr.contains(&format!("at epoch {}, ", kept.len() + 1)), "{}", outcome.stderr);
    assert!(!kept.is_empty());
    assert!(kept.iter().flatten().all(|cell| cell.parse::<f64>().unwrap().is_finite()), "{kept:?}");
    assert!(!folder.path().join("slow/model.safetensors").exists());
    // What one last step spoiled is not saved either.
    let outcome = run(folder.path(), &format!("{arguments} --epochs 1 --learning-rate 3e38 --out fast"));
    assert_refused(&outcome, 1, &["the test loss is NaN or infinite at epoch 1, step 1"]);
    assert_eq!(rows(&folder.path().join("fast")).len(), 0);
    assert!(!folder.path().join("fast/model.safetensors").exists());
}

/// The program where no file may grow beyond `blocks` of 512 bytes: a write past that fails midway, as on a full disk,
/// without the right to mount one.
#[cfg(unix)]
fn with_file_limit(folder: &Path, blocks: u32, arguments: &str) -> Outcome {
    let mut command = Command::new("/bin/sh");
    isolate(&mut command, folder);
    // Ignoring the signal makes the write return an error instead.
    command.arg("-c").arg(format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" {arguments}")).arg(program());
    outcome(&mut command)
}

#[cfg(unix)]
#[test]
fn a_full_disk_leaves_nothing_half_written() {
    let folder = tempdir().unwrap();
    // What a network is saved in takes 6 to 10 KiB here, because it holds 784 means and scales.
    let arguments =
        "train --train-samples 50 --test-samples 10 --hidden 8 --epsilon 0.1 --batch-size 50 --monitor-interval 0";
    // No room for the settings.
    let outcome = with_file_limit(folder.path(), 0, &format!("{arguments} --out none"));
    assert_refused(&outcome, 1, &["cannot write none/config.toml", "free some space"]);
    assert_eq!(listing(&folder.path().join("none")), "");
    // Room for the settings, not for a network.
    let outcome = with_file_limit(folder.path(), 4, &format!("{arguments} --out start"));
    assert_refused(&outcome, 1, &["cannot write start/start.safetensors", "free some space"]);
    // Room for some rows: the one that does not fit is taken back whole.
    let outcome = with_file_limit(folder.path(), 20, &format!("{arguments} --epochs 200 --out inputs"));
    assert_refused(&outcome, 1, &["cannot write input_connections.npy in inputs", "free some space"]);
    let length = fs::metadata(folder.path().join("inputs/input_connections.npy")).unwrap().len();
    assert_eq!((length - 128) % (2 * 784), 0);
    let outcome = with_file_limit(folder.path(), 20, &format!("{arguments} --model fixprob --epochs 200 --out rows"));
    assert_refused(&outcome, 1, &["cannot write rows/phases.csv", "free some space"]);
    assert!(fs::read(folder.path().join("rows/phases.csv")).unwrap().ends_with(b"\n"));
    let kept = rows(&folder.path().join("rows")).len();
    assert!((5..200).contains(&kept), "{kept}");
    assert_eq!(outcome.stderr.lines().filter(|line| line.starts_with("epoch ")).count(), kept, "{}", outcome.stderr);
    // Room for everything but the model: with more, the run is finished.
    let arguments = format!("{arguments} --model dense --momentum 0");
    let outcome = with_file_limit(folder.path(), 4, &format!("{arguments} --epochs 200 --out checkpoint"));
    assert_refused(&outcome, 1, &["cannot write checkpoint/checkpoint", "free some space"]);
    assert_eq!(names(&folder.path().join("checkpoint")), ["config.toml", "metrics.csv", "phases.csv"]);
    assert_eq!(rows(&folder.path().join("checkpoint")).len(), 1);
    let outcome = with_file_limit(folder.path(), 60, &format!("{arguments} --epochs 2 --out model"));
    assert_refused(&outcome, 1, &["cannot write model/model.safetensors", "free some space"]);
    assert_eq!(
        names(&folder.path().join("model")),
        ["checkpoint", "checkpoint.previous", "config.toml", "metrics.csv", "phases.csv"]
    );
    assert_eq!(rows(&folder.path().join("model")).len(), 2);
    succeed(folder.path(), "train --out model --resume");
    succeed(folder.path(), &format!("{arguments} --epochs 2 --out whole"));
    assert_eq!(model_bytes(folder.path(), "model"), model_bytes(folder.path(), "whole"));
}
