//! Samples of one's own, as they are read for training, for testing and for measuring: the same everywhere.

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::Path;

use rewire_tests::numpy::npy;
use tempfile::tempdir;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use crate::own_data::json;
use crate::program::{run, succeed};
use crate::support::assert_refused;

const QUICK: &str = "--hidden 12 --epochs 2 --monitor-interval 0";

/// An array of bytes: its name, shape and content.
type Array = (&'static str, &'static str, Vec<u8>);

/// Writes an archive of arrays.
fn archive(path: &Path, arrays: &[Array]) {
    let mut archive = ZipWriter::new(fs::File::create(path).unwrap());
    for (name, shape, bytes) in arrays {
        archive.start_file(format!("{name}.npy"), SimpleFileOptions::default()).unwrap();
        archive.write_all(&npy("|u1", shape, bytes)).unwrap();
    }
    archive.finish().unwrap();
}

/// So many bytes.
fn noise(len: u32) -> Vec<u8> {
    (0..len).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect()
}

/// The labels of 20 samples of two classes.
fn labels() -> Vec<u8> {
    (0..20).map(|i| i % 2).collect()
}

/// Rows of three features and a class, and what comes after it.
fn rows(samples: usize, classes: [&str; 2], after: [&str; 2]) -> String {
    let mut text = String::new();
    for i in 0..samples {
        let (class, after) = (classes[i % 7 / 4], after[i % 2]);
        writeln!(text, "{}.5,{},{},{class}{after}", i % 7, i % 5, i % 3).unwrap();
    }
    text
}

#[test]
fn a_class_above_a_number_makes_no_header_of_the_first_sample() {
    let folder = tempdir().unwrap();
    let path = folder.path();
    let samples = |text: &str, flags: &str| {
        fs::write(path.join("a.csv"), text).unwrap();
        json(path, &format!("data describe a.csv --json {flags}"))["samples"].as_u64()
    };
    let mixed = rows(40, ["7", "A"], [""; 2]).replacen(",7\n", ",A\n", 1);
    assert_eq!(samples(&mixed, ""), Some(40));
    let noted = rows(40, ["A", "B"], [",note", ","]);
    assert_eq!(samples(&noted, "--label 3 --ignore 4"), Some(40));
    // Names, also where all but that of the classes are numbers.
    assert_eq!(samples(&format!("a,b,c,kind\n{mixed}"), ""), Some(40));
    for names in ["2020,2021,2022,label", "2020,2021,2022,kind", "0,1,2,kind"] {
        assert_eq!(samples(&format!("{names}\n{}", rows(40, ["3", "4"], [""; 2])), ""), Some(40), "{names}");
    }
    assert_eq!(samples(&format!("0,1,2,kind\n{}", rows(40, ["A", "B"], [""; 2])), ""), Some(40));
    assert_eq!(samples(&format!("0,1,2,price\n{}", rows(40, ["3", "4"], [""; 2])), "--task regress"), Some(40));
}

#[test]
fn labels_are_the_last_column_of_every_file() {
    let folder = tempdir().unwrap();
    let path = folder.path();
    for name in ["a.csv", "b.csv"] {
        fs::write(path.join(name), format!("x,y0,z,species\n{}", rows(40, ["A", "B"], [""; 2]))).unwrap();
    }
    succeed(path, &format!("train a.csv --test b.csv {QUICK} --out run"));
    let correct = |of: &str| json(path, &format!("evaluate {of} --json"))["correct"].as_u64();
    assert_eq!(correct("run"), correct("run b.csv"));
    succeed(path, &format!("train a.csv --task regress --target y0,x --ignore species {QUICK} --out two"));
    succeed(path, "evaluate two b.csv");
    // A row alone, and a column that nobody learned behind the others.
    fs::write(path.join("row.csv"), "1.5,2,0,A\n").unwrap();
    assert_eq!(succeed(path, "predict run row.csv").lines().count(), 2);
    let learned = rows(40, ["5", "6"], [""; 2]);
    let cut: String = learned.lines().map(|row| row[..row.len() - 2].to_owned() + "\n").collect();
    for name in ["c.csv", "d.csv"] {
        fs::write(path.join(name), format!("y0,z,x\n{cut}")).unwrap();
    }
    succeed(path, &format!("train c.csv --task regress {QUICK} --out last"));
    fs::write(path.join("e.csv"), format!("y0,z,x,number\n{learned}")).unwrap();
    let mse = |of: &str| json(path, &format!("evaluate last {of} --json"))["outputs"][0]["mse"].as_f64();
    assert!(mse("d.csv").is_some() && mse("d.csv") == mse("e.csv"));
    assert_refused(&run(path, "evaluate two b.csv --target x,y0"), 1, &["learned in another order", "--target y0,x"]);
}

#[test]
fn samples_of_another_shape_are_refused_though_they_have_as_many_features() {
    let folder = tempdir().unwrap();
    let path = folder.path();
    let samples = |x, shape, y| -> [Array; 2] { [(x, shape, noise(20 * 144)), (y, "(20,)", labels())] };
    let lying = samples("x_train", "(20, 3, 6, 8)", "y_train");
    archive(&path.join("lying.npz"), &lying);
    archive(&path.join("upright.npz"), &samples("X", "(20, 3, 8, 6)", "y"));
    archive(&path.join("flat.npz"), &samples("X", "(20, 144)", "y"));
    let words = ["upright.npz", "3x8x6", "3x6x8"];
    assert_refused(&run(path, &format!("train lying.npz --test upright.npz {QUICK} --out out")), 1, &words);
    succeed(path, &format!("train lying.npz {QUICK} --out run"));
    assert_refused(&run(path, "evaluate run upright.npz"), 1, &words);
    assert_refused(&run(path, "predict run upright.npz"), 1, &words);
    succeed(path, "evaluate run flat.npz");
    // Test samples of the same path.
    let upright = samples("x_test", "(20, 3, 8, 6)", "y_test");
    archive(&path.join("both.npz"), &[lying.clone(), upright].concat());
    assert_refused(&run(path, &format!("train both.npz {QUICK} --out out")), 1, &["both.npz", "[3, 8, 6]"]);
    let wide: [Array; 2] = [("x_test", "(20, 3, 6, 9)", noise(20 * 162)), ("y_test", "(20,)", labels())];
    archive(&path.join("wide.npz"), &[lying, wide].concat());
    let words = ["wide.npz", "[3, 6, 9]", "[3, 6, 8]"];
    assert_refused(&run(path, &format!("train wide.npz {QUICK} --out out")), 1, &words);
}

#[test]
fn channels_that_come_last_are_those_that_come_first() {
    let folder = tempdir().unwrap();
    let path = folder.path();
    // Six channels of 4 x 5.
    let first = noise(20 * 120);
    let last: Vec<u8> = first.chunks(120).flat_map(|image| (0..120).map(|at| image[at % 6 * 20 + at / 6])).collect();
    archive(&path.join("first.npz"), &[("X", "(20, 6, 4, 5)", first), ("y", "(20,)", labels())]);
    archive(&path.join("last.npz"), &[("X", "(20, 4, 5, 6)", last), ("y", "(20,)", labels())]);
    let model = |name: &str| {
        let flags = "--shape 6x4x5 --topology local --augment --shift 0.2 --epsilon 2";
        succeed(path, &format!("train {name}.npz {flags} {QUICK} --out {name}"));
        fs::read(path.join(name).join("model.safetensors")).unwrap()
    };
    assert!(model("first") == model("last"));
    // A time axis of one channel, as Keras has it.
    archive(&path.join("time.npz"), &[("X", "(20, 120, 1)", noise(20 * 120)), ("y", "(20,)", labels())]);
    succeed(path, &format!("train time.npz --shape 1x1x120 {QUICK} --out time"));
}

#[test]
fn what_few_samples_change_is_predicted_and_no_test_samples_are_named() {
    let folder = tempdir().unwrap();
    let path = folder.path();
    fs::write(path.join("few.csv"), rows(16, ["A", "B"], [""; 2])).unwrap();
    let predicted = json(path, "footprint few.csv --hidden 6 --json");
    assert_eq!(predicted["prediction"]["batch_size"].as_u64(), Some(2));
    succeed(path, &format!("train few.csv {QUICK} --test-share 0 --validation-samples 4 --out run"));
    assert_refused(&run(path, "evaluate run"), 2, &["run has no test samples to measure on"]);
}
