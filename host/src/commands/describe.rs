//! `rewire data describe`: what a path of one's own holds, and what `train` would make of it.

use anyhow::Result;
use comfy_table::{CellAlignment, Table as Shown, presets};
use serde::Serialize;

use crate::commands::output::{print, print_json};
use crate::commands::progress::DataBar;
use crate::commands::settings::PathSettings;
use crate::commands::shared::interruption;
use crate::data::formats::{self, Contents, Table, Target, Wanted};
use crate::data::samples::Split;
use crate::data::{self, DataSource};
use crate::error::Usage;
use crate::settings::Config;
use crate::text::thousands;

/// What to describe.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The path, and how it is read.
    #[command(flatten)]
    pub settings: PathSettings,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// A feature over all samples.
#[derive(Debug, Clone, Serialize)]
struct Feature {
    name: String,
    least: f32,
    most: f32,
    mean: f64,
    missing: usize,
}

/// A class.
#[derive(Debug, Clone, Serialize)]
struct Class {
    name: String,
    samples: usize,
}

#[derive(Debug, Serialize)]
struct Description {
    understood: String,
    samples: usize,
    features: Vec<Feature>,
    classes: Vec<Class>,
    constant_features: usize,
    missing_values: usize,
}

/// Features that are listed at most; JSON has all of them.
const MOST_LISTED: usize = 20;

impl Arguments {
    pub(super) fn run(&self) -> Result<()> {
        let config = self.settings.0.resolve(None)?;
        let Some(path) = config.dataset.path() else {
            let text = match config.dataset {
                DataSource::Synthetic => {
                    "synthetic is computed, as --features and the settings after it say; give a path".into()
                }
                _ => format!("{} is a known dataset, which `rewire data list` describes; give a path", config.dataset),
            };
            return Err(Usage(text).into());
        };
        let mut bar = DataBar::new(interruption()?);
        // What is missing is counted, whatever is done about it.
        let wanted = Wanted { keep_missing: true, ..Wanted::of(&config) };
        let contents = formats::read(path, &wanted, &mut bar)?;
        let described = describe(&contents);
        let understood = match described.missing_values {
            // The error says where the first one is.
            1.. if !Wanted::of(&config).keep_missing => match data::open(path, &config, &mut bar) {
                Ok(opened) => opened.understood,
                Err(error) => format!("{error}"),
            },
            _ => data::arrange(path, contents, &config, &mut bar)?.understood,
        };
        let described = Description { understood, ..described };
        if self.json {
            return print_json(&described);
        }
        print(text(&described, &config))
    }
}

/// Figures of all samples of a path.
fn describe(contents: &Contents) -> Description {
    let Contents { train, test, .. } = contents;
    let tables: Vec<&Table> = std::iter::once(train).chain(test).collect();
    let width = train.n_features;
    let name = |at: usize| train.names.get(at).cloned().unwrap_or_else(|| at.to_string());
    let mut features: Vec<Feature> = (0..width)
        .map(|at| Feature { name: name(at), least: f32::INFINITY, most: f32::NEG_INFINITY, mean: 0.0, missing: 0 })
        .collect();
    let mut samples = 0;
    for table in &tables {
        let split = Split::labelled(table.features.view(), vec![0; table.len()]);
        for sample in 0..table.len() {
            samples += 1;
            split.each_feature(sample, |at, value| {
                let feature = &mut features[at];
                if value.is_nan() {
                    feature.missing += 1;
                } else {
                    (feature.least, feature.most) = (feature.least.min(value), feature.most.max(value));
                    feature.mean += f64::from(value);
                }
            });
        }
    }
    for feature in &mut features {
        feature.mean /= (samples - feature.missing).max(1) as f64;
    }
    let mut classes: Vec<Class> = Vec::new();
    for table in &tables {
        let Target::Classes(found) = &table.target else { continue };
        for &label in &found.labels {
            let name = &found.names[usize::from(label)];
            match classes.iter_mut().find(|class| class.name == *name) {
                Some(class) => class.samples += 1,
                None => classes.push(Class { name: name.clone(), samples: 1 }),
            }
        }
    }
    let constant_features = features.iter().filter(|feature| feature.least >= feature.most).count();
    let missing_values = features.iter().map(|feature| feature.missing).sum();
    Description { understood: String::new(), samples, features, classes, constant_features, missing_values }
}

fn text(described: &Description, config: &Config) -> String {
    let Description { understood, features, classes, constant_features, missing_values, .. } = described;
    let mut table = Shown::new();
    table.load_style(presets::UTF8_FULL_CONDENSED);
    table.set_header(["feature", "least", "mean", "most", "missing"]);
    for feature in features.iter().take(MOST_LISTED) {
        table.add_row([
            feature.name.clone(),
            feature.least.to_string(),
            format!("{:.5}", feature.mean),
            feature.most.to_string(),
            feature.missing.to_string(),
        ]);
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    let mut lines = vec![understood.clone(), table.to_string()];
    if features.len() > MOST_LISTED {
        lines
            .push(format!("and {} more features (--json lists all)", thousands((features.len() - MOST_LISTED) as u64)));
    }
    if !classes.is_empty() {
        let counts: Vec<_> = classes.iter().map(|class| format!("{} {}", class.name, class.samples)).collect();
        lines.push(format!("samples by class: {}", counts.join(", ")));
    }
    lines.push(format!("constant features: {constant_features}; missing values: {missing_values}"));
    let hidden: Vec<_> = config.hidden.iter().map(ToString::to_string).collect();
    lines.push(format!(
        "`rewire train` would {} with hidden layers of {} neurons, features scaled by `{}`",
        config.task,
        hidden.join(", "),
        config.scaling
    ));
    lines.join("\n")
}
