//! How every figure looks: sizes, colours, type; and a canvas that is an SVG or a bitmap.
//!
//! Both are drawn on the same grid of whole numbers, [`UNIT`] times finer than a figure's size; the bitmap is then averaged
//! to twice its size.

use std::path::{Path, PathBuf};
use std::sync::Once;

use anyhow::{Context, Result, anyhow};
use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::{Color, register_font};
use plotters_backend::{BackendColor, BackendCoord, BackendStyle, BackendTextStyle, DrawingBackend, DrawingErrorKind};

use crate::files::write_atomically;
use crate::settings::ModelKind;

/// Grid lines to a CSS pixel.
pub const UNIT: u32 = 4;

/// Text and axes.
pub const INK: RGBColor = RGBColor(0x22, 0x22, 0x22);
/// What explains.
pub const MUTED: RGBColor = RGBColor(0x66, 0x66, 0x66);
/// Lines behind the data.
pub const GRID: RGBColor = RGBColor(0xDD, 0xDD, 0xDD);
/// Behind everything.
pub const PAPER: RGBColor = RGBColor(0xFF, 0xFF, 0xFF);

/// Colours that people with any common colour blindness tell apart (Okabe and Ito 2008), darkest first.
pub const PALETTE: [RGBColor; 7] = [
    RGBColor(0x00, 0x72, 0xB2),
    RGBColor(0xD5, 0x5E, 0x00),
    RGBColor(0x00, 0x9E, 0x73),
    RGBColor(0xCC, 0x79, 0xA7),
    RGBColor(0xE6, 0x9F, 0x00),
    RGBColor(0x56, 0xB4, 0xE9),
    RGBColor(0x80, 0x80, 0x80),
];

/// The colour of a model, the same in every figure.
pub fn model_colour(model: ModelKind) -> RGBColor {
    PALETTE[match model {
        ModelKind::Set => 0,
        ModelKind::Fixprob => 1,
        ModelKind::Dense => 2,
    }]
}

/// Ten stops of viridis, which stays in order in grey and for the colour-blind.
const VIRIDIS: [[u8; 3]; 10] = [
    [0x44, 0x01, 0x54],
    [0x48, 0x28, 0x78],
    [0x3E, 0x49, 0x89],
    [0x31, 0x68, 0x8E],
    [0x26, 0x82, 0x8E],
    [0x1F, 0x9E, 0x89],
    [0x35, 0xB7, 0x79],
    [0x6E, 0xCE, 0x58],
    [0xB5, 0xDE, 0x2B],
    [0xFD, 0xE7, 0x25],
];

/// The colour of a share in `[0, 1]`.
pub fn heat(share: f64) -> RGBColor {
    let at = share.clamp(0.0, 1.0) * (VIRIDIS.len() - 1) as f64;
    let low = (at as usize).min(VIRIDIS.len() - 2);
    let mix = |i: usize| {
        let (a, b) = (f64::from(VIRIDIS[low][i]), f64::from(VIRIDIS[low + 1][i]));
        (a + (b - a) * (at - low as f64)).round() as u8
    };
    RGBColor(mix(0), mix(1), mix(2))
}

/// Family of all text.
const FONT: &str = "DejaVu Sans";

/// Text of a size in CSS pixels.
pub fn text(size: u32, colour: RGBColor) -> TextStyle<'static> {
    static REGISTER: Once = Once::new();
    REGISTER.call_once(|| {
        // The font is part of the program, so it is there and whole.
        let _ = register_font(FONT, FontStyle::Normal, dejavu::sans::regular());
    });
    // The library's size is that of a line.
    (FONT, f64::from(size * UNIT) * 1.16).into_font().color(&colour)
}

/// Why a canvas could not be drawn on.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct PaintError(String);

/// A canvas.
pub enum Paint<'a> {
    /// Lines and text.
    Svg(Box<SVGBackend<'a>>),
    /// Pixels.
    Bitmap(BitMapBackend<'a>),
}

fn told<E: std::error::Error + Send + Sync>(error: DrawingErrorKind<E>) -> DrawingErrorKind<PaintError> {
    match error {
        DrawingErrorKind::DrawingError(error) => DrawingErrorKind::DrawingError(PaintError(error.to_string())),
        DrawingErrorKind::FontError(error) => DrawingErrorKind::FontError(error),
    }
}

/// Calls the canvas that there is.
macro_rules! paint {
    ($self:ident, $backend:ident => $call:expr) => {
        match $self {
            Paint::Svg($backend) => $call.map_err(told),
            Paint::Bitmap($backend) => $call.map_err(told),
        }
    };
}

type Painted = Result<(), DrawingErrorKind<PaintError>>;

impl DrawingBackend for Paint<'_> {
    type ErrorType = PaintError;

    fn get_size(&self) -> (u32, u32) {
        match self {
            Self::Svg(svg) => svg.get_size(),
            Self::Bitmap(bitmap) => bitmap.get_size(),
        }
    }

    fn ensure_prepared(&mut self) -> Painted {
        paint!(self, b => b.ensure_prepared())
    }

    fn present(&mut self) -> Painted {
        paint!(self, b => b.present())
    }

    fn draw_pixel(&mut self, point: BackendCoord, color: BackendColor) -> Painted {
        paint!(self, b => b.draw_pixel(point, color))
    }

    fn draw_line<S: BackendStyle>(&mut self, from: BackendCoord, to: BackendCoord, style: &S) -> Painted {
        paint!(self, b => b.draw_line(from, to, style))
    }

    fn draw_rect<S: BackendStyle>(&mut self, a: BackendCoord, b: BackendCoord, style: &S, fill: bool) -> Painted {
        paint!(self, backend => backend.draw_rect(a, b, style, fill))
    }

    fn draw_path<S: BackendStyle, I: IntoIterator<Item = BackendCoord>>(&mut self, path: I, style: &S) -> Painted {
        paint!(self, b => b.draw_path(path, style))
    }

    fn draw_circle<S: BackendStyle>(&mut self, center: BackendCoord, radius: u32, style: &S, fill: bool) -> Painted {
        paint!(self, b => b.draw_circle(center, radius, style, fill))
    }

    fn fill_polygon<S: BackendStyle, I: IntoIterator<Item = BackendCoord>>(&mut self, vert: I, style: &S) -> Painted {
        paint!(self, b => b.fill_polygon(vert, style))
    }

    fn draw_text<S: BackendTextStyle>(&mut self, text: &str, style: &S, pos: BackendCoord) -> Painted {
        paint!(self, b => b.draw_text(text, style, pos))
    }

    fn estimate_text_size<S: BackendTextStyle>(
        &self,
        text: &str,
        style: &S,
    ) -> Result<(u32, u32), DrawingErrorKind<PaintError>> {
        paint!(self, b => b.estimate_text_size(text, style))
    }
}

/// A part of a canvas.
pub type Area<'a> = DrawingArea<Paint<'a>, Shift>;

/// What draws a figure.
pub type Draw<'f> = Box<dyn Fn(&Area<'_>) -> Result<()> + 'f>;

/// A figure: a size in CSS pixels and what to draw.
pub struct Figure<'f> {
    /// Of its files, without an ending.
    pub name: String,
    /// What it shows, for those who cannot see it.
    pub title: String,
    /// Width and height in CSS pixels.
    pub size: (u32, u32),
    /// Draws it.
    pub draw: Draw<'f>,
}

impl Figure<'_> {
    fn paint(&self, paint: Paint<'_>) -> Result<()> {
        let area = paint.into_drawing_area();
        area.fill(&PAPER).map_err(|error| anyhow!("{error}"))?;
        (self.draw)(&area)?;
        area.present().map_err(|error| anyhow!("{error}"))
    }

    fn grid(&self) -> (u32, u32) {
        (self.size.0 * UNIT, self.size.1 * UNIT)
    }

    /// The figure as SVG.
    ///
    /// # Errors
    ///
    /// When it cannot be drawn.
    pub fn svg(&self) -> Result<String> {
        let (width, height) = self.grid();
        let mut text = String::new();
        self.paint(Paint::Svg(Box::new(SVGBackend::with_string(&mut text, (width, height)))))?;
        let sized = format!("<svg width=\"{width}\" height=\"{height}\"");
        let title = self.title.replace('&', "&amp;").replace('<', "&lt;");
        let head = format!("<svg width=\"{}\" height=\"{}\" role=\"img\"", self.size.0, self.size.1);
        let text = text.replacen(&sized, &head, 1);
        let text = text.replace(&format!("\"{FONT}\""), &format!("\"'{FONT}', Verdana, sans-serif\""));
        // The title is the first child of the root.
        let (root, rest) = text.split_once(">\n").context("an SVG begins with its root")?;
        // Without it browsers show seams between the cells of a map.
        let crisp = "<style>rect { shape-rendering: crispEdges; }</style>";
        Ok(format!("{root}>\n<title>{title}</title>\n{crisp}\n{rest}"))
    }

    /// The figure's pixels, red, green, blue, at `times` its size.
    ///
    /// # Errors
    ///
    /// When it cannot be drawn.
    pub fn pixels(&self, times: u32) -> Result<(u32, u32, Vec<u8>)> {
        let (width, height) = self.grid();
        let mut buffer = vec![0; (width * height * 3) as usize];
        self.paint(Paint::Bitmap(BitMapBackend::with_buffer(&mut buffer, (width, height))))?;
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

    /// The figure as PNG, twice its size.
    ///
    /// # Errors
    ///
    /// When it cannot be drawn.
    pub fn png(&self) -> Result<Vec<u8>> {
        let (width, height, pixels) = self.pixels(2)?;
        let mut bytes = Vec::new();
        let mut encoder = png::Encoder::new(&mut bytes, width, height);
        encoder.set_color(png::ColorType::Rgb);
        encoder.set_compression(png::Compression::Fast);
        encoder.add_text_chunk("Title".into(), latin(&self.title))?;
        let mut writer = encoder.write_header()?;
        writer.write_image_data(&pixels)?;
        writer.finish()?;
        Ok(bytes)
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

/// Text that a PNG can hold.
fn latin(text: &str) -> String {
    text.chars().filter(|&c| u32::from(c) < 256).collect()
}

/// A colour let through in part.
pub fn faint(colour: RGBColor, share: f64) -> RGBAColor {
    colour.mix(share)
}
