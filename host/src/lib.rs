pub mod backend;
pub mod dataset;
#[cfg(target_arch = "x86_64")]
mod vectors;
