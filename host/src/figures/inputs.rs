//! Which pixels keep connections: maps of the first layer's surviving connections, still and moving.

#![expect(clippy::cast_possible_wrap, reason = "a figure has thousands of grid lines, not billions")]

use std::collections::HashMap;

use anyhow::{Context, Result, anyhow};
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::style::{Area, Figure, INK, MUTED, UNIT, heat, text};
use crate::analysis::features::{Ranking, Scores};
use crate::analysis::saved::SavedRun;
use crate::data::ImageShape;

/// Frames of an animation.
const MOST_FRAMES: usize = 200;
/// Hundredths of a second that all frames take together.
const DURATION: usize = 1600;
/// Bytes of an animation: with noisier maps it has fewer frames.
const MOST_BYTES: usize = 4_500_000;
/// Colours of a GIF that the map takes.
const SHADES: usize = 128;

/// A picture beside the maps: a training image, if the dataset is here.
pub type Example<'d> = Option<&'d [u8]>;

/// A map of numbers by pixel.
struct Map {
    title: String,
    values: Vec<f64>,
}

/// Summed over the channels and, for colour images, each channel apart.
fn maps(shape: ImageShape, counts: &[u16]) -> Vec<Map> {
    let plane = shape.height * shape.width;
    let channels: Vec<Vec<f64>> =
        counts.chunks_exact(plane).map(|channel| channel.iter().map(|&count| f64::from(count)).collect()).collect();
    let sum = (0..plane).map(|i| channels.iter().map(|channel| channel[i]).sum()).collect();
    if channels.len() == 1 {
        return vec![Map { title: "connections".into(), values: sum }];
    }
    let names = ["red", "green", "blue"];
    let apart = channels.into_iter().enumerate().map(|(i, values)| Map {
        title: names.get(i).map_or_else(|| format!("channel {}", i + 1), |name| (*name).to_owned()),
        values,
    });
    std::iter::once(Map { title: "all channels".into(), values: sum }).chain(apart).collect()
}

/// Where things stand, in CSS pixels.
struct Layout {
    shape: ImageShape,
    /// Side of a map's cell.
    cell: u32,
    /// Side of a cell of the example.
    example: u32,
    /// Columns and rows of maps.
    columns: u32,
    rows: u32,
}

/// An input that is not selected.
const LEFT_OUT: RGBColor = RGBColor(0xB8, 0xC6, 0xD8);

const MARGIN: u32 = 16;
const HEAD: u32 = 58;
const TITLE: u32 = 20;
const BAR: u32 = 84;

impl Layout {
    fn new(shape: ImageShape, maps: u32, with_example: bool) -> Self {
        let side = shape.height.max(shape.width).max(1) as u32;
        let columns = if maps > 3 { 2 } else { maps };
        let cell = if maps == 1 { (280 / side).max(1) } else { (180 / side).max(1) };
        let example = if with_example { (280 / side).max(1) } else { 0 };
        Self { shape, cell, example, columns, rows: maps.div_ceil(columns) }
    }

    fn map_size(&self) -> (u32, u32) {
        (self.shape.width as u32 * self.cell, self.shape.height as u32 * self.cell)
    }

    /// Left edge of the maps.
    fn left(&self) -> u32 {
        MARGIN + if self.example > 0 { self.shape.width as u32 * self.example + MARGIN } else { 0 }
    }

    fn map_at(&self, map: u32) -> (u32, u32) {
        let (width, height) = self.map_size();
        let (column, row) = (map % self.columns, map / self.columns);
        (self.left() + column * (width + MARGIN), HEAD + TITLE + row * (height + TITLE + 6))
    }

    fn size(&self) -> (u32, u32) {
        let (width, height) = self.map_size();
        let maps = self.rows * (height + TITLE + 6);
        let example = self.shape.height as u32 * self.example + TITLE;
        (self.left() + self.columns * (width + MARGIN) + BAR, HEAD + maps.max(example) + MARGIN)
    }
}

fn failed(error: impl std::fmt::Display) -> anyhow::Error {
    anyhow!("{error}")
}

fn rectangle(area: &Area<'_>, (x, y): (u32, u32), (w, h): (u32, u32), colour: RGBColor) -> Result<()> {
    let corner = |x: u32, y: u32| ((x * UNIT) as i32, (y * UNIT) as i32);
    area.draw(&Rectangle::new([corner(x, y), corner(x + w, y + h)], colour.filled())).map_err(failed)
}

fn write(area: &Area<'_>, words: &str, (x, y): (u32, u32), style: TextStyle<'_>) -> Result<()> {
    area.draw(&Text::new(words.to_owned(), ((x * UNIT) as i32, (y * UNIT) as i32), style)).map_err(failed)
}

/// Everything but the maps' cells.
fn frame(
    area: &Area<'_>,
    layout: &Layout,
    head: [&str; 2],
    maps: &[Map],
    highest: [f64; 2],
    example: Example<'_>,
) -> Result<()> {
    write(area, head[0], (MARGIN, 10), text(14, INK))?;
    write(area, head[1], (MARGIN, 32), text(10, MUTED))?;
    if let Some(image) = example {
        write(area, "a training image", (MARGIN, HEAD), text(11, INK))?;
        let plane = layout.shape.height * layout.shape.width;
        for i in 0..plane {
            let pixel = |channel: usize| image.get(channel * plane + i).copied().unwrap_or(0);
            // Grey images are drawn as ink on paper, as everywhere.
            let grey = 255 - pixel(0);
            let colour = if layout.shape.channels == 3 {
                RGBColor(pixel(0), pixel(1), pixel(2))
            } else {
                RGBColor(grey, grey, grey)
            };
            let (column, row) = ((i % layout.shape.width) as u32, (i / layout.shape.width) as u32);
            let at = (MARGIN + column * layout.example, HEAD + TITLE + row * layout.example);
            rectangle(area, at, (layout.example, layout.example), colour)?;
        }
    }
    for (i, map) in (0u32..).zip(maps) {
        let (x, y) = layout.map_at(i);
        write(area, &map.title, (x, y - TITLE), text(11, INK))?;
    }
    let (width, height) = layout.size();
    let (x, top) = (width - BAR + 4, HEAD + TITLE);
    let tall = (height - top - MARGIN - 8).min(260);
    for i in 0..tall {
        let share = 1.0 - f64::from(i) / f64::from(tall - 1);
        rectangle(area, (x, top + i), (14, 1), heat(share))?;
    }
    let apart = layout.shape.channels > 1;
    if apart {
        write(area, "all | each", (x - 2, top - 16), text(9, INK))?;
    }
    for share in [0.0, 0.25, 0.5, 0.75, 1.0] {
        let y = top + ((1.0 - share) * f64::from(tall - 1)) as u32;
        let number = |highest: f64| format!("{:.0}", share * highest);
        let words = if apart { format!("{} | {}", number(highest[0]), number(highest[1])) } else { number(highest[0]) };
        let style = text(9, INK).pos(Pos::new(HPos::Left, VPos::Center));
        write(area, &words, (x + 18, y), style)?;
    }
    Ok(())
}

/// The highest count of the sum and of a channel, over all rows.
fn highest(shape: ImageShape, rows: &[&[u16]]) -> [f64; 2] {
    let mut highest = [1.0f64; 2];
    for row in rows {
        for (i, map) in maps(shape, row).iter().enumerate() {
            let most = map.values.iter().copied().fold(0.0, f64::max);
            let at = usize::from(i > 0);
            highest[at] = highest[at].max(most);
        }
    }
    highest
}

/// The rows of a run, if they are of images of its dataset.
fn rows(run: &SavedRun) -> Option<Vec<&[u16]>> {
    let inputs = run.inputs.as_ref()?;
    (inputs.columns == run.shape().features()).then(|| inputs.rows().collect())
}

/// Maps at the start and after the last epoch.
pub fn figure<'f>(run: &'f SavedRun, example: Example<'f>) -> Option<Figure<'f>> {
    let rows = rows(run)?;
    let (first, last) = (*rows.first()?, *rows.last()?);
    let shape = run.shape();
    let highest = highest(shape, &[first, last]);
    let mut shown = Vec::new();
    let epoch = rows.len() - 1;
    for (when, row) in [("at the start".to_owned(), first), (format!("after epoch {epoch}"), last)] {
        for map in maps(shape, row) {
            let of = if shape.channels > 1 { format!("{}, ", map.title) } else { String::new() };
            shown.push(Map { title: format!("{of}{when}"), values: map.values });
        }
    }
    let each = shown.len() / 2;
    let mut layout = Layout::new(shape, shown.len() as u32, example.is_some());
    (layout.columns, layout.rows) = (each as u32, 2);
    if each == 1 {
        (layout.columns, layout.rows) = (2, 1);
        layout.cell = layout.cell.max(280 / shape.width.max(1) as u32);
    }
    let head = format!("Input connections of {} on {}", run.name(), run.config.dataset);
    let draw = move |area: &Area<'_>| -> Result<()> {
        let note = "Connections of each pixel that survive pruning.";
        frame(area, &layout, [&head, note], &shown, highest, example)?;
        for (i, map) in (0u32..).zip(&shown) {
            let highest = highest[usize::from(!(i as usize).is_multiple_of(each))];
            let (x, y) = layout.map_at(i);
            for (at, &value) in map.values.iter().enumerate() {
                let (column, row) = ((at % shape.width) as u32, (at / shape.width) as u32);
                let place = (x + column * layout.cell, y + row * layout.cell);
                rectangle(area, place, (layout.cell, layout.cell), heat(value / highest))?;
            }
        }
        Ok(())
    };
    let size = {
        let mut layout = Layout::new(shape, 2 * each as u32, example.is_some());
        (layout.columns, layout.rows) = (each as u32, 2);
        if each == 1 {
            (layout.columns, layout.rows) = (2, 1);
            layout.cell = layout.cell.max(280 / shape.width.max(1) as u32);
        }
        layout.size()
    };
    Some(Figure {
        name: "input-connections".into(),
        title: format!("Connections of each input pixel at the start and after epoch {epoch}, {}", run.name()),
        size,
        draw: Box::new(draw),
    })
}

/// An image whole and with the best inputs only, for each share; what is left out is grey-blue.
pub fn masked<'f>(shape: ImageShape, scores: &'f Scores, percents: &'f [f64], image: &'f [u8]) -> Figure<'f> {
    let cell = (168 / shape.width.max(1) as u32).max(1);
    let (width, height) = (shape.width as u32 * cell, shape.height as u32 * cell);
    let plane = shape.height * shape.width;
    let draw = move |area: &Area<'_>| -> Result<()> {
        let head = "A training image with only the most connected inputs left";
        write(area, head, (MARGIN, 10), text(14, INK))?;
        for (i, percent) in (0u32..).zip([100.0].iter().chain(percents)) {
            let left = MARGIN + i * (width + MARGIN);
            write(area, &format!("{percent} %"), (left, 38), text(11, INK))?;
            let kept = scores.best(Ranking::Connections, *percent);
            for at in 0..plane {
                let channel = |channel: usize| {
                    let input = channel * plane + at;
                    kept.binary_search(&input).ok().and_then(|_| image.get(input).copied())
                };
                let colour = if shape.channels == 3 {
                    let [r, g, b] = [0, 1, 2].map(channel);
                    if r.or(g).or(b).is_none() {
                        LEFT_OUT
                    } else {
                        RGBColor(r.unwrap_or(0), g.unwrap_or(0), b.unwrap_or(0))
                    }
                } else {
                    channel(0).map_or(LEFT_OUT, |value| RGBColor(255 - value, 255 - value, 255 - value))
                };
                let (column, row) = ((at % shape.width) as u32, (at / shape.width) as u32);
                rectangle(area, (left + column * cell, 58 + row * cell), (cell, cell), colour)?;
            }
        }
        Ok(())
    };
    let count = percents.len() as u32 + 1;
    Figure {
        name: "features-mask".into(),
        title: "A training image with only the most connected inputs left".into(),
        size: ((MARGIN + count * (width + MARGIN)).max(460), 58 + height + MARGIN),
        draw: Box::new(draw),
    }
}

/// Colours of a GIF: shades of the map, greys of the text, and a cube for everything else.
struct Palette {
    colours: Vec<[u8; 3]>,
    nearest: HashMap<[u8; 3], u8>,
}

impl Palette {
    fn new() -> Self {
        let shades = (0..SHADES).map(|i| {
            let RGBColor(r, g, b) = heat(i as f64 / (SHADES - 1) as f64);
            [r, g, b]
        });
        let greys = (0..20u8).map(|i| [i * 13 + 8; 3]);
        let level = |i: u8, of: u8| (u16::from(i) * 255 / u16::from(of - 1)) as u8;
        let cube = (0..108u8).map(|i| [level(i % 6, 6), level(i / 6 % 6, 6), level(i / 36, 3)]);
        Self { colours: shades.chain(greys).chain(cube).collect(), nearest: HashMap::new() }
    }

    fn index(&mut self, colour: [u8; 3]) -> u8 {
        let colours = &self.colours;
        *self.nearest.entry(colour).or_insert_with(|| {
            let distance = |other: &[u8; 3]| -> i32 {
                other.iter().zip(colour).map(|(&a, b)| (i32::from(a) - i32::from(b)).pow(2)).sum()
            };
            let nearest = colours.iter().enumerate().min_by_key(|(_, other)| distance(other));
            nearest.map_or(0, |(i, _)| i as u8)
        })
    }
}

/// The epochs that are shown: all, or as many as fit, the first and the last among them.
fn shown(rows: usize, most: usize) -> Vec<usize> {
    let frames = rows.min(most);
    (0..frames).map(|i| if frames > 1 { i * (rows - 1) / (frames - 1) } else { 0 }).collect()
}

/// Connections per pixel over the epochs, beside an example, as a GIF.
///
/// # Errors
///
/// When the run recorded no input connections, or it cannot be drawn.
pub fn animation(run: &SavedRun, example: Example<'_>) -> Result<Vec<u8>> {
    let rows = rows(run).filter(|rows| !rows.is_empty());
    let rows = rows.with_context(|| {
        let path = run.path.display();
        format!("{path} recorded no input connections, so there is nothing to animate; only SET runs do")
    })?;
    let mut most = MOST_FRAMES;
    loop {
        let gif = encode(run, &rows, &shown(rows.len(), most), example)?;
        if gif.len() <= MOST_BYTES || most < 10 {
            return Ok(gif);
        }
        most = most.min(rows.len()) * MOST_BYTES / gif.len() * 19 / 20;
    }
}

/// A GIF of the rows of these epochs.
fn encode(run: &SavedRun, rows: &[&[u16]], frames: &[usize], example: Example<'_>) -> Result<Vec<u8>> {
    let shape = run.shape();
    let highest = highest(shape, rows);
    let start = maps(shape, rows[0]);
    let layout = Layout::new(shape, start.len() as u32, example.is_some());
    let (width, height) = layout.size();
    let name = format!("Input connections, SET on {}", run.config.dataset);
    let last = rows.len() - 1;
    let base = Figure {
        name: "animation".into(),
        title: name.clone(),
        size: (width, height),
        draw: Box::new(|area| frame(area, &layout, [&name, ""], &start, highest, example)),
    };
    let mut palette = Palette::new();
    let (_, _, pixels) = base.pixels(1)?;
    let mut canvas: Vec<u8> = pixels.as_chunks().0.iter().map(|&pixel| palette.index(pixel)).collect();
    let mut gif = Vec::new();
    let cannot = "the animation cannot be encoded";
    let mut encoder =
        gif::Encoder::new(&mut gif, width as u16, height as u16, &palette.colours.concat()).context(cannot)?;
    encoder.set_repeat(gif::Repeat::Infinite).context(cannot)?;
    let stay = (DURATION / frames.len().max(1)).clamp(4, 50) as u16;
    for (i, &epoch) in frames.iter().enumerate() {
        let words = format!("epoch {epoch} of {last}: connections of each pixel that survive pruning");
        let line = Figure {
            name: String::new(),
            title: String::new(),
            size: (width - MARGIN, 18),
            draw: Box::new(|area| write(area, &words, (0, 2), text(10, INK))),
        };
        let (line_width, _, pixels) = line.pixels(1)?;
        for (y, row) in pixels.as_chunks::<3>().0.chunks_exact(line_width as usize).enumerate() {
            let at = (30 + y) * width as usize + MARGIN as usize;
            for (cell, &pixel) in canvas[at..at + row.len()].iter_mut().zip(row) {
                *cell = palette.index(pixel);
            }
        }
        for (i, map) in (0u32..).zip(maps(shape, rows[epoch])) {
            let highest = highest[usize::from(i > 0)];
            let (left, top) = layout.map_at(i);
            for (at, value) in map.values.into_iter().enumerate() {
                let shade = (value / highest * (SHADES - 1) as f64).round().clamp(0.0, (SHADES - 1) as f64) as u8;
                let x = left as usize + at % shape.width * layout.cell as usize;
                let y = top as usize + at / shape.width * layout.cell as usize;
                for row in y..y + layout.cell as usize {
                    let from = row * width as usize + x;
                    canvas[from..from + layout.cell as usize].fill(shade);
                }
            }
        }
        // Below the title everything may change; the last picture stays.
        let top = if i == 0 { 0 } else { 30 };
        let delay = if i + 1 == frames.len() { 200 } else { stay };
        let frame = gif::Frame {
            delay,
            top,
            width: width as u16,
            height: height as u16 - top,
            buffer: canvas[usize::from(top) * width as usize..].into(),
            ..gif::Frame::default()
        };
        encoder.write_frame(&frame).context(cannot)?;
    }
    drop(encoder);
    Ok(gif)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channels_are_summed_and_apart() {
        let shape = ImageShape { channels: 3, height: 1, width: 2 };
        let found = maps(shape, &[1, 2, 10, 20, 100, 200]);
        let values: Vec<_> = found.iter().map(|map| map.values.clone()).collect();
        assert_eq!(values, [[111.0, 222.0], [1.0, 2.0], [10.0, 20.0], [100.0, 200.0]]);
        assert_eq!(maps(ImageShape { channels: 1, height: 1, width: 2 }, &[1, 2]).len(), 1);
    }

    #[test]
    fn long_runs_are_thinned_to_their_ends() {
        assert_eq!(shown(4, MOST_FRAMES), [0, 1, 2, 3]);
        let long = shown(1001, MOST_FRAMES);
        assert_eq!((long.len(), long[0], long[MOST_FRAMES - 1]), (MOST_FRAMES, 0, 1000));
        assert_eq!(shown(1, MOST_FRAMES), [0]);
    }
}
