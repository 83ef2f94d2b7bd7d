//! What a network of any tile width is trained on.

use rewire_core::random::Permutation;
use rewire_core::samples::Samples;
use rewire_core::step::{Sgd, StepId};

/// A minibatch, and how a network learns from it.
#[derive(Clone, Copy, Debug)]
pub struct Minibatch<'a> {
    /// The order of the samples.
    pub order: &'a Permutation,
    /// Its first sample's place in that order.
    pub start: u32,
    /// The optimiser.
    pub sgd: &'a Sgd,
    /// Which step of a run it is.
    pub id: StepId,
}

/// Samples for a network of any tile width.
pub trait AnySamples: Samples<1> + Samples<16> + Samples<32> + Samples<64> + Samples<128> {}

impl<S: Samples<1> + Samples<16> + Samples<32> + Samples<64> + Samples<128>> AnySamples for S {}
