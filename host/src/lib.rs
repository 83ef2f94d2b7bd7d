//! Experiments with truly sparse, evolving neural networks on a workstation.
//!
//! The training itself is [`rewire_core`]; this library brings datasets, threads, vectors, settings, the run directory and
//! the command line. A run in three calls:
//!
//! ```no_run
//! use std::sync::atomic::AtomicBool;
//! use std::time::Duration;
//!
//! use rewire::{engine::native::Native, settings::Config, data::{self, DatasetName}, training};
//!
//! let config = Config { epochs: 5, ..Config::defaults(DatasetName::MnistMini) };
//! let data = data::load(config.dataset, &data::cache_dir(None))?;
//! let surroundings = training::Surroundings {
//!     out: Some("runs/first".into()),
//!     checkpoint: None,
//!     native: Native::new(0)?,
//!     monitor_interval: Duration::ZERO,
//!     interrupted: &AtomicBool::new(false),
//! };
//! println!("{}", training::train(&config, data, surroundings)?.table());
//! # Ok::<(), anyhow::Error>(())
//! ```

pub mod analysis;
pub mod bench;
pub mod commands;
pub mod data;
pub mod engine;
pub mod error;
pub mod figures;
pub mod files;
pub mod model;
pub mod npy;
pub mod report;
pub mod settings;
mod text;
pub mod training;
