//! Experiments with truly sparse, evolving neural networks on a workstation.
//!
//! The training itself is [`rewire_core`]; this library brings datasets, threads, vectors, settings, the run directory and
//! the command line. A run in three calls:
//!
//! ```no_run
//! use std::sync::atomic::AtomicBool;
//! use std::time::Duration;
//!
//! use rewire::{backend::Native, config::Config, dataset::{self, DatasetName}, train};
//!
//! let config = Config { epochs: 5, ..Config::defaults(DatasetName::MnistMini) };
//! let data = dataset::load(config.dataset, &dataset::cache_dir(None))?;
//! let surroundings =
//!     train::Surroundings { out: Some("runs/first".into()), checkpoint: None, native: Native::new(0)?, monitor_interval: Duration::ZERO, interrupted: &AtomicBool::new(false) };
//! println!("{}", train::train(&config, data, surroundings)?.table());
//! # Ok::<(), anyhow::Error>(())
//! ```

pub mod augment;
pub mod backend;
pub mod bench;
pub mod checkpoint;
pub mod cli;
pub mod clock;
pub mod comparison;
pub mod config;
pub mod dataset;
pub mod error;
pub mod features;
pub mod figures;
pub mod files;
pub mod footprint;
pub mod image;
pub mod inputs;
pub mod model;
pub mod monitor;
pub mod network;
pub mod npy;
pub mod power_law;
pub mod progress;
pub mod record;
pub mod reference;
pub mod report;
pub mod run;
pub mod saved;
pub mod summary;
mod text;
pub mod train;
#[cfg(target_arch = "x86_64")]
mod vectors;
