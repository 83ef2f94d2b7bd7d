//! Sources of samples.
//!
//! | file | answers |
//! |---|---|
//! | `source.rs` | what a source of samples offers, and what the outputs are compared with |
//! | `table.rs` | samples in memory |
//! | `shift.rs` | images moved by whole pixels in training |
//! | `element.rs` | what a feature is stored as |

pub(crate) mod element;
pub(crate) mod shift;
pub(crate) mod source;
pub(crate) mod table;

#[doc(hidden)]
pub use element::Element;
pub use shift::{PixelShift, Shifted};
pub use source::{SampleSource, Samples, Target};
pub use table::{Answers, Labels, Table, Unlabelled, Values};
