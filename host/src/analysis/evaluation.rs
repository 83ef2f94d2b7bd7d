//! How well a network does on samples, in the figures of its task.
//!
//! Precision, recall and F1 of a class, R², ROC AUC: as scikit-learn defines them.

use rewire_core::step::Metrics;
use rewire_engine::native::Native;
use serde::{Deserialize, Serialize};

use crate::analysis::bins::Bins;
use crate::analysis::statistics::mean_and_deviation;
use crate::data::Dataset;
use crate::data::samples::Split;
use crate::error::FitError;
use crate::model::layers::Layers;
use crate::model::predict::largest;
use crate::model::safetensors::Model;
use crate::settings::TaskKind;
use crate::text::digits;

/// The figures of a task.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "task")]
pub enum Evaluation {
    /// A classifier's.
    Classify(Classes),
    /// A regression's.
    Regress(Values),
    /// An autoencoder's.
    Reconstruct(Anomalies),
}

/// How well classes are told apart.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Classes {
    /// One a class, in their order.
    pub classes: Vec<Class>,
    /// Samples by their class, and in it by the class that was predicted.
    pub confusion: Vec<Vec<u32>>,
    /// Mean of the classes' F1.
    pub macro_f1: f64,
    /// Mean of the classes' recall.
    pub balanced_accuracy: f64,
}

/// A class.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Class {
    /// Its name.
    pub name: String,
    /// Samples that are of it.
    pub samples: u32,
    /// Of those predicted as this class, the fraction that is of it; 0 where none is predicted.
    pub precision: f64,
    /// Of those that are of this class, the fraction predicted as it; 0 where none is.
    pub recall: f64,
    /// Harmonic mean of both.
    pub f1: f64,
}

/// How near numbers are.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Values {
    /// One a number, in their order.
    pub outputs: Vec<Value>,
    /// Mean of their R², of those that vary; NaN where none does.
    #[serde(deserialize_with = "crate::text::number_or_null")]
    pub r2: f64,
}

/// A number to learn.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Value {
    /// Its name.
    pub name: String,
    /// Mean squared error, in the number's unit squared.
    pub mse: f64,
    /// Mean absolute error, in the number's unit.
    pub mae: f64,
    /// Fraction of the variance that is explained; NaN where it does not vary.
    #[serde(deserialize_with = "crate::text::number_or_null")]
    pub r2: f64,
    /// Mean of prediction less truth, in the number's unit.
    pub bias: f64,
    /// Quantiles 0.05, 0.25, 0.5, 0.75, 0.95 of prediction less truth, in the number's unit.
    pub residuals: [f64; 5],
    /// Counts of prediction less truth.
    #[serde(default)]
    pub bins: Bins,
}

/// How well what is unlike the training samples stands out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Anomalies {
    /// Mean score: the mean squared error of an input, as the network has it.
    pub mean: f64,
    /// Standard deviation of the scores.
    pub deviation: f64,
    /// False alarms that the threshold allows: a fraction of the normal samples.
    pub false_alarms: f64,
    /// Samples with a score above it are taken for anomalies.
    pub threshold: f64,
    /// Where labels tell which samples are anomalies.
    pub labelled: Option<Labelled>,
    /// Counts of scores.
    pub histogram: Histogram,
}

/// What labels add.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Labelled {
    /// Samples that are anomalies.
    pub anomalies: u32,
    /// The probability that an anomaly has a larger score than a normal sample.
    pub roc_auc: f64,
    /// Fraction of the anomalies above the threshold.
    pub found: f64,
}

/// Scores by size.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Histogram {
    /// Of normal samples, or of all where there are no labels; between the smallest and the largest score of all.
    #[serde(flatten)]
    pub bins: Bins,
    /// Of anomalies.
    pub anomalies: Vec<u32>,
}

/// Loss and correct predictions as training counts them, and the figures of the task.
///
/// `false_alarms` is the fraction of normal samples that an autoencoder may take for anomalies.
///
/// # Errors
///
/// A machine without memory.
pub fn evaluate<L: Layers>(
    model: &Model<L>,
    dataset: &Dataset<'_>,
    indices: &[u32],
    native: &Native,
    false_alarms: f64,
) -> Result<(Option<Metrics>, Evaluation), FitError> {
    let split = &dataset.test;
    Ok(match model.task {
        TaskKind::Classify => {
            let mut predicted = Vec::with_capacity(indices.len());
            let metrics =
                model.evaluate_each(dataset, indices.to_vec(), native, |logits| predicted.push(largest(logits)))?;
            let truth = indices.iter().map(|&index| split.labels[index as usize]);
            let (_, outputs) = model.widths();
            let classes = Classes::new(truth.zip(predicted), &model.output_names(outputs));
            (Some(metrics), Evaluation::Classify(classes))
        }
        TaskKind::Regress => {
            let mut predicted = Vec::new();
            model.each_output(split, indices, native, |outputs| {
                predicted.extend(outputs.iter().enumerate().map(|(at, &output)| model.targets.invert(at, output)));
            })?;
            (None, Evaluation::Regress(Values::new(model, split, indices, &predicted)))
        }
        TaskKind::Reconstruct => {
            let scores = scores(model, split, indices, native)?;
            let labels: Vec<bool> = indices.iter().map(|&index| split.labels[index as usize] > 0).collect();
            (None, Evaluation::Reconstruct(Anomalies::new(&scores, &labels, false_alarms)))
        }
    })
}

/// The anomaly score of some samples: the mean squared error of their inputs, as the network has them.
///
/// # Errors
///
/// A machine without memory.
pub fn scores<L: Layers>(
    model: &Model<L>,
    split: &Split<'_>,
    indices: &[u32],
    native: &Native,
) -> Result<Vec<f64>, FitError> {
    let (mut scores, mut next) = (Vec::with_capacity(indices.len()), indices.iter());
    model.each_output(split, indices, native, |outputs| {
        let Some(&index) = next.next() else { return };
        let mut sum = 0.0;
        split.each_feature(index as usize, |at, value| {
            sum += f64::from(outputs[at] - model.normaliser.apply(at, value)).powi(2);
        });
        scores.push(sum / outputs.len().max(1) as f64);
    })?;
    Ok(scores)
}

/// Classes whose confusion is shown beside their figures, at most.
const MOST_SHOWN: usize = 12;

impl Evaluation {
    /// The figures for people: names of the columns, and the rows.
    pub fn rows(&self) -> (Vec<String>, Vec<Vec<String>>) {
        match self {
            Self::Classify(classes) => classes.rows(),
            Self::Regress(values) => values.rows(),
            Self::Reconstruct(anomalies) => anomalies.rows(),
        }
    }
}

impl Classes {
    fn rows(&self) -> (Vec<String>, Vec<Vec<String>>) {
        let shown = self.classes.len() <= MOST_SHOWN;
        let mut header: Vec<String> = ["class", "samples", "precision", "recall", "F1"].map(Into::into).to_vec();
        if shown {
            header.extend(self.classes.iter().map(|class| format!("as {}", class.name)));
        }
        let mut rows: Vec<Vec<String>> = Vec::new();
        for (class, confusion) in self.classes.iter().zip(&self.confusion) {
            let mut row = vec![class.name.clone(), class.samples.to_string()];
            row.extend([class.precision, class.recall, class.f1].map(|figure| format!("{figure:.4}")));
            if shown {
                row.extend(confusion.iter().map(u32::to_string));
            }
            rows.push(row);
        }
        let mut mean = vec!["mean".to_owned(), String::new(), String::new()];
        mean.extend([self.balanced_accuracy, self.macro_f1].map(|figure| format!("{figure:.4}")));
        mean.resize(header.len(), String::new());
        rows.push(mean);
        (header, rows)
    }

    /// From pairs of truth and prediction.
    fn new(pairs: impl Iterator<Item = (u16, u16)>, names: &[String]) -> Self {
        let mut confusion = vec![vec![0u32; names.len()]; names.len()];
        for (truth, predicted) in pairs {
            confusion[usize::from(truth)][usize::from(predicted)] += 1;
        }
        let ratio = |part: u32, of: u32| if of == 0 { 0.0 } else { f64::from(part) / f64::from(of) };
        let class = |(at, name): (usize, &String)| {
            let (right, samples) = (confusion[at][at], confusion[at].iter().sum());
            let (precision, recall) = (ratio(right, confusion.iter().map(|row| row[at]).sum()), ratio(right, samples));
            let f1 = if right == 0 { 0.0 } else { 2.0 * precision * recall / (precision + recall) };
            Class { name: name.clone(), samples, precision, recall, f1 }
        };
        let classes: Vec<Class> = names.iter().enumerate().map(class).collect();
        // A class without samples says nothing.
        let there: Vec<&Class> = classes.iter().filter(|class| class.samples > 0).collect();
        let mean =
            |value: fn(&Class) -> f64| there.iter().map(|class| value(class)).sum::<f64>() / there.len().max(1) as f64;
        let (macro_f1, balanced_accuracy) = (mean(|class| class.f1), mean(|class| class.recall));
        Self { classes, confusion, macro_f1, balanced_accuracy }
    }
}

impl Values {
    fn rows(&self) -> (Vec<String>, Vec<Vec<String>>) {
        let header = ["number", "R²", "MSE", "MAE", "bias", "residuals: 5 %", "25 %", "50 %", "75 %", "95 %"];
        let row = |value: &Value| {
            let figures = [value.mse, value.mae, value.bias];
            let mut row = vec![value.name.clone(), format!("{:.4}", value.r2)];
            row.extend(figures.iter().chain(&value.residuals).map(|figure| digits(*figure)));
            row
        };
        (header.map(Into::into).to_vec(), self.outputs.iter().map(row).collect())
    }

    fn new<L: Layers>(model: &Model<L>, split: &Split<'_>, indices: &[u32], predicted: &[f32]) -> Self {
        let (_, width) = model.widths();
        let names = model.output_names(width);
        let output = |at: usize| {
            let truths = || indices.iter().map(|&index| f64::from(split.values[index as usize * width + at]));
            let n = indices.len().max(1) as f64;
            let mean = truths().sum::<f64>() / n;
            let variance = truths().map(|truth| (truth - mean).powi(2)).sum::<f64>() / n;
            let ours = predicted.iter().skip(at).step_by(width).map(|&value| f64::from(value));
            let mut residuals: Vec<f64> = ours.zip(truths()).map(|(ours, truth)| ours - truth).collect();
            let mse = residuals.iter().map(|residual| residual * residual).sum::<f64>() / n;
            let mae = residuals.iter().map(|residual| residual.abs()).sum::<f64>() / n;
            let bias = residuals.iter().sum::<f64>() / n;
            residuals.sort_by(f64::total_cmp);
            let quantiles = [0.05, 0.25, 0.5, 0.75, 0.95].map(|share| quantile(&residuals, share));
            let (name, r2, bins) = (names[at].clone(), 1.0 - mse / variance, Bins::of(&residuals));
            Value { name, mse, mae, r2, bias, residuals: quantiles, bins }
        };
        let outputs: Vec<Value> = (0..width).map(output).collect();
        let varying: Vec<f64> = outputs.iter().map(|output| output.r2).filter(|r2| r2.is_finite()).collect();
        let r2 = varying.iter().sum::<f64>() / varying.len() as f64;
        Self { outputs, r2 }
    }
}

impl Anomalies {
    fn rows(&self) -> (Vec<String>, Vec<Vec<String>>) {
        let Self { mean, deviation, false_alarms, threshold, labelled, .. } = self;
        let mut rows = vec![
            ["mean score".into(), digits(*mean)],
            ["deviation of the scores".into(), digits(*deviation)],
            [
                format!("threshold, above which {} % of the normal samples are", 100.0 * false_alarms),
                digits(*threshold),
            ],
        ];
        match labelled {
            Some(labelled) => rows.extend([
                ["anomalies".into(), labelled.anomalies.to_string()],
                ["anomalies above the threshold".into(), format!("{:.2} %", 100.0 * labelled.found)],
                ["ROC AUC".into(), format!("{:.4}", labelled.roc_auc)],
            ]),
            None => rows.push(["ROC AUC".into(), "not known: no labels say which samples are anomalies".into()]),
        }
        (["figure", "value"].map(Into::into).to_vec(), rows.into_iter().map(Vec::from).collect())
    }

    fn new(scores: &[f64], anomalies: &[bool], false_alarms: f64) -> Self {
        let (mean, deviation) = mean_and_deviation(scores);
        let of = |anomaly: bool| {
            let chosen = scores.iter().zip(anomalies).filter(|(_, is)| **is == anomaly);
            let mut chosen: Vec<f64> = chosen.map(|(&score, _)| score).collect();
            chosen.sort_by(f64::total_cmp);
            chosen
        };
        let (normal, odd) = (of(false), of(true));
        let threshold = quantile(&normal, 1.0 - false_alarms);
        let labelled = (!odd.is_empty() && !normal.is_empty()).then(|| Labelled {
            anomalies: odd.len() as u32,
            roc_auc: roc_auc(&normal, &odd),
            found: odd.iter().filter(|&&score| score > threshold).count() as f64 / odd.len() as f64,
        });
        let all = Bins::of(scores);
        let histogram = Histogram { anomalies: all.count(&odd), bins: Bins { counts: all.count(&normal), ..all } };
        Self { mean, deviation, false_alarms, threshold, labelled, histogram }
    }
}

/// The value below which this share of sorted values lies, between neighbours in proportion; NaN where there are none.
fn quantile(sorted: &[f64], share: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else { return f64::NAN };
    let at = share.clamp(0.0, 1.0) * last as f64;
    let (low, high) = (sorted[at as usize], sorted[(at as usize + 1).min(last)]);
    low + (high - low) * at.fract()
}

/// The share of pairs in which the second has the larger score; of equals half. Both are sorted.
fn roc_auc(normal: &[f64], odd: &[f64]) -> f64 {
    let wins: f64 = odd
        .iter()
        .map(|score| {
            let below = normal.partition_point(|other| other < score);
            let equal = normal.partition_point(|other| other <= score) - below;
            below as f64 + equal as f64 / 2.0
        })
        .sum();
    wins / (normal.len() as f64 * odd.len() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn precision_recall_and_f1_are_those_of_the_confusion() {
        // Of three cats two are found; of two dogs one, and of no fish none.
        let pairs = [(0, 0), (0, 0), (0, 1), (1, 1), (1, 2)];
        let names = ["cat", "dog", "fish"].map(String::from);
        let Classes { classes, confusion, macro_f1, balanced_accuracy } = Classes::new(pairs.into_iter(), &names);
        assert_eq!(confusion, [[2, 1, 0], [0, 1, 1], [0, 0, 0]]);
        assert_eq!((classes[0].precision, classes[0].recall), (1.0, 2.0 / 3.0));
        assert!((classes[0].f1 - 0.8).abs() < 1e-12 && (classes[1].f1 - 0.5).abs() < 1e-12);
        assert_eq!((classes[2].precision, classes[2].recall, classes[2].f1, classes[2].samples), (0.0, 0.0, 0.0, 0));
        assert!((macro_f1 - 0.65).abs() < 1e-12 && (balanced_accuracy - 7.0 / 12.0).abs() < 1e-12);
    }

    #[test]
    fn the_area_is_that_of_all_pairs() {
        let (normal, odd) = ([0.1, 0.2, 0.2, 0.9], [0.2, 0.5, 1.0]);
        let pairs = odd.iter().flat_map(|a| normal.iter().map(move |b| (a, b)));
        let slow: f64 = pairs
            .map(|(a, b)| {
                if a > b {
                    1.0
                } else if a == b {
                    0.5
                } else {
                    0.0
                }
            })
            .sum();
        assert!((roc_auc(&normal, &odd) - slow / 12.0).abs() < 1e-12);
    }

    #[test]
    fn a_threshold_lets_so_many_false_alarms_pass() {
        let scores: Vec<f64> = (0..=100).map(f64::from).chain([200.0, 20.0]).collect();
        let labels: Vec<bool> = (0..103).map(|at| at > 100).collect();
        let found = Anomalies::new(&scores, &labels, 0.05);
        assert_eq!((found.threshold, found.labelled.unwrap().found), (95.0, 0.5));
        assert_eq!(
            found.histogram.bins.counts.iter().sum::<u32>() + found.histogram.anomalies.iter().sum::<u32>(),
            103
        );
        assert_eq!(Anomalies::new(&[1.0, 2.0], &[false, false], 0.5).labelled, None);
    }
}
