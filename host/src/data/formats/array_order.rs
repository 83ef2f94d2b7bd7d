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

/// The most channels that axes are taken for where nobody says what they are.
const MOST_CHANNELS: usize = 4;

/// The plane that samples of these axes have: images, or a time axis where `wanted` has one. Samples whose channels come last,
/// as Keras has them, are rewritten channel by channel. Axes that have the wanted plane either way are taken as where none is wanted.
pub(super) fn planes(
    shape: &[usize],
    wanted: Option<ImageShape>,
    values: Features<'static>,
) -> (Option<ImageShape>, Features<'static>) {
    let plane = |channels, height, width| ImageShape { channels, height, width };
    let (first, last) = match *shape {
        [_, a, b, c] => (plane(a, b, c), plane(c, a, b)),
        // A time axis, where that is wanted.
        [_, a, b] if [plane(a, 1, b), plane(b, 1, a)].map(Some).contains(&wanted) => (plane(a, 1, b), plane(b, 1, a)),
        [_, a, b] => return (Some(plane(1, a, b)), values),
        _ => return (None, values),
    };
    let [is_first, is_last] = [first, last].map(|plane| Some(plane) == wanted);
    let is_usual = |plane: ImageShape| (1..=MOST_CHANNELS).contains(&plane.channels);
    if if is_first == is_last { is_usual(last) } else { is_last } {
        let pixels = last.height * last.width;
        let values = match values {
            Features::Bytes(values) => {
                Features::Bytes(channels_first(values.into_owned(), pixels, last.channels).into())
            }
            numbers => Features::Floats(channels_first(numbers.into_floats(), pixels, last.channels).into()),
        };
        return (Some(last), values);
    }
    ((is_first || is_usual(first)).then_some(first), values)
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

#[cfg(test)]
mod tests {
    use super::*;

    fn plane(channels: usize, height: usize, width: usize) -> ImageShape {
        ImageShape { channels, height, width }
    }

    #[test]
    fn channels_come_first_or_last_as_the_wanted_plane_says() {
        let found = |shape: &[usize], wanted: Option<ImageShape>| {
            let len = shape.iter().product::<usize>() as u8;
            let values = Features::Bytes((0..len).collect::<Vec<_>>().into());
            let (found, after) = planes(shape, wanted, values.clone());
            (found, after != values)
        };
        let six = Some(plane(6, 2, 3));
        // Without a wish, few channels may come last or first.
        assert_eq!(found(&[1, 2, 3, 4], None), (Some(plane(4, 2, 3)), true));
        assert_eq!(found(&[1, 3, 5, 6], None), (Some(plane(3, 5, 6)), false));
        assert_eq!(found(&[1, 2, 3, 6], None), (Some(plane(2, 3, 6)), false));
        assert_eq!(found(&[1, 5, 6, 7], None), (None, false));
        assert_eq!(found(&[1, 2, 3, 6], six), (six, true));
        assert_eq!(found(&[1, 6, 2, 3], six), (six, false));
        assert_eq!(found(&[1, 3, 5, 4], Some(plane(3, 5, 4))), (Some(plane(3, 5, 4)), false));
        // What training found without a wish is found again with it.
        assert_eq!(found(&[1, 3, 3, 3], None), (Some(plane(3, 3, 3)), true));
        assert_eq!(found(&[1, 3, 3, 3], Some(plane(3, 3, 3))), (Some(plane(3, 3, 3)), true));
        // A time axis.
        assert_eq!(found(&[1, 16, 3], Some(plane(3, 1, 16))), (Some(plane(3, 1, 16)), true));
        assert_eq!(found(&[1, 3, 16], Some(plane(3, 1, 16))), (Some(plane(3, 1, 16)), false));
        assert_eq!(found(&[1, 16, 1], Some(plane(1, 1, 16))), (Some(plane(1, 1, 16)), false));
        assert_eq!(found(&[1, 8, 6], Some(plane(1, 1, 48))), (Some(plane(1, 8, 6)), false));
        assert_eq!(found(&[1, 8, 6], None), (Some(plane(1, 8, 6)), false));
    }
}
