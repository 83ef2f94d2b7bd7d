//! The order of an array's axes: those whose first axis is the fastest in the file, and images whose channels come last.

use std::io;

use npyz::Order;

use crate::data::name::ImageShape;
use crate::data::samples::Features;

/// Where a value of the file belongs in C order.
pub(super) struct Transposition {
    /// For Fortran order: extent and C stride of each axis, the fastest of the file first.
    axes: Vec<(usize, usize)>,
}

impl Transposition {
    pub(super) fn new(shape: &[usize], order: Order) -> Self {
        if order == Order::C || shape.len() < 2 {
            return Self { axes: Vec::new() };
        }
        let mut stride: usize = shape.iter().product();
        let axes = shape.iter().map(|&extent| {
            stride /= extent;
            (extent, stride)
        });
        Self { axes: axes.collect() }
    }

    /// Puts `len` values in C order.
    pub(super) fn collect<T: Copy + Default>(
        &self,
        data: impl Iterator<Item = io::Result<T>>,
        len: usize,
    ) -> io::Result<Vec<T>> {
        let mut values = Vec::new();
        values.try_reserve_exact(len).map_err(|_| io::ErrorKind::OutOfMemory)?;
        if self.axes.is_empty() {
            for value in data {
                values.push(value?);
            }
        } else {
            values.resize(len, T::default());
            for (index, value) in data.enumerate() {
                values[self.at(index)] = value?;
            }
        }
        if values.len() == len { Ok(values) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
    }

    /// The place in C order of the file's value `index`.
    fn at(&self, mut index: usize) -> usize {
        let mut to = 0;
        for &(extent, stride) in &self.axes {
            to += index % extent * stride;
            index /= extent;
        }
        to
    }
}

/// The plane that images of this shape have. Images whose channels come last, as Keras has them, are rewritten channel by
/// channel, unless the axes as they are have the plane that is wanted.
pub(super) fn planes(
    shape: &[usize],
    wanted: Option<ImageShape>,
    values: Features<'static>,
) -> (Option<ImageShape>, Features<'static>) {
    let plane = |channels, height, width| Some(ImageShape { channels, height, width });
    match *shape {
        [_, channels, height, width] if wanted.is_some() && wanted == plane(channels, height, width) => {
            (wanted, values)
        }
        [_, height, width] => (plane(1, height, width), values),
        [_, height, width, channels @ 1..=4] => {
            let values = match values {
                Features::Bytes(values) => {
                    Features::Bytes(channels_first(values.into_owned(), height * width, channels).into())
                }
                numbers => Features::Floats(channels_first(numbers.into_floats(), height * width, channels).into()),
            };
            (plane(channels, height, width), values)
        }
        [_, channels @ 1..=4, height, width] => (plane(channels, height, width), values),
        _ => (None, values),
    }
}

/// Rewrites each image in place, with room for one.
fn channels_first<T: Copy>(mut values: Vec<T>, pixels: usize, channels: usize) -> Vec<T> {
    let mut image = Vec::with_capacity(pixels * channels);
    for place in values.chunks_exact_mut((pixels * channels).max(1)) {
        image.clear();
        image.extend_from_slice(place);
        for (at, value) in place.iter_mut().enumerate() {
            *value = image[at % pixels * channels + at / pixels];
        }
    }
    values
}
