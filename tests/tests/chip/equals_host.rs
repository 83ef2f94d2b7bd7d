//! The chip's twin: a network trained under QEMU and one trained here are the same, bit for bit.

use std::ops::ControlFlow;
use std::path::Path;

use clap::Parser;
use rewire::commands::{Cli, Command as Subcommand};
use rewire::data::normaliser::Normaliser;
use rewire::data::source::Source;
use rewire::data::{self, DatasetName};
use rewire::engine::native::Native;
use rewire_core::prelude::*;

use crate::firmware::{Build, M4F};
use crate::program;
use crate::readme::said;

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

/// What the log of training says.
fn parse(log: &str) -> Outcome {
    let number = |text: &str| text.trim().parse::<usize>().unwrap_or_else(|_| panic!("'{text}' in {log}"));
    let after = |text: &str| log.split(text).nth(1).unwrap_or_else(|| panic!("no '{text}' in {log}"));
    let before = |text: &str| number(log.split(text).next().unwrap().lines().last().unwrap());
    let first = log.lines().find(|line| line.contains(" training and ")).expect("a line that names the network");
    let widths = first.split(": ").nth(1).unwrap().split(',').next().unwrap();
    let widths: Vec<usize> = widths.split('-').map(number).collect();
    let hits = log.lines().filter(|line| line.starts_with("epoch "));
    Outcome {
        layers: widths.try_into().expect("three widths"),
        connections: number(first.split(", ").nth(1).unwrap().split(' ').next().unwrap()),
        correct: hits.map(|line| number(line.split('(').nth(1).unwrap().split(' ').next().unwrap()) as u32).collect(),
        hash: u64::from_str_radix(after("\nmodel ")[..16].trim(), 16).unwrap(),
        stack: before(" B of stack"),
        predicted: before(" B predicted"),
    }
}

/// What `rewire train` does as the chip: the settings that its network was written from.
fn settings(chip: &Outcome) -> String {
    let [_, hidden, classes] = chip.layers;
    let ram = match hidden {
        56 => 16,
        128 => 64,
        _ => 128,
    };
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../host/experiments/chip-{ram}.toml"));
    let settings: toml::Table = std::fs::read_to_string(&file).unwrap().parse().unwrap();
    let connections = settings["connections"].as_array().unwrap().iter().map(|layer| layer.as_integer().unwrap());
    assert_eq!((connections.sum::<i64>(), classes), (i64::try_from(chip.connections).unwrap(), 10));
    format!("--config {} --epochs {}", file.display(), chip.correct.len())
}

/// The same training here, on the samples that the chip has in flash.
fn host(chip: &Outcome, samples: (usize, usize)) -> (Vec<u32>, u64) {
    let settings = settings(chip);
    let words = ["rewire", "train", "mnist-mini"].into_iter().chain(settings.split_whitespace());
    let Subcommand::Train(arguments) = Cli::try_parse_from(words).unwrap().command else { panic!("no training") };
    let config = arguments.settings.resolve(None).unwrap();
    let data = data::load(DatasetName::MnistMini, &data::cache_dir(None)).unwrap();
    let layers = config.layers(PIXELS, 10);
    let description = Description::training(&layers, 1);
    let mut block = Box::new(Block::<{ 512 * 1024 }>::new());
    let mut network = Mlp::<Standard, 1>::new(&description, &mut block.0).unwrap();
    let native = Native::new(2).unwrap();
    let normaliser = Normaliser { mean: vec![0.0; PIXELS], scale: vec![1.0 / 255.0; PIXELS] };
    let train = Source::new(&data.train, (0..samples.0 as u32).collect(), &normaliser);
    let train = train.with_pixel_shift(config.pixel_shift(data.plane()));
    let test = Source::new(&data.test, (0..samples.1 as u32).collect(), &normaliser);
    network.initialise_placed(&native, config.seed, config.fan_in(), config.placement(data.plane()).unwrap());
    let settings = config.training(data.plane()).unwrap();
    let mut correct = Correct(Vec::new());
    Trainer::new(&settings).unwrap().run(&mut network, &native, &train, &test, &mut correct).unwrap();
    (correct.0, rewire_core::storage::image::hash(&network))
}

/// Correct test samples by epoch.
struct Correct(Vec<u32>);

impl Observer<Standard, 1> for Correct {
    fn epoch(&mut self, epoch: &Epoch, _network: &Mlp<'_, Standard, 1>) -> ControlFlow<()> {
        self.0.push(epoch.measured.correct());
        ControlFlow::Continue(())
    }
}

fn assert_twins(log: &str, samples: (usize, usize)) {
    let chip = parse(log);
    // Connections evolve between epochs.
    assert!(chip.correct.len() > 1, "{log}");
    assert_eq!((chip.correct.clone(), chip.hash), host(&chip, samples));
    assert!(chip.stack <= 1920, "{} bytes of stack", chip.stack);
}

/// What `rewire image` says of a file.
fn described(folder: &Path, file: &str) -> serde_json::Value {
    serde_json::from_str(&program::succeed(folder, &format!("image {file} --json"))).unwrap()
}

#[test]
fn a_model_goes_from_the_command_line_to_the_chip_and_back() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let train = Build::new("train", "mps2-an386", M4F);

    // The chip trains and hands its model back: the bits of the twin from the command line.
    let handed_back = folder.join("chip.image");
    let log = train.log("epochs=2", &[("REWIRE_MODEL", &handed_back)]);
    let chip = parse(&log);
    program::succeed(folder, &format!("train mnist-mini {} --out run", settings(&chip)));
    assert!(program::succeed(folder, "export --chip run --out host.image").contains("bytes"));
    let host_image = std::fs::read(folder.join("host.image")).unwrap();
    assert!(host_image == std::fs::read(&handed_back).unwrap(), "the chip's image is not the host's");
    let image = described(folder, "host.image");
    assert_eq!(image["hash"].as_str().unwrap(), format!("{:016x}", chip.hash));
    assert_eq!(image["bytes"].as_u64().unwrap(), host_image.len() as u64);

    // `evaluate` gives what the chip printed, of the image and of the model.
    for model in ["chip.image", "run"] {
        let found = program::succeed(folder, &format!("evaluate {model} mnist-mini --json"));
        let found: serde_json::Value = serde_json::from_str(&found).unwrap();
        assert_eq!(found["correct"].as_u64().unwrap(), u64::from(*chip.correct.last().unwrap()), "{model}");
    }

    // A chip runs it in place, and another goes on training from it.
    let image = folder.join("host.image");
    let log = Build { program: "infer", image: Some(&image), ..train }.log("", &[]);
    assert!(log.contains(&format!("({} of 1000)", chip.correct.last().unwrap())), "{log}");
    assert!(log.contains(&format!("model {:016x}", chip.hash)), "{log}");
    let log = Build { image: Some(&image), ..train }.log("epochs=1", &[]);
    assert!(log.contains(&format!("goes on from the model {:016x}", chip.hash)), "{log}");
    assert!(parse(&log).correct[0] > 850 && parse(&log).hash != chip.hash, "{log}");

    // What is wrong is refused with a sentence.
    let mut damaged = host_image.clone();
    damaged[100] ^= 1;
    std::fs::write(folder.join("damaged.image"), &damaged).unwrap();
    std::fs::write(folder.join("cut.image"), &host_image[..1000]).unwrap();
    for (file, expected) in [("damaged.image", "a damaged model image"), ("cut.image", "of which 1000 are there")] {
        for command in [format!("image {file}"), format!("evaluate {file} mnist-mini")] {
            let outcome = program::run(folder, &command);
            assert_eq!(outcome.code, Some(1), "{command}");
            assert!(outcome.stderr.contains(expected), "{command}: {}", outcome.stderr);
        }
    }
    let outcome = program::run(folder, "evaluate host.image");
    assert!(outcome.code == Some(2) && outcome.stderr.contains("name the dataset"), "{}", outcome.stderr);
}

#[test]
fn sums_that_were_normalised_in_training_are_folded_into_an_image() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let correct = |model: &str| {
        let found = program::succeed(folder, &format!("evaluate {model} mnist-mini --json"));
        serde_json::from_str::<serde_json::Value>(&found).unwrap()["correct"].as_i64().unwrap()
    };
    let train = "train mnist-mini --hidden 96,64 --epochs 3 --scaling unit --storage input-major";
    for (name, settings) in [("sparse", "--connections 4000,2000,640"), ("dense", "--model dense")] {
        program::succeed(folder, &format!("{train} {settings} --activation batch-norm-relu --out {name}"));
        program::succeed(folder, &format!("export --chip {name} --out {name}.image"));
        let (model, image) = (correct(name), correct(&format!("{name}.image")));
        assert!(model > 800 && (model - image).abs() <= 2, "{name}: {model} of 1000, as an image {image}");
    }

    program::succeed(folder, &format!("{train} --activation srelu --out learned"));
    let outcome = program::run(folder, "export --chip learned");
    assert!(outcome.code == Some(1) && outcome.stderr.contains("no image holds"), "{}", outcome.stderr);
}

#[test]
fn a_cortex_m0_without_floating_point_unit_is_the_hosts_twin() {
    assert_twins(said("train", "microbit"), (400, 200));
}

#[test]
fn a_cortex_m4_is_the_hosts_twin() {
    assert_twins(said("train", "mps2-an386"), (2000, 1000));
}

#[test]
fn a_cortex_m7_is_the_hosts_twin() {
    assert_twins(&Build::new("train", "mps2-an500", M4F).log("epochs=2", &[]), (2000, 1000));
}

#[test]
fn a_chip_with_64_kilobytes_is_the_hosts_twin() {
    assert_twins(said("train", "lm3s6965evb"), (400, 200));
}

#[test]
fn a_chip_with_128_kilobytes_is_the_hosts_twin() {
    assert_twins(said("train", "netduinoplus2"), (2000, 1000));
}
