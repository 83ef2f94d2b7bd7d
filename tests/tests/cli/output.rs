//! What is written to stdout, and that JSON has the documented keys.

use std::collections::BTreeSet;
use std::fs;
use std::process::Stdio;

use serde_json::{Value, json};
use tempfile::tempdir;

use crate::program::{command, succeed};
use crate::support::{QUICK, model_bytes, rows};

#[cfg(target_os = "linux")]
#[test]
fn output_that_cannot_be_written_is_an_error() {
    let folder = tempdir().unwrap();
    for arguments in ["data list", "data list --json", &format!("train {QUICK} --json"), &format!("train {QUICK}")] {
        let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let mut command = command(folder.path(), arguments);
        let output = command.stdin(Stdio::null()).stdout(full).stderr(Stdio::piped()).spawn().unwrap();
        let output = output.wait_with_output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{arguments}: {stderr}");
        let sentence = stderr.lines().last().unwrap();
        assert!(sentence.starts_with("rewire: "), "{stderr}");
        assert_eq!(sentence.matches("No space left").count(), 1, "{stderr}");
    }
}

#[test]
fn a_reader_that_went_away_is_no_failure() {
    let folder = tempdir().unwrap();
    let closed = || {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        Stdio::from(writer)
    };
    for arguments in ["data list", "data list --json", "--help", "train --help", &format!("train {QUICK} --out a")] {
        let mut child = command(folder.path(), arguments);
        let output = child.stdin(Stdio::null()).stdout(closed()).stderr(Stdio::piped()).spawn().unwrap();
        let output = output.wait_with_output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(0), "{arguments}: {stderr}");
        assert!(!stderr.contains("panicked") && !stderr.contains("rewire: "), "{stderr}");
    }
    // Nor does it end a run, or change the code of a mistake.
    let arguments = format!("train {QUICK} --out b");
    let status = command(folder.path(), &arguments).stdout(closed()).stderr(closed()).status().unwrap();
    assert_eq!(status.code(), Some(0));
    assert_eq!(model_bytes(folder.path(), "b"), model_bytes(folder.path(), "a"));
    let status = command(folder.path(), "train --zeta 2").stdout(closed()).stderr(closed()).status().unwrap();
    assert_eq!(status.code(), Some(2));
}

fn keys(value: &Value) -> BTreeSet<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

#[test]
fn json_has_the_documented_keys() {
    let folder = tempdir().unwrap();
    let json = |arguments: &str| -> Value { serde_json::from_str(&succeed(folder.path(), arguments)).unwrap() };
    let summary = json(&format!("train {QUICK} --out run --json"));
    for key in [
        "dataset",
        "model",
        "seed",
        "epochs",
        "train_loss",
        "train_accuracy",
        "test_loss",
        "test_accuracy",
        "connections",
        "dense_connections",
        "density",
        "model_bytes",
        "dense_model_bytes",
        "training_bytes",
        "dense_training_bytes",
        "train_seconds",
        "evaluate_seconds",
        "evolve_seconds",
        "out",
    ] {
        assert!(!summary[key].is_null(), "{key} is in {summary}");
    }
    let last = rows(&folder.path().join("run")).pop().unwrap();
    assert_eq!(summary["epochs"], 2);
    assert_eq!(summary["connections"].to_string(), last[9]);
    let close = |cell: &str, value: &Value| (cell.parse::<f64>().unwrap() - value.as_f64().unwrap()).abs() < 1e-6;
    assert!(close(&last[3], &summary["test_loss"]) && close(&last[5], &summary["test_accuracy"]), "{summary} {last:?}");
    let evaluated = json("evaluate run --json");
    let measured = ["model", "dataset", "samples", "correct", "test_accuracy", "test_loss"];
    let by_class = ["task", "classes", "confusion", "macro_f1", "balanced_accuracy"];
    assert_eq!(keys(&evaluated), measured.into_iter().chain(by_class).collect());
    let (correct, samples) = (evaluated["correct"].as_f64().unwrap(), evaluated["samples"].as_f64().unwrap());
    assert!((correct / samples - evaluated["test_accuracy"].as_f64().unwrap()).abs() < 1e-6);
    let listed = json("data list --json");
    assert_eq!(listed.as_array().unwrap().len(), 4);
    for dataset in listed.as_array().unwrap() {
        for key in ["name", "train_samples", "test_samples", "shape", "classes", "bytes", "state", "licence", "source"]
        {
            assert!(!dataset[key].is_null(), "{key} is in {dataset}");
        }
    }
    let timed = json("bench --steps 1 --no-dense --json");
    for row in timed["rows"].as_array().unwrap() {
        assert_eq!(keys(row), ["what", "threads", "simd", "median_ms", "min_ms", "max_ms", "runs"].into());
    }
    let of_step = json(
        "bench --steps 1 --step-only --inputs 30 --outputs 3 --hidden 20,10 --connections 60,40,12 --batch-size 5 \
         --threads 1,2 --json",
    );
    let row = |row: &Value| (row["what"].as_str().unwrap().to_owned(), row["threads"].as_u64().unwrap());
    let rows: Vec<_> = of_step["rows"].as_array().unwrap().iter().map(row).collect();
    assert_eq!(rows, [("sparse step".into(), 1), ("sparse step".into(), 2)]);
    let network = [&of_step["network"], &of_step["connections"], &of_step["batch_size"]];
    assert_eq!(network, [&json!("30-20-10-3"), &json!(112), &json!(5)]);
    for cache in timed["caches"].as_array().unwrap() {
        assert_eq!(keys(cache), ["name", "bytes", "rate"].into());
        assert!(cache["rate"].as_f64().unwrap() > 0.0, "{cache}");
    }
    let schedules = timed["schedules"].as_array().unwrap();
    assert_eq!(schedules.len(), 4);
    for schedule in schedules {
        assert_eq!(keys(schedule), ["threads", "work_ms", "chain_ms", "step_ms"].into());
        let ms = |key: &str| schedule[key].as_f64().unwrap();
        assert!(ms("chain_ms") <= ms("step_ms") && ms("step_ms") <= ms("work_ms") + 1e-9, "{schedule}");
    }
    // Forward and update of four layers, the input gradient of three.
    let kernels = timed["kernels"].as_array().unwrap();
    assert_eq!(kernels.len(), 11);
    for kernel in kernels {
        assert_eq!(keys(kernel), ["kernel", "layer", "cache", "median_ms", "floor_ms"].into());
        assert!(kernel["median_ms"].as_f64().unwrap() > 0.0 && kernel["floor_ms"].as_f64().unwrap() > 0.0, "{kernel}");
    }
}

#[test]
fn json_has_accuracies_with_their_shortest_digits() {
    let folder = tempdir().unwrap();
    let run = format!("train {QUICK} --out run --json");
    let compare = format!("compare {QUICK} --models set --out both --json");
    for (arguments, keys) in [
        (run.as_str(), &["test_accuracy", "train_accuracy"][..]),
        ("evaluate run --json", &["test_accuracy"]),
        (&compare, &["test_accuracy", "train_accuracy"]),
        ("features run --top 10 --json", &["test_accuracy"]),
    ] {
        let text = succeed(folder.path(), arguments);
        for key in keys {
            let values = text.lines().filter_map(|line| line.trim().strip_prefix(&format!("\"{key}\": ")));
            let values: Vec<_> = values.map(|value| value.trim_end_matches(',')).collect();
            assert!(!values.is_empty(), "{key} is in {text}");
            // Of 50 or 100 samples.
            assert!(values.iter().all(|value| value.len() <= 4), "{arguments}: {values:?}");
        }
    }
}
