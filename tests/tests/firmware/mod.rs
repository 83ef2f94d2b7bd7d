//! Programs for the chip: built for a board, and run on its machine in QEMU.
//!
//! Needs QEMU, flip-link and defmt-print, which `tests/run` installs.

#![allow(dead_code, reason = "no test uses all of it")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};

pub(crate) const M0: &str = "thumbv6m-none-eabi";
pub(crate) const M4F: &str = "thumbv7em-none-eabihf";

/// One build after the other: they share their dependencies, and the next takes the place of the one before.
static BUILDING: Mutex<()> = Mutex::new(());
static BUILT: AtomicU32 = AtomicU32::new(0);

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

    /// Builds the program: its ELF file, or what the build says.
    pub(crate) fn build(&self) -> Result<PathBuf, String> {
        for tool in ["qemu-system-arm", "flip-link", "defmt-print"] {
            assert!(Command::new(tool).arg("--version").output().is_ok(), "{tool} is missing; tests/run installs it");
        }
        let _guard = BUILDING.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("firmware");
        let mut cargo = Command::new("cargo");
        cargo
            .args(["build", "--quiet", "--bin", self.program, "--target", self.target, "--release"])
            .current_dir(source())
            .env("REWIRE_BOARD", self.board)
            .env("CARGO_TARGET_DIR", &folder);
        for variable in ["REWIRE_IMAGE", "REWIRE_NETWORK", "RUSTFLAGS"] {
            cargo.env_remove(variable);
        }
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
        let count = BUILT.fetch_add(1, Ordering::Relaxed);
        let kept = folder.join(format!("{}-{}-{}-{count}.elf", self.program, self.board, std::process::id()));
        std::fs::rename(folder.join(self.target).join("release").join(self.program), &kept).unwrap();
        Ok(kept)
    }

    /// The program, on its board's machine; runs once.
    pub(crate) fn machine(&self) -> (Command, Remove) {
        let elf = self.build().unwrap_or_else(|message| panic!("{self:?}: {message}"));
        let mut qemu = Command::new(source().join("qemu"));
        qemu.arg(&elf).env("REWIRE_BOARD", self.board);
        for variable in ["REWIRE_MNIST", "REWIRE_MODEL", "REWIRE_FLASH"] {
            qemu.env_remove(variable);
        }
        (qemu, Remove(elf))
    }

    /// Builds and runs the program with these arguments, which must succeed; returns its log.
    pub(crate) fn log(&self, arguments: &str, environment: &[(&str, &Path)]) -> String {
        let (mut qemu, _elf) = self.machine();
        qemu.args(arguments.split_whitespace()).envs(environment.iter().copied());
        succeeded(&qemu.output().unwrap())
    }
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

/// A file that is of no use any more when this goes.
#[derive(Debug)]
pub(crate) struct Remove(pub(crate) PathBuf);

impl Drop for Remove {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}
