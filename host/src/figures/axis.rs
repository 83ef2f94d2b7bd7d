//! Axes: the range that they show and the few round numbers along them.

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
    /// Whether only whole numbers stand along it.
    pub whole: bool,
}

/// The range of an axis on the paper, in steps or exponents, and where its numbers stand.
pub(super) struct Placed {
    pub(super) from: f64,
    pub(super) to: f64,
    pub(super) ticks: Vec<f64>,
}

impl Axis {
    /// A linear axis around its data.
    pub fn new(label: impl Into<String>) -> Self {
        Self { label: label.into(), scale: Scale::Linear, range: (None, None), names: Vec::new(), whole: false }
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

    /// The same with whole numbers only.
    #[must_use]
    pub fn whole(self) -> Self {
        Self { whole: true, ..self }
    }

    /// A value in the units of the paper.
    pub(super) fn on_paper(&self, value: f64) -> f64 {
        if self.scale == Scale::Log { value.log10() } else { value }
    }

    pub(super) fn place(&self, values: impl Iterator<Item = f64>) -> Placed {
        let log = self.scale == Scale::Log;
        let usable = values.map(|value| self.on_paper(value)).filter(|value| value.is_finite());
        let (mut from, mut to) =
            usable.fold((f64::INFINITY, f64::NEG_INFINITY), |(from, to), value| (from.min(value), to.max(value)));
        if from > to {
            (from, to) = (0.0, 1.0);
        }
        let room = if to > from { 0.04 * (to - from) } else { 0.05 * to.abs().max(1e-9) };
        from = self.range.0.map_or(from - room, |end| self.on_paper(end));
        to = self.range.1.map_or(to + room, |end| self.on_paper(end));
        if to <= from {
            to = from + 1.0;
        }
        let mut ticks: Vec<f64> = if !self.names.is_empty() {
            (0..self.names.len()).map(|i| i as f64).collect()
        } else if log && to - from >= 1.0 {
            let powers = from.floor() as i32..=to.floor() as i32;
            // In few decades the numbers between count too.
            let factors: &[f64] = if to - from < 2.5 { &[1.0, 2.0, 5.0] } else { &[1.0] };
            let ticks = powers.flat_map(|power| factors.iter().map(move |factor| f64::from(power) + factor.log10()));
            ticks.filter(|tick| (from..=to).contains(tick)).collect()
        } else if log {
            let linear = round_ticks(10f64.powf(from), 10f64.powf(to), 5);
            linear.into_iter().filter(|tick| *tick > 0.0).map(f64::log10).collect()
        } else {
            round_ticks(from, to, 5)
        };
        if self.whole {
            ticks.retain(|tick| (tick - tick.round()).abs() < 1e-9);
        }
        Placed { from, to, ticks }
    }

    pub(super) fn name(&self, tick: f64) -> String {
        if let Some(name) = self.names.get(tick.round() as usize) {
            return name.clone();
        }
        number(if self.scale == Scale::Log { 10f64.powf(tick) } else { tick })
    }
}

/// About `count` round numbers in a range: multiples of 1, 2 or 5 times a power of ten.
pub(super) fn round_ticks(from: f64, to: f64, count: usize) -> Vec<f64> {
    let rough = (to - from) / count as f64;
    let power = 10f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].map(|m| m * power).into_iter().find(|step| *step >= rough).unwrap_or(rough);
    let first = (from / step - 1e-9).ceil() as i64;
    let last = (to / step + 1e-9).floor() as i64;
    (first..=last).map(|i| i as f64 * step).collect()
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
    fn epochs_are_whole() {
        let ticks = |values: &[f64]| Axis::new("epoch").whole().place(values.iter().copied()).ticks;
        assert_eq!([ticks(&[1.0]), ticks(&[1.0, 2.0])], [vec![1.0], vec![1.0, 2.0]]);
        assert_eq!(ticks(&[1.0, 40.0]), [0.0, 10.0, 20.0, 30.0, 40.0]);
    }

    #[test]
    fn numbers_are_short() {
        let numbers = [0.0, 0.05, -3.0, 1000.0, 20_328.0, 2_500_000.0, 3e9, 0.00002];
        assert_eq!(numbers.map(number), ["0", "0.05", "-3", "1000", "20,328", "2.5M", "3G", "2e-5"]);
    }
}
