//! Where samples come from.
//!
//! | file | answers |
//! |---|---|
//! | `source.rs` | what a source of samples offers |
//! | `table.rs` | samples in memory |
//! | `shift.rs` | images moved by whole pixels in training |
//! | `element.rs` | what a feature is stored as |

pub(crate) mod element;
pub(crate) mod shift;
pub(crate) mod source;
pub(crate) mod table;

pub use element::Element;
pub use shift::{PixelShift, Shifted};
pub use source::Samples;
pub use table::Table;
