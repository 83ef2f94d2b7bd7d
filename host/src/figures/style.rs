//! How every figure looks: sizes of type, and colours.

use std::sync::Once;

use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::{Color, register_font};

use super::canvas::Paint;
use crate::settings::ModelKind;

/// Grid lines to a CSS pixel.
pub const UNIT: u32 = 4;

/// Size of a chart's title, in CSS pixels.
pub const TITLE: u32 = 15;
/// Size of legends and of the names of axes.
pub const LABEL: u32 = 13;
/// Size of the numbers along an axis, and of notes.
pub const SMALL: u32 = 12;

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
pub(super) const FONT: &str = "DejaVu Sans";

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

/// A part of a canvas.
pub type Area<'a> = DrawingArea<Paint<'a>, Shift>;

/// An error of the drawing library.
pub(super) fn failed(error: impl std::fmt::Display) -> anyhow::Error {
    anyhow::anyhow!("{error}")
}

/// A colour let through in part.
pub fn faint(colour: RGBColor, share: f64) -> RGBAColor {
    colour.mix(share)
}
