//! Lines on the paper: solid or in patterns, cut where they leave the axes.

use anyhow::Result;
use plotters::prelude::*;

use super::style::{Area, UNIT, failed};

/// How a line is broken, so that lines differ without colour and one that lies on another hides only parts of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pattern {
    /// Unbroken and thicker, so that it shows on both sides of a line upon it.
    Solid,
    /// Long dashes.
    Dashed,
    /// Dots.
    Dotted,
    /// A dash, a dot.
    DashDot,
}

impl Pattern {
    /// A pattern for the line drawn as number `i`; the first, which lies below the others, is solid.
    pub const fn nth(i: usize) -> Self {
        [Self::Solid, Self::Dashed, Self::Dotted, Self::DashDot][i % 4]
    }

    /// Lengths that are drawn and left out in turn, in CSS pixels; none for an unbroken line.
    const fn lengths(self) -> &'static [f64] {
        match self {
            Self::Solid => &[],
            Self::Dashed => &[6.0, 4.0],
            Self::Dotted => &[1.5, 3.0],
            Self::DashDot => &[7.0, 3.0, 1.5, 3.0],
        }
    }
}

/// A line on the paper.
pub(super) fn stroke(area: &Area<'_>, path: &[(i32, i32)], colour: RGBColor, pattern: Pattern) -> Result<()> {
    let style = colour.stroke_width(if pattern == Pattern::Solid { 8 } else { 6 });
    let lengths: Vec<f64> = pattern.lengths().iter().map(|length| length * f64::from(UNIT)).collect();
    let pieces = if lengths.is_empty() { vec![path.to_vec()] } else { dashes(path, &lengths) };
    for piece in pieces.iter().flat_map(|piece| smooth(piece)) {
        area.draw(&PathElement::new(piece.to_vec(), style)).map_err(failed)?;
    }
    Ok(())
}

/// The parts of a path whose second coordinate lies within a range, ends included.
pub(super) fn clip(path: &[(f64, f64)], (low, high): (f64, f64)) -> Vec<Vec<(f64, f64)>> {
    let mut pieces: Vec<Vec<(f64, f64)>> = Vec::new();
    let mut current: Vec<(f64, f64)> = Vec::new();
    let inside = |y: f64| (low..=high).contains(&y);
    for (i, &point) in path.iter().enumerate() {
        if let Some(&before) = i.checked_sub(1).and_then(|i| path.get(i)) {
            let at = |y: f64| (before.0 + (point.0 - before.0) * (y - before.1) / (point.1 - before.1), y);
            let mut ends: Vec<f64> = [low, high]
                .into_iter()
                .filter(|&end| (before.1 < end && end < point.1) || (point.1 < end && end < before.1))
                .collect();
            if point.1 < before.1 {
                ends.reverse();
            }
            for end in ends {
                current.push(at(end));
                // Every second crossing leaves the range.
                if current.len() > 1 {
                    pieces.push(std::mem::take(&mut current));
                }
            }
        }
        if inside(point.1) {
            current.push(point);
        } else if !current.is_empty() {
            // The point before lay on the edge.
            pieces.push(std::mem::take(&mut current));
        }
    }
    if !current.is_empty() {
        pieces.push(current);
    }
    pieces
}

/// The corners of the area between two lines over the same first coordinates, as far as it lies within a range: along the
/// lower line and back along the upper one.
pub(super) fn band(lower: &[(f64, f64)], upper: &[(f64, f64)], (low, high): (f64, f64)) -> Vec<(f64, f64)> {
    /// Steps between two points, so that an end lies near where the area leaves the range.
    const STEPS: u32 = 16;
    let lines: Vec<(f64, f64, f64)> = lower.iter().zip(upper).map(|(a, b)| (a.0, a.1, b.1)).collect();
    let between = |a: (f64, f64, f64), b: (f64, f64, f64), step: u32| {
        let share = f64::from(step) / f64::from(STEPS);
        let mix = |a: f64, b: f64| a + (b - a) * share;
        (mix(a.0, b.0), mix(a.1, b.1), mix(a.2, b.2))
    };
    let steps = lines.windows(2).flat_map(|pair| (0..STEPS).map(move |step| between(pair[0], pair[1], step)));
    let inside = steps.chain(lines.last().copied()).filter(|&(_, a, b)| b >= low && a <= high);
    let (below, mut above): (Vec<_>, Vec<_>) =
        inside.map(|(x, a, b)| ((x, a.clamp(low, high)), (x, b.clamp(low, high)))).unzip();
    above.reverse();
    below.into_iter().chain(above).collect()
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

/// Cuts a path into dashes: of the lengths the first is drawn, the second left out, and so on.
fn dashes(path: &[(i32, i32)], lengths: &[f64]) -> Vec<Vec<(i32, i32)>> {
    let mut dashes: Vec<Vec<(i32, i32)>> = Vec::new();
    let (mut part, mut left) = (0, lengths[0]);
    let mut current = path.first().map_or(Vec::new(), |&start| vec![start]);
    for pair in path.windows(2) {
        let (mut from, to) =
            ((f64::from(pair[0].0), f64::from(pair[0].1)), (f64::from(pair[1].0), f64::from(pair[1].1)));
        loop {
            let drawing = part % 2 == 0;
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
            part = (part + 1) % lengths.len();
            left = lengths[part];
        }
    }
    // A path that ends with a gap leaves a dash without length.
    if part % 2 == 0 && current.windows(2).any(|pair| pair[0] != pair[1]) {
        dashes.push(current);
    }
    dashes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dashes_cover_their_share_of_a_path() {
        let found = dashes(&[(0, 0), (100, 0)], &[6.0, 4.0]);
        assert_eq!(found.len(), 10);
        assert_eq!(found[1], [(10, 0), (16, 0)]);
        // A corner lies inside a dash.
        assert_eq!(dashes(&[(0, 0), (3, 0), (3, 10)], &[6.0, 40.0]), [vec![(0, 0), (3, 0), (3, 3)]]);
        assert_eq!(dashes(&[(0, 0), (20, 0)], &[6.0, 2.0, 1.0, 2.0])[1], [(8, 0), (9, 0)]);
        assert!(dashes(&[], &[6.0, 4.0]).is_empty());
    }

    #[test]
    fn a_path_is_cut_where_it_leaves_its_range() {
        let range = (0.0, 1.0);
        assert_eq!(
            clip(&[(0.0, 3.0), (2.0, 0.0), (3.0, 1.0)], range),
            [vec![(4.0 / 3.0, 1.0), (2.0, 0.0), (3.0, 1.0)]]
        );
        assert_eq!(clip(&[(0.0, 0.5), (1.0, 1.5), (2.0, 0.5)], range).len(), 2);
        // Through the whole range between two points outside it.
        assert_eq!(clip(&[(0.0, 2.0), (3.0, -1.0)], range), [[(1.0, 1.0), (2.0, 0.0)]]);
        assert!(clip(&[(0.0, 2.0), (1.0, 3.0)], range).is_empty());
    }

    #[test]
    fn a_band_outside_its_range_is_not_drawn() {
        let (lower, upper) = ([(0.0, 4.0), (1.0, 0.0)], [(0.0, 6.0), (1.0, 1.0)]);
        let corners = band(&lower, &upper, (0.0, 2.0));
        let left = corners.iter().map(|corner| corner.0).fold(1.0, f64::min);
        assert!((left - 0.5).abs() < 0.1, "the lower line enters the range at 0.5: {corners:?}");
        assert!(corners.iter().all(|corner| (0.0..=2.0).contains(&corner.1)), "{corners:?}");
    }
}
