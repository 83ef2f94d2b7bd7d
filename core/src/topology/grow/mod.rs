//! Growth: where new connections are placed. One file a rule.
//!
//! A new rule is a new file here, a variant of [`Growth`] and an arm of its `grow`.
//!
//! | file | answers |
//! |---|---|
//! | `rule.rs` | which rules there are |
//! | `random.rs`, `near.rs`, `local.rs` | where each of them places a connection |
//! | `gradient.rs`, `hebbian.rs` | what each of them thinks of a free cell |
//! | `best.rs` | the free cells that these two think most of |
//! | `cells.rs` | which cells they look at |
//! | `place.rs` | how a connection gets into a matrix: exact counts, columns sorted and unique, in place |
//! | `row.rs` | which columns of a row are free |
//! | `runs.rs` | the same for rows so long that single connections would take too long |

pub(crate) mod best;
pub(crate) mod cells;
pub(crate) mod gradient;
pub(crate) mod hebbian;
pub(crate) mod local;
pub(crate) mod near;
pub(crate) mod place;
pub(crate) mod random;
pub(crate) mod row;
pub(crate) mod rule;
pub(crate) mod runs;

pub use local::Locality;
pub use rule::Growth;
