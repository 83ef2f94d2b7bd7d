//! Sources of samples.
//!
//! | file | answers |
//! |---|---|
//! | `source.rs` | what a source of samples offers, and what the outputs are compared with |
//! | `needed.rs` | which samples a minibatch has, and which of several ranks needs each |
//! | `answers.rs` | what the outputs should be |
//! | `one.rs` | a single sample |
//! | `table.rs` | samples in memory |
//! | `normalise.rs` | running mean and deviation of features |
//! | `shift.rs` | random translation of training images by whole pixels |
//! | `element.rs` | what a feature is stored as |

pub(crate) mod answers;
pub(crate) mod element;
pub(crate) mod needed;
pub(crate) mod normalise;
pub(crate) mod one;
pub(crate) mod shift;
pub(crate) mod source;
pub(crate) mod table;

pub use answers::{Answer, Answers, Labels, Unlabelled, Values};
#[doc(hidden)]
pub use element::Element;
pub use needed::Needed;
pub use normalise::{Moments, Normalised, Scale};
pub use shift::{PixelShift, Shifted};
pub use source::{SampleSource, Samples, Target};
pub use table::Table;
