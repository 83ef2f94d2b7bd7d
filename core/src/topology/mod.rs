//! Which connections exist: the initial topology, and Sparse Evolutionary Training.
//!
//! Everything happens in place and in O(nnz), or O(nnz log nnz) for rows of more than a hundred connections: no list of
//! removed or added connections, and no scratch beyond one counter for each row and four bytes for each column.
//! Connections are never lost or duplicated, columns stay sorted, random positions are exactly uniform over the free
//! cells, and `nnz` never drifts.
//!
//! | file | answers |
//! |---|---|
//! | `init.rs` | the initial topology and weights |
//! | `evolve.rs` | the order of an evolution, and the value of regrown weights |
//! | `prune/` | which connections are pruned, one file a rule |
//! | `thin.rs` | which connections are removed for good |
//! | `blocks.rs` | the same for layers that are stored in blocks |
//! | `in_parts.rs` | how an evolution is cut into parts that each end soon |
//! | `grow/` | where connections are regrown, one file a rule |
//! | `plane.rs` | where neurons lie in the image plane |
//! | `scratch.rs` | the memory that all of it counts in |

pub(crate) mod blocks;
pub(crate) mod evolve;
pub(crate) mod grow;
pub(crate) mod in_parts;
pub(crate) mod init;
pub(crate) mod plane;
pub(crate) mod prune;
pub(crate) mod scratch;
pub(crate) mod thin;

pub use evolve::{Evolution, GrownWeight};
pub use grow::{Growth, Locality};
pub use in_parts::EvolutionInParts;
pub use init::{FanIn, Placement};
pub use plane::ImagePlane;
pub use prune::Pruning;
/// For those who record evolution.
#[doc(hidden)]
pub use prune::survivors;
pub use thin::Thinning;
