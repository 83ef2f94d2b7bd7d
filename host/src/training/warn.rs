//! Who hears what a run goes on without: a damaged checkpoint, a monitor that cannot start.

use std::fmt;
use std::sync::Arc;

/// Hears a sentence for each thing that a run goes on without, from any thread.
#[derive(Clone)]
pub struct Warn(Arc<dyn Fn(&str) + Send + Sync>);

impl Warn {
    /// Warnings go to `hear`.
    pub fn new(hear: impl Fn(&str) + Send + Sync + 'static) -> Self {
        Self(Arc::new(hear))
    }

    /// Warnings go nowhere.
    pub fn nobody() -> Self {
        Self::new(|_| {})
    }

    /// Passes a sentence on.
    pub fn warn(&self, sentence: &str) {
        (self.0)(sentence);
    }
}

impl fmt::Debug for Warn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Warn")
    }
}
