//! The first command of the README: `cargo run` finds one program, and its first arguments train.

use crate::program::{cargo, isolate, outcome, program};

/// With the profile of the tests in place of `--release`, which would compile everything once more, and from another
/// folder, which the run directory goes to.
#[test]
fn the_first_command_of_the_readme_trains() {
    let readme = include_str!("../../../README.md");
    let command = readme.split("```sh\n").nth(1).unwrap().lines().next().unwrap();
    let command = command.split('#').next().unwrap().trim();
    assert_eq!(command, "cargo run --release -- train");

    let target = program().parent().and_then(std::path::Path::parent).unwrap();
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml");
    let folder = tempfile::tempdir().unwrap();
    let mut cargo = cargo();
    isolate(&mut cargo, folder.path());
    let path = std::env::var_os("PATH").unwrap();
    cargo.args(["run", "--quiet", "--offline", "--profile", "test", "--manifest-path", root, "--target-dir"]);
    cargo.arg(target).args(["--", "train"]).env("PATH", path);
    let outcome = outcome(&mut cargo);
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    assert!(folder.path().join("runs/mnist-mini-set-seed1/model.safetensors").exists(), "{}", outcome.stdout);
}
