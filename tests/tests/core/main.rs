//! Tests of `rewire-core` through its public interface: one program, so that its generic code is compiled once.

#![expect(clippy::unwrap_used, reason = "a step that fails fails the test")]

mod allocation;
mod blocks;
mod evolution_in_parts;
mod footprint;
mod golden_run;
mod gradients;
mod in_parts;
mod initial_topology;
mod load_layer;
mod losses;
mod power_loss;
mod ranks;
mod regression;
mod streaming;
mod thinning;
mod topology;
