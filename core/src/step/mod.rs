//! One step of training: a pass over the tiles of a minibatch, then the update.
//!
//! A minibatch is cut into tiles of `LANES` samples. Each tile runs forward, loss and backward on its own, so tiles run
//! on different threads without waiting for each other; then the update runs over blocks of rows of all layers.
//!
//! | file | answers |
//! |---|---|
//! | `id.rs` | which step of a run |
//! | `tiles.rs` | the buffers of a pass, and how they are cut into tiles |
//! | `block.rs` | how threads share a layer's work |
//! | `pass.rs` | the order of a pass: forward, loss, backward |
//! | `forward.rs`, `backward.rs`, `spread.rs` | one layer of one tile |
//! | `blocks.rs` | the same for a layer in blocks, and its update |
//! | `fused.rs` | a step that updates each layer as soon as the deltas below it are known |
//! | `minibatch.rs` | a step: a pass, then the update |
//! | `ranks.rs`, `owners.rs` | passes and an update that several processes share |
//! | `gradients.rs` | a pass without an update |
//! | `in_parts/` | a step on one sample, a few rows at a time |
//! | `loss/` | what outputs are compared with, and what is measured |
//! | `sgd.rs` | settings and arithmetic of gradient descent |
//! | `look_ahead.rs` | Nesterov momentum |
//! | `update.rs`, `biases.rs` | from deltas to weights, over all layers, and to biases |

pub(crate) mod backward;
pub(crate) mod biases;
pub(crate) mod block;
pub(crate) mod blocks;
pub(crate) mod forward;
pub(crate) mod fused;
pub(crate) mod gradients;
pub(crate) mod id;
pub(crate) mod in_parts;
pub(crate) mod look_ahead;
pub(crate) mod loss;
pub(crate) mod minibatch;
pub(crate) mod owners;
pub(crate) mod pass;
pub(crate) mod ranks;
pub(crate) mod sgd;
pub(crate) mod spread;
pub(crate) mod tiles;
pub(crate) mod update;

pub use id::{Progress, StepId};
pub use in_parts::StepInParts;
pub use loss::Metrics;
pub use sgd::{Sgd, WeightDecay};
