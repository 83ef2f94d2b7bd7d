//! The command line from end to end: bad input, interruptions, full disks, and that equal settings give equal bytes.

#![expect(clippy::unwrap_used, reason = "a step that fails fails the test")]

mod program;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::io::{Seek, SeekFrom, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use program::{Outcome, command, isolate, outcome, program, run, succeed};
use rewire::data::DatasetName;
use rewire::settings::Config;
use safetensors::tensor::{Dtype, SafeTensors, TensorView, serialize};
use serde_json::Value;
use tempfile::{TempDir, tempdir};

/// Flags of a run that takes a fraction of a second; a flag can be given once only.
const QUICK: &str = "--epochs 2 --train-samples 100 --test-samples 50 --hidden 16,12 --epsilon 3 --batch-size 10";

/// Every file below a folder with its size, for comparing before and after.
fn listing(folder: &Path) -> String {
    let mut items: Vec<_> = fs::read_dir(folder).unwrap().map(|item| item.unwrap().path()).collect();
    items.sort();
    items.iter().fold(String::new(), |mut text, path| {
        let data = fs::symlink_metadata(path).unwrap();
        if data.is_dir() {
            writeln!(text, "{}/", path.display()).unwrap();
            text + &listing(path)
        } else {
            writeln!(text, "{} {}", path.display(), data.len()).unwrap();
            text
        }
    })
}

/// Asserts that a run of the program was refused in one sentence that holds every word of `words`.
fn assert_refused(outcome: &Outcome, code: i32, words: &[&str]) {
    let Outcome { stdout, stderr, .. } = outcome;
    assert_eq!(outcome.code, Some(code), "{stderr}");
    assert_eq!(stdout, "", "{stderr}");
    let sentences: Vec<_> =
        stderr.lines().filter(|line| line.starts_with("rewire: ") || line.starts_with("error: ")).collect();
    assert_eq!(sentences.len(), 1, "{stderr}");
    if sentences[0].starts_with("rewire: ") {
        assert_eq!(stderr.lines().last(), Some(sentences[0]), "the sentence is the last line: {stderr}");
    }
    for word in words {
        assert!(stderr.contains(word), "'{word}' is not in: {stderr}");
    }
}

/// Asserts that the program refuses `arguments` and leaves nothing behind.
fn refused(code: i32, arguments: &str, words: &[&str]) {
    let folder = tempdir().unwrap();
    assert_refused(&run(folder.path(), arguments), code, words);
    assert_eq!(listing(folder.path()), "", "rewire {arguments}");
}

/// The long flags that a help text lists, each with the name of its value.
fn flags(help: &str) -> Vec<(String, Option<String>)> {
    let lines = help.lines().filter_map(|line| line.trim_start().trim_start_matches("-h, ").strip_prefix("--"));
    let split = |line: &str| {
        let mut words = line.split_whitespace();
        let flag = words.next().unwrap_or_default().to_owned();
        let value = words.next().filter(|word| word.starts_with(['<', '['])).map(str::to_owned);
        (flag, value)
    };
    lines.map(split).collect()
}

/// The flags whose default a help text names, and the default.
fn defaults(help: &str) -> Vec<(String, String)> {
    let mut flag = String::new();
    let mut defaults = Vec::new();
    for line in help.lines() {
        if let Some((name, _)) = flags(line).pop() {
            flag = name;
        }
        if let Some((default, _)) = line.split_once("[default: ").and_then(|(_, rest)| rest.split_once(']')) {
            defaults.push((flag.clone(), default.to_owned()));
        }
    }
    defaults
}

/// What a folder holds.
fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        fs::read_dir(folder).unwrap().map(|item| item.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn rows(run: &Path) -> Vec<Vec<String>> {
    let text = fs::read_to_string(run.join("metrics.csv")).unwrap();
    assert!(text.is_empty() || text.ends_with('\n'), "the last row is whole: {text}");
    let rows: Vec<Vec<_>> = text.lines().map(|line| line.split(',').map(str::to_owned).collect()).collect();
    assert!(rows.iter().all(|row| row.len() == 10 && row.iter().all(|cell| !cell.is_empty())), "{text}");
    if let Some(header) = rows.first() {
        assert_eq!(
            header.join(","),
            "epoch,learning_rate,train_loss,test_loss,train_accuracy,test_accuracy,train_seconds,evaluate_seconds,\
             evolve_seconds,connections"
        );
    }
    rows.into_iter().skip(1).collect()
}

fn model_bytes(folder: &Path, out: &str) -> Vec<u8> {
    fs::read(folder.join(out).join("model.safetensors")).unwrap()
}

fn settings(folder: &Path, out: &str) -> toml::Table {
    fs::read_to_string(folder.join(out).join("config.toml")).unwrap().parse().unwrap()
}

// Settings

#[test]
fn unknown_names_are_refused_with_the_known_ones() {
    refused(2, "train imagenet", &["imagenet", "mnist-mini, mnist, fashion-mnist, cifar10"]);
    refused(2, "data fetch imagenet", &["imagenet", "mnist-mini, mnist, fashion-mnist, cifar10"]);
    refused(2, "train --model sparse", &["sparse", "--model", "set, fixprob, dense"]);
    refused(
        2,
        "train --activation tanh",
        &["tanh", "--activation", "relu, leaky-relu, all-relu, srelu, batch-norm-relu"],
    );
    refused(2, "train --simd sse9", &["sse9", "--simd", "baseline, v3 or v4"]);
    refused(2, "train --lanes 7", &["--lanes is 7", "1, 16, 32, 64 or 128"]);
    refused(2, "train --learning-rat 1", &["--learning-rat", "--learning-rate"]);
    refused(2, "tarin", &["tarin", "train"]);
    refused(2, "data list mnist", &["mnist"]);
}

#[test]
fn every_float_flag_refuses_what_is_no_finite_number() {
    let folder = tempdir().unwrap();
    let help = succeed(folder.path(), "train --help");
    let float = |(flag, value): &(String, Option<String>)| {
        flag == "epsilon" || value.as_ref().is_some_and(|value| value == "<F>" || value.starts_with("<F,"))
    };
    let floats: Vec<_> = flags(&help).into_iter().filter(float).map(|(flag, _)| flag).collect();
    for known in ["epsilon", "zeta", "slope", "dropout", "learning-rate", "momentum", "weight-decay", "label-smoothing"]
    {
        assert!(floats.iter().any(|flag| flag == known), "{known} is in {floats:?}");
    }
    for flag in floats {
        for (given, shown) in [("nan", "NaN"), ("inf", "inf"), ("-inf", "-inf"), ("1e60", "inf")] {
            if flag == "epsilon" && given == "1e60" {
                continue; // A double: as dense as it gets.
            }
            refused(2, &format!("train --{flag}={given}"), &[&format!("--{flag}"), &format!(" {shown}"), "must be"]);
        }
        refused(2, &format!("train --{flag} much"), &[&format!("--{flag}"), "much"]);
    }
}

#[test]
fn shares_outside_zero_to_one_are_refused() {
    for flag in ["zeta", "dropout", "momentum", "weight-decay", "label-smoothing"] {
        for value in ["-0.1", "1", "1.5"] {
            refused(
                2,
                &format!("train --{flag} {value}"),
                &[&format!("--{flag} is {value}"), "at least 0 and below 1"],
            );
        }
    }
    refused(2, "train --learning-rate -1", &["--learning-rate is -1", "at least 0"]);
    refused(2, "train --epsilon 0", &["--epsilon is 0", "above 0"]);
    refused(2, "train --epsilon -3", &["--epsilon is -3", "above 0"]);
}

#[test]
fn layers_without_neurons_are_refused() {
    refused(2, "train --hidden 0", &["--hidden", "layer 1", "at least 1"]);
    refused(2, "train --hidden 100,0", &["--hidden", "layer 2", "at least 1"]);
    refused(2, "train --hidden 10,,10", &["--hidden"]);
    refused(2, "train --hidden -5", &["--hidden", "-5"]);
    refused(2, "train --hidden=", &["--hidden"]);
    refused(2, "train --hidden 1,1,1,1,1,1,1,1", &["--hidden has 8 layers", "at most 7"]);
}

#[test]
fn counts_that_the_data_cannot_meet_are_refused() {
    refused(2, "train --batch-size 0", &["--batch-size is 0", "at least 1"]);
    refused(2, "train --batch-size 2001", &["--batch-size is 2001", "2000 training samples", "smaller"]);
    refused(2, "train --train-samples 50 --batch-size 51", &["--batch-size is 51", "50 training samples"]);
    refused(2, "train --train-samples 2001", &["--train-samples is 2001", "2000"]);
    refused(2, "train --test-samples 1001", &["--test-samples is 1001", "1000"]);
    refused(2, "train --validation-samples 2000", &["--validation-samples is 2000", "2000"]);
    refused(2, "train --epochs 0", &["--epochs is 0", "at least 1"]);
    refused(2, "train --warmup 5 --epochs 5", &["--warmup is 5", "below --epochs 5"]);
    refused(2, "train --seed 9223372036854775808", &["--seed is 9223372036854775808", "at most 9223372036854775807"]);
    refused(2, "train --activation batch-norm-relu --batch-size 1 --lanes 16", &["batch-norm-relu", "--batch-size 1"]);
    refused(2, "train --decay periodic --weight-decay 0.1 --batch-size 100", &["--decay periodic", "64th", "20"]);
    refused(2, "bench --steps 0", &["--steps is 0", "at least 1"]);
}

#[test]
fn whole_numbers_below_zero_or_beyond_their_type_are_refused_by_flag() {
    for flag in ["seed", "epochs", "batch-size", "train-samples", "warmup", "lanes", "threads"] {
        for value in ["-1", "1.5", "18446744073709551616"] {
            refused(2, &format!("train --{flag} {value}"), &[&format!("--{flag}"), value]);
        }
    }
}

#[test]
fn absurd_sizes_are_refused_and_not_tried() {
    refused(2, "train --hidden 99999999999", &["--hidden", "layer 1", "16,777,216"]);
    refused(2, "train --hidden 18446744073709551615", &["--hidden", "16,777,216"]);
    refused(2, "train --threads 99999999", &["--threads is 99999999", "at most 4096"]);
    refused(2, "train --batch-size 18446744073709551615", &["--batch-size", "2000 training samples"]);
    refused(2, "train --lanes 16 --hidden 100000", &["--lanes is 16", "--lanes 64"]);
    for model in ["set --epsilon 1e300", "dense"] {
        let widths = "--hidden 16777216,16777216,16777216,16777216,16777216,16777216,16777216 --batch-size 2000";
        refused(1, &format!("train --model {model} {widths}"), &["bytes", "does not grant", "smaller"]);
        refused(
            1,
            &format!("train --model {model} --hidden 16000000,16000000"),
            &["bytes", "does not grant", "smaller"],
        );
    }
}

#[test]
fn flags_that_change_nothing_are_named() {
    let folder = tempdir().unwrap();
    let notes = |flags: &str| {
        let outcome = run(folder.path(), &format!("train {QUICK} {flags} --out run{}", flags.replace(' ', "")));
        assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
        let notes = outcome.stderr.lines().filter_map(|line| line.strip_prefix("note: ")).map(str::to_owned);
        notes.collect::<Vec<_>>()
    };
    assert_eq!(notes("--zeta 0.2"), [""; 0]);
    assert_eq!(notes("--rotation 5"), ["--rotation changes nothing without --augment"]);
    assert_eq!(
        notes("--model dense --zeta 0.2"),
        ["--zeta changes nothing where the model is not set", "--epsilon changes nothing where the model is dense"]
    );
    assert_eq!(notes("--augment --shift 0.2 --growth near --reach 3"), [""; 0]);
}

// Settings files

#[test]
fn a_settings_file_is_refused_by_name_and_line() {
    let cases: [(&str, &[&str]); 13] = [
        ("seed = 1\nepochs = [\n", &["line 2", "array"]),
        ("seed = 1\nlabel_smoothing = 2\n", &["line 2", "--label-smoothing is 2"]),
        ("seed = 1\nseed = 2\n", &["line 2", "duplicate"]),
        ("epochs = 3\nepoch = 3\n", &["line 2", "'epoch' is no setting", "epochs", "zeta"]),
        ("epochs = 3\n[train]\nseed = 1\n", &["line 2", "'train' is no setting"]),
        ("seed = 1\nepochs = \"three\"\n", &["line 2", "epochs", "three"]),
        ("seed = 1\n\nepochs = -3\n", &["line 3", "epochs", "-3"]),
        ("hidden = 100\n", &["line 1", "hidden", "100", "sequence"]),
        ("seed = 1\nmodel = \"sparse\"\n", &["line 2", "model", "sparse", "`set`, `fixprob`, `dense`"]),
        ("seed = 1\ndataset = 3\n", &["line 2", "dataset", "3"]),
        ("seed = 1\ndataset = \"imagenet\"\n", &["line 2", "imagenet", "mnist-mini, mnist, fashion-mnist, cifar10"]),
        ("just words\n", &["line 1"]),
        ("\u{0}", &["line 1"]),
    ];
    for (text, words) in cases {
        let folder = tempdir().unwrap();
        fs::write(folder.path().join("my.toml"), text).unwrap();
        let before = listing(folder.path());
        let outcome = run(folder.path(), "train --config my.toml");
        assert_refused(&outcome, 2, words);
        assert!(outcome.stderr.starts_with("rewire: my.toml, line "), "{}", outcome.stderr);
        assert_eq!(outcome.stderr.lines().count(), 1, "{}", outcome.stderr);
        assert_eq!(listing(folder.path()), before);
    }
}

#[test]
fn a_dense_model_has_relu_wherever_it_is_named() {
    let folder = tempdir().unwrap();
    let activation = |out: &str| settings(folder.path(), out)["activation"].as_str().unwrap().to_owned();
    fs::write(folder.path().join("sizes.toml"), "momentum = 0.5\n").unwrap();
    fs::write(folder.path().join("dense.toml"), "model = \"dense\"\n").unwrap();
    fs::write(folder.path().join("both.toml"), "model = \"dense\"\nactivation = \"all-relu\"\n").unwrap();
    let cases = [
        ("flag", "--model dense", "relu"),
        ("sizes", "--config sizes.toml --model dense", "relu"),
        ("dense", "--config dense.toml", "relu"),
        ("both", "--config both.toml", "all-relu"),
        ("sparse", "--config dense.toml --model set", "all-relu"),
    ];
    for (out, flags, expected) in cases {
        succeed(folder.path(), &format!("train {QUICK} {flags} --learning-rate 0.0001 --out {out}"));
        assert_eq!(activation(out), expected, "{flags}");
    }
}

#[test]
fn a_settings_file_that_cannot_be_read_is_refused_by_name() {
    refused(2, "train --config nowhere.toml", &["nowhere.toml", "cannot read"]);
    refused(2, "train --config .", &["cannot read the settings in ."]);
    let folder = tempdir().unwrap();
    fs::write(folder.path().join("bytes.toml"), [0xff, 0xfe, 0x00]).unwrap();
    assert_refused(&run(folder.path(), "train --config bytes.toml"), 2, &["bytes.toml", "UTF-8"]);
}

#[test]
fn settings_of_a_file_have_the_same_ranges_as_flags() {
    for (text, word) in [
        ("learning_rate = nan", "--learning-rate is NaN"),
        ("dropout = -inf", "--dropout is -inf"),
        ("epsilon = inf", "--epsilon is inf"),
        ("zeta = 1.0", "--zeta is 1"),
        ("hidden = []", "--hidden needs at least one layer"),
        ("hidden = [10, 0]", "layer 2"),
        ("batch_size = 0", "--batch-size is 0"),
        ("batch_size = 2001", "--batch-size is 2001"),
    ] {
        let folder = tempdir().unwrap();
        fs::write(folder.path().join("my.toml"), text).unwrap();
        assert_refused(&run(folder.path(), "train --config my.toml"), 2, &[word]);
        assert!(!folder.path().join("runs").exists());
    }
}

#[test]
fn flags_override_the_file_and_the_file_overrides_defaults() {
    let folder = tempdir().unwrap();
    let text = "epsilon = 7\nhidden = [9]\nlearning_rate = 1\nepochs = 1\ntrain_samples = 100\ntest_samples = 10\n";
    fs::write(folder.path().join("my.toml"), text).unwrap();
    succeed(folder.path(), "train --config my.toml --epsilon 3.5 --learning-rate 0.25 --out a");
    let found = settings(folder.path(), "a");
    assert_eq!(found["epsilon"].as_float(), Some(3.5));
    assert_eq!(found["learning_rate"].as_float(), Some(0.25));
    assert_eq!(found["hidden"], toml::Value::Array(vec![9.into()]));
    assert_eq!(found["epochs"].as_integer(), Some(1));
    let defaults = toml::Table::try_from(Config::defaults(DatasetName::MnistMini)).unwrap();
    for untouched in ["zeta", "momentum", "batch_size", "seed", "activation"] {
        assert_eq!(found[untouched], defaults[untouched], "{untouched}");
    }
}

// Help

#[test]
fn help_lists_every_flag() {
    let folder = tempdir().unwrap();
    let listed = |arguments: &str| -> BTreeSet<String> {
        flags(&succeed(folder.path(), arguments)).into_iter().map(|(flag, _)| flag).collect()
    };
    let train = listed("train --help");
    let settings = toml::Table::try_from(Config::defaults(DatasetName::MnistMini)).unwrap();
    for setting in settings.keys().filter(|key| *key != "dataset") {
        assert!(train.contains(&setting.replace('_', "-")), "{setting} is not in {train:?}");
    }
    for flag in [
        "config",
        "out",
        "resume",
        "monitor-interval",
        "reference-files",
        "threads",
        "simd",
        "data-dir",
        "json",
        "help",
    ] {
        assert!(train.contains(flag), "{flag} is not in {train:?}");
    }
    let expect = |arguments: &str, flags: &[&str]| {
        assert_eq!(listed(arguments), flags.iter().map(|&flag| flag.to_owned()).collect(), "{arguments}");
    };
    expect("evaluate --help", &["threads", "simd", "data-dir", "json", "help"]);
    expect("data list --help", &["data-dir", "json", "help"]);
    expect("data fetch --help", &["data-dir", "json", "help"]);
    expect("data verify --help", &["data-dir", "json", "help"]);
    expect("bench --help", &["steps", "no-dense", "json", "help"]);
    let help = succeed(folder.path(), "--help");
    for subcommand in ["train", "evaluate", "compare", "footprint", "plot", "report", "features", "data", "bench"] {
        assert!(help.lines().any(|line| line.trim_start().starts_with(subcommand)), "{help}");
    }
    assert_eq!(succeed(folder.path(), "--version").trim(), format!("rewire {}", env!("CARGO_PKG_VERSION")));
}

#[test]
fn defaults_named_by_help_are_those_of_a_run() {
    let folder = tempdir().unwrap();
    let help = succeed(folder.path(), "train --help");
    for claim in [
        "[default: set]",
        "[default: the file's, or mnist-mini]",
        "[default: runs/DATASET-MODEL-seedN, the first that is free]",
    ] {
        assert!(help.contains(claim), "{claim} is not in {help}");
    }
    for (flag, claim) in defaults(&help) {
        let (value, dataset) = claim.split_once(" for ").unwrap_or((&claim, "mnist-mini"));
        let settings =
            toml::Table::try_from(Config::defaults(dataset.parse().unwrap_or(DatasetName::MnistMini))).unwrap();
        if let Some(setting) = settings.get(&flag.replace('-', "_")) {
            let same = setting.to_string().trim_matches('"') == value
                || setting.as_float().is_some_and(|setting| value.parse() == Ok(setting));
            assert!(same, "--{flag} is {setting} by default, and not {claim}");
        }
    }
    let quick = "train --epochs 1 --train-samples 200 --test-samples 10 --hidden 8";
    succeed(folder.path(), quick);
    let found = settings(folder.path(), "runs/mnist-mini-set-seed1");
    assert_eq!((found["model"].as_str(), found["dataset"].as_str()), (Some("set"), Some("mnist-mini")));
    // A run is never overwritten: the next one takes the next name.
    let first = model_bytes(folder.path(), "runs/mnist-mini-set-seed1");
    succeed(folder.path(), &format!("{quick} --zeta 0.5 --dropout 0"));
    assert!(folder.path().join("runs/mnist-mini-set-seed1-2/model.safetensors").exists());
    assert_eq!(model_bytes(folder.path(), "runs/mnist-mini-set-seed1"), first);
}

// Run directories

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
    // An empty folder, or one with other things in it, will do.
    fs::create_dir(folder.path().join("notes")).unwrap();
    fs::write(folder.path().join("notes/note"), "mine").unwrap();
    succeed(folder.path(), &format!("train {QUICK} --out notes"));
}

#[test]
fn a_loss_that_is_no_number_ends_the_run_and_keeps_the_epochs_before() {
    let folder = tempdir().unwrap();
    let arguments = "train --train-samples 100 --test-samples 50 --hidden 16 --batch-size 100 --momentum 0";
    let outcome = run(folder.path(), &format!("{arguments} --epochs 500 --learning-rate 1e5 --out slow"));
    assert_refused(&outcome, 1, &["loss is no number at epoch ", "step 1", "--learning-rate", "metrics.csv in slow"]);
    let kept = rows(&folder.path().join("slow"));
    assert!(outcome.stderr.contains(&format!("at epoch {}, ", kept.len() + 1)), "{}", outcome.stderr);
    assert!(!kept.is_empty());
    assert!(kept.iter().flatten().all(|cell| cell.parse::<f64>().unwrap().is_finite()), "{kept:?}");
    assert!(!folder.path().join("slow/model.safetensors").exists());
    // What one last step spoiled is not saved either.
    let outcome = run(folder.path(), &format!("{arguments} --epochs 1 --learning-rate 3e38 --out fast"));
    assert_refused(&outcome, 1, &["the test loss is no number at epoch 1, step 1"]);
    assert_eq!(rows(&folder.path().join("fast")).len(), 0);
    assert!(!folder.path().join("fast/model.safetensors").exists());
}

/// Sends the signal of Ctrl-C.
#[cfg(unix)]
fn interrupt(process: u32) {
    let status = Command::new("/bin/sh").args(["-c", "kill -INT \"$0\"", &process.to_string()]).status();
    assert!(status.unwrap().success());
}

#[cfg(unix)]
#[test]
fn ctrl_c_ends_a_run_with_what_was_recorded() {
    let folder = tempdir().unwrap();
    let arguments = "train --train-samples 300 --hidden 30 --learning-rate 0.0001 --epochs 1000000 --out run";
    let mut child = command(folder.path(), arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let metrics = folder.path().join("run/metrics.csv");
    let deadline = Instant::now() + Duration::from_secs(120);
    while fs::read_to_string(&metrics).unwrap_or_default().lines().count() < 4 {
        assert!(child.try_wait().unwrap().is_none() && Instant::now() < deadline, "the run writes rows");
        sleep(Duration::from_millis(10));
    }
    // The epochs' lines must not fill the pipe meanwhile.
    interrupt(child.id());
    let output = child.wait_with_output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(130), "{stderr}");
    let sentence = stderr.lines().last().unwrap();
    let kept = rows(&folder.path().join("run")).len();
    assert!(sentence.starts_with("rewire: interrupted in epoch "), "{stderr}");
    assert!(sentence.contains(&format!(" {kept} finished")) && sentence.contains(" run"), "{kept}: {stderr}");
    assert!(kept >= 3);
    assert!(!stderr.contains("panicked"), "{stderr}");
    let evaluated = succeed(folder.path(), "evaluate run --json");
    assert_eq!(serde_json::from_str::<Value>(&evaluated).unwrap()["samples"], 1000);
}

#[cfg(unix)]
#[test]
fn ctrl_c_in_the_first_epoch_leaves_the_folder_free() {
    let folder = tempdir().unwrap();
    let arguments = "train --hidden 3000,3000 --epsilon 300 --batch-size 10 --out run";
    let child = command(folder.path(), arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let deadline = Instant::now() + Duration::from_secs(120);
    while !folder.path().join("run/monitor.csv").exists() {
        assert!(Instant::now() < deadline, "the run begins");
        sleep(Duration::from_millis(5));
    }
    interrupt(child.id());
    let output = child.wait_with_output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(130), "{stderr}");
    assert!(stderr.contains("interrupted in epoch 1 of") && stderr.contains("nothing is kept in run"), "{stderr}");
    assert_eq!(listing(&folder.path().join("run")), "");
    succeed(folder.path(), &format!("train {QUICK} --out run"));
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

// Datasets

const FILES: [(&str, u64, [u8; 16]); 4] = [
    ("train-images-idx3-ubyte", 47_040_016, [0, 0, 8, 3, 0, 0, 234, 96, 0, 0, 0, 28, 0, 0, 0, 28]),
    ("train-labels-idx1-ubyte", 60_008, [0, 0, 8, 1, 0, 0, 234, 96, 0, 0, 0, 0, 0, 0, 0, 0]),
    ("t10k-images-idx3-ubyte", 7_840_016, [0, 0, 8, 3, 0, 0, 39, 16, 0, 0, 0, 28, 0, 0, 0, 28]),
    ("t10k-labels-idx1-ubyte", 10_008, [0, 0, 8, 1, 0, 0, 39, 16, 0, 0, 0, 0, 0, 0, 0, 0]),
];

/// A cache with an MNIST of the right sizes and headers whose pixels and labels are all zero: holes, mostly.
fn blank_mnist() -> TempDir {
    let cache = tempdir().unwrap();
    fs::create_dir(cache.path().join("mnist")).unwrap();
    for (name, bytes, header) in FILES {
        let mut file = fs::File::create(cache.path().join("mnist").join(name)).unwrap();
        file.write_all(&header).unwrap();
        file.set_len(bytes).unwrap();
    }
    cache
}

fn overwrite(cache: &TempDir, name: &str, at: u64, bytes: &[u8]) {
    let mut file = fs::OpenOptions::new().write(true).open(cache.path().join("mnist").join(name)).unwrap();
    file.seek(SeekFrom::Start(at)).unwrap();
    file.write_all(bytes).unwrap();
}

fn train_on(cache: &TempDir) -> (Outcome, String) {
    let folder = tempdir().unwrap();
    let outcome = run(folder.path(), &format!("train mnist {QUICK} --data-dir {}", cache.path().display()));
    (outcome, listing(folder.path()))
}

#[test]
fn a_damaged_dataset_is_refused_by_file_and_place() {
    // The blank one is sound in itself, so each refusal below is due to its damage.
    let (outcome, left) = train_on(&blank_mnist());
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    assert!(left.contains("model.safetensors"));
    let cases: [(&str, u64, &[u8], &[&str]); 9] = [
        ("train-images-idx3-ubyte", 2, &[9], &["byte 0", "0x00000803"]),
        ("t10k-images-idx3-ubyte", 0, &[0x1f, 0x8b], &["byte 0"]),
        ("train-labels-idx1-ubyte", 3, &[3], &["byte 0", "0x00000801"]),
        ("train-images-idx3-ubyte", 4, &59_999_u32.to_be_bytes(), &["more bytes"]),
        ("train-images-idx3-ubyte", 4, &60_001_u32.to_be_bytes(), &["the end of the file"]),
        ("train-images-idx3-ubyte", 8, &[0, 0, 0, 14, 0, 0, 0, 56], &["byte 8", "14 x 56", "28 x 28"]),
        ("t10k-labels-idx1-ubyte", 4, &9_999_u32.to_be_bytes(), &["more bytes"]),
        ("t10k-labels-idx1-ubyte", 4, &[0xff; 4], &["byte 4", "4294967295"]),
        ("train-labels-idx1-ubyte", 8 + 77, &[10], &["byte 85", "label 10", "sample 77"]),
    ];
    for (name, at, bytes, words) in cases {
        let cache = blank_mnist();
        overwrite(&cache, name, at, bytes);
        let before = listing(cache.path());
        let (outcome, left) = train_on(&cache);
        assert_refused(&outcome, 1, words);
        assert_refused(
            &outcome,
            1,
            &[name, "found", "expected", "`rewire data verify mnist`", "`rewire data fetch mnist`"],
        );
        assert_eq!(outcome.stderr.lines().count(), 1, "{}", outcome.stderr);
        assert_eq!(left, "");
        assert_eq!(listing(cache.path()), before);
    }
}

#[test]
fn a_truncated_or_oversized_dataset_is_fetched_again_or_refused_by_file() {
    for (at, change) in [(0, -1_i64), (1, 1), (2, -7_840_016), (3, 10_000)] {
        let (name, bytes, _) = FILES[at];
        let cache = blank_mnist();
        let path = cache.path().join("mnist").join(name);
        let changed = bytes.checked_add_signed(change).unwrap();
        fs::OpenOptions::new().write(true).open(path).unwrap().set_len(changed).unwrap();
        let before = listing(cache.path());
        let (outcome, left) = train_on(&cache);
        assert_eq!(outcome.code, Some(1), "{}", outcome.stderr);
        for words in [
            "mnist is not in",
            &format!("{name} has {changed} bytes, expected {bytes}; replacing it"),
            "rewire: cannot fetch mnist: no source worked",
            "npm",
            &format!("{name} ({bytes} bytes)"),
            "`rewire data verify mnist`",
        ] {
            assert!(outcome.stderr.contains(words), "'{words}' is not in: {}", outcome.stderr);
        }
        assert_eq!(left, "", "no run begins");
        assert_eq!(listing(cache.path()), before, "what is there stays until there is better");
    }
}

#[test]
fn a_dataset_without_a_source_is_refused_with_what_was_tried() {
    let folder = tempdir().unwrap();
    let outcome = run(folder.path(), &format!("train fashion-mnist {QUICK} --data-dir cache"));
    assert_eq!(outcome.code, Some(1), "{}", outcome.stderr);
    for words in ["cannot fetch fashion-mnist", "http", "train-images-idx3-ubyte", "cache/fashion-mnist"] {
        assert!(outcome.stderr.contains(words), "'{words}' is not in: {}", outcome.stderr);
    }
    assert!(!listing(folder.path()).contains("config.toml"));
    assert!(!listing(folder.path()).contains(".part"), "{}", listing(folder.path()));
}

#[test]
fn verify_names_every_damaged_file() {
    let folder = tempdir().unwrap();
    let cache = blank_mnist();
    let outcome = run(folder.path(), &format!("data verify mnist --data-dir {}", cache.path().display()));
    assert_eq!(outcome.code, Some(1));
    for (name, ..) in FILES {
        assert!(outcome.stderr.contains(name) && outcome.stdout.contains(name), "{outcome:?}");
    }
    assert!(outcome.stderr.contains("`rewire data fetch mnist`"), "{}", outcome.stderr);
    succeed(folder.path(), "data verify mnist-mini");
}

// Models

/// A model file taken apart.
struct Parts {
    header: Value,
    tensors: Vec<(String, Dtype, Vec<usize>, Vec<u8>)>,
}

impl Parts {
    fn read(file: &[u8]) -> Self {
        let (_, metadata) = SafeTensors::read_metadata(file).unwrap();
        let header = serde_json::from_str(&metadata.metadata().as_ref().unwrap()["rewire"]).unwrap();
        let tensors = SafeTensors::deserialize(file).unwrap();
        let part =
            |(name, view): (String, TensorView<'_>)| (name, view.dtype(), view.shape().to_vec(), view.data().to_vec());
        Self { header, tensors: tensors.tensors().into_iter().map(part).collect() }
    }

    fn write(&self) -> Vec<u8> {
        let metadata = [("rewire".to_owned(), self.header.to_string())].into();
        serialize(self.views(), Some(metadata)).unwrap()
    }

    fn views(&self) -> impl Iterator<Item = (&str, TensorView<'_>)> {
        self.tensors
            .iter()
            .map(|(name, dtype, shape, data)| (name.as_str(), TensorView::new(*dtype, shape.clone(), data).unwrap()))
    }

    /// The bytes of a tensor.
    fn data(&mut self, name: &str) -> &mut Vec<u8> {
        &mut self.tensors.iter_mut().find(|tensor| tensor.0 == name).unwrap().3
    }

    fn rename(&mut self, name: &str, to: &str) {
        self.tensors.iter_mut().find(|tensor| tensor.0 == name).unwrap().0 = to.into();
    }
}

/// A way to spoil a model, and what the message must say of it.
type Damage = (fn(&mut Parts), &'static [&'static str]);

#[test]
fn a_model_that_breaks_its_format_is_refused_by_file_and_part() {
    let folder = tempdir().unwrap();
    succeed(folder.path(), &format!("train {QUICK} --out run"));
    let good = model_bytes(folder.path(), "run");
    let damages: &[Damage] = &[
        (|parts| parts.header["version"] = 2.into(), &["version 2", "version 1"]),
        (|parts| parts.header["version"] = "new".into(), &["metadata"]),
        (|parts| parts.header["layers"] = Value::Array(vec![]), &["0 layers"]),
        (|parts| parts.header["layers"] = vec![parts.header["layers"][0].clone(); 9].into(), &["9 layers", "1 to 8"]),
        (|parts| parts.header["dataset"] = "imagenet".into(), &["imagenet", "mnist-mini"]),
        (|parts| parts.header["layers"][0]["activation"] = "tanh".into(), &["layer 0", "tanh"]),
        (|parts| parts.header["layers"][0]["storage"] = "coo".into(), &["layer 0", "coo"]),
        (|parts| parts.header["layers"][0]["activation"] = "identity-ish".into(), &["layer 0", "identity-ish"]),
        (|parts| parts.header["layers"][2]["activation"] = "relu".into(), &["layer", "identity"]),
        (|parts| parts.header["layers"][1]["n_in"] = 17.into(), &["layer 1", "17", "16"]),
        (|parts| parts.header["layers"][0]["n_in"] = 785.into(), &["input.mean", "784", "785"]),
        (|parts| parts.header["layers"][0]["n_in"] = u64::MAX.into(), &["input.mean", "784"]),
        (|parts| parts.header["layers"][1]["n_in"] = u64::MAX.into(), &["layer 1"]),
        (|parts| parts.header["layers"][1]["n_out"] = u64::MAX.into(), &["layers.1.bias", "12 elements"]),
        (|parts| parts.header["layers"][1]["n_out"] = (-1).into(), &["metadata"]),
        (
            |parts| {
                let layer = &mut parts.header["layers"][1];
                (layer["n_in"], layer["storage"]) = (u64::MAX.into(), "csc".into());
            },
            &["layer 1"],
        ),
        (
            |parts| {
                let layer = &mut parts.header["layers"][1];
                (layer["n_in"], layer["n_out"], layer["storage"]) = (u64::MAX.into(), u64::MAX.into(), "dense".into());
            },
            &["overflow"],
        ),
        (
            |parts| parts.data("layers.0.values")[..4].copy_from_slice(&f32::NAN.to_le_bytes()),
            &["layers.0.values", "element 0", "not finite"],
        ),
        (
            |parts| parts.data("layers.2.bias")[4..8].copy_from_slice(&f32::INFINITY.to_le_bytes()),
            &["layers.2.bias", "element 1", "not finite"],
        ),
        (
            |parts| parts.data("input.scale")[..4].copy_from_slice(&f32::NAN.to_le_bytes()),
            &["input.scale", "not finite"],
        ),
        (|parts| parts.data("layers.0.indices").swap(0, 4), &["layer 0", "column", "row 0"]),
        (
            |parts| parts.data("layers.0.indices")[..4].copy_from_slice(&784_i32.to_le_bytes()),
            &["layer 0", "column 784"],
        ),
        (
            |parts| parts.data("layers.0.indices")[..4].copy_from_slice(&(-1_i32).to_le_bytes()),
            &["layers.0.indices", "-1"],
        ),
        (|parts| parts.data("layers.0.indptr")[..4].copy_from_slice(&1_i32.to_le_bytes()), &["layer 0", "row pointer"]),
        (
            |parts| parts.data("layers.0.indptr")[4..8].copy_from_slice(&i32::MAX.to_le_bytes()),
            &["layer 0", "row pointer"],
        ),
        (|parts| parts.rename("layers.1.bias", "layers.1.baïs"), &["layers.1.bias", "missing"]),
        (|parts| parts.rename("input.mean", "mean"), &["input.mean", "missing"]),
        (|parts| parts.tensors.iter_mut().for_each(|tensor| tensor.1 = Dtype::I32), &["I32", "F32"]),
    ];
    let refuses = |bytes: &[u8], words: &[&str]| {
        fs::write(folder.path().join("bad.safetensors"), bytes).unwrap();
        let before = listing(folder.path());
        let outcome = run(folder.path(), "evaluate bad.safetensors");
        assert_refused(&outcome, 1, &["bad.safetensors", "`rewire train`"]);
        assert_refused(&outcome, 1, words);
        assert_eq!(outcome.stderr.lines().count(), 1, "{}", outcome.stderr);
        assert_eq!(listing(folder.path()), before);
    };
    for (damage, words) in damages {
        let mut parts = Parts::read(&good);
        damage(&mut parts);
        refuses(&parts.write(), words);
    }
    let not = "not a safetensors file";
    for len in [0, 5, 8, 100, good.len() / 2, good.len() - 1] {
        refuses(&good[..len], &[not]);
    }
    refuses(&[&good[..], &[0]].concat(), &[not]);
    refuses(&[&[0xff; 8], &good[8..]].concat(), &[not]);
    refuses(b"PK\x03\x04 something else", &[not]);
    // One that another program wrote.
    refuses(&serialize(Parts::read(&good).views(), None).unwrap(), &["no entry 'rewire'", "another program"]);
    // The parts were put together right: unchanged, they load.
    fs::write(folder.path().join("good.safetensors"), Parts::read(&good).write()).unwrap();
    assert_eq!(
        succeed(folder.path(), "evaluate good.safetensors").replace("good", "run/model"),
        succeed(folder.path(), "evaluate run/model.safetensors").replace("good", "run/model")
    );
}

#[test]
fn a_model_that_is_not_there_or_takes_other_images_is_refused() {
    refused(1, "evaluate nowhere", &["cannot read the model nowhere", "run directory"]);
    refused(1, "evaluate .", &["./model.safetensors", "run directory"]);
    refused(2, "evaluate", &["MODEL"]);
    let folder = tempdir().unwrap();
    succeed(folder.path(), &format!("train {QUICK} --out run"));
    let before = listing(folder.path());
    let outcome = run(folder.path(), "evaluate run cifar10");
    assert_refused(&outcome, 2, &["784 inputs", "3072", "evaluate it on mnist-mini"]);
    assert_eq!(outcome.stderr.lines().count(), 1, "nothing is fetched for it: {}", outcome.stderr);
    assert_eq!(listing(folder.path()), before);
}

// Equal settings, equal bytes

#[test]
fn equal_settings_give_equal_models_at_any_threads_and_vectors() {
    let folder = tempdir().unwrap();
    // Minibatches of several tiles, the last of them partly filled, and a last minibatch that is smaller.
    let arguments = "train --epochs 3 --train-samples 100 --test-samples 50 --hidden 60,40 --epsilon 5 --batch-size 40";
    for model in ["set", "fixprob", "dense"] {
        let train = |flags: &str, out: &str| {
            let out = format!("{model}-{out}");
            succeed(folder.path(), &format!("{arguments} --model {model} {flags} --out {out}"));
            model_bytes(folder.path(), &out)
        };
        let first = train("--threads 1", "first");
        assert_eq!(train("--threads 1", "again"), first, "{model}, again");
        assert_eq!(train("--threads 2", "two"), first, "{model}, two threads");
        assert_eq!(train("--threads 5", "five"), first, "{model}, five threads");
        // The matrix products of the dense model are another crate's, whose bits depend on the vectors.
        if model != "dense" {
            assert_eq!(train("--simd baseline", "baseline"), first, "{model}, no vectors");
        }
        assert_ne!(train("--seed 2", "seed"), first, "{model}, another seed");
    }
}

#[test]
fn the_settings_of_a_run_repeat_it() {
    let folder = tempdir().unwrap();
    let flags = "--zeta 0.4 --dropout 0.1 --momentum 0.5 --seed 7 --activation all-relu --schedule cosine";
    succeed(folder.path(), &format!("train {QUICK} {flags} --out first"));
    succeed(folder.path(), "train --config first/config.toml --out second");
    assert_eq!(model_bytes(folder.path(), "second"), model_bytes(folder.path(), "first"));
    let without_record = |out: &str| {
        let mut settings = settings(folder.path(), out);
        assert!(settings.remove("record").is_some());
        settings
    };
    assert_eq!(without_record("second"), without_record("first"));
}

// Output for programs

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
    assert_eq!(keys(&evaluated), ["model", "dataset", "samples", "correct", "test_accuracy", "test_loss"].into());
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
        assert_eq!(keys(row), ["what", "threads", "simd", "median_ms", "min_ms", "runs"].into());
    }
    // Forward and update of four layers, the input gradient of three.
    let kernels = timed["kernels"].as_array().unwrap();
    assert_eq!(kernels.len(), 11);
    for kernel in kernels {
        assert_eq!(keys(kernel), ["kernel", "layer", "median_ms", "floor_ms"].into());
        assert!(kernel["median_ms"].as_f64().unwrap() > 0.0 && kernel["floor_ms"].as_f64().unwrap() > 0.0, "{kernel}");
    }
}

#[test]
fn a_newcomers_first_command_learns_the_bundled_digits() {
    let folder = tempdir().unwrap();
    let table = succeed(folder.path(), "train");
    for word in
        ["test accuracy", "connections", "density", "bytes to train it", "run directory: runs/mnist-mini-set-seed1"]
    {
        assert!(table.contains(word), "'{word}' is not in {table}");
    }
    let last = rows(&folder.path().join("runs/mnist-mini-set-seed1")).pop().unwrap();
    let accuracy: f64 = last[5].parse().unwrap();
    assert!(accuracy > 0.9, "the last epoch's accuracy is {accuracy}");
}
