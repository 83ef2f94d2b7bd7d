//! Charts: axes, lines, bands, points and bars, and a legend above them that hides nothing.

#![expect(clippy::cast_possible_wrap, reason = "a figure has thousands of grid lines, not billions")]

use anyhow::{Result, anyhow};
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::axis::{Axis, Placed};
use super::path::{Pattern, band, clip, stroke};
use super::style::{Area, GRID, INK, LABEL, MUTED, SMALL, TITLE, UNIT, failed, faint, text};

/// Lines of at most this many points have each point marked.
const FEW: usize = 12;

/// How a series is drawn.
#[derive(Clone, Debug, PartialEq)]
pub enum Mark {
    /// A line; the points of a short one are marked, and so a single point is seen: filled on a solid line, else rings.
    Line(Pattern),
    /// The space between two lines.
    Band {
        /// The upper line; the points are the lower one.
        upper: Vec<(f64, f64)>,
    },
    /// Dots.
    Points,
    /// Circles around dots, so that both are seen where they coincide.
    Rings,
    /// Bars from zero, each this wide.
    Bars {
        /// In units of the x axis.
        width: f64,
    },
    /// The outline of bars, so that both are seen where they coincide.
    Outline {
        /// Width of a bar, in units of the x axis.
        width: f64,
    },
}

/// Points and how they are drawn.
#[derive(Clone, Debug)]
pub struct Series {
    /// For the legend; none when empty.
    pub label: String,
    /// Of marks.
    pub colour: RGBColor,
    /// Line, band, points or bars.
    pub mark: Mark,
    /// In the axes' units.
    pub points: Vec<(f64, f64)>,
}

impl Series {
    /// A line.
    pub fn line(label: impl Into<String>, colour: RGBColor, pattern: Pattern, points: Vec<(f64, f64)>) -> Self {
        Self { label: label.into(), colour, mark: Mark::Line(pattern), points }
    }

    /// Everything that the axes must hold.
    fn extent(&self) -> Vec<(f64, f64)> {
        match &self.mark {
            Mark::Band { upper } => self.points.iter().chain(upper).copied().collect(),
            Mark::Bars { width } | Mark::Outline { width } => {
                let bars = self.points.iter();
                bars.flat_map(|&(x, y)| [(x - width / 2.0, 0.0), (x + width / 2.0, y)]).collect()
            }
            _ => self.points.clone(),
        }
    }

    /// The corners of the outline of bars.
    fn outline(&self, width: f64) -> Vec<(f64, f64)> {
        let bars = self.points.iter().flat_map(|&(x, y)| [(x - width / 2.0, y), (x + width / 2.0, y)]);
        let ends = self.points.first().zip(self.points.last());
        let (first, last) = ends.map_or((0.0, 0.0), |(first, last)| (first.0 - width / 2.0, last.0 + width / 2.0));
        std::iter::once((first, 0.0)).chain(bars).chain([(last, 0.0)]).collect()
    }
}

/// Axes and what lies between them.
#[derive(Clone, Debug)]
pub struct Chart {
    /// Above it.
    pub title: String,
    /// Below the title, smaller.
    pub note: String,
    /// To the right.
    pub x: Axis,
    /// Upwards.
    pub y: Axis,
    /// First at the back.
    pub series: Vec<Series>,
}

/// A chart's plane on the paper.
struct Plane<'c> {
    chart: &'c Chart,
    x: Placed,
    y: Placed,
    left: i32,
    right: i32,
    top: i32,
    bottom: i32,
}

impl Plane<'_> {
    fn across(&self, value: f64) -> i32 {
        let share = (value - self.x.from) / (self.x.to - self.x.from);
        self.left + (share * f64::from(self.right - self.left)).round() as i32
    }

    fn up(&self, value: f64) -> i32 {
        let share = (value - self.y.from) / (self.y.to - self.y.from);
        self.bottom - (share * f64::from(self.bottom - self.top)).round() as i32
    }

    /// Points in the units of the paper, those without a place left out.
    fn placed(&self, points: &[(f64, f64)]) -> Vec<(f64, f64)> {
        let placed = points.iter().map(|&(a, b)| (self.chart.x.on_paper(a), self.chart.y.on_paper(b)));
        placed.filter(|(a, b)| a.is_finite() && b.is_finite() && (self.x.from..=self.x.to).contains(a)).collect()
    }

    fn spot(&self, (a, b): (f64, f64)) -> (i32, i32) {
        (self.across(a), self.up(b.clamp(self.y.from, self.y.to)))
    }

    fn inside(&self, (_, b): (f64, f64)) -> bool {
        (self.y.from..=self.y.to).contains(&b)
    }

    fn series(&self, area: &Area<'_>, series: &Series) -> Result<()> {
        let unit = UNIT as i32;
        let points = self.placed(&series.points);
        let range = (self.y.from, self.y.to);
        let line = |path: &[(f64, f64)], pattern: Pattern| -> Result<()> {
            for piece in clip(path, range) {
                let piece: Vec<_> = piece.into_iter().map(|point| self.spot(point)).collect();
                stroke(area, &piece, series.colour, pattern)?;
            }
            Ok(())
        };
        let circles = |radius: i32, style: ShapeStyle| -> Result<()> {
            for &point in points.iter().filter(|&&point| self.inside(point)) {
                area.draw(&Circle::new(self.spot(point), radius, style)).map_err(failed)?;
            }
            Ok(())
        };
        match &series.mark {
            Mark::Line(pattern) => {
                line(&points, *pattern)?;
                if points.len() <= FEW {
                    circles(3 * unit, dot(series.colour, *pattern))?;
                }
            }
            Mark::Band { upper } => {
                let edge = band(&points, &self.placed(upper), range);
                let edge: Vec<_> = edge.into_iter().map(|point| self.spot(point)).collect();
                area.draw(&Polygon::new(edge, faint(series.colour, 0.2))).map_err(failed)?;
            }
            Mark::Points => circles(2 * unit, series.colour.filled())?,
            Mark::Rings => circles(4 * unit, series.colour.stroke_width(5))?,
            Mark::Bars { width } => {
                for &(at, value) in series.points.iter().filter(|(_, value)| value.is_finite()) {
                    let (a, b) = (self.across(at - width / 2.0), self.across(at + width / 2.0));
                    let floor = self.up(self.y.from.max(0.0));
                    let corners = [(a, self.up(value.clamp(self.y.from, self.y.to)).min(floor)), (b, floor)];
                    area.draw(&Rectangle::new(corners, faint(series.colour, 0.7).filled())).map_err(failed)?;
                }
            }
            Mark::Outline { width } => line(&self.placed(&series.outline(*width)), Pattern::Solid)?,
        }
        Ok(())
    }
}

impl Chart {
    /// Draws the chart.
    ///
    /// # Errors
    ///
    /// When the canvas fails.
    pub fn draw(&self, area: &Area<'_>) -> Result<()> {
        let unit = UNIT as i32;
        let area = area.margin(6 * unit, 6 * unit, 6 * unit, 10 * unit);
        let width = area.dim_in_pixel().0 as i32;
        let mut top = 0;
        if !self.title.is_empty() {
            for line in wrap(&area, &self.title, TITLE, width)? {
                area.draw(&Text::new(line, (0, top), text(TITLE, INK))).map_err(failed)?;
                top += 21 * unit;
            }
        }
        if !self.note.is_empty() {
            for line in wrap(&area, &self.note, SMALL, width)? {
                area.draw(&Text::new(line, (0, top), text(SMALL, MUTED))).map_err(failed)?;
                top += 16 * unit;
            }
        }
        top = self.legend(&area, top, width)?;
        let (_, plot) = area.split_vertically(top + 4 * unit);
        self.data(&plot)
    }

    /// Draws the legend in as many lines as it needs; returns where it ends.
    fn legend(&self, area: &Area<'_>, top: i32, width: i32) -> Result<i32> {
        let unit = UNIT as i32;
        let style = text(LABEL, INK);
        let (mut x, mut y) = (0, top);
        let (sample, gap, line) = (28 * unit, 6 * unit, 18 * unit);
        for series in self.series.iter().filter(|series| !series.label.is_empty() && !series.points.is_empty()) {
            let (w, _) = area.estimate_text_size(&series.label, &style).map_err(failed)?;
            let needed = sample + gap + w as i32 + 14 * unit;
            if x > 0 && x + needed > width {
                (x, y) = (0, y + line);
            }
            let middle = y + 8 * unit;
            let corners = [(x + 4 * unit, middle - 5 * unit), (x + sample - 4 * unit, middle + 5 * unit)];
            let centre = (x + sample / 2, middle);
            let colour = series.colour;
            match &series.mark {
                Mark::Line(pattern) => {
                    stroke(area, &[(x, middle), (x + sample, middle)], colour, *pattern)?;
                    if series.points.len() <= FEW {
                        area.draw(&Circle::new(centre, 3 * unit, dot(colour, *pattern))).map_err(failed)?;
                    }
                }
                Mark::Band { .. } => {
                    area.draw(&Rectangle::new(corners, faint(colour, 0.2).filled())).map_err(failed)?;
                }
                Mark::Points => area.draw(&Circle::new(centre, 3 * unit, colour.filled())).map_err(failed)?,
                Mark::Rings => area.draw(&Circle::new(centre, 4 * unit, colour.stroke_width(5))).map_err(failed)?,
                Mark::Bars { .. } => {
                    area.draw(&Rectangle::new(corners, faint(colour, 0.7).filled())).map_err(failed)?;
                }
                Mark::Outline { .. } => {
                    let [(a, b), (c, d)] = corners;
                    stroke(area, &[(a, d), (a, b), (c, b), (c, d)], colour, Pattern::Solid)?;
                }
            }
            let left = style.pos(Pos::new(HPos::Left, VPos::Center));
            area.draw(&Text::new(series.label.clone(), (x + sample + gap, middle), left)).map_err(failed)?;
            x += needed;
        }
        Ok(if x > 0 || y > top { y + line } else { y })
    }

    /// Draws the axes and what lies between them.
    fn data(&self, area: &Area<'_>) -> Result<()> {
        let unit = UNIT as i32;
        let all: Vec<(f64, f64)> = self.series.iter().flat_map(Series::extent).collect();
        let (x, y) = (self.x.place(all.iter().map(|p| p.0)), self.y.place(all.iter().map(|p| p.1)));
        let small = text(SMALL, INK);
        let widest = y.ticks.iter().map(|&tick| area.estimate_text_size(&self.y.name(tick), &small));
        let widest = widest.filter_map(Result::ok).map(|(w, _)| w as i32).max().unwrap_or(0);
        let (whole_w, whole_h) = area.dim_in_pixel();
        let (left, right) = (widest + 28 * unit, whole_w as i32 - 6 * unit);
        // Names that are too long to stand side by side take turns on two lines.
        let longest = self.x.names.iter().map(|name| area.estimate_text_size(name, &small));
        let longest = longest.filter_map(Result::ok).map(|(w, _)| w as i32 + 4 * unit).max().unwrap_or(0);
        let lower = if longest * self.x.names.len() as i32 > right - left { 15 * unit } else { 0 };
        let plane = Plane { chart: self, x, y, left, right, top: 6 * unit, bottom: whole_h as i32 - 40 * unit - lower };
        let Plane { top, bottom, .. } = plane;
        if bottom <= top || right <= left {
            return Err(anyhow!("the figure is too small for its labels"));
        }
        let line = |path: Vec<(i32, i32)>, style: ShapeStyle| area.draw(&PathElement::new(path, style)).map_err(failed);
        let thin = GRID.stroke_width(3);
        for &tick in &plane.y.ticks {
            let up = plane.up(tick);
            line(vec![(left, up), (right, up)], thin)?;
            let style = small.pos(Pos::new(HPos::Right, VPos::Center));
            area.draw(&Text::new(self.y.name(tick), (left - 6 * unit, up), style)).map_err(failed)?;
        }
        for (i, &tick) in plane.x.ticks.iter().enumerate() {
            let down = bottom + 5 * unit + if i % 2 == 1 { lower } else { 0 };
            let across = plane.across(tick);
            if self.x.names.is_empty() {
                line(vec![(across, top), (across, bottom)], thin)?;
            }
            let style = small.pos(Pos::new(HPos::Center, VPos::Top));
            area.draw(&Text::new(self.x.name(tick), (across, down), style)).map_err(failed)?;
        }
        let middle = (left + (right - left) / 2, whole_h as i32 - 2 * unit);
        let style = text(LABEL, INK).pos(Pos::new(HPos::Center, VPos::Bottom));
        area.draw(&Text::new(self.x.label.clone(), middle, style)).map_err(failed)?;
        let turned = text(LABEL, INK).transform(FontTransform::Rotate270).pos(Pos::new(HPos::Center, VPos::Top));
        area.draw(&Text::new(self.y.label.clone(), (0, top + (bottom - top) / 2), turned)).map_err(failed)?;
        for series in &self.series {
            plane.series(area, series)?;
        }
        line(vec![(left, top), (left, bottom), (right, bottom)], INK.stroke_width(4))
    }
}

/// A point of a line.
fn dot(colour: RGBColor, pattern: Pattern) -> ShapeStyle {
    if pattern == Pattern::Solid { colour.filled() } else { colour.stroke_width(5) }
}

/// Breaks a sentence into lines that fit.
fn wrap(area: &Area<'_>, sentence: &str, size: u32, width: i32) -> Result<Vec<String>> {
    let style = text(size, MUTED);
    let mut lines = vec![String::new()];
    for word in sentence.split(' ') {
        let last = lines.last_mut().ok_or_else(|| anyhow!("there is a line"))?;
        let longer = if last.is_empty() { word.to_owned() } else { format!("{last} {word}") };
        let (w, _) = area.estimate_text_size(&longer, &style).map_err(failed)?;
        if w as i32 > width && !last.is_empty() {
            lines.push(word.to_owned());
        } else {
            *last = longer;
        }
    }
    Ok(lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outline_goes_round_its_bars() {
        let series =
            Series { label: String::new(), colour: INK, mark: Mark::Points, points: vec![(1.0, 2.0), (2.0, 3.0)] };
        let corners = [(0.5, 0.0), (0.5, 2.0), (1.5, 2.0), (1.5, 3.0), (2.5, 3.0), (2.5, 0.0)];
        assert_eq!(series.outline(1.0), corners);
    }
}
