//! Tests of the firmware: programs are built for boards, read as ELF files and run under QEMU.
//!
//! Needs QEMU, flip-link, defmt-print and Rust's targets for Cortex-M, so it is built with feature `full` only;
//! `tests/run` installs what is missing.

#![expect(clippy::unwrap_used, reason = "a step that fails fails the test")]

mod equals_host;
mod exported;
mod field;
mod firmware;
mod own_project;
mod power_loss;
#[path = "../program/mod.rs"]
mod program;
mod promises;
mod readme;
mod uart;
