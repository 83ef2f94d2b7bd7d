//! What runs record for figures, and the figures that are drawn from it.

#![expect(clippy::unwrap_used, reason = "a step that fails fails the test")]

mod program;

use std::fs;
use std::path::Path;

use program::{Outcome, run, succeed};
use tempfile::tempdir;

/// Flags of a run that takes a fraction of a second.
const QUICK: &str = "--train-samples 200 --test-samples 50 --hidden 16,12 --epsilon 3 --batch-size 10";

/// The files that a run's figures are drawn from and that do not depend on time.
const RECORDED: [&str; 4] = ["input_connections.npy", "topology.csv", "start.safetensors", "model.safetensors"];

/// Width and height of a PNG, from its header.
fn png_size(file: &Path) -> (u32, u32) {
    let bytes = fs::read(file).unwrap();
    assert!(bytes.starts_with(b"\x89PNG\r\n\x1a\n"), "{}", file.display());
    let number = |at: usize| u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap());
    (number(16), number(20))
}

/// A run of the program that succeeds, with what it says.
#[track_caller]
fn plot(folder: &Path, arguments: &str) -> Outcome {
    let outcome = run(folder, arguments);
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    outcome
}

#[test]
fn a_run_that_is_resumed_records_what_an_uninterrupted_one_does() {
    let folder = tempdir().unwrap();
    succeed(folder.path(), &format!("train {QUICK} --epochs 5 --out whole"));
    succeed(folder.path(), &format!("train {QUICK} --epochs 5 --out half"));
    // As if it had ended in epoch 5: the checkpoint of epoch 4 stays, later rows are there already.
    let half = folder.path().join("half");
    fs::rename(half.join("checkpoint.previous"), half.join("checkpoint")).unwrap();
    fs::remove_file(half.join("model.safetensors")).unwrap();
    succeed(folder.path(), "train --resume --out half");
    for file in RECORDED {
        assert!(
            fs::read(half.join(file)).unwrap() == fs::read(folder.path().join("whole").join(file)).unwrap(),
            "{file}"
        );
    }
    let phases = fs::read_to_string(half.join("phases.csv")).unwrap();
    let epochs: Vec<_> = phases.lines().skip(1).map(|line| line.split(',').next().unwrap()).collect();
    assert_eq!(epochs, ["0", "1", "2", "3", "4", "5"]);
}

#[test]
fn survivors_and_tried_connections_are_those_of_the_network() {
    let folder = tempdir().unwrap();
    succeed(folder.path(), &format!("train {QUICK} --epochs 4 --zeta 0.5 --zeta-schedule constant --out run"));
    let text = fs::read_to_string(folder.path().join("run/topology.csv")).unwrap();
    let rows: Vec<Vec<u64>> =
        text.lines().skip(1).map(|line| line.split(',').map(|cell| cell.parse().unwrap()).collect()).collect();
    // Two layers evolve: 3 * (784 + 16) and 3 * (16 + 12) connections.
    for (layer, connections) in [(0, 2400), (1, 84)] {
        let of: Vec<_> = rows.iter().filter(|row| row[1] == layer).collect();
        assert_eq!(of.iter().map(|row| row[0]).collect::<Vec<_>>(), [0, 1, 2, 3, 4]);
        assert_eq!(of[0][3], connections, "at the start all connections are tried, and no others");
        for pair in of.windows(2) {
            // Each sign's share rounds down; what survives and what is grown makes the connections.
            assert!((connections / 2..=connections / 2 + 2).contains(&pair[1][2]), "{pair:?}");
            assert!((0..=connections - pair[0][2]).contains(&(pair[1][3] - pair[0][3])), "{pair:?}");
        }
        assert_eq!(of[4][3], of[3][3], "nothing is grown after the last epoch");
    }
}

#[test]
fn models_that_do_not_evolve_record_no_topology() {
    let folder = tempdir().unwrap();
    for (model, start) in [("fixprob", true), ("dense", false)] {
        succeed(folder.path(), &format!("train {QUICK} --epochs 1 --model {model} --out {model}"));
        let there = |file: &str| folder.path().join(model).join(file).exists();
        assert_eq!((there("topology.csv"), there("input_connections.npy")), (false, false));
        assert_eq!((there("start.safetensors"), there("phases.csv")), (start, true));
    }
}

#[test]
fn phases_make_up_the_training_time() {
    let folder = tempdir().unwrap();
    succeed(folder.path(), &format!("train {QUICK} --epochs 2 --out run"));
    let cells = |file: &str| -> Vec<Vec<f64>> {
        let text = fs::read_to_string(folder.path().join("run").join(file)).unwrap();
        text.lines().skip(1).map(|line| line.split(',').map(|cell| cell.parse().unwrap_or(0.0)).collect()).collect()
    };
    for (phases, metrics) in cells("phases.csv")[1..].iter().zip(cells("metrics.csv")) {
        let steps: f64 = phases[1..5].iter().sum();
        assert!((steps - metrics[6]).abs() < 1e-6, "{phases:?} {metrics:?}");
        assert!(phases[1..5].iter().all(|&seconds| seconds > 0.0), "{phases:?}");
        assert_eq!((phases[5], phases[6]), (metrics[7], metrics[8]));
    }
}

#[test]
fn runs_are_drawn_while_they_are_short_or_cut_short() {
    let folder = tempdir().unwrap();
    succeed(folder.path(), &format!("train {QUICK} --epochs 3 --out a --seed 1"));
    succeed(folder.path(), &format!("train {QUICK} --epochs 3 --out b --seed 2"));
    let drawn = plot(folder.path(), "plot a b --out together");
    assert!(drawn.stdout.contains("learning-curves.svg"), "{}", drawn.stdout);
    assert_eq!(drawn.stderr, "");
    let (width, height) = png_size(&folder.path().join("together/learning-curves.png"));
    assert!(width >= 1000 && height >= 400);
    let svg = fs::read_to_string(folder.path().join("together/learning-curves.svg")).unwrap();
    for word in [
        "SET, 2 seeds: accuracy",
        "test",
        "training",
        "accuracy (%)",
        "cross-entropy (nats)",
        "epoch",
        "standard deviation",
    ] {
        assert!(svg.contains(word), "{word}");
    }
    // Cut in the middle of the last row: the rows before it are drawn, and the rest is said.
    let metrics = folder.path().join("a/metrics.csv");
    let text = fs::read_to_string(&metrics).unwrap();
    fs::write(&metrics, &text[..text.len() - 30]).unwrap();
    let drawn = plot(folder.path(), "plot a");
    assert!(drawn.stderr.contains("the 2 rows before are used"), "{}", drawn.stderr);
    assert!(drawn.stdout.contains("learning-curves.png"));
    // No row is finite, a column is missing, the file is empty: nothing to draw, said by name.
    for (text, said) in [
        (text.replace("0.", "NaN,").as_str(), "metrics.csv"),
        ("epoch,train_loss\n1,2.0\n", "missing field"),
        ("", "no epoch is finished"),
    ] {
        fs::write(&metrics, text).unwrap();
        let drawn = plot(folder.path(), "plot a");
        assert!(drawn.stderr.contains(said), "{said}: {}", drawn.stderr);
        assert!(!drawn.stdout.contains("learning-curves"), "{}", drawn.stdout);
    }
}

#[test]
fn what_is_no_run_is_refused_by_name() {
    let folder = tempdir().unwrap();
    for (arguments, words) in
        [("plot", "RUN"), ("plot nowhere", "nowhere is no folder"), ("plot .", "has no config.toml")]
    {
        let outcome = run(folder.path(), arguments);
        assert_eq!(outcome.code, Some(2), "{arguments}: {}", outcome.stderr);
        assert!(outcome.stderr.contains(words), "{arguments}: {}", outcome.stderr);
    }
    succeed(folder.path(), &format!("train {QUICK} --epochs 1 --out run"));
    let settings = folder.path().join("run/config.toml");
    let text = fs::read_to_string(&settings).unwrap();
    fs::write(&settings, format!("tomorrow = 1\n{text}")).unwrap();
    let outcome = run(folder.path(), "plot run");
    assert_eq!(outcome.code, Some(2));
    assert!(outcome.stderr.contains("tomorrow") && outcome.stderr.contains("line 1"), "{}", outcome.stderr);
}

#[test]
fn a_run_of_a_thousand_epochs_is_drawn_and_animated() {
    let folder = tempdir().unwrap();
    let tiny =
        "--train-samples 40 --test-samples 20 --hidden 64,48 --epsilon 3 --batch-size 20 --monitor-interval 0.05";
    succeed(folder.path(), &format!("train {tiny} --epochs 1000 --out run"));
    let drawn = plot(folder.path(), "plot run");
    assert_eq!(drawn.stderr, "");
    for name in ["learning-curves", "explored", "degrees", "weights", "input-connections", "machine"] {
        for ending in ["svg", "png"] {
            let path = folder.path().join(format!("run/figures/{name}.{ending}"));
            assert!(drawn.stdout.contains(&format!("{name}.{ending}")) && path.exists(), "{name}: {}", drawn.stdout);
        }
        let (width, height) = png_size(&folder.path().join(format!("run/figures/{name}.png")));
        assert!(width >= 800 && height >= 500, "{name}: {width} x {height}");
    }
    plot(folder.path(), "plot run --animate");
    let gif = fs::read(folder.path().join("run/figures/input-connections.gif")).unwrap();
    assert!(gif.starts_with(b"GIF89a") && gif.len() < 5_000_000, "{}", gif.len());
    let mut options = gif::DecodeOptions::new();
    options.set_color_output(gif::ColorOutput::Indexed);
    let mut decoder = options.read_info(&gif[..]).unwrap();
    let (mut frames, mut hundredths, mut last) = (0, 0, Vec::new());
    while let Some(frame) = decoder.read_next_frame().unwrap() {
        assert!(frame.buffer[..] != last[..], "frame {frames} is not the one before");
        (frames, hundredths, last) = (frames + 1, hundredths + u32::from(frame.delay), frame.buffer.to_vec());
    }
    assert!((50..=200).contains(&frames), "{frames}");
    assert!(hundredths <= 2000, "{hundredths}");
}

#[test]
fn a_comparison_trains_what_is_missing_and_saves_its_table() {
    let folder = tempdir().unwrap();
    let arguments = format!("compare {QUICK} --epochs 2 --seeds 1,2 --out three");
    let table = succeed(folder.path(), &arguments);
    for word in ["SET", "FixProb", "dense", " ± ", "accuracy", "density", "peak with"] {
        assert!(table.contains(word), "{word}: {table}");
    }
    let out = folder.path().join("three");
    assert!(table.lines().all(|line| line.chars().count() <= 120), "{table}");
    assert!(fs::read_to_string(out.join("comparison.md")).unwrap().starts_with("| model |"));
    // Its folder stands for its runs.
    let drawn = plot(folder.path(), "plot three");
    assert!(drawn.stdout.contains("three/figures/set-seed1-degrees.svg"), "{}", drawn.stdout);
    let curves = fs::read_to_string(out.join("figures/learning-curves.svg")).unwrap();
    for word in ["SET, 2 seeds", "FixProb, 2 seeds", "dense, 2 seeds", "Training loss", "Test accuracy"] {
        assert!(curves.contains(word), "{word}");
    }
    // Interrupted in the second epoch, and before the first: the same command goes on, and redoes nothing else.
    let kept = out.join("set-seed1/metrics.csv");
    let before = fs::metadata(&kept).unwrap().modified().unwrap();
    let half = out.join("fixprob-seed2");
    let whole = fs::read(half.join("model.safetensors")).unwrap();
    fs::rename(half.join("checkpoint.previous"), half.join("checkpoint")).unwrap();
    fs::remove_file(half.join("model.safetensors")).unwrap();
    let begun = out.join("dense-seed2");
    for file in ["checkpoint", "checkpoint.previous", "model.safetensors"] {
        fs::remove_file(begun.join(file)).unwrap();
    }
    fs::write(begun.join("metrics.csv"), "").unwrap();
    let json = succeed(folder.path(), &format!("{arguments} --json"));
    let rows: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(rows.as_array().unwrap().len(), 3);
    assert_eq!(rows[0]["seeds"], serde_json::json!([1, 2]));
    assert_eq!(rows[0]["weights"], 3 * (784 + 16) + 3 * (16 + 12) + 3 * (12 + 10));
    assert_eq!(rows[2]["weights"], 784 * 16 + 16 * 12 + 12 * 10);
    assert!(rows[0]["peak_resident_bytes"].as_u64().unwrap() > 1_000_000);
    assert_eq!(fs::metadata(&kept).unwrap().modified().unwrap(), before);
    assert!(fs::read(half.join("model.safetensors")).unwrap() == whole, "a run that goes on ends in the same bits");
    // A dense model that diverges is said to be missing; with a rate of its own it is there.
    let wild = format!("compare {QUICK} --epochs 1 --models set,dense --learning-rate 0.01 --out wild");
    let outcome = run(folder.path(), &format!("{wild} --dense-learning-rate 1e9"));
    assert_eq!(outcome.code, Some(1), "{}", outcome.stderr);
    assert!(outcome.stderr.contains("did not finish: wild/dense-seed1"), "{}", outcome.stderr);
    assert!(outcome.stdout.contains("SET") && !outcome.stdout.contains("dense"), "{}", outcome.stdout);
    assert!(succeed(folder.path(), &format!("{wild} --dense-learning-rate 0.001")).contains("dense"));
    for (arguments, words) in [
        (format!("{arguments} --learning-rate 0.5"), "learning_rate is"),
        ("compare --seed 3".into(), "--seeds"),
        ("compare --seeds 1,1 --out twice".into(), "asked for twice"),
    ] {
        let outcome = run(folder.path(), &arguments);
        assert_eq!(outcome.code, Some(2), "{}", outcome.stderr);
        assert!(outcome.stderr.contains(words), "{}", outcome.stderr);
    }
}

#[test]
fn footprints_are_what_runs_measure_and_say_what_boards_hold() {
    let folder = tempdir().unwrap();
    succeed(folder.path(), "train --hidden 2000,2000 --epsilon 20 --train-samples 300 --epochs 2 --out run");
    let found: serde_json::Value = serde_json::from_str(&succeed(folder.path(), "footprint --run run --json")).unwrap();
    let difference = found["run"]["difference"].as_f64().unwrap();
    assert!(difference.abs() < 0.05, "{found}");
    let text = succeed(folder.path(), "footprint cifar10");
    for word in ["381,440 connections", "transposed index", "u16, u32, momentum, 64 lanes", "everything to train"] {
        assert!(text.contains(word), "{word}: {text}");
    }
    let board = succeed(folder.path(), "footprint --hidden 128 --board nrf52840 --fit");
    assert!(board.contains("nrf52840") && !board.contains("short"), "{board}");
    assert_eq!(succeed(folder.path(), "footprint --hidden 48 --board all").matches("KiB").count(), 2);
    for (arguments, words) in [
        ("footprint --board arduino", vec!["'arduino'", "nrf52840", "all"]),
        ("footprint --board microbit --fit", vec!["microbit has 16384 bytes", "--hidden"]),
        ("footprint --fit", vec!["--board"]),
        ("footprint --run nowhere", vec!["nowhere is no folder"]),
        ("train --monitor-interval -1", vec!["--monitor-interval", "0 to 3600"]),
        ("train --monitor-interval 0.001", vec!["--monitor-interval is 0.001", "0.01 to 3600"]),
        ("features run --top 5,120", vec!["'120'", "above 0 and up to 100"]),
        ("features run --top none", vec!["'none'"]),
    ] {
        let outcome = run(folder.path(), arguments);
        assert_eq!(outcome.code, Some(2), "{arguments}: {}", outcome.stderr);
        for word in words {
            assert!(outcome.stderr.contains(word), "{arguments}: {}", outcome.stderr);
        }
    }
}

#[test]
fn features_are_ranked_drawn_and_measured() {
    let folder = tempdir().unwrap();
    succeed(folder.path(), "train --train-samples 600 --hidden 100 --epochs 8 --out run");
    let found: serde_json::Value =
        serde_json::from_str(&succeed(folder.path(), "features run --top 5,5,50% --json")).unwrap();
    let outcomes = found["outcomes"].as_array().unwrap();
    assert_eq!(outcomes.len(), 1 + 2 * 4);
    let accuracy = |ranking: &str, percent: f64| {
        let found = outcomes.iter().find(|o| o["ranking"] == ranking && o["percent"] == percent);
        found.unwrap()["test_accuracy"].as_f64().unwrap()
    };
    assert!(accuracy("connections", 5.0) > accuracy("random", 5.0), "{outcomes:?}");
    for file in ["features.csv", "features.json", "features.svg", "features-mask.png"] {
        assert!(folder.path().join("run/features").join(file).exists(), "{file}");
    }
    let ranking = fs::read_to_string(folder.path().join("run/features/features.csv")).unwrap();
    assert_eq!(ranking.lines().count(), 785);
    // A dense first layer says nothing.
    succeed(folder.path(), &format!("train {QUICK} --model dense --epochs 1 --out dense"));
    let outcome = run(folder.path(), "features dense");
    assert_eq!(outcome.code, Some(2));
    assert!(outcome.stderr.contains("use a SET run"), "{}", outcome.stderr);
}

#[test]
fn layers_stored_by_input_with_more_neurons_than_inputs_are_drawn_and_ranked() {
    let folder = tempdir().unwrap();
    let wide = "--train-samples 200 --test-samples 50 --hidden 1000,800 --epsilon 3 --batch-size 10 --epochs 2";
    succeed(folder.path(), &format!("train {wide} --storage input-major --out run"));
    let drawn = plot(folder.path(), "plot run");
    assert!(drawn.stdout.contains("degrees.svg"), "{}", drawn.stdout);
    assert!(fs::read_to_string(folder.path().join("run/figures/degrees.svg")).unwrap().contains("1000 neurons"));
    succeed(folder.path(), "features run --no-training");
    let ranking = fs::read_to_string(folder.path().join("run/features/features.csv")).unwrap();
    assert_eq!(ranking.lines().count(), 785);
}

#[test]
fn a_single_share_is_a_marked_point() {
    let folder = tempdir().unwrap();
    succeed(folder.path(), &format!("train {QUICK} --epochs 1 --out run"));
    succeed(folder.path(), "features run --top 25% --epochs 1");
    let svg = fs::read_to_string(folder.path().join("run/features/features.svg")).unwrap();
    // A point for each of four rankings, the two ends of the line of all inputs, and those of the legend.
    assert_eq!(svg.matches("<circle").count(), 6 + 5);
}
