//! What a row of the settings table is, whatever the settings are, and the macro that makes a row a field, a flag and a key.

use std::fmt::Write as _;

use crate::settings::value::{Choice, Kind, Outside, Range, Value};
use crate::text::similar;

/// What a setting is about. Help and reference list the settings by group, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    /// Samples.
    Data,
    /// Layers and activations.
    Network,
    /// Where connections are, and how they evolve.
    Topology,
    /// How weights are trained.
    Optimiser,
    /// How training images are changed.
    Augmentation,
    /// Seed and tiles.
    Run,
}

/// When a setting has an effect, among all settings `C`.
#[derive(Clone, Copy, Debug)]
pub struct Condition<C> {
    /// Whether it has one among the other settings.
    pub holds: fn(&C) -> bool,
    /// Why it has none otherwise, to follow "has no effect": "without --augment".
    pub otherwise: &'static str,
}

/// A setting: a row of the table that makes all settings `C`, and those that are given, `G`.
#[derive(Clone, Copy, Debug)]
pub struct Setting<C: 'static, G> {
    /// The field of `C` and the key in a settings file. The flag has `-` in place of `_`.
    pub name: &'static str,
    /// What it does, with the spaces and line ends of the table; see [`Setting::help`].
    pub doc: &'static str,
    /// What it is about.
    pub group: Group,
    /// Its type.
    pub kind: Kind,
    /// What it may be; each entry of a list.
    pub range: Range,
    /// All of these must hold for it to have an effect.
    pub applies: &'static [Condition<C>],
    /// Whether it is one of those that most people change first, which `-h` lists.
    pub common: bool,
    /// Whether it is an argument without a flag.
    pub positional: bool,
    /// What help calls the default, where it is no value.
    pub default_words: Option<&'static str>,
    /// Its value.
    pub get: fn(&C) -> toml::Value,
    /// Takes its value over from other settings.
    pub copy: fn(&mut C, &C),
    /// Whether it was given.
    pub is_given: fn(&G) -> bool,
    /// Reads it from a flag's text; false when that is of another type.
    pub read_text: fn(&mut G, &str) -> bool,
    /// Reads it from a file's value; false when that is of another type.
    pub read_toml: fn(&mut G, &toml::Value) -> bool,
    /// The part of its value that is outside its range.
    pub outside: fn(&C, &Range) -> Option<Outside>,
}

/// The functions of a field, by which its setting reads and writes it.
#[derive(Clone, Copy)]
pub(super) struct Field<C, G> {
    pub(super) get: fn(&C) -> toml::Value,
    pub(super) copy: fn(&mut C, &C),
    pub(super) is_given: fn(&G) -> bool,
    pub(super) read_text: fn(&mut G, &str) -> bool,
    pub(super) read_toml: fn(&mut G, &toml::Value) -> bool,
    pub(super) outside: fn(&C, &Range) -> Option<Outside>,
}

impl<C, G> Setting<C, G> {
    /// A row of the table that says no more than it must.
    pub(super) const fn new<T: Value>(
        name: &'static str,
        doc: &'static str,
        group: Group,
        field: &Field<C, G>,
    ) -> Self {
        let Field { get, copy, is_given, read_text, read_toml, outside } = *field;
        Self {
            name,
            doc,
            group,
            kind: T::KIND,
            range: T::RANGE,
            applies: &[],
            common: false,
            positional: false,
            default_words: None,
            get,
            copy,
            is_given,
            read_text,
            read_toml,
            outside,
        }
    }

    /// What it does: one or two sentences.
    pub fn help(&self) -> String {
        self.doc.split_whitespace().collect::<Vec<_>>().join(" ").trim_end_matches('.').to_owned()
    }

    /// The flag without its dashes.
    pub fn flag(&self) -> String {
        self.name.replace('_', "-")
    }

    /// What an error calls it: `--batch-size`, or `dataset`, which has no flag.
    pub fn shown(&self) -> String {
        if self.positional { self.name.into() } else { format!("--{}", self.flag()) }
    }

    /// The choices, where it is one.
    pub fn choices(&self) -> &'static [Choice] {
        match self.kind {
            Kind::Choice(choices) | Kind::Source(choices) => choices,
            _ => &[],
        }
    }

    /// What it must be, to follow "must be", and what someone may have meant who gave `text`.
    pub fn expected(&self, text: &str) -> String {
        let mut words = self.kind.expected(&self.range, text);
        if let Some(name) = similar(text, self.choices().iter().map(|choice| choice.name)) {
            let _ = write!(words, "; did you mean '{name}'?");
        }
        words
    }

    /// Why it has no effect in `config`, if it has none.
    pub fn idle(&self, config: &C) -> Option<&'static str> {
        self.applies.iter().find(|condition| !(condition.holds)(config)).map(|condition| condition.otherwise)
    }
}

/// A value as a flag takes it.
pub(crate) fn shown(value: &toml::Value) -> String {
    match value {
        toml::Value::String(text) if text.is_empty() => "none".into(),
        toml::Value::String(text) => text.clone(),
        toml::Value::Float(number) => number.to_string(),
        toml::Value::Array(values) if values.is_empty() => "none".into(),
        toml::Value::Array(values) => values.iter().map(shown).collect::<Vec<_>>().join(","),
        other => other.to_string(),
    }
}

/// Makes of each row of a table a field of `Config`, a field of `Given`, a default and an entry of `TABLE`.
macro_rules! settings {
    (|$dataset:ident, $source:ident, $task:ident| $($group:ident {
        $($(#[doc = $doc:literal])+ $name:ident: $type:ty = $default:expr, { $($attribute:ident: $value:expr),* $(,)? })*
    })*) => {
        /// Every setting of a run.
        #[derive(Clone, Debug, PartialEq)]
        pub struct Config {
            $($($(#[doc = $doc])+ pub $name: $type,)*)*
        }

        /// The settings that a file or flags give; the others stay as they are.
        #[derive(Clone, Debug, Default, PartialEq)]
        pub struct Given {
            $($($(#[doc = $doc])+ pub $name: Option<$type>,)*)*
        }

        impl Config {
            /// The recipe that a dataset starts from: for CIFAR-10 the tutorial's, for the others one chosen on held-out
            /// training samples, for a path one that suits small tables.
            pub fn defaults(dataset: impl Into<DataSource>) -> Self {
                Self::defaults_for(dataset, TaskKind::Classify)
            }

            /// The recipe that a dataset and what is learned from it start from.
            pub fn defaults_for(dataset: impl Into<DataSource>, $task: TaskKind) -> Self {
                let $source = dataset.into();
                let $dataset = $source.known();
                Self { $($($name: $default,)*)* }
            }

            /// Lays what is given over the settings.
            #[must_use]
            pub fn with(mut self, given: &Given) -> Self {
                $($(if let Some(value) = &given.$name {
                    self.$name.clone_from(value);
                })*)*
                self
            }
        }

        impl Default for Config {
            /// The recipe of the bundled dataset, from which the program starts too.
            fn default() -> Self {
                Self::defaults(DatasetName::MnistMini)
            }
        }

        /// Every setting, in the order in which help and reference list them.
        pub static TABLE: &[Setting] = &[$($(
            Setting {
                $($attribute: $value,)*
                ..Setting::new::<$type>(stringify!($name), concat!($($doc, " "),+), Group::$group, &Field {
                    get: |config| config.$name.to_toml(),
                    copy: |config, from| config.$name.clone_from(&from.$name),
                    is_given: |given| given.$name.is_some(),
                    read_text: |given, text| {
                        given.$name = Value::from_text(text);
                        given.$name.is_some()
                    },
                    read_toml: |given, value| {
                        given.$name = Value::from_toml(value);
                        given.$name.is_some()
                    },
                    outside: |config, range| config.$name.outside(range),
                })
            },
        )*)*];
    };
}
pub(super) use settings;
