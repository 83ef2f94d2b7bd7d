//! The command line from end to end: bad input, interruptions, full disks, and that equal settings give equal bytes.

#![expect(clippy::unwrap_used, reason = "a step that fails fails the test")]

mod average;
mod compare;
mod datasets;
mod equal;
mod filter;
mod help;
mod images;
mod interruption;
mod join;
mod models;
mod output;
mod own_data;
mod predictions;
#[path = "../program/mod.rs"]
mod program;
mod reading;
mod run_directory;
mod same_samples;
mod scale;
mod settings;
mod settings_files;
mod support;
mod sweep;
mod synthetic;
