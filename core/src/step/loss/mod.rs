//! What a network's outputs are compared with, and what is measured.
//!
//! | file | answers |
//! |---|---|
//! | `metrics.rs` | what a pass over samples measures |
//! | `cross_entropy.rs` | the loss of labels |
//! | `clip.rs` | gradients of a sample that are too long |
//! | `squared_error.rs` | the loss of numbers: a regression's values, or an autoencoder's input |

pub(crate) mod clip;
pub(crate) mod cross_entropy;
pub(crate) mod metrics;
pub(crate) mod squared_error;

pub use metrics::Metrics;
