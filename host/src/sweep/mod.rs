//! Sweeps: many runs that differ in a few settings, compared on validation samples.
//!
//! A file says which settings are searched and how ([`Plan::read`]). A sweep has rounds: each trains its trials with
//! more epochs than the round before, and the best go on (successive halving; Jamieson and Talwalkar 2016, arXiv
//! 1502.07943). The test samples are never looked at.
//!
//! | file | answers |
//! |---|---|
//! | `plan.rs` | which trials there are, and how many of them each round trains for how many epochs |
//! | `search.rs` | the values that a file searches, as choices or between two bounds |
//! | `outcome.rs` | what was measured, which trials are best, and the tables of it |

pub mod outcome;
pub mod plan;
pub mod search;

pub use outcome::{Outcome, Table};
pub use plan::{Plan, Round, Trial};
