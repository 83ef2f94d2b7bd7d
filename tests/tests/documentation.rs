//! The pages of the documentation: their commands work, their links lead somewhere, and they name what there is.
//!
//! A block of commands is fenced as `sh`. The program must accept each of its `rewire` commands. Blocks fenced as `sh run`
//! are run too, in a folder for each page, without a network: so they use the bundled images and take seconds.

#![expect(clippy::unwrap_used, reason = "a step that fails fails the test")]

mod program;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use program::{run, succeed};
use rewire::data::{DataSource, DatasetName};
use rewire::firmware::boards::{BOARDS, Board};
use rewire::settings::{Config, TABLE};
use tempfile::tempdir;

/// Every page that people read, by its path in the repository.
fn pages() -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap();
    let folders =
        [".", "docs", "core", "data", "firmware", "benchmarks", "host/python", ".github", ".github/ISSUE_TEMPLATE"];
    let mut found = Vec::new();
    for folder in folders {
        for item in fs::read_dir(root.join(folder)).unwrap() {
            let path = item.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "md") {
                let text = fs::read_to_string(&path).unwrap();
                found.push((path, text));
            }
        }
    }
    assert!(found.len() >= 10, "{found:?}");
    found
}

fn page(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(name)).unwrap()
}

/// A fenced block: what follows the fence's backticks, and the lines.
struct Fence<'a> {
    kind: &'a str,
    lines: Vec<&'a str>,
}

fn fences(text: &str) -> Vec<Fence<'_>> {
    let (mut found, mut inside): (Vec<Fence<'_>>, bool) = (Vec::new(), false);
    for line in text.lines() {
        match (line.trim_start().strip_prefix("```"), inside) {
            (Some(kind), false) => found.push(Fence { kind: kind.trim(), lines: Vec::new() }),
            (None, true) => found.last_mut().unwrap().lines.push(line),
            _ => {}
        }
        inside ^= line.trim_start().starts_with("```");
    }
    assert!(!inside, "a fence is not closed");
    found
}

/// The arguments of the `rewire` commands of a line, with the first value of a loop in place of its variable.
fn commands(line: &str) -> Vec<String> {
    let line = line.split(" #").next().unwrap();
    let mut variables = BTreeMap::new();
    let mut found = Vec::new();
    for part in line.split(';').map(str::trim) {
        let part = part.strip_prefix("do ").unwrap_or(part);
        if let Some((name, values)) = part.strip_prefix("for ").and_then(|rest| rest.split_once(" in ")) {
            variables.insert(format!("${name}"), values.split(' ').next().unwrap());
            continue;
        }
        let arguments = part.strip_prefix("rewire ").or_else(|| part.strip_prefix("cargo run --release -- "));
        if let Some(arguments) = arguments {
            let value = |word: &str| variables.get(word).map_or_else(|| word.to_owned(), ToString::to_string);
            found.push(arguments.split_whitespace().map(value).collect::<Vec<_>>().join(" "));
        }
    }
    found
}

#[test]
fn every_command_of_the_pages_is_accepted() {
    let folder = tempdir().unwrap();
    let mut checked = 0;
    for (path, text) in pages() {
        for fence in fences(&text).iter().filter(|fence| fence.kind.starts_with("sh") || fence.kind.is_empty()) {
            for arguments in fence.lines.iter().flat_map(|line| commands(line)) {
                // With --help at its end a command is read in full and then not executed.
                let outcome = run(folder.path(), &format!("{arguments} --help"));
                assert_eq!(outcome.code, Some(0), "{}: rewire {arguments}: {}", path.display(), outcome.stderr);
                checked += 1;
            }
        }
    }
    assert!(checked > 40, "{checked} commands found");
    for wrong in ["train --no-such-flag", "train --epochs many", "trian"] {
        assert_eq!(run(folder.path(), &format!("{wrong} --help")).code, Some(2), "{wrong}");
    }
}

#[test]
fn commands_that_are_marked_run() {
    let mut ran = 0;
    for (path, text) in pages() {
        let folder = tempdir().unwrap();
        for fence in fences(&text).iter().filter(|fence| fence.kind == "sh run") {
            for arguments in fence.lines.iter().flat_map(|line| commands(line)) {
                let outcome = run(folder.path(), &arguments);
                assert_eq!(outcome.code, Some(0), "{}: rewire {arguments}: {}", path.display(), outcome.stderr);
                ran += 1;
            }
        }
    }
    assert!(ran > 20, "{ran} commands ran");
}

#[test]
fn the_page_on_microcontrollers_lists_each_board_that_a_project_can_be_made_for() {
    let text = page("docs/microcontroller.md");
    let rows: Vec<&str> = text.lines().filter(|line| line.contains("Cortex-M") && line.starts_with("| `")).collect();
    let boards = BOARDS.iter().filter(|board| board.target.is_some());
    let expected = boards.map(|board| {
        let others: Vec<String> = board.others.iter().map(|name| format!("`{name}`")).collect();
        let emulator = if board.qemu.is_some() { "yes" } else { "" };
        let Board { name, chip, ram, flash, .. } = *board;
        format!("| `{name}` | {} | {chip} | {} | {} | {emulator} |", others.join(", "), ram.kib, flash.kib)
    });
    assert_eq!(rows, expected.collect::<Vec<_>>());
}

#[test]
fn the_page_on_microcontrollers_names_programs_boards_and_variables_that_exist() {
    let text = page("docs/microcontroller.md");
    let known = page("firmware/build.rs") + &page("firmware/qemu") + &page("host/src/firmware/boards.rs");
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut checked = 0;
    for line in fences(&text).iter().filter(|fence| fence.kind.starts_with("sh")).flat_map(|fence| &fence.lines) {
        let words: Vec<&str> = line.split_whitespace().collect();
        for program in words.windows(2).filter(|pair| pair[0] == "--bin").map(|pair| pair[1]) {
            assert!(root.join(format!("firmware/src/bin/{program}.rs")).exists(), "{line}: no program {program}");
            checked += 1;
        }
        for (variable, value) in words.iter().filter_map(|word| word.split_once('=')) {
            assert!(known.contains(variable), "{line}: nothing reads {variable}");
            let board = variable == "REWIRE_BOARD";
            assert!(!board || known.contains(&format!("\"{value}\"")), "{line}: no board {value}");
            checked += 1;
        }
    }
    assert!(checked > 10, "{checked} words checked");
}

/// A heading as a link names it.
fn anchor(heading: &str) -> String {
    let kept = heading.trim().to_lowercase().replace(' ', "-");
    kept.chars().filter(|c| c.is_alphanumeric() || "-_".contains(*c)).collect()
}

fn anchors(text: &str) -> Vec<String> {
    let mut code = false;
    let headings = text.lines().filter(|line| {
        code ^= line.starts_with("```");
        !code && line.starts_with('#')
    });
    headings.map(|line| anchor(line.trim_start_matches('#'))).collect()
}

#[test]
fn every_link_leads_somewhere() {
    let mut checked = 0;
    for (path, text) in pages() {
        let shown = path.display();
        let mut code = false;
        let prose = text.lines().filter(|line| {
            code ^= line.trim_start().starts_with("```");
            !code
        });
        for link in prose.flat_map(|line| line.split("](").skip(1)).map(|rest| rest.split(')').next().unwrap()) {
            if link.starts_with("http") {
                continue;
            }
            let (file, heading) = link.split_once('#').map_or((link, None), |(file, heading)| (file, Some(heading)));
            let target = if file.is_empty() { path.clone() } else { path.parent().unwrap().join(file) };
            assert!(target.exists(), "{shown}: {link} does not exist");
            if let Some(heading) = heading {
                let there = anchors(&fs::read_to_string(&target).unwrap());
                assert!(there.iter().any(|anchor| anchor == heading), "{shown}: {link}: there are {there:?}");
            }
            checked += 1;
        }
    }
    assert!(checked > 40, "{checked} links found");
}

#[test]
fn every_path_in_the_pages_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let folders = ["core/", "host/", "firmware/", "tests/", "data/", "docs/", "benchmarks/", ".github/"];
    let mut checked = 0;
    for (path, text) in pages() {
        let spans = text.lines().flat_map(|line| line.split('`').skip(1).step_by(2));
        for span in spans.filter(|span| folders.iter().any(|folder| span.starts_with(folder))) {
            // A placeholder, such as NAME, is not a path.
            let placeholder = span.contains([' ', '<', '*', '…']) || span.contains("NAME");
            assert!(placeholder || root.join(span).exists(), "{}: `{span}` does not exist", path.display());
            checked += 1;
        }
    }
    assert!(checked > 20, "{checked} paths found");
}

/// Every Rust file below a folder.
fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for item in fs::read_dir(folder).unwrap() {
        let path = item.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

#[test]
fn a_published_package_reads_no_file_outside_its_folder() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap();
    let mut included = 0;
    for package in ["core", "data", "host"] {
        let mut files = Vec::new();
        sources(&root.join(package), &mut files);
        // Templates are compiled elsewhere.
        for file in files.into_iter().filter(|file| !file.starts_with(root.join("host/template"))) {
            let text = fs::read_to_string(&file).unwrap();
            for start in ["include_str!(\"", "include_bytes!(\""] {
                for name in text.split(start).skip(1).map(|rest| rest.split('"').next().unwrap()) {
                    let target = file.parent().unwrap().join(name).canonicalize().unwrap();
                    assert!(target.starts_with(root.join(package)), "{}: {name} is outside", file.display());
                    included += 1;
                }
            }
        }
    }
    assert!(included >= 5, "{included} files included");
}

#[test]
fn the_readme_is_short() {
    let lines = page("README.md").lines().count();
    assert!(lines < 150, "README.md has {lines} lines");
}

#[test]
fn the_reference_names_every_setting_with_its_defaults_and_choices() {
    let reference = page("docs/reference.md");
    let known = [DatasetName::MnistMini, DatasetName::Mnist, DatasetName::Cifar10].map(DataSource::Known);
    let columns = || known.iter().cloned().chain([DataSource::Path("own".into())]);
    for setting in TABLE {
        let name = setting.name;
        let row = reference.lines().find(|line| line.starts_with(&format!("| `{name}` |")));
        let row = row.unwrap_or_else(|| panic!("docs/reference.md has no row for the setting `{name}`"));
        for choice in setting.choices() {
            assert!(row.contains(choice.name), "docs/reference.md: `{name}` can be {} too", choice.name);
        }
        let cells = row.trim_end_matches(" |").split(" | ").skip(2);
        for (cell, dataset) in cells.zip(columns()).filter(|_| name != "dataset") {
            let default = (setting.get)(&Config::defaults(dataset.clone())).to_string();
            assert_eq!(cell, default, "docs/reference.md: the default of `{name}` for {dataset}");
        }
    }
}

#[test]
fn the_reference_names_every_file_and_column_of_a_run() {
    let reference = page("docs/reference.md");
    let folder = tempdir().unwrap();
    succeed(folder.path(), "train --hidden 100,100 --epochs 4 --monitor-interval 0.01 --out run");
    let mut files = 0;
    for item in fs::read_dir(folder.path().join("run")).unwrap() {
        let path = item.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        assert!(reference.contains(&format!("`{name}`")), "docs/reference.md does not name {name}");
        files += 1;
        if path.extension().is_none_or(|extension| extension != "csv") {
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        let columns = text.lines().next().unwrap().split(',').filter(|column| !column.starts_with("core_"));
        let row = reference.lines().rfind(|line| line.starts_with(&format!("| `{name}` |"))).unwrap();
        for column in columns {
            assert!(row.contains(&format!("`{column}`")), "docs/reference.md does not name {column} of {name}");
        }
    }
    assert!(files >= 9, "{files} files");
}

#[test]
fn every_experiment_has_a_result() {
    let results = page("docs/results.md");
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../host/experiments");
    let names = fs::read_dir(folder).unwrap().map(|item| item.unwrap().file_name().into_string().unwrap());
    let missing: Vec<String> = names.filter(|name| !results.contains(&format!("host/experiments/{name}"))).collect();
    assert!(missing.is_empty(), "docs/results.md does not name {missing:?}");
}
