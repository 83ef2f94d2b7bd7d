//! What a sweep trains: its trials, seeds and rounds.

use std::path::Path;

use anyhow::Result;
use serde::Deserialize;

use crate::error::Usage;
use crate::settings::{Config, Given, Place, SettingsFile, shown};
use crate::sweep::search::Searched;

/// The most trials: a grid of more is a mistake.
const MOST_TRIALS: usize = 10_000;

/// The table `[sweep]` of a file.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Options {
    /// Trials that are drawn; without, every combination is one.
    trials: Option<usize>,
    /// Seeds that each trial is trained with.
    seeds: Option<Vec<u64>>,
    /// Epochs of the first round; without, there is one round.
    first_epochs: Option<u32>,
    /// Of how many trials one goes on, with as many times the epochs.
    one_of: Option<u32>,
}

/// A combination of values.
#[derive(Clone, Debug, PartialEq)]
pub struct Trial {
    /// Counted from 1.
    pub number: usize,
    /// The value of each searched setting, as a flag takes it.
    pub values: Vec<String>,
    /// All settings, with the epochs of the last round and the first seed.
    pub config: Config,
}

/// Trials that are trained with the same number of epochs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Round {
    /// Epochs of each run; absent where that is what the trial's settings say.
    pub epochs: Option<u32>,
    /// How many of the trials, the best of the round before.
    pub trials: usize,
}

/// What a sweep trains.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The settings that are searched.
    pub searched: Vec<Searched>,
    /// Each combination of their values.
    pub trials: Vec<Trial>,
    /// What each trial is trained with.
    pub seeds: Vec<u64>,
    /// First to last.
    pub rounds: Vec<Round>,
}

impl Plan {
    /// Reads a file of a sweep: settings as in a settings file, and the tables `[sweep]` and `[search]`.
    ///
    /// # Errors
    ///
    /// A file that cannot be read, an unknown key, a value that is no setting's, settings without validation samples, or
    /// more trials than anyone waits for: with file and line.
    pub fn read(path: &Path) -> Result<Self> {
        let (file, tables) = SettingsFile::read_beside(path, &["sweep", "search"])?;
        let usage = |text: String| Usage(format!("{}: {text}", path.display()));
        let place = |key: &str| file.place(key).unwrap_or(Place { file: path.to_owned(), line: 1 });
        let options: Options = match tables.get("sweep") {
            None => Options::default(),
            Some(table) => table.clone().try_into().map_err(|error: toml::de::Error| {
                Usage(format!("{}: [sweep]: {}", place("sweep"), error.message().replace('\n', "; ")))
            })?,
        };
        let Some(toml::Value::Table(search)) = tables.get("search") else {
            return Err(usage("there is no table [search] that says which settings are searched".into()).into());
        };
        let mut searched = Vec::new();
        for (name, value) in search {
            let place = place(&format!("search.{name}"));
            searched.push((place.line, Searched::read(name, value, &place)?));
        }
        // In the order of the file, which a table of TOML does not keep.
        searched.sort_by_key(|(line, _)| *line);
        let searched: Vec<Searched> = searched.into_iter().map(|(_, searched)| searched).collect();
        let base = Config::of(file.given());
        base.validate().map_err(|error| file.locate(error))?;
        if base.validation_samples == 0 {
            let why = "a sweep compares runs on validation samples, never on test samples; set validation_samples";
            return Err(usage(why.into()).into());
        }
        let count = match options.trials {
            Some(0) => return Err(usage("trials in [sweep] is 0, but must be at least 1".into()).into()),
            Some(trials) => trials,
            None => grid_size(&searched).map_err(usage)?,
        };
        if count > MOST_TRIALS {
            return Err(usage(format!(
                "{count} trials are more than {MOST_TRIALS}; search fewer values, or set trials in [sweep]"
            ))
            .into());
        }
        let seeds = options.seeds.unwrap_or_else(|| vec![base.seed]);
        if seeds.is_empty() || (1..seeds.len()).any(|at| seeds[..at].contains(&seeds[at])) {
            return Err(usage("seeds in [sweep] must be at least one, each once".into()).into());
        }
        let rounds = rounds(count, base.epochs, options.first_epochs, options.one_of).map_err(usage)?;
        if rounds.len() > 1 && searched.iter().any(|searched| searched.setting.name == "epochs") {
            return Err(usage("epochs cannot be searched with first_epochs in [sweep]".into()).into());
        }
        let mut trials: Vec<Trial> = Vec::new();
        for at in 0..count {
            let mut given: Given = file.given().clone();
            let mut values = Vec::new();
            // In a grid the last setting changes first.
            let mut rest = at;
            for (place, searched) in searched.iter().enumerate().rev() {
                let value = match (options.trials, searched.count()) {
                    (None, Some(n)) => {
                        let choice = searched.choice(rest % n).cloned();
                        rest /= n;
                        choice
                    }
                    _ => None,
                };
                let value = value.unwrap_or_else(|| searched.draw(base.seed, at as u32, place as u32));
                (searched.setting.read_toml)(&mut given, &value);
                values.push(shown(&value));
            }
            values.reverse();
            let config = Config { seed: seeds[0], ..Config::of(&given) };
            for round in &rounds {
                let config = round.config(&config);
                config.validate().map_err(|error| {
                    let at = file.place(&format!("search.{}", error.setting)).or_else(|| file.place(error.setting));
                    error.at(at)
                })?;
            }
            if trials.iter().any(|trial| trial.values == values) {
                // Drawn twice: nothing new would be learned.
                continue;
            }
            trials.push(Trial { number: trials.len() + 1, values, config });
        }
        let rounds =
            rounds.into_iter().map(|round| Round { trials: round.trials.min(trials.len()), ..round }).collect();
        Ok(Self { searched, trials, seeds, rounds })
    }
}

impl Round {
    /// The settings of a trial in this round.
    pub fn config(&self, config: &Config) -> Config {
        let epochs = self.epochs.unwrap_or(config.epochs);
        Config { epochs, warmup: config.warmup.min(epochs.saturating_sub(1)), ..config.clone() }
    }
}

/// How many combinations of values there are.
fn grid_size(searched: &[Searched]) -> Result<usize, String> {
    searched.iter().try_fold(1usize, |product, searched| match searched.count() {
        Some(n) => Ok(product.saturating_mul(n)),
        None => Err(format!("{} has bounds, so numbers are drawn; set trials in [sweep]", searched.setting.name)),
    })
}

/// The rounds: of `trials`, one of `one_of` goes on to a round of `one_of` times the epochs, until `epochs`.
fn rounds(trials: usize, epochs: u32, first: Option<u32>, one_of: Option<u32>) -> Result<Vec<Round>, String> {
    let Some(first) = first else {
        return match one_of {
            Some(_) => Err("one_of in [sweep] has no effect without first_epochs".into()),
            None => Ok(vec![Round { epochs: None, trials }]),
        };
    };
    let one_of = one_of.unwrap_or(3);
    if first == 0 || first >= epochs {
        return Err(format!("first_epochs in [sweep] is {first}, but must be at least 1 and below epochs, {epochs}"));
    }
    if one_of < 2 {
        return Err(format!("one_of in [sweep] is {one_of}, but must be at least 2"));
    }
    let (mut rounds, mut done, mut trials) = (Vec::new(), first, trials);
    loop {
        rounds.push(Round { epochs: Some(done), trials });
        if done == epochs {
            return Ok(rounds);
        }
        done = done.saturating_mul(one_of).min(epochs);
        trials = trials.div_ceil(one_of as usize);
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn read(text: &str) -> Result<Plan> {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        Plan::read(file.path())
    }

    #[test]
    fn a_grid_is_every_combination_and_the_last_setting_changes_first() {
        let plan = read(
            "validation_samples = 100\nepochs = 9\n[search]\nzeta = [0.1, 0.2]\nhidden = [[10], [20, 30], [40]]\n",
        )
        .unwrap();
        let names: Vec<&str> = plan.searched.iter().map(|searched| searched.setting.name).collect();
        let values: Vec<String> = plan.trials.iter().map(|trial| trial.values.join(" ")).collect();
        assert_eq!(names, ["zeta", "hidden"]);
        assert_eq!(values, ["0.1 10", "0.1 20,30", "0.1 40", "0.2 10", "0.2 20,30", "0.2 40"]);
        assert_eq!(plan.trials[4].config.hidden, [20, 30]);
        assert_eq!(
            (plan.seeds.as_slice(), plan.rounds.as_slice()),
            (&[1][..], &[Round { epochs: None, trials: 6 }][..])
        );
        assert_eq!(plan.rounds[0].config(&plan.trials[0].config).epochs, 9);
    }

    #[test]
    fn of_each_round_one_in_so_many_goes_on_to_the_last_number_of_epochs() {
        let text = "validation_samples = 100\nepochs = 20\nwarmup = 4\n[sweep]\ntrials = 10\nfirst_epochs = 2\n\
                    seeds = [3, 4]\n[search]\nlearning_rate = { low = 0.001, high = 0.1, log = true }\n";
        let plan = read(text).unwrap();
        let rounds: Vec<(u32, usize)> = plan.rounds.iter().map(|round| (round.epochs.unwrap(), round.trials)).collect();
        assert_eq!(rounds, [(2, 10), (6, 4), (18, 2), (20, 1)]);
        let config = plan.rounds[0].config(&plan.trials[0].config);
        assert_eq!((config.epochs, config.warmup, config.seed), (2, 1, 3));
    }

    #[test]
    fn a_file_that_is_wrong_is_refused_with_its_reason() {
        let head = "validation_samples = 100\n";
        for (text, words) in [
            ("[search]\nzeta = [0.1]\n".to_owned(), "never on test samples; set validation_samples"),
            (head.into(), "there is no table [search]"),
            (format!("{head}zetta = 1\n[search]\nzeta = [0.1]\n"), "line 2: 'zetta' is no setting"),
            (format!("{head}[search]\nzeta = [0.1, 1.5]\n"), "line 3: --zeta is 1.5, but must be"),
            (format!("{head}[search]\nzeta = {{ low = 0.1, high = 0.3 }}\n"), "set trials in [sweep]"),
            (format!("{head}[sweep]\ntrails = 3\n[search]\nzeta = [0.1]\n"), "line 2: [sweep]: unknown field `trails`"),
            (format!("{head}[sweep]\none_of = 3\n[search]\nzeta = [0.1]\n"), "has no effect without first_epochs"),
            (format!("{head}[sweep]\nfirst_epochs = 90\n[search]\nzeta = [0.1]\n"), "below epochs, 40"),
            (format!("{head}[sweep]\nseeds = [1, 1]\n[search]\nzeta = [0.1]\n"), "each once"),
        ] {
            let error = read(&text).unwrap_err().to_string();
            assert!(error.contains(words), "{text}: {error}");
        }
    }
}
