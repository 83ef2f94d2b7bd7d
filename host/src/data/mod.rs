//! Datasets: their names, their samples, and the cache folder they live in.
//!
//! `mnist-mini` is part of the program and needs neither network nor files. The others are fetched once into
//! `<cache>/<name>/` and verified by SHA-256 before they get their final names:
//!
//! ```text
//! <cache>/mnist/train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte, t10k-labels-idx1-ubyte
//! <cache>/fashion-mnist/  the same four names
//! <cache>/cifar10/data_batch_1.bin … data_batch_5.bin, test_batch.bin
//! ```
//! Anything whose name ends in `.part` is unfinished and can be deleted.
//!
//! ```
//! use rewire::data::{self, DatasetName};
//!
//! let data = data::load(DatasetName::MnistMini, &data::cache_dir(None))?;
//! assert_eq!((data.train.len(), data.test.len()), (2000, 1000));
//! assert_eq!((data.features(), data.outputs), (784, 10));
//! # Ok::<(), data::Error>(())
//! ```
//!
//! | file | question |
//! |---|---|
//! | `name` | which datasets are known |
//! | `samples` | how samples lie in memory: bytes or floats, borrowed or owned |
//! | `arrays` | which samples a caller may bring |
//! | `dataset` | what is trained on and what is measured |
//! | `draw` | which samples are drawn to be trained on, held out or measured |
//! | `filter` | what images go through before they are scaled |
//! | `normaliser` | how features become inputs of a network |
//! | `share` | which samples each of several ranks keeps, and how the others get them |
//! | `source` | how samples come into a network's tiles |
//! | `augment`, `mixup` | how images are changed in training, and how samples are blended |
//! | `synthetic` | samples that are computed when they are needed |
//! | `data_source` | where samples come from: a known dataset or a path |
//! | `formats` | how files of the user's own are read |
//! | `open`, `missing` | how they become a dataset: samples set apart for testing, missing values |
//! | `load` | where the known datasets are, and how they are read |
//! | `idx`, `cifar10` | how their files are written |
//! | `manifest` | which files they have, with sizes and SHA-256 |
//! | `store`, `fetch` | how files come into the cache |
//! | `mini` | how the bundled dataset was drawn |

pub(crate) mod arrays;
pub mod augment;
pub mod cifar10;
mod data_source;
mod dataset;
pub mod draw;
mod error;
#[cfg(feature = "fetch")]
pub mod fetch;
pub mod filter;
#[cfg(feature = "formats")]
pub mod formats;
pub mod idx;
mod load;
pub mod manifest;
pub mod mini;
#[cfg(feature = "formats")]
pub mod missing;
pub mod mixup;
mod name;
pub mod normaliser;
#[cfg(feature = "formats")]
mod open;
pub mod progress;
pub mod samples;
pub mod share;
pub mod source;
pub mod store;
pub mod synthetic;

pub use arrays::{ArrayError, Arrays, MOST_CLASSES};
pub use data_source::DataSource;
pub use dataset::{Dataset, Names};
pub use error::{Attempt, Error};
#[cfg(feature = "fetch")]
pub use fetch::ensure;
pub use load::{cache_dir, load, load_entry};
pub use name::{DatasetName, ImageShape, UnknownName};
#[cfg(feature = "formats")]
pub use open::{Opened, arrange, open, open_for};
pub use progress::{Progress, Silent};
