//! Settings files: what is refused by file and line, and what overrides what.

use std::fs;

use rewire::data::DatasetName;
use rewire::settings::Config;
use tempfile::tempdir;

use crate::program::{run, succeed};
use crate::support::{QUICK, assert_refused, listing, refused, settings};

#[test]
fn a_settings_file_is_refused_by_name_and_line() {
    let cases: [(&str, &[&str]); 13] = [
        ("seed = 1\nepochs = [\n", &["line 2", "array"]),
        ("seed = 1\nlabel_smoothing = 2\n", &["line 2", "--label-smoothing is 2"]),
        ("seed = 1\nseed = 2\n", &["line 2", "duplicate"]),
        ("epochs = 3\nepoch = 3\n", &["line 2", "'epoch' is no setting; did you mean 'epochs'?"]),
        ("epochs = 3\n[train]\nseed = 1\n", &["line 2", "'train' is no setting; there are dataset, ", "zeta"]),
        ("seed = 1\nepochs = \"three\"\n", &["line 2", "--epochs is three, but must be a whole number, at least 1"]),
        ("seed = 1\n\nepochs = -3\n", &["line 3", "epochs", "-3"]),
        ("hidden = 100\n", &["line 1", "--hidden is 100, but must be whole numbers"]),
        ("seed = 1\nmodel = \"sparse\"\n", &["line 2", "model", "sparse", "set, fixprob, dense"]),
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
fn counts_that_the_data_cannot_meet_are_refused_by_file_and_line() {
    let folder = tempdir().unwrap();
    for (key, value) in
        [("train_samples", 2001), ("test_samples", 1001), ("validation_samples", 2000), ("batch_size", 2001)]
    {
        fs::write(folder.path().join("my.toml"), format!("seed = 1\n{key} = {value}\n")).unwrap();
        let before = listing(folder.path());
        let flag = key.replace('_', "-");
        for command in ["train", "compare --models set"] {
            let outcome = run(folder.path(), &format!("{command} --config my.toml --out new"));
            assert_refused(
                &outcome,
                2,
                &[&format!("rewire: my.toml, line 2: --{flag} is {value}, but must be at most")],
            );
            // A flag that takes the file's place is named alone.
            let outcome = run(folder.path(), &format!("{command} --config my.toml --{flag} {} --out new", value + 1));
            assert_refused(&outcome, 2, &[&format!("rewire: --{flag} is {}, but must be at most", value + 1)]);
            assert_eq!(listing(folder.path()), before);
        }
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
