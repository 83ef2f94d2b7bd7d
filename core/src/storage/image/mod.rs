//! A model as bytes that are read in place.
//!
//! An image is little-endian and aligned to 4 bytes, so that flash which holds one is a model without a copy. Version 1
//! is a network alone. Version 2 has the rows marked with 2 as well, which say how the network is used ([`About`]):
//!
//! | bytes | what |
//! |---|---|
//! | 0..4 | `RWIM` |
//! | 4..6, 6..8 | version, layers |
//! | 8..12 | length of the image in bytes |
//! | 12..16 | CRC-32 (IEEE 802.3) of everything from byte 16 on |
//! | 2: 16..20 | inputs: 0 floats, 1 bytes divided by 255; task: 0 classes, 1 numbers, 2 the input itself; 0, 0 |
//! | 2: 20..32 | channels, height and width of the plane that inputs lie in; all 0 without |
//! | 2: 32..36, 36..40 | means of the scaling of inputs, of outputs: 0 where there is none |
//! | 2: 40..44, 44..48 | bytes of the names of inputs, of outputs, each padded to 4: 0 where there are none |
//! | 24 a layer | inputs, neurons, connections (4 each); storage, activation, bytes of a column, of a row pointer; slope; 0 |
//! | then, a layer | weights, biases, row pointers, columns, each padded to 4 bytes |
//! | 2: then | scaling of inputs: means, then factors; scaling of outputs: means, then factors |
//! | 2: then | names of inputs, padded; names of outputs, padded; each name has its length (2) and then its UTF-8 |
//!
//! The number of means divides the number of inputs, or of outputs: they are taken again and again.

mod about;
mod format;
mod inputs;
mod names;
mod read;
mod scaling;
#[cfg(feature = "checkpoint")]
pub(crate) mod stream;
mod write;

pub use crate::storage::hash::hash;
#[doc(hidden)]
pub use crate::storage::hash::hash_layers;
pub use about::About;
#[doc(hidden)]
pub use format::layer_len;
pub use format::{ImageError, len};
pub use inputs::Inputs;
pub use names::Names;
pub use read::Image;
pub use scaling::Scaling;
pub use write::{write, write_about, write_about_with, write_with};

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
