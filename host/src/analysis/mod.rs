//! What saved runs say: degrees, statistics, selected features, memory, comparisons. Nothing here draws.

pub mod comparison;
pub mod features;
pub mod footprint;
pub mod power_law;
pub mod reference;
pub mod saved;
