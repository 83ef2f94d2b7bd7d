//! The chip's twin: a network trained under QEMU and one trained here are the same, bit for bit.
//!
//! Needs QEMU, flip-link and defmt-print, which `tests/run` installs.

#![expect(clippy::unwrap_used, reason = "a log that does not read as expected fails the test")]

use std::ops::ControlFlow;
use std::path::Path;
use std::process::Command;
use std::sync::Mutex;

use rewire::backend::Native;
use rewire::dataset::{self, DatasetName};
use rewire::inputs::{Images, Normaliser};
use rewire_core::prelude::*;

const PIXELS: usize = 784;

/// What a program on the chip says of its run.
#[derive(Debug, PartialEq)]
struct Outcome {
    layers: [usize; 3],
    connections: usize,
    /// Correct test samples by epoch.
    correct: Vec<u32>,
    hash: u64,
    stack: usize,
    predicted: usize,
}

fn have(program: &str) -> bool {
    Command::new(program).arg("--version").output().is_ok()
}

/// One build after the other: they share their dependencies.
static BUILD: Mutex<()> = Mutex::new(());

/// Builds `train` for a board and runs it.
fn chip(board: &str, target: &str) -> Outcome {
    for program in ["qemu-system-arm", "flip-link", "defmt-print"] {
        assert!(have(program), "{program} is missing; tests/run installs it");
    }
    let _guard = BUILD.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let firmware = Path::new(env!("CARGO_MANIFEST_DIR")).join("../firmware");
    let output = Command::new("cargo")
        .args(["run", "--release", "--quiet", "--bin", "train", "--target", target, "--", "epochs=3"])
        .current_dir(firmware)
        .env("REWIRE_BOARD", board)
        .env("CARGO_TARGET_DIR", Path::new(env!("CARGO_TARGET_TMPDIR")).join("firmware"))
        .env_remove("REWIRE_MNIST")
        .env_remove("RUSTFLAGS")
        .output()
        .expect("cargo runs");
    let log = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{board}: {log}{}", String::from_utf8_lossy(&output.stderr));
    parse(&log)
}

fn parse(log: &str) -> Outcome {
    let number = |text: &str| text.trim().parse::<usize>().unwrap_or_else(|_| panic!("'{text}' in {log}"));
    let after = |text: &str| log.split(text).nth(1).unwrap_or_else(|| panic!("no '{text}' in {log}"));
    let before = |text: &str| number(log.split(text).next().unwrap().lines().last().unwrap());
    let first = log.lines().next().expect("a first line");
    let widths = first.split(": ").nth(1).unwrap().split(',').next().unwrap();
    let widths: Vec<usize> = widths.split('-').map(number).collect();
    let hits = log.lines().filter(|line| line.starts_with("epoch "));
    Outcome {
        layers: widths.try_into().expect("three widths"),
        connections: number(first.split(", ").nth(1).unwrap().split(' ').next().unwrap()),
        correct: hits.map(|line| number(line.split('(').nth(1).unwrap().split(' ').next().unwrap()) as u32).collect(),
        hash: u64::from_str_radix(after("model ")[..16].trim(), 16).unwrap(),
        stack: before(" B of stack"),
        predicted: before(" B predicted"),
    }
}

/// The same training here.
fn host(chip: &Outcome, samples: (usize, usize)) -> (Vec<u32>, u64) {
    let [n_in, hidden, classes] = chip.layers;
    let connections = chip.connections - hidden * classes;
    let layers = [
        LayerSpec::sparse(n_in, hidden, connections, Activation::Relu).input_major(),
        LayerSpec::dense(hidden, classes, Activation::Identity),
    ];
    let description = Description::training(&layers, 1);
    let mut block = Box::new(Block::<{ 512 * 1024 }>::new());
    let mut network = Mlp::<Standard, 1>::new(&description, &mut block.0).unwrap();
    let native = Native::new(2).unwrap();
    let data = dataset::load(DatasetName::MnistMini, &dataset::cache_dir(None)).unwrap();
    let normaliser = Normaliser { mean: vec![0.0; PIXELS], scale: vec![1.0 / 255.0; PIXELS] };
    let train = Images::new(&data.train, (0..samples.0 as u32).collect(), &normaliser);
    let test = Images::new(&data.test, (0..samples.1 as u32).collect(), &normaliser);
    let evolution = Evolution::new(0.3, GrownWeight::Zero, FanIn::Connections).unwrap();
    network.initialise(&native, 1, FanIn::Connections);
    let mut correct = Vec::new();
    for epoch in 1..=3 {
        let sgd = Sgd::new(Schedule::Linear.at(0.05, epoch, 3, 0)).unwrap();
        let _ = network.train_epoch(&native, &train, &sgd, 1, epoch, |_, _| ControlFlow::Continue(()));
        correct.push(network.evaluate(&native, &test).correct());
        if epoch < 3 {
            network.evolve(&native, &evolution, 1, epoch, |_, _| {});
        }
    }
    (correct, rewire_core::image::hash(&network))
}

fn assert_twins(board: &str, target: &str, samples: (usize, usize)) {
    let chip = chip(board, target);
    assert_eq!((chip.correct.clone(), chip.hash), host(&chip, samples), "{board}");
    assert!(chip.stack <= 2304, "{board} uses {} bytes of stack", chip.stack);
}

#[test]
fn a_cortex_m0_without_floating_point_unit_is_the_hosts_twin() {
    assert_twins("microbit", "thumbv6m-none-eabi", (400, 200));
}

#[test]
fn a_cortex_m4_is_the_hosts_twin() {
    assert_twins("mps2-an386", "thumbv7em-none-eabihf", (2000, 1000));
}

#[test]
fn a_cortex_m7_is_the_hosts_twin() {
    assert_twins("mps2-an500", "thumbv7em-none-eabihf", (2000, 1000));
}

#[test]
fn a_chip_with_64_kilobytes_is_the_hosts_twin() {
    assert_twins("lm3s6965evb", "thumbv7em-none-eabihf", (400, 200));
}

#[test]
fn a_chip_with_128_kilobytes_is_the_hosts_twin() {
    assert_twins("netduinoplus2", "thumbv7em-none-eabihf", (2000, 1000));
}
