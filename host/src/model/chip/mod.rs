//! Model images: what a chip reads in place from flash, and hands back.
//!
//! The format is that of [`rewire_core::storage::image`]. A version 1 holds a network alone, whose inputs are pixels
//! divided by 255; a version 2 says what its inputs are, how they are scaled, and what inputs and outputs are called.
//!
//! | file | answers |
//! |---|---|
//! | `read.rs` | what a file holds |
//! | `export.rs` | how a model becomes an image, in the narrowest format that holds it |
//! | `summary.rs` | what there is to say about an image |

mod export;
mod read;
mod summary;

use std::path::Path;

use anyhow::Result;

pub use export::{Encoded, Exported, encode, export};
pub use summary::{LayerSummary, ScalingSummary, Summary, describe};

use crate::data::DatasetName;
use crate::model::safetensors::Model;

/// The first bytes of every image.
const MAGIC: &[u8] = b"RWIM";

/// Whether a file is an image, as far as its beginning tells.
pub fn is_image(path: &Path) -> bool {
    let mut start = [0; 4];
    std::fs::File::open(path).is_ok_and(|mut file| std::io::Read::read_exact(&mut file, &mut start).is_ok())
        && start == MAGIC
}

/// Reads an image as a model of `dataset`, which no image names.
///
/// # Errors
///
/// When it cannot be read, or is damaged, cut, foreign, or of another version.
pub fn load(path: &Path, dataset: Option<DatasetName>) -> Result<Model> {
    Ok(Model { dataset, ..read::read(path)?.model })
}
