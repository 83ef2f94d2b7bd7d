//! The project of `docs/microcontroller.md`, written to files as it stands there, and run in the emulator.

use std::fs;
use std::path::Path;

use crate::firmware::{in_firmware, lock, succeeded};

const PAGE: &str = include_str!("../../../docs/microcontroller.md");

#[test]
fn the_project_of_the_page_learns_in_the_emulator() {
    let section = PAGE.split("\n## 8. A project of your own\n").nth(1).unwrap();
    let blocks: Vec<&str> = section.split("```").skip(1).step_by(2).collect();
    let core = Path::new(env!("CARGO_MANIFEST_DIR")).join("../core").canonicalize().unwrap();
    let project = tempfile::tempdir().unwrap();
    for (block, name) in blocks.iter().zip(["Cargo.toml", ".cargo/config.toml", "memory.x", "src/main.rs"]) {
        let (_, text) = block.split_once('\n').unwrap();
        let path = project.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text.replace("../rewire/core", core.to_str().unwrap())).unwrap();
    }

    let _building = lock();
    let cargo = |arguments: &[&str]| {
        let mut cargo = in_firmware("cargo");
        cargo.current_dir(project.path()).args(arguments).output().unwrap()
    };
    let log = succeeded(&cargo(&["run", "--quiet", "--release"]));
    assert!(!log.trim().is_empty() && section.contains(log.trim()), "the page does not say: {log}");

    // The mistake that the page describes.
    let source = project.path().join("src/main.rs");
    let text = fs::read_to_string(&source).unwrap();
    fs::write(&source, text.replace(".input_major()", "")).unwrap();
    let checked = cargo(&["check", "--quiet", "--release"]);
    let said = String::from_utf8_lossy(&checked.stderr);
    let reason = "the format Narrow stores up to 256: store it with .input_major(), or choose a wider format";
    assert!(!checked.status.success() && said.contains(reason), "{said}");
}
