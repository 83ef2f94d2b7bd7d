//! What the tests share: reading help, folders and run directories.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use tempfile::tempdir;

use crate::program::{Outcome, run};

/// Flags of a run that takes a fraction of a second; a flag can be given once only.
pub(crate) const QUICK: &str =
    "--epochs 2 --train-samples 100 --test-samples 50 --hidden 16,12 --epsilon 3 --batch-size 10";

/// Every file below a folder with its size, for comparing before and after.
pub(crate) fn listing(folder: &Path) -> String {
    let mut items: Vec<_> = fs::read_dir(folder).unwrap().map(|item| item.unwrap().path()).collect();
    items.sort();
    items.iter().fold(String::new(), |mut text, path| {
        let data = fs::symlink_metadata(path).unwrap();
        if data.is_dir() {
            writeln!(text, "{}/", path.display()).unwrap();
            text + &listing(path)
        } else {
            writeln!(text, "{} {}", path.display(), data.len()).unwrap();
            text
        }
    })
}

/// Asserts that a run of the program was refused in one sentence that holds every word of `words`.
pub(crate) fn assert_refused(outcome: &Outcome, code: i32, words: &[&str]) {
    let Outcome { stdout, stderr, .. } = outcome;
    assert_eq!(outcome.code, Some(code), "{stderr}");
    assert_eq!(stdout, "", "{stderr}");
    let sentences: Vec<_> =
        stderr.lines().filter(|line| line.starts_with("rewire: ") || line.starts_with("error: ")).collect();
    assert_eq!(sentences.len(), 1, "{stderr}");
    if sentences[0].starts_with("rewire: ") {
        assert_eq!(stderr.lines().last(), Some(sentences[0]), "the sentence is the last line: {stderr}");
    }
    for word in words {
        assert!(stderr.contains(word), "'{word}' is not in: {stderr}");
    }
}

/// Asserts that the program refuses `arguments` and leaves nothing behind.
pub(crate) fn refused(code: i32, arguments: &str, words: &[&str]) {
    let folder = tempdir().unwrap();
    assert_refused(&run(folder.path(), arguments), code, words);
    assert_eq!(listing(folder.path()), "", "rewire {arguments}");
}

/// The long flags that a help text lists, each with the name of its value.
pub(crate) fn flags(help: &str) -> Vec<(String, Option<String>)> {
    let lines = help
        .lines()
        .filter_map(|line| line.trim_start().trim_start_matches("-h, ").trim_start_matches("-o, ").strip_prefix("--"));
    let split = |line: &str| {
        let mut words = line.split_whitespace();
        let flag = words.next().unwrap_or_default().to_owned();
        let value = words.next().filter(|word| word.starts_with(['<', '['])).map(str::to_owned);
        (flag, value)
    };
    lines.map(split).collect()
}

/// The flags whose default a help text names, and the default.
pub(crate) fn defaults(help: &str) -> Vec<(String, String)> {
    let mut flag = String::new();
    let mut defaults = Vec::new();
    for line in help.lines() {
        if let Some((name, _)) = flags(line).pop() {
            flag = name;
        }
        if let Some((default, _)) = line.split_once("[default: ").and_then(|(_, rest)| rest.split_once(']')) {
            defaults.push((flag.clone(), default.to_owned()));
        }
    }
    defaults
}

/// What a folder holds, without hidden files such as a run's lock.
pub(crate) fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        fs::read_dir(folder).unwrap().map(|item| item.unwrap().file_name().into_string().unwrap()).collect();
    names.retain(|name| !name.starts_with('.'));
    names.sort();
    names
}

pub(crate) fn rows(run: &Path) -> Vec<Vec<String>> {
    let text = fs::read_to_string(run.join("metrics.csv")).unwrap();
    assert!(text.is_empty() || text.ends_with('\n'), "the last row is whole: {text}");
    let rows: Vec<Vec<_>> = text.lines().map(|line| line.split(',').map(str::to_owned).collect()).collect();
    assert!(rows.iter().all(|row| row.len() == 10 && row.iter().all(|cell| !cell.is_empty())), "{text}");
    if let Some(header) = rows.first() {
        assert_eq!(
            header.join(","),
            "epoch,learning_rate,train_loss,test_loss,train_accuracy,test_accuracy,train_seconds,evaluate_seconds,\
             evolve_seconds,connections"
        );
    }
    rows.into_iter().skip(1).collect()
}

pub(crate) fn model_bytes(folder: &Path, out: &str) -> Vec<u8> {
    fs::read(folder.join(out).join("model.safetensors")).unwrap()
}

pub(crate) fn settings(folder: &Path, out: &str) -> toml::Table {
    fs::read_to_string(folder.join(out).join("config.toml")).unwrap().parse().unwrap()
}
