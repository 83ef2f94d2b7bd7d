//! Activations, and what they make of gradients.
//!
//! Nothing is remembered that the activations already tell: a zero is its own mask, for ReLU and for dropout alike. The
//! derivative at exactly zero is 0. A negative slope below zero hides the sign of its argument, and activations with
//! parameters need the argument itself: such a layer keeps it in the place of the delta that will overwrite it.

pub(crate) mod batch_norm;
pub(crate) mod kind;
pub(crate) mod srelu;

#[doc(hidden)]
pub use batch_norm::EPSILON as BATCH_NORM_EPSILON;
pub use kind::{Activation, Parameters};
