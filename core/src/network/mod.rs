//! Networks: what a layer is, how many bytes a network needs, and the network itself.
//!
//! | file | answers |
//! |---|---|
//! | `spec.rs` | what a layer is: widths, connections, storage, activation |
//! | `description.rs` | what a network is built to do, and whether it can be |
//! | `plan.rs` | which buffers a network has: the one list |
//! | `footprint.rs` | how many bytes they take |
//! | `arena.rs`, `cut.rs` | how one block is cut into them |
//! | `model.rs` | the arrays of a layer |
//! | `mlp.rs` | the network that trains, cut from one block |
//! | `blocks.rs` | the arrays of its layers that are stored in blocks |
//! | `frozen.rs` | the network whose model stays in flash |

pub(crate) mod arena;
pub(crate) mod blocks;
pub(crate) mod cut;
pub(crate) mod description;
pub(crate) mod footprint;
pub(crate) mod frozen;
pub(crate) mod mlp;
pub(crate) mod model;
pub(crate) mod plan;
pub(crate) mod spec;

pub use arena::Block;
pub use blocks::BlockArrays;
pub use description::Description;
pub use footprint::Footprint;
pub use frozen::Frozen;
pub use mlp::Mlp;
pub use model::LayerRef;
pub use spec::{LayerSpec, MAX_LAYERS, Storage, erdos_renyi_connections};
