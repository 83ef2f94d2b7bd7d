//! The commands of `firmware/README.md`, typed as they stand there, and the numbers of its table.
//!
//! Only the paths that a reader has to choose are replaced. Flashing a board (`probe-rs`) is left out.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, ChildStdout, Stdio};
use std::sync::LazyLock;

use crate::firmware::{Build, M4F, in_firmware, keep, lock};

const README: &str = include_str!("../../../firmware/README.md");

/// A command that builds a program, for the emulator, which runs it too, or for a board.
struct Typed {
    command: String,
    log: String,
}

/// The commands that build the programs of this package, each typed once. What they build is kept: other tests look at the
/// same programs and at what these runs said.
static TYPED: LazyLock<Vec<Typed>> = LazyLock::new(|| {
    let folder = tempfile::tempdir().unwrap();
    unpack_mnist(folder.path());
    let run = block("REWIRE_BOARD=microbit cargo run").lines();
    let (options, build) = block("nrf52840-dk").split_once('\n').unwrap();
    let options = options.strip_prefix("rtt=\"").unwrap().strip_suffix('"').unwrap();
    let build = build.lines().filter(|line| !line.starts_with("probe-rs"));
    let commands = run.chain(build).map(|line| line.split(" #").next().unwrap().trim().replace("$rtt", options));
    let mut commands: Vec<String> = commands.collect();
    // What a board's programs share is built once if they come one after the other.
    commands.sort_by_key(|command| program(command).board.to_owned());
    let flash = folder.path().join("flash");
    // The next is built while the ones before run.
    let running = commands.into_iter().map(|command| {
        let here = command
            .replace("/folder/with/unpacked/idx/files", folder.path().to_str().unwrap())
            .replace("/tmp/flash", flash.to_str().unwrap());
        let running = Running::new(&here, Some(&program(&command)));
        (command, running)
    });
    let running: Vec<_> = running.collect();
    let all = running.into_iter().map(|(command, running)| {
        let log = running.log();
        assert!(program(&command).program != "checkpoint" || flash.exists(), "{command}\n{log}");
        Typed { command, log }
    });
    all.collect()
});

/// What a command builds.
fn program(command: &str) -> Build<'_> {
    let after = |what: &str| Some(command.split(what).nth(1)?.split_whitespace().next().unwrap());
    Build {
        features: command.split("--features ").nth(1).map(|rest| rest.split(" --").next().unwrap()),
        ..Build::new(
            after("--bin ").unwrap_or("train"),
            after("REWIRE_BOARD=").unwrap_or("mps2-an386"),
            after("--target ").unwrap_or(M4F),
        )
    }
}

/// Types the commands, if nobody has: their programs need not be built again.
pub(crate) fn type_all() {
    LazyLock::force(&TYPED);
}

/// What a program said when the README's command for this board ran it.
pub(crate) fn said(name: &str, board: &str) -> &'static str {
    let is_meant = |typed: &&Typed| {
        let build = program(&typed.command);
        typed.command.contains("cargo run") && (build.program, build.board) == (name, board)
    };
    &TYPED.iter().find(is_meant).unwrap_or_else(|| panic!("the README runs no {name} on {board}")).log
}

/// A block of commands, by a part of it.
fn block(part: &str) -> &'static str {
    let mut blocks = README.split("```\n").skip(1).step_by(2);
    blocks.find(|block| block.contains(part)).unwrap_or_else(|| panic!("README has no commands with {part}"))
}

/// Commands in a shell, which build a program and perhaps run it.
struct Running {
    commands: String,
    shell: Child,
    output: BufReader<ChildStdout>,
    first_line: String,
}

impl Running {
    /// Types the commands, and keeps the program that they build. Other builds wait until it is built, which the first line
    /// shows that they print.
    fn new(commands: &str, program: Option<&Build<'_>>) -> Self {
        let mut building = lock();
        let mut shell = in_firmware("sh");
        shell.args(["-euc", commands]).env("CARGO_TERM_QUIET", "true").stdout(Stdio::piped());
        let mut shell = shell.spawn().unwrap();
        let mut output = BufReader::new(shell.stdout.take().unwrap());
        let mut first_line = String::new();
        output.read_line(&mut first_line).unwrap();
        if let Some(program) = program {
            keep(program, &mut building);
        }
        Self { commands: commands.to_owned(), shell, output, first_line }
    }

    /// What they print. They must succeed.
    fn log(mut self) -> String {
        let mut log = self.first_line;
        self.output.read_to_string(&mut log).unwrap();
        assert!(self.shell.wait().unwrap().success(), "{}\n{log}", self.commands);
        log
    }
}

/// Runs commands in a shell, which must succeed; returns what they print.
fn typed(commands: &str) -> String {
    Running::new(commands, None).log()
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
    let mut count = 0;
    for Typed { command, log } in TYPED.iter().filter(|typed| typed.command.contains("cargo run")) {
        if program(command).program == "bench" {
            continue;
        }
        let epochs = if command.contains("epochs=1") { 1 } else { 3 };
        assert_eq!(log.lines().filter(|line| line.starts_with("epoch ")).count(), epochs, "{command}\n{log}");
        assert!(log.contains("\nmodel "), "{command}\n{log}");
        count += 1;
    }
    assert_eq!(count, 6);
}

#[test]
fn each_board_that_is_flashed_has_an_image() {
    let built: Vec<_> = TYPED.iter().filter(|typed| typed.command.contains("cargo build")).collect();
    assert_eq!(built.len(), 5);
    for Typed { command, log } in built {
        assert_eq!(log, "", "{command}");
        program(command).build().unwrap();
    }
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
    let Typed { log, .. } = TYPED.iter().find(|typed| typed.command.contains("--bin bench")).unwrap();
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
