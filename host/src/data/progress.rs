//! How long operations tell what they are doing, and how they are asked to stop.

/// What a fetch reports to.
pub trait Progress {
    /// A line for the user.
    fn message(&mut self, text: &str);
    /// A task begins; `total` is its size in bytes, when known.
    fn start(&mut self, label: &str, total: Option<u64>);
    /// The task stands at `bytes`.
    fn advance(&mut self, bytes: u64);
    /// The task is over.
    fn finish(&mut self);
    /// Whether to stop as soon as possible; unfinished files stay behind as `.part`.
    fn cancelled(&self) -> bool {
        false
    }
}

/// Says nothing.
#[derive(Debug, Default)]
pub struct Silent;

impl Progress for Silent {
    fn message(&mut self, _text: &str) {}
    fn start(&mut self, _label: &str, _total: Option<u64>) {}
    fn advance(&mut self, _bytes: u64) {}
    fn finish(&mut self) {}
}
