//! The settings by their names, and their defaults by dataset.

use crate::data::DatasetName;
use crate::settings::setting::shown;
use crate::settings::table::{Config, Setting, TABLE};

impl Setting {
    /// The setting of this name.
    pub fn named(name: &str) -> Option<&'static Self> {
        TABLE.iter().find(|setting| setting.name == name)
    }

    /// The default for people: of most datasets, and then of each that has another.
    pub fn default_text(&self) -> String {
        if let Some(words) = self.default_words {
            return words.into();
        }
        let values: Vec<String> =
            DatasetName::ALL.iter().map(|&dataset| shown(&(self.get)(&Config::defaults(dataset)))).collect();
        let count = |value: &String| values.iter().filter(|other| *other == value).count();
        // The first of those that are equally frequent.
        let usual = values.iter().rev().max_by_key(|value| count(value)).cloned().unwrap_or_default();
        let others = DatasetName::ALL.iter().zip(&values).filter(|(_, value)| **value != usual);
        others.fold(usual.clone(), |text, (dataset, value)| format!("{text}; {value} for {dataset}"))
    }
}
