//! A run that was ended at any moment continues as if it had not been.

use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::program::{command, run, succeed};
use rewire::analysis::saved::SavedRun;
use rewire::training::checkpoint::Checkpoint;
use rewire::training::directory::RunDirectory;
use rewire::training::lock::Lock;
use tempfile::tempdir;

fn epochs(run: &Path) -> Vec<String> {
    let text = fs::read_to_string(run.join("metrics.csv")).unwrap_or_default();
    text.lines().skip(1).filter_map(|line| line.split(',').next()).map(str::to_owned).collect()
}

/// What of a run does not depend on time, with the average of its weights, if it keeps one.
fn results(run: &Path) -> (Vec<Option<Vec<u8>>>, Vec<String>) {
    let metrics = fs::read_to_string(run.join("metrics.csv")).unwrap();
    let without_seconds = |line: &str| {
        let cells: Vec<_> = line.split(',').collect();
        [&cells[..6], &cells[9..]].concat().join(",")
    };
    assert!(run.join("model.safetensors").exists());
    let files = ["model.safetensors", "model-average.safetensors", "average.csv"];
    (files.map(|file| fs::read(run.join(file)).ok()).into(), metrics.lines().map(without_seconds).collect())
}

#[test]
fn a_killed_run_ends_in_the_same_bytes_as_an_uninterrupted_one() {
    let settings = [
        ("relu", "--augment --schedule cosine --zeta-schedule cosine --topology local --growth near"),
        ("batch-norm", "--activation batch-norm-relu --dropout 0.1 --evolve-every 320 --average-weights 0.95"),
        (
            "thinned",
            "--connections-schedule cosine --connections-end 0.3 --importance-percentile 20 --importance-every 5 \
             --importance-from 5 --pruning relative --percolation --average-weights 0.9",
        ),
        (
            "srelu",
            "--activation srelu --pruning soft --nesterov --weight-decay 0.0002 --decay coupled --schedule step \
             --step-every 7",
        ),
    ];
    for (name, settings) in settings {
        let folder = tempdir().unwrap();
        let arguments = format!(
            "train --epochs 30 --train-samples 600 --hidden 60,40 --epsilon 5 --learning-rate 0.01 --batch-size 32 {settings}"
        );
        succeed(folder.path(), &format!("{arguments} --out whole"));
        let killed = folder.path().join("killed");
        let start = |arguments: &str| {
            let mut command = command(folder.path(), arguments);
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
        };
        let mut child = start(&format!("{arguments} --out killed"));
        for enough in [2, 9, 17] {
            let deadline = Instant::now() + Duration::from_secs(120);
            while epochs(&killed).len() < enough && child.try_wait().unwrap().is_none() {
                assert!(Instant::now() < deadline, "{name}: the run writes rows");
                sleep(Duration::from_millis(1));
            }
            child.kill().unwrap();
            child.wait().unwrap();
            let before = epochs(&killed).len();
            child = start("train --out killed --resume");
            // Rows without their checkpoint are the epochs that are lost.
            assert!(before >= enough.min(30), "{name}: {before} rows");
        }
        assert!(child.wait().unwrap().success(), "{name}");
        assert_eq!(epochs(&killed), (1..=30).map(|epoch| epoch.to_string()).collect::<Vec<_>>(), "{name}");
        let whole = results(&folder.path().join("whole"));
        assert!(results(&killed) == whole, "{name}");
        assert_eq!(whole.0.iter().flatten().count(), if settings.contains("average") { 3 } else { 1 }, "{name}");
    }
}

#[test]
fn a_run_that_loses_connections_records_how_many_it_has() {
    let folder = tempdir().unwrap();
    let arguments = "train --epochs 5 --train-samples 100 --hidden 20,10 --connections 800,120,100 --batch-size 10";
    let saved = |arguments: &str| {
        succeed(folder.path(), arguments);
        SavedRun::read(&folder.path().join("run")).unwrap()
    };
    let counts = |run: &SavedRun| run.epochs.iter().map(|row| row.connections).collect::<Vec<_>>();
    let schedule = "--connections-schedule linear --connections-end 0.5";
    let run = saved(&format!("{arguments} {schedule} --out run"));
    // 800 and 120 fall by an eighth of them an epoch; the output layer is dense.
    assert_eq!(counts(&run), [1020, 905, 790, 675, 560]);
    assert_eq!(run.layers().iter().map(|layer| layer.connections).collect::<Vec<_>>(), [400, 60, 100]);
    let summary = run.summary().unwrap();
    assert_eq!((summary.connections, summary.density), (560, 560.0 / (784.0 * 20.0 + 200.0 + 100.0)));
    assert!(summary.model_bytes < 8 * 560 + 4 * 40 && summary.training_bytes > 8 * 1020);
    // The tenth percentile of 20 neurons is the second, of 10 the first.
    fs::remove_dir_all(folder.path().join("run")).unwrap();
    let importance = "--importance-percentile 10 --importance-from 2 --importance-every 9";
    let run = saved(&format!("{arguments} {importance} --out run"));
    let found = counts(&run);
    assert!(found[0] == 1020 && found[1] == 1020 && (860..1000).contains(&found[2]), "{found:?}");
    assert!(found[3] == found[2] && found[4] == found[2], "{found:?}");
    assert_eq!(run.layers().iter().map(|layer| layer.connections).sum::<usize>(), found[4]);
}

#[test]
fn a_checkpoint_of_another_run_is_refused_by_what_differs() {
    let folder = tempdir().unwrap();
    let arguments = "--epochs 2 --train-samples 100 --hidden 16,12 --epsilon 3 --batch-size 10";
    succeed(folder.path(), &format!("train {arguments} --out run"));
    let before = results(&folder.path().join("run"));
    let cases = [
        ("--hidden 16,13", "hidden is 16,12 there, not 16,13"),
        ("--seed 2", "seed is 1 there, not 2"),
        ("--activation srelu", "activation is all-relu there, not srelu"),
        ("--epsilon 4", "epsilon is 3 there, not 4"),
        ("mnist", "dataset is mnist-mini there, not mnist"),
    ];
    for (flags, sentence) in cases {
        let outcome = run(folder.path(), &format!("train {flags} --out run --resume"));
        assert_eq!(outcome.code, Some(2), "{flags}: {}", outcome.stderr);
        assert!(outcome.stderr.contains(sentence), "{flags}: {}", outcome.stderr);
        assert!(outcome.stderr.contains("of another run"), "{flags}: {}", outcome.stderr);
    }
    assert!(results(&folder.path().join("run")) == before, "refusals change nothing");
}

#[test]
fn a_damaged_checkpoint_is_named_and_the_one_before_is_used() {
    let folder = tempdir().unwrap();
    let arguments = "train --epochs 4 --train-samples 100 --hidden 16,12 --epsilon 3 --batch-size 10";
    succeed(folder.path(), &format!("{arguments} --out run"));
    let before = results(&folder.path().join("run"));
    let checkpoint = folder.path().join("run/checkpoint");
    let mut bytes = fs::read(&checkpoint).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&checkpoint, &bytes).unwrap();
    let outcome = run(folder.path(), "train --out run --resume");
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    for words in ["run/checkpoint is damaged", "checksum", "checkpoint.previous (epoch "] {
        assert!(outcome.stderr.contains(words), "'{words}' is not in: {}", outcome.stderr);
    }
    assert!(results(&folder.path().join("run")) == before);
    fs::write(&checkpoint, "no checkpoint").unwrap();
    fs::remove_file(folder.path().join("run/checkpoint.previous")).unwrap();
    let outcome = run(folder.path(), "train --out run --resume");
    assert_eq!(outcome.code, Some(1), "{}", outcome.stderr);
    assert!(outcome.stderr.contains("no checkpoint can be used"), "{}", outcome.stderr);
}

#[test]
fn a_resume_that_is_refused_changes_nothing() {
    let folder = tempdir().unwrap();
    succeed(folder.path(), "train --epochs 4 --train-samples 100 --hidden 16,12 --epsilon 3 --batch-size 10 --out run");
    let (metrics, before) = (folder.path().join("run/metrics.csv"), results(&folder.path().join("run")));
    // Somebody trains there.
    let lock = Lock::take(&folder.path().join("run")).unwrap();
    let outcome = run(folder.path(), "train --out run --resume");
    assert_eq!(outcome.code, Some(1), "{}", outcome.stderr);
    assert!(outcome.stderr.contains("run is in use by another `rewire train`"), "{}", outcome.stderr);
    drop(lock);
    // A row is damaged: those after it stay.
    let whole = fs::read_to_string(&metrics).unwrap();
    let damaged = whole.replacen("\n2,", "\ngarbage,", 1);
    fs::write(&metrics, &damaged).unwrap();
    let outcome = run(folder.path(), "train --out run --resume");
    assert_eq!(outcome.code, Some(1), "{}", outcome.stderr);
    assert!(outcome.stderr.contains("does not hold the epochs 1 to 4"), "{}", outcome.stderr);
    assert_eq!(fs::read_to_string(&metrics).unwrap(), damaged);
    fs::write(&metrics, whole).unwrap();
    succeed(folder.path(), "train --out run --resume");
    assert!(results(&folder.path().join("run")) == before);
}

#[test]
fn a_model_from_an_interruption_is_not_taken_for_the_runs() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("run");
    succeed(folder.path(), "train --epochs 4 --train-samples 100 --hidden 16,12 --epsilon 3 --batch-size 10 --out run");
    let whole = results(&path);
    // As after an interruption in the fourth epoch.
    fs::rename(path.join("checkpoint.previous"), path.join("checkpoint")).unwrap();
    let metrics = fs::read_to_string(path.join("metrics.csv")).unwrap();
    let three: Vec<_> = metrics.lines().take(4).collect();
    fs::write(path.join("metrics.csv"), three.join("\n") + "\n").unwrap();
    fs::copy(path.join("start.safetensors"), path.join("model.safetensors")).unwrap();
    let saved = SavedRun::read(&path).unwrap();
    assert_eq!(saved.done(), 3);
    assert!(saved.now.unwrap() == Checkpoint::load(&path, |_| {}).unwrap().all_layers().unwrap());
    drop(RunDirectory::reopen(&path, 3, &saved.config, 784, |text| panic!("{text}")).unwrap());
    assert!(!path.join("model.safetensors").exists());
    succeed(folder.path(), "train --out run --resume");
    assert!(results(&path) == whole);
}
