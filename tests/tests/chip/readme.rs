//! The commands of `firmware/README.md`, typed as they stand there, and the numbers of its table.
//!
//! Only the paths that a reader has to choose are replaced. Flashing a board (`probe-rs`) is left out.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::Stdio;

use crate::firmware::{in_firmware, lock};

const README: &str = include_str!("../../../firmware/README.md");

/// A block of commands, by a part of it.
fn block(part: &str) -> &'static str {
    let mut blocks = README.split("```\n").skip(1).step_by(2);
    blocks.find(|block| block.contains(part)).unwrap_or_else(|| panic!("README has no commands with {part}"))
}

/// Runs commands in a shell, which must succeed; returns what they print.
fn typed(commands: &str) -> String {
    // Other builds wait until this program is built, which its first line shows.
    let building = lock();
    let mut shell = in_firmware("sh");
    shell.args(["-euc", commands]).env("CARGO_TERM_QUIET", "true").stdout(Stdio::piped());
    let mut child = shell.spawn().unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    let mut log = String::new();
    output.read_line(&mut log).unwrap();
    drop(building);
    output.read_to_string(&mut log).unwrap();
    assert!(child.wait().unwrap().success(), "{commands}\n{log}");
    log
}

/// Builds that print nothing keep the others waiting to their end.
fn typed_quietly(commands: &str) {
    assert_eq!(typed(commands), "", "{commands}");
}

/// The bundled images as the four unpacked files that MNIST consists of.
fn unpack_mnist(folder: &Path) {
    for file in
        ["train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"]
    {
        let packed = format!("{}/../data/mnist-mini/{file}.gz", env!("CARGO_MANIFEST_DIR"));
        let mut unpacked = flate2::read::GzDecoder::new(std::fs::File::open(packed).unwrap());
        std::io::copy(&mut unpacked, &mut std::fs::File::create(folder.join(file)).unwrap()).unwrap();
    }
}

#[test]
fn each_command_under_qemu_trains() {
    let folder = tempfile::tempdir().unwrap();
    unpack_mnist(folder.path());
    let commands = block("REWIRE_BOARD=microbit cargo run").lines().filter(|line| !line.contains("--bin bench"));
    let mut count = 0;
    for command in commands {
        let flash = folder.path().join("flash");
        let typed_here = command
            .replace("/folder/with/unpacked/idx/files", folder.path().to_str().unwrap())
            .replace("/tmp/flash", flash.to_str().unwrap());
        let log = typed(&typed_here);
        let epochs = if command.contains("epochs=1") { 1 } else { 3 };
        assert_eq!(log.lines().filter(|line| line.starts_with("epoch ")).count(), epochs, "{command}\n{log}");
        assert!(log.contains("\nmodel "), "{command}\n{log}");
        assert_eq!(flash.exists(), command.contains("--bin checkpoint"), "{command}");
        count += 1;
    }
    assert_eq!(count, 6);
}

#[test]
fn each_board_that_is_flashed_has_an_image() {
    let commands = block("nrf52840-dk").lines().filter(|line| !line.starts_with("probe-rs"));
    typed_quietly(&commands.collect::<Vec<_>>().join("\n"));
}

#[test]
fn the_sensor_example_is_built_as_firmware() {
    typed_quietly(block("rewire-sensor"));
}

#[test]
fn tests_on_the_chip_pass() {
    let log = typed(block("on-target"));
    assert_eq!(log.matches("test result: ok").count(), 2, "{log}");
}

/// Instruction counts depend on the compiler's version, so a little more than the table says is accepted.
#[test]
fn instruction_counts_are_no_higher_than_the_table_says() {
    let command = block("--bin bench").lines().find(|line| line.contains("--bin bench")).unwrap();
    let log = typed(command);
    let number = |text: &str| text.trim().replace(',', "").parse::<f64>().unwrap();
    let after = |line: &str, what: &str| {
        let rest = line.split(what).nth(1).unwrap_or_else(|| panic!("no '{what}' in {line}"));
        number(rest.split_whitespace().next().unwrap().trim_end_matches(','))
    };
    let mut compared = 0;
    for row in README.lines().filter(|line| line.starts_with("| ") && line.contains(" KB, 784-")) {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let name = cells[1].rsplit_once(", ").unwrap().0;
        let line = log.lines().find(|line| line.starts_with(&format!("{name}: ")) && line.contains("train "));
        let line = line.unwrap_or_else(|| panic!("no '{name}' in {log}"));
        for (what, recorded) in [("train ", cells[2]), ("infer ", cells[3]), ("evolve ", cells[4])] {
            if !recorded.is_empty() {
                let (found, recorded) = (after(line, what), number(recorded));
                println!("{name}: {what}{found}, recorded {recorded}");
                assert!(found <= 1.02 * recorded, "{name}: {what}{found}, recorded {recorded}");
                compared += 1;
            }
        }
    }
    assert_eq!(compared, 15);
}
