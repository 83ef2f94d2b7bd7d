//! The values of a setting that a sweep searches.

use rewire_core::random::{Generator, Purpose};

use crate::error::Usage;
use crate::settings::{Given, Group, Kind, Place, Setting};

/// The values of one setting.
#[derive(Clone, Debug, PartialEq)]
pub enum Values {
    /// Any of these.
    Choices(Vec<toml::Value>),
    /// Any number between two bounds, drawn.
    Between {
        /// The smallest.
        low: f64,
        /// The largest.
        high: f64,
        /// Whether factors are drawn uniformly, and not differences.
        log: bool,
    },
}

/// A setting that is searched.
#[derive(Clone, Debug)]
pub struct Searched {
    /// Which.
    pub setting: &'static Setting,
    /// What it may be.
    pub values: Values,
}

/// Significant digits of a number that is drawn: enough to search, and few enough to read.
const DIGITS: i32 = 3;

impl Searched {
    /// Reads a key of the table `[search]`.
    ///
    /// # Errors
    ///
    /// A setting that does not exist or cannot be searched, or values that it cannot have: with file and line.
    pub fn read(name: &str, value: &toml::Value, place: &Place) -> anyhow::Result<Self> {
        let Some(setting) = Setting::named(name) else {
            return Err(Usage(format!("{place}: '{name}' in [search] is no setting")).into());
        };
        if setting.group == Group::Data || name == "seed" {
            let advice = if name == "seed" { "; give `seeds` in [sweep]" } else { ": all trials learn the same data" };
            return Err(Usage(format!("{place}: {name} cannot be searched{advice}")).into());
        }
        let wrong = || {
            Usage(format!(
                "{place}: {name} needs a list of values, such as [0.01, 0.1], or two bounds, such as \
                 {{ low = 0.001, high = 0.1, log = true }}"
            ))
        };
        let values = match value {
            toml::Value::Array(choices) if !choices.is_empty() => {
                for choice in choices {
                    let read = setting.read(&mut Given::default(), choice);
                    read.map_err(|invalid| invalid.at(Some(place.clone())))?;
                }
                Values::Choices(choices.clone())
            }
            toml::Value::Table(bounds) if matches!(setting.kind, Kind::Whole | Kind::Real) => {
                let number = |key: &str| match bounds.get(key) {
                    Some(toml::Value::Float(number)) => Some(*number),
                    Some(toml::Value::Integer(number)) => Some(*number as f64),
                    _ => None,
                };
                let log = bounds.get("log").map_or(Some(false), toml::Value::as_bool);
                let known = bounds.keys().all(|key| ["low", "high", "log"].contains(&key.as_str()));
                let (Some(low), Some(high), Some(log), true) = (number("low"), number("high"), log, known) else {
                    return Err(wrong().into());
                };
                if !(low.is_finite() && high.is_finite() && low < high) || (log && low <= 0.0) {
                    let must = if log { "0 < low < high" } else { "low < high" };
                    return Err(Usage(format!("{place}: the bounds of {name} must be {must}")).into());
                }
                Values::Between { low, high, log }
            }
            _ => return Err(wrong().into()),
        };
        Ok(Self { setting, values })
    }

    /// How many values there are; none where they are drawn between bounds.
    pub fn count(&self) -> Option<usize> {
        match &self.values {
            Values::Choices(choices) => Some(choices.len()),
            Values::Between { .. } => None,
        }
    }

    /// The value of a trial that takes choice `at`, or draws.
    pub(super) fn choice(&self, at: usize) -> Option<&toml::Value> {
        match &self.values {
            Values::Choices(choices) => choices.get(at),
            Values::Between { .. } => None,
        }
    }

    /// Draws the value of a trial: a function of seed, trial and the setting's place in the file.
    pub(super) fn draw(&self, seed: u64, trial: u32, place: u32) -> toml::Value {
        let mut generator = Generator::new(seed, Purpose::Search, 0, trial, place);
        match &self.values {
            Values::Choices(choices) => choices[generator.below(choices.len() as u32) as usize].clone(),
            Values::Between { low, high, log } => {
                let share = f64::from(generator.unit());
                let number = if *log { low * (high / low).powf(share) } else { low + (high - low) * share };
                if self.setting.kind == Kind::Whole {
                    return toml::Value::Integer(number.round() as i64);
                }
                let digits = DIGITS - 1 - number.abs().max(f64::MIN_POSITIVE).log10().floor() as i32;
                let rounded = format!("{number:.*}", digits.max(0) as usize).parse().unwrap_or(number);
                toml::Value::Float(rounded.clamp(*low, *high))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place() -> Place {
        Place { file: "sweep.toml".into(), line: 3 }
    }

    fn read(name: &str, text: &str) -> anyhow::Result<Searched> {
        let table: toml::Table = format!("x = {text}").parse().unwrap();
        Searched::read(name, &table["x"], &place())
    }

    #[test]
    fn numbers_are_drawn_between_their_bounds_with_few_digits() {
        let searched = read("learning_rate", "{ low = 0.001, high = 0.1, log = true }").unwrap();
        let drawn: Vec<f64> = (0..2000).map(|trial| searched.draw(7, trial, 0).as_float().unwrap()).collect();
        assert!(drawn.iter().all(|rate| (0.001..=0.1).contains(rate) && rate.to_string().len() <= 8));
        // Half of them below the geometric mean.
        let low = drawn.iter().filter(|&&rate| rate < 0.01).count();
        assert!((900..1100).contains(&low), "{low}");
        let whole = read("batch_size", "{ low = 8, high = 64 }").unwrap();
        assert!((0..100).all(|trial| (8..=64).contains(&whole.draw(7, trial, 0).as_integer().unwrap())));
        assert_eq!(searched.draw(7, 3, 0), searched.draw(7, 3, 0));
    }

    #[test]
    fn what_cannot_be_searched_is_refused_with_file_and_line() {
        for (name, values, words) in [
            ("zetta", "[0.1]", "sweep.toml, line 3: 'zetta' in [search] is no setting"),
            ("seed", "[1, 2]", "give `seeds` in [sweep]"),
            ("train_samples", "[10]", "cannot be searched: all trials learn the same data"),
            ("zeta", "0.3", "needs a list of values"),
            ("zeta", "[]", "needs a list of values"),
            ("zeta", "[\"much\"]", "sweep.toml, line 3: --zeta is much, but must be a number"),
            ("zeta", "{ low = 0.3, high = 0.1 }", "must be low < high"),
            ("zeta", "{ low = 0, high = 0.1, log = true }", "must be 0 < low < high"),
            ("zeta", "{ low = 0.1, hihg = 0.3 }", "two bounds"),
            ("growth", "{ low = 1, high = 2 }", "needs a list of values"),
        ] {
            let error = read(name, values).unwrap_err().to_string();
            assert!(error.contains(words), "{name} = {values}: {error}");
        }
    }
}
