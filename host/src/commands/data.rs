//! `rewire data list`, `fetch`, `verify` and `describe`: which datasets are here.

use std::io::Write;
use std::path::Path;

use anyhow::Result;
use clap::Subcommand;
use comfy_table::{CellAlignment, Table, presets};
use serde::Serialize;

use crate::commands::describe;
use crate::commands::progress::DataBar;
use crate::commands::shared::{CacheArguments, interruption};
use crate::data::manifest::{self, Entry};
use crate::data::store::{self, Finding, State};
use crate::data::{DatasetName, Error, Progress, fetch as fetching};
use crate::text::thousands;

/// What to do about datasets.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub command: DataCommand,
}

/// A subcommand of `data`.
#[derive(Debug, Subcommand)]
pub enum DataCommand {
    /// List the datasets and whether they are here
    List(ListArguments),
    /// Fetch datasets, verified by SHA-256 (all, unless some are named)
    Fetch(Selection),
    /// Hash the files again and compare
    Verify(Selection),
    /// Describe a file or folder of your own: features, classes, missing values, and what `train` would make of it
    Describe(Box<describe::Arguments>),
}

/// Where datasets are, and how to list them.
#[derive(Debug, clap::Args)]
pub struct ListArguments {
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// Datasets.
    #[command(flatten)]
    pub data: CacheArguments,
}

/// Which datasets, and where.
#[derive(Debug, clap::Args)]
pub struct Selection {
    /// mnist-mini, mnist, fashion-mnist, cifar10 [default: all]
    pub datasets: Vec<DatasetName>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// Datasets.
    #[command(flatten)]
    pub data: CacheArguments,
}

impl Arguments {
    pub(super) fn run(&self) -> Result<()> {
        let mut out = std::io::stdout().lock();
        match &self.command {
            DataCommand::List(arguments) => list(&arguments.data.folder(), arguments.json, &mut out)?,
            DataCommand::Fetch(chosen) => {
                let mut progress = DataBar::new(interruption()?);
                fetch(&chosen.datasets, &chosen.data.folder(), chosen.json, &mut progress, &mut out)?;
            }
            DataCommand::Describe(arguments) => {
                // It writes where others do.
                drop(out);
                arguments.run()?;
            }
            DataCommand::Verify(chosen) => verify(&chosen.datasets, &chosen.data.folder(), chosen.json, &mut out)?,
        }
        Ok(())
    }
}

#[derive(Serialize)]
struct Listed<'a> {
    name: &'a str,
    title: &'a str,
    train_samples: usize,
    test_samples: usize,
    shape: [usize; 3],
    classes: u8,
    bytes: u64,
    state: &'a str,
    licence: &'a str,
    source: &'a str,
    citation: &'a str,
    folder: Option<String>,
}

/// Writes what is known of every dataset: a table, or a JSON array.
///
/// # Errors
/// [`Error::Output`] when `out` fails.
fn list(cache: &Path, json: bool, out: &mut impl Write) -> Result<(), Error> {
    if json {
        let listed: Vec<_> = manifest::entries().iter().map(|entry| listed(entry, cache)).collect();
        return write_json(&listed, out);
    }
    let mut table = Table::new();
    table
        .load_style(presets::UTF8_FULL_CONDENSED)
        .set_header(["dataset", "train", "test", "shape", "classes", "bytes", "state", "licence"]);
    for entry in manifest::entries() {
        table.add_row([
            entry.name.to_string(),
            thousands(entry.train_samples as u64),
            thousands(entry.test_samples as u64),
            entry.shape.to_string(),
            entry.classes.to_string(),
            thousands(entry.bytes()),
            store::state(entry, cache).as_str().to_owned(),
            entry.licence.clone(),
        ]);
    }
    for column in [1, 2, 4, 5] {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    writeln!(out, "{table}")?;
    writeln!(out, "also: synthetic, which is computed as --features and the settings after it say")?;
    writeln!(out, "cache: {}", cache.display())?;
    Ok(())
}

fn listed<'a>(entry: &'a Entry, cache: &Path) -> Listed<'a> {
    Listed {
        name: entry.name.as_str(),
        title: &entry.title,
        train_samples: entry.train_samples,
        test_samples: entry.test_samples,
        shape: [entry.shape.channels, entry.shape.height, entry.shape.width],
        classes: entry.classes,
        bytes: entry.bytes(),
        state: store::state(entry, cache).as_str(),
        licence: &entry.licence,
        source: &entry.source,
        citation: &entry.citation,
        folder: (!entry.bundled).then(|| store::folder(entry, cache).display().to_string()),
    }
}

#[derive(Serialize)]
struct Fetched<'a> {
    name: &'a str,
    #[serde(rename = "fetched")]
    arrived: Vec<String>,
    bytes: u64,
    folder: Option<String>,
}

/// Fetches `names`, or every dataset when there are none; files that are already right stay.
///
/// # Errors
/// As [`fetching::bring`], at the first dataset that fails, and [`Error::Output`].
fn fetch(
    names: &[DatasetName],
    cache: &Path,
    json: bool,
    progress: &mut dyn Progress,
    out: &mut impl Write,
) -> Result<(), Error> {
    let mut report = Vec::new();
    for name in or_all(names) {
        let entry = manifest::entry(name);
        let arrived = fetching::bring(entry, cache, progress)?;
        let folder = (!entry.bundled).then(|| store::folder(entry, cache).display().to_string());
        if !json {
            match (&folder, arrived.len()) {
                (None, _) => writeln!(out, "{name}: bundled, nothing to fetch")?,
                (Some(folder), 0) => writeln!(out, "{name}: already in {folder}, verified")?,
                (Some(folder), n) => writeln!(out, "{name}: {n} files fetched into {folder}, verified")?,
            }
        }
        report.push(Fetched { name: name.as_str(), arrived, bytes: entry.bytes(), folder });
    }
    if json { write_json(&report, out) } else { Ok(()) }
}

#[derive(Serialize)]
struct Verified {
    dataset: &'static str,
    file: String,
    path: String,
    ok: bool,
    finding: String,
}

/// Hashes every file of `names` again and writes a line for each; without names, of every dataset that is there.
///
/// # Errors
/// [`Error::Unverified`] with every bad file, after all are checked; [`Error::Io`] when one cannot be read;
/// [`Error::Output`].
fn verify(names: &[DatasetName], cache: &Path, json: bool, out: &mut impl Write) -> Result<(), Error> {
    let mut chosen = Vec::new();
    for name in or_all(names) {
        let entry = manifest::entry(name);
        if !names.is_empty() || store::state(entry, cache) != State::Missing {
            chosen.push(entry);
        } else if !json {
            writeln!(out, "{name}: not fetched")?;
        }
    }
    verify_entries(&chosen, cache, json, out)
}

/// Hashes every file of `entries` again and writes a line for each: `verify` for any manifest.
///
/// # Errors
/// [`Error::Unverified`] with every bad file, after all are checked; [`Error::Io`] when one cannot be read;
/// [`Error::Output`].
pub fn verify_entries(entries: &[&Entry], cache: &Path, json: bool, out: &mut impl Write) -> Result<(), Error> {
    let mut report = Vec::new();
    for entry in entries {
        for file in &entry.files {
            let finding = store::examine(entry, cache, file)?;
            if !json {
                writeln!(out, "{}/{}: {}", entry.name, file.name, finding.describe(file))?;
            }
            report.push(Verified {
                dataset: entry.name.as_str(),
                file: file.name.clone(),
                path: store::path(entry, cache, file).display().to_string(),
                ok: finding == Finding::Good,
                finding: finding.describe(file),
            });
        }
    }
    if json {
        write_json(&report, out)?;
    }
    let bad: Vec<_> = report.iter().filter(|checked| !checked.ok).collect();
    if bad.is_empty() {
        return Ok(());
    }
    let mut datasets: Vec<_> = bad.iter().map(|checked| checked.dataset.to_owned()).collect();
    datasets.dedup();
    Err(Error::Unverified {
        bad: bad.iter().map(|checked| format!("{}/{}", checked.dataset, checked.file)).collect(),
        datasets,
    })
}

fn or_all(names: &[DatasetName]) -> Vec<DatasetName> {
    if names.is_empty() { DatasetName::ALL.to_vec() } else { names.to_vec() }
}

fn write_json(value: &impl Serialize, out: &mut impl Write) -> Result<(), Error> {
    serde_json::to_writer_pretty(&mut *out, value).map_err(std::io::Error::from)?;
    writeln!(out)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn list_names_every_dataset_and_its_state() {
        let mut out = Vec::new();
        list(Path::new("nowhere"), false, &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        for name in DatasetName::ALL {
            assert!(text.contains(name.as_str()), "{text}");
        }
        for word in ["bundled", "missing", "3x32x32", "184,380,000", "MIT", "synthetic"] {
            assert!(text.contains(word), "{text}");
        }
    }

    #[test]
    fn list_as_json_parses() {
        let mut out = Vec::new();
        list(Path::new("nowhere"), true, &mut out).unwrap();
        let value: serde_json::Value = serde_json::from_slice(&out).unwrap();
        assert_eq!(value[0]["name"], "mnist-mini");
        assert_eq!(value[0]["state"], "bundled");
        assert_eq!(value[3]["shape"], serde_json::json!([3, 32, 32]));
    }

    #[test]
    fn verify_passes_what_is_bundled_and_names_what_is_missing() {
        let mut out = Vec::new();
        verify(&[], Path::new("nowhere"), false, &mut out).unwrap();
        assert!(String::from_utf8(out).unwrap().contains("mnist: not fetched"));
        let text = verify(&[DatasetName::Mnist], Path::new("nowhere"), false, &mut Vec::new()).unwrap_err().to_string();
        assert!(text.starts_with("4 files are not as the manifest says: mnist/train-images-idx3-ubyte"), "{text}");
        assert!(text.ends_with("run `rewire data fetch mnist` to replace them"), "{text}");
    }
}
