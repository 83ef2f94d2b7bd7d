//! Tests of the `rewire` library and of runs of its program: one program, so that it is linked once.

#![expect(clippy::unwrap_used, reason = "a step that fails fails the test")]

mod blocks;
mod dataset;
mod determinism;
mod effects;
mod examples;
mod fetch;
mod firmware_networks;
mod first_command;
mod golden_bits;
mod kernels_vs_dense;
mod library;
mod mutated_files;
#[path = "../program/mod.rs"]
mod program;
mod resume;
mod safetensors;
mod shared_samples;
mod storage;
mod two_programs;
