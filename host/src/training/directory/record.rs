//! Where and when a run was made: the table `[record]` of its `config.toml`.

use rewire_engine::native::Native;
use serde::{Deserialize, Serialize};

use crate::settings::Config;

/// Where and when a run was made: results do not depend on it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Version of this program.
    pub version: String,
    /// Commit it was built from; `-dirty` when files differed from it.
    pub commit: String,
    /// Processor and SIMD level.
    pub machine: String,
    /// Threads.
    pub threads: usize,
    /// Start, in UTC.
    pub date: String,
    /// Samples in a tile, on which the bits depend.
    pub lanes: usize,
    /// Process.
    #[serde(default)]
    pub pid: u32,
    /// Its niceness.
    #[serde(default)]
    pub nice: i64,
}

impl Record {
    /// The record of a run that starts now.
    pub fn now(config: &Config, native: &Native) -> Self {
        Self {
            version: env!("CARGO_PKG_VERSION").into(),
            commit: env!("REWIRE_COMMIT").into(),
            machine: format!("{}, {}", processor(), native.simd()),
            threads: rewire_core::backend::Backend::threads(native),
            date: humantime::format_rfc3339_seconds(std::time::SystemTime::now()).to_string(),
            lanes: config.lanes(),
            pid: std::process::id(),
            nice: crate::training::monitor::niceness(),
        }
    }
}

/// The processor's name, where the system tells it.
pub fn processor() -> String {
    let name = std::fs::read_to_string("/proc/cpuinfo").ok().and_then(|text| {
        let line = text.lines().find(|line| line.starts_with("model name"))?;
        Some(line.split_once(':')?.1.trim().to_owned())
    });
    name.unwrap_or_else(|| std::env::consts::ARCH.to_owned())
}
