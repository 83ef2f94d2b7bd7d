//! Programs for the chip: built for a board, and run on its machine in QEMU.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};

use crate::readme;

pub(crate) const M0: &str = "thumbv6m-none-eabi";
pub(crate) const M4F: &str = "thumbv7em-none-eabihf";

/// The programs that this test run has built, by what they were built from. One build runs at a time: builds share a
/// target folder, where the next takes the place of the one before.
static BUILT: LazyLock<Mutex<HashMap<String, PathBuf>>> = LazyLock::new(Mutex::default);

/// Keeps other builds waiting.
pub(crate) fn lock() -> MutexGuard<'static, HashMap<String, PathBuf>> {
    for tool in ["qemu-system-arm", "flip-link", "defmt-print"] {
        assert!(Command::new(tool).arg("--version").output().is_ok(), "{tool} is missing; tests/run installs it");
    }
    BUILT.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs in the firmware's folder, with none of its variables set and the target folder of these tests.
pub(crate) fn in_firmware(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    command.current_dir(source()).env("CARGO_TARGET_DIR", target_folder());
    for variable in ["BOARD", "FLASH", "IMAGE", "MNIST", "MODEL", "NETWORK"] {
        command.env_remove(format!("REWIRE_{variable}"));
    }
    command.env_remove("RUSTFLAGS");
    // The code is the same; a build takes a fifth less time.
    command.env("CARGO_PROFILE_RELEASE_DEBUG", "line-tables-only");
    command
}

fn target_folder() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("firmware")
}

/// What a program is built from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Build<'a> {
    pub(crate) program: &'a str,
    pub(crate) board: &'a str,
    pub(crate) target: &'a str,
    /// Features, where they are not the default ones.
    pub(crate) features: Option<&'a str>,
    /// The network, where it is not the board's.
    pub(crate) network: Option<&'a str>,
    /// A model for the flash.
    pub(crate) image: Option<&'a Path>,
}

impl<'a> Build<'a> {
    /// A program for a board, and nothing special about it.
    pub(crate) fn new(program: &'a str, board: &'a str, target: &'a str) -> Self {
        Self { program, board, target, features: None, network: None, image: None }
    }

    /// Builds the program, once: its ELF file, or what the build says.
    pub(crate) fn build(&self) -> Result<PathBuf, String> {
        // Commands of the README build many of them.
        readme::type_all();
        let mut built = lock();
        if let Some(elf) = built.get(&format!("{self:?}")) {
            return Ok(elf.clone());
        }
        let mut cargo = in_firmware("cargo");
        cargo
            .args(["build", "--quiet", "--bin", self.program, "--target", self.target, "--release"])
            .env("REWIRE_BOARD", self.board);
        if let Some(features) = self.features {
            cargo.args(["--no-default-features", "--features", features]);
        }
        if let Some(image) = self.image {
            cargo.env("REWIRE_IMAGE", image);
        }
        if let Some(network) = self.network {
            cargo.env("REWIRE_NETWORK", network);
        }
        let output = cargo.output().unwrap();
        if !output.status.success() {
            return Err(String::from_utf8_lossy(&output.stderr).into_owned());
        }
        Ok(keep(self, &mut built))
    }

    /// The program, on its board's machine.
    pub(crate) fn machine(&self) -> Command {
        let elf = self.build().unwrap_or_else(|message| panic!("{self:?}: {message}"));
        let mut qemu = in_firmware(source().join("qemu"));
        qemu.arg(&elf).env("REWIRE_BOARD", self.board);
        qemu
    }

    /// Builds and runs the program with these arguments, which must succeed; returns its log.
    pub(crate) fn log(&self, arguments: &str, environment: &[(&str, &Path)]) -> String {
        let mut qemu = self.machine();
        qemu.args(arguments.split_whitespace()).envs(environment.iter().copied());
        succeeded(&qemu.output().unwrap())
    }
}

/// Keeps the program that was built last: the next may take its place.
pub(crate) fn keep(build: &Build<'_>, built: &mut HashMap<String, PathBuf>) -> PathBuf {
    let unused = target_folder().join(format!("{}.elf", built.len()));
    let elf = built.entry(format!("{build:?}")).or_insert(unused);
    std::fs::copy(target_folder().join(build.target).join("release").join(build.program), &*elf).unwrap();
    elf.clone()
}

/// The log of a program that must have succeeded.
pub(crate) fn succeeded(output: &Output) -> String {
    let log = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{log}{}", String::from_utf8_lossy(&output.stderr));
    log
}

fn source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../firmware")
}
