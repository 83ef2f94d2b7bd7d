//! A Cargo project that runs a trained network on a board and goes on training it there.
//!
//! Its files are those of `host/template/`, filled in. What depends on the run stands in `network.rs` and `training.rs`; the
//! task, the type of a feature and the source of windows each choose one of several files.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::data::normaliser::Normaliser;
use crate::error::Usage;
use crate::firmware::boards::{BOARDS, Board, find};
use crate::firmware::on_chip::{BESIDES, OnChip};
use crate::firmware::samples::Packed;
use crate::firmware::source::Training;
use crate::firmware::uart::Driver;
use crate::settings::{TaskKind, choice};
use crate::text::thousands;

choice! {
    /// Where the windows come from that the program predicts and learns from.
    RunOn {
        /// Your sensor, for which there is one place to fill in; until then, test samples of the run in flash.
        Sensor = "sensor",
        /// As many test samples of the run as fit the flash.
        Flash = "flash",
        /// The board's UART: `send.py` in the project sends samples and prints the predictions.
        Uart = "uart",
    }
}

impl RunOn {
    /// The bytes of flash for samples, of those that model and program leave.
    pub fn room(self, left: usize) -> usize {
        match self {
            // A program for a sensor leaves most of the flash to what its user adds.
            Self::Sensor | Self::Uart => left / 4,
            Self::Flash => left,
        }
    }
}

/// Where the project finds `rewire-core`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Core {
    /// In this folder.
    Folder(PathBuf),
    /// In the package registry, this version.
    Registry(&'static str),
}

impl Core {
    /// The folder that the user names, else that of the checkout that this program was built from, if it still exists, else
    /// the registry.
    ///
    /// # Errors
    ///
    /// A folder that does not hold the package.
    pub fn find(given: Option<&Path>) -> Result<Self> {
        let holds = |folder: &Path| {
            let manifest = std::fs::read_to_string(folder.join("Cargo.toml")).unwrap_or_default();
            manifest.lines().any(|line| line == "name = \"rewire-core\"")
        };
        let built_from = Path::new(env!("CARGO_MANIFEST_DIR")).join("../core");
        let folder = match given {
            Some(folder) if !holds(folder) => {
                let text = format!("--core {}: it is not the folder of the package rewire-core", folder.display());
                return Err(Usage(text).into());
            }
            Some(folder) => folder,
            None if holds(&built_from) => &built_from,
            None => return Ok(Self::Registry(env!("CARGO_PKG_VERSION"))),
        };
        Ok(Self::Folder(folder.canonicalize()?))
    }

    /// The dependency as a manifest has it.
    fn dependency(&self) -> String {
        match self {
            Self::Folder(folder) => format!("path = {}", toml::Value::String(folder.to_string_lossy().into_owned())),
            Self::Registry(version) => format!("version = \"{version}\""),
        }
    }
}

/// The board of this name, if a project can be made for it.
///
/// # Errors
///
/// When there is none, or none can be made: with those for which one can.
pub fn board(name: &str) -> Result<&'static Board, Usage> {
    let usable: Vec<&str> = BOARDS.iter().filter(|board| board.target.is_some()).map(|board| board.name).collect();
    let why = match find(name) {
        Some(board) if board.target.is_some() => return Ok(board),
        Some(board) => format!("no project can be made for {name} ({})", board.chip),
        None => format!("no board is called '{name}'"),
    };
    Err(Usage(format!("--board: {why}; choose one of {}", usable.join(", "))))
}

/// The folder of a project that is to be written: one that is empty or does not exist.
///
/// # Errors
///
/// When there is something already.
pub fn check_folder(folder: &Path) -> Result<()> {
    let occupied = match std::fs::read_dir(folder) {
        Ok(mut entries) => entries.next().is_some(),
        Err(_) => folder.exists(),
    };
    if occupied {
        let text = "exists and is not empty; name a new folder, or remove it";
        return Err(Usage(format!("--firmware {}: it {text}", folder.display())).into());
    }
    Ok(())
}

/// All that a project is made from.
#[derive(Debug)]
pub struct Project<'a> {
    /// The run, as the user names it.
    pub run: &'a Path,
    /// The board, which has a target.
    pub board: &'static Board,
    /// Where windows come from.
    pub run_on: RunOn,
    /// Where the core is.
    pub core: Core,
    /// What is learned.
    pub task: TaskKind,
    /// The network.
    pub network: OnChip,
    /// How its training goes on.
    pub training: Training,
    /// Seed of the run.
    pub seed: u64,
    /// Names of the outputs.
    pub names: Vec<String>,
    /// From numbers to learn to outputs.
    pub targets: Normaliser,
    /// Samples of its test set.
    pub samples: Packed,
}

/// A file of the project.
struct File {
    path: &'static str,
    bytes: Vec<u8>,
    #[cfg_attr(not(unix), expect(dead_code, reason = "other systems go by a file's ending"))]
    executable: bool,
}

macro_rules! template {
    ($path:literal) => {
        include_str!(concat!("../../template/", $path))
    };
}

/// A template with its places filled in.
pub(super) fn fill(template: &str, values: &[(&str, String)]) -> String {
    values.iter().fold(template.to_owned(), |text, (name, value)| text.replace(&format!("{{{{{name}}}}}"), value))
}

impl Project<'_> {
    /// Writes the project, whole or not at all.
    ///
    /// # Errors
    ///
    /// When the folder is not empty or cannot be written.
    pub fn write(&self, folder: &Path) -> Result<()> {
        check_folder(folder)?;
        let name = package_name(folder);
        let failed = || format!("cannot write the project {}; choose another folder", folder.display());
        let parent = folder.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let mut builder = tempfile::Builder::new();
        builder.prefix(".rewire-");
        #[cfg(unix)]
        let builder = builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o777));
        let draft = builder.tempdir_in(parent).with_context(failed)?;
        for file in self.files(&name) {
            file.write(draft.path()).with_context(failed)?;
        }
        // An empty folder of this name makes room.
        if folder.exists() {
            std::fs::remove_dir(folder).with_context(failed)?;
        }
        std::fs::rename(draft.path(), folder).with_context(failed)?;
        // It has moved: there is nothing to remove.
        let _ = draft.keep();
        Ok(())
    }

    fn files(&self, name: &str) -> Vec<File> {
        let values = self.values(name);
        let board = self.board;
        let windows = match self.run_on {
            RunOn::Sensor => template!("src/windows/sensor.rs"),
            RunOn::Flash => template!("src/windows/flash.rs"),
            RunOn::Uart => template!("src/windows/uart.rs"),
        };
        let task = match self.task {
            TaskKind::Classify => template!("src/task/classify.rs"),
            TaskKind::Regress => template!("src/task/regress.rs"),
            TaskKind::Reconstruct => template!("src/task/reconstruct.rs"),
        };
        let feature =
            if self.network.bytes { template!("src/feature/bytes.rs") } else { template!("src/feature/floats.rs") };
        let mut files: Vec<File> = [
            ("Cargo.toml", template!("manifest.toml")),
            (".cargo/config.toml", template!("cargo-config.toml")),
            (".gitignore", "/target\n"),
            ("README.md", template!("README.md")),
            ("build.rs", template!("build.rs")),
            ("src/main.rs", template!("src/main.rs")),
            ("src/network.rs", template!("src/network.rs")),
            ("src/training.rs", template!("src/training.rs")),
            ("src/windows.rs", windows),
            ("src/task.rs", task),
            ("src/feature.rs", feature),
            ("src/samples.rs", template!("src/samples.rs")),
            ("src/end.rs", template!("src/end.rs")),
            ("src/fault.rs", template!("src/fault.rs")),
            ("src/stack.rs", template!("src/stack.rs")),
        ]
        .map(|(path, text)| File { path, bytes: fill(text, &values).into_bytes(), executable: false })
        .into();
        let mut add = |path, bytes, executable| files.push(File { path, bytes, executable });
        if self.run_on == RunOn::Uart {
            let Driver { uart, registers } = Driver::of(board);
            add("src/uart.rs", uart.into(), false);
            if let Some(registers) = registers {
                add("src/registers.rs", registers.into(), false);
            }
            add("send.py", fill(template!("send.py"), &values).into(), true);
        }
        if board.boot_bytes() > 0 {
            add("src/boot.rs", template!("src/boot.rs").into(), false);
        }
        if board.qemu.is_some() {
            add("qemu", fill(template!("qemu"), &values).into(), true);
        }
        add("memory.x", board.memory_map(0).into(), false);
        add("model.image", self.network.image.clone(), false);
        add("samples.bin", self.samples.bytes.clone(), false);
        files
    }

    /// What the places of the templates are filled with.
    fn values(&self, name: &str) -> Vec<(&'static str, String)> {
        let Self { board, network, training, samples, .. } = self;
        let (inputs, outputs) = network.widths();
        let target = board.target.unwrap_or_default();
        let modules = ["end", "fault", "feature", "network", "samples", "stack", "task", "training", "windows"];
        let on_uart = self.run_on == RunOn::Uart;
        let modules = ["boot"].into_iter().filter(|_| board.boot_bytes() > 0).chain(modules);
        let registers = on_uart && Driver::of(board).registers.is_some();
        let serial =
            [("registers", registers), ("uart", on_uart)].into_iter().filter_map(|(name, has)| has.then_some(name));
        let modules = modules.chain(serial);
        let flash = |probe: &str| format!("probe-rs run --chip {probe}");
        let runner = match (board.qemu, board.probe) {
            (None, Some(probe)) => flash(probe),
            _ => "./qemu".into(),
        };
        let dependencies = [
            (self.task == TaskKind::Classify, "libm = \"0.2\"\n"),
            // A Cortex-M0 has no atomic exchange, which static_cell needs.
            (
                target.starts_with("thumbv6m"),
                "portable-atomic = { version = \"1\", features = [\"critical-section\"] }\n",
            ),
            (board.boot_bytes() > 0, "rp2040-boot2 = \"0.3\"\n"),
        ];
        let dependencies = dependencies.into_iter().filter_map(|(needed, line)| needed.then_some(line));
        let learned = samples.count - samples.count / 4;
        let mut values = training.values(&network.layers, self.seed);
        values.extend([
            ("name", name.to_owned()),
            ("run", self.run.display().to_string()),
            ("board", board.name.to_owned()),
            ("chip", board.chip.to_owned()),
            ("target", target.to_owned()),
            ("ram", format!("{} * 1024", board.ram.kib)),
            ("ram_bytes", thousands(board.ram_bytes() as u64)),
            ("besides", BESIDES.to_string()),
            ("log", if board.qemu.is_some() { "semihosting" } else { "rtt" }.into()),
            ("runner", runner),
            ("machine", board.qemu.unwrap_or_default().to_owned()),
            ("dependencies", dependencies.collect::<String>()),
            ("core", self.core.dependency()),
            ("core_features", if on_uart { "\"defmt\", \"frames\"" } else { "\"defmt\"" }.into()),
            (
                "serial",
                if on_uart { "\"${REWIRE_UART:-tcp:localhost:5555,server=on,wait=off}\"" } else { "none" }.into(),
            ),
            ("task", self.task.to_string()),
            ("feature_code", if network.bytes { "B" } else { "f" }.into()),
            ("names", python_list(self.names.iter().map(|name| format!("{name:?}")))),
            ("target_mean", python_list(self.targets.mean.iter().map(f32::to_string))),
            ("target_factor", python_list(self.targets.scale.iter().map(f32::to_string))),
            ("modules", modules.map(|module| format!("mod {module};")).collect::<Vec<_>>().join("\n")),
            ("format", network.format.to_owned()),
            ("inputs", inputs.to_string()),
            ("outputs", outputs.to_string()),
            ("every", training.every.to_string()),
            ("every_reason", training.every_reason.to_owned()),
            ("samples", samples.count.to_string()),
            ("learned", learned.to_string()),
            ("network_bytes", thousands(network.ram[0] as u64)),
            ("image_bytes", thousands(network.image.len() as u64)),
            ("source", self.source().to_owned()),
            ("commands", self.commands(name, target)),
        ]);
        values
    }

    fn source(&self) -> &'static str {
        match self.run_on {
            RunOn::Sensor => "**the file to edit for your sensor**; until then, samples of the run",
            RunOn::Flash => "samples in flash",
            RunOn::Uart => "the board's UART (`src/uart.rs`), over which `send.py` sends samples",
        }
    }

    /// How the program is run, in the emulator and on the board.
    fn commands(&self, name: &str, target: &str) -> String {
        let fence = |commands: &str| format!("```sh\n{commands}\n```");
        let tools = |tool: &str| format!("rustup target add {target}\ncargo install --locked flip-link@0.1.12 {tool}");
        let Board { qemu, probe, .. } = *self.board;
        match (qemu, probe) {
            (Some(_), None) => {
                let run = tools("defmt-print@1.2.0") + "\ncargo run --release";
                format!("Three commands run it in the emulator (`qemu-system-arm`):\n\n{}", fence(&run))
            }
            (None, _) => {
                let run = tools("probe-rs-tools") + "\ncargo run --release";
                format!("Connect the board's debug probe. Three commands flash it and show its log:\n\n{}", fence(&run))
            }
            (Some(_), Some(probe)) => {
                let emulated = tools("defmt-print@1.2.0") + "\ncargo run --release";
                let flashed = format!(
                    "cargo install --locked probe-rs-tools\ncargo build --release --no-default-features --features rtt\n\
                     probe-rs run --chip {probe} target/{target}/release/{name}"
                );
                format!(
                    "Three commands run it in the emulator (`qemu-system-arm`):\n\n{}\n\nThree commands flash the board and \
                     show its log:\n\n{}",
                    fence(&emulated),
                    fence(&flashed)
                )
            }
        }
    }
}

impl File {
    fn write(&self, folder: &Path) -> std::io::Result<()> {
        let path = folder.join(self.path);
        std::fs::create_dir_all(path.parent().unwrap_or(folder))?;
        std::fs::write(&path, &self.bytes)?;
        #[cfg(unix)]
        if self.executable {
            use std::os::unix::fs::PermissionsExt;
            let mode = std::fs::metadata(&path)?.permissions().mode();
            // Whoever may read it may run it.
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode | (mode & 0o444) >> 2))?;
        }
        Ok(())
    }
}

/// A list as Python has it.
fn python_list(items: impl Iterator<Item = String>) -> String {
    format!("[{}]", items.collect::<Vec<_>>().join(", "))
}

/// A name for the package, made from that of its folder.
fn package_name(folder: &Path) -> String {
    let folder = folder.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
    let allowed = |c: char| if c.is_ascii_alphanumeric() || c == '_' { c } else { '-' };
    let name: String = folder.chars().map(allowed).collect();
    let name = name.trim_matches('-');
    if name.starts_with(|c: char| c.is_ascii_alphabetic()) { name.to_owned() } else { format!("on-chip-{name}") }
}
