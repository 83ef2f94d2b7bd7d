//! Opens a path as a dataset: reads it, sets samples apart for testing, fills in missing values.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::path::Path;

use rewire_core::random::{Permutation, Purpose};

use crate::data::dataset::{Dataset, Names};
use crate::data::draw::split_samples;
use crate::data::formats::{self, Classes, Contents, Kind, ReadError, Table, Target, Wanted};
use crate::data::missing;
use crate::data::progress::Progress;
use crate::data::samples::{Features, Split};
use crate::settings::{Config, TaskKind};
use crate::text::{as_written, thousands};

/// Stream of the draw of test samples.
const TEST_SHARE_STREAM: u32 = 3;

/// A dataset that was opened, and what was understood of its path.
#[derive(Clone, Debug)]
pub struct Opened {
    /// The samples.
    pub dataset: Dataset<'static>,
    /// What was understood, in a sentence.
    pub understood: String,
}

/// Opens the path of the settings.
///
/// # Errors
///
/// What cannot be read or learned from: with the place in the file.
pub fn open(path: &Path, config: &Config, progress: &mut dyn Progress) -> Result<Opened, ReadError> {
    let contents = formats::read(path, &Wanted::of(config), progress)?;
    arrange(path, contents, config, progress)
}

/// Makes a dataset of what a path holds.
///
/// # Errors
///
/// As [`open`].
pub fn arrange(
    path: &Path,
    contents: Contents,
    config: &Config,
    progress: &mut dyn Progress,
) -> Result<Opened, ReadError> {
    let wanted = Wanted::of(config);
    let Contents { kind, mut train, test } = contents;
    if config.resize.is_some() && !matches!(kind, Kind::Idx | Kind::Pictures) {
        return Err(ReadError::whole(path, format!("{kind}, whose samples are no pictures"), "leave out --resize"));
    }
    let mut source = String::new();
    let mut test = match (&config.test, test) {
        (Some(file), _) => {
            let like = wanted.like(train.n_features, &train.names);
            let like = match &train.target {
                Target::Values { names, .. } => like.learned(names),
                Target::None | Target::Classes(_) => like,
            };
            let like = Wanted { shape: config.shape.or(train.shape), ..like };
            let _ = write!(source, "{}", file.display());
            Some((file.as_path(), formats::read(file, &like, progress)?.measured()))
        }
        (None, Some(test)) => {
            source.push_str("of the same path");
            Some((path, test))
        }
        (None, None) => None,
    };
    let shape = config.shape.or(train.shape);
    if let Some(shape) = shape.filter(|shape| shape.features() != train.n_features) {
        let found = format!("{} features a sample", train.n_features);
        let advice = format!("--shape {shape} has {}", shape.features());
        return Err(ReadError::whole(path, found, advice));
    }
    let outputs = learned(path, &train, config.task)?;
    let mut normal = String::new();
    if config.task == TaskKind::Reconstruct {
        normal = most_frequent(&train.target).unwrap_or_default();
        mark_anomalies(&normal, &mut train.target);
        if let Some((_, table)) = &mut test {
            mark_anomalies(&normal, &mut table.target);
        }
    }
    let n_features = train.n_features;
    let feature_names = std::mem::take(&mut train.names);
    let labels = |table: &Table| match &table.target {
        Target::Classes(classes) => classes.labels.clone(),
        Target::None | Target::Values { .. } => vec![0; table.len()],
    };
    let split = |table: Table, labels: Vec<u16>| {
        let values = match table.target {
            Target::Values { values, .. } => values,
            Target::None | Target::Classes(_) => Vec::new(),
        };
        Split { values: values.into(), ..Split::labelled(table.features, labels) }
    };
    let (mut train, mut test) = if let Some((file, table)) = test {
        let known =
            if config.task == TaskKind::Reconstruct { labels(&table) } else { renamed(&train.target, &table, file)? };
        let train_labels = labels(&train);
        (split(train, train_labels), split(table, known))
    } else {
        let labels = labels(&train);
        let chosen = drawn(config.seed, config.test_share, &labels);
        let _ = write!(source, "{} % of the samples", 100.0 * as_written(config.test_share));
        let whole = split(train, labels);
        if chosen.is_empty() { (whole, Split::EMPTY) } else { set_apart(whole, &chosen) }
    };
    let (trained, _) = split_samples(config, &train);
    let filled = missing::fill(&mut train, &mut test, &trained);
    let mut understood = format!(
        "{}: {kind} with {} samples of {} features",
        path.display(),
        thousands((train.len() + test.len()) as u64),
        thousands(n_features as u64)
    );
    if let Some(shape) = shape {
        let _ = write!(understood, " ({shape})");
    }
    match &outputs {
        Outputs::Classes(names) => {
            let _ = write!(understood, ", {} classes ({})", names.len(), some(names));
        }
        Outputs::Values(names) => {
            let _ = write!(understood, ", to learn: {}", some(names));
        }
        Outputs::Inputs => {}
    }
    if test.is_empty() {
        understood.push_str("; no test samples");
    } else {
        let _ = write!(understood, "; {} test samples, {source}", thousands(test.len() as u64));
    }
    if filled > 0 {
        let _ = write!(understood, "; {} missing values became means", thousands(filled as u64));
    }
    for flag in kind.without_effect(config) {
        let _ = write!(understood, "; {flag} has no effect on {kind}");
    }
    let (outputs, output_names) = match outputs {
        Outputs::Classes(names) | Outputs::Values(names) => (names.len(), names),
        Outputs::Inputs => (n_features, Vec::new()),
    };
    let names = Names { features: feature_names, outputs: output_names, normal };
    Ok(Opened { dataset: Dataset { name: None, shape, outputs, names, train, test }, understood })
}

/// Opens a path for a model that was trained on features with these names and means. Its test samples are read where it has
/// some of its own, else all samples.
///
/// # Errors
///
/// As [`open`]; and features or classes that the model does not have.
pub fn open_for(
    path: &Path,
    config: &Config,
    means: &[f32],
    names: Names,
    progress: &mut dyn Progress,
) -> Result<Dataset<'static>, ReadError> {
    let wanted = Wanted { shape: config.shape, ..Wanted::of(config).like(means.len(), &names.features) };
    let wanted = if config.task == TaskKind::Regress { wanted.learned(&names.outputs) } else { wanted };
    let mut table = formats::read(path, &wanted, progress)?.measured();
    missing::fill_from(&mut table.features, means, path)?;
    let trained = match config.task {
        TaskKind::Classify => Target::Classes(Classes { labels: Vec::new(), names: names.outputs.clone() }),
        TaskKind::Regress => Target::Values { names: names.outputs.clone(), values: Vec::new() },
        TaskKind::Reconstruct => {
            // Where the model does not say, what is most frequent here.
            let normal =
                if names.normal.is_empty() { most_frequent(&table.target) } else { Some(names.normal.clone()) };
            mark_anomalies(&normal.unwrap_or_default(), &mut table.target);
            Target::None
        }
    };
    let labels = match (&trained, &table.target) {
        // Normal samples and anomalies.
        (Target::None, Target::Classes(classes)) => classes.labels.clone(),
        _ => renamed(&trained, &table, path)?,
    };
    let (shape, outputs) = (config.shape.or(table.shape), names.outputs.len());
    let values = match table.target {
        Target::Values { values, .. } => values,
        Target::None | Target::Classes(_) => Vec::new(),
    };
    let test = Split { values: values.into(), ..Split::labelled(table.features, labels) };
    let train = Split { features: Features::Floats(Cow::Borrowed(&[])), ..Split::EMPTY };
    Ok(Dataset { name: None, shape, outputs, names, train, test })
}

/// What a network is to give.
enum Outputs {
    /// Classes of these names.
    Classes(Vec<String>),
    /// Numbers of these names.
    Values(Vec<String>),
    /// Its inputs.
    Inputs,
}

/// What there is to learn in a table.
fn learned(path: &Path, table: &Table, task: TaskKind) -> Result<Outputs, ReadError> {
    Ok(match &table.target {
        _ if task == TaskKind::Reconstruct => Outputs::Inputs,
        Target::None => {
            let advice = "give the labels, or learn the features themselves with --task reconstruct";
            return Err(ReadError::whole(path, "features and no labels", advice));
        }
        Target::Values { names, .. } => Outputs::Values(names.clone()),
        Target::Classes(Classes { names, .. }) if names.len() < 2 => {
            let only = names.first().map_or("none", String::as_str);
            let advice =
                "a classifier needs two classes or more; name another column with --label, or use --task reconstruct";
            return Err(ReadError::whole(path, format!("all samples are of one class ({only})"), advice));
        }
        Target::Classes(classes) => Outputs::Classes(classes.names.clone()),
    })
}

/// The labels of test samples as indices into the classes of the training samples.
fn renamed(trained: &Target, test: &Table, file: &Path) -> Result<Vec<u16>, ReadError> {
    match (trained, &test.target) {
        (Target::Classes(trained), Target::Classes(test)) => {
            let code = |name: &String| {
                let at = trained.names.iter().position(|known| known == name);
                at.and_then(|at| u16::try_from(at).ok()).ok_or_else(|| {
                    let found = format!("the class '{name}', which no training sample has");
                    ReadError::whole(file, found, format!("those have {}", some(&trained.names)))
                })
            };
            let codes = test.names.iter().map(code).collect::<Result<Vec<_>, _>>()?;
            Ok(test.labels.iter().map(|&label| codes[usize::from(label)]).collect())
        }
        (Target::None, _) => Ok(vec![0; test.len()]),
        (Target::Values { names: trained, .. }, Target::Values { names, .. }) if trained.len() == names.len() => {
            if trained != names && names.iter().all(|name| trained.contains(name)) {
                let found = format!("the numbers {}, which were learned in another order", names.join(", "));
                return Err(ReadError::whole(file, found, format!("give --target {}", trained.join(","))));
            }
            Ok(vec![0; test.len()])
        }
        _ => Err(ReadError::whole(file, "no labels for the test samples", "give the columns of the training samples")),
    }
}

/// What samples of the normal class are called, and what all others are.
const NORMAL: [&str; 2] = ["normal", "anomaly"];

/// The most frequent class, which is the normal one of training samples.
fn most_frequent(target: &Target) -> Option<String> {
    let Target::Classes(classes) = target else { return None };
    let count = |class: usize| classes.labels.iter().filter(|&&label| usize::from(label) == class).count();
    // Of equals the first.
    let most = (0..classes.names.len()).rev().max_by_key(|&class| count(class))?;
    Some(classes.names[most].clone())
}

/// Makes of classes two: the normal one, and all others.
fn mark_anomalies(normal: &str, target: &mut Target) {
    let Target::Classes(classes) = target else { return };
    let normal = classes.names.iter().position(|name| name == normal);
    for label in &mut classes.labels {
        *label = u16::from(Some(usize::from(*label)) != normal);
    }
    classes.names = NORMAL.map(Into::into).to_vec();
}

/// Some names, for people.
fn some(names: &[String]) -> String {
    const SHOWN: usize = 8;
    let shown = names.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join(", ");
    if names.len() > SHOWN { format!("{shown}, …") } else { shown }
}

/// The test samples, in ascending order: of each class the same share, at least one where there are two, rounded to
/// the nearest.
fn drawn(seed: u64, share: f32, labels: &[u16]) -> Vec<usize> {
    let classes = labels.iter().max().map_or(0, |&label| usize::from(label) + 1);
    let mut members = vec![Vec::new(); classes];
    for (sample, &label) in labels.iter().enumerate() {
        members[usize::from(label)].push(sample);
    }
    let mut chosen = Vec::new();
    for (class, members) in (0u32..).zip(&members) {
        let least = usize::from(members.len() > 1 && share > 0.0);
        let most = members.len().saturating_sub(1);
        let count = ((f64::from(share) * members.len() as f64).round() as usize).clamp(least.min(most), most);
        let stream = TEST_SHARE_STREAM.wrapping_add(class << 8);
        let order = Permutation::with_purpose(seed, Purpose::Subset, stream, members.len() as u32);
        chosen.extend((0..count as u32).map(|position| members[order.at(position) as usize]));
    }
    chosen.sort_unstable();
    chosen
}

/// Takes the chosen samples out of a split; the others move together where they are.
fn set_apart(whole: Split<'static>, chosen: &[usize]) -> (Split<'static>, Split<'static>) {
    fn part<T: Copy>(
        values: Cow<'static, [T]>,
        samples: usize,
        chosen: &[usize],
    ) -> (Cow<'static, [T]>, Cow<'static, [T]>) {
        let mut values = values.into_owned();
        let width = values.len() / samples.max(1);
        let mut apart = Vec::with_capacity(width * chosen.len());
        let mut next = chosen.iter().peekable();
        let mut to = 0;
        for sample in 0..samples {
            let from = sample * width;
            if next.next_if(|&&at| at == sample).is_some() {
                apart.extend_from_slice(&values[from..from + width]);
            } else {
                values.copy_within(from..from + width, to);
                to += width;
            }
        }
        values.truncate(to);
        // What the test samples left is room for the training.
        values.shrink_to_fit();
        (values.into(), apart.into())
    }
    let samples = whole.len();
    let (train, test) = match whole.features {
        Features::Bytes(values) => {
            let (train, test) = part(values, samples, chosen);
            (Features::Bytes(train), Features::Bytes(test))
        }
        numbers => {
            let (train, test) = part(numbers.into_floats().into(), samples, chosen);
            (Features::Floats(train), Features::Floats(test))
        }
    };
    let (train_labels, test_labels) = part(whole.labels, samples, chosen);
    let (train_values, test_values) = part(whole.values, samples, chosen);
    (
        Split { values: train_values, ..Split::labelled(train, train_labels) },
        Split { values: test_values, ..Split::labelled(test, test_labels) },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_share_of_each_class_is_set_apart() {
        let labels: Vec<u16> = (0..100).map(|i| u16::from(i % 10 == 0)).collect();
        let chosen = drawn(1, 0.2, &labels);
        assert_eq!((chosen.len(), chosen.iter().filter(|&&at| labels[at] == 1).count()), (20, 2));
        assert_eq!(chosen, drawn(1, 0.2, &labels));
        assert_ne!(chosen, drawn(2, 0.2, &labels));
        assert!(drawn(1, 0.0, &labels).is_empty());
        assert_eq!(drawn(1, 0.2, &[0, 0, 1]).len(), 1, "a class of one sample stays with the training samples");
    }

    #[test]
    fn what_is_set_apart_keeps_features_and_labels_together() {
        let features = Features::Floats((0..10u8).map(f32::from).collect::<Vec<_>>().into());
        let whole = Split::labelled(features, vec![0, 1, 2, 3, 4]);
        let (train, test) = set_apart(whole, &[1, 4]);
        assert_eq!(train.features, Features::Floats(vec![0.0, 1.0, 4.0, 5.0, 6.0, 7.0].into()));
        assert_eq!((&*train.labels, &*test.labels), (&[0, 2, 3][..], &[1, 4][..]));
        assert_eq!(test.features, Features::Floats(vec![2.0, 3.0, 8.0, 9.0].into()));
    }
}
