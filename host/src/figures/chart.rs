//! Charts: axes with few round numbers, lines, bands, points and bars, and a legend above them that hides nothing.

#![expect(clippy::cast_possible_wrap, reason = "a figure has thousands of grid lines, not billions")]

use anyhow::{Result, anyhow};
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::style::{Area, GRID, INK, MUTED, UNIT, faint, text};

/// How numbers lie along an axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    /// Equal steps.
    Linear,
    /// Equal factors.
    Log,
}

/// An axis.
#[derive(Clone, Debug)]
pub struct Axis {
    /// What it measures, with the unit.
    pub label: String,
    /// Steps or factors.
    pub scale: Scale,
    /// Ends to use in place of the data's.
    pub range: (Option<f64>, Option<f64>),
    /// Names in place of numbers at 0, 1, 2….
    pub names: Vec<String>,
}

impl Axis {
    /// A linear axis around its data.
    pub fn new(label: impl Into<String>) -> Self {
        Self { label: label.into(), scale: Scale::Linear, range: (None, None), names: Vec::new() }
    }

    /// The same with factors.
    #[must_use]
    pub fn log(mut self) -> Self {
        self.scale = Scale::Log;
        self
    }

    /// The same from zero on.
    #[must_use]
    pub fn from_zero(mut self) -> Self {
        self.range.0 = Some(0.0);
        self
    }

    /// The same with names at 0, 1, 2….
    #[must_use]
    pub fn named(mut self, names: Vec<String>) -> Self {
        self.range = (Some(-0.6), Some(names.len() as f64 - 0.4));
        self.names = names;
        self
    }
}

/// How a series is drawn.
#[derive(Clone, Debug, PartialEq)]
pub enum Mark {
    /// A line; a dashed one if asked.
    Line {
        /// Whether it is dashed.
        dashed: bool,
    },
    /// The space between two lines.
    Band {
        /// The upper line; the points are the lower one.
        upper: Vec<(f64, f64)>,
    },
    /// Dots.
    Points,
    /// Bars from zero, each this wide.
    Bars {
        /// In units of the x axis.
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
    /// A solid line.
    pub fn line(label: impl Into<String>, colour: RGBColor, points: Vec<(f64, f64)>) -> Self {
        Self { label: label.into(), colour, mark: Mark::Line { dashed: false }, points }
    }

    /// A dashed line.
    pub fn dashed(label: impl Into<String>, colour: RGBColor, points: Vec<(f64, f64)>) -> Self {
        Self { label: label.into(), colour, mark: Mark::Line { dashed: true }, points }
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

/// The range of an axis on the paper, in steps or exponents, and where its numbers stand.
struct Placed {
    from: f64,
    to: f64,
    ticks: Vec<f64>,
}

fn failed(error: impl std::fmt::Display) -> anyhow::Error {
    anyhow!("{error}")
}

/// About `count` round numbers in a range: multiples of 1, 2 or 5 times a power of ten.
fn round_ticks(from: f64, to: f64, count: usize) -> Vec<f64> {
    let rough = (to - from) / count as f64;
    let power = 10f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].map(|m| m * power).into_iter().find(|step| *step >= rough).unwrap_or(rough);
    let first = (from / step - 1e-9).ceil() as i64;
    let last = (to / step + 1e-9).floor() as i64;
    (first..=last).map(|i| i as f64 * step).collect()
}

impl Axis {
    fn place(&self, values: impl Iterator<Item = f64>) -> Placed {
        let log = self.scale == Scale::Log;
        let on_paper = |value: f64| if log { value.log10() } else { value };
        let usable = values.map(on_paper).filter(|value| value.is_finite());
        let (mut from, mut to) =
            usable.fold((f64::INFINITY, f64::NEG_INFINITY), |(from, to), value| (from.min(value), to.max(value)));
        if from > to {
            (from, to) = (0.0, 1.0);
        }
        let room = if to > from { 0.04 * (to - from) } else { 0.05 * to.abs().max(1e-9) };
        from = self.range.0.map_or(from - room, on_paper);
        to = self.range.1.map_or(to + room, on_paper);
        if to <= from {
            to = from + 1.0;
        }
        let ticks = if !self.names.is_empty() {
            (0..self.names.len()).map(|i| i as f64).collect()
        } else if log && to - from >= 1.0 {
            let powers = from.floor() as i32..=to.floor() as i32;
            // In few decades the numbers between count too.
            let factors: &[f64] = if to - from < 2.5 { &[1.0, 2.0, 5.0] } else { &[1.0] };
            let ticks = powers.flat_map(|power| factors.iter().map(move |factor| f64::from(power) + factor.log10()));
            ticks.filter(|tick| (from..=to).contains(tick)).collect()
        } else if log {
            let linear = round_ticks(10f64.powf(from), 10f64.powf(to), 6);
            linear.into_iter().filter(|tick| *tick > 0.0).map(f64::log10).collect()
        } else {
            round_ticks(from, to, 6)
        };
        Placed { from, to, ticks }
    }

    fn name(&self, tick: f64) -> String {
        if let Some(name) = self.names.get(tick.round() as usize) {
            return name.clone();
        }
        number(if self.scale == Scale::Log { 10f64.powf(tick) } else { tick })
    }
}

/// A number of an axis: `0.05`, `20`, `10,000`, `2M`.
pub fn number(value: f64) -> String {
    let magnitude = value.abs();
    if magnitude < 1e-12 {
        "0".into()
    } else if magnitude < 1e-4 {
        let power = magnitude.log10().floor();
        format!("{}e{power}", round(value / 10f64.powf(power), 1))
    } else if magnitude >= 1e9 {
        format!("{}G", round(value / 1e9, 2))
    } else if magnitude >= 1e6 {
        format!("{}M", round(value / 1e6, 2))
    } else if magnitude >= 1e4 {
        let sign = if value < 0.0 { "-" } else { "" };
        format!("{sign}{}", crate::text::thousands(magnitude.round() as u64))
    } else {
        round(value, 6)
    }
}

/// At most so many digits after the point, and no zeros at the end.
fn round(value: f64, digits: usize) -> String {
    let text = format!("{value:.digits$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

impl Chart {
    /// Draws the chart.
    ///
    /// # Errors
    ///
    /// When the canvas fails.
    pub fn draw(&self, area: &Area<'_>) -> Result<()> {
        let unit = UNIT as i32;
        let area = area.margin(6 * unit, 6 * unit, 8 * unit, 14 * unit);
        let width = area.dim_in_pixel().0 as i32;
        let mut top = 0;
        if !self.title.is_empty() {
            area.draw(&Text::new(self.title.clone(), (0, top), text(14, INK))).map_err(failed)?;
            top += 21 * unit;
        }
        if !self.note.is_empty() {
            for line in wrap(&area, &self.note, width)? {
                area.draw(&Text::new(line, (0, top), text(10, MUTED))).map_err(failed)?;
                top += 15 * unit;
            }
        }
        top = self.legend(&area, top, width)?;
        let (_, plot) = area.split_vertically(top + 4 * unit);
        self.data(&plot)
    }

    /// Draws the legend in as many lines as it needs; returns where it ends.
    fn legend(&self, area: &Area<'_>, top: i32, width: i32) -> Result<i32> {
        let unit = UNIT as i32;
        let style = text(11, INK);
        let (mut x, mut y) = (0, top);
        let (sample, gap, line) = (22 * unit, 6 * unit, 17 * unit);
        for series in self.series.iter().filter(|series| !series.label.is_empty() && !series.points.is_empty()) {
            let (w, _) = area.estimate_text_size(&series.label, &style).map_err(failed)?;
            let needed = sample + gap + w as i32 + 14 * unit;
            if x > 0 && x + needed > width {
                (x, y) = (0, y + line);
            }
            let middle = y + 7 * unit;
            match &series.mark {
                Mark::Line { dashed } => stroke(area, &[(x, middle), (x + sample, middle)], series.colour, *dashed)?,
                Mark::Band { .. } => {
                    let colour = faint(series.colour, 0.2).filled();
                    let corners = [(x, middle - 4 * unit), (x + sample, middle + 4 * unit)];
                    area.draw(&Rectangle::new(corners, colour)).map_err(failed)?;
                }
                Mark::Points => {
                    let circle = Circle::new((x + sample / 2, middle), 3 * unit, series.colour.filled());
                    area.draw(&circle).map_err(failed)?;
                }
                Mark::Bars { .. } => {
                    let corners = [(x + 6 * unit, middle - 4 * unit), (x + sample, middle + 4 * unit)];
                    area.draw(&Rectangle::new(corners, faint(series.colour, 0.7).filled())).map_err(failed)?;
                }
            }
            let left = style.pos(Pos::new(HPos::Left, VPos::Center));
            area.draw(&Text::new(series.label.clone(), (x + sample + gap, middle), left)).map_err(failed)?;
            x += needed;
        }
        Ok(if x > 0 || y > top { y + line } else { y })
    }

    fn data(&self, area: &Area<'_>) -> Result<()> {
        let unit = UNIT as i32;
        let upper = |series: &Series| match &series.mark {
            Mark::Band { upper } => upper.clone(),
            Mark::Bars { width } => {
                let bars = series.points.iter();
                bars.flat_map(|&(x, y)| [(x - width / 2.0, 0.0), (x + width / 2.0, y)]).collect()
            }
            _ => Vec::new(),
        };
        let all: Vec<(f64, f64)> =
            self.series.iter().flat_map(|series| [series.points.clone(), upper(series)]).flatten().collect();
        let (x, y) = (self.x.place(all.iter().map(|p| p.0)), self.y.place(all.iter().map(|p| p.1)));
        let small = text(10, INK);
        let widest = y.ticks.iter().map(|&tick| area.estimate_text_size(&self.y.name(tick), &small));
        let widest = widest.filter_map(Result::ok).map(|(w, _)| w as i32).max().unwrap_or(0);
        let (whole_w, whole_h) = area.dim_in_pixel();
        let (left, bottom) = (widest + 26 * unit, whole_h as i32 - 36 * unit);
        let right = whole_w as i32 - 4 * unit;
        let top = 4 * unit;
        if bottom <= top || right <= left {
            return Err(anyhow!("the figure is too small for its labels"));
        }
        let across = |value: f64| left + ((value - x.from) / (x.to - x.from) * f64::from(right - left)).round() as i32;
        let up = |value: f64| bottom - ((value - y.from) / (y.to - y.from) * f64::from(bottom - top)).round() as i32;
        let thin = GRID.stroke_width(2);
        let line = |path: Vec<(i32, i32)>, style: ShapeStyle| area.draw(&PathElement::new(path, style)).map_err(failed);
        for &tick in &y.ticks {
            line(vec![(left, up(tick)), (right, up(tick))], thin)?;
            let style = small.pos(Pos::new(HPos::Right, VPos::Center));
            area.draw(&Text::new(self.y.name(tick), (left - 6 * unit, up(tick)), style)).map_err(failed)?;
        }
        for &tick in &x.ticks {
            if self.x.names.is_empty() {
                line(vec![(across(tick), top), (across(tick), bottom)], thin)?;
            }
            let style = small.pos(Pos::new(HPos::Center, VPos::Top));
            area.draw(&Text::new(self.x.name(tick), (across(tick), bottom + 5 * unit), style)).map_err(failed)?;
        }
        let middle = (left + (right - left) / 2, whole_h as i32 - 2 * unit);
        let style = text(11, INK).pos(Pos::new(HPos::Center, VPos::Bottom));
        area.draw(&Text::new(self.x.label.clone(), middle, style)).map_err(failed)?;
        let turned = text(11, INK).transform(FontTransform::Rotate270).pos(Pos::new(HPos::Center, VPos::Top));
        area.draw(&Text::new(self.y.label.clone(), (0, top + (bottom - top) / 2), turned)).map_err(failed)?;

        let spot = |&(a, b): &(f64, f64)| -> Option<(i32, i32)> {
            let a = if self.x.scale == Scale::Log { a.log10() } else { a };
            let b = if self.y.scale == Scale::Log { b.log10() } else { b };
            let inside = a.is_finite() && b.is_finite() && (x.from..=x.to).contains(&a);
            inside.then(|| (across(a), up(b.clamp(y.from, y.to))))
        };
        for series in &self.series {
            let path: Vec<_> = series.points.iter().filter_map(spot).collect();
            match &series.mark {
                Mark::Line { dashed } => stroke(area, &path, series.colour, *dashed)?,
                Mark::Band { upper } => {
                    let edge = path.into_iter().chain(upper.iter().rev().filter_map(spot));
                    area.draw(&Polygon::new(edge.collect::<Vec<_>>(), faint(series.colour, 0.2))).map_err(failed)?;
                }
                Mark::Points => {
                    for point in path {
                        area.draw(&Circle::new(point, 2 * unit + 2, series.colour.filled())).map_err(failed)?;
                    }
                }
                Mark::Bars { width } => {
                    for &(at, value) in series.points.iter().filter(|(_, value)| value.is_finite()) {
                        let (a, b) = (across(at - width / 2.0), across(at + width / 2.0));
                        let floor = up(y.from.max(0.0));
                        let corners = [(a, up(value.clamp(y.from, y.to)).min(floor)), (b, floor)];
                        area.draw(&Rectangle::new(corners, faint(series.colour, 0.7).filled())).map_err(failed)?;
                    }
                }
            }
        }
        line(vec![(left, top), (left, bottom), (right, bottom)], INK.stroke_width(4))
    }
}

/// A line on the paper.
fn stroke(area: &Area<'_>, path: &[(i32, i32)], colour: RGBColor, dashed: bool) -> Result<()> {
    let style = colour.stroke_width(5);
    let dashes = if dashed { dashes(path, 5.0 * f64::from(UNIT), 3.5 * f64::from(UNIT)) } else { vec![path.to_vec()] };
    for piece in dashes.iter().flat_map(|dash| smooth(dash)) {
        area.draw(&PathElement::new(piece.to_vec(), style)).map_err(failed)?;
    }
    Ok(())
}

/// Cuts a path where it turns by more than 60 degrees: drawn in one, such a corner grows a spike as long as it is sharp.
fn smooth(path: &[(i32, i32)]) -> Vec<&[(i32, i32)]> {
    let mut pieces = Vec::new();
    let mut start = 0;
    for (i, corner) in path.windows(3).enumerate() {
        let step = |from: (i32, i32), to: (i32, i32)| (f64::from(to.0 - from.0), f64::from(to.1 - from.1));
        let (a, b) = (step(corner[0], corner[1]), step(corner[1], corner[2]));
        if a.0 * b.0 + a.1 * b.1 < 0.5 * a.0.hypot(a.1) * b.0.hypot(b.1) {
            pieces.push(&path[start..i + 2]);
            start = i + 1;
        }
    }
    pieces.push(&path[start..]);
    pieces
}

/// Cuts a path into dashes.
fn dashes(path: &[(i32, i32)], dash: f64, gap: f64) -> Vec<Vec<(i32, i32)>> {
    let mut dashes: Vec<Vec<(i32, i32)>> = Vec::new();
    let (mut drawing, mut left) = (true, dash);
    let mut current = path.first().map_or(Vec::new(), |&start| vec![start]);
    for pair in path.windows(2) {
        let (mut from, to) =
            ((f64::from(pair[0].0), f64::from(pair[0].1)), (f64::from(pair[1].0), f64::from(pair[1].1)));
        loop {
            let length = (to.0 - from.0).hypot(to.1 - from.1);
            if length < left {
                left -= length;
                if drawing {
                    current.push(pair[1]);
                }
                break;
            }
            let share = left / length.max(1e-9);
            from = (from.0 + (to.0 - from.0) * share, from.1 + (to.1 - from.1) * share);
            let point = (from.0.round() as i32, from.1.round() as i32);
            if drawing {
                current.push(point);
                dashes.push(std::mem::take(&mut current));
            } else {
                current = vec![point];
            }
            drawing = !drawing;
            left = if drawing { dash } else { gap };
        }
    }
    // A path that ends with a gap leaves a dash without length.
    if drawing && current.windows(2).any(|pair| pair[0] != pair[1]) {
        dashes.push(current);
    }
    dashes
}

/// Breaks a sentence into lines that fit.
fn wrap(area: &Area<'_>, sentence: &str, width: i32) -> Result<Vec<String>> {
    let style = text(10, MUTED);
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
    fn ticks_are_round() {
        assert_eq!(round_ticks(0.0, 10.0, 5), [0.0, 2.0, 4.0, 6.0, 8.0, 10.0]);
        assert_eq!(round_ticks(13.0, 388.0, 6), [100.0, 200.0, 300.0]);
        assert_eq!(round_ticks(-0.2, 0.2, 4), [-0.2, -0.1, 0.0, 0.1, 0.2]);
    }

    #[test]
    fn numbers_are_short() {
        let numbers = [0.0, 0.05, -3.0, 1000.0, 20_328.0, 2_500_000.0, 3e9, 0.00002];
        assert_eq!(numbers.map(number), ["0", "0.05", "-3", "1000", "20,328", "2.5M", "3G", "2e-5"]);
    }

    #[test]
    fn dashes_cover_their_share_of_a_path() {
        let found = dashes(&[(0, 0), (100, 0)], 6.0, 4.0);
        assert_eq!(found.len(), 10);
        assert_eq!(found[1], [(10, 0), (16, 0)]);
        // A corner lies inside a dash.
        assert_eq!(dashes(&[(0, 0), (3, 0), (3, 10)], 6.0, 40.0), [vec![(0, 0), (3, 0), (3, 3)]]);
        assert!(dashes(&[], 6.0, 4.0).is_empty());
    }
}
