//! What the tests of this workspace share: an obvious oracle, tolerances, and generators of networks, samples and files.

pub mod kind;
pub mod memory;
pub mod numpy;
pub mod oracle;
pub mod ranks;
pub mod samples;
pub mod statistics;
pub mod structure;
pub mod tolerance;
