//! Tells the program which commit it is built from.

use std::process::Command;

fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

fn main() {
    let commit = git(&["rev-parse", "--short=12", "HEAD"]).filter(|commit| !commit.is_empty());
    let dirty = git(&["status", "--porcelain", "--untracked-files=no"]).is_some_and(|status| !status.is_empty());
    let commit = commit.map_or_else(|| "unknown".into(), |commit| if dirty { commit + "-dirty" } else { commit });
    println!("cargo::rustc-env=REWIRE_COMMIT={commit}");
    println!("cargo::rerun-if-changed=src");
    println!("cargo::rerun-if-changed=../core/src");
    // A commit changes the log of HEAD; a source archive has none.
    if let Some(log) = git(&["rev-parse", "--git-path", "logs/HEAD"]) {
        println!("cargo::rerun-if-changed={log}");
    }
}
