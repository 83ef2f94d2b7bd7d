//! Experiments with truly sparse, evolving neural networks on a workstation.
//!
//! The training itself is [`rewire_core`]; this library brings datasets, threads, vectors, settings and run directories, and
//! the program `rewire` on top of them. Training on arrays in memory, without a file:
//!
//! ```
//! use std::ops::ControlFlow;
//!
//! use rewire::{Arrays, Config, fit};
//!
//! // Points in the unit square, above and below a curve.
//! let features: Vec<f32> = (0..600u32).map(|i| (i * i % 599) as f32 / 599.0).collect();
//! let labels: Vec<u16> = features.chunks(2).map(|p| u16::from(p[1] > p[0] * p[0])).collect();
//!
//! let samples = Arrays { features: &features, n_features: 2, labels: &labels, classes: 2, ..Arrays::default() };
//! let config = Config { hidden: vec![32, 32], epochs: 50, dropout: 0.0, ..Config::default() };
//! let model = fit(&config, &samples, None, |epoch| {
//!     // Stop early, log, draw a bar: this runs after each epoch.
//!     if epoch.trained.accuracy() > 0.97 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
//! })?;
//!
//! assert!(model.evaluate(&samples)?.accuracy() > 0.95);
//! assert_eq!(model.predict(&[0.9, 0.1, 0.1, 0.9])?, [0, 1]);
//! # Ok::<(), rewire::FitError>(())
//! ```
//!
//! | to | see |
//! |---|---|
//! | train on arrays, with a callback an epoch | [`fit()`], with the settings in [`Config`] |
//! | predict, measure and save the network | [`Model`] |
//! | train with a run directory that can be resumed, plotted and reported | [`training`] |
//! | load the known datasets | [`data`] |
//! | choose threads and vector instructions | [`Native`](engine::native::Native), with [`fit_on`] |
//! | read saved runs, draw them | [`analysis`], [`figures`], [`report`] |
//!
//! The library prints nothing and ends nothing: a run reports to a [`Watcher`](training::watch::Watcher), a download to a
//! [`data::Progress`], and the program's [`commands`] show it.
//!
//! # Features
//!
//! All are on by default; `default-features = false` leaves what training needs.
//!
//! | feature | what it brings |
//! |---|---|
//! | `cli` | the program `rewire` and [`commands`], with the others |
//! | `figures` | [`figures`] and [`report`] |
//! | `formats` | [`data::formats`]: samples of one's own from CSV, LIBSVM text, NPY, NPZ, pictures and IDX |
//! | `fetch` | [`data::fetch`]: downloads of the known datasets, which without it are read from the cache folder |

pub mod analysis;
pub mod bench;
#[cfg(feature = "cli")]
pub mod commands;
pub mod data;
pub mod error;
#[cfg(feature = "figures")]
pub mod figures;
pub mod files;
pub mod firmware;
mod fit;
pub mod model;
pub mod npy;
#[cfg(feature = "figures")]
pub mod report;
pub mod scale;
pub mod settings;
pub mod sweep;
mod text;
pub mod training;

pub use data::{ArrayError, Arrays};
pub use error::FitError;
pub use fit::{fit, fit_on};
pub use model::safetensors::Model;
pub use rewire_core::error::TrainError;
pub use rewire_core::step::Metrics;
pub use rewire_core::train::Epoch;
pub use rewire_engine as engine;
pub use settings::Config;
