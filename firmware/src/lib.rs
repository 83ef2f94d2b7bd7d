//! What the programs on the chip share: memory, samples, faults, the stack's high-water mark, the networks.
//!
//! The files that every project for a board has are those of `rewire export --firmware`.
//!
//! `rewire_core` does the training; a program brings a block of memory, a source of samples and a log. With feature
//! `semihosting`, the default, a host provides arguments and files; feature `rtt` needs no host.

#![no_std]

#[cfg(all(feature = "semihosting", feature = "rtt"))]
compile_error!("features `semihosting` and `rtt` exclude each other: add --no-default-features");
#[cfg(not(any(feature = "semihosting", feature = "rtt")))]
compile_error!("a program logs through feature `semihosting` or feature `rtt`: choose one");

#[cfg(boot_stage)]
#[path = "../../host/template/src/boot.rs"]
mod boot;
pub mod count;
#[path = "../../host/template/src/end.rs"]
pub mod end;
#[path = "../../host/template/src/fault.rs"]
pub mod fault;
#[cfg(feature = "checkpoint")]
pub mod flash;
#[cfg_attr(feature = "semihosting", path = "host/semihosting.rs")]
#[cfg_attr(not(feature = "semihosting"), path = "host/rtt.rs")]
pub mod host;
pub mod memory;
pub mod networks;
pub mod nor;
pub mod run;
pub mod samples;
#[path = "../../host/template/src/stack.rs"]
pub mod stack;
