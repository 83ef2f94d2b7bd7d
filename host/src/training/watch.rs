//! Who hears how a run goes: the program shows a bar, a caller from Rust what it likes, a test nothing.

use rewire_core::train::Step;

use crate::settings::TaskKind;
use crate::training::directory::Epoch;

/// How much a run has to do, of which a run that is continued has done a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    /// Epochs.
    pub epochs: u32,
    /// Steps of each.
    pub steps: u64,
    /// Whether samples held out from training are measured, in place of test samples.
    pub validation: bool,
    /// What is learned.
    pub task: TaskKind,
}

/// What a run reports to, in this order.
pub trait Watcher: Send {
    /// Before the first step.
    fn begin(&mut self, extent: Extent);
    /// After each step, with the epoch's metrics so far; the score is the accuracy of a classifier, else R².
    fn step(&mut self, step: &Step<'_>, score: f32);
    /// After each epoch, once its row is in `metrics.csv`.
    fn epoch(&mut self, row: &Epoch);
    /// After the last step, also of a run that was interrupted or failed.
    fn end(&mut self);
}

/// Watches nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unwatched;

impl Watcher for Unwatched {
    fn begin(&mut self, _extent: Extent) {}
    fn step(&mut self, _step: &Step<'_>, _score: f32) {}
    fn epoch(&mut self, _row: &Epoch) {}
    fn end(&mut self) {}
}
