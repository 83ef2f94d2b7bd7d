//! Several processes under `mpirun` against one without it. MPI is told to run more ranks than there are processors.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

const PROGRAM: &str = env!("CARGO_BIN_EXE_rewire-mpi");

/// Four tiles a minibatch, evolution within epochs by gradients of samples that no rank has all of, an average that the first rank
/// measures alone, dropout and learned activations; the last minibatch has 16 samples.
const TRAIN: &str = "train mnist-mini --hidden 40,30 --lanes 16 --batch-size 64 --train-samples 400 --test-samples 200 \
    --evolve-every 128 --growth gradient --average-weights 0.9 --dropout 0.1 --activation srelu --threads 1 --monitor-interval 0";

/// The program alone, in `folder`.
fn alone(folder: &Path) -> Command {
    let mut command = Command::new(PROGRAM);
    command.current_dir(folder);
    command
}

/// `mpirun` with the words of `arguments`; `%` is the program.
fn mpirun(folder: &Path, arguments: &str) -> Command {
    let mut command = Command::new("mpirun");
    command.current_dir(folder).arg("--oversubscribe");
    command.args(arguments.split_whitespace().map(|word| if word == "%" { PROGRAM } else { word }));
    command.envs([("OMPI_ALLOW_RUN_AS_ROOT", "1"), ("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1")]);
    // Ranks that wait leave the processor to the others.
    command.env("OMPI_MCA_mpi_yield_when_idle", "1");
    command
}

fn output(mut command: Command) -> (bool, String, String) {
    let Output { status, stdout, stderr } = command.output().expect("openmpi-bin is installed");
    (status.success(), String::from_utf8_lossy(&stdout).into(), String::from_utf8_lossy(&stderr).into())
}

fn succeeds(command: Command) -> [String; 2] {
    let (success, stdout, stderr) = output(command);
    assert!(success, "{stdout}{stderr}");
    [stdout, stderr]
}

fn model(folder: &Path, run: &str) -> Vec<u8> {
    std::fs::read(folder.join(run).join("model.safetensors")).expect("the run has a model")
}

/// The columns of `metrics.csv` that are no times.
fn metrics(folder: &Path, run: &str) -> Vec<String> {
    let text = std::fs::read_to_string(folder.join(run).join("metrics.csv")).expect("the run has metrics");
    let names: Vec<_> = text.lines().next().expect("a header").split(',').collect();
    let kept = |row: &str| {
        let columns = names.iter().zip(row.split(',')).filter(|(name, _)| !name.ends_with("seconds"));
        columns.map(|(_, value)| value).collect::<Vec<_>>().join(",")
    };
    text.lines().map(kept).collect()
}

/// The first number after some words.
fn number(text: &str, words: &str) -> u64 {
    let digits = text.split_once(words).expect("the words are there").1.trim_start();
    digits.split(|digit: char| !digit.is_ascii_digit()).next().and_then(|digits| digits.parse().ok()).expect("a number")
}

/// A number of the last epoch in `phases.csv`.
fn column(folder: &Path, run: &str, name: &str) -> u64 {
    let text = std::fs::read_to_string(folder.join(run).join("phases.csv")).expect("the run has phases");
    let column = text.lines().next().and_then(|names| names.split(',').position(|other| other == name));
    let row = text.lines().last().and_then(|row| row.split(',').nth(column.expect("the column is there")));
    row.and_then(|value| value.parse().ok()).expect("a number")
}

#[test]
fn three_ranks_and_after_ctrl_c_two_have_the_bits_of_one_process() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let mut command = alone(folder);
    command.args(TRAIN.split_whitespace()).args(["--epochs", "60", "--out", "one"]);
    succeeds(command);

    let mut command = mpirun(folder, &format!("-n 3 % {TRAIN} --epochs 60 --out more"));
    let mut job = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("mpirun");
    let mut said = Vec::new();
    let mut lines = BufReader::new(job.stderr.take().expect("it is piped")).lines().map_while(Result::ok);
    for line in lines.by_ref() {
        let begun = line.starts_with("epoch    3/60");
        said.push(line);
        if begun {
            break;
        }
    }
    let interrupted = Instant::now();
    assert!(Command::new("kill").args(["-INT", &job.id().to_string()]).status().is_ok_and(|status| status.success()));
    said.extend(lines);
    let said = said.join("\n");
    assert!(!job.wait().expect("it ends").success() && interrupted.elapsed() < Duration::from_secs(10), "{said}");
    // The first rank speaks, the others do not.
    assert_eq!(said.matches("epoch    2/60").count(), 1, "{said}");
    assert_eq!(said.matches("--resume continues after epoch").count(), 1, "{said}");
    assert_ne!(model(folder, "more"), model(folder, "one"));

    let resume = "train --resume --out more --threads 1 --monitor-interval 0";
    let [stdout, _] = succeeds(mpirun(folder, &format!("-n 2 % {resume}")));
    assert_eq!(stdout.matches("run directory: more").count(), 1, "{stdout}");
    assert!(model(folder, "more") == model(folder, "one"));
    assert_eq!(metrics(folder, "more"), metrics(folder, "one"));

    let mut command = alone(folder);
    command.args(["footprint", "--run", "more", "--ranks", "2", "--json"]);
    let [predicted, _] = succeeds(command);
    let sent = number(&predicted, "\"step_sent_bytes\": ");
    assert_eq!(number(&stdout.replace(',', ""), "bytes that rank 0 sent a step"), sent);
    // Six steps of an epoch have four tiles, the seventh has one. About 100 training samples go to the other rank, those of a
    // minibatch in parts of equal size, and 96 that are measured. Little else is sent of the evaluation, and to agree to go on.
    let found = column(folder, "more", "sent_bytes");
    let samples = (100 + 96) * 28 * 28;
    assert!(found > 6 * sent + samples && found < 7 * sent + 2 * samples, "{found} bytes, {sent} a step");
}

#[test]
fn ranks_that_differ_and_more_ranks_than_tiles_are_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let rank = |rest: &str| format!("-n 1 % {TRAIN} --out run {rest}");
    let different = format!("{} : {}", rank("--epochs 2"), rank("--epochs 3"));
    for (arguments, words) in [
        (different, "the settings of rank 1 differ from those of rank 0"),
        (format!("-n 5 % {TRAIN} --out run"), "has 4 tiles of 16 (--lanes); take at most 4 ranks"),
        (format!("-n 2 % {TRAIN} --out run --model dense"), "a dense model trains on one rank, not on 2"),
        ("-n 2 % data list".into(), "only `train` runs on several ranks"),
    ] {
        let (success, stdout, stderr) = output(mpirun(folder.path(), &arguments));
        assert!(!success && stdout.is_empty(), "{stdout}");
        assert_eq!(stderr.matches(words).count(), 1, "{stderr}");
        assert!(!folder.path().join("run").exists());
    }
}

#[test]
fn a_rank_that_dies_ends_the_job() {
    let folder = tempfile::tempdir().expect("a folder");
    // The second rank is ended by its own shell, once the run is under way.
    let dies = format!("timeout --signal=KILL 3 {PROGRAM} {TRAIN} --epochs 5000 --out run");
    let mut command = mpirun(folder.path(), &format!("-n 1 % {TRAIN} --epochs 5000 --out run : -n 1 {dies}"));
    let started = Instant::now();
    let Output { status, stderr, .. } = command.stdin(Stdio::null()).output().expect("openmpi-bin is installed");
    assert!(!status.success() && started.elapsed() < Duration::from_secs(3 + 10), "{:?}", started.elapsed());
    let stderr = String::from_utf8_lossy(&stderr);
    assert!(stderr.contains("epoch    1/5000"), "the run was not under way: {stderr}");
    assert!(stderr.contains("mpirun noticed") || stderr.contains("mpirun detected"), "{stderr}");
}
