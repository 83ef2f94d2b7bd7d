//! The settings by their names, and their defaults by dataset.

use crate::data::{DataSource, DatasetName};
use crate::settings::TaskKind;
use crate::settings::invalid::Invalid;
use crate::settings::setting::shown;
use crate::settings::table::{Config, Given, Setting, TABLE};

impl Setting {
    /// The setting of this name.
    pub fn named(name: &str) -> Option<&'static Self> {
        TABLE.iter().find(|setting| setting.name == name)
    }

    /// Reads it from a file's value.
    ///
    /// # Errors
    ///
    /// A value of another type: what it must be instead.
    pub fn read(&self, given: &mut Given, value: &toml::Value) -> Result<(), Invalid> {
        if (self.read_toml)(given, value) {
            return Ok(());
        }
        let text = shown(value);
        let must_be = self.expected(&text);
        Err(Invalid::value(self.name, text, must_be))
    }

    /// The default for people: of most datasets, and then of each that has another.
    pub fn default_text(&self) -> String {
        if let Some(words) = self.default_words {
            return words.into();
        }
        let mut defaults: Vec<(String, String)> = DatasetName::ALL
            .iter()
            .map(|&name| (name.to_string(), shown(&(self.get)(&Config::defaults(name)))))
            .collect();
        let own = Config::defaults(DataSource::Path("own".into()));
        defaults.push(("your own data".into(), shown(&(self.get)(&own))));
        let count = |value: &String| defaults.iter().filter(|(_, other)| other == value).count();
        // The first of those that are equally frequent.
        let usual = defaults.iter().map(|(_, value)| value).rev().max_by_key(|value| count(value)).cloned();
        let usual = usual.unwrap_or_default();
        let others = defaults.iter().filter(|(_, value)| *value != usual);
        let text = others.fold(usual.clone(), |text, (dataset, value)| format!("{text}; {value} for {dataset}"));
        // Numbers and inputs are learned from your own data only.
        let tasks = [TaskKind::Regress, TaskKind::Reconstruct].map(|task| {
            let value = (self.get)(&Config::defaults_for(DataSource::Path("own".into()), task));
            (value != (self.get)(&own) && self.name != "task").then(|| format!("{} with --task {task}", shown(&value)))
        });
        tasks.into_iter().flatten().fold(text, |text, task| format!("{text}; {task}"))
    }
}
