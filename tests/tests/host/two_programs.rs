//! Two programs on one run directory: the second is told, and takes nothing away from the first.

use std::fs;
use std::path::Path;

use crate::program::{run, succeed};
use rewire::settings::Config;
use rewire::training::directory::RunDirectory;
use rewire::training::lock::Lock;
use tempfile::tempdir;

const SETTINGS: &str = "--epochs 2 --train-samples 100 --hidden 16,12 --epsilon 3 --batch-size 10";

/// The files of a folder with their content, by name.
fn content(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> =
        entries.map(|path| (path.file_name().unwrap().to_str().unwrap().into(), fs::read(path).unwrap())).collect();
    files.sort();
    files
}

#[test]
fn compare_leaves_a_run_alone_that_another_program_trains() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("out/set-seed1");
    // This process is in its first epoch, so there is neither a row nor a checkpoint yet.
    succeed(folder.path(), &format!("train {SETTINGS} --out whole"));
    fs::create_dir_all(&path).unwrap();
    fs::copy(folder.path().join("whole/config.toml"), path.join("config.toml")).unwrap();
    let lock = Lock::take(&path).unwrap();
    let before = content(&path);
    let compare = format!("compare {SETTINGS} --models set --seeds 1 --out out");
    let outcome = run(folder.path(), &compare);
    assert_eq!(outcome.code, Some(1), "{}", outcome.stderr);
    assert!(outcome.stderr.contains("set-seed1 is in use by another `rewire train`"), "{}", outcome.stderr);
    assert!(content(&path) == before, "the run was touched");
    // Once it has ended, nothing of it is worth keeping and the comparison trains it.
    drop(lock);
    succeed(folder.path(), &compare);
    assert!(path.join("model.safetensors").exists());
}

/// Where a locked file can be read by nobody else, as on Windows, `plot` and `compare` still read a run that trains.
#[test]
fn no_file_of_a_run_that_others_read_is_locked() {
    let folder = tempdir().unwrap();
    succeed(folder.path(), &format!("train {SETTINGS} --out run"));
    let path = folder.path().join("run");
    let _lock = Lock::take(&path).unwrap();
    assert!(Lock::take(&path).is_err());
    for (name, _) in content(&path).iter().filter(|(name, _)| name != ".lock") {
        fs::File::open(path.join(name)).unwrap().try_lock().unwrap_or_else(|error| panic!("{name}: {error}"));
    }
}

/// The lock is taken before the first file is written.
#[test]
fn a_folder_in_which_another_program_begins_gets_no_file() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("run");
    fs::create_dir(&path).unwrap();
    let lock = Lock::take(&path).unwrap();
    let before = content(&path);
    let outcome = run(folder.path(), &format!("train {SETTINGS} --out run"));
    assert_eq!(outcome.code, Some(1), "{}", outcome.stderr);
    assert!(outcome.stderr.contains("run is in use by another `rewire train`"), "{}", outcome.stderr);
    assert!(content(&path) == before, "a file was written");
    drop(lock);
    succeed(folder.path(), &format!("train {SETTINGS} --out run"));
}

#[test]
fn of_two_programs_that_begin_in_one_folder_one_is_told() {
    let folder = tempdir().unwrap();
    let out = folder.path().join("run");
    succeed(folder.path(), &format!("train {SETTINGS} --out whole"));
    let saved = rewire::analysis::saved::SavedRun::read(&folder.path().join("whole")).unwrap();
    let (config, record): (Config, _) = (saved.config, saved.record.unwrap());
    let begin = || RunDirectory::create(Some(&out), &config, 784, &record);
    let begun: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(begin)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(begun.iter().filter(|begun| begun.is_ok()).count(), 1, "{begun:?}");
}

#[test]
fn a_checkpoint_of_a_newer_program_is_refused_by_name_and_stays() {
    let folder = tempdir().unwrap();
    succeed(folder.path(), &format!("train {SETTINGS} --out run"));
    let path = folder.path().join("run");
    let checkpoint = path.join("checkpoint");
    let mut bytes = fs::read(&checkpoint).unwrap();
    bytes[8] += 1;
    fs::write(&checkpoint, &bytes).unwrap();
    let before = content(&path);
    let outcome = run(folder.path(), "train --out run --resume");
    assert_eq!(outcome.code, Some(1), "{}", outcome.stderr);
    for words in ["run/checkpoint has version 3", "continue with the version of rewire that wrote it"] {
        assert!(outcome.stderr.contains(words), "'{words}' is not in: {}", outcome.stderr);
    }
    assert!(content(&path) == before, "the refusal changed a file");
}
