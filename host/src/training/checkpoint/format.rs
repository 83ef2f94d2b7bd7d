//! What a checkpoint's file is made of, for those who write and read it.

use serde::{Deserialize, Serialize};

use crate::settings::Config;

pub(super) const MAGIC: &[u8; 8] = b"REWIRECK";
pub(super) const VERSION: u32 = 2;
pub(super) const HEADER: usize = 8 + 4 + 8 + 32;
pub(super) const KEY: &str = "rewire";

/// Files of a run directory: the newest checkpoint, and the one before it.
pub const NAMES: [&str; 2] = ["checkpoint", "checkpoint.previous"];

/// The JSON of the metadata's one entry.
#[derive(Serialize, Deserialize)]
pub(super) struct Header {
    pub(super) epoch: u32,
    pub(super) config: Config,
    pub(super) features: usize,
    pub(super) classes: usize,
}

/// Names of a layer's arrays.
pub(super) const ARRAYS: [&str; 8] = [
    "indptr",
    "indices",
    "weights",
    "bias",
    "velocity",
    "bias_velocity",
    "activation_parameters",
    "activation_velocity",
];
