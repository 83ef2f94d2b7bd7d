//! How long operations tell what they are doing, and how they are asked to stop.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

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

/// A progress bar on standard error; only the messages when that is not a terminal.
#[derive(Debug, Default)]
pub struct Bar {
    bar: Option<ProgressBar>,
    cancel: Option<Arc<AtomicBool>>,
}

impl Bar {
    /// A bar that cannot be cancelled.
    pub fn new() -> Self {
        Self::default()
    }

    /// A bar that stops the operation when `cancel` turns true, such as by a Ctrl-C handler.
    pub fn with_cancel(cancel: Arc<AtomicBool>) -> Self {
        Self { bar: None, cancel: Some(cancel) }
    }
}

impl Progress for Bar {
    fn message(&mut self, text: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| eprintln!("{text}")),
            None => eprintln!("{text}"),
        }
    }

    fn start(&mut self, label: &str, total: Option<u64>) {
        self.finish();
        let (bar, template) = match total {
            Some(total) => {
                (ProgressBar::new(total), "{msg} [{bar:30}] {bytes}/{total_bytes} {bytes_per_sec}, {eta} left")
            }
            None => (ProgressBar::new_spinner(), "{spinner} {msg} {elapsed}"),
        };
        // A broken template would only cost the decoration.
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style.progress_chars("=> "));
        }
        bar.set_message(label.to_owned());
        if total.is_none() {
            bar.enable_steady_tick(Duration::from_millis(100));
        }
        self.bar = Some(bar);
    }

    fn advance(&mut self, bytes: u64) {
        if let Some(bar) = &self.bar {
            bar.set_position(bytes);
        }
    }

    fn finish(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }

    fn cancelled(&self) -> bool {
        self.cancel.as_ref().is_some_and(|cancel| cancel.load(Ordering::Relaxed))
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.finish();
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
