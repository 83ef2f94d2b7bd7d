//! Pruning: which connections an evolution removes. One file a rule.
//!
//! A new rule is a new file here with a [`Score`](select::Score), a variant of [`Pruning`] and an arm of its `prune`.
//!
//! | file | answers |
//! |---|---|
//! | `rule.rs` | which rules there are |
//! | `magnitude.rs`, `relative.rs`, `soft.rs` | what each of them scores a connection by |
//! | `select.rs` | which scores are the smallest: one selection for all |
//! | `compact.rs` | how connections leave a matrix |
//! | `neurons.rs` | how connections of some neurons leave a layer |
//! | `percolate.rs` | which connections lead nowhere |

pub(crate) mod compact;
pub(crate) mod magnitude;
pub(crate) mod neurons;
pub(crate) mod percolate;
pub(crate) mod relative;
pub(crate) mod rule;
pub(crate) mod select;
pub(crate) mod soft;

pub use rule::{Pruning, survivors};
