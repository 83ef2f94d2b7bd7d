//! A canvas that is an SVG or a bitmap.

use plotters::prelude::*;
use plotters_backend::{BackendColor, BackendCoord, BackendStyle, BackendTextStyle, DrawingBackend, DrawingErrorKind};

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
