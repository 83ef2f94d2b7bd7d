//! What every subcommand writes in the same way: JSON, notes, files.

use std::io::Write;
use std::path::PathBuf;

use anyhow::{Context, Result};
use serde::Serialize;

/// Writes JSON to stdout. Floats have their shortest digits if they are written as they are, and not by way of
/// [`serde_json::Value`].
pub(super) fn print_json(value: &impl Serialize) -> Result<()> {
    print(serde_json::to_string_pretty(value)?)
}

/// Writes a line to stdout.
pub(super) fn print(text: impl std::fmt::Display) -> Result<()> {
    writeln!(std::io::stdout(), "{text}").context("cannot write the output")
}

/// Writes a line for each file.
pub(super) fn print_files(files: &[PathBuf]) -> Result<()> {
    files.iter().try_for_each(|file| print(file.display()))
}

/// Says something beside the results.
pub(super) fn note(text: impl std::fmt::Display) {
    // Without a reader the work is done all the same.
    let _ = writeln!(std::io::stderr(), "note: {text}");
}

/// Says what a run lacks.
pub(super) fn warn_of_missing(missing: &[String]) {
    for missing in missing {
        // As in `note`.
        let _ = writeln!(std::io::stderr(), "rewire: {missing}");
    }
}
