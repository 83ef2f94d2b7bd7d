//! What the user sees of work that goes on: lines on standard error, and progress bars where that is a terminal.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use rewire_core::train::Step;

use crate::data;
use crate::settings::{score_name, score_text};
use crate::training::directory::Epoch;
use crate::training::watch::{Extent, Watcher};

/// Tells the user something on stderr.
pub(super) fn say(text: &str) {
    // A reader that went away does not end the work.
    let _ = writeln!(std::io::stderr(), "rewire: {text}");
}

/// A bar over all steps of a run, on stderr, with loss, accuracy and time left. Silent where stderr is no terminal,
/// except for a line an epoch.
#[derive(Debug, Default)]
pub(super) struct RunBar {
    shown: Option<(ProgressBar, Extent)>,
}

impl Watcher for RunBar {
    fn begin(&mut self, extent: Extent) {
        let steps = u64::from(extent.epochs) * extent.steps;
        let bar = ProgressBar::with_draw_target(Some(steps), ProgressDrawTarget::stderr_with_hz(10));
        let template = "{bar:30} {percent:>3} %  {msg}  {elapsed} gone, {eta} left";
        bar.set_style(ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()));
        self.shown = Some((bar, extent));
    }

    fn step(&mut self, step: &Step<'_>, score: f32) {
        let Some((bar, Extent { epochs, steps, task, .. })) = &self.shown else { return };
        if bar.is_hidden() {
            return;
        }
        bar.set_position(u64::from(step.epoch - 1) * steps + u64::from(step.step) + 1);
        let (loss, name, score) = (step.trained.loss(), score_name(*task), score_text(*task, score));
        bar.set_message(format!("epoch {}/{epochs}  loss {loss:.4}  {name} {score}", step.epoch));
    }

    fn epoch(&mut self, row: &Epoch) {
        let Some((bar, Extent { epochs, validation, task, .. })) = &self.shown else { return };
        let (name, score) = (score_name(*task), |score| score_text(*task, score));
        let measured = if *validation { "validation" } else { "test" };
        let line = format!(
            "epoch {:>4}/{epochs}  loss {:.4}  {name} {}  {measured} loss {:.4}  {name} {}  {:.2} s",
            row.epoch,
            row.train_loss,
            score(row.train_accuracy),
            row.test_loss,
            score(row.test_accuracy),
            row.train_seconds + row.evaluate_seconds + row.evolve_seconds,
        );
        if bar.is_hidden() {
            // A reader that went away does not end the run.
            let _ = writeln!(std::io::stderr(), "{line}");
        } else {
            bar.println(line);
        }
    }

    fn end(&mut self) {
        if let Some((bar, _)) = self.shown.take() {
            bar.finish_and_clear();
        }
    }
}

/// A bar over the files of a dataset, on stderr; only the messages where that is no terminal.
#[derive(Debug)]
pub(super) struct DataBar {
    bar: Option<ProgressBar>,
    cancel: Arc<AtomicBool>,
}

impl DataBar {
    /// A bar that stops the operation when `cancel` turns true, such as by a Ctrl-C handler.
    pub(super) fn new(cancel: Arc<AtomicBool>) -> Self {
        Self { bar: None, cancel }
    }
}

impl data::Progress for DataBar {
    fn message(&mut self, text: &str) {
        // As in `say`.
        let write = || writeln!(std::io::stderr(), "{text}");
        let _ = match &self.bar {
            Some(bar) => bar.suspend(write),
            None => write(),
        };
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
        self.cancel.load(Ordering::Relaxed)
    }
}

impl Drop for DataBar {
    fn drop(&mut self) {
        data::Progress::finish(self);
    }
}
