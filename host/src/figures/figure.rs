//! A figure: panels of equal size in rows, written as SVG and PNG, or each panel as an SVG of its own.
//!
//! Everything is drawn on a grid of whole numbers, [`UNIT`] times finer than the figure's size; the bitmap is then averaged to
//! twice its size. A report shows the panels one by one, so that they flow into one column on a phone.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use plotters::prelude::*;

use super::canvas::Paint;
use super::chart::Chart;
use super::style::{Area, FONT, PAPER, UNIT, failed};
use crate::files::write_atomically;

/// What draws a panel.
pub type Draw<'f> = Box<dyn Fn(&Area<'_>) -> Result<()> + 'f>;

/// A picture of square cells: a map or an image. It is kept apart from what is drawn, because its colours are data, which no
/// theme of a page may change.
#[derive(Clone, Debug)]
pub struct Raster {
    /// Left and top in the panel, in CSS pixels.
    pub at: (u32, u32),
    /// Width and height of a cell, in CSS pixels.
    pub cell: (u32, u32),
    /// Cells in a row.
    pub columns: usize,
    /// Of the cells, row by row.
    pub colours: Vec<RGBColor>,
}

impl Raster {
    /// Cells with their left and top in CSS pixels.
    fn cells(&self) -> impl Iterator<Item = ((u32, u32), RGBColor)> {
        self.colours.iter().enumerate().map(|(i, &colour)| {
            let (column, row) = ((i % self.columns) as u32, (i / self.columns) as u32);
            ((self.at.0 + column * self.cell.0, self.at.1 + row * self.cell.1), colour)
        })
    }

    /// The picture inside an SVG, shifted by `offset` CSS pixels.
    fn svg(&self, offset: (u32, u32)) -> Result<String> {
        let (columns, rows) = (self.columns as u32, self.colours.len().div_ceil(self.columns) as u32);
        let pixels: Vec<u8> = self.colours.iter().flat_map(|colour| [colour.0, colour.1, colour.2]).collect();
        let png = STANDARD.encode(png(columns, rows, &pixels, None)?);
        let [x, y] = [self.at.0 + offset.0, self.at.1 + offset.1].map(|at| at * UNIT);
        let (width, height) = (columns * self.cell.0 * UNIT, rows * self.cell.1 * UNIT);
        Ok(format!(
            "<image x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" preserveAspectRatio=\"none\" \
             style=\"image-rendering: pixelated\" href=\"data:image/png;base64,{png}\"/>\n"
        ))
    }
}

/// A part of a figure.
pub struct Panel<'f> {
    /// What it shows, for those who cannot see it.
    pub title: String,
    /// Draws everything but the rasters.
    pub draw: Draw<'f>,
    /// Pictures.
    pub rasters: Vec<Raster>,
}

impl From<Chart> for Panel<'_> {
    fn from(chart: Chart) -> Self {
        let title = if chart.title.is_empty() { chart.y.label.clone() } else { chart.title.clone() };
        Self { title, draw: Box::new(move |area| chart.draw(area)), rasters: Vec::new() }
    }
}

/// Width and height of a chart's panel, in CSS pixels.
pub const CHART: (u32, u32) = (420, 320);

/// A figure.
pub struct Figure<'f> {
    /// Of its files, without an ending.
    pub name: String,
    /// What it shows.
    pub title: String,
    /// Panels in a row.
    pub columns: usize,
    /// Width and height of a panel, in CSS pixels.
    pub size: (u32, u32),
    /// Row by row.
    pub panels: Vec<Panel<'f>>,
}

impl<'f> Figure<'f> {
    /// A figure of charts, at most two in a row.
    pub fn of_charts(name: &str, title: String, charts: Vec<Chart>) -> Self {
        let columns = charts.len().clamp(1, 2);
        Self { name: name.into(), title, columns, size: CHART, panels: charts.into_iter().map(Panel::from).collect() }
    }

    /// Width and height of the figure with `panels` panels, in CSS pixels.
    fn extent(&self, panels: usize) -> (u32, u32) {
        let columns = self.columns.min(panels);
        (self.size.0 * columns as u32, self.size.1 * panels.div_ceil(columns.max(1)) as u32)
    }

    /// Left and top of each of `panels` panels, in CSS pixels.
    fn places(&self, panels: usize) -> impl Iterator<Item = (u32, u32)> {
        let columns = self.columns.min(panels).max(1);
        (0..panels).map(move |i| ((i % columns) as u32 * self.size.0, (i / columns) as u32 * self.size.1))
    }

    /// Draws panels, without their rasters.
    fn paint(&self, panels: &[Panel<'f>], paint: Paint<'_>) -> Result<()> {
        let area = paint.into_drawing_area();
        area.fill(&PAPER).map_err(failed)?;
        let part = (self.size.0 * UNIT, self.size.1 * UNIT);
        for ((x, y), panel) in self.places(panels.len()).zip(panels) {
            let (x, y) = ((x * UNIT).cast_signed(), (y * UNIT).cast_signed());
            let place = area.clone().shrink((x, y), part);
            (panel.draw)(&place)?;
        }
        area.present().map_err(failed)
    }

    /// Panels as SVG.
    fn vector(&self, panels: &[Panel<'f>], title: &str) -> Result<String> {
        let (w, h) = self.extent(panels.len());
        let (width, height) = (w * UNIT, h * UNIT);
        let mut text = String::new();
        self.paint(panels, Paint::Svg(Box::new(SVGBackend::with_string(&mut text, (width, height)))))?;
        let mut rasters = String::new();
        for (place, panel) in self.places(panels.len()).zip(panels) {
            for raster in &panel.rasters {
                rasters += &raster.svg(place)?;
            }
        }
        let sized = format!("<svg width=\"{width}\" height=\"{height}\"");
        let title = title.replace('&', "&amp;").replace('<', "&lt;");
        let text = text.replacen(&sized, &format!("<svg width=\"{w}\" height=\"{h}\" role=\"img\""), 1);
        let text = text.replace(&format!("\"{FONT}\""), &format!("\"'{FONT}', Verdana, sans-serif\""));
        // The title is the first child of the root.
        let (root, rest) = text.split_once(">\n").context("an SVG begins with its root")?;
        let rest = rest.trim_end().strip_suffix("</svg>").context("an SVG ends with its root")?;
        Ok(format!("{root}>\n<title>{title}</title>\n{rest}{rasters}</svg>\n"))
    }

    /// The figure as SVG.
    ///
    /// # Errors
    ///
    /// When it cannot be drawn.
    pub fn svg(&self) -> Result<String> {
        self.vector(&self.panels, &self.title)
    }

    /// Every panel as an SVG of its own.
    ///
    /// # Errors
    ///
    /// When one cannot be drawn.
    pub fn panel_svgs(&self) -> Result<Vec<String>> {
        self.panels.iter().map(|panel| self.vector(std::slice::from_ref(panel), &panel.title)).collect()
    }

    /// The figure's pixels without rasters, red, green, blue, at `times` its size.
    ///
    /// # Errors
    ///
    /// When it cannot be drawn.
    pub fn pixels(&self, times: u32) -> Result<(u32, u32, Vec<u8>)> {
        let (w, h) = self.extent(self.panels.len());
        let (width, height) = (w * UNIT, h * UNIT);
        let mut buffer = vec![0; (width * height * 3) as usize];
        self.paint(&self.panels, Paint::Bitmap(BitMapBackend::with_buffer(&mut buffer, (width, height))))?;
        let by = (UNIT / times) as usize;
        let (w, h) = (width as usize / by, height as usize / by);
        let mut small = Vec::with_capacity(w * h * 3);
        for y in 0..h {
            for x in 0..w {
                for channel in 0..3 {
                    let mut sum = 0;
                    for dy in 0..by {
                        let row = ((y * by + dy) * width as usize + x * by) * 3 + channel;
                        sum += (0..by).map(|dx| usize::from(buffer[row + 3 * dx])).sum::<usize>();
                    }
                    small.push((sum / (by * by)) as u8);
                }
            }
        }
        Ok((w as u32, h as u32, small))
    }

    /// The cells of every raster: left, top, width and height in CSS pixels in the figure, and the colour.
    pub fn cells(&self) -> impl Iterator<Item = ([u32; 4], RGBColor)> {
        self.places(self.panels.len()).zip(&self.panels).flat_map(|((x, y), panel)| {
            panel.rasters.iter().flat_map(move |raster| {
                let (width, height) = raster.cell;
                raster.cells().map(move |((left, top), colour)| ([x + left, y + top, width, height], colour))
            })
        })
    }

    /// The figure as PNG, twice its size.
    ///
    /// # Errors
    ///
    /// When it cannot be drawn.
    pub fn png(&self) -> Result<Vec<u8>> {
        const TIMES: u32 = 2;
        let (width, height, mut pixels) = self.pixels(TIMES)?;
        for (cell, RGBColor(r, g, b)) in self.cells() {
            let [left, top, w, h] = cell.map(|side| (side * TIMES) as usize);
            for y in top..top + h {
                let at = (y * width as usize + left) * 3;
                pixels[at..at + 3 * w].as_chunks_mut::<3>().0.fill([r, g, b]);
            }
        }
        png(width, height, &pixels, Some(&self.title))
    }

    /// Writes both files into a folder, each whole or not at all; returns their paths.
    ///
    /// # Errors
    ///
    /// When the figure cannot be drawn or written.
    pub fn save(&self, folder: &Path) -> Result<[PathBuf; 2]> {
        let drawn = || format!("cannot draw the figure {}", self.name);
        let [svg, png] = ["svg", "png"].map(|ending| folder.join(format!("{}.{ending}", self.name)));
        write_atomically(&svg, self.svg().with_context(drawn)?.as_bytes())?;
        write_atomically(&png, &self.png().with_context(drawn)?)?;
        Ok([svg, png])
    }
}

/// Pixels as a PNG.
fn png(width: u32, height: u32, pixels: &[u8], title: Option<&str>) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, width, height);
    encoder.set_color(png::ColorType::Rgb);
    if let Some(title) = title {
        // What the format's text can hold.
        let latin = title.chars().filter(|&c| u32::from(c) < 256).collect();
        encoder.add_text_chunk("Title".into(), latin)?;
    }
    let mut writer = encoder.write_header()?;
    writer.write_image_data(pixels)?;
    writer.finish()?;
    Ok(bytes)
}
