//! The one training driver: epochs, schedules, evolution and evaluation, in one order everywhere.
//!
//! A [`Trainer`] takes a network through a run and tells an [`Observer`] what happens. A host writes files from it, a
//! chip saves checkpoints, a test looks at bits; none of them has a loop of its own.
//!
//! ```text
//! for each epoch
//!     learning rate and zeta of the epoch
//!     for each step
//!         train one minibatch              loss infinite or NaN: the run ends with an error
//!         every evolve_every steps: evolve, but not after the last step
//!         Observer::step                   may end the run
//!     evaluate the test samples            loss infinite or NaN: the run ends with an error
//!     evolve                               not after the last epoch, nor after evolve_until
//!     Observer::epoch                      may end the run
//! ```
//!
//! | file | answers |
//! |---|---|
//! | `settings.rs` | the settings of a run, and their values in each epoch |
//! | `observer.rs` | the events that an observer sees |
//! | `confusion.rs` | which classes are taken for which |
//! | `trainer.rs` | the order of it all |

pub(crate) mod confusion;
pub(crate) mod observer;
pub(crate) mod settings;
pub(crate) mod trainer;

pub use confusion::Confusion;
pub use observer::{Epoch, Observer, Step};
pub use settings::TrainSettings;
#[doc(hidden)]
pub use settings::{evolves, last_evolution};
pub use trainer::{Ended, Trainer};
