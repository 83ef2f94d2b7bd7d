//! The first commands of the README: `cargo run` finds one program, and its arguments learn the bundled digits and write a page.

use std::fs;

use serde_json::Value;
use tempfile::tempdir;

use crate::program::{cargo, succeed};

const COMMANDS: [&str; 2] = ["cargo run --release -- train", "cargo run --release -- report runs/mnist-mini-set-seed1"];

#[test]
fn the_first_command_of_the_readme_finds_one_program() {
    let readme = include_str!("../../../README.md");
    let block = readme.split("```sh\n").nth(1).unwrap().lines().take(2);
    let commands: Vec<_> = block.map(|line| line.split('#').next().unwrap().trim()).collect();
    assert_eq!(commands, COMMANDS);
    // What `cargo run` chooses from: the programs of the workspace's default members. It would build them with other
    // features than the tests, which takes minutes.
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
    let output = cargo()
        .args(["metadata", "--no-deps", "--offline", "--format-version", "1"])
        .current_dir(root)
        .output()
        .unwrap();
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let list = |value: &Value| value.as_array().unwrap().clone();
    let members = list(&metadata["workspace_default_members"]);
    let packages = list(&metadata["packages"]).into_iter().filter(|package| members.contains(&package["id"]));
    let targets = packages.flat_map(|package| list(&package["targets"]));
    let programs: Vec<_> = targets.filter(|target| target["kind"] == serde_json::json!(["bin"])).collect();
    assert_eq!(programs.iter().map(|program| &program["name"]).collect::<Vec<_>>(), ["rewire"]);
}

#[test]
fn the_first_commands_of_the_readme_learn_the_bundled_digits_and_write_a_page() {
    let folder = tempdir().unwrap();
    let [train, report] = COMMANDS.map(|command| command.split_once(" -- ").unwrap().1);
    let table = succeed(folder.path(), train);
    for word in
        ["test accuracy", "connections", "density", "bytes to train it", "run directory: runs/mnist-mini-set-seed1"]
    {
        assert!(table.contains(word), "'{word}' is not in {table}");
    }
    let run = folder.path().join("runs/mnist-mini-set-seed1");
    assert!(run.join("model.safetensors").exists());
    let metrics = fs::read_to_string(run.join("metrics.csv")).unwrap();
    let accuracy: f64 = metrics.lines().last().unwrap().split(',').nth(5).unwrap().parse().unwrap();
    assert!(accuracy > 0.93, "the last epoch's accuracy is {accuracy}");
    succeed(folder.path(), report);
    assert!(run.join("report.html").exists());
}
