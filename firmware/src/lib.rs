//! What the programs on the chip share: memory, samples, faults, the stack's high-water mark and the networks.
//!
//! The training itself is `rewire_core`; a program brings a block of memory, a source of samples and a log.

#![no_std]

pub mod count;
pub mod fault;
pub mod host;
pub mod memory;
pub mod networks;
pub mod samples;
pub mod stack;

// The programs log through it.
use defmt_semihosting as _;
