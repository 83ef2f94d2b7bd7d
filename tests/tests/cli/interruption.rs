//! Ctrl-C.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::tempdir;

use crate::program::{command, succeed};
use crate::support::{QUICK, listing, names, rows};

/// Sends the signal of Ctrl-C.
#[cfg(unix)]
fn interrupt(process: u32) {
    let status = Command::new("/bin/sh").args(["-c", "kill -INT \"$0\"", &process.to_string()]).status();
    assert!(status.unwrap().success());
}

#[cfg(unix)]
#[test]
fn ctrl_c_ends_a_run_with_what_was_recorded() {
    let folder = tempdir().unwrap();
    let arguments = "train --train-samples 300 --hidden 30 --learning-rate 0.0001 --epochs 1000000 --out run";
    let mut child = command(folder.path(), arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let metrics = folder.path().join("run/metrics.csv");
    let deadline = Instant::now() + Duration::from_secs(120);
    while fs::read_to_string(&metrics).unwrap_or_default().lines().count() < 4 {
        assert!(child.try_wait().unwrap().is_none() && Instant::now() < deadline, "the run writes rows");
        sleep(Duration::from_millis(10));
    }
    // The epochs' lines must not fill the pipe meanwhile.
    interrupt(child.id());
    let output = child.wait_with_output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(130), "{stderr}");
    let sentence = stderr.lines().last().unwrap();
    let kept = rows(&folder.path().join("run")).len();
    assert!(sentence.starts_with("rewire: interrupted in epoch "), "{stderr}");
    assert!(sentence.contains(&format!(" {kept} finished")) && sentence.contains(" run"), "{kept}: {stderr}");
    assert!(kept >= 3);
    assert!(!stderr.contains("panicked"), "{stderr}");
    let evaluated = succeed(folder.path(), "evaluate run --json");
    assert_eq!(serde_json::from_str::<Value>(&evaluated).unwrap()["samples"], 1000);
}

#[cfg(unix)]
#[test]
fn ctrl_c_leaves_the_sizes_that_are_done() {
    let folder = tempdir().unwrap();
    let arguments = "scale --up-to 100000 --samples 2 --test-samples 2 --epochs 300 --threads 1 --out sizes";
    let child = command(folder.path(), arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let out = folder.path().join("sizes");
    let deadline = Instant::now() + Duration::from_secs(120);
    while !out.join("100000.toml").exists() {
        assert!(Instant::now() < deadline, "the first size is done");
        sleep(Duration::from_millis(10));
    }
    interrupt(child.id());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130));
    let table = String::from_utf8(output.stdout).unwrap();
    assert!(table.contains(" 1e4 ") && !table.contains(" 1e5 "), "{table}");
    let kept = ["10000.json", "10000.toml", "100000.toml", "scale.json", "scale.md", "scale.png", "scale.svg"];
    assert_eq!(names(&out), kept);
}

#[cfg(unix)]
#[test]
fn ctrl_c_in_the_first_epoch_leaves_the_folder_free() {
    let folder = tempdir().unwrap();
    let arguments = "train --hidden 3000,3000 --epsilon 300 --batch-size 10 --out run";
    let child = command(folder.path(), arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let deadline = Instant::now() + Duration::from_secs(120);
    while !folder.path().join("run/monitor.csv").exists() {
        assert!(Instant::now() < deadline, "the run begins");
        sleep(Duration::from_millis(5));
    }
    interrupt(child.id());
    let output = child.wait_with_output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(130), "{stderr}");
    assert!(stderr.contains("interrupted in epoch 1 of") && stderr.contains("nothing is kept in run"), "{stderr}");
    assert_eq!(listing(&folder.path().join("run")), "");
    succeed(folder.path(), &format!("train {QUICK} --out run"));
}

#[cfg(unix)]
#[test]
fn ctrl_c_ends_a_comparison_and_a_ranking_with_the_code_that_shells_expect() {
    use std::os::unix::process::CommandExt;
    let folder = tempdir().unwrap();
    succeed(folder.path(), &format!("train {QUICK} --out run"));
    let endless = "--train-samples 300 --hidden 30 --learning-rate 0.0001 --epochs 1000000";
    for (arguments, words) in [
        (format!("compare {endless} --models set --out both"), "the same command continues in both"),
        ("features run --epochs 1000000".into(), "nothing is kept"),
    ] {
        // Like a terminal: the signal goes to all processes of the group.
        let mut command = command(folder.path(), &arguments);
        let mut child = command.process_group(0).stdin(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
        assert!(lines.any(|line| line.starts_with("epoch ")), "{arguments}: an epoch ends");
        let group = format!("-{}", child.id());
        assert!(Command::new("/bin/sh").args(["-c", "kill -INT \"$0\"", &group]).status().unwrap().success());
        let said: Vec<_> = lines.collect();
        assert_eq!(child.wait().unwrap().code(), Some(130), "{arguments}: {said:?}");
        assert!(said.last().unwrap().contains(words), "{arguments}: {said:?}");
    }
}
