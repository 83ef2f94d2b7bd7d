//! CPU, memory and I/O of a run: sampled by a thread of its own, which shares nothing with the training but the clock.
//!
//! `monitor.csv` has a row a sample: `seconds` since the run began, `epoch`, `phase`, `cpu_percent` of this process (100 is
//! one core), `resident_bytes` and `unique_bytes` (what would be free without it; read every sixteenth time, or when
//! resident memory moves), `threads`, `read_bytes`, `written_bytes`, and the use of each core by the whole machine,
//! `core_0_percent`, `core_1_percent`….
//!
//! | question | file |
//! |---|---|
//! | What is a row, and how is it read back? | `sample` |
//! | Where do the numbers come from? | `linux` |
//! | What happens on other systems? | `elsewhere`: one sentence to the user, and a run without `monitor.csv` |

#[cfg(not(target_os = "linux"))]
mod elsewhere;
#[cfg(target_os = "linux")]
mod linux;
mod sample;

use std::fmt::Write as _;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use rewire_engine::clock::Clock;

use crate::training::warn::Warn;
#[cfg(not(target_os = "linux"))]
use elsewhere as system;
#[cfg(target_os = "linux")]
use linux as system;
use sample::COLUMNS;
pub use sample::{Sample, read};

/// The monitor's file.
pub const MONITOR: &str = "monitor.csv";

/// A monitor that runs; it stops when it is dropped.
#[derive(Debug)]
pub struct Monitor {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Monitor {
    /// Samples every `interval` into the run directory, behind the samples that are there. `warn` hears why it cannot.
    pub fn start(directory: &Path, interval: Duration, clock: &Arc<Clock>, warn: &Warn) -> Self {
        let nothing = Self { stop: None, thread: None };
        if interval.is_zero() {
            return nothing;
        }
        Self::try_start(directory, interval, clock, warn).unwrap_or_else(|error| {
            warn.warn(&format!("{error:#}; the run goes on without a monitor"));
            nothing
        })
    }

    fn try_start(directory: &Path, interval: Duration, clock: &Arc<Clock>, warn: &Warn) -> Result<Self> {
        let mut meter = system::Meter::new()?;
        let mut log = Log::open(&directory.join(MONITOR), meter.cores())?;
        let (stop, stopped) = channel();
        let (clock, warn) = (clock.clone(), warn.clone());
        let thread = std::thread::Builder::new().name("rewire-monitor".into()).spawn(move || {
            let mut sample = |log: &mut Log| -> Result<()> {
                // As the file has them. The last sample may follow another so soon that it would have the same time.
                let seconds = ((log.before + log.started.elapsed().as_secs_f64()) * 1000.0).round() / 1000.0;
                if seconds <= log.last {
                    return Ok(());
                }
                let Some(mut sample) = meter.sample() else { return Ok(()) };
                (sample.seconds, log.last) = (seconds, seconds);
                (sample.epoch, sample.phase) = (clock.epoch(), clock.stage().name().to_owned());
                log.append(&sample)
            };
            loop {
                let waited = stopped.recv_timeout(interval);
                if let Err(error) = sample(&mut log) {
                    warn.warn(&format!("{error:#}; the run goes on without a monitor"));
                    return;
                }
                if !matches!(waited, Err(RecvTimeoutError::Timeout)) {
                    return;
                }
            }
        });
        let thread = thread.context("cannot start the monitor's thread")?;
        Ok(Self { stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for Monitor {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // What it could not write it has said.
            let _ = thread.join();
        }
    }
}

/// The file, and what its seconds count from.
struct Log {
    path: PathBuf,
    file: File,
    length: u64,
    started: Instant,
    before: f64,
    /// Seconds of the last sample.
    last: f64,
}

impl Log {
    fn open(path: &Path, cores: usize) -> Result<Self> {
        let cannot = || format!("cannot write {}", path.display());
        let old = if path.exists() { read(path)? } else { Vec::new() };
        let mut text = COLUMNS.to_owned();
        for core in 0..cores {
            let _ = write!(text, ",core_{core}_percent");
        }
        text.push('\n');
        // On a machine with other cores their columns would not fit.
        for sample in old.iter().filter(|sample| sample.core_percent.len() == cores) {
            text += &sample.line();
        }
        crate::files::write_atomically(path, text.as_bytes())?;
        let file = OpenOptions::new().append(true).open(path).with_context(cannot)?;
        let before = old.last().map_or(0.0, |sample| sample.seconds);
        Ok(Self {
            path: path.to_owned(),
            file,
            length: text.len() as u64,
            started: Instant::now(),
            before,
            last: before,
        })
    }

    fn append(&mut self, sample: &Sample) -> Result<()> {
        let line = sample.line();
        let written = self.file.write_all(line.as_bytes());
        if written.is_err() {
            // Half a row would spoil the file for readers; the first error is the one to report.
            let _ = self.file.set_len(self.length);
        }
        written.with_context(|| format!("cannot write {}; free some space", self.path.display()))?;
        self.length += line.len() as u64;
        Ok(())
    }
}

/// Memory of this process that is in RAM, in bytes, and the most of it that there has been; `None` where the system does
/// not tell.
pub fn resident_bytes() -> Option<(u64, u64)> {
    system::resident_bytes()
}

/// Memory that the system can give to programs, in bytes; `None` where it does not tell.
pub fn available_bytes() -> Option<u64> {
    system::available_bytes()
}

/// Bytes in RAM of the pages between two addresses of this process.
pub fn resident_between(start: usize, end: usize) -> Option<u64> {
    system::resident_between(start, end)
}

/// How far this process lets others go first; 0 where the system does not tell.
pub fn niceness() -> i64 {
    system::niceness()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(target_os = "linux")]
    #[test]
    fn samples_are_written_and_read_and_go_on_where_they_ended() {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(Clock::default());
        clock.begin(7);
        let run = || {
            let monitor =
                Monitor::start(folder.path(), Duration::from_millis(20), &clock, &Warn::new(|text| panic!("{text}")));
            let until = Instant::now() + Duration::from_millis(150);
            let mut x = 1u64;
            while Instant::now() < until {
                x = std::hint::black_box(x.wrapping_mul(3));
            }
            drop(monitor);
            read(&folder.path().join(MONITOR)).unwrap()
        };
        let first = run();
        assert!(first.len() >= 3, "{first:?}");
        assert!(first.iter().all(|sample| sample.epoch == 7 && sample.phase == "other"));
        assert!(first.iter().all(|sample| sample.resident_bytes >= sample.unique_bytes && sample.unique_bytes > 0));
        assert!(first.iter().any(|sample| sample.cpu_percent > 20.0), "a busy loop is seen: {first:?}");
        let second = run();
        assert!(second.len() > first.len());
        assert!(second.windows(2).all(|pair| pair[0].seconds < pair[1].seconds));
    }
    #[test]
    fn a_monitor_that_cannot_start_says_so_in_one_sentence() {
        let folder = tempfile::tempdir().unwrap();
        let (said, heard) = channel();
        let warn = Warn::new(move |text| said.send(text.to_owned()).unwrap());
        // On Linux for want of the folder, elsewhere for want of numbers.
        let missing = folder.path().join("missing");
        drop(Monitor::start(&missing, Duration::from_millis(20), &Arc::new(Clock::default()), &warn));
        let said: Vec<String> = heard.try_iter().collect();
        let [sentence] = said.as_slice() else { panic!("{said:?}") };
        let reason =
            if cfg!(target_os = "linux") { "cannot write" } else { "CPU, memory and I/O are measured on Linux only" };
        assert!(sentence.starts_with(reason), "{sentence}");
        assert!(sentence.ends_with("; the run goes on without a monitor"), "{sentence}");
        assert!(!missing.exists());
    }
}
