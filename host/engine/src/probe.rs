//! Measuring a step: how long each kernel takes, and which blocks may run at once.

use std::fmt::Debug;
use std::time::Duration;

/// What a [`Probe`] is told of.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Event {
    /// Two blocks that may run at once begin; the first one runs now.
    Fork,
    /// The first of two blocks has ended; the second one runs now.
    Second,
    /// Both blocks have ended.
    Join,
    /// A kernel of this name has ended, which took so long.
    Kernel(&'static str, Duration),
}

/// Who is told of all work, which runs on the calling thread: see [`Native::with_probe`](crate::native::Native::with_probe).
pub trait Probe: Debug + Send + Sync {
    /// Threads for which the core cuts its work into blocks.
    fn threads(&self) -> usize {
        1
    }

    /// Something has happened.
    fn told(&self, event: Event);
}
