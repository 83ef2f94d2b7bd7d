//! Predictions for samples in every format: with labels and without, and of another width.

use std::fmt::Write as _;
use std::fs;

use image::{GrayImage, RgbImage};
use tempfile::tempdir;

use crate::own_data::{NAMES, QUICK, points};
use crate::program::{run, succeed};
use crate::support::assert_refused;

/// A matrix as `numpy.save` writes it.
fn npy(rows: &[Vec<f32>]) -> Vec<u8> {
    let shape = format!("({}, {})", rows.len(), rows[0].len());
    let header = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}");
    let header = format!("{header:117}\n");
    let values = rows.iter().flatten().flat_map(|value| value.to_le_bytes());
    [b"\x93NUMPY\x01\x00\x76\x00".as_slice(), header.as_bytes()].concat().into_iter().chain(values).collect()
}

/// The samples of `points`, whose last column is the number of the class.
fn rows(samples: u32) -> Vec<Vec<f32>> {
    let text = points(samples, Some(&["0", "1", "2"]));
    text.lines().skip(1).map(|line| line.split(',').map(|cell| cell.parse().unwrap()).collect()).collect()
}

#[test]
fn what_a_sample_should_give_is_left_out_where_it_is_there() {
    let folder = tempdir().unwrap();
    let path = folder.path();
    let labelled = rows(90);
    let alone: Vec<Vec<f32>> = labelled.iter().map(|row| row[..4].to_vec()).collect();
    fs::write(path.join("labelled.npy"), npy(&labelled)).unwrap();
    fs::write(path.join("alone.npy"), npy(&alone)).unwrap();
    succeed(path, &format!("train labelled.npy {QUICK} --out matrix"));
    let predicted = succeed(path, "predict matrix labelled.npy");
    assert_eq!(predicted, succeed(path, "predict matrix alone.npy"));
    let right = predicted.lines().skip(1).zip(0..).filter(|(line, i)| line.starts_with(&(i % 3).to_string())).count();
    assert!(right > 80, "{predicted}");

    // Numbers to learn are no classes, whatever their column is called.
    let (mut csv, mut libsvm) = (String::from("a,b,target\n"), String::new());
    for i in 0..60 {
        let (a, b) = (f64::from(i % 10), f64::from(i / 10));
        writeln!(csv, "{a},{b},{}", 0.5 * a - 0.25 * b).unwrap();
        writeln!(libsvm, "{} 1:{a} 2:{b}", 0.5 * a - 0.25 * b).unwrap();
    }
    for (name, text) in [("numbers.csv", csv), ("numbers.libsvm", libsvm)] {
        fs::write(path.join(name), text).unwrap();
        succeed(path, &format!("train {name} --task regress {QUICK} --out {name}-run"));
        assert_eq!(succeed(path, &format!("predict {name}-run {name}")).lines().count(), 61);
    }
}

#[test]
fn columns_of_one_name_keep_their_order() {
    let folder = tempdir().unwrap();
    let path = folder.path();
    let text = points(120, Some(&NAMES)).replace("width,height,depth,age", "x,x,x,age");
    fs::write(path.join("same.csv"), &text).unwrap();
    let rows = text.lines().skip(1).fold(String::new(), |rows, line| rows + line.rsplit_once(',').unwrap().0 + "\n");
    fs::write(path.join("rows.csv"), rows).unwrap();
    succeed(path, &format!("train same.csv {QUICK} --out run"));
    // By name, and by position, with what the samples should give and without.
    let predicted = succeed(path, "predict run same.csv");
    assert_eq!(predicted, succeed(path, "predict run rows.csv"));
    fs::write(path.join("labelled.csv"), text.split_once('\n').unwrap().1).unwrap();
    assert_eq!(predicted, succeed(path, "predict run labelled.csv"));
    // The column that the run was given is left out, not the last.
    let first = text.lines().skip(1).map(|line| line.rsplit_once(',').unwrap());
    fs::write(path.join("first.csv"), first.fold(String::new(), |rows, (row, label)| rows + label + "," + row + "\n"))
        .unwrap();
    succeed(path, &format!("train first.csv --label 0 {QUICK} --out first"));
    assert_eq!(succeed(path, "predict first first.csv"), succeed(path, "predict first rows.csv"));
    fs::write(path.join("fewer.csv"), "x,x,age\n1,2,3\n").unwrap();
    assert_refused(&run(path, "predict run fewer.csv"), 1, &["the feature 'x'", "as often"]);
}

#[test]
fn samples_of_another_width_are_refused_in_every_format() {
    let folder = tempdir().unwrap();
    let path = folder.path();
    fs::write(path.join("four.npy"), npy(&rows(60))).unwrap();
    succeed(path, &format!("train four.npy {QUICK} --out run"));
    let picture = |name: &str, colour: bool| {
        let file = path.join(name);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        if colour { RgbImage::new(2, 3).save(file).unwrap() } else { GrayImage::new(2, 3).save(file).unwrap() }
    };
    for i in 0..8 {
        picture(&format!("colour/{}/{i}.png", i % 2), true);
        picture(&format!("grey/train/{}/{i}.png", i % 2), false);
    }
    fs::write(path.join("wide.npy"), npy(&vec![vec![1.0; 9]; 3])).unwrap();
    fs::write(path.join("narrow.npy"), npy(&vec![vec![1.0; 2]; 3])).unwrap();
    for (name, width) in [("wide.npy", 9), ("narrow.npy", 2), ("colour", 18)] {
        let words = format!("{width} features, but the training samples have 4");
        assert_refused(&run(path, &format!("predict run {name}")), 1, &[name, &words]);
    }
    // Grey pictures have the channels that the model needs.
    let train = run(path, &format!("train colour --label kind {QUICK} --out pictures"));
    assert!(train.stderr.contains("--label has no effect on a folder of pictures"), "{}", train.stderr);
    for command in ["predict", "evaluate"] {
        succeed(path, &format!("{command} pictures grey"));
    }
    let outcome = run(path, "train colour --resize 3000000x3000000 --out out");
    assert_refused(&outcome, 1, &["8 pictures of 3000000 x 3000000", "memory", "--resize"]);
    assert!(!path.join("out").exists());
}
