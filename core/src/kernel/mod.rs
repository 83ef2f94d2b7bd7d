//! Kernels over tiles of samples.
//!
//! Activations are `[[f32; LANES]]`: one row a neuron, samples innermost. A connection costs one multiply-add over
//! `LANES` contiguous floats. Every kernel works on a block of rows, so that threads share nothing they write, and each
//! neuron's sum runs over its connections in ascending order from +0, whatever the block, the storage or the
//! instruction set. No multiply-add is fused.
//!
//! Rows of a tile are seen as `K` units of a [`Vector`](crate::backend::vector::Vector).

pub(crate) mod dense;
pub(crate) mod flat;
pub(crate) mod gather;
pub(crate) mod nonzero;
pub(crate) mod row;
pub(crate) mod scatter;
pub(crate) mod weight_step;
