//! Where a run's time goes: what its threads are doing now, and how long each phase took.

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rewire_core::backend::Phase;

/// What a run is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Stage {
    /// Fetching and changing samples.
    Batch,
    /// A forward pass.
    Forward,
    /// A backward pass.
    Backward,
    /// Gradients, velocities and weights.
    Update,
    /// Measuring the test samples.
    Evaluate,
    /// Replacing connections.
    Evolve,
    /// Sending to other ranks, and waiting for them.
    Exchange,
    /// Writing what is kept of an epoch.
    Record,
    /// None of them.
    Other,
}

impl Stage {
    const ALL: [Self; 9] = [
        Self::Batch,
        Self::Forward,
        Self::Backward,
        Self::Update,
        Self::Evaluate,
        Self::Evolve,
        Self::Exchange,
        Self::Record,
        Self::Other,
    ];

    /// Its name in files and figures.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Batch => "batch",
            Self::Forward => "forward",
            Self::Backward => "backward",
            Self::Update => "update",
            Self::Evaluate => "evaluate",
            Self::Evolve => "evolve",
            Self::Exchange => "exchange",
            Self::Record => "record",
            Self::Other => "other",
        }
    }
}

impl From<Phase> for Stage {
    fn from(phase: Phase) -> Self {
        match phase {
            Phase::Batch | Phase::Steps => Self::Batch,
            Phase::Forward => Self::Forward,
            Phase::Backward => Self::Backward,
            Phase::Update => Self::Update,
            Phase::Evolve => Self::Evolve,
            Phase::Exchange => Self::Exchange,
            Phase::Evaluate => Self::Evaluate,
        }
    }
}

/// Seconds of an epoch's steps by phase.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Shares {
    /// Fetching and changing samples.
    pub batch: f64,
    /// Forward passes.
    pub forward: f64,
    /// Backward passes.
    pub backward: f64,
    /// Updates.
    pub update: f64,
    /// Evolutions between steps.
    pub evolve: f64,
    /// Sending to other ranks, and waiting for them.
    pub exchange: f64,
}

/// Wall time of an epoch.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct EpochTimes {
    /// Seconds of its steps, the evolutions between them included.
    pub train: f64,
    /// The same by phase.
    pub shares: Shares,
    /// Seconds of measuring the test samples.
    pub evaluate: f64,
    /// Seconds of the evolution after it.
    pub evolve: f64,
}

/// Adds up phases from all threads.
#[derive(Debug)]
pub struct Clock {
    nanoseconds: [AtomicU64; 6],
    /// Wall time of the epoch's steps, its evaluation and the evolution after it.
    wall: [AtomicU64; 3],
    stage: AtomicU8,
    epoch: AtomicU32,
    /// Whether steps are trained: an evaluation's passes are not told apart.
    training: AtomicBool,
}

impl Default for Clock {
    fn default() -> Self {
        Self {
            nanoseconds: Default::default(),
            wall: Default::default(),
            stage: AtomicU8::new(Stage::Other as u8),
            epoch: AtomicU32::new(0),
            training: AtomicBool::new(false),
        }
    }
}

impl Clock {
    /// An epoch begins.
    pub fn begin(&self, epoch: u32) {
        self.epoch.store(epoch, Ordering::Relaxed);
    }

    /// The epoch that goes on, counted from 1; 0 before the first.
    pub fn epoch(&self) -> u32 {
        self.epoch.load(Ordering::Relaxed)
    }

    /// What goes on now; of several threads, what the last one began.
    pub fn stage(&self) -> Stage {
        Stage::ALL.get(usize::from(self.stage.load(Ordering::Relaxed))).copied().unwrap_or(Stage::Other)
    }

    /// Runs a stage that is not cut into phases; returns its wall time with its result.
    pub fn during<R>(&self, stage: Stage, work: impl FnOnce() -> R) -> (R, Duration) {
        self.stage.store(stage as u8, Ordering::Relaxed);
        let started = Instant::now();
        let result = work();
        let time = started.elapsed();
        self.stage.store(Stage::Other as u8, Ordering::Relaxed);
        (result, time)
    }

    /// Times of the epoch whose steps began last.
    pub fn times(&self) -> EpochTimes {
        let seconds = |sum: &AtomicU64| sum.load(Ordering::Relaxed) as f64 * 1e-9;
        let [train, evaluate, evolve] = self.wall.each_ref().map(seconds);
        EpochTimes { train, shares: shares(train, self.nanoseconds.each_ref().map(seconds)), evaluate, evolve }
    }

    /// Runs a phase and adds its time. Steps, evaluation and the evolution after an epoch are stages; what an evaluation
    /// does is not told apart.
    #[inline(always)]
    pub(crate) fn part<R>(&self, phase: Phase, work: impl FnOnce() -> R) -> R {
        let started = self.start(phase);
        let result = work();
        self.end(phase, started);
        result
    }

    /// Begins a phase; says when, where its time counts.
    fn start(&self, phase: Phase) -> Option<Instant> {
        if phase == Phase::Steps {
            // An epoch's times begin with its steps.
            self.nanoseconds.iter().chain(&self.wall).for_each(|sum| sum.store(0, Ordering::Relaxed));
            self.training.store(true, Ordering::Relaxed);
        }
        let counts = self.training.load(Ordering::Relaxed) || self.stage_of_epoch(phase).is_some();
        counts.then(|| {
            self.stage.store(Stage::from(phase) as u8, Ordering::Relaxed);
            Instant::now()
        })
    }

    fn end(&self, phase: Phase, started: Option<Instant>) {
        let Some(started) = started else { return };
        let nanoseconds = started.elapsed().as_nanos() as u64;
        if phase == Phase::Steps {
            self.training.store(false, Ordering::Relaxed);
        }
        if let Some(wall) = self.stage_of_epoch(phase) {
            self.wall[wall].store(nanoseconds, Ordering::Relaxed);
            self.stage.store(Stage::Other as u8, Ordering::Relaxed);
        } else {
            self.nanoseconds[phase as usize].fetch_add(nanoseconds, Ordering::Relaxed);
        }
    }

    /// The place of a phase's wall time, where it is a stage of the epoch.
    fn stage_of_epoch(&self, phase: Phase) -> Option<usize> {
        match phase {
            Phase::Steps => Some(0),
            Phase::Evaluate => Some(1),
            Phase::Evolve if !self.training.load(Ordering::Relaxed) => Some(2),
            _ => None,
        }
    }
}

/// Updates, evolutions and exchanges are timed on the thread that waits for them; what wall time is left is the tiles', shared
/// out as their threads' time is.
fn shares(wall: f64, [batch, forward, backward, update, evolve, exchange]: [f64; 6]) -> Shares {
    let update = update.min(wall);
    let evolve = evolve.min(wall - update);
    let exchange = exchange.min(wall - update - evolve);
    let tiles = batch + forward + backward;
    let scale = if tiles > 0.0 { (wall - update - evolve - exchange) / tiles } else { 0.0 };
    Shares { batch: batch * scale, forward: forward * scale, backward: backward * scale, update, evolve, exchange }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phases_share_out_the_wall_time() {
        let found = shares(13.0, [1.0, 4.0, 11.0, 2.0, 1.0, 2.0]);
        assert_eq!(found, Shares { batch: 0.5, forward: 2.0, backward: 5.5, update: 2.0, evolve: 1.0, exchange: 2.0 });
        assert_eq!(shares(1.0, [0.0; 6]), Shares::default());
    }

    #[test]
    fn parts_count_in_training_only() {
        let clock = Clock::default();
        let wait = || std::thread::sleep(Duration::from_millis(2));
        clock.part(Phase::Evaluate, || {
            clock.part(Phase::Forward, wait);
            assert_eq!(clock.stage(), Stage::Evaluate);
        });
        assert!(clock.times().evaluate >= 0.002 && clock.times().shares == Shares::default());
        clock.part(Phase::Steps, || {
            clock.part(Phase::Forward, || {
                assert_eq!(clock.stage(), Stage::Forward);
                wait();
            });
            clock.part(Phase::Update, wait);
            clock.part(Phase::Evolve, wait);
        });
        let EpochTimes { train, shares, evaluate, evolve } = clock.times();
        assert!(shares.update >= 0.002 && shares.forward >= 0.002 && shares.evolve >= 0.002, "{shares:?}");
        assert!((shares.update + shares.forward + shares.evolve - train).abs() < 1e-9);
        assert_eq!((shares.batch, shares.backward, clock.stage()), (0.0, 0.0, Stage::Other));
        // An epoch that is not evaluated, nor evolves, has no such times: not those of the one before.
        assert_eq!((evaluate, evolve), (0.0, 0.0));
        clock.part(Phase::Evolve, wait);
        assert!(clock.times().evolve >= 0.002 && clock.times().train == train);
    }
}
