//! What Linux tells of this process and its machine, in `/proc`.

use std::time::Instant;

use anyhow::{Context, Result};
use procfs::process::{PageInfo, Process};
use procfs::{Current, CurrentSI, KernelStats, page_size, ticks_per_second};

use super::sample::Sample;

/// Memory of this process that is in RAM, in bytes, and the most of it that there has been.
pub(super) fn resident_bytes() -> Option<(u64, u64)> {
    let status = Process::myself().and_then(|process| process.status()).ok()?;
    status.vmrss.zip(status.vmhwm).map(|(now, peak)| (now * 1024, peak * 1024))
}

/// Memory that the system can give to programs, in bytes.
pub(super) fn available_bytes() -> Option<u64> {
    procfs::Meminfo::current().ok()?.mem_available
}

/// How far this process lets others go first.
pub(super) fn niceness() -> i64 {
    Process::myself().and_then(|process| process.stat()).map_or(0, |stat| stat.nice)
}

/// Bytes in RAM of the pages between two addresses of this process.
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
    /// # Errors
    ///
    /// When a file in `/proc` cannot be read.
    pub(super) fn new() -> Result<Self> {
        let process = Process::myself().context("cannot read /proc/self")?;
        let stat = process.stat().context("cannot read /proc/self/stat")?;
        let cores = cores().context("cannot read /proc/stat")?;
        Ok(Self { unique: (0, 0, 0), process, at: Instant::now(), ticks: stat.utime + stat.stime, cores })
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_resident_once_they_are_written() {
        let memory = vec![1u8; 1 << 22];
        let start = memory.as_ptr() as usize;
        let found = resident_between(start, start + memory.len()).unwrap();
        assert!((1 << 22..=(1 << 22) + (1 << 17)).contains(&found), "{found}");
    }
}
