//! What a sweep measured: which trials are best, and the tables of it.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Result;
use serde::Serialize;

use crate::analysis::statistics::mean_and_deviation;
use crate::files::write_atomically;
use crate::settings::{TaskKind, score_name, score_text};
use crate::sweep::plan::{Plan, Trial};
use crate::text::as_written;
use crate::training::summary::Summary;

/// What a trial reached in a round, on the validation samples.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Outcome {
    /// Round, counted from 1.
    pub round: usize,
    /// Epochs of its runs.
    pub epochs: u32,
    /// Trial, counted from 1.
    pub trial: usize,
    /// The value of each searched setting.
    pub values: Vec<String>,
    /// Mean over the seeds: the accuracy, a fraction, or R². Absent where a run diverged.
    pub score: Option<f64>,
    /// Standard deviation over the seeds.
    pub deviation: f64,
    /// Mean over the seeds.
    pub loss: Option<f64>,
    /// Wall time of all its runs: training, evaluation and evolution.
    pub seconds: f64,
}

impl Outcome {
    /// What the runs of a trial reached; a run that diverged is absent.
    pub fn new(round: usize, epochs: u32, trial: &Trial, runs: &[Option<Summary>]) -> Self {
        let all: Option<Vec<&Summary>> = runs.iter().map(Option::as_ref).collect();
        let mean = |value: fn(&Summary) -> f32| {
            let values = all.as_ref()?.iter().map(|run| as_written(value(run))).collect::<Vec<_>>();
            Some(mean_and_deviation(&values))
        };
        let (score, loss) = (mean(|run| run.test_accuracy), mean(|run| run.test_loss));
        let seconds = |run: &Summary| run.train_seconds + run.evaluate_seconds + run.evolve_seconds;
        Self {
            round,
            epochs,
            trial: trial.number,
            values: trial.values.clone(),
            score: score.map(|score| score.0),
            deviation: score.map_or(0.0, |score| score.1),
            loss: loss.map(|loss| loss.0),
            // Not `sum`: that of nothing is a zero with a minus.
            seconds: runs.iter().flatten().map(seconds).fold(0.0, |sum, seconds| sum + seconds),
        }
    }
}

/// The outcomes of a sweep.
#[derive(Clone, Debug, Serialize)]
pub struct Table {
    /// What was learned.
    pub task: TaskKind,
    /// The settings that were searched.
    pub settings: Vec<&'static str>,
    /// The last round first, and the best of a round first.
    pub outcomes: Vec<Outcome>,
}

impl Table {
    /// No outcomes yet.
    pub fn new(plan: &Plan) -> Self {
        let task = plan.trials.first().map_or(TaskKind::Classify, |trial| trial.config.task);
        Self {
            task,
            settings: plan.searched.iter().map(|searched| searched.setting.name).collect(),
            outcomes: Vec::new(),
        }
    }

    /// Adds an outcome in its place: by round, then by score, then by number.
    pub fn add(&mut self, outcome: Outcome) {
        let score = |outcome: &Outcome| outcome.score.unwrap_or(f64::NEG_INFINITY);
        let before = |other: &Outcome| {
            (outcome.round.cmp(&other.round))
                .then(score(&outcome).total_cmp(&score(other)))
                .then(other.trial.cmp(&outcome.trial))
                .is_lt()
        };
        let at = self.outcomes.partition_point(before);
        self.outcomes.insert(at, outcome);
    }

    /// The numbers of a round's trials, best first; those that diverged are left out.
    pub fn best(&self, round: usize) -> Vec<usize> {
        let of_round = self.outcomes.iter().filter(|outcome| outcome.round == round && outcome.score.is_some());
        of_round.map(|outcome| outcome.trial).collect()
    }

    /// Names of the columns.
    pub fn columns(&self) -> Vec<String> {
        let measured = ["round", "epochs", "trial"].map(String::from).into_iter();
        let settings = self.settings.iter().map(|name| (*name).to_owned());
        let score = [format!("validation {}", score_name(self.task)), "validation loss".into(), "seconds".into()];
        measured.chain(settings).chain(score).collect()
    }

    /// The cells of an outcome, for people.
    pub fn cells(&self, outcome: &Outcome) -> Vec<String> {
        let Outcome { round, epochs, trial, values, score, deviation, loss, seconds } = outcome;
        let score = score.map_or("diverged".into(), |score| {
            let mean = score_text(self.task, score as f32);
            if *deviation > 0.0 { format!("{mean} ± {}", score_text(self.task, *deviation as f32)) } else { mean }
        });
        let loss = loss.map_or(String::new(), |loss| format!("{loss:.4}"));
        let head = [round.to_string(), epochs.to_string(), trial.to_string()].into_iter();
        head.chain(values.iter().cloned()).chain([score, loss, format!("{seconds:.1}")]).collect()
    }

    /// The table as Markdown.
    pub fn markdown(&self) -> String {
        let columns = self.columns();
        let mut text = format!("| {} |\n{}|\n", columns.join(" | "), "|---".repeat(columns.len()));
        for outcome in &self.outcomes {
            let _ = writeln!(text, "| {} |", self.cells(outcome).join(" | "));
        }
        text
    }

    /// Writes the table into a folder, for people and for programs; returns the files.
    ///
    /// # Errors
    ///
    /// When one cannot be written.
    pub fn save(&self, folder: &Path) -> Result<Vec<PathBuf>> {
        let [markdown, json] = ["sweep.md", "sweep.json"].map(|name| folder.join(name));
        write_atomically(&markdown, self.markdown().as_bytes())?;
        write_atomically(&json, serde_json::to_string_pretty(self)?.as_bytes())?;
        Ok(vec![markdown, json])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(round: usize, trial: usize, score: Option<f64>) -> Outcome {
        let values = vec![format!("0.{trial}")];
        Outcome { round, epochs: 3, trial, values, score, deviation: 0.0, loss: score, seconds: 1.25 }
    }

    #[test]
    fn the_last_round_comes_first_and_in_it_the_best() {
        let mut table = Table { task: TaskKind::Classify, settings: vec!["zeta"], outcomes: Vec::new() };
        for (round, trial, score) in
            [(1, 1, Some(0.5)), (1, 2, None), (1, 3, Some(0.75)), (1, 4, Some(0.5)), (2, 3, Some(0.25))]
        {
            table.add(outcome(round, trial, score));
        }
        let order: Vec<_> = table.outcomes.iter().map(|outcome| (outcome.round, outcome.trial)).collect();
        assert_eq!(order, [(2, 3), (1, 3), (1, 1), (1, 4), (1, 2)]);
        assert_eq!((table.best(1), table.best(2)), (vec![3, 1, 4], vec![3]));
        let text = table.markdown();
        assert!(
            text.starts_with("| round | epochs | trial | zeta | validation accuracy | validation loss | seconds |")
        );
        assert!(text.contains("| 2 | 3 | 3 | 0.3 | 25.00 % | 0.2500 | 1.2 |"), "{text}");
        assert!(text.contains("| 1 | 3 | 2 | 0.2 | diverged |  | 1.2 |"), "{text}");
    }
}
