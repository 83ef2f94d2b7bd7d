//! A machine is killed while its program saves to flash; what is in the flash lets the next one end in the same bits.
//!
//! The flash is a file, erased to ones and programmed word by word, so that it holds what was written until then.

use std::io::{BufRead, BufReader};
use std::os::unix::fs::FileExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::firmware::{Build, M4F, succeeded};
use crate::readme::said;

const EPOCHS: &str = "epochs=2";
/// What training says when it ends.
const MODEL: &str = "\nmodel ";

fn model(log: &str) -> &str {
    &log.split(MODEL).nth(1).unwrap_or_else(|| panic!("no model in {log}"))[..16]
}

/// Whether a slot has a part of an image and no header, which comes last.
fn half_a_checkpoint(flash: &Path, slot: u64) -> bool {
    let Ok(file) = std::fs::File::open(flash) else { return false };
    let read = |at| {
        let mut word = [0xFF; 4];
        file.read_exact_at(&mut word, at).map(|()| word)
    };
    let is_blank = |at| read(at).is_ok_and(|word| word == [0xFF; 4]);
    (0..4).any(|index| {
        let start = index * slot;
        is_blank(start) && read(start + 256).is_ok_and(|word| word != [0xFF; 4])
    })
}

#[test]
fn a_machine_that_is_killed_while_it_saves_goes_on_to_the_same_bits() {
    let folder = tempfile::tempdir().unwrap();
    let build = Build::new("checkpoint", "mps2-an386", M4F);
    let mut qemu = build.machine();
    qemu.arg(EPOCHS);

    let whole = succeeded(&qemu.env("REWIRE_FLASH", folder.path().join("whole")).output().unwrap());
    let saves = whole.lines().filter(|line| line.starts_with("saved ")).count();
    assert!(saves >= 6, "{whole}");

    let flash = folder.path().join("cut");
    qemu.env("REWIRE_FLASH", &flash);
    // A slot is as many whole pages as header and image need: where the second checkpoint starts.
    let slot = {
        let bytes = std::fs::read(folder.path().join("whole")).unwrap();
        let starts = bytes.chunks(4096).enumerate().filter(|(_, page)| page.starts_with(b"RWCK"));
        starts.map(|(page, _)| page as u64 * 4096).find(|&start| start > 0).unwrap()
    };
    // Killed in the first save, then in the second of a run, and so on.
    for before in [0, 1, 2] {
        let mut child = qemu.process_group(0).stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut log = String::new();
        let mut saved = 0;
        while saved < before {
            let line = lines.next().unwrap().unwrap();
            saved += usize::from(line.starts_with("saved "));
            log.extend([&line, "\n"]);
        }
        while !half_a_checkpoint(&flash, slot) {
            assert!(child.try_wait().unwrap().is_none(), "it ended before it was killed: {log}");
        }
        let group = format!("-{}", child.id());
        assert!(Command::new("kill").args(["-KILL", "--", &group]).status().unwrap().success());
        child.wait().unwrap();
        for line in lines.map_while(Result::ok) {
            log.extend([&line, "\n"]);
        }
        assert!(!log.contains(MODEL), "it was not killed: {log}");
        assert_eq!(log.contains("goes on from epoch 1, step "), before > 1, "{log}");
    }

    let rest = succeeded(&qemu.output().unwrap());
    assert!(rest.contains("goes on from epoch "), "{rest}");
    assert!(rest.lines().filter(|line| line.starts_with("saved ")).count() < saves, "{rest}");
    assert_eq!(model(&rest), model(&whole));

    // Nothing is left to do.
    let again = succeeded(&qemu.output().unwrap());
    assert!(again.contains("goes on from epoch 3, step 0") && !again.contains("saved "), "{again}");
    assert_eq!(model(&again), model(&whole));

    // Saving changes nothing.
    assert_eq!(model(said(build.program, build.board)), model(said("train", build.board)));

    // Without a flash, and with one that cannot be had, it says so.
    for (path, expected) in [(None, "set REWIRE_FLASH"), (Some(folder.path()), "cannot be opened or created")] {
        qemu.env_remove("REWIRE_FLASH").envs(path.map(|path| ("REWIRE_FLASH", path)));
        let output = qemu.stderr(Stdio::piped()).output().unwrap();
        let message = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && message.contains(expected), "{message}");
    }
}
