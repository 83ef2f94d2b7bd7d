//! Input connections over the epochs, as a GIF for light or dark pages.

use std::collections::HashMap;

use anyhow::{Context, Result, anyhow};
use plotters::prelude::*;

use super::figure::{Figure, Panel};
use super::inputs::{Example, example_panel, highest, maps, panel, rows};
use super::maps::{AT, SIZE, cell, cells, means};
use super::style::{Area, INK, LABEL, PAPER, UNIT, failed, heat, text};
use crate::analysis::saved::SavedRun;

/// Frames of an animation.
const MOST_FRAMES: usize = 200;
/// Hundredths of a second that all frames take together.
const DURATION: usize = 1600;
/// Bytes of an animation that is a file: with noisier maps it has fewer frames.
pub const MOST_BYTES: usize = 4_500_000;
/// Height of the line that names the epoch.
const HEAD: u32 = 30;
/// Colours of a GIF that the map takes.
const SHADES: usize = 128;
/// Colours between paper and ink.
const GREYS: usize = 20;
/// Bytes of a GIF before its colours.
const BEFORE_COLOURS: usize = 13;
/// Paper and ink on a dark page.
const DARK: [RGBColor; 2] = [RGBColor(0x16, 0x18, 0x1C), RGBColor(0xEC, 0xEC, 0xF0)];

/// Between paper and ink.
fn greys([paper, ink]: [RGBColor; 2]) -> Vec<[u8; 3]> {
    let mix = |a: u8, b: u8, i: usize| ((usize::from(a) * (GREYS - 1 - i) + usize::from(b) * i) / (GREYS - 1)) as u8;
    (0..GREYS).map(|i| [mix(paper.0, ink.0, i), mix(paper.1, ink.1, i), mix(paper.2, ink.2, i)]).collect()
}

/// Colours of a GIF: shades of the map, greys of the text, and those of the example image.
struct Palette {
    colours: Vec<[u8; 3]>,
    nearest: HashMap<[u8; 3], u8>,
}

impl Palette {
    /// For example images of so many channels.
    fn new(channels: usize) -> Self {
        let shades = (0..SHADES).map(|i| {
            let RGBColor(r, g, b) = heat(i as f64 / (SHADES - 1) as f64);
            [r, g, b]
        });
        let level = |i: u8, of: u8| (u16::from(i) * 255 / u16::from(of - 1)) as u8;
        let image = (0..108u8).map(|i| {
            if channels == 3 { [level(i % 6, 6), level(i / 6 % 6, 6), level(i / 36, 3)] } else { [level(i, 108); 3] }
        });
        Self { colours: shades.chain(greys([PAPER, INK])).chain(image).collect(), nearest: HashMap::new() }
    }

    /// The grey of a pixel of text.
    fn ink(pixel: [u8; 3]) -> u8 {
        let (paper, ink) = (usize::from(PAPER.0), usize::from(INK.0));
        let dark = paper.saturating_sub(usize::from(pixel[0]));
        (SHADES + (dark * (GREYS - 1) / (paper - ink)).min(GREYS - 1)) as u8
    }

    /// The nearest colour of a pixel of a picture, which no theme changes.
    fn picture(&mut self, colour: [u8; 3]) -> u8 {
        let colours = &self.colours;
        *self.nearest.entry(colour).or_insert_with(|| {
            let distance = |other: &[u8; 3]| -> i32 {
                other.iter().zip(colour).map(|(&a, b)| (i32::from(a) - i32::from(b)).pow(2)).sum()
            };
            let pictures = colours.iter().enumerate().filter(|(i, _)| !(SHADES..SHADES + GREYS).contains(i));
            pictures.min_by_key(|(_, other)| distance(other)).map_or(0, |(i, _)| i as u8)
        })
    }
}

/// The same animation for dark pages: paper and ink are others, pictures stay.
pub fn darkened(mut gif: Vec<u8>) -> Vec<u8> {
    let at = BEFORE_COLOURS + 3 * SHADES;
    gif[at..at + 3 * GREYS].copy_from_slice(&greys(DARK).concat());
    gif
}

/// The epochs that are shown: all, or as many as fit, the first and the last among them.
fn shown(rows: usize, most: usize) -> Vec<usize> {
    let frames = rows.min(most);
    (0..frames).map(|i| if frames > 1 { i * (rows - 1) / (frames - 1) } else { 0 }).collect()
}

/// Connections of each pixel over the epochs, beside an example, as a GIF of about `most_bytes` at most.
///
/// # Errors
///
/// When the run recorded no input connections, or it cannot be drawn.
pub fn animation(run: &SavedRun, example: Example<'_>, most_bytes: usize) -> Result<Vec<u8>> {
    let rows = rows(run).filter(|rows| !rows.is_empty());
    let rows = rows.with_context(|| {
        let path = run.path.display();
        format!("{path} recorded no input connections, so there is nothing to animate; only SET runs do")
    })?;
    let mut most = MOST_FRAMES;
    loop {
        let gif = encode(run, &rows, &shown(rows.len(), most), example)?;
        if gif.len() <= most_bytes || most < 10 {
            return Ok(gif);
        }
        most = (most.min(rows.len()) * 19 / 20).min(most.min(rows.len()) * most_bytes / gif.len() * 19 / 20);
    }
}

/// A picture of indices into the palette.
struct Canvas {
    width: usize,
    pixels: Vec<u8>,
}

impl Canvas {
    /// Puts a figure's drawing below `top`.
    fn draw(&mut self, figure: &Figure<'_>, top: usize) -> Result<()> {
        let (width, _, pixels) = figure.pixels(1)?;
        for (y, row) in pixels.as_chunks::<3>().0.chunks_exact(width as usize).enumerate() {
            let at = (top + y) * self.width;
            for (cell, &pixel) in self.pixels[at..at + row.len()].iter_mut().zip(row) {
                *cell = Palette::ink(pixel);
            }
        }
        Ok(())
    }

    fn fill(&mut self, [left, top, width, height]: [u32; 4], colour: u8) {
        for y in top..top + height {
            let at = y as usize * self.width + left as usize;
            self.pixels[at..at + width as usize].fill(colour);
        }
    }
}

/// The line above the maps.
fn line(words: String, width: u32) -> Figure<'static> {
    let draw = move |area: &Area<'_>| {
        let at = ((AT.0 * UNIT).cast_signed(), (10 * UNIT).cast_signed());
        area.draw(&Text::new(words.clone(), at, text(LABEL, INK))).map_err(failed)
    };
    let panels = vec![Panel { title: String::new(), draw: Box::new(draw), rasters: Vec::new() }];
    Figure { name: String::new(), title: String::new(), columns: 1, size: (width, HEAD), panels }
}

/// A GIF of the rows of these epochs.
fn encode(run: &SavedRun, rows: &[&[u16]], frames: &[usize], example: Example<'_>) -> Result<Vec<u8>> {
    let shape = run.shape();
    let highest = highest(shape, rows);
    let before = usize::from(example.is_some());
    let mut panels: Vec<Panel<'_>> = example.into_iter().map(|image| example_panel(shape, image)).collect();
    for (i, map) in maps(shape, rows[0]).iter().enumerate() {
        panels.push(panel(map, shape, "connections that survive pruning", highest[usize::from(i > 0)]));
    }
    let columns = panels.len().min(3);
    let base = Figure { name: "animation".into(), title: String::new(), columns, size: SIZE, panels };
    let (width, height) = (SIZE.0 * columns as u32, SIZE.1 * base.panels.len().div_ceil(columns) as u32 + HEAD);
    let mut palette = Palette::new(shape.channels);
    let mut canvas = Canvas { width: width as usize, pixels: vec![SHADES as u8; (width * height) as usize] };
    canvas.draw(&base, HEAD as usize)?;
    for ([left, top, w, h], RGBColor(r, g, b)) in base.cells() {
        canvas.fill([left, top + HEAD, w, h], palette.picture([r, g, b]));
    }
    let mut gif = Vec::new();
    let cannot = "the animation cannot be encoded";
    let size = |side: u32| u16::try_from(side).map_err(|_| anyhow!("the animation is too large"));
    let (wide, high) = (size(width)?, size(height)?);
    let mut encoder = gif::Encoder::new(&mut gif, wide, high, &palette.colours.concat()).context(cannot)?;
    encoder.set_repeat(gif::Repeat::Infinite).context(cannot)?;
    let stay = (DURATION / frames.len().max(1)).clamp(4, 50) as u16;
    let (last, side, columns_of_map) = (rows.len() - 1, cell(shape), cells(shape).width);
    for (i, &epoch) in frames.iter().enumerate() {
        canvas.draw(&line(format!("SET on {}: epoch {epoch} of {last}", run.config.dataset.short()), width), 0)?;
        for (i, map) in maps(shape, rows[epoch]).into_iter().enumerate() {
            let (highest, place) = (highest[usize::from(i > 0)], before + i);
            let left = (place % columns) as u32 * SIZE.0 + AT.0;
            let top = (place / columns) as u32 * SIZE.1 + AT.1 + HEAD;
            for (at, value) in means(shape, &map.values).into_iter().enumerate() {
                let shade = (value / highest * (SHADES - 1) as f64).round().clamp(0.0, (SHADES - 1) as f64) as u8;
                let (x, y) = ((at % columns_of_map) as u32 * side, (at / columns_of_map) as u32 * side);
                canvas.fill([left + x, top + y, side, side], shade);
            }
        }
        let frame = gif::Frame {
            // The last picture stays.
            delay: if i + 1 == frames.len() { 200 } else { stay },
            width: wide,
            height: high,
            buffer: canvas.pixels.as_slice().into(),
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
    fn long_runs_are_thinned_to_their_ends() {
        assert_eq!(shown(4, MOST_FRAMES), [0, 1, 2, 3]);
        let long = shown(1001, MOST_FRAMES);
        assert_eq!((long.len(), long[0], long[MOST_FRAMES - 1]), (MOST_FRAMES, 0, 1000));
        assert_eq!(shown(1, MOST_FRAMES), [0]);
    }

    #[test]
    fn greys_go_from_paper_to_ink() {
        for [paper, ink] in [[PAPER, INK], DARK] {
            let greys = greys([paper, ink]);
            assert_eq!((greys[0], greys[GREYS - 1]), ([paper.0, paper.1, paper.2], [ink.0, ink.1, ink.2]));
        }
        assert_eq!(Palette::ink([PAPER.0; 3]), SHADES as u8);
        assert_eq!(Palette::ink([INK.0; 3]), (SHADES + GREYS - 1) as u8);
    }

    #[test]
    fn no_theme_changes_a_white_pixel_of_an_image() {
        let mut palette = Palette::new(1);
        for white in [[255; 3], [0; 3], [0x22; 3]] {
            let index = usize::from(palette.picture(white));
            assert!(!(SHADES..SHADES + GREYS).contains(&index), "{white:?}");
        }
    }
}
