//! Where neurons lie in the image plane.
//!
//! Inputs lie on the grid of their pixels, one plane a channel; the neurons of a hidden layer on a grid that covers the
//! same area.

use crate::random::Generator;

/// Extent of the images that the inputs are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct ImagePlane {
    /// Planes: inputs are channel by channel, row by row.
    pub channels: u32,
    /// Rows of pixels.
    pub height: u32,
    /// Columns of pixels.
    pub width: u32,
}

/// Neurons on a grid over the image plane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Grid {
    planes: u32,
    rows: u32,
    cols: u32,
    /// Neurons; the last row of a hidden layer's grid may be short.
    count: u32,
    height: u32,
    width: u32,
}

impl Grid {
    /// The grid of `count` neurons: the pixels themselves where they are as many, else as square as the image.
    pub(crate) fn new(image: ImagePlane, count: usize) -> Self {
        let ImagePlane { channels, height, width } = image;
        let (height, width) = (height.max(1), width.max(1));
        let count = count as u32;
        if u64::from(count) == u64::from(channels) * u64::from(height) * u64::from(width) {
            return Self { planes: channels, rows: height, cols: width, count, height, width };
        }
        let mut cols = 1;
        // The least width at which cells are no taller than wide, in integers: the same on every machine.
        while u64::from(cols) * u64::from(cols) * u64::from(height) < u64::from(count) * u64::from(width) {
            cols += 1;
        }
        Self { planes: 1, rows: count.div_ceil(cols.max(1)).max(1), cols, count, height, width }
    }

    /// Row and column of a neuron on its plane.
    fn cell(&self, neuron: usize) -> (u32, u32) {
        // No grid is empty; the compiler does not know, and a division by zero would be a panic.
        let cols = self.cols.max(1);
        let cell = neuron as u32 % (self.rows * cols).max(1);
        (cell / cols, cell % cols)
    }

    /// Centre of a neuron, in pixels from the top left corner.
    pub(crate) fn centre(&self, neuron: usize) -> (f32, f32) {
        let (row, col) = self.cell(neuron);
        let scale = |cell: u32, cells: u32, extent: u32| (cell as f32 + 0.5) * (extent as f32 / cells as f32);
        (scale(row, self.rows, self.height), scale(col, self.cols, self.width))
    }

    /// The neuron whose cell holds a point, on a plane drawn uniformly; `None` outside.
    pub(crate) fn at(&self, (y, x): (f32, f32), generator: &mut Generator) -> Option<usize> {
        // A cast of a negative number would round towards the first cell.
        if y < 0.0 || x < 0.0 {
            return None;
        }
        let row = (y * (self.rows as f32 / self.height as f32)) as u32;
        let col = (x * (self.cols as f32 / self.width as f32)) as u32;
        if row >= self.rows || col >= self.cols {
            return None;
        }
        let plane = if self.planes > 1 { generator.below(self.planes) } else { 0 };
        let neuron = (plane * self.rows + row) * self.cols + col;
        (neuron < self.count).then_some(neuron as usize)
    }

    /// A neuron within `reach` cells of another, in both directions, on a plane drawn uniformly; `None` outside.
    pub(crate) fn near(&self, neuron: usize, reach: u32, generator: &mut Generator) -> Option<usize> {
        let (row, col) = self.cell(neuron);
        // No grid is larger than half of the numbers.
        let reach = reach.min(self.count);
        let mut shift = |at: u32, cells: u32| {
            let moved =
                at.saturating_add(generator.below(reach.saturating_mul(2).saturating_add(1))).checked_sub(reach)?;
            (moved < cells).then_some(moved)
        };
        let (row, col) = (shift(row, self.rows)?, shift(col, self.cols)?);
        let plane = if self.planes > 1 { generator.below(self.planes) } else { 0 };
        let neuron = (plane * self.rows + row) * self.cols + col;
        (neuron < self.count).then_some(neuron as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Purpose;

    const IMAGE: ImagePlane = ImagePlane { channels: 3, height: 32, width: 32 };

    #[test]
    fn inputs_lie_on_their_pixels() {
        let grid = Grid::new(IMAGE, 3072);
        assert_eq!(grid.centre(0), (0.5, 0.5));
        assert_eq!(grid.centre(33), (1.5, 1.5));
        assert_eq!(grid.centre(1024 + 33), (1.5, 1.5));
    }

    #[test]
    fn the_neuron_at_a_centre_is_that_neuron() {
        let mut generator = Generator::new(1, Purpose::Topology, 0, 0, 0);
        for count in [1, 10, 100, 784, 1000, 4000] {
            let grid = Grid::new(IMAGE, count);
            for neuron in 0..count {
                assert_eq!(grid.at(grid.centre(neuron), &mut generator), Some(neuron));
            }
        }
    }

    #[test]
    fn near_neurons_are_within_reach() {
        let mut generator = Generator::new(1, Purpose::Topology, 0, 0, 0);
        let grid = Grid::new(IMAGE, 3072);
        for neuron in 0..3072 {
            for _ in 0..20 {
                if let Some(other) = grid.near(neuron, 2, &mut generator) {
                    let ((y, x), (v, u)) = (grid.centre(neuron), grid.centre(other));
                    assert!((y - v).abs() <= 2.0 && (x - u).abs() <= 2.0);
                }
            }
        }
    }
}
