//! Learning in the field: what the chip says, with the bits of the host, of recordings from Python packages.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::firmware::{Build, M4F};
use crate::program::{program, succeed};

/// Training state that a chip may have for it, in bytes.
const STATE: usize = 16 * 1024;

/// Runs a command, which must succeed; returns what it prints.
fn output(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// The wheel of a package, fetched once.
fn wheel(package: &str, file: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("wheels");
    let found = || {
        let entries = std::fs::read_dir(&folder).into_iter().flatten().map(|entry| entry.unwrap().path());
        entries.into_iter().find(|path| path.file_name().unwrap().to_str().unwrap().starts_with(file))
    };
    found().unwrap_or_else(|| {
        let pip = ["-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:", package, "--dest"];
        output(Command::new("python3").args(pip).arg(&folder));
        found().unwrap_or_else(|| panic!("no wheel {file} in {}", folder.display()))
    })
}

/// A line of a log that begins so.
fn line<'l>(log: &'l str, start: &str) -> &'l str {
    log.lines().find(|line| line.starts_with(start)).unwrap_or_else(|| panic!("no '{start}' in {log}"))
}

/// The number before some words in a line.
fn before(line: &str, words: &str) -> f64 {
    line.split(words).next().unwrap().split_whitespace().last().unwrap().parse().unwrap()
}

/// What the chip says of a scenario, which is what the host says, and the bytes of the network.
fn said(chip: &Build<'_>, folder: &Path, scenario: &str, recording: &str, image: Option<&Path>) -> String {
    let recording = folder.join(recording);
    let log = chip.log(&format!("scenario={scenario} recording={} seed=1", recording.display()), &[]);
    let (log, memory) = log.trim_end().rsplit_once('\n').unwrap();
    assert!(before(memory, " B to train") <= STATE as f64, "{memory}");
    // Examples are built with the program.
    let mut host = Command::new(program().with_file_name("examples").join("field"));
    host.arg(scenario).arg(recording).arg("1").args(image);
    assert_eq!(log, output(&mut host).trim_end(), "{scenario}: the chip's lines are not the host's");
    log.to_owned()
}

#[test]
fn a_chip_learns_another_device_what_is_normal_and_after_a_slip() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let (aeon, sklearn) = (wheel("aeon", "aeon-"), wheel("scikit-learn", "scikit_learn-"));
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../firmware/field.py");
    output(Command::new("python3").arg(script).arg(folder).args([aeon, sklearn]));

    // Found by cross-validation within the training samples; the test samples had no part in it.
    let flags = "--label activity --lanes 1 --batch-size 1 --momentum 0 --dropout 0 --activation relu --storage \
                 input-major --hidden 24 --epsilon 4 --epochs 40 --learning-rate 0.02 --monitor-interval 0";
    succeed(folder, &format!("train motions-train.csv --test motions-test.csv {flags} --out run"));
    let evaluated: serde_json::Value = serde_json::from_str(&succeed(folder, "evaluate run --json")).unwrap();
    assert!(evaluated["test_accuracy"].as_f64().unwrap() >= 0.95 && evaluated["samples"] == 40, "{evaluated}");
    succeed(folder, "export run --chip --out model.image");
    let image = folder.join("model.image");
    let chip = Build { image: Some(&image), ..Build::new("field", "mps2-an386", M4F) };

    let log = said(&chip, folder, "personal", "motions-turned.bin", Some(&image));
    let right = |start: &str| before(line(&log, start), " of 20");
    assert!(right("fixed topology") >= right("no training") + 2.0 && right("evolving") >= 18.0, "{log}");

    let log = said(&chip, folder, "anomaly", "calm.bin", None);
    let auc = |start: &str| before(line(&log, start), ";");
    assert!(auc("evolving") > 0.9 && auc("evolving") > auc("before learning") + 0.05, "{log}");

    let log = said(&chip, folder, "drift", "digits.bin", None);
    let right = |sample: u32| before(line(&log, &format!("evolving, sample {sample}:")), " of the last");
    assert!(right(3000) > 400.0 && right(3500) < 250.0 && right(6000) > 400.0, "{log}");
}
