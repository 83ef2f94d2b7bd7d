//! Training of truly sparse neural networks whose connections evolve while they learn.
//!
//! No `std`, no allocator, no `unsafe`: the same code trains on a 16 KB microcontroller and on a workstation, and gives
//! the same bits on both. The caller owns all memory. A [`Description`](network::Description) says how many bytes a
//! network needs, as a constant; an [`Mlp`](network::Mlp) is cut from one block of that size; a
//! [`Trainer`](train::Trainer) trains it. What was constructed has valid structure, and no step panics.
//!
//! ```
//! use rewire_core::prelude::*;
//!
//! // Exclusive or, learned by a network of 2-8-2 neurons.
//! const LAYERS: [LayerSpec; 2] =
//!     [LayerSpec::sparse(2, 8, 12, Activation::Relu), LayerSpec::dense(8, 2, Activation::Identity)];
//! const NETWORK: Description = Description::training(&LAYERS, 1);
//! let mut block = Block::<{ NETWORK.bytes::<Narrow, 1>() }>::new();
//!
//! let mut network = Mlp::<Narrow, 1, 2>::new(&NETWORK, &mut block.0)?;
//! network.initialise(&Portable, 1, FanIn::Connections);
//! let samples = Table::new(&[0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 1.0, 1.0], &[0, 1, 1, 0]).unwrap();
//! let settings = TrainSettings::new(500, Sgd::new(0.1)?);
//! Trainer::new(&settings)?.run(&mut network, &Portable, &samples, &(), &mut ())?;
//! assert_eq!(network.evaluate(&Portable, &samples).accuracy(), 1.0);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! | to | see |
//! |---|---|
//! | describe a network and count its bytes | [`network`] |
//! | train it, and see what happens | [`train`], with the settings in [`step`], [`schedule`] and [`topology`] |
//! | bring samples | [`samples`] |
//! | train on what arrives, one sample at a time | [`Mlp::train_one`](network::Mlp::train_one), [`Moments`](samples::Moments) |
//! | predict | [`Mlp::predict_one`](network::Mlp::predict_one), [`Frozen`](network::Frozen) |
//! | store a model | [`storage`] |
//! | receive and send over a serial line | `frames`, with the feature of that name |
//! | bring threads and vectors | [`backend`] |
//! | read the structure | [`sparse`] |
//!
//! Results depend on the seed, the description, the settings and `LANES`, on nothing else: not on threads, vector width,
//! storage order or machine. Sums have one order, no multiply-add is fused, and `exp` and `log` come from `libm`.

#![no_std]
#![forbid(unsafe_code)]

#[cfg(test)]
extern crate std;

pub mod activation;
pub mod backend;
pub mod error;
#[cfg(feature = "frames")]
pub mod frames;
mod kernel;
pub mod network;
pub mod random;
pub mod samples;
pub mod schedule;
pub mod sparse;
pub mod step;
pub mod storage;
pub mod topology;
pub mod train;

/// What most programs need.
pub mod prelude {
    pub use crate::activation::Activation;
    pub use crate::backend::{Backend, Portable};
    pub use crate::network::{Block, Description, Footprint, LayerSpec, Mlp, Storage, erdos_renyi_connections};
    pub use crate::random::Permutation;
    pub use crate::samples::{
        Answer, Moments, Normalised, PixelShift, SampleSource, Samples, Scale, Shifted, Table, Target,
    };
    pub use crate::schedule::Schedule;
    pub use crate::sparse::{Bytes, Compact, Format, Narrow, Standard, Wide};
    pub use crate::step::{Metrics, Progress, Sgd, StepId, WeightDecay};
    pub use crate::topology::{
        Evolution, FanIn, GrownWeight, Growth, ImagePlane, Locality, Placement, Pruning, Thinning,
    };
    pub use crate::train::{Confusion, Ended, Epoch, Observer, Step, TrainSettings, Trainer};
}
