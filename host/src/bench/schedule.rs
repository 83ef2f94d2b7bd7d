//! What a step would take on more threads than this machine has.
//!
//! One thread runs the blocks that the core cuts for so many threads, and notes how long each took and which wait for which.
//! The blocks are then given out greedily: a thread that is free takes the one that has been ready for longest. What a
//! machine adds is left out: threads that share a cache or the memory's bandwidth, and slower clocks under load.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use serde::Serialize;

use rewire_engine::probe::{Event, Probe};

/// Milliseconds that a fork is taken to cost: handing a block over, and waking a thread.
const FORK_MS: f64 = 0.002;

/// A step on so many threads.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Schedule {
    /// Threads.
    pub threads: usize,
    /// Milliseconds of all blocks and forks.
    pub work_ms: f64,
    /// Milliseconds of the longest chain of blocks that wait for each other.
    pub chain_ms: f64,
    /// Milliseconds until the last thread is done.
    pub step_ms: f64,
}

/// What runs one after the other.
type Series = Vec<Part>;

/// A part of a step.
#[derive(Debug)]
enum Part {
    /// Work of so many milliseconds.
    Work(f64),
    /// Two series that may run at once.
    Fork(Series, Series),
}

/// What has been noted, and since when what runs now does.
#[derive(Debug)]
struct Notes {
    series: Series,
    /// The series around it, each with the first block of the fork that is open in it, once that has ended.
    outer: Vec<(Series, Option<Series>)>,
    since: Instant,
}

/// Notes all blocks of the calling thread.
#[derive(Debug)]
pub struct Recorder {
    threads: usize,
    notes: Mutex<Notes>,
}

impl Recorder {
    /// Blocks as the core cuts them for `threads` threads.
    pub fn new(threads: usize) -> Self {
        let notes = Notes { series: Vec::new(), outer: Vec::new(), since: Instant::now() };
        Self { threads, notes: Mutex::new(notes) }
    }

    fn notes(&self) -> MutexGuard<'_, Notes> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What was noted since the last call.
    fn take(&self) -> Series {
        let mut notes = self.notes();
        notes.end_work();
        std::mem::take(&mut notes.series)
    }
}

impl Notes {
    /// Ends the work that ran until now.
    fn end_work(&mut self) {
        self.series.push(Part::Work(self.since.elapsed().as_secs_f64() * 1e3));
        self.since = Instant::now();
    }
}

impl Probe for Recorder {
    fn threads(&self) -> usize {
        self.threads
    }

    fn told(&self, event: Event) {
        if matches!(event, Event::Kernel(..)) {
            return;
        }
        let mut notes = self.notes();
        notes.end_work();
        let series = std::mem::take(&mut notes.series);
        match event {
            Event::Fork => notes.outer.push((series, None)),
            Event::Second => {
                if let Some((_, first)) = notes.outer.last_mut() {
                    *first = Some(series);
                }
            }
            Event::Join => {
                if let Some((outer, first)) = notes.outer.pop() {
                    notes.series = outer;
                    notes.series.push(Part::Fork(first.unwrap_or_default(), series));
                }
            }
            Event::Kernel(..) => {}
        }
        // What noting takes is no work.
        notes.since = Instant::now();
    }
}

/// A block, how many others it waits for, and which wait for it.
#[derive(Debug, Default)]
struct Block {
    ms: f64,
    waits_for: usize,
    next: Vec<usize>,
}

/// The blocks of a step. The first one takes no time and waits for none.
struct Blocks(Vec<Block>);

impl Blocks {
    fn new(series: Series) -> Self {
        let mut blocks = Self(vec![Block::default()]);
        blocks.add(0, series);
        blocks
    }

    /// Adds a block that waits for others.
    fn push(&mut self, ms: f64, after: &[usize]) -> usize {
        let new = self.0.len();
        self.0.push(Block { ms, waits_for: after.len(), next: Vec::new() });
        for &before in after {
            self.0[before].next.push(new);
        }
        new
    }

    /// Adds a series after a block; returns its last block.
    fn add(&mut self, after: usize, series: Series) -> usize {
        series.into_iter().fold(after, |last, part| match part {
            Part::Work(ms) => self.push(ms, &[last]),
            Part::Fork(first, second) => {
                let fork = self.push(FORK_MS, &[last]);
                let ends = [self.add(fork, first), self.add(fork, second)];
                self.push(0.0, &ends)
            }
        })
    }

    /// Milliseconds until so many threads have run all blocks.
    fn run(&self, threads: usize) -> f64 {
        let mut waits_for: Vec<usize> = self.0.iter().map(|block| block.waits_for).collect();
        let (mut ready, mut running, mut now) = (VecDeque::from([0]), Vec::<(f64, usize)>::new(), 0.0);
        loop {
            while running.len() < threads
                && let Some(block) = ready.pop_front()
            {
                running.push((now + self.0[block].ms, block));
            }
            let first = (0..running.len()).min_by(|&a, &b| running[a].0.total_cmp(&running[b].0));
            let Some(first) = first else { return now };
            let (end, block) = running.swap_remove(first);
            now = end;
            for &next in &self.0[block].next {
                waits_for[next] -= 1;
                if waits_for[next] == 0 {
                    ready.push_back(next);
                }
            }
        }
    }

    fn schedule(&self, threads: usize) -> Schedule {
        let work_ms = self.0.iter().map(|block| block.ms).sum();
        Schedule { threads, work_ms, chain_ms: self.run(usize::MAX), step_ms: self.run(threads) }
    }
}

/// The schedule of `runs` steps, which tell the recorder of their blocks, whose length is the median.
pub fn simulate(recorder: &Recorder, runs: usize, mut step: impl FnMut()) -> Schedule {
    let mut one = || {
        recorder.take();
        step();
        Blocks::new(recorder.take()).schedule(recorder.threads)
    };
    one();
    let mut schedules: Vec<_> = (0..runs.max(1)).map(|_| one()).collect();
    schedules.sort_by(|a, b| a.step_ms.total_cmp(&b.step_ms));
    schedules[schedules.len() / 2]
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use rewire_core::backend::Backend;

    use super::*;
    use rewire_engine::native::Native;

    #[test]
    fn a_thread_that_is_free_takes_what_is_ready() {
        let fork = |first, second| Part::Fork(vec![Part::Work(first)], vec![Part::Work(second)]);
        let of = |threads| Blocks::new(vec![Part::Work(1.0), fork(2.0, 4.0), Part::Work(1.0)]).schedule(threads);
        let near = |a: f64, b: f64| (a - b).abs() < 1e-9;
        let (one, two) = (of(1), of(2));
        assert!(near(one.work_ms, 8.0 + FORK_MS) && near(one.step_ms, one.work_ms), "{one:?}");
        assert!(near(two.step_ms, 6.0 + FORK_MS) && near(two.chain_ms, two.step_ms), "{two:?}");
        // Three equal blocks take two rounds on two threads.
        let three = Part::Fork(vec![Part::Work(1.0)], vec![fork(1.0, 1.0)]);
        let two = Blocks::new(vec![three]).schedule(2);
        assert!(near(two.step_ms, 2.0 + FORK_MS) && near(two.chain_ms, 1.0 + 2.0 * FORK_MS), "{two:?}");
    }

    #[test]
    fn what_may_run_at_once_is_noted_as_a_fork() {
        let recorder = Arc::new(Recorder::new(4));
        let native = Native::new(2).unwrap().with_probe(recorder.clone());
        assert_eq!(native.threads(), 4);
        assert_eq!(native.join(|| native.join(|| 1, || 2), || 3), ((1, 2), 3));
        let series = recorder.take();
        let [Part::Work(_), Part::Fork(first, second), Part::Work(_)] = &series[..] else { panic!("{series:?}") };
        assert!(matches!(first[..], [Part::Work(_), Part::Fork(..), Part::Work(_)]), "{first:?}");
        assert!(matches!(second[..], [Part::Work(_)]), "{second:?}");
    }
}
