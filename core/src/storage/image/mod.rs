//! A model as bytes that are read in place.
//!
//! An image is little-endian and aligned to 4 bytes, so that flash which holds one is a model without a copy:
//!
//! | bytes | what |
//! |---|---|
//! | 0..4 | `RWIM` |
//! | 4..6, 6..8 | version, layers |
//! | 8..12 | length of the image in bytes |
//! | 12..16 | CRC-32 (IEEE 802.3) of everything from byte 16 on |
//! | 24 a layer | inputs, neurons, connections (4 each); storage, activation, bytes of a column, of a row pointer; slope; 0 |
//! | then, a layer | weights, biases, row pointers, columns, each padded to 4 bytes |

mod format;
mod read;
#[cfg(feature = "checkpoint")]
pub(crate) mod stream;
mod write;

pub use crate::storage::hash::hash;
#[doc(hidden)]
pub use crate::storage::hash::hash_layers;
#[doc(hidden)]
pub use format::layer_len;
pub use format::{ImageError, len};
pub use read::Image;
pub use write::{write, write_with};

/// A model image from a file, part of the program: [`include_bytes!`] at an address that is a multiple of 4, as
/// [`Image`] needs it.
///
/// ```
/// # use rewire_core::prelude::*;
/// // In your program the path of an image, relative to the source file.
/// static MODEL: &[u8] = rewire_core::image_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"));
/// assert_eq!(MODEL.as_ptr().addr() % 4, 0);
/// assert!(rewire_core::storage::image::Image::<Narrow>::new(MODEL).is_err());
/// ```
#[macro_export]
macro_rules! image_bytes {
    ($path:expr $(,)?) => {{
        #[repr(C, align(4))]
        struct Aligned<T: ?Sized>(T);
        static IMAGE: &Aligned<[u8]> = &Aligned(*include_bytes!($path));
        &IMAGE.0
    }};
}
