//! Panels of pixels: maps of numbers with a colour bar, and example images.

#![expect(clippy::cast_possible_wrap, reason = "a figure has thousands of pixels, not billions")]

use anyhow::Result;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::axis::{number, round_ticks};
use super::figure::{Panel, Raster};
use super::style::{Area, INK, LABEL, SMALL, UNIT, failed, heat, text};
use crate::data::ImageShape;

/// Width and height of a panel, in CSS pixels.
pub const SIZE: (u32, u32) = (288, 346);
/// Left and top of the pixels.
pub const AT: (u32, u32) = (16, 30);
/// The side of the square that the pixels fill, at most.
const SIDE: u32 = 256;
/// Top and height of the colour bar.
const BAR: (u32, u32) = (AT.1 + SIDE + 8, 12);

/// The side of a cell, in CSS pixels.
pub fn cell(shape: ImageShape) -> u32 {
    let ImageShape { height, width, .. } = cells(shape);
    (SIDE / height.max(width).max(1) as u32).max(1)
}

/// The pixels of each direction that share a cell, where an image has more than a panel.
fn shared(shape: ImageShape) -> usize {
    shape.height.max(shape.width).div_ceil(SIDE as usize).max(1)
}

/// The cells that an image is drawn with.
pub fn cells(shape: ImageShape) -> ImageShape {
    let shared = shared(shape);
    ImageShape { height: shape.height.div_ceil(shared), width: shape.width.div_ceil(shared), ..shape }
}

/// The number of each cell: the mean of those of its pixels.
pub fn means(shape: ImageShape, values: &[f64]) -> Vec<f64> {
    let shared = shared(shape);
    let ImageShape { height, width, .. } = cells(shape);
    let extent = |at: usize, all: usize| at * shared..((at + 1) * shared).min(all);
    let mean = |at: usize| {
        let (rows, columns) = (extent(at / width, shape.height), extent(at % width, shape.width));
        let pixels = rows.len() * columns.len();
        let sum: f64 = rows.flat_map(|row| &values[row * shape.width..][columns.clone()]).sum();
        sum / pixels.max(1) as f64
    };
    (0..height * width).map(mean).collect()
}

fn write(area: &Area<'_>, words: &str, (x, y): (u32, u32), style: TextStyle<'_>) -> Result<()> {
    area.draw(&Text::new(words.to_owned(), ((x * UNIT) as i32, (y * UNIT) as i32), style)).map_err(failed)
}

fn raster(shape: ImageShape, colours: Vec<RGBColor>) -> Raster {
    Raster { at: AT, cell: (cell(shape), cell(shape)), columns: cells(shape).width, colours }
}

/// A map of numbers by pixel from 0 to `highest`, with a colour bar below.
pub fn map<'f>(title: String, shape: ImageShape, values: &[f64], highest: f64, label: &'static str) -> Panel<'f> {
    let colours = means(shape, values).iter().map(|value| heat(value / highest)).collect();
    let long = cell(shape) * cells(shape).width as u32;
    let shades = (0..long).map(|i| heat(f64::from(i) / f64::from(long.max(2) - 1))).collect();
    let bar = Raster { at: (AT.0, BAR.0), cell: (1, BAR.1), columns: long as usize, colours: shades };
    let head = title.clone();
    let draw = move |area: &Area<'_>| -> Result<()> {
        write(area, &head, (AT.0, 8), text(LABEL, INK))?;
        let below = BAR.0 + BAR.1;
        // Counts have no fractions.
        for tick in round_ticks(0.0, highest, 4).into_iter().filter(|tick| tick.fract().abs() < 1e-6) {
            let style = text(SMALL, INK).pos(Pos::new(HPos::Center, VPos::Top));
            write(area, &number(tick), (AT.0 + (tick / highest * f64::from(long)) as u32, below + 3), style)?;
        }
        let style = text(SMALL, INK).pos(Pos::new(HPos::Center, VPos::Top));
        write(area, label, (AT.0 + long / 2, below + 20), style)
    };
    Panel { title, draw: Box::new(draw), rasters: vec![raster(shape, colours), bar] }
}

/// A pixel that is left out of an image.
const LEFT_OUT: RGBColor = RGBColor(0xB8, 0xC6, 0xD8);

/// An image; inputs that are not `kept` are grey-blue.
pub fn image<'f>(title: String, shape: ImageShape, image: &[u8], kept: impl Fn(usize) -> bool) -> Panel<'f> {
    let plane = shape.height * shape.width;
    let pixel = |at: usize| -> RGBColor {
        let channel = |channel: usize| {
            let input = channel * plane + at;
            image.get(input).copied().filter(|_| kept(input))
        };
        if shape.channels == 3 {
            let [r, g, b] = [0, 1, 2].map(channel);
            if r.or(g).or(b).is_none() {
                return LEFT_OUT;
            }
            return RGBColor(r.unwrap_or(0), g.unwrap_or(0), b.unwrap_or(0));
        }
        // Grey images are drawn as ink on paper.
        channel(0).map_or(LEFT_OUT, |value| RGBColor(255 - value, 255 - value, 255 - value))
    };
    let (shared, ImageShape { height, width, .. }) = (shared(shape), cells(shape));
    // Of the pixels of a cell.
    let first = |at: usize| at / width * shared * shape.width + at % width * shared;
    let head = title.clone();
    Panel {
        title,
        draw: Box::new(move |area| write(area, &head, (AT.0, 8), text(LABEL, INK))),
        rasters: vec![raster(shape, (0..height * width).map(first).map(pixel).collect())],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_images_are_drawn_with_cells_of_several_pixels() {
        let shape = |height, width| ImageShape { channels: 1, height, width };
        let drawn = |height, width| (cell(shape(height, width)), cells(shape(height, width)));
        assert_eq!(drawn(28, 28), (9, shape(28, 28)));
        assert_eq!(drawn(256, 200), (1, shape(256, 200)));
        assert_eq!(drawn(257, 300), (1, shape(129, 150)));
        assert_eq!(drawn(1, 95_000), (1, shape(1, 256)));
        let values: Vec<f64> = (0..3 * 300).map(f64::from).collect();
        let means = means(shape(3, 300), &values);
        assert_eq!((means.len(), means[0], means[150], means[299]), (300, 150.5, 600.5, 898.5));
    }
}
