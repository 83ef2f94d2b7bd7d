//! A run from settings to run directory: data, network, epochs and their results.
//!
//! | file | question |
//! |---|---|
//! | `task` | which samples are trained on and measured |
//! | `fitting` | which settings and samples fit each other |
//! | `session` | how a network is trained in memory, whoever observes it |
//! | `trained` | a network in memory, trained at once or an epoch at a time |
//! | `in_memory` | how that goes, and who hears of it |
//! | `run` | how a run with a directory begins, continues and ends |
//! | `ranks`, `follower` | a run on several ranks: what they must have in common, and what all but the first do |
//! | `epoch_writer` | what is written after each epoch, and when |
//! | `average` | the moving average of the weights |
//! | `early_stopping` | which epoch's network is kept, and when a run ends early |
//! | `directory` | which files a run directory has, and how they are written |
//! | `checkpoint` | the state from which a run continues |
//! | `saver` | when that is flushed to the disk |
//! | `recorder` | which connections there have been, for SET |
//! | `monitor` | CPU, memory and I/O while a run trains |
//! | `lock` | how two programs keep out of each other's runs |
//! | `memory` | what a network needs, and whether it fits |
//! | `watch`, `warn` | who hears of steps and epochs, and of what a run goes on without |
//! | `summary` | the closing figures |

mod average;
pub mod checkpoint;
pub mod directory;
pub(crate) mod early_stopping;
mod epoch_writer;
pub mod fitting;
mod follower;
pub mod in_memory;
pub mod lock;
pub mod memory;
pub mod monitor;
pub mod ranks;
pub mod recorder;
mod run;
mod saver;
pub mod session;
pub mod summary;
pub mod task;
pub mod trained;
pub mod warn;
pub mod watch;

/// The most threads that anyone may ask for: more than any machine has, and few enough for any to start.
pub const MOST_THREADS: u64 = 4096;

pub use follower::follow;
pub use run::{Surroundings, resumable, train};
