//! Projects that `rewire export --firmware` writes: built, run in the emulator, and compared with the same training here.

use std::fs;
use std::path::Path;

use rewire::model::predict::{largest, softmax};
use rewire_core::prelude::*;
use rewire_core::storage::image::{Image, hash};

use crate::firmware::{in_firmware, lock, succeeded};
use crate::program::{self, succeed};

const PAGE: &str = include_str!("../../../docs/microcontroller.md");

/// A training set such as sensors give: 36 features, and either a class or a number in the last column.
pub(crate) fn csv(path: &Path, is_class: bool) {
    let names = (0..36).map(|i| format!("{}{}", ["x", "y", "z"][i % 3], i / 3));
    let mut rows =
        vec![names.chain([if is_class { "label" } else { "speed" }.into()]).collect::<Vec<String>>().join(",")];
    for row in 0..240u32 {
        let class = row % 3;
        let reading = |i: u32| {
            let noise = (row * 7919 + i * 104_729) % 97;
            let phase = row * 13 + (i / 3) * [2, 5, 9][class as usize];
            format!("{:.3}", f64::from(phase % 20) + f64::from(noise) / 40.0 - f64::from(i % 3) * 10.0)
        };
        let answer =
            if is_class { ["rest", "run", "walk"][class as usize].into() } else { format!("{}.5", class * 20) };
        rows.push((0..36).map(reading).chain([answer]).collect::<Vec<String>>().join(","));
    }
    let text = rows.join("\n");
    fs::write(path, text).unwrap();
}

/// `cargo` in a project, with the target folder of these tests.
pub(crate) fn cargo(project: &Path, arguments: &str) -> String {
    let mut cargo = in_firmware("cargo");
    succeeded(&cargo.current_dir(project).args(arguments.split_whitespace()).output().unwrap())
}

/// What a program said of its windows, and its model: numbers at the ends of lines.
#[derive(Debug, PartialEq)]
pub(crate) struct Said {
    windows: Vec<(String, f32)>,
    hash: u64,
}

impl Said {
    pub(crate) fn of(log: &str) -> Self {
        let windows = log.lines().filter(|line| line.starts_with("window ")).map(|line| {
            let (what, number) = line.rsplit_once(' ').unwrap();
            (what.to_owned(), number.parse().unwrap())
        });
        let model =
            log.lines().find_map(|line| line.strip_prefix("model ")).unwrap_or_else(|| panic!("no model: {log}"));
        Self { windows: windows.collect(), hash: u64::from_str_radix(model, 16).unwrap() }
    }

    /// The same by this machine, from the files of a project and the settings of its run.
    pub(crate) fn here<F: Format<Input = f32>>(project: &Path, run: &Path) -> Self {
        let settings: toml::Table = fs::read_to_string(run.join("config.toml")).unwrap().parse().unwrap();
        let number = |name: &str| settings[name].as_float().unwrap();
        let count = |name: &str| u32::try_from(settings[name].as_integer().unwrap()).unwrap();
        let rate = number("learning_rate") / ((1.0 - number("momentum")) * f64::from(count("batch_size")));
        let sgd = Sgd::new(rate as f32).unwrap().with_dropout(number("dropout") as f32).unwrap();
        let evolution = Evolution::new(number("zeta") as f32, GrownWeight::Zero, FanIn::Connections).unwrap();

        let file = fs::read(project.join("model.image")).unwrap();
        let mut words = vec![0u32; file.len().div_ceil(4)];
        for (word, bytes) in words.iter_mut().zip(file.chunks(4)) {
            *word = u32::from_le_bytes(bytes.try_into().unwrap());
        }
        // An image has a multiple of 4 bytes.
        let image = Image::<F>::new(bytemuck::cast_slice(&words)).unwrap();
        let about = image.about().unwrap();
        let layers: Vec<LayerSpec> = (0..image.layers()).map(|layer| image.layer(layer).unwrap().spec).collect();
        let (n_in, n_out) = (layers[0].n_in, layers.last().unwrap().n_out);
        let description = Description::training(&layers, 1);
        let mut block = vec![0u32; description.footprint::<F, 1>().bytes().div_ceil(4)];
        let mut network = Mlp::<F, 1>::new(&description, bytemuck::cast_slice_mut(&mut block)).unwrap();
        image.load(&mut network).unwrap();

        let answer = match about.target {
            Target::Class => 2,
            Target::Values => 4 * n_out,
            Target::Input => 0,
        };
        let sgd = match about.target {
            Target::Class => sgd.with_label_smoothing(number("label_smoothing") as f32).unwrap(),
            Target::Values | Target::Input => sgd,
        };
        let samples = fs::read(project.join("samples.bin")).unwrap();
        let samples: Vec<&[u8]> = samples.chunks_exact(4 * n_in + answer).collect();
        let learned = samples.len() - samples.len() / 4;
        let every = count("evolve_every");
        let (mut windows, mut step) = (Vec::new(), 0);
        let float = |bytes: &[u8]| f32::from_le_bytes(bytes.try_into().unwrap());
        for (at, sample) in samples[..learned].iter().enumerate() {
            let (features, answer) = sample.split_at(4 * n_in);
            let mut x: Vec<f32> = features.chunks(4).map(float).collect();
            about.scaling.apply(&mut x);
            let mut outputs = vec![0.0; n_out];
            network.predict_one(&Portable, &x, &mut outputs);
            let mut values: Vec<f32> = answer.chunks_exact(4).map(float).collect();
            about.targets.apply(&mut values);
            let answer = match about.target {
                Target::Class => {
                    let (class, mut probabilities) = (usize::from(largest(&outputs)), Vec::new());
                    softmax(&outputs, &mut probabilities);
                    let name = about.outputs.get(class).unwrap();
                    windows.push((format!("window {at}: {name}, probability"), probabilities[class]));
                    Answer::Class(u16::from_le_bytes(answer.try_into().unwrap()))
                }
                Target::Values => {
                    let name = about.outputs.get(0).unwrap();
                    windows.push((format!("window {at}: {name}"), about.targets.invert(0, outputs[0])));
                    Answer::Values(&values)
                }
                Target::Input => {
                    let squares = x.iter().zip(&outputs).map(|(x, output)| (output - x) * (output - x));
                    windows.push((format!("window {at}: score"), squares.sum::<f32>() / n_in as f32));
                    Answer::Input
                }
            };
            let seed = count("seed").into();
            network.train_one(&Portable, &x, answer, &sgd, StepId { seed, epoch: 1, step }).unwrap();
            step += 1;
            if every > 0 && step.is_multiple_of(every) {
                network.evolve(&Portable, &evolution, seed, step / every, |_, _| {}).unwrap();
            }
        }
        Self { windows, hash: hash(&network) }
    }
}

/// The numbers in `log` of RAM for the network and of stack.
fn fits(log: &str, predicted: usize) {
    let before = |text: &str| log.split(text).next().unwrap().lines().last().unwrap().parse::<usize>().unwrap();
    assert_eq!(before(" B of RAM for the network"), predicted, "{log}");
    // What the project reserves beside the network.
    assert!(before(" B of stack used") < 4096, "{log}");
}

#[test]
fn three_commands_lead_from_a_csv_to_a_chip_that_learns_as_this_machine_does() {
    let folder = tempfile::tempdir().unwrap();
    csv(&folder.path().join("my.csv"), true);
    let commands = PAGE.split("```sh\nrewire train my.csv").nth(1).unwrap().split("```").next().unwrap();
    let [train, export, run] = ["--out run", "export run --firmware motion --board mps2-an386", "run --release"];
    assert_eq!(commands, format!(" {train}\nrewire {export}\ncd motion && cargo {run}\n"));
    succeed(folder.path(), &format!("train my.csv {train}"));
    let exported = succeed(folder.path(), export);
    let project = folder.path().join("motion");
    let predicted: String = exported.split("; ").nth(1).unwrap().split(' ').next().unwrap().replace(',', "");

    let building = lock();
    let log = cargo(&project, run);
    let said = Said::of(&log);
    assert_eq!(said.windows.len(), 36, "{log}");
    assert_eq!(said, Said::here::<Narrow>(&project, &folder.path().join("run")));
    fits(&log, predicted.parse().unwrap());
    assert!(log.contains("before learning: ") && log.contains(" of 12 right"), "{log}");

    // The same run on a board that has no emulator: it links, and logs to memory.
    succeed(folder.path(), "export run --firmware board --board nrf52840-dk --run-on flash");
    let board = folder.path().join("board");
    cargo(&board, "build --quiet --release");
    let runner = fs::read_to_string(board.join(".cargo/config.toml")).unwrap();
    assert!(runner.contains("runner = \"probe-rs run --chip nRF52840_xxAA\""), "{runner}");
    assert!(!board.join("qemu").exists());
    drop(building);
    assert!(!fs::read_to_string(board.join("src/windows.rs")).unwrap().contains("YOUR SENSOR"));

    // What a user does next.
    let windows = project.join("src/windows.rs");
    let text = fs::read_to_string(&windows).unwrap();
    let (before, place) = text.split_once("        if self.next").unwrap();
    let (_, after) = place.split_once("Window::Known(known)\n").unwrap();
    let own = "        window.fill(self.next as f32);\n        self.next += 1;\n        \
               if self.next > 3 { Window::End } else { Window::Unknown }\n";
    fs::write(&windows, format!("{before}{own}{after}")).unwrap();
    let building = lock();
    let log = cargo(&project, "run --quiet --release");
    drop(building);
    assert_eq!(log.matches("\nwindow ").count(), 3, "{log}");
    // Nothing was learned.
    let measured = |what: &str| log.split(what).nth(1).unwrap().lines().next().unwrap().to_owned();
    assert_eq!(measured("before learning"), measured("after learning"));
}

#[test]
fn a_regression_on_a_cortex_m0_and_an_autoencoder_learn_as_this_machine_does() {
    let folder = tempfile::tempdir().unwrap();
    csv(&folder.path().join("my.csv"), false);
    let common = "--hidden 12 --epochs 5 --evolve-every 32";
    for (task, board) in [("regress", "microbit"), ("reconstruct", "mps2-an386")] {
        succeed(folder.path(), &format!("train my.csv --task {task} {common} --out {task}"));
        succeed(folder.path(), &format!("export {task} --firmware chip-{task} --board {board}"));
        let project = folder.path().join(format!("chip-{task}"));
        let building = lock();
        let log = cargo(&project, "run --quiet --release");
        drop(building);
        let said = Said::of(&log);
        assert_eq!(said.windows.len(), 36, "{log}");
        assert_eq!(said, Said::here::<Narrow>(&project, &folder.path().join(task)), "{task}");
    }
}

#[test]
fn what_cannot_go_to_a_board_is_refused_with_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    csv(&folder.path().join("my.csv"), true);
    succeed(folder.path(), "train my.csv --epochs 1 --out run");
    succeed(folder.path(), "train my.csv --epochs 1 --activation srelu --out srelu");
    fs::create_dir(folder.path().join("taken")).unwrap();
    fs::write(folder.path().join("taken/file"), "mine").unwrap();
    fs::create_dir(folder.path().join("elsewhere")).unwrap();
    fs::copy(folder.path().join("run/model.safetensors"), folder.path().join("elsewhere/model.safetensors")).unwrap();
    for (arguments, code, expected) in [
        ("run --firmware new --board arduino", 2, vec!["--board", "'arduino'", "microbit, bluepill"]),
        ("run --firmware new --board esp32-c3", 2, vec!["no project", "RISC-V", "nrf52840"]),
        ("run --firmware taken --board nrf52840", 2, vec!["--firmware taken", "not empty"]),
        ("run --firmware new --board nrf52840 --core taken", 2, vec!["--core taken", "rewire-core"]),
        ("run --firmware new", 2, vec!["--board"]),
        ("run --board nrf52840", 2, vec!["--firmware"]),
        ("elsewhere --firmware new --board nrf52840", 2, vec!["config.toml", "run directory"]),
        ("srelu --firmware new --board nrf52840", 1, vec!["SReLU", "--activation"]),
        (
            "run --firmware new --board microbit",
            1,
            vec!["microbit has 16,384 bytes of RAM", "would fit", "--hidden", "--board microbit --fit", "nrf52840"],
        ),
    ] {
        let outcome = program::run(folder.path(), &format!("export {arguments}"));
        assert_eq!(outcome.code, Some(code), "{arguments}: {}", outcome.stderr);
        for word in expected {
            assert!(outcome.stderr.contains(word), "{arguments}: no '{word}' in {}", outcome.stderr);
        }
        assert!(!folder.path().join("new").exists(), "{arguments}");
    }
}
