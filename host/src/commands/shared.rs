//! Arguments that several subcommands share, and what is made of them.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result, anyhow};
use clap::Args;
use rewire_engine::native::{Native, SimdLevel};

use crate::analysis::saved::{SavedRun, runs_in};
use crate::commands::parse::In;
use crate::commands::progress::DataBar;
use crate::data::{self, DataSource, Dataset, DatasetName, Progress as _, cache_dir, manifest};
use crate::error::{INTERRUPTED, Usage};
use crate::model::safetensors::Model;
use crate::settings::{Config, Range};
use crate::training::MOST_THREADS;
use crate::training::directory::MODEL;
use crate::training::fitting::{fitting, fitting_to};

/// What of the machine to use. Results do not depend on it.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Machine")]
pub struct MachineArguments {
    /// Threads (0: one a processor)
    #[arg(long, value_name = "N", default_value = "0", allow_negative_numbers = true, hide_short_help = true,
        value_parser = In::<usize>::range(Range::Whole(0, MOST_THREADS)))]
    pub threads: usize,
    /// Vector instructions [default: the best of this processor]
    #[arg(long, value_name = "LEVEL", hide_short_help = true, value_parser = In::<SimdLevel>::ANY)]
    pub simd: Option<SimdLevel>,
}

impl MachineArguments {
    /// Starts the threads.
    pub(super) fn native(&self) -> Result<Native> {
        if let Some(level) = self.simd.filter(|level| !level.is_available()) {
            return Err(Usage(format!("--simd is {level}, but this processor has no {level} instructions")).into());
        }
        let native = Native::new(self.threads).map_err(|error| anyhow!("{error}; try a smaller --threads"))?;
        Ok(match self.simd {
            Some(level) => native.with_simd(level),
            None => native,
        })
    }

    /// The flags by which a program that is started uses the same.
    pub(super) fn flags(&self) -> Vec<String> {
        let mut flags = vec!["--threads".into(), self.threads.to_string()];
        if let Some(level) = self.simd {
            flags.extend(["--simd".into(), level.to_string()]);
        }
        flags
    }
}

/// Where datasets are.
#[derive(Clone, Debug, Args)]
pub struct CacheArguments {
    /// Folder of fetched datasets [default: that of the variable `REWIRE_DATA`, or rewire in the user's cache folder]
    #[arg(long, value_name = "DIR", hide_short_help = true, help_heading = "Machine")]
    pub data_dir: Option<PathBuf>,
}

impl CacheArguments {
    /// The folder.
    pub(super) fn folder(&self) -> PathBuf {
        cache_dir(self.data_dir.as_deref())
    }

    /// Loads the dataset of the settings: fetches a known one first where it is not there yet, or reads the path and says
    /// what was understood of it.
    pub(super) fn load(&self, config: &Config, interrupted: &Arc<AtomicBool>) -> Result<Dataset<'static>> {
        let mut bar = DataBar::new(interrupted.clone());
        match &config.dataset {
            DataSource::Known(name) => self.load_known(*name, interrupted),
            DataSource::Synthetic => {
                config.validate()?;
                Ok(Dataset::synthetic(config.synthetic()))
            }
            DataSource::Path(path) => {
                let opened = data::open(path, config, &mut bar)?;
                bar.message(&opened.understood);
                Ok(opened.dataset)
            }
        }
    }

    /// Loads a known dataset, fetching it first where it is not there yet.
    pub(super) fn load_known(&self, name: DatasetName, interrupted: &Arc<AtomicBool>) -> Result<Dataset<'static>> {
        let cache = self.folder();
        data::ensure(name, &cache, &mut DataBar::new(interrupted.clone()))?;
        Ok(data::load(name, &cache)?)
    }

    /// The settings as they fit the samples, and inputs and outputs of the network that they describe; a path is read for that.
    pub(super) fn fitted(&self, config: &Config) -> Result<(Config, (usize, usize))> {
        if let Some(name) = config.dataset.known() {
            let entry = manifest::entry(name);
            let features = entry.shape.features();
            let config = fitting(config, features, entry.train_samples).into_owned();
            let widths = config.widths(features, entry.classes.into());
            return Ok((config, widths));
        }
        let dataset = self.load(config, &interruption()?)?;
        let config = fitting_to(config, &dataset).into_owned();
        let widths = config.widths(dataset.features(), dataset.outputs);
        Ok((config, widths))
    }
}

/// A flag that Ctrl-C sets; a second Ctrl-C ends the program at once.
pub(super) fn interruption() -> Result<Arc<AtomicBool>> {
    let interrupted = Arc::new(AtomicBool::new(false));
    let flag = interrupted.clone();
    ctrlc::set_handler(move || {
        if flag.swap(true, Ordering::Relaxed) {
            std::process::exit(INTERRUPTED.into());
        }
    })
    .context("cannot listen for Ctrl-C")?;
    Ok(interrupted)
}

/// The model of a run directory, or the file itself.
pub(super) fn model_file(path: &Path) -> PathBuf {
    if path.is_dir() { path.join(MODEL) } else { path.to_owned() }
}

/// Models that become one.
#[derive(Clone, Debug, Args)]
pub struct ModelsArguments {
    /// Two or more: each a model.safetensors, or a run directory that holds one
    #[arg(required = true, num_args = 2..)]
    pub models: Vec<PathBuf>,
}

impl ModelsArguments {
    /// Makes one model of them and writes it.
    pub(super) fn combine(&self, combine: impl Fn(&[Model]) -> Result<Model>, done: &str, out: &Path) -> Result<Model> {
        let load = |path: &PathBuf| Ok(Model::load(&model_file(path))?.in_rows());
        let loaded: Vec<_> = self.models.iter().map(load).collect::<Result<_>>()?;
        let combined = combine(&loaded).with_context(|| {
            let paths: Vec<_> = self.models.iter().map(|path| path.display().to_string()).collect();
            format!("{} cannot be {done}", paths.join(", "))
        })?;
        combined.save(out)?;
        Ok(combined)
    }
}

/// Reads run directories; a folder of runs, such as `rewire compare` writes, stands for its runs.
pub(super) fn read_runs(paths: &[PathBuf]) -> Result<Vec<SavedRun>> {
    let mut runs = Vec::new();
    for path in paths {
        for path in runs_in(path)? {
            runs.push(SavedRun::read(&path)?);
        }
    }
    Ok(runs)
}
