//! A run directory as figures and reports read it: whatever is there, and in words what is not.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use rewire_core::network::LayerSpec;
use rewire_engine::layer::LayerData;
use serde::de::DeserializeOwned;

use crate::analysis::evaluation::Evaluation;
use crate::data::{ImageShape, Names, manifest};
use crate::error::Usage;
use crate::model::safetensors::Model;
use crate::npy;
use crate::settings::{Config, ModelKind, RECORD};
use crate::training::checkpoint::Checkpoint;
use crate::training::directory::{EVALUATION, Epoch, INPUT_CONNECTIONS, MODEL, Phases, Record, START, rows};
use crate::training::early_stopping::is_tired;
use crate::training::monitor::{self, MONITOR, Sample};
use crate::training::recorder::LayerRow;
use crate::training::summary::Summary;

/// The file that makes a folder a run directory.
const SETTINGS: &str = "config.toml";

/// What a run left behind.
#[derive(Clone, Debug)]
pub struct SavedRun {
    /// The directory.
    pub path: PathBuf,
    /// Its settings.
    pub config: Config,
    /// Where and when it was made, if that was recorded.
    pub record: Option<Record>,
    /// Rows of `metrics.csv`, with their numbers finite.
    pub epochs: Vec<Epoch>,
    /// Rows of `phases.csv`.
    pub phases: Vec<Phases>,
    /// Rows of `topology.csv`.
    pub topology: Vec<LayerRow>,
    /// `input_connections.npy`.
    pub inputs: Option<npy::Array<u16>>,
    /// Rows of `monitor.csv`.
    pub monitor: Vec<Sample>,
    /// The network before training.
    pub start: Option<Vec<LayerData>>,
    /// The network after the last epoch that is done.
    pub now: Option<Vec<LayerData>>,
    /// Inputs and outputs of its networks.
    pub widths: (usize, usize),
    /// Where inputs lie, if anywhere.
    pub shape: Option<ImageShape>,
    /// What inputs and outputs are called.
    pub names: Names,
    /// What `rewire evaluate` measured last, if it did.
    pub evaluation: Option<Evaluation>,
    /// What is missing, cut short or unusable: a sentence each.
    pub missing: Vec<String>,
}

impl SavedRun {
    /// Reads a run directory.
    ///
    /// # Errors
    ///
    /// When it is no run directory, or its settings come from another version: there is then nothing to go by.
    pub fn read(path: &Path) -> Result<Self> {
        let shown = path.display();
        let settings = path.join(SETTINGS);
        if !path.is_dir() || !settings.exists() {
            let why = if path.is_dir() { "has no config.toml" } else { "is no folder" };
            return Err(Usage(format!("{shown} {why}; name a run directory that `rewire train` wrote")).into());
        }
        let config = Config::read(&settings)?;
        let text = std::fs::read_to_string(&settings).unwrap_or_default();
        let record = text.parse::<toml::Table>().ok().and_then(|table| table.get(RECORD)?.clone().try_into().ok());
        let mut missing = Vec::new();
        let mut epochs: Vec<Epoch> = optional(path, "metrics.csv", &mut missing);
        let bad = epochs.iter().filter(|row| !is_finite(row)).count();
        if bad > 0 {
            missing.push(format!(
                "{shown}: {bad} rows of metrics.csv hold numbers that are not finite; they are left out"
            ));
            epochs.retain(is_finite);
        }
        if epochs.is_empty() {
            missing.push(format!("{shown}: no epoch is finished"));
        } else if epochs.len() < config.epochs as usize && !is_tired(&config, &epochs) {
            let (done, all) = (epochs.len(), config.epochs);
            missing.push(format!("{shown}: {done} of {all} epochs are there; the run still goes on or was ended"));
        }
        let phases = optional(path, "phases.csv", &mut missing);
        let sparse = config.model != ModelKind::Dense;
        let evolves = config.model == ModelKind::Set;
        let topology = if evolves { optional(path, "topology.csv", &mut missing) } else { Vec::new() };
        let inputs = evolves.then(|| npy::read::<u16>(&path.join(INPUT_CONNECTIONS))).and_then(|read| {
            read.map_err(|error| missing.push(format!("{error:#}"))).ok().filter(|array| !array.values.is_empty())
        });
        let monitor = path.join(MONITOR);
        let monitor = if monitor.exists() {
            monitor::read(&monitor).map_err(|error| missing.push(format!("{error:#}"))).unwrap_or_default()
        } else {
            Vec::new()
        };
        let mut model = |file: &str| {
            let path = path.join(file);
            if !path.exists() {
                return None;
            }
            Model::load(&path).map(Model::in_rows).map_err(|error| missing.push(format!("{error:#}"))).ok()
        };
        let (start, now) = (if sparse { model(START) } else { None }, model(MODEL));
        let meaning = start.as_ref().or(now.as_ref()).map(|model| (model.shape, model.names.clone()));
        let [start, mut now] = [start, now].map(|model| model.map(|model| model.layers));
        // A model of a run that goes on is from within an epoch.
        let goes_on = epochs.len() < config.epochs as usize && !is_tired(&config, &epochs);
        if (now.is_none() || goes_on) && Checkpoint::exists(path) {
            match Checkpoint::load(path, |_| {}).and_then(|checkpoint| checkpoint.all_layers()) {
                Ok(layers) => now = Some(layers.into_iter().map(LayerData::in_rows).collect()),
                Err(error) => missing.push(format!("{shown}: {error:#}")),
            }
        }
        if now.is_none() {
            missing
                .push(format!("{shown}: neither {MODEL} nor a checkpoint can be used, so there is no network to show"));
        }
        if sparse && start.is_none() {
            missing.push(format!("{shown}: {START} is missing, so the network before training is unknown"));
        }
        let ends = |layers: &Vec<LayerData>| Some((layers.first()?.spec.n_in, layers.last()?.spec.n_out));
        let known = config.dataset.known().map(manifest::entry);
        let widths = known.map(|entry| config.widths(entry.shape.features(), entry.classes.into()));
        let Some(widths) = widths.or_else(|| start.as_ref().or(now.as_ref()).and_then(ends)) else {
            return Err(Usage(format!("{shown} holds no network yet; wait until an epoch is finished")).into());
        };
        let (shape, names) = meaning.unwrap_or_default();
        let shape = shape.or(known.map(|entry| entry.shape));
        let evaluation = std::fs::read_to_string(path.join(EVALUATION)).ok();
        let evaluation = evaluation.and_then(|text| {
            let read = serde_json::from_str(&text);
            read.map_err(|error| {
                missing.push(format!("{shown}: {EVALUATION} cannot be read ({error}); evaluate again"));
            })
            .ok()
        });
        Ok(Self {
            path: path.to_owned(),
            config,
            record,
            epochs,
            phases,
            topology,
            inputs,
            monitor,
            start,
            now,
            widths,
            shape,
            names,
            evaluation,
            missing,
        })
    }

    /// The directory's name.
    pub fn name(&self) -> String {
        let path = self.path.canonicalize().unwrap_or_else(|_| self.path.clone());
        path.file_name().map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into_owned())
    }

    /// The plane that inputs lie in: a row, where they are no image.
    pub fn shape(&self) -> ImageShape {
        self.shape.unwrap_or(ImageShape { channels: 1, height: 1, width: self.widths.0 })
    }

    /// The layers of its network: as they are now, or as its settings describe them where nothing is saved.
    pub fn layers(&self) -> Vec<LayerSpec> {
        match &self.now {
            Some(layers) => layers.iter().map(|layer| layer.spec).collect(),
            None => self.config.layers(self.widths.0, self.widths.1),
        }
    }

    /// Epochs done.
    pub fn done(&self) -> u32 {
        self.epochs.last().map_or(0, |row| row.epoch)
    }

    /// Its closing figures; none before an epoch is finished.
    pub fn summary(&self) -> Option<Summary> {
        Summary::new(&self.config, self.widths, &self.layers(), &self.path, &self.epochs)
    }
}

/// The run directories that a path means: the path itself, or the runs in a folder that `rewire compare` wrote, by name.
///
/// # Errors
///
/// When there is no run: neither is the path a run directory, nor does it hold one.
pub fn runs_in(path: &Path) -> Result<Vec<PathBuf>> {
    let is_run = |path: &Path| path.join(SETTINGS).is_file();
    if is_run(path) {
        return Ok(vec![path.to_owned()]);
    }
    let shown = path.display();
    if !path.is_dir() {
        return Err(Usage(format!("{shown} is no folder; name a run directory that `rewire train` wrote")).into());
    }
    let folders = std::fs::read_dir(path).with_context(|| format!("cannot read the folder {shown}"))?;
    let mut runs: Vec<PathBuf> = folders.flatten().map(|entry| entry.path()).filter(|path| is_run(path)).collect();
    runs.sort();
    if runs.is_empty() {
        return Err(Usage(format!(
            "{shown} has no {SETTINGS}, and none of its folders has one; name a run directory that `rewire train` wrote or \
             a folder that `rewire compare` wrote"
        ))
        .into());
    }
    Ok(runs)
}

fn is_finite(row: &Epoch) -> bool {
    [row.train_loss, row.test_loss, row.train_accuracy, row.test_accuracy].iter().all(|value| value.is_finite())
}

/// The rows of a file, as far as they can be read; what cannot goes to `missing`.
fn optional<T: DeserializeOwned>(folder: &Path, file: &str, missing: &mut Vec<String>) -> Vec<T> {
    let path = folder.join(file);
    if !path.exists() {
        missing.push(format!("{} is not there", path.display()));
        return Vec::new();
    }
    match rows(&path) {
        Ok((rows, None)) => rows,
        Ok((rows, Some(wrong))) => {
            missing.push(format!("{wrong}; the {} rows before are used", rows.len()));
            rows
        }
        Err(error) => {
            missing.push(format!("{error:#}"));
            Vec::new()
        }
    }
}

/// Runs that differ in nothing but the seed.
#[derive(Clone, Debug)]
pub struct Group<'r> {
    /// Tells it from the other groups.
    pub label: String,
    /// In the order of their seeds.
    pub runs: Vec<&'r SavedRun>,
}

impl Group<'_> {
    /// Their model.
    pub fn model(&self) -> ModelKind {
        self.runs.first().map_or(ModelKind::Set, |run| run.config.model)
    }

    /// The label with how many seeds there are.
    pub fn title(&self) -> String {
        match self.runs.len() {
            1 => self.label.clone(),
            n => format!("{}, {n} seeds", self.label),
        }
    }
}

/// What people call a model.
pub fn model_name(model: ModelKind) -> &'static str {
    match model {
        ModelKind::Set => "SET",
        ModelKind::Fixprob => "FixProb",
        ModelKind::Dense => "dense",
    }
}

/// Puts runs that differ in the seed alone together, and names each group by what tells it from the others.
pub fn group(runs: &[SavedRun]) -> Vec<Group<'_>> {
    // All but the seed and what had no effect.
    let effective = |config: &Config| Config { seed: 0, ..config.effective() };
    let same = |a: &Config, b: &Config| effective(a) == effective(b);
    let mut groups: Vec<Group<'_>> = Vec::new();
    for run in runs {
        match groups.iter_mut().find(|group| group.runs.iter().all(|other| same(&run.config, &other.config))) {
            // The same run twice would look like two seeds.
            Some(group) if group.runs.iter().any(|other| other.path == run.path) => {}
            Some(group) => group.runs.push(run),
            None => groups.push(Group { label: String::new(), runs: vec![run] }),
        }
    }
    for group in &mut groups {
        group.runs.sort_by_key(|run| run.config.seed);
    }
    let order = |group: &Group<'_>| group.model() as u8;
    groups.sort_by_key(order);
    let configs: Vec<Config> = groups.iter().map(|group| group.runs[0].config.clone()).collect();
    for (i, group) in groups.iter_mut().enumerate() {
        let mine = &configs[i];
        let rivals: Vec<&Config> = configs.iter().filter(|config| config.model == mine.model).collect();
        let name = model_name(mine.model);
        group.label = if rivals.len() > 1 { format!("{name} ({})", group.runs[0].name()) } else { name.into() };
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::DatasetName;

    fn run(model: ModelKind, seed: u64, epsilon: f64) -> SavedRun {
        let config = Config { model, epsilon, seed, ..Config::defaults(DatasetName::MnistMini) };
        let path = PathBuf::from(format!("{model}-{seed}-{epsilon}"));
        SavedRun {
            path,
            config,
            record: None,
            epochs: vec![],
            phases: vec![],
            topology: vec![],
            inputs: None,
            monitor: vec![],
            start: None,
            now: None,
            widths: (784, 10),
            shape: None,
            names: Names::default(),
            evaluation: None,
            missing: vec![],
        }
    }

    #[test]
    fn seeds_make_a_group_and_other_settings_another() {
        let runs = [
            run(ModelKind::Dense, 1, 20.0),
            run(ModelKind::Set, 2, 20.0),
            run(ModelKind::Set, 1, 20.0),
            run(ModelKind::Set, 1, 5.0),
        ];
        let groups = group(&runs);
        let seeds: Vec<Vec<u64>> =
            groups.iter().map(|group| group.runs.iter().map(|run| run.config.seed).collect()).collect();
        assert_eq!(seeds, [vec![1, 2], vec![1], vec![1]]);
        assert_eq!(groups[1].label, "SET (set-1-5)");
        assert_eq!((groups[0].title().as_str(), groups[2].title().as_str()), ("SET (set-1-20), 2 seeds", "dense"));
    }

    #[test]
    fn a_run_given_twice_counts_once() {
        let runs = [run(ModelKind::Set, 1, 20.0), run(ModelKind::Set, 1, 20.0)];
        assert_eq!(group(&runs)[0].runs.len(), 1);
    }

    #[test]
    fn a_comparison_stands_for_its_runs() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["set-seed2", "set-seed1", "figures"] {
            std::fs::create_dir(folder.path().join(name)).unwrap();
        }
        assert!(runs_in(folder.path()).unwrap_err().is::<Usage>());
        assert!(runs_in(&folder.path().join("none")).unwrap_err().is::<Usage>());
        let runs = ["set-seed1", "set-seed2"].map(|name| folder.path().join(name));
        for run in &runs {
            std::fs::write(run.join(SETTINGS), "").unwrap();
        }
        assert_eq!(runs_in(folder.path()).unwrap(), runs);
        assert_eq!(runs_in(&runs[1]).unwrap(), [runs[1].clone()]);
    }

    #[test]
    fn what_is_no_run_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let text = SavedRun::read(folder.path()).unwrap_err().to_string();
        assert!(text.contains("config.toml") && text.contains("rewire train"), "{text}");
        assert!(SavedRun::read(&folder.path().join("none")).unwrap_err().is::<Usage>());
    }
}
