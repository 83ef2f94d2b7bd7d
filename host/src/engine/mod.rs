//! The machine: threads, vector instructions, wall time, and networks whose format is known at run time only.

pub mod clock;
pub mod dynamic;
pub mod native;
#[cfg(target_arch = "x86_64")]
mod vectors;
