//! Networks: what a layer is, how many bytes a network needs, and the network itself.
//!
//! | file | answers |
//! |---|---|
//! | `spec.rs` | what a layer is: widths, connections, storage, activation |
//! | `plan.rs` | which buffers a network needs, and how many bytes they take |
//! | `arena.rs` | how one block is cut into aligned slices |
//! | `model.rs` | the arrays of a layer |
//! | `mlp.rs` | the network that trains, cut from one block |
//! | `frozen.rs` | the network whose model stays in flash |

pub(crate) mod arena;
pub(crate) mod frozen;
pub(crate) mod mlp;
pub(crate) mod model;
pub(crate) mod plan;
pub(crate) mod spec;

pub use arena::{Arena, Block};
pub use frozen::Frozen;
pub use mlp::Mlp;
pub use model::LayerRef;
pub use plan::{Description, Footprint};
pub use spec::{LayerSpec, MAX_LAYERS, Storage, erdos_renyi_connections};
