//! Settings as files have them: read with the line of every key, written, and compared.

use std::path::{Path, PathBuf};

use anyhow::Result;
use serde::de::Error as _;
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::data::DatasetName;
use crate::error::Usage;
use crate::settings::invalid::{Invalid, Place};
use crate::settings::setting::shown;
use crate::settings::{Config, Given, ModelKind, Setting, TABLE, TaskKind};
use crate::text::similar;

/// The table of a recorded `config.toml` that is not settings.
pub const RECORD: &str = "record";

/// A settings file that was read.
#[derive(Clone, Debug)]
pub struct SettingsFile {
    path: PathBuf,
    given: Given,
    /// Keys, and the lines that set them.
    lines: Vec<(String, usize)>,
}

impl SettingsFile {
    /// Reads a settings file.
    ///
    /// # Errors
    ///
    /// When it cannot be read, is not TOML, or has an unknown key or a value of the wrong type: with file and line.
    pub fn read(path: &Path) -> Result<Self> {
        Ok(Self::read_beside(path, &[])?.0)
    }

    /// Reads a settings file that also holds `tables`, which it returns as they are.
    ///
    /// # Errors
    ///
    /// As [`SettingsFile::read`].
    pub fn read_beside(path: &Path, tables: &[&str]) -> Result<(Self, toml::Table)> {
        let text = std::fs::read_to_string(path)
            .map_err(|error| Usage(format!("cannot read the settings in {}: {error}", path.display())))?;
        let not_toml = |error: toml::de::Error| {
            let line = error.span().map_or(0, |span| line_at(&text, span.start));
            Usage(format!("{}, line {line}: {}; expected TOML", path.display(), error.message().replace('\n', "; ")))
        };
        let table: toml::Table = text.parse().map_err(not_toml)?;
        let keys = toml::de::DeTable::parse(&text).map_err(not_toml)?;
        let line = |key: &toml::Spanned<toml::de::DeString<'_>>| line_at(&text, key.span().start);
        let mut lines: Vec<(String, usize)> =
            keys.get_ref().keys().map(|key| (key.get_ref().to_string(), line(key))).collect();
        for (name, value) in keys.get_ref() {
            if let toml::de::DeValue::Table(table) = value.get_ref() {
                let inner = |key| (format!("{}.{}", name.get_ref(), toml::Spanned::get_ref(key)), line(key));
                lines.extend(table.keys().map(inner));
            }
        }
        let mut file = Self { path: path.to_owned(), given: Given::default(), lines };
        let mut beside = toml::Table::new();
        for (key, value) in table {
            // What a run recorded about itself is no setting.
            if key == RECORD {
                continue;
            }
            if tables.contains(&key.as_str()) {
                beside.insert(key, value);
                continue;
            }
            let setting = Setting::named(&key).ok_or_else(|| {
                let place = file.place(&key).map_or_else(|| path.display().to_string(), |place| place.to_string());
                Usage(format!("{place}: {}", unknown(&key)))
            })?;
            let read = setting.read(&mut file.given, &value);
            read.map_err(|error| file.locate(error))?;
        }
        Ok((file, beside))
    }

    /// The settings that it gives.
    pub fn given(&self) -> &Given {
        &self.given
    }

    /// Adds to a refused setting the line that set it, if one did.
    pub fn locate(&self, error: Invalid) -> Invalid {
        let place = self.place(error.setting);
        error.at(place)
    }

    /// Where it gives a setting, or the key of a table: `table.key`.
    pub fn place(&self, name: &str) -> Option<Place> {
        let (_, line) = self.lines.iter().find(|(key, _)| key == name)?;
        Some(Place { file: self.path.clone(), line: *line })
    }
}

/// What is said of a key that is no setting.
fn unknown(key: &str) -> String {
    let names = TABLE.iter().map(|setting| setting.name);
    match similar(key, names.clone()) {
        Some(name) => format!("'{key}' is no setting; did you mean '{name}'?"),
        None => format!("'{key}' is no setting; there are {}", names.collect::<Vec<_>>().join(", ")),
    }
}

/// The line of a byte, counted from 1.
fn line_at(text: &str, byte: usize) -> usize {
    1 + text.bytes().take(byte).filter(|&byte| byte == b'\n').count()
}

impl Config {
    /// The settings in a file, over the defaults of the dataset that it names.
    ///
    /// # Errors
    ///
    /// As [`SettingsFile::read`].
    pub fn read(file: &Path) -> Result<Self> {
        Ok(Self::of(SettingsFile::read(file)?.given()))
    }

    /// What is given, over the defaults of its dataset and task.
    pub fn of(given: &Given) -> Self {
        Self::over(&[given])
    }

    /// The settings that were given, the last before the others, over the defaults of their dataset and model.
    pub fn over(given: &[&Given]) -> Self {
        let dataset = given.iter().rev().find_map(|given| given.dataset.clone());
        let dataset = dataset.unwrap_or(DatasetName::MnistMini.into());
        let task = given.iter().rev().find_map(|given| given.task).unwrap_or(TaskKind::Classify);
        let defaults = Self::defaults_for(dataset, task);
        let with = |defaults: Self| given.iter().fold(defaults, |config, given| config.with(given));
        let config = with(defaults.clone());
        if config.model != ModelKind::Dense {
            return config;
        }
        with(Self { activation: defaults.dense_activation(), ..defaults })
    }

    /// The settings in which another differs: a phrase each.
    pub fn differences(&self, other: &Self) -> Vec<String> {
        let differs = |setting: &Setting| {
            let [mine, others] = [self, other].map(|config| (setting.get)(config));
            let name = setting.name;
            (mine != others).then(|| format!("{name} is {} there, not {}", shown(&mine), shown(&others)))
        };
        TABLE.iter().filter_map(differs).collect()
    }

    /// The settings with the default of each that has no effect, for comparing what runs did.
    #[must_use]
    pub fn effective(&self) -> Self {
        let (mut config, defaults) = (self.clone(), Self::defaults_for(self.dataset.clone(), self.task));
        for setting in TABLE.iter().filter(|setting| setting.idle(self).is_some()) {
            (setting.copy)(&mut config, &defaults);
        }
        config
    }
}

impl Serialize for Config {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(TABLE.len()))?;
        for setting in TABLE {
            map.serialize_entry(setting.name, &(setting.get)(self))?;
        }
        map.end()
    }
}

/// Settings that are missing, because the program that wrote them did not know them, have their defaults.
impl<'de> Deserialize<'de> for Config {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut given = Given::default();
        for (key, value) in toml::Table::deserialize(deserializer)? {
            let setting = Setting::named(&key).ok_or_else(|| D::Error::custom(unknown(&key)))?;
            setting.read(&mut given, &value).map_err(D::Error::custom)?;
        }
        Ok(Self::of(&given))
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;
    use crate::settings::ActivationKind;

    fn read(text: &str) -> Result<Config> {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        let file = SettingsFile::read(file.path())?;
        Ok(Config::defaults(DatasetName::Mnist).with(file.given()))
    }

    #[test]
    fn a_file_changes_what_it_names_and_nothing_else() {
        let config = read("epsilon = 7\nhidden = [10, 20]\n").unwrap();
        let expected = Config { epsilon: 7.0, hidden: vec![10, 20], ..Config::defaults(DatasetName::Mnist) };
        assert_eq!(config, expected);
    }

    #[test]
    fn what_was_given_last_holds_and_a_dense_model_has_an_activation_of_its_own() {
        let given = |text: &str| {
            toml::from_str::<toml::Table>(text).map(|table| {
                let mut given = Given::default();
                for setting in TABLE {
                    if let Some(value) = table.get(setting.name) {
                        assert!((setting.read_toml)(&mut given, value));
                    }
                }
                given
            })
        };
        let [file, flags] =
            ["model = 'dense'\nepochs = 3", "epochs = 4\nactivation = 'srelu'"].map(|text| given(text).unwrap());
        assert_eq!(Config::of(&file).activation, ActivationKind::Relu);
        let both = Config::over(&[&file, &flags]);
        assert_eq!((both.epochs, both.activation, both.model), (4, ActivationKind::Srelu, ModelKind::Dense));
    }

    #[test]
    fn an_unknown_key_is_named_with_its_line_and_the_key_that_was_meant() {
        let error = read("epsilon = 7\nepsilom = 3\n").unwrap_err().to_string();
        assert!(error.ends_with("line 2: 'epsilom' is no setting; did you mean 'epsilon'?"), "{error}");
    }

    #[test]
    fn a_value_of_the_wrong_kind_is_refused_in_plain_words() {
        let refused = |text: &str, words: &str| {
            let error = read(text).unwrap_err();
            assert!(error.to_string().ends_with(words), "{error}");
            assert_eq!(crate::error::exit_code(&error), 2);
        };
        refused(
            "model = \"sett\"",
            "line 1: --model is sett, but must be one of set, fixprob, dense; did you mean 'set'?",
        );
        refused("\nepochs = -3", "line 2: --epochs is -3, but must be a whole number, at least 1");
        refused("epochs = 3.5", "--epochs is 3.5, but must be a whole number, at least 1");
        refused("flip = 1", "--flip is 1, but must be true or false");
        assert!(read("epochs = [\n").unwrap_err().to_string().contains("line 1"));
    }

    #[test]
    fn what_is_written_reads_back() {
        let config = Config { seed: 9, model: ModelKind::Dense, ..Config::defaults(DatasetName::Cifar10) };
        assert_eq!(read(&toml::to_string(&config).unwrap()).unwrap(), config);
        assert_eq!(serde_json::from_str::<Config>(&serde_json::to_string(&config).unwrap()).unwrap(), config);
    }

    #[test]
    fn numbers_are_written_with_their_shortest_digits() {
        let text = toml::to_string(&Config::defaults(DatasetName::Mnist)).unwrap();
        for line in ["zeta = 0.3\n", "slope = 0.6\n", "epsilon = 20.0\n", "sigma = [2.0, 4.0, 8.0]\n"] {
            assert!(text.contains(line), "{line} is not in {text}");
        }
    }

    #[test]
    fn a_setting_that_an_older_program_did_not_know_has_its_default() {
        let config: Config = serde_json::from_str("{\"dataset\": \"cifar10\", \"seed\": 7}").unwrap();
        assert_eq!(config, Config { seed: 7, ..Config::defaults(DatasetName::Cifar10) });
    }

    #[test]
    fn settings_that_no_file_can_hold_still_differ() {
        let config = Config::defaults(DatasetName::Mnist);
        let other = Config { seed: u64::MAX, ..config.clone() };
        assert_eq!(config.differences(&other), ["seed is 1 there, not 9223372036854775807"]);
        assert!(config.differences(&config).is_empty());
    }
}
