//! The source files themselves: what each is for stands at its top, none is long without a reason, no files import each
//! other in a circle, and the library prints nothing.
//!
//! # How imports are counted
//!
//! The files of `core/src`, `host/src` and `firmware/src` are the nodes. A file imports another where a path in it that
//! begins with `crate::`, `super::` or `self::` (in a `use` or elsewhere) names an item of the other. The item of a
//! re-export (`pub use` in any file) belongs to the file that it comes from, so that a path through `mod.rs` or a prelude
//! counts as an import of the file behind it. Not counted are `mod` declarations, re-exports, comments, strings, and items
//! under `#[cfg(test)]`. Programs (`main.rs`, `bin/`) are left out: nothing imports them. Methods need no import and
//! are not seen here.

mod imports;
mod text;

use std::fs;
use std::path::{Path, PathBuf};

/// A longer file says at its top why it is one: it names this limit there.
const LONGEST: usize = 400;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().expect("the repository has a root")
}

/// The Rust files under a folder, and their text.
fn sources(folder: &Path) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
            let path = entry.expect("a folder can be listed").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
                found.push((path, text));
            }
        }
    }
    found.sort();
    found
}

/// The same of all packages, each by its path in the repository.
fn every_source() -> Vec<(String, String)> {
    let root = root();
    let folders = [
        "core/src",
        "core/examples",
        "host/src",
        "host/engine/src",
        "host/mpi/src",
        "host/python/src",
        "host/template",
        "host/examples",
        "firmware/src",
        "firmware/on-target/tests",
        "tests/src",
        "tests/tests",
    ];
    let files = folders.iter().flat_map(|folder| sources(&root.join(folder)));
    let name = |path: &Path| path.strip_prefix(&root).expect("it is inside").to_string_lossy().replace('\\', "/");
    files.map(|(path, text)| (name(&path), text)).collect()
}

/// The lines of documentation at a file's top.
fn header(text: &str) -> String {
    text.lines().take_while(|line| line.starts_with("//!")).collect::<Vec<_>>().join("\n")
}

#[test]
fn every_file_says_at_its_top_what_it_is_for() {
    let silent: Vec<_> =
        every_source().into_iter().filter(|(_, text)| header(text).is_empty()).map(|(name, _)| name).collect();
    assert_eq!(silent, [""; 0], "these files have no `//!` at their top");
}

#[test]
fn no_file_is_long_without_a_reason() {
    let long = |text: &str| text.lines().count() > LONGEST && !header(text).contains("400 lines");
    let found: Vec<_> = every_source().into_iter().filter(|(_, text)| long(text)).map(|(name, _)| name).collect();
    assert!(
        found.is_empty(),
        "over {LONGEST} lines: divide them, or say at their top why they have over 400 lines: {found:?}"
    );
}

#[test]
fn only_the_program_prints_exits_or_starts_itself() {
    let folder = root().join("host").join("src");
    let programs = [folder.join("commands"), folder.join("main.rs")];
    let mut found = Vec::new();
    for (path, text) in sources(&folder).into_iter().filter(|(path, _)| !programs.iter().any(|p| path.starts_with(p))) {
        let code = text::code(&text);
        for word in ["print!", "println!", "stdout()", "stderr()", "exit(", "current_exe", "indicatif", "comfy_table"] {
            if code.contains(word) {
                found.push(format!("{}: {word}", path.display()));
            }
        }
    }
    assert!(found.is_empty(), "this is for host/src/commands: {found:#?}");
}

#[test]
fn no_files_import_each_other_in_a_circle() {
    let mut circles = Vec::new();
    for package in ["core", "host", "host/engine", "host/mpi", "firmware"] {
        let folder = root().join(package).join("src");
        let files: Vec<_> = sources(&folder)
            .into_iter()
            .map(|(path, text)| {
                let inside = path.strip_prefix(&folder).expect("it is inside").to_string_lossy().replace('\\', "/");
                (inside, text)
            })
            .filter(|(name, _)| name != "main.rs" && !name.starts_with("bin/"))
            .collect();
        let edges: Vec<(String, String)> = imports::edges(&files)
            .into_iter()
            .map(|(from, to)| (format!("{package}/src/{from}"), format!("{package}/src/{to}")))
            .collect();
        circles.extend(imports::circular(&edges));
    }
    assert!(circles.is_empty(), "these imports lie on circles: {circles:#?}");
}
