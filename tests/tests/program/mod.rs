//! The `rewire` program as a user runs it: built once, started in a folder of its own, without a network.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

/// The program, built with the profile of the tests, so that overflow is checked in it too.
pub(crate) fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
        let profile = if cfg!(debug_assertions) { "test" } else { "release" };
        let output = cargo()
            // With what `cargo test --workspace` selects, libraries have the features that they have there (those that
            // tests and examples need are among them), so that nothing but the program itself is left to build.
            .args(["build", "--quiet", "--workspace", "--bin", "rewire", "--examples", "--message-format", "json"])
            .args(["--profile", profile, "--target-dir"])
            .arg(target)
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .stderr(Stdio::inherit())
            .output()
            .unwrap();
        assert!(output.status.success(), "the program does not build");
        let messages = String::from_utf8(output.stdout).unwrap();
        let messages = messages.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
        let mut programs = messages.filter(|message| message["target"]["kind"] == serde_json::json!(["bin"]));
        let executable = programs.find_map(|message| Some(message["executable"].as_str()?.into()));
        executable.expect("cargo names the program that it built")
    })
}

/// Cargo, in the environment of a user.
pub(crate) fn cargo() -> Command {
    let mut cargo = Command::new(env!("CARGO"));
    // What cargo tells a test about its package would make build scripts run again, here and in the next test run.
    let about_package = |name: &str| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_");
    for (name, _) in std::env::vars().filter(|(name, _)| about_package(name)) {
        cargo.env_remove(name);
    }
    cargo
}

/// The exit code and the output of a run of the program.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// The program in `folder`, with the words of `arguments` as its arguments. It finds no dataset that the user may have,
/// no package manager and no network.
pub(crate) fn command(folder: &Path, arguments: &str) -> Command {
    let mut command = Command::new(program());
    isolate(&mut command, folder);
    command.args(arguments.split_whitespace());
    command
}

/// Takes datasets, package managers and the network out of a command's environment.
pub(crate) fn isolate(command: &mut Command, folder: &Path) {
    command.current_dir(folder).env("REWIRE_DATA", folder.join("no-data")).env("PATH", "");
    for proxy in ["ALL_PROXY", "HTTPS_PROXY", "HTTP_PROXY", "all_proxy", "https_proxy", "http_proxy"] {
        // Port 9 discards, where anything listens there at all.
        command.env(proxy, "http://127.0.0.1:9");
    }
    for variable in ["NO_PROXY", "no_proxy", "RUST_BACKTRACE"] {
        command.env_remove(variable);
    }
}

/// Runs a command to its end.
pub(crate) fn outcome(command: &mut Command) -> Outcome {
    let output = command.stdin(Stdio::null()).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let outcome = Outcome { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) };
    for word in ["panicked", "RUST_BACKTRACE", "stack backtrace", "overflowed its stack", "memory allocation of"] {
        assert!(!outcome.stderr.contains(word), "{command:?}: {}", outcome.stderr);
    }
    outcome
}

/// Runs the program to its end.
pub(crate) fn run(folder: &Path, arguments: &str) -> Outcome {
    outcome(&mut command(folder, arguments))
}

/// Runs the program, which must succeed; returns what it wrote to stdout.
pub(crate) fn succeed(folder: &Path, arguments: &str) -> String {
    let outcome = run(folder, arguments);
    assert_eq!(outcome.code, Some(0), "rewire {arguments}: {}", outcome.stderr);
    outcome.stdout
}
