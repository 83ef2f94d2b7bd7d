//! What a run takes from the machine: sampled by a thread of its own, which shares nothing with the training but the clock.
//!
//! `monitor.csv` has a row a sample: `seconds` since the run began, `epoch`, `phase`, `cpu_percent` of this process (100 is
//! one core), `resident_bytes` and `unique_bytes` (what would be free without it; read every sixteenth time, or when
//! resident memory moves), `threads`, `read_bytes`, `written_bytes`, and the use of each core by the whole machine,
//! `core_0_percent`, `core_1_percent`…. Linux tells all of it; elsewhere there is no monitor.

use std::fmt::Write as _;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::engine::clock::Clock;

/// The monitor's file.
pub const MONITOR: &str = "monitor.csv";

/// A row of `monitor.csv`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sample {
    /// Since the run began; a run that is resumed goes on from its last sample.
    pub seconds: f64,
    /// The epoch that is trained.
    pub epoch: u32,
    /// What the run was doing.
    pub phase: String,
    /// Of this process since the sample before; 100 is one core.
    pub cpu_percent: f64,
    /// Memory of this process that is in RAM.
    pub resident_bytes: u64,
    /// The part of it that no other process shares.
    pub unique_bytes: u64,
    /// Of this process.
    pub threads: u64,
    /// From storage, by this process, so far.
    pub read_bytes: u64,
    /// To storage, likewise.
    pub written_bytes: u64,
    /// Use of each core by the whole machine.
    pub core_percent: Vec<f64>,
}

const COLUMNS: &str = "seconds,epoch,phase,cpu_percent,resident_bytes,unique_bytes,threads,read_bytes,written_bytes";

impl Sample {
    fn line(&self) -> String {
        let Self { seconds, epoch, phase, cpu_percent, .. } = self;
        let Self { resident_bytes, unique_bytes, threads, read_bytes, written_bytes, .. } = self;
        let mut line = format!(
            "{seconds:.3},{epoch},{phase},{cpu_percent:.1},{resident_bytes},{unique_bytes},{threads},{read_bytes},{written_bytes}"
        );
        for percent in &self.core_percent {
            let _ = write!(line, ",{percent:.1}");
        }
        line + "\n"
    }
}

/// Reads the samples of a run directory as far as they are whole.
///
/// # Errors
///
/// When the file cannot be read or lacks a column, by name.
pub fn read(path: &Path) -> Result<Vec<Sample>> {
    let shown = path.display();
    let mut reader =
        csv::ReaderBuilder::new().flexible(true).from_path(path).with_context(|| format!("cannot read {shown}"))?;
    let headers = reader.headers().with_context(|| format!("cannot read {shown}"))?.clone();
    let column = |name: &str| {
        let at = headers.iter().position(|header| header == name);
        at.with_context(|| format!("{shown} has no column '{name}'"))
    };
    let names: Vec<usize> = COLUMNS.split(',').map(column).collect::<Result<_>>()?;
    let cores: Vec<usize> = (0..headers.len()).filter(|&i| headers[i].starts_with("core_")).collect();
    let mut samples = Vec::new();
    for row in reader.records() {
        let Ok(row) = row else { break };
        let cell = |i: usize| row.get(names[i]).unwrap_or_default();
        let float = |text: &str| text.parse::<f64>().ok().filter(|value| value.is_finite());
        let whole = |i: usize| cell(i).parse::<u64>().ok();
        let sample = || {
            Some(Sample {
                seconds: float(cell(0))?,
                epoch: cell(1).parse().ok()?,
                phase: cell(2).to_owned(),
                cpu_percent: float(cell(3))?,
                resident_bytes: whole(4)?,
                unique_bytes: whole(5)?,
                threads: whole(6)?,
                read_bytes: whole(7)?,
                written_bytes: whole(8)?,
                core_percent: cores.iter().map(|&i| float(row.get(i)?)).collect::<Option<_>>()?,
            })
        };
        // A row that was cut off ends what can be used.
        let Some(sample) = sample() else { break };
        samples.push(sample);
    }
    Ok(samples)
}

/// A monitor that runs; it stops when it is dropped.
#[derive(Debug)]
pub struct Monitor {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Monitor {
    /// Samples every `interval` into the run directory, behind the samples that are there. `warn` hears why it cannot.
    pub fn start(directory: &Path, interval: Duration, clock: &Arc<Clock>, warn: fn(&str)) -> Self {
        let nothing = Self { stop: None, thread: None };
        if interval.is_zero() {
            return nothing;
        }
        let Some(meter) = meter::Meter::new() else { return nothing };
        let path = directory.join(MONITOR);
        let mut log = match Log::open(&path, meter.cores()) {
            Ok(log) => log,
            Err(error) => {
                warn(&format!("{error:#}; the run goes on without a monitor"));
                return nothing;
            }
        };
        let (stop, stopped) = channel();
        let clock = clock.clone();
        let thread = std::thread::Builder::new().name("rewire-monitor".into()).spawn(move || {
            let mut meter = meter;
            let mut sample = |log: &mut Log| -> Result<()> {
                let Some(mut sample) = meter.sample() else { return Ok(()) };
                sample.seconds = log.before + log.started.elapsed().as_secs_f64();
                (sample.epoch, sample.phase) = (clock.epoch(), clock.stage().name().to_owned());
                log.append(&sample)
            };
            loop {
                let waited = stopped.recv_timeout(interval);
                if let Err(error) = sample(&mut log) {
                    warn(&format!("{error:#}; the run goes on without a monitor"));
                    return;
                }
                if !matches!(waited, Err(RecvTimeoutError::Timeout)) {
                    return;
                }
            }
        });
        Self { stop: Some(stop), thread: thread.ok() }
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
        Ok(Self { path: path.to_owned(), file, length: text.len() as u64, started: Instant::now(), before })
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

/// Memory of this process that is in RAM, in bytes; `None` where the system does not tell.
pub fn resident_bytes() -> Option<u64> {
    meter::resident_bytes()
}

/// The most of it that there has been.
pub fn peak_resident_bytes() -> Option<u64> {
    meter::peak_resident_bytes()
}

/// Bytes in RAM of the pages between two addresses of this process.
pub fn resident_between(start: usize, end: usize) -> Option<u64> {
    meter::resident_between(start, end)
}

/// How far this process lets others go first; 0 where the system does not tell.
pub fn niceness() -> i64 {
    meter::niceness()
}

#[cfg(target_os = "linux")]
mod meter {
    use std::time::Instant;

    use procfs::process::{PageInfo, Process};
    use procfs::{CurrentSI, KernelStats, page_size, ticks_per_second};

    use super::Sample;

    fn status(field: fn(&procfs::process::Status) -> Option<u64>) -> Option<u64> {
        let status = Process::myself().and_then(|process| process.status()).ok()?;
        field(&status).map(|kibibytes| kibibytes * 1024)
    }

    pub(super) fn resident_bytes() -> Option<u64> {
        status(|status| status.vmrss)
    }

    pub(super) fn peak_resident_bytes() -> Option<u64> {
        status(|status| status.vmhwm)
    }

    pub(super) fn niceness() -> i64 {
        Process::myself().and_then(|process| process.stat()).map_or(0, |stat| stat.nice)
    }

    pub(super) fn resident_between(start: usize, end: usize) -> Option<u64> {
        let page = page_size();
        let mut map = Process::myself().and_then(|process| process.pagemap()).ok()?;
        let pages = map.get_range_info(start / page as usize..end.div_ceil(page as usize)).ok()?;
        let present = |info: &&PageInfo| match info {
            PageInfo::MemoryPage(flags) => flags.contains(procfs::process::MemoryPageFlags::PRESENT),
            PageInfo::SwapPage(_) => false,
        };
        Some(pages.iter().filter(present).count() as u64 * page)
    }

    /// Busy and all ticks of a core.
    type Ticks = (u64, u64);

    /// Samples between readings of unique memory, for which the kernel walks every page: far dearer than all the rest.
    const UNIQUE_EVERY: u32 = 16;

    /// Reads counters and takes differences.
    pub(super) struct Meter {
        /// Samples so far, resident pages when unique memory was read, and what it was.
        unique: (u32, u64, u64),
        process: Process,
        at: Instant,
        ticks: u64,
        cores: Vec<Ticks>,
    }

    fn cores() -> Option<Vec<Ticks>> {
        let stats = KernelStats::current().ok()?;
        let ticks = |time: &procfs::CpuTime| {
            let idle = time.idle + time.iowait.unwrap_or(0);
            let rest = [time.irq, time.softirq, time.steal].iter().flatten().sum::<u64>();
            let busy = time.user + time.nice + time.system + rest;
            (busy, busy + idle)
        };
        Some(stats.cpu_time.iter().map(ticks).collect())
    }

    impl Meter {
        pub(super) fn new() -> Option<Self> {
            let process = Process::myself().ok()?;
            let stat = process.stat().ok()?;
            let unique = (0, 0, 0);
            Some(Self { unique, process, at: Instant::now(), ticks: stat.utime + stat.stime, cores: cores()? })
        }

        pub(super) fn cores(&self) -> usize {
            self.cores.len()
        }

        /// Bytes that no other process shares: read anew when resident memory has changed by a
        /// twentieth, and every `UNIQUE_EVERY` samples.
        fn unique(&mut self, pages: u64) -> u64 {
            let (samples, then, bytes) = self.unique;
            if !samples.is_multiple_of(UNIQUE_EVERY) && pages.abs_diff(then) * 20 <= then {
                self.unique.0 += 1;
                return bytes.min(pages * page_size());
            }
            let maps = self.process.smaps_rollup().ok();
            let bytes = maps.map_or(0, |maps| {
                let parts = maps.memory_map_rollup.iter().flat_map(|map| &map.extension.map);
                parts.filter(|(name, _)| name.starts_with("Private_")).map(|(_, bytes)| bytes).sum()
            });
            self.unique = (samples + 1, pages, bytes);
            bytes
        }

        /// A sample without its place in the run.
        pub(super) fn sample(&mut self) -> Option<Sample> {
            let stat = self.process.stat().ok()?;
            let (now, ticks, cores) = (Instant::now(), stat.utime + stat.stime, cores()?);
            let seconds = (now - self.at).as_secs_f64().max(1e-6);
            let cpu = ticks.saturating_sub(self.ticks) as f64 / ticks_per_second() as f64 / seconds;
            let share = |(new, old): (&Ticks, &Ticks)| {
                let all = new.1.saturating_sub(old.1);
                if all == 0 { 0.0 } else { 100.0 * new.0.saturating_sub(old.0) as f64 / all as f64 }
            };
            let core_percent = cores.iter().zip(&self.cores).map(share).collect();
            (self.at, self.ticks, self.cores) = (now, ticks, cores);
            let unique = self.unique(stat.rss);
            // Not every container lets a process see its own.
            let (read_bytes, written_bytes) = self.process.io().map_or((0, 0), |io| (io.read_bytes, io.write_bytes));
            Some(Sample {
                cpu_percent: 100.0 * cpu,
                resident_bytes: stat.rss * page_size(),
                unique_bytes: unique,
                threads: stat.num_threads.unsigned_abs(),
                read_bytes,
                written_bytes,
                core_percent,
                ..Sample::default()
            })
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod meter {
    use super::Sample;

    pub(super) fn resident_bytes() -> Option<u64> {
        None
    }

    pub(super) fn peak_resident_bytes() -> Option<u64> {
        None
    }

    pub(super) fn niceness() -> i64 {
        0
    }

    pub(super) fn resident_between(_: usize, _: usize) -> Option<u64> {
        None
    }

    pub(super) struct Meter;

    impl Meter {
        pub(super) fn new() -> Option<Self> {
            None
        }

        pub(super) fn cores(&self) -> usize {
            0
        }

        pub(super) fn sample(&mut self) -> Option<Sample> {
            None
        }
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn samples_are_written_and_read_and_go_on_where_they_ended() {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(Clock::default());
        clock.begin(7);
        let run = || {
            let monitor = Monitor::start(folder.path(), Duration::from_millis(20), &clock, |text| panic!("{text}"));
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
    fn pages_are_resident_once_they_are_written() {
        let memory = vec![1u8; 1 << 22];
        let start = memory.as_ptr() as usize;
        let found = resident_between(start, start + memory.len()).unwrap();
        assert!((1 << 22..=(1 << 22) + (1 << 17)).contains(&found), "{found}");
    }

    #[test]
    fn half_a_row_is_left_out_and_a_missing_column_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(MONITOR);
        let whole = Sample { phase: "forward".into(), core_percent: vec![5.0], ..Sample::default() };
        let head = format!("{COLUMNS},core_0_percent\n");
        std::fs::write(&path, format!("{head}{}0.5,1,forw", whole.line())).unwrap();
        assert_eq!(read(&path).unwrap(), [whole]);
        std::fs::write(&path, "seconds,epoch\n").unwrap();
        assert!(read(&path).unwrap_err().to_string().contains("'phase'"));
    }
}
