//! Arrays whose first axis is the fastest in the file, put in the order of memory.

use std::io;

use npyz::Order;

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
