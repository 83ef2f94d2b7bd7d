//! The progress bar of a run.

use std::io::Write;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use rewire_core::step::Metrics;

use crate::training::directory::Epoch;

/// Tells the user something on stderr.
pub fn say(text: &str) {
    // A reader that went away does not end the work.
    let _ = writeln!(std::io::stderr(), "rewire: {text}");
}

/// A bar over all steps of a run, on stderr, with loss, accuracy and time left. Silent where stderr is no terminal,
/// except for a line an epoch.
#[derive(Debug)]
pub(crate) struct Progress {
    bar: ProgressBar,
    epochs: u32,
    steps: u64,
    measured: &'static str,
}

impl Progress {
    /// A bar for a run of `epochs` times `steps`.
    pub(crate) fn new(epochs: u32, steps: u64, validation: bool) -> Self {
        let bar =
            ProgressBar::with_draw_target(Some(u64::from(epochs) * steps), ProgressDrawTarget::stderr_with_hz(10));
        let template = "{bar:30} {percent:>3} %  {msg}  {elapsed} gone, {eta} left";
        bar.set_style(ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()));
        Self { bar, epochs, steps, measured: if validation { "validation" } else { "test" } }
    }

    /// After a step, counted from 0, with the epoch's metrics so far.
    pub(crate) fn step(&self, epoch: u32, step: u32, metrics: &Metrics) {
        if self.bar.is_hidden() {
            return;
        }
        self.bar.set_position(u64::from(epoch - 1) * self.steps + u64::from(step) + 1);
        self.bar.set_message(format!(
            "epoch {epoch}/{}  loss {:.4}  accuracy {:.2} %",
            self.epochs,
            metrics.loss(),
            100.0 * metrics.accuracy()
        ));
    }

    /// After an epoch.
    pub(crate) fn epoch(&self, row: &Epoch) {
        let line = format!(
            "epoch {:>4}/{}  loss {:.4}  accuracy {:.2} %  {} loss {:.4}  accuracy {:.2} %  {:.2} s",
            row.epoch,
            self.epochs,
            row.train_loss,
            100.0 * row.train_accuracy,
            self.measured,
            row.test_loss,
            100.0 * row.test_accuracy,
            row.train_seconds + row.evaluate_seconds + row.evolve_seconds,
        );
        if self.bar.is_hidden() {
            // A reader that went away does not end the run.
            let _ = writeln!(std::io::stderr(), "{line}");
        } else {
            self.bar.println(line);
        }
    }

    /// Takes the bar away.
    pub(crate) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}
