//! Which samples are trained on and measured, and what their labels mean: the same in every command that reads them.

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::Path;

use rewire_tests::numpy::npy;
use tempfile::tempdir;

use crate::own_data::{NAMES, QUICK, json, points};
use crate::program::{run, succeed};
use crate::support::{assert_refused, model_bytes};

#[test]
fn each_seed_of_a_sweep_has_the_test_samples_that_its_settings_give() {
    let folder = tempdir().unwrap();
    let path = folder.path();
    fs::write(path.join("kinds.csv"), points(90, Some(&NAMES))).unwrap();
    let sweep = "dataset = \"kinds.csv\"\nvalidation_samples = 12\nhidden = [8]\nepsilon = 2\nepochs = 2\n\
                 [sweep]\nseeds = [1, 2]\n[search]\nzeta = [0.3]\n";
    fs::write(path.join("sweep.toml"), sweep).unwrap();
    succeed(path, "sweep sweep.toml --out sweep");
    for seed in [1, 2] {
        let swept = format!("sweep/epochs2-trial001-seed{seed}");
        succeed(path, &format!("train --config {swept}/config.toml --out alone{seed}"));
        assert!(model_bytes(path, &swept) == model_bytes(path, &format!("alone{seed}")), "seed {seed}");
    }
}

/// A file of an array of floats.
fn floats(shape: &str, values: impl Iterator<Item = f32>) -> Vec<u8> {
    npy("<f4", shape, &values.flat_map(f32::to_le_bytes).collect::<Vec<u8>>())
}

/// An archive of features of two classes and their labels, under these names.
fn npz(file: &Path, arrays: &[(&str, &str, u16)]) {
    let mut archive = zip::ZipWriter::new(fs::File::create(file).unwrap());
    let options = zip::write::SimpleFileOptions::default();
    for &(x, y, samples) in arrays {
        let class = |sample: u16| f32::from(sample % 2);
        let features = (0..samples).flat_map(|sample| [class(sample), f32::from(sample % 5), 1.0 - class(sample)]);
        archive.start_file(format!("{x}.npy"), options).unwrap();
        archive.write_all(&floats(&format!("({samples}, 3)"), features)).unwrap();
        archive.start_file(format!("{y}.npy"), options).unwrap();
        archive.write_all(&floats(&format!("({samples},)"), (0..samples).map(class))).unwrap();
    }
    archive.finish().unwrap();
}

#[test]
fn test_samples_of_another_archive_are_measured_and_not_its_training_samples() {
    let folder = tempdir().unwrap();
    let path = folder.path();
    let (train, test) = (("x_train", "y_train", 40), ("x_test", "y_test", 12));
    npz(&path.join("run.npz"), &[train, test]);
    npz(&path.join("other.npz"), &[train, test]);
    npz(&path.join("test.npz"), &[test]);
    succeed(path, &format!("train run.npz {QUICK} --out run"));
    let evaluated = json(path, "evaluate run --json");
    for other in ["other.npz", "test.npz"] {
        let found = json(path, &format!("evaluate run {other} --json"));
        assert_eq!((&found["samples"], &found["correct"]), (&evaluated["samples"], &evaluated["correct"]), "{other}");
        assert_eq!(succeed(path, &format!("predict run {other}")).lines().count(), 13, "{other}");
    }
    assert_eq!(evaluated["samples"], 12);
    let predicted = run(path, "predict run other.npz");
    assert!(predicted.stderr.contains("other.npz has test samples of its own"), "{}", predicted.stderr);
    assert_refused(&run(path, "train test.npz --out out"), 1, &["test.npz", "x_train"]);
}

#[test]
fn normal_is_what_was_normal_in_the_training() {
    let folder = tempdir().unwrap();
    let path = folder.path();
    let table = |counts: [u32; 2]| {
        let mut text = "u,v,label\n".to_owned();
        for (kind, count) in ["calm", "fault"].iter().zip(counts) {
            for i in 0..count {
                writeln!(text, "{},{},{kind}", i % 7, i % 5).unwrap();
            }
        }
        text
    };
    fs::write(path.join("train.csv"), table([50, 4])).unwrap();
    fs::write(path.join("other.csv"), table([10, 58])).unwrap();
    let settings = "--task reconstruct --hidden 2 --epochs 2 --monitor-interval 0";
    succeed(path, &format!("train train.csv {settings} --out run"));
    let anomalies = |arguments: &str| json(path, arguments)["labelled"]["anomalies"].as_u64();
    assert_eq!(anomalies("evaluate run other.csv --json"), Some(58));
    succeed(path, &format!("train train.csv --test other.csv {settings} --out with-test"));
    assert_eq!(anomalies("evaluate with-test --json"), Some(58));
}

#[test]
fn samples_that_changed_since_the_training_are_not_measured() {
    let folder = tempdir().unwrap();
    let path = folder.path();
    let original = points(60, Some(&NAMES));
    fs::write(path.join("kinds.csv"), &original).unwrap();
    succeed(path, &format!("train kinds.csv --label kind {QUICK} --out run"));
    let evaluated = json(path, "evaluate run --all --json");
    // Width and height change places, with their names.
    let swapped: Vec<String> = original
        .lines()
        .map(|line| {
            let mut fields: Vec<&str> = line.split(',').collect();
            fields.swap(0, 1);
            fields.join(",")
        })
        .collect();
    fs::write(path.join("kinds.csv"), swapped.join("\n")).unwrap();
    let words = ["features of these samples", "number 0, counted from 0, is 'height' and was 'width'"];
    assert_refused(&run(path, "evaluate run"), 2, &words);
    assert_refused(&run(path, "train --resume --out run"), 2, &words);
    // Of another path, columns are taken by their names.
    fs::copy(path.join("kinds.csv"), path.join("copy.csv")).unwrap();
    let found = json(path, "evaluate run copy.csv --json");
    assert_eq!(found["samples"], 60);
    assert!(found["test_accuracy"].as_f64() > Some(0.5) && evaluated["samples"] == 12, "{found}");
    fs::write(path.join("kinds.csv"), original.replace("tulip", "zinnia")).unwrap();
    assert_refused(&run(path, "evaluate run"), 2, &["classes of these samples", "'zinnia' and was 'tulip'"]);
}

#[test]
fn a_class_is_what_the_file_calls_so_and_nothing_else() {
    let folder = tempdir().unwrap();
    let path = folder.path();
    let described = |name: &str, content: &str| {
        fs::write(path.join(name), content).unwrap();
        run(path, &format!("data describe {name}"))
    };
    // The default names of columns that pandas gives, beside one name.
    let table = described("a.csv", "0,1,label\n1.5,2,x\n2.5,3,y\n3,4,x\n4,5,y\n");
    assert!(table.stdout.contains("2 classes (x, y)"), "{}{}", table.stdout, table.stderr);
    let classes = described("d.csv", "0,1,y\n1,1,n\n1,0,y\n0,0,n\n");
    assert!(
        classes.stdout.contains("4 samples of 2 features, 2 classes (n, y)"),
        "{}{}",
        classes.stdout,
        classes.stderr
    );
    let marked = described("a.libsvm", "\u{feff}1 1:0.5\n2 2:1\n1 1:0\n2 1:1\n");
    assert!(marked.stdout.contains("2 classes (1, 2)"), "{}{}", marked.stdout, marked.stderr);
    let missing = described("b.csv", "a,b,label\n1,2,x\n2,3,NA\n3,4,x\n4,5,y\n");
    assert_refused(&missing, 1, &["b.csv, line 3, column 3 (label)", "without a label"]);
    let none = described("c.csv", "a,b,label\n1,2,none\n2,3,fall\n3,4,none\n4,5,fall\n");
    assert!(none.stdout.contains("2 classes (fall, none)"), "{}{}", none.stdout, none.stderr);
    // Neither does the mean of a feature take the place of a number to learn.
    fs::write(path.join("a.npy"), floats("(3, 2)", [0.0, 1.0, 2.0, f32::NAN, 4.0, 5.0].into_iter())).unwrap();
    let missing = run(path, "train a.npy --task regress --missing mean --out out");
    assert_refused(&missing, 1, &["a.npy", "sample 1 holds NaN", "without a label"]);
    for (value, words) in [(f32::NAN, "sample 1 holds NaN"), (16_777_216.0, "the label is 16777216")] {
        let mut archive = zip::ZipWriter::new(fs::File::create(path.join("a.npz")).unwrap());
        for (name, bytes) in [
            ("X", floats("(4, 1)", [0.0, 1.0, 2.0, 3.0].into_iter())),
            ("y", floats("(4,)", [0.0, value, 0.0, 1.0].into_iter())),
        ] {
            archive.start_file(format!("{name}.npy"), zip::write::SimpleFileOptions::default()).unwrap();
            archive.write_all(&bytes).unwrap();
        }
        archive.finish().unwrap();
        assert_refused(&run(path, "train a.npz --missing mean --out out"), 1, &["a.npz", words]);
    }
}

#[test]
fn figures_of_numbers_are_called_so_and_survive_one_that_does_not_vary() {
    let folder = tempdir().unwrap();
    let path = folder.path();
    let mut text = "u,v,sum,fixed\n".to_owned();
    for i in 0..60 {
        writeln!(text, "{},{},{},7", i % 7, i % 5, i % 7 + i % 5).unwrap();
    }
    fs::write(path.join("sums.csv"), text).unwrap();
    succeed(path, &format!("train sums.csv --task regress --target sum,fixed {QUICK} --out run"));
    let evaluated = json(path, "evaluate run --json");
    assert!(evaluated["outputs"][1]["r2"].is_null() && evaluated["r2"].is_f64(), "{evaluated}");
    succeed(path, "plot run --out figures");
    assert!(path.join("figures/evaluation.svg").exists());
    let report = succeed(path, "report run --out report.html");
    let page = fs::read_to_string(path.join("report.html")).unwrap();
    assert!(page.contains("test R² (%)") && !page.contains("test accuracy"), "{report}");
    // What was measured is of the run's network.
    let measured = |flags: &str| succeed(path, &format!("footprint --run run {flags}")).contains("measured");
    assert!(measured("") && !measured("--hidden 10"));
}

#[test]
fn the_epoch_that_was_kept_is_the_one_that_is_compared() {
    let folder = tempdir().unwrap();
    let path = folder.path();
    let settings = "--epochs 8 --hidden 60 --train-samples 300 --validation-samples 300 --keep best --patience 1 --learning-rate 0.1";
    let kept = json(path, &format!("train {settings} --monitor-interval 0 --out run --json"));
    let report = run(path, "report run --out report.html");
    assert!(!report.stderr.contains("epochs are there"), "{}", report.stderr);
    let page = fs::read_to_string(path.join("report.html")).unwrap();
    let accuracy = format!("{:.2}", 100.0 * kept["test_accuracy"].as_f64().unwrap());
    assert!(
        page.contains("validation accuracy (%)") && page.contains(&format!(">{accuracy}<")),
        "{accuracy} of {kept}"
    );
}
