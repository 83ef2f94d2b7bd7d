//! Feature selection: which inputs a sparse network kept, and how well fresh networks do with these inputs alone.
//!
//! Inputs are ranked by the first layer's connections that survive pruning (Mocanu et al. 2018) and by the summed magnitude
//! of its weights (`QuickSelection`, Atashgahi et al. 2021, arXiv 2012.00560), beside two rankings that need no network:
//! the variance over the training samples, and chance.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use rewire_core::random::{Permutation, Purpose};
use serde::Serialize;

use crate::analysis::saved::SavedRun;
use crate::data::{Dataset, ImageShape, Names};
use crate::error::Usage;
use crate::files::write_atomically;
use crate::settings::{Config, FilterKind, GrowthKind, TopologyKind};

/// Stream of the random ranking.
const STREAM: u32 = 3;

/// How inputs are ranked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ranking {
    /// By connections that survive pruning.
    Connections,
    /// By the summed magnitude of their weights.
    Strength,
    /// By the variance over the training samples.
    Variance,
    /// By chance.
    Random,
}

impl Ranking {
    /// All of them, the network's first.
    pub const ALL: [Self; 4] = [Self::Connections, Self::Strength, Self::Variance, Self::Random];

    /// For people.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Connections => "connections",
            Self::Strength => "weight magnitude",
            Self::Variance => "variance",
            Self::Random => "random",
        }
    }
}

/// The scores of each input, by every ranking.
#[derive(Clone, Debug)]
pub struct Scores {
    scores: [Vec<f64>; 4],
}

impl Scores {
    /// Scores the inputs of a run.
    ///
    /// # Errors
    ///
    /// When the run has no network, or its first layer is dense: its connections then say nothing.
    pub fn new(run: &SavedRun, dataset: &Dataset<'_>) -> Result<Self> {
        let path = run.path.display();
        let layers = run.now.as_ref().with_context(|| format!("{path} has no network; train it for an epoch"))?;
        let first = layers.first().with_context(|| format!("{path} has a network without layers"))?;
        if first.spec.is_dense() {
            let text = format!("the first layer in {path} is dense, so every input has all connections; use a SET run");
            return Err(Usage(text).into());
        }
        let recorded = run.inputs.as_ref().and_then(|inputs| inputs.rows().last());
        let recorded = recorded.filter(|row| row.len() == first.spec.n_in);
        let connections = match recorded {
            Some(row) => row.iter().map(|&count| f64::from(count)).collect(),
            None => first.input_degrees().into_iter().map(|count| count as f64).collect(),
        };
        let mut strength = vec![0.0; first.spec.n_in];
        for connection in first.connections() {
            strength[connection.input] += f64::from(connection.weight.abs());
        }
        let variance = variance(&run.config, dataset, first.spec.n_in);
        let order = Permutation::with_purpose(run.config.seed, Purpose::Subset, STREAM, first.spec.n_in as u32);
        let random = (0..first.spec.n_in as u32).map(|i| f64::from(order.at(i))).collect();
        Ok(Self { scores: [connections, strength, variance, random] })
    }

    /// The scores of a ranking, by input.
    pub fn of(&self, ranking: Ranking) -> &[f64] {
        &self.scores[ranking as usize]
    }

    /// Inputs, best first; of equal ones the first.
    pub fn ranked(&self, ranking: Ranking) -> Vec<usize> {
        let scores = self.of(ranking);
        let mut inputs: Vec<usize> = (0..scores.len()).collect();
        inputs.sort_by(|&a, &b| scores[b].total_cmp(&scores[a]).then(a.cmp(&b)));
        inputs
    }

    /// The best `percent` of the inputs in ascending order, one at least.
    pub fn best(&self, ranking: Ranking, percent: f64) -> Vec<usize> {
        let mut inputs = self.ranked(ranking);
        inputs.truncate(((inputs.len() as f64 * percent / 100.0).round() as usize).max(1));
        inputs.sort_unstable();
        inputs
    }
}

/// The variance of each input over the samples that a run trains on: those held out for validation have no say.
fn variance(config: &Config, dataset: &Dataset<'_>, inputs: usize) -> Vec<f64> {
    let (samples, _) = crate::data::draw::split_samples(config, &dataset.train);
    let n = samples.len().max(1) as f64;
    let (mut sum, mut squares) = (vec![0f64; inputs], vec![0f64; inputs]);
    for &sample in &samples {
        dataset.train.each_feature(sample as usize, |i, value| {
            sum[i] += f64::from(value);
            squares[i] += f64::from(value) * f64::from(value);
        });
    }
    sum.iter().zip(&squares).map(|(sum, squares)| squares / n - (sum / n).powi(2)).collect()
}

/// Shares to keep, such as `5,10,25%`, each once.
///
/// # Errors
///
/// A share that is none, or outside (0, 100].
pub fn percents(text: &str) -> Result<Vec<f64>, Usage> {
    let parse = |word: &str| {
        let number = word.trim().trim_end_matches('%').trim().parse::<f64>().ok();
        number.filter(|percent| *percent > 0.0 && *percent <= 100.0).ok_or_else(|| {
            Usage(format!("--top has '{word}', but takes percentages above 0 and up to 100, such as 5,10,25,50%"))
        })
    };
    let mut percents: Vec<f64> = Vec::new();
    for percent in text.split(',').map(parse) {
        let percent = percent?;
        // A share that is given twice is measured once.
        if !percents.contains(&percent) {
            percents.push(percent);
        }
    }
    Ok(percents)
}

/// The same samples with these inputs only, as rows of pixels.
fn select(dataset: &Dataset<'_>, inputs: &[usize]) -> Dataset<'static> {
    let shape = Some(ImageShape { channels: 1, height: 1, width: inputs.len() });
    let (train, test) = (dataset.train.select(inputs), dataset.test.select(inputs));
    let names = Names { features: Vec::new(), ..dataset.names.clone() };
    Dataset { name: dataset.name, shape, outputs: dataset.outputs, names, train, test }
}

/// The accuracy of a fresh network with some of the inputs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Outcome {
    /// How they were chosen; none for all inputs.
    pub ranking: Option<Ranking>,
    /// Their share of all inputs.
    pub percent: f64,
    /// How many.
    pub inputs: usize,
    /// Of the last epoch; a fraction.
    pub test_accuracy: f32,
    /// Of the accuracy with all inputs; a fraction.
    pub kept: f32,
}

/// Has `train` train a fresh network for every ranking and share, and one on all inputs; the recipe is the run's, without
/// what needs whole images (filter, augmentation, shifts, local connections). The samples of the dataset are filtered already.
///
/// `train` gets a name, settings and samples, and returns the test accuracy.
///
/// # Errors
///
/// Settings that do not go with so many epochs, and what `train` returns.
pub fn measure(
    run: &SavedRun,
    dataset: &Dataset<'_>,
    scores: &Scores,
    percents: &[f64],
    epochs: Option<u32>,
    mut train: impl FnMut(&str, &Config, Dataset<'_>) -> Result<f32>,
) -> Result<Vec<Outcome>> {
    let epochs = epochs.unwrap_or(run.config.epochs);
    let config = Config {
        filter: FilterKind::None,
        augment: false,
        pixel_shift: 0,
        topology: TopologyKind::Random,
        growth: GrowthKind::Random,
        epochs,
        warmup: run.config.warmup.min(epochs.saturating_sub(1)),
        ..run.config.clone()
    };
    config.validate()?;
    let mut accuracy = |inputs: &[usize], name: &str| train(name, &config, select(dataset, inputs));
    let all: Vec<usize> = (0..dataset.features()).collect();
    let full = accuracy(&all, "all")?;
    let mut outcomes =
        vec![Outcome { ranking: None, percent: 100.0, inputs: all.len(), test_accuracy: full, kept: 1.0 }];
    for &percent in percents {
        for ranking in Ranking::ALL {
            let inputs = scores.best(ranking, percent);
            let test_accuracy = accuracy(&inputs, &format!("{}-{percent}", ranking.name().replace(' ', "-")))?;
            let (inputs, kept) = (inputs.len(), test_accuracy / full);
            outcomes.push(Outcome { ranking: Some(ranking), percent, inputs, test_accuracy, kept });
        }
    }
    Ok(outcomes)
}

/// Writes the ranking and, where there are any, the outcomes into a folder; returns the files.
///
/// # Errors
///
/// When one cannot be written.
pub fn save(run: &SavedRun, scores: &Scores, outcomes: &[Outcome], folder: &Path) -> Result<Vec<PathBuf>> {
    std::fs::create_dir_all(folder)
        .with_context(|| format!("cannot make the folder {}; choose another with --out", folder.display()))?;
    let shape = run.shape();
    let plane = (shape.height * shape.width).max(1);
    let named = !run.names.features.is_empty();
    let mut text = "rank,input,channel,row,column,connections,weight_magnitude,variance".to_owned();
    text.push_str(if named { ",name\n" } else { "\n" });
    for (rank, input) in scores.ranked(Ranking::Connections).into_iter().enumerate() {
        let (channel, row, column) = (input / plane, input % plane / shape.width, input % shape.width);
        let [connections, strength, variance] =
            [Ranking::Connections, Ranking::Strength, Ranking::Variance].map(|ranking| scores.of(ranking)[input]);
        let _ = write!(text, "{},{input},{channel},{row},{column},{connections},{strength},{variance}", rank + 1);
        if named {
            // Quoted, as a name may hold anything.
            let _ = write!(text, ",\"{}\"", run.names.features[input].replace('"', "\"\""));
        }
        text.push('\n');
    }
    let ranking = folder.join("features.csv");
    write_atomically(&ranking, text.as_bytes())?;
    let mut files = vec![ranking];
    if !outcomes.is_empty() {
        let path = folder.join("features.json");
        write_atomically(&path, serde_json::to_string_pretty(outcomes)?.as_bytes())?;
        files.push(path);
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::DatasetName;
    use crate::data::samples::Split;

    #[test]
    fn percentages_are_read_and_others_refused() {
        assert_eq!(percents("5,10, 25%,100").unwrap(), [5.0, 10.0, 25.0, 100.0]);
        assert_eq!(percents("5,5, 10,5.0%").unwrap(), [5.0, 10.0], "a share is measured once");
        for wrong in ["0", "101", "ten", "5,,6", "-3", "NaN"] {
            assert!(percents(wrong).unwrap_err().to_string().contains("above 0 and up to 100"), "{wrong}");
        }
    }

    #[test]
    fn held_out_samples_have_no_say_in_the_variance() {
        let config = Config { validation_samples: 2, hidden: vec![4], ..Config::defaults(DatasetName::MnistMini) };
        let samples = Split::of_images(vec![0; 12], vec![0; 6]);
        let (train, held_out) = crate::data::draw::split_samples(&config, &samples);
        assert_eq!((train.len(), held_out.len()), (4, 2));
        // Input 0 varies among the held-out samples only, input 1 among the training samples only.
        let mut images = vec![0; 12];
        images[2 * held_out[0] as usize] = 255;
        images[2 * train[0] as usize + 1] = 255;
        let train = Split::of_images(images, vec![0; 6]);
        let dataset =
            Dataset { name: None, shape: None, outputs: 2, names: Names::default(), train, test: Split::EMPTY };
        let variance = variance(&config, &dataset, 2);
        assert!(variance[0] == 0.0 && variance[1] > 0.0, "{variance:?}");
    }

    #[test]
    fn the_best_inputs_are_kept_and_nothing_else() {
        let scores =
            Scores { scores: [vec![1.0, 5.0, 3.0, 5.0], vec![0.0; 4], vec![0.0; 4], vec![3.0, 2.0, 1.0, 0.0]] };
        assert_eq!(scores.ranked(Ranking::Connections), [1, 3, 2, 0]);
        assert_eq!(scores.best(Ranking::Connections, 75.0), [1, 2, 3]);
        assert_eq!(scores.best(Ranking::Random, 1.0), [0]);
    }
}
