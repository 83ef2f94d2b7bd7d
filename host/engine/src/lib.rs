//! The networks of `rewire-core` on a workstation: threads, vector instructions, wall time, and networks whose format and
//! tile width are known at run time only.
//!
//! This package compiles the kernels for each format, tile width and set of vector instructions, which takes long. Nobody
//! else does: programs and tests go through [`dynamic::Network`].

mod blocks;
// The tests of this package do without: they would compile every kernel again.
#[cfg(not(test))]
pub mod build;
pub mod clock;
mod deferred;
#[cfg(not(test))]
pub mod dynamic;
pub mod error;
pub mod layer;
#[cfg(not(test))]
mod load;
pub mod memory;
#[cfg(not(test))]
mod minibatch;
pub mod native;
pub mod probe;
pub mod ranks;
#[cfg(target_arch = "x86_64")]
mod vectors;
