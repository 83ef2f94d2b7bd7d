//! Which connections exist: the Erdős–Rényi start and Sparse Evolutionary Training.
//!
//! Everything happens in place and in O(nnz): no sort, no list of removed or added connections, and no scratch beyond one
//! counter for each row. Connections are never lost or duplicated, columns stay sorted, random positions are exactly
//! uniform over the free cells, and `nnz` never drifts.

pub mod evolve;
pub mod grow;
pub mod locality;
pub mod prune;
