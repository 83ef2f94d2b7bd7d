//! What is said of a setting that is wrong.

use std::fmt;
use std::path::PathBuf;

use crate::settings::Setting;
use crate::settings::value::Outside;

/// A line of a settings file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The file.
    pub file: PathBuf,
    /// Counted from 1.
    pub line: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, line {}", self.file.display(), self.line)
    }
}

/// A setting that is wrong: a mistake in what was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invalid {
    /// The setting's name, as in the table.
    pub setting: &'static str,
    /// The entry of a list, counted from 1: a layer.
    pub layer: Option<usize>,
    /// Its value.
    pub value: Option<String>,
    /// What the value must be; or, without a value, what is wrong.
    pub reason: String,
    /// Where it was set, if not by a flag.
    pub place: Option<Place>,
}

impl Invalid {
    /// A setting whose value must be something else.
    pub fn value(setting: &'static str, value: impl fmt::Display, must_be: impl Into<String>) -> Self {
        Self { value: Some(value.to_string()), ..Self::because(setting, must_be) }
    }

    /// A setting that does not go with the others.
    pub fn because(setting: &'static str, reason: impl Into<String>) -> Self {
        Self { setting, layer: None, value: None, reason: reason.into(), place: None }
    }

    /// A setting outside its range.
    pub(super) fn outside(setting: &'static Setting, outside: Outside) -> Self {
        let Outside { entry: layer, value } = outside;
        let kind = if layer.is_some() { setting.kind.entry() } else { setting.kind };
        let reason = kind.expected(&setting.range, &value);
        Self { layer, ..Self::value(setting.name, value, reason) }
    }

    /// Adds where the setting was set.
    #[must_use]
    pub fn at(self, place: Option<Place>) -> Self {
        Self { place, ..self }
    }
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(place) = &self.place {
            write!(f, "{place}: ")?;
        }
        let name = Setting::named(self.setting).map_or_else(|| self.setting.into(), Setting::shown);
        f.write_str(&name)?;
        if let Some(layer) = self.layer {
            write!(f, ": layer {layer}")?;
        }
        match &self.value {
            Some(value) => write!(f, " is {value}, but must be {}", self.reason),
            None => write!(f, " {}", self.reason),
        }
    }
}

impl std::error::Error for Invalid {}
