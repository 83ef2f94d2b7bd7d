//! How large a network this machine trains: the same network at ten thousand neurons, a hundred thousand and so on, with its
//! memory and its time.
//!
//! The library measures one size, in the process that asks for it. Whoever measures several starts a process for each, so
//! that the peak memory of one is not that of a size before it: `rewire scale` does.
//!
//! | file | answers |
//! |---|---|
//! | `sizes.rs` | which sizes there are, and the settings of each |
//! | `measure.rs` | what training one size takes |
//! | `table.rs` | how the sizes compare, for people and for programs |

pub mod measure;
pub mod sizes;
pub mod table;

pub use measure::{Measurement, measure};
pub use sizes::{LARGEST, SMALLEST, default_text, settings, sizes};
pub use table::{Sheet, Table};
