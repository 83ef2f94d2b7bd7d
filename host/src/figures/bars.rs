//! Which named features keep connections: the most connected ones as bars, where features are no image.

use anyhow::Result;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::figure::{Figure, Panel};
use super::style::{Area, INK, LABEL, MUTED, PALETTE, SMALL, UNIT, failed, text};

/// Features that are shown at most.
const MOST: usize = 24;
/// Height of a bar with its space, in CSS pixels.
const ROW: u32 = 17;
/// Where bars begin, and how long the longest is, in CSS pixels.
const LEFT: u32 = 190;
const LONGEST: u32 = 320;
/// Height of the head, in CSS pixels.
const HEAD: u32 = 44;

/// A feature and its connections before and after training.
struct Bar {
    name: String,
    before: u16,
    after: u16,
}

/// The most connected features after training, each with what it had before.
pub(super) fn figure<'f>(names: &[String], first: &[u16], last: &[u16], title: String) -> Figure<'f> {
    let name = |at: usize| names.get(at).cloned().unwrap_or_else(|| format!("feature {at}"));
    let pairs = first.iter().zip(last).enumerate();
    let mut bars: Vec<Bar> = pairs.map(|(at, (&before, &after))| Bar { name: name(at), before, after }).collect();
    bars.sort_by_key(|bar| std::cmp::Reverse(bar.after));
    let all = bars.len();
    bars.truncate(MOST);
    let height = HEAD + ROW * bars.len() as u32 + 12;
    let head = if all > MOST { format!("the {MOST} most connected of {all} features") } else { "features".into() };
    let panels =
        vec![Panel { title: title.clone(), draw: Box::new(move |area| draw(area, &bars, &head)), rasters: Vec::new() }];
    Figure { name: "input-connections".into(), title, columns: 1, size: (LEFT + LONGEST + 60, height), panels }
}

fn draw(area: &Area<'_>, bars: &[Bar], head: &str) -> Result<()> {
    let at = |x: u32, y: u32| ((x * UNIT).cast_signed(), (y * UNIT).cast_signed());
    let write = |words: String, place: (i32, i32), style: TextStyle<'_>| {
        area.draw(&Text::new(words, place, style)).map_err(failed)
    };
    write(format!("Connections that survive pruning: {head}"), at(12, 8), text(LABEL, INK))?;
    write("filled: after training; outline: before".into(), at(12, 26), text(SMALL, MUTED))?;
    let most = bars.iter().map(|bar| bar.before.max(bar.after)).max().unwrap_or(1).max(1);
    let long = |count: u16| u32::from(count) * LONGEST / u32::from(most);
    for (row, bar) in (0u32..).zip(bars) {
        let (top, middle) = (HEAD + row * ROW, HEAD + row * ROW + ROW / 2 + 2);
        let right = text(SMALL, INK).pos(Pos::new(HPos::Right, VPos::Center));
        let short: String = bar.name.chars().take(26).collect();
        write(short, at(LEFT - 8, middle), right)?;
        let corners = |count: u16| [at(LEFT, top + 2), at(LEFT + long(count), top + ROW - 2)];
        area.draw(&Rectangle::new(corners(bar.after), PALETTE[0].filled())).map_err(failed)?;
        area.draw(&Rectangle::new(corners(bar.before), INK.stroke_width(UNIT))).map_err(failed)?;
        let end = LEFT + long(bar.before.max(bar.after)) + 6;
        let style = text(SMALL, INK).pos(Pos::new(HPos::Left, VPos::Center));
        write(bar.after.to_string(), at(end, middle), style)?;
    }
    Ok(())
}
