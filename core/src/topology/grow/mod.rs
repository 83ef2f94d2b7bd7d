//! Growth: where new connections are placed. One file a rule.
//!
//! A new rule is a new file here, a variant of [`Growth`] and an arm of its `grow`.
//!
//! | file | answers |
//! |---|---|
//! | `rule.rs` | which rules there are |
//! | `random.rs`, `near.rs`, `local.rs` | where each of them places a connection |
//! | `place.rs` | how a connection gets into a matrix: exact counts, columns sorted and unique, in place |

pub(crate) mod local;
pub(crate) mod near;
pub(crate) mod place;
pub(crate) mod random;
pub(crate) mod rule;

pub use local::Locality;
pub use rule::Growth;
