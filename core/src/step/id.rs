//! The number of a step in its run, and the position from which a run continues.

/// A step of a run: what its randomness is drawn from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct StepId {
    /// Seed of the run.
    pub seed: u64,
    /// Epoch, counted from 1.
    pub epoch: u32,
    /// Minibatch within the epoch, counted from 0.
    pub step: u32,
}

/// The position from which training continues: all that precedes this step of this epoch is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Progress {
    /// Epoch, counted from 1.
    pub epoch: u32,
    /// The epoch's next step, counted from 0. Behind the last one, what is left is the end of the epoch: evaluation and
    /// evolution.
    pub step: u32,
}

impl Progress {
    /// The first step of the first epoch.
    pub const START: Self = Self { epoch: 1, step: 0 };
}
