//! How flags are read: types and ranges are the settings table's, and so are the words of a refusal.

use std::ffi::OsStr;
use std::marker::PhantomData;

use clap::builder::{PossibleValue, TypedValueParser};
use clap::error::ErrorKind;
use clap::{Arg, Command, Error};

use rewire_engine::native::SimdLevel;

use crate::settings::{Choice, Given, Invalid, Kind, Outside, Range, Setting, Value};
use crate::text::similar;

fn refuse(command: &Command, message: impl std::fmt::Display) -> Error {
    Error::raw(ErrorKind::ValueValidation, format!("{message}\n")).with_cmd(command)
}

fn possible(choices: &[Choice]) -> impl Iterator<Item = PossibleValue> + '_ {
    choices.iter().map(|choice| {
        let help = choice.help.trim().trim_end_matches('.').replace('`', "");
        PossibleValue::new(choice.name).help(help)
    })
}

/// Reads the text of a setting and leaves it text: what it stands for goes into [`Given`] later.
#[derive(Clone, Copy)]
pub(super) struct SettingText(pub(super) &'static Setting);

impl TypedValueParser for SettingText {
    type Value = String;

    fn parse_ref(&self, command: &Command, _: Option<&Arg>, value: &OsStr) -> Result<String, Error> {
        let (Self(setting), text) = (self, value.to_string_lossy());
        if (setting.read_text)(&mut Given::default(), &text) {
            return Ok(text.into_owned());
        }
        let must_be = setting.expected(&text);
        Err(refuse(command, Invalid::value(setting.name, text, must_be)))
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        let choices = self.0.choices();
        (!choices.is_empty()).then(|| Box::new(possible(choices)) as _)
    }
}

/// Reads a flag that is no setting, in a range.
#[derive(Clone, Copy)]
pub(super) struct In<T>(Range, PhantomData<T>);

impl<T: Value> In<T> {
    /// Whatever the type holds.
    pub(super) const ANY: Self = Self(T::RANGE, PhantomData);

    /// A part of what the type holds.
    pub(super) const fn range(range: Range) -> Self {
        Self(range, PhantomData)
    }

    /// The range of a setting.
    pub(super) fn setting(name: &str) -> Self {
        Self(Setting::named(name).map_or(T::RANGE, |setting| setting.range), PhantomData)
    }
}

impl<T: Value + Send + Sync + 'static> TypedValueParser for In<T> {
    type Value = T;

    fn parse_ref(&self, command: &Command, argument: Option<&Arg>, value: &OsStr) -> Result<T, Error> {
        let mut text = value.to_string_lossy().into_owned();
        if let Some(value) = T::from_text(&text) {
            match value.outside(&self.0) {
                None => return Ok(value),
                Some(outside) => text = outside.value,
            }
        }
        let mut must_be = T::KIND.expected(&self.0, &text);
        if let Kind::Choice(choices) = T::KIND
            && let Some(name) = similar(&text, choices.iter().map(|choice| choice.name))
        {
            must_be.push_str("; did you mean '");
            must_be.push_str(name);
            must_be.push_str("'?");
        }
        let name = argument.and_then(Arg::get_long).unwrap_or_default();
        Err(refuse(command, format!("--{name} is {text}, but must be {must_be}")))
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        match T::KIND {
            Kind::Choice(choices) => Some(Box::new(possible(choices))),
            _ => None,
        }
    }
}

/// A flag that is no setting, so only its text is read.
impl Value for SimdLevel {
    const KIND: Kind = Kind::Choice(&[
        Choice { name: "baseline", help: "what every processor of the target has" },
        Choice { name: "v3", help: "x86-64-v3: AVX2, 8 floats at once" },
        Choice { name: "v4", help: "x86-64-v4: AVX-512, 16 floats at once" },
    ]);
    const RANGE: Range = Range::Any;
    fn from_text(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|level| level.to_string() == text)
    }
    fn from_toml(value: &toml::Value) -> Option<Self> {
        Self::from_text(value.as_str()?)
    }
    fn to_toml(&self) -> toml::Value {
        self.to_string().into()
    }
    fn outside(&self, _: &Range) -> Option<Outside> {
        None
    }
}
