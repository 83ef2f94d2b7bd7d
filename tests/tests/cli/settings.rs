//! Settings as flags: what is refused, and in which words.

use std::fs;

use tempfile::tempdir;

use crate::program::{run, succeed};
use crate::support::{QUICK, flags, refused};

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
    refused(2, "train --simd sse9", &["sse9", "--simd", "baseline, v3, v4"]);
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
    refused(2, &format!("train --hidden {}1", "1,".repeat(31)), &["--hidden has 32 layers", "at most 31"]);
}

#[test]
fn counts_that_the_data_cannot_meet_are_refused() {
    refused(2, "train --batch-size 0", &["--batch-size is 0", "at least 1"]);
    refused(2, "train --batch-size 2001", &["--batch-size is 2001", "at most 2000", "2000 training samples"]);
    refused(2, "train --train-samples 50 --batch-size 51", &["--batch-size is 51", "50 training samples"]);
    refused(2, "train --train-samples 2001", &["--train-samples is 2001", "2000"]);
    refused(2, "train --test-samples 1001", &["--test-samples is 1001", "1000"]);
    refused(2, "train --validation-samples 2000", &["--validation-samples is 2000", "2000"]);
    refused(2, "train --epochs 0", &["--epochs is 0", "at least 1"]);
    refused(2, "train --warmup 5 --epochs 5", &["--warmup is 5", "below --epochs 5"]);
    refused(
        2,
        "train --seed 9223372036854775808",
        &["--seed is 9223372036854775808", "at most 9,223,372,036,854,775,807"],
    );
    refused(
        2,
        "train --activation batch-norm-relu --batch-size 1 --lanes 16",
        &["batch-norm-relu", "--batch-size is 1"],
    );
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
    refused(2, "train --hidden 99999999999", &["--hidden", "layer 1", "4,294,967,295"]);
    refused(2, "train --hidden 18446744073709551615", &["--hidden", "4,294,967,295"]);
    refused(2, "train --threads 99999999", &["--threads is 99999999", "at most 4,096"]);
    refused(2, "train --batch-size 18446744073709551615", &["--batch-size", "at most 9,223,372,036,854,775,807"]);
    refused(2, "train --lanes 16 --hidden 100000", &["--lanes is 16", "--lanes 64"]);
    for model in ["set --epsilon 1e300", "dense"] {
        let widths = "--hidden 16777216,16777216,16777216,16777216,16777216,16777216,16777216 --batch-size 2000";
        refused(1, &format!("train --model {model} {widths}"), &["bytes", "are available"]);
        refused(1, &format!("train --model {model} --hidden 16000000,16000000"), &["bytes", "are available"]);
    }
}

#[test]
fn flags_without_effect_are_named() {
    let folder = tempdir().unwrap();
    let notes = |flags: &str| {
        let outcome = run(folder.path(), &format!("train {QUICK} {flags} --out run{}", flags.replace(' ', "")));
        assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
        let notes = outcome.stderr.lines().filter_map(|line| line.strip_prefix("note: ")).map(str::to_owned);
        notes.collect::<Vec<_>>()
    };
    assert_eq!(notes("--zeta 0.2"), [""; 0]);
    assert_eq!(notes("--rotation 5"), ["--rotation has no effect without --augment"]);
    assert_eq!(
        notes("--model dense --zeta 0.2"),
        ["--epsilon has no effect in a dense model", "--zeta has no effect in a model other than set"]
    );
    assert_eq!(
        notes("--schedule cosine --step-every 3"),
        ["--step-every has no effect without --schedule, --zeta-schedule or --connections-schedule step"]
    );
    // What a file says is no mistake of the one who typed the command.
    fs::write(folder.path().join("dense.toml"), "model = \"dense\"\nzeta = 0.1\nrotation = 3.0\n").unwrap();
    assert_eq!(notes("--config dense.toml"), ["--epsilon has no effect in a dense model"]);
    let all = "every hidden layer has all its connections, so no connection evolves and the settings of topology have no effect; \
               lower --epsilon or --connections, or widen --hidden";
    let outcome =
        run(folder.path(), "train --train-samples 20 --test-samples 20 --hidden 16,12 --epochs 1 --out dense");
    assert!(outcome.stderr.contains(all), "{}", outcome.stderr);
    let outcome = run(folder.path(), "footprint --learning-rate 0.5 --hidden 20,10 --epochs 3 --dropout 0.2");
    assert!(outcome.stderr.contains("the sizes are the same without --learning-rate, --epochs"), "{}", outcome.stderr);
    assert_eq!(notes("--augment --shift 0.2 --growth near --reach 3"), [""; 0]);
}

#[test]
fn weight_decay_that_outlasts_the_learning_rate_is_noted() {
    let folder = tempdir().unwrap();
    let train = |decay: &str| {
        let flags = "--hidden 10 --epochs 8 --weight-decay 0.01";
        run(folder.path(), &format!("train {flags} --decay {decay} --out {decay}")).stderr
    };
    let decoupled = train("decoupled");
    let note = "weight decay alone takes 47 % off every weight in the last 1 of 8 epochs";
    assert!(decoupled.contains(note), "{decoupled}");
    assert!(!train("coupled").contains("weight decay"));
}

#[test]
fn a_misspelt_name_is_answered_with_the_one_that_was_meant() {
    refused(2, "train fashionmnist", &["dataset is fashionmnist", "did you mean 'fashion-mnist'?"]);
    refused(2, "evaluate run fashionmnist", &["fashionmnist", "did you mean `fashion-mnist`?"]);
    refused(2, "data fetch cifar-10", &["did you mean `cifar10`?"]);
    refused(2, "train --model fixprop", &["--model is fixprop", "did you mean 'fixprob'?"]);
    refused(2, "train --schedule cos", &["--schedule is cos", "did you mean 'cosine'?"]);
    refused(2, "train --simd base", &["--simd is base", "baseline, v3, v4", "did you mean 'baseline'?"]);
    refused(2, "compare --models set,fixprop", &["--models is fixprop", "did you mean 'fixprob'?"]);
}

#[test]
fn ranges_are_told_in_plain_words() {
    refused(2, "train --epochs 1.5", &["--epochs is 1.5, but must be a whole number, at least 1"]);
    refused(
        2,
        "train --epochs 4294967296",
        &["--epochs is 4294967296, but must be a whole number, at most 4,294,967,295"],
    );
    refused(2, "train --reach 0", &["--reach is 0, but must be a whole number, 1 to 32,768"]);
    refused(2, "train --learning-rate fast", &["--learning-rate is fast, but must be a number, finite and at least 0"]);
    refused(2, "train --hidden many", &["--hidden is many, but must be whole numbers with commas between them"]);
    refused(2, "train --augment=perhaps", &["--augment is perhaps, but must be true or false"]);
    refused(2, "train --monitor-interval -1", &["--monitor-interval is -1, but must be a number, 0 to 3600"]);
    refused(2, "compare --seeds -1", &["--seeds is -1, but must be a whole number, at least 0"]);
    refused(2, "features run --epochs 0", &["--epochs is 0, but must be a whole number, at least 1"]);
    for arguments in ["train --epochs -1", "train --zeta x", "compare --seeds x", "bench --steps x"] {
        let folder = tempdir().unwrap();
        let stderr = run(folder.path(), arguments).stderr;
        for word in ["u32", "f32", "usize", "u64", "..", "invalid digit", "float literal"] {
            assert!(!stderr.contains(word), "'{word}' is in: {stderr}");
        }
    }
}

#[test]
fn a_comparison_has_no_flags_for_model_and_seed() {
    let folder = tempdir().unwrap();
    let help = succeed(folder.path(), "compare --help");
    let listed: Vec<_> = flags(&help).into_iter().map(|(flag, _)| flag).collect();
    assert!(!listed.iter().any(|flag| ["model", "seed"].contains(&flag.as_str())), "{listed:?}");
    assert!(listed.iter().any(|flag| flag == "models") && listed.iter().any(|flag| flag == "zeta"), "{listed:?}");
    refused(2, "compare --model set", &["--model", "--models"]);
    refused(2, "compare --seed 3", &["--seed", "--seeds"]);
}
