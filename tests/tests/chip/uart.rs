//! Projects that `rewire export --firmware DIR --run-on uart` writes: they predict and learn what comes over the UART of an
//! emulated board.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use rewire_core::frames::{Receiver, line_len, send};
use rewire_core::prelude::*;

use crate::exported::{Said, cargo, csv};
use crate::firmware::{in_firmware, lock, succeeded};
use crate::program::{self, succeed};

/// The host's end of a UART.
struct Line(TcpStream);

impl Line {
    /// Sends bytes as they are.
    fn write(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).unwrap();
    }

    /// Sends a frame.
    fn send(&mut self, kind: u8, number: u8, payload: &[u8]) {
        let mut line = vec![0; line_len(payload.len())];
        let len = send(&mut line, kind, number, payload.iter().copied()).unwrap();
        self.write(&line[..len]);
    }

    /// Waits for a frame: its kind, number and payload.
    fn answer(&mut self) -> (u8, u8, Vec<u8>) {
        self.try_answer(60).unwrap()
    }

    /// The same, unless none begins for so many seconds.
    fn try_answer(&mut self, seconds: u64) -> Option<(u8, u8, Vec<u8>)> {
        self.0.set_read_timeout(Some(Duration::from_secs(seconds))).unwrap();
        let mut buffer = [0; 1000];
        let mut receiver = Receiver::new(&mut buffer);
        loop {
            let mut byte = [0];
            self.0.read_exact(&mut byte).ok()?;
            if let Some(frame) = receiver.take(byte[0]) {
                let frame = frame.unwrap();
                return Some((frame.kind, frame.number, frame.payload.to_vec()));
            }
        }
    }

    /// Asks who is there until the program has begun to listen: some UARTs lose what comes before.
    fn greet(&mut self) {
        for number in 1..=60 {
            self.send(0, number, &[]);
            while let Some(answer) = self.try_answer(1) {
                if answer.1 == number {
                    return;
                }
            }
        }
        panic!("nobody is there");
    }

    fn ask(&mut self, kind: u8, number: u8, payload: &[u8]) -> (u8, u8, Vec<u8>) {
        self.send(kind, number, payload);
        self.answer()
    }
}

/// Builds and starts a project, has it talked to, and returns its log. It must end by itself.
fn over_uart(project: &Path, talk: impl FnOnce(&mut Line, u16)) -> String {
    let building = lock();
    cargo(project, "build --quiet --release");
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut command = in_firmware("cargo");
    command.current_dir(project).args(["run", "--quiet", "--release"]);
    command.env("REWIRE_UART", format!("tcp:127.0.0.1:{port},server=on,wait=off"));
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let deadline = Instant::now() + Duration::from_secs(60);
    let stream = loop {
        match TcpStream::connect(("127.0.0.1", port)) {
            Ok(stream) => break stream,
            Err(error) => assert!(Instant::now() < deadline, "{error}"),
        }
        sleep(Duration::from_millis(20));
    };
    drop(building);
    let mut line = Line(stream);
    line.greet();
    talk(&mut line, port);
    succeeded(&child.wait_with_output().unwrap())
}

#[test]
fn what_comes_over_a_uart_is_predicted_and_learned_as_this_machine_does() {
    let folder = tempfile::tempdir().unwrap();
    csv(&folder.path().join("my.csv"), true);
    succeed(folder.path(), "train my.csv --hidden 12 --epochs 5 --evolve-every 32 --out run");
    // Two of the four UARTs, with and without a floating-point unit: the other boards differ in the registers alone.
    for board in ["mps2-an386", "microbit"] {
        succeed(folder.path(), &format!("export run --firmware {board} --board {board} --run-on uart"));
        let project = folder.path().join(board);
        let samples = std::fs::read(project.join("samples.bin")).unwrap();
        let samples: Vec<&[u8]> = samples.chunks_exact(4 * 36 + 2).collect();
        let log = over_uart(&project, |line, _| {
            // What is no frame, or no question, is answered and changes nothing.
            line.write(&[1, 2, 3, 0]);
            assert_eq!(line.answer(), (255, 0, vec![1]), "{board}");
            line.write(&[&[7; 400][..], &[0, 0, 0]].concat());
            assert_eq!(line.answer().0, 255);
            assert_eq!(line.ask(77, 9, &[]), (255, 9, vec![3]));
            assert_eq!(line.ask(2, 9, &[0; 7]), (255, 9, vec![4]));
            let hello = [&[1, 0, 4][..], &36u32.to_le_bytes(), &3u32.to_le_bytes()].concat();
            assert_eq!(line.ask(0, 1, &[]), (128, 1, hello));
            for (number, sample) in (2..).zip(&samples[..samples.len() - samples.len() / 4]) {
                let answer = line.ask(2, number, sample);
                assert_eq!((answer.0, answer.1, answer.2.len(), answer.2[0]), (130, number, 13, 1), "{board}");
                // A sender that has not heard the answer asks again: nothing is learned twice.
                assert_eq!(line.ask(2, number, sample), answer);
            }
            assert_eq!(line.ask(3, 250, &[]), (131, 250, vec![]));
        });
        assert_eq!(Said::of(&log), Said::here::<Narrow>(&project, &folder.path().join("run")), "{board}");
    }

    // A class that there is not, and a number that is none, are predicted and not learned.
    let project = folder.path().join("mps2-an386");
    let log = over_uart(&project, |line, port| {
        let mut sample = vec![0; 4 * 36];
        sample.extend([3, 0]);
        assert_eq!(line.ask(2, 1, &sample).2[0], 0);
        sample[..4].copy_from_slice(&f32::NAN.to_le_bytes());
        sample[144] = 0;
        assert_eq!(line.ask(2, 2, &sample).2[0], 0);
        // The emulator serves one line at a time.
        line.0.shutdown(std::net::Shutdown::Both).unwrap();
        let send = Command::new("python3")
            .arg(project.join("send.py"))
            .args([&format!("127.0.0.1:{port}"), folder.path().join("my.csv").to_str().unwrap()])
            .output()
            .unwrap();
        let said = succeeded(&send);
        assert_eq!(said.lines().filter(|line| line.ends_with(", learned")).count(), 240, "{said}");
        let (first, _) = said.split_once(", probability ").unwrap();
        assert!(["rest", "run", "walk"].contains(&first), "{said}");
    });
    assert_eq!(log.matches("is not learned").count(), 2, "{log}");
}

#[test]
fn a_board_whose_uart_nobody_has_tested_has_one_place_for_it() {
    let folder = tempfile::tempdir().unwrap();
    csv(&folder.path().join("my.csv"), true);
    succeed(folder.path(), "train my.csv --hidden 12 --epochs 1 --out run");
    let export = program::run(folder.path(), "export run --firmware board --board nrf52840 --run-on uart");
    assert_eq!(export.code, Some(0), "{}", export.stderr);
    let project = folder.path().join("board");
    let uart = std::fs::read_to_string(project.join("src/uart.rs")).unwrap();
    assert!(uart.contains("YOUR UART") && !uart.contains("0x4"), "{uart}");
    let _building = lock();
    cargo(&project, "build --quiet --release");
}
