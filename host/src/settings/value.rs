//! The types that settings have: how each is read from a flag and from TOML, written, and kept in its range.

use crate::text::{as_written, thousands};

/// A name that a setting can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Choice {
    /// As flags and files spell it.
    pub name: &'static str,
    /// What it means, in one line.
    pub help: &'static str,
}

/// The type of a setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// True or false.
    Bool,
    /// A whole number.
    Whole,
    /// A number.
    Real,
    /// One of some names.
    Choice(&'static [Choice]),
    /// Whole numbers.
    WholeList,
    /// Numbers.
    RealList,
    /// Text.
    Text,
    /// Texts.
    TextList,
    /// A known dataset, or a path.
    Source(&'static [Choice]),
    /// Channels, height and width.
    Shape,
    /// A file or folder.
    Path,
}

/// An end of a range.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Bound {
    /// None; but a number must be finite.
    Open,
    /// This number is in the range.
    Included(f64),
    /// This number is the first that is not.
    Excluded(f64),
}

/// What a setting, or each entry of a list, may be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Range {
    /// Whatever its type holds.
    Any,
    /// Whole numbers, both ends included.
    Whole(u64, u64),
    /// One of these whole numbers.
    OneOf(&'static [u64]),
    /// Finite numbers between two bounds.
    Real(Bound, Bound),
    /// Finite numbers but 0.
    NotZero,
}

/// The largest whole number that TOML holds, in which settings are recorded.
const LARGEST: u64 = i64::MAX as u64;

impl Range {
    /// Whether a whole number is in the range.
    fn holds_whole(&self, value: impl TryInto<u64>) -> bool {
        let Ok(value) = value.try_into() else { return false };
        match self {
            Self::Whole(least, most) => (*least..=*most).contains(&value),
            Self::OneOf(values) => values.contains(&value),
            Self::Any | Self::Real(..) | Self::NotZero => true,
        }
    }

    /// Whether a number is in the range.
    fn holds_real(&self, value: f64) -> bool {
        let above = |bound: &Bound| match *bound {
            Bound::Open => true,
            Bound::Included(least) => value >= least,
            Bound::Excluded(least) => value > least,
        };
        let below = |bound: &Bound| match *bound {
            Bound::Open => true,
            Bound::Included(most) => value <= most,
            Bound::Excluded(most) => value < most,
        };
        value.is_finite()
            && match self {
                Self::Real(from, to) => above(from) && below(to),
                Self::NotZero => value != 0.0,
                Self::Any | Self::Whole(..) | Self::OneOf(_) => true,
            }
    }

    /// The range in words; `text` is what is outside of it.
    fn words(&self, text: &str) -> String {
        match *self {
            Self::Any => String::new(),
            Self::Whole(_, most) if text.parse::<u128>().is_ok_and(|value| value > most.into()) => {
                format!("at most {}", thousands(most))
            }
            // Nobody asks for so much.
            Self::Whole(least, most) if most >= u32::MAX.into() => format!("at least {least}"),
            Self::Whole(least, most) => format!("{} to {}", thousands(least), thousands(most)),
            Self::OneOf(values) => {
                let names: Vec<String> = values.iter().map(u64::to_string).collect();
                names.split_last().map_or(String::new(), |(last, rest)| format!("{} or {last}", rest.join(", ")))
            }
            Self::Real(Bound::Included(least), Bound::Included(most)) => format!("{least} to {most}"),
            Self::Real(from, to) => {
                let from = match from {
                    Bound::Open => None,
                    Bound::Included(least) => Some(format!("at least {least}")),
                    Bound::Excluded(least) => Some(format!("above {least}")),
                };
                let to = match to {
                    Bound::Open => None,
                    Bound::Included(most) => Some(format!("at most {most}")),
                    Bound::Excluded(most) => Some(format!("below {most}")),
                };
                match (from, to) {
                    (Some(from), Some(to)) => format!("{from} and {to}"),
                    (Some(one), None) | (None, Some(one)) => format!("finite and {one}"),
                    (None, None) => "finite".into(),
                }
            }
            Self::NotZero => "finite and not 0".into(),
        }
    }
}

impl Kind {
    /// The type of a list's entries, or the type itself.
    #[must_use]
    pub fn entry(self) -> Self {
        match self {
            Self::WholeList => Self::Whole,
            Self::RealList => Self::Real,
            Self::TextList => Self::Text,
            other => other,
        }
    }

    /// What a value must be, to follow "must be".
    pub fn expected(&self, range: &Range, text: &str) -> String {
        let range = range.words(text);
        let with = |noun: &str| if range.is_empty() { noun.to_owned() } else { format!("{noun}, {range}") };
        match self {
            Self::Bool => "true or false".into(),
            Self::Whole => with("a whole number"),
            Self::Real => with("a number"),
            Self::Choice(choices) => {
                let names: Vec<_> = choices.iter().map(|choice| choice.name).collect();
                format!("one of {}", names.join(", "))
            }
            Self::WholeList => format!("{}, such as 20,10", with("whole numbers with commas between them")),
            Self::RealList => format!("{}, such as 0.5,2", with("numbers with commas between them")),
            Self::Text => "a text".into(),
            Self::TextList => "texts with commas between them".into(),
            Self::Source(choices) => {
                let names: Vec<_> = choices.iter().map(|choice| choice.name).collect();
                format!("one of {}, or the path of a file or folder", names.join(", "))
            }
            Self::Path => "the path of a file or folder".into(),
            Self::Shape => "CHANNELSxHEIGHTxWIDTH, such as 3x32x32, or HEIGHTxWIDTH".into(),
        }
    }

    /// What help calls a value.
    pub fn placeholder(&self) -> &'static str {
        match self {
            Self::Bool => "BOOL",
            Self::Whole => "N",
            Self::Real => "F",
            Self::Choice(_) => "NAME",
            Self::WholeList => "N,N,…",
            Self::RealList => "F,F,…",
            Self::Text => "TEXT",
            Self::TextList => "TEXT,TEXT,…",
            Self::Source(_) => "DATASET",
            Self::Shape => "CxHxW",
            Self::Path => "PATH",
        }
    }
}

/// A value that is outside its range.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outside {
    /// Its place in a list, counted from 1.
    pub entry: Option<usize>,
    /// The value.
    pub value: String,
}

/// A type that a setting can have.
pub trait Value: Clone {
    /// Which.
    const KIND: Kind;
    /// What it holds.
    const RANGE: Range;
    /// Reads a flag's text; `None` when that is of another type.
    fn from_text(text: &str) -> Option<Self>;
    /// Reads a file's value; `None` when that is of another type.
    fn from_toml(value: &toml::Value) -> Option<Self>;
    /// The value as a file has it.
    fn to_toml(&self) -> toml::Value;
    /// The part of the value that is outside `range`.
    fn outside(&self, range: &Range) -> Option<Outside>;
}

impl Value for bool {
    const KIND: Kind = Kind::Bool;
    const RANGE: Range = Range::Any;
    fn from_text(text: &str) -> Option<Self> {
        text.parse().ok()
    }
    fn from_toml(value: &toml::Value) -> Option<Self> {
        value.as_bool()
    }
    fn to_toml(&self) -> toml::Value {
        (*self).into()
    }
    fn outside(&self, _: &Range) -> Option<Outside> {
        None
    }
}

macro_rules! whole {
    ($($type:ty: $most:expr,)*) => {$(
        impl Value for $type {
            const KIND: Kind = Kind::Whole;
            const RANGE: Range = Range::Whole(0, $most);
            fn from_text(text: &str) -> Option<Self> {
                text.parse().ok()
            }
            fn from_toml(value: &toml::Value) -> Option<Self> {
                value.as_integer()?.try_into().ok()
            }
            fn to_toml(&self) -> toml::Value {
                i64::try_from(*self).unwrap_or(i64::MAX).into()
            }
            fn outside(&self, range: &Range) -> Option<Outside> {
                (!range.holds_whole(*self)).then(|| Outside { entry: None, value: self.to_string() })
            }
        }
    )*};
}
whole! {
    u16: u16::MAX as u64,
    u32: u32::MAX as u64,
    u64: LARGEST,
    usize: LARGEST,
}

macro_rules! real {
    ($($type:ty: $to:expr,)*) => {$(
        impl Value for $type {
            const KIND: Kind = Kind::Real;
            const RANGE: Range = Range::Real(Bound::Open, Bound::Open);
            fn from_text(text: &str) -> Option<Self> {
                text.parse().ok()
            }
            fn from_toml(value: &toml::Value) -> Option<Self> {
                value.as_float().or_else(|| value.as_integer().map(|whole| whole as f64)).map(|number| number as $type)
            }
            fn to_toml(&self) -> toml::Value {
                let to: fn($type) -> f64 = $to;
                to(*self).into()
            }
            fn outside(&self, range: &Range) -> Option<Outside> {
                let value: fn($type) -> f64 = $to;
                (!range.holds_real(value(*self))).then(|| Outside { entry: None, value: self.to_string() })
            }
        }
    )*};
}
real! {
    f32: as_written,
    f64: |value| value,
}

macro_rules! list {
    ($($type:ty: $kind:expr,)*) => {$(
        impl Value for Vec<$type> {
            const KIND: Kind = $kind;
            const RANGE: Range = <$type as Value>::RANGE;
            fn from_text(text: &str) -> Option<Self> {
                text.split(',').map(|word| <$type>::from_text(word.trim())).collect()
            }
            fn from_toml(value: &toml::Value) -> Option<Self> {
                value.as_array()?.iter().map(<$type>::from_toml).collect()
            }
            fn to_toml(&self) -> toml::Value {
                toml::Value::Array(self.iter().map(Value::to_toml).collect())
            }
            fn outside(&self, range: &Range) -> Option<Outside> {
                let outside = |(i, value): (usize, &$type)| {
                    value.outside(range).map(|outside| Outside { entry: Some(i + 1), ..outside })
                };
                self.iter().enumerate().find_map(outside)
            }
        }
    )*};
}
list! {
    usize: Kind::WholeList,
    f32: Kind::RealList,
    String: Kind::TextList,
}

/// A setting that is one of some names, from its variants' names and first lines of documentation.
macro_rules! choice {
    ($($(#[doc = $doc:literal])* $name:ident { $(#[doc = $help:literal] $variant:ident = $text:literal,)* })*) => {$(
        $(#[doc = $doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
        pub enum $name {
            $(#[doc = $help] #[serde(rename = $text)] $variant,)*
        }

        impl $name {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];
            /// Their names.
            pub const CHOICES: &[$crate::settings::Choice] =
                &[$($crate::settings::Choice { name: $text, help: $help },)*];

            /// The one of this name.
            pub fn named(name: &str) -> Option<Self> {
                match name {
                    $($text => Some(Self::$variant),)*
                    _ => None,
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(match self { $(Self::$variant => $text,)* })
            }
        }

        impl $crate::settings::Value for $name {
            const KIND: $crate::settings::Kind = $crate::settings::Kind::Choice(Self::CHOICES);
            const RANGE: $crate::settings::Range = $crate::settings::Range::Any;
            fn from_text(text: &str) -> Option<Self> {
                Self::named(text)
            }
            fn from_toml(value: &toml::Value) -> Option<Self> {
                Self::named(value.as_str()?)
            }
            fn to_toml(&self) -> toml::Value {
                self.to_string().into()
            }
            fn outside(
                &self,
                _: &$crate::settings::Range,
            ) -> Option<$crate::settings::Outside> {
                None
            }
        }
    )*};
}
pub(crate) use choice;
