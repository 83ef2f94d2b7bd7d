//! Damaged files: whatever is changed in a file that can be read, it is read or refused, and nothing panics.
//!
//! `PROPTEST_CASES=100000 cargo test --release -p rewire-tests --test host mutated` looks longer; cases that failed are kept
//! in `proptest-regressions`.

use std::collections::BTreeSet;
use std::fmt::{Display, Write as _};
use std::fs;
use std::io::{Cursor, Write as _};
use std::ops::ControlFlow;
use std::path::Path;

use proptest::prelude::*;
use rewire::data::formats::{self, Wanted};
use rewire::data::{self, Silent};
use rewire::model::chip;
use rewire::settings::{Missing, TaskKind};
use rewire::sweep::Plan;
use rewire::{Arrays, Config, Model};
use rewire_tests::numpy::npy;
use tempfile::tempdir;

/// A change of a file.
#[derive(Clone, Debug)]
enum Change {
    Set(usize, u8),
    Flip(usize, u8),
    Remove(usize, usize),
    Repeat(usize, usize),
    Insert(usize, Vec<u8>),
    Cut(usize),
}

fn changes() -> impl Strategy<Value = Vec<Change>> {
    let at = || 0usize..1 << 16;
    let length = || 1usize..40;
    // What is worth inserting: separators, numbers at the ends of their ranges, text of other encodings.
    let text = prop::sample::select(vec![
        ",",
        ";",
        "\t",
        "\"",
        "\n",
        "\r\n",
        "\r",
        ":",
        "#",
        "-",
        "1e999",
        "nan",
        "-inf",
        "18446744073709551616",
        "\u{feff}",
        "é",
        "0x",
        "}",
        "(",
        "'descr'",
        "<f8",
        ">f4",
        "|O",
        "True",
    ]);
    let change = prop_oneof![
        (at(), any::<u8>()).prop_map(|(at, byte)| Change::Set(at, byte)),
        (at(), 0u8..8).prop_map(|(at, bit)| Change::Flip(at, bit)),
        (at(), length()).prop_map(|(at, len)| Change::Remove(at, len)),
        (at(), length()).prop_map(|(at, len)| Change::Repeat(at, len)),
        (at(), text).prop_map(|(at, text)| Change::Insert(at, text.into())),
        (at(), prop::collection::vec(any::<u8>(), 1..9)).prop_map(|(at, bytes)| Change::Insert(at, bytes)),
        at().prop_map(Change::Cut),
    ];
    prop::collection::vec(change, 1..6)
}

fn changed(seed: &[u8], changes: &[Change]) -> Vec<u8> {
    let mut bytes = seed.to_vec();
    for change in changes {
        let place = |at: usize| at % (bytes.len() + 1);
        match change {
            Change::Set(at, byte) => {
                let at = place(*at);
                if let Some(to) = bytes.get_mut(at) {
                    *to = *byte;
                }
            }
            Change::Flip(at, bit) => {
                let at = place(*at);
                if let Some(to) = bytes.get_mut(at) {
                    *to ^= 1 << bit;
                }
            }
            Change::Remove(at, len) => {
                let at = place(*at);
                drop(bytes.drain(at..(at + len).min(bytes.len())));
            }
            Change::Repeat(at, len) => {
                let at = place(*at);
                let part = bytes[at..(at + len).min(bytes.len())].to_vec();
                drop(bytes.splice(at..at, part));
            }
            Change::Insert(at, part) => {
                let at = place(*at);
                drop(bytes.splice(at..at, part.iter().copied()));
            }
            Change::Cut(at) => bytes.truncate(place(*at)),
        }
    }
    bytes
}

/// Writes changed copies of `seed` to `path` and hands each to `read`, which says whether the file could be read.
fn each_changed(path: &Path, seed: &[u8], read: impl Fn(&Path) -> Result<(), String>) {
    fs::write(path, seed).unwrap();
    read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let complaints = std::cell::RefCell::new(BTreeSet::new());
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig {
        cases: std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(100),
        max_shrink_iters: 200,
        source_file: Some(file!()),
        ..ProptestConfig::default()
    });
    let run = runner.run(&changes(), |changes| {
        fs::write(path, changed(seed, &changes)).unwrap();
        if let Err(error) = read(path) {
            prop_assert!(!error.trim().is_empty() && !error.contains("panicked"), "{error}");
            complaints.borrow_mut().insert(error.split_whitespace().last().unwrap_or_default().to_owned());
        }
        Ok(())
    });
    run.unwrap();
    assert!(!complaints.borrow().is_empty(), "{}: nothing was refused", path.display());
}

/// Reads samples for each task, and for predictions. What is read must hold together.
fn samples(path: &Path) -> Result<(), String> {
    let mut read = Err(String::new());
    for (task, missing) in [
        (TaskKind::Classify, Missing::Refuse),
        (TaskKind::Regress, Missing::Mean),
        (TaskKind::Reconstruct, Missing::Mean),
    ] {
        let config = Config { task, missing, ..Config::default() };
        match data::open(path, &config, &mut Silent) {
            Ok(opened) => {
                let dataset = opened.dataset;
                for split in [&dataset.train, &dataset.test] {
                    for sample in 0..split.len() {
                        split.each_feature(sample, |_, value| assert!(value.is_finite(), "{config:?}"));
                    }
                }
                let wanted = Wanted { shape: dataset.shape, ..Wanted::of(&config).predicted() };
                let wanted = wanted.like(dataset.features(), &dataset.names.features);
                if let Ok(read) = formats::read(path, &wanted, &mut Silent) {
                    let table = read.train;
                    assert_eq!(table.features.len(), table.len() * dataset.features(), "{config:?}");
                }
                if task == TaskKind::Classify {
                    read = Ok(());
                }
            }
            Err(error) if task == TaskKind::Classify => read = Err(error.to_string()),
            Err(_) => {}
        }
    }
    read
}

/// Twelve rows: a name that is quoted, quotes in text, and letters that are not ASCII.
fn csv() -> String {
    let mut csv = String::from("height,\"width, in cm\",colour\n");
    for row in 0..12 {
        let colour = ["red", "\"dark \"\"blue\"\"\"", "grün"][row % 3];
        write!(csv, "{}.5,{row}e-1,{colour}\r\n", row * 3 % 7).unwrap();
    }
    csv
}

#[test]
fn csv_is_read_or_refused() {
    let folder = tempdir().unwrap();
    each_changed(&folder.path().join("a.csv"), csv().as_bytes(), samples);
}

#[test]
fn tsv_is_read_or_refused() {
    let folder = tempdir().unwrap();
    let tsv = csv().replace(',', "\t").replace("\"width\t in cm\"", "width");
    each_changed(&folder.path().join("a.tsv"), tsv.as_bytes(), samples);
}

#[test]
fn libsvm_is_read_or_refused() {
    let folder = tempdir().unwrap();
    let mut libsvm = String::new();
    for row in 0..12 {
        writeln!(libsvm, "{} 1:{row}.25 {}:-1e3 # a comment", row % 2, 3 + row).unwrap();
    }
    each_changed(&folder.path().join("a.libsvm"), libsvm.as_bytes(), samples);
}

#[test]
fn npz_is_read_or_refused() {
    let folder = tempdir().unwrap();
    let floats: Vec<u8> = (0..24).flat_map(|value| (value as f32 * 0.5).to_le_bytes()).collect();
    let labels: Vec<u8> = (0..8i64).flat_map(|row| (row % 2).to_le_bytes()).collect();
    let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, array) in [("X.npy", npy("<f4", "(8, 3)", &floats)), ("y.npy", npy("<i8", "(8,)", &labels))] {
        archive.start_file(name, zip::write::SimpleFileOptions::default()).unwrap();
        archive.write_all(&array).unwrap();
    }
    each_changed(&folder.path().join("a.npz"), &archive.finish().unwrap().into_inner(), samples);
}

#[test]
fn npy_is_read_or_refused() {
    let folder = tempdir().unwrap();
    // A single array is a table whose last column is the label.
    let table: Vec<u8> = (0..32).flat_map(|value| f64::from(value / 4 % (1 + value % 4)).to_le_bytes()).collect();
    each_changed(&folder.path().join("a.npy"), &npy("<f8", "(8, 4)", &table), samples);
}

/// Changes one of eight pictures in two classes.
fn pictures(ending: &str, picture: &[u8]) {
    let folder = tempdir().unwrap();
    let pictures = folder.path().join("pictures");
    for class in ["left", "right"] {
        fs::create_dir_all(pictures.join(class)).unwrap();
        for number in 0..4 {
            fs::write(pictures.join(class).join(format!("{number}.{ending}")), picture).unwrap();
        }
    }
    each_changed(&pictures.join(format!("left/0.{ending}")), picture, |_| samples(&pictures));
}

#[test]
fn png_is_read_or_refused() {
    let mut picture = Vec::new();
    let mut encoder = png::Encoder::new(&mut picture, 4, 3);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.write_header().unwrap().write_image_data(&[7; 12]).unwrap();
    pictures("png", &picture);
}

#[test]
fn jpeg_is_read_or_refused() {
    let mut picture = Cursor::new(Vec::new());
    image::RgbImage::from_fn(9, 10, |x, y| image::Rgb([x as u8 * 28, y as u8 * 25, 7]))
        .write_to(&mut picture, image::ImageFormat::Jpeg)
        .unwrap();
    pictures("jpg", picture.get_ref());
}

#[test]
fn idx_is_read_or_refused() {
    let folder = tempdir().unwrap();
    let idx = folder.path().join("idx");
    fs::create_dir_all(&idx).unwrap();
    let images = [&[0, 0, 8, 3, 0, 0, 0, 6, 0, 0, 0, 2, 0, 0, 0, 2][..], &[9; 24]].concat();
    let labels = [&[0, 0, 8, 1, 0, 0, 0, 6][..], &[0, 1, 0, 1, 0, 1]].concat();
    for part in ["train", "t10k"] {
        fs::write(idx.join(format!("{part}-images-idx3-ubyte")), &images).unwrap();
        fs::write(idx.join(format!("{part}-labels-idx1-ubyte")), &labels).unwrap();
    }
    each_changed(&idx.join("train-images-idx3-ubyte"), &images, |_| samples(&idx));
    fs::write(idx.join("train-images-idx3-ubyte"), &images).unwrap();
    each_changed(&idx.join("train-labels-idx1-ubyte"), &labels, |_| samples(&idx));
}

/// A network of two features and two classes with names.
fn trained() -> Model {
    let features: Vec<f32> = (0..120u8).map(f32::from).collect();
    let labels: Vec<u16> = (0..60).map(|row| row % 2).collect();
    let samples = Arrays { features: &features, n_features: 2, labels: &labels, classes: 2, ..Arrays::default() };
    let config = Config { hidden: vec![6], epochs: 1, ..Config::default() };
    let mut model = rewire::fit(&config, &samples, None, |_| ControlFlow::Continue(())).unwrap();
    model.names.features = vec!["height".into(), "width".into()];
    model.names.outputs = vec!["red".into(), "blue".into()];
    model
}

/// What a model that was read says of a sample.
fn used(model: Result<Model, impl Display>) -> Result<(), String> {
    let model = model.map_err(|error| format!("{error:#}"))?;
    let (n_in, n_out) = model.widths();
    // Widths that only a whole model with as many biases has.
    assert!(n_in < 1 << 16 && n_out < 1 << 16, "{n_in} x {n_out}");
    model.predict(&vec![0.5; n_in]).map(drop).map_err(|error| error.to_string())
}

#[test]
fn safetensors_are_read_or_refused() {
    let folder = tempdir().unwrap();
    let seed = trained().to_bytes().unwrap();
    each_changed(&folder.path().join("m.safetensors"), &seed, |path| used(Model::load(path)));
}

#[test]
fn images_are_read_or_refused() {
    let folder = tempdir().unwrap();
    let seed = chip::encode(&trained()).unwrap().image;
    let read = |path: &Path| {
        used(chip::load(path, None))?;
        chip::describe(path).map(drop).map_err(|error| format!("{error:#}"))
    };
    each_changed(&folder.path().join("a.image"), &seed, read);
    // Behind the checksum: with the length and the checksum of what the file became.
    each_changed(&folder.path().join("a.image"), &seed, |path| {
        let mut bytes = fs::read(path).unwrap();
        if bytes.len() > 16 {
            let mut sum = flate2::Crc::new();
            sum.update(&bytes[16..]);
            let (len, sum) = (bytes.len() as u32, sum.sum());
            bytes[8..12].copy_from_slice(&len.to_le_bytes());
            bytes[12..16].copy_from_slice(&sum.to_le_bytes());
            fs::write(path, bytes).unwrap();
        }
        read(path)
    });
}

#[test]
fn settings_are_read_or_refused() {
    let folder = tempdir().unwrap();
    let seed = toml::to_string(&Config::default()).unwrap();
    each_changed(&folder.path().join("a.toml"), seed.as_bytes(), |path| {
        let config = Config::read(path).map_err(|error| format!("{error:#}"))?;
        config.validate().map_err(|error| error.to_string())
    });
    let sweep = "validation_samples = 100\nepochs = 4\n[sweep]\nseeds = [1, 2]\ntrials = 3\n[search]\nzeta = { low = 0.1, high = 0.4 }\n\
                 epsilon = [5, 20]\nhidden = [[10], [20, 20]]\n";
    each_changed(&folder.path().join("sweep.toml"), sweep.as_bytes(), |path| {
        Plan::read(path).map(drop).map_err(|error| format!("{error:#}"))
    });
}
