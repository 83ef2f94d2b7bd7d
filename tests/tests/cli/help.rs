//! Help lists every flag, and its defaults are those of a run.

use std::collections::{BTreeMap, BTreeSet};

use rewire::data::DatasetName;
use rewire::settings::Config;
use tempfile::tempdir;

use crate::program::succeed;
use crate::support::{defaults, flags, model_bytes, settings};

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
    let reading = ["label", "target", "ignore", "missing"];
    let measuring = ["all", "tta", "false-alarms", "threads", "simd", "data-dir", "json", "help"];
    expect("evaluate --help", &[&reading[..], &measuring].concat());
    expect("predict --help", &[&reading[..], &["out", "threads", "simd", "data-dir", "help"]].concat());
    expect("data list --help", &["data-dir", "json", "help"]);
    expect("data fetch --help", &["data-dir", "json", "help"]);
    expect("data verify --help", &["data-dir", "json", "help"]);
    let step = [
        "model",
        "hidden",
        "activation",
        "slope",
        "fan-in",
        "storage",
        "epsilon",
        "connections",
        "momentum",
        "weight-decay",
        "decay",
        "dropout",
        "label-smoothing",
        "batch-size",
        "lanes",
    ];
    let bench = ["steps", "no-dense", "graph-challenge", "step-only", "inputs", "outputs", "threads", "json", "help"];
    expect("bench --help", &[&step[..], &bench].concat());
    let help = succeed(folder.path(), "--help");
    for subcommand in
        ["train", "evaluate", "predict", "compare", "scale", "footprint", "plot", "report", "features", "data", "bench"]
    {
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
        "[default: 1000,1000,1000; 4000,1000,4000 for cifar10; 256,128 for your own data]",
        "[default: 20; 40 for mnist-mini; 100 for cifar10; 60 for your own data]",
        "[default: mnist-mini, or that of --config]",
        "[default: runs/DATASET-MODEL-seedN, the first that is free]",
    ] {
        assert!(help.contains(claim), "{claim} is not in {help}");
    }
    let claims: BTreeMap<String, String> = defaults(&help).into_iter().collect();
    for dataset in DatasetName::ALL {
        let settings = toml::Table::try_from(Config::defaults(dataset)).unwrap();
        for (setting, value) in settings.iter().filter(|(setting, _)| *setting != "dataset") {
            let claim = &claims[&setting.replace('_', "-")];
            let (usual, others) = claim.split_once("; ").unwrap_or((claim, ""));
            let other = others.split("; ").filter_map(|other| other.split_once(" for "));
            let claimed = other.filter(|(_, name)| *name == dataset.as_str()).map(|(value, _)| value).next();
            let claimed = claimed.unwrap_or(usual);
            let text = value.to_string().replace(['[', ']', ' ', '"'], "").replace(".0,", ",");
            let same = text.trim_end_matches(".0") == claimed
                || (text.is_empty() && claimed == "none")
                || value.as_float().is_some_and(|value| claimed.parse() == Ok(value));
            assert!(same, "--{setting} is {value} by default for {dataset}, and not {claimed}");
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

/// Help said that an evolution follows every epoch "in any case".
#[test]
fn help_says_that_no_evolution_follows_the_last_epoch() {
    let folder = tempdir().unwrap();
    let help = succeed(folder.path(), "train --help");
    for words in ["evolve after every epoch but the last", "The last epoch never is"] {
        assert!(help.contains(words), "{words}: {help}");
    }
}

#[test]
fn short_help_shows_what_most_people_change_first() {
    let folder = tempdir().unwrap();
    let help = succeed(folder.path(), "train -h");
    let listed: Vec<String> = flags(&help).into_iter().map(|(flag, _)| flag).collect();
    let first =
        ["task", "model", "hidden", "activation", "epsilon", "zeta", "learning-rate", "batch-size", "epochs", "seed"];
    let work = ["config", "out", "resume", "help"];
    let expected: BTreeSet<_> = first.iter().chain(&work).map(|&flag| flag.to_owned()).collect();
    assert_eq!(listed.into_iter().collect::<BTreeSet<_>>(), expected);
    assert!(help.contains("--help lists all of them"), "{help}");
    // Both have the defaults.
    for (flag, default) in defaults(&help) {
        assert!(defaults(&succeed(folder.path(), "train --help")).contains(&(flag.clone(), default)), "{flag}");
    }
}

#[test]
fn help_has_a_heading_for_each_group() {
    let folder = tempdir().unwrap();
    for subcommand in ["train", "compare", "footprint"] {
        let help = succeed(folder.path(), &format!("{subcommand} --help"));
        for group in ["Data", "Network", "Topology", "Optimiser", "Augmentation", "Run"] {
            assert!(help.lines().any(|line| line == format!("{group}:")), "{group}: {help}");
        }
    }
}
